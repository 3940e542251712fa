//! Records as a table on a terminal: one row for each case, pass and number of threads.

use crate::engines::{OURS, Peer};
use crate::record::Record;
use crate::statistics::Spread;

/// The heading, for the peers that take part.
pub(crate) fn heading(peers: &[Peer]) -> String {
    let mut line = format!(
        "{:<50} {:<13} {:>7} {:>10} {:>11} {:>6} {:>7} {:>6} {:>9}",
        "case", "pass", "threads", "ours ms", "GFLOP/s", "peak", "GB/s", "copy", "images/s"
    );
    for peer in peers {
        line += &format!(" {:>10} {:>21}", format!("{} ms", peer.name), "times ours");
    }
    line
}

/// The records of one case as a row: ours, then the better engine of each peer.
pub(crate) fn row(records: &[Record], peers: &[Peer]) -> String {
    let Some(ours) = records.iter().find(|record| record.engine == OURS) else { return String::new() };
    let mut line = format!(
        "{:<50} {:<13} {:>7} {:>10} {:>11} {:>6} {:>7} {:>6} {:>9}",
        ours.case,
        ours.pass,
        ours.threads,
        milliseconds(ours.seconds.median),
        number(ours.gflops, 1),
        percent(ours.share_of_peak()),
        number(ours.gbytes, 1),
        percent(ours.share_of_copy()),
        number(ours.images, 0),
    );
    for peer in peers {
        let better = better(records, *peer);
        let time = better.map_or_else(String::new, |record| milliseconds(record.seconds.median));
        let times = better.and_then(|record| record.times_ours).map(ratio).unwrap_or_default();
        line += &format!(" {time:>10} {times:>21}");
    }
    if let Some(slowdown) = ours.slowdown_beside_load {
        line += &format!("  beside a busy process: {} of this time", ratio(slowdown));
    }
    match ours.disturbance {
        None => line += "  whether others were busy is not known",
        Some(share) if ours.is_disturbed() => {
            line += &format!("  disturbed: others used {:.0} % of a processor", share * 100.0);
        }
        Some(_) => (),
    }
    for record in records {
        if record.engine != OURS && !record.is_compared() {
            line += &format!("  outputs of {} not compared", record.engine);
        }
    }
    for record in records {
        if let Some(wrong) = &record.wrong {
            line += &format!("\n    NOT THE SAME: {} and ours: {wrong}", record.engine);
        }
    }
    line.trim_end().to_string()
}

/// The fastest engine of a peer, of those that computed the same as ours.
pub(crate) fn better(records: &[Record], peer: Peer) -> Option<&Record> {
    let engines = records.iter().filter(|record| peer.engines.contains(&record.engine.as_str()));
    engines
        .filter(|record| record.wrong.is_none())
        .min_by(|a, b| a.seconds.median.total_cmp(&b.seconds.median))
}

/// A ratio with its spread: `1.23x (1.20 to 1.31)`.
pub(crate) fn ratio(spread: Spread) -> String {
    format!("{:.2}x ({:.2} to {:.2})", spread.median, spread.min, spread.max)
}

/// `1 thread`, `2 threads`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(crate) fn milliseconds(seconds: f64) -> String {
    let digits = if seconds < 1e-3 {
        4
    } else if seconds < 1.0 {
        2
    } else {
        0
    };
    format!("{:.digits$}", seconds * 1e3)
}

pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or_else(String::new, |share| format!("{:.0} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;

    #[test]
    fn a_row_compares_with_the_better_engine_of_a_peer() {
        let torch = Peer::named("torch").unwrap();
        let mut slow = example("torch", 2.0);
        slow.times_ours = Some(Spread::of(&[4.0]));
        let mut fast = example("torch-channels-last", 1.0);
        fast.times_ours = Some(Spread::of_ratio(&[1.0, 1.1], &[0.5, 0.5]));
        let row = row(&[example("ours", 0.5), slow, fast], &[torch]);
        assert!(row.contains("2.10x (2.00 to 2.20)") && !row.contains("4.00x"), "{row}");
        assert!(row.contains(" 25 %") && row.contains(" 30 %"), "{row}");
    }

    #[test]
    fn an_engine_with_wrong_outputs_is_never_the_better_one() {
        let torch = Peer::named("torch").unwrap();
        let mut wrong = example("torch", 0.1);
        wrong.wrong = Some("output: sample 3".into());
        let right = example("torch-channels-last", 1.0);
        assert_eq!(better(&[wrong.clone(), right.clone()], torch), Some(&right));
        assert_eq!(better(&[wrong], torch), None);
    }

    #[test]
    fn a_row_says_whose_outputs_were_not_compared() {
        let mut torch = example("torch", 1.0);
        for (compared, said) in [(Some(false), true), (Some(true), false)] {
            torch.compared = compared;
            let row = row(&[example("ours", 0.5), torch.clone()], &[]);
            assert_eq!(row.contains("outputs of torch not compared"), said, "{row}");
            assert!(!row.contains("outputs of ours"), "{row}");
        }
    }

    #[test]
    fn what_is_wrong_or_disturbed_is_said_in_the_row() {
        let mut ours = example("ours", 0.5);
        ours.disturbance = Some(0.2);
        let mut torch = example("torch", 1.0);
        torch.wrong = Some("output: sample 3".into());
        let said = row(&[ours.clone(), torch], &[]);
        assert!(said.contains("disturbed: others used 20 %") && said.contains("NOT THE SAME"), "{said}");
        ours.disturbance = None;
        let said = row(&[ours], &[]);
        assert!(said.contains("not known") && !said.contains("others used"), "{said}");
    }
}
