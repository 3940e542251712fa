//! The tables of the page, one for each kind of work.

use crate::engines::{OURS, PEERS, Peer};
use crate::print::{better, milliseconds, number, percent, ratio};
use crate::record::Record;
use crate::work::Work;

/// A column: its head, and what stands in it for a case.
type Column = (&'static str, fn(&Record) -> String);

/// A table: its title, the works that it holds, and its columns about ours.
struct Table {
    title: &'static str,
    holds: fn(&Work) -> bool,
    columns: &'static [Column],
    /// What is said about a peer besides the ratio.
    peer: Column,
}

const GFLOPS: Column = ("GFLOP/s", |record| number(record.gflops, 1));
const PEAK: Column = ("of peak", |record| percent(record.share_of_peak()));
const GBYTES: Column = ("GB/s", |record| number(record.gbytes, 1));
const COPY: Column = ("of copy", |record| percent(record.share_of_copy()));
const TIME: Column = ("ms", |record| milliseconds(record.seconds.median));
const IMAGES: Column = ("images/s", |record| number(record.images, 0));
const MEGABYTES: Column =
    ("MB", |record| number(record.peak_bytes_beyond_start.map(|bytes| bytes as f64 / 1e6), 0));

const TABLES: &[Table] = &[
    Table {
        title: "Convolution",
        holds: |work| matches!(work, Work::Conv(_)),
        columns: &[TIME, GFLOPS, PEAK],
        peer: GFLOPS,
    },
    Table {
        title: "Dense layers",
        holds: |work| matches!(work, Work::Dense(_)),
        columns: &[TIME, GFLOPS, PEAK],
        peer: GFLOPS,
    },
    Table {
        title: "Layers through the tape",
        holds: |work| matches!(work, Work::Layer(_)),
        columns: &[TIME],
        peer: TIME,
    },
    Table {
        title: "Limited by memory",
        holds: |work| matches!(work, Work::Memory(_)),
        columns: &[TIME, GBYTES, COPY],
        peer: TIME,
    },
    Table {
        title: "Training steps",
        holds: |work| matches!(work, Work::Train(_)),
        columns: &[TIME, IMAGES, MEGABYTES],
        peer: IMAGES,
    },
    Table {
        title: "Prediction",
        holds: |work| matches!(work, Work::Infer(_)),
        columns: &[TIME, IMAGES, MEGABYTES],
        peer: IMAGES,
    },
    Table {
        title: "Start of the program",
        holds: |work| matches!(work, Work::Start),
        columns: &[TIME],
        peer: TIME,
    },
    Table {
        title: "Loading and augmenting",
        holds: |work| matches!(work, Work::Load(_)),
        columns: &[TIME, IMAGES],
        peer: IMAGES,
    },
];

/// Every table that has rows.
pub(super) fn all(records: &[Record]) -> String {
    TABLES.iter().map(|table| table.render(records)).collect()
}

impl Table {
    fn render(&self, records: &[Record]) -> String {
        let rows: Vec<Record> = records.iter().filter(|record| (self.holds)(&record.work)).cloned().collect();
        if rows.is_empty() {
            return String::new();
        }
        let engines = |peer: &Peer| rows.iter().any(|row| peer.engines.contains(&row.engine.as_str()));
        let peers: Vec<Peer> = PEERS.into_iter().filter(engines).collect();

        let mut heads: Vec<String> = ["case", "pass", "threads"].map(String::from).into();
        heads.extend(self.columns.iter().map(|(head, _)| (*head).to_string()));
        for peer in &peers {
            heads.push(format!("{} {}", peer.name, self.peer.0));
            if self.columns.iter().any(|(head, _)| *head == MEGABYTES.0) {
                heads.push(format!("{} MB", peer.name));
            }
            heads.push(format!("times {}", peer.name));
        }
        let mut text = format!("\n### {}\n\n{}", self.title, line(&heads));
        let rule: Vec<String> =
            (0..heads.len()).map(|at| if at < 2 { "---" } else { "---:" }.into()).collect();
        text += &line(&rule);
        for ours in rows.iter().filter(|row| row.engine == OURS) {
            let group: Vec<Record> = rows.iter().filter(|row| row.key() == ours.key()).cloned().collect();
            text += &line(&self.cells(ours, &group, &peers));
        }
        text
    }

    fn cells(&self, ours: &Record, group: &[Record], peers: &[Peer]) -> Vec<String> {
        let mark = match ours.disturbance {
            None => "?",
            Some(_) if ours.is_disturbed() => "*",
            Some(_) => "",
        };
        let mut cells = vec![
            ours.case.trim_start_matches("conv ").trim_start_matches("dense ").to_string(),
            ours.pass.clone(),
            format!("{}{mark}", ours.threads),
        ];
        cells.extend(self.columns.iter().map(|(_, value)| value(ours)));
        for peer in peers {
            let found = better(group, *peer);
            cells.push(found.map(self.peer.1).unwrap_or_default());
            if self.columns.iter().any(|(head, _)| *head == MEGABYTES.0) {
                cells.push(found.map(MEGABYTES.1).unwrap_or_default());
            }
            cells.push(found.map_or_else(|| wrong(group, *peer), times));
        }
        cells
    }
}

/// The ratio, with a mark where nobody knows whether the same was computed.
fn times(record: &Record) -> String {
    let mark = if record.is_compared() { "" } else { " °" };
    record.times_ours.map_or_else(String::new, |times| ratio(times) + mark)
}

/// What stands in the place of a ratio where every engine of the peer computed something else.
fn wrong(group: &[Record], peer: Peer) -> String {
    let wrong = |record: &Record| record.wrong.is_some() && peer.engines.contains(&record.engine.as_str());
    if group.iter().any(wrong) { "not the same outputs".into() } else { String::new() }
}

/// The table of what a load beside ours costs.
pub(super) fn beside_load(records: &[Record]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let mut text = "\n### Beside one busy process\n\n".to_string();
    text += "Time beside a process that computes all the time, by the time without.\n\n";
    text += &line(&["case", "pass", "threads", "ms alone", "times slower"].map(String::from));
    text += &line(&["---", "---", "---:", "---:", "---:"].map(String::from));
    for record in records {
        let (case, pass, threads) = record.key();
        let slower = record.slowdown_beside_load.map(ratio).unwrap_or_default();
        text += &line(&[case, pass, threads.to_string(), milliseconds(record.seconds.median), slower]);
    }
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Suite, cases};
    use crate::record::tests::example;
    use crate::statistics::Spread;

    fn trained(engine: &str, seconds: f64) -> Record {
        let work = cases(Suite::Train).unwrap().remove(0);
        let times_ours = (engine != OURS).then(|| Spread::of(&[2.0]));
        Record { case: work.name(), pass: work.pass().into(), work, times_ours, ..example(engine, seconds) }
    }

    #[test]
    fn a_ratio_without_compared_outputs_is_marked() {
        let [ours, mut torch] = [trained("ours", 0.5), trained("torch", 1.0)];
        assert!(all(&[ours.clone(), torch.clone()]).contains("2.00x (2.00 to 2.00) °"));
        torch.compared = Some(true);
        assert!(all(&[ours, torch]).contains("2.00x (2.00 to 2.00) |"));
    }

    #[test]
    fn wrong_outputs_stand_in_the_place_of_the_ratio() {
        let [ours, mut torch] = [trained("ours", 0.5), trained("torch", 1.0)];
        torch.wrong = Some("output: sample 3".into());
        let page = all(&[ours, torch]);
        assert!(page.contains("not the same outputs") && !page.contains("2.00x"), "{page}");
    }

    #[test]
    fn memory_stands_in_the_tables_of_fresh_processes_alone() {
        for suite in [Suite::Kernels, Suite::Layers, Suite::Train, Suite::Infer, Suite::Data] {
            for work in cases(suite).unwrap() {
                let table = TABLES.iter().find(|table| (table.holds)(&work)).unwrap();
                let told = table.columns.iter().any(|(head, _)| *head == MEGABYTES.0);
                assert!(!told || work.wants_fresh_process(), "{}", table.title);
            }
        }
    }
}
