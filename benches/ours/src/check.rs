//! `--check`: measures again what the committed records hold, and fails on a loss beyond noise.
//!
//! How ours stood is the ratio to a peer or to the machine's references, measured in the same run: those of two runs
//! can be compared, while seconds depend on what else the host did that day. The start of the program has neither,
//! and is held to a limit in seconds.

use std::fmt;

use crate::engines::OURS;
use crate::failure::{Result, failure};
use crate::machine::Machine;
use crate::print::counted;
use crate::record::{Record, latest_runs};
use crate::statistics::Spread;
use crate::work::Work;

/// A loss of less than this share is never told.
const LEAST_LOSS: f64 = 0.1;

/// What the start of the program may take.
const START_SECONDS: f64 = 0.02;

/// A comparison that a run made, of one case with one engine, with the machine, or with a limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    /// The case, its pass and its threads.
    key: (String, String, usize),
    against: Against,
    /// How ours stood, the larger the better: a ratio or a share.
    value: Spread,
    /// Whether others were busy meanwhile.
    disturbed: bool,
}

/// What ours is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Against {
    /// An engine of a peer. Each is compared with itself, whichever was the better.
    Engine(String),
    /// The nearer of the peak and the copy.
    Machine,
    /// [`START_SECONDS`].
    Limit,
}

/// What a check has found.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    compared: usize,
    losses: Vec<String>,
    undecided: Vec<String>,
    missing: Vec<String>,
}

/// The committed records of this machine that can be compared, of each case the last run.
pub(crate) fn committed(records: &[Record], here: &Machine) -> Result<Vec<Record>> {
    let mut machines: Vec<String> = records.iter().map(|record| record.machine().to_string()).collect();
    machines.sort();
    machines.dedup();
    let mut latest = latest_runs(records);
    latest.retain(|record| record.machine() == *here && !record.is_beside_load() && record.wrong.is_none());
    if latest.is_empty() {
        let machines = if machines.is_empty() { "none".into() } else { machines.join("; ") };
        return failure(format!("no committed records are of this machine, {here}; there are: {machines}"));
    }
    Ok(latest)
}

/// The works of the records, each with its numbers of threads, once: those with something to compare, and the others
/// in words.
pub(crate) fn works(committed: &[Record]) -> (Vec<(Work, usize)>, Vec<String>) {
    let (mut works, mut alone) = (Vec::new(), Vec::new());
    for ours in committed.iter().filter(|record| record.engine == OURS) {
        let mut group = committed.iter().filter(|record| record.key() == ours.key());
        if group.any(|record| standing(record).is_some()) {
            works.push((ours.work.clone(), ours.threads));
        } else {
            alone.push(format!("{}, against nobody that --against names", name(&ours.key())));
        }
    }
    (works, alone)
}

/// Everything that records of one run of each case say about how ours stood.
pub(crate) fn standings(records: &[Record]) -> Vec<Standing> {
    let standing = |record: &Record| {
        let (against, value) = standing(record)?;
        Some(Standing { key: record.key(), against, value, disturbed: record.is_disturbed() })
    };
    records.iter().filter_map(standing).collect()
}

fn standing(record: &Record) -> Option<(Against, Spread)> {
    if record.engine != OURS {
        return Some((Against::Engine(record.engine.clone()), record.times_ours?));
    }
    if record.work == Work::Start {
        return Some((Against::Limit, by_time(record.seconds, |seconds| START_SECONDS / seconds)));
    }
    let share = record.share_of_reference()?;
    let share_in = |seconds| share * record.seconds.median / seconds;
    Some((Against::Machine, by_time(record.seconds, share_in)))
}

/// The spread of something that is the larger the less time it takes.
fn by_time(seconds: Spread, value: impl Fn(f64) -> f64) -> Spread {
    let Spread { median, min, lower, upper, max } = seconds;
    Spread {
        median: value(median),
        min: value(max),
        lower: value(upper),
        upper: value(lower),
        max: value(min),
    }
}

/// Sets what stands now against what stood then.
pub(crate) fn compare(committed: &[Standing], now: &[Standing]) -> Comparison {
    let mut found = Comparison::default();
    for then in committed {
        let now = now.iter().find(|now| (&now.key, &now.against) == (&then.key, &then.against));
        let Some(now) = now else {
            found.missing.push(then.to_string());
            continue;
        };
        let change = format!("{then}: {:.2}, was {:.2}", now.value.median, then.value.median);
        if now.disturbed || (then.disturbed && then.against != Against::Limit) {
            found.undecided.push(change);
            continue;
        }
        found.compared += 1;
        if then.is_lost(now) {
            found.losses.push(change);
        }
    }
    found
}

impl Standing {
    /// Whether the value has sunk by more than a tenth and the middle halves of both samples do not meet; for the
    /// limit, whether it is not kept.
    fn is_lost(&self, now: &Standing) -> bool {
        let (then, now) = (self.value, now.value);
        if self.against == Against::Limit {
            return now.median < 1.0;
        }
        now.median < then.median * (1.0 - LEAST_LOSS) && now.upper < then.lower
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, against ", name(&self.key))?;
        match &self.against {
            Against::Engine(name) => f.write_str(name),
            Against::Machine => f.write_str("peak or copy"),
            Against::Limit => write!(f, "{:.0} ms", START_SECONDS * 1e3),
        }
    }
}

impl Comparison {
    /// Adds what was asked for and has nothing committed to be compared with.
    pub(crate) fn miss(&mut self, what: Vec<String>) {
        self.missing.extend(what);
    }

    /// Fails on a loss, and where nothing was compared.
    pub(crate) fn verdict(&self) -> Result<()> {
        match (self.compared, self.losses.as_slice()) {
            (0, _) => failure("nothing was compared"),
            (_, []) => Ok(()),
            (_, losses) => failure(format!("lost beyond noise:{}", list(losses))),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compared, losses, undecided, missing } = self;
        write!(f, "compared {compared}, of which {} lost; ", losses.len())?;
        write!(f, "undecided {}; could not compare {}", undecided.len(), missing.len())?;
        if !undecided.is_empty() {
            write!(f, "\nundecided, since other processes were busy:{}", list(undecided))?;
        }
        if !missing.is_empty() {
            write!(f, "\ncould not compare:{}", list(missing))?;
        }
        Ok(())
    }
}

fn name((case, pass, threads): &(String, String, usize)) -> String {
    format!("{case}, {pass}, {}", counted(*threads, "thread"))
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use crate::record::tests::example;

    fn torch(times_ours: &[f64]) -> Record {
        Record { times_ours: Some(Spread::of(times_ours)), ..example("torch", 1.0) }
    }

    fn start(seconds: f64) -> Record {
        Record { work: Work::Start, gflops: None, gbytes: None, ..example("ours", seconds) }
    }

    fn compared(then: &[Record], now: &[Record]) -> Comparison {
        compare(&standings(then), &standings(now))
    }

    fn lost(then: &[f64], now: &[f64]) -> usize {
        compared(&[torch(then)], &[torch(now)]).losses.len()
    }

    #[test]
    fn a_loss_is_more_than_a_tenth_and_more_than_noise() {
        assert_eq!(lost(&[2.0, 2.0, 2.0], &[1.7, 1.7, 1.7]), 1);
        assert_eq!(lost(&[2.0, 2.0, 2.0], &[1.9, 1.9, 1.9]), 0);
        assert_eq!(lost(&[1.0, 2.0, 3.0], &[1.0, 1.7, 2.4]), 0);
        assert_eq!(lost(&[2.0, 2.0, 2.0], &[2.5, 2.5, 2.5]), 0);
    }

    #[test]
    fn ours_is_compared_with_the_machine_too() {
        let slower = Record { gflops: Some(25.0), gbytes: Some(3.0), ..example("ours", 1.0) };
        let error = compared(&[example("ours", 0.5)], &[slower]).verdict().unwrap_err().to_string();
        assert!(error.contains("2 threads, against peak or copy: 0.15, was 0.30"), "{error}");
    }

    #[test]
    fn the_start_of_the_program_is_held_to_its_limit() {
        // What it took then proves nothing, neither for nor against.
        let then = Record { disturbance: Some(1.0), ..start(0.003) };
        assert!(compared(slice::from_ref(&then), &[start(0.019)]).verdict().is_ok());
        let error = compared(&[then], &[start(0.025)]).verdict().unwrap_err().to_string();
        assert!(error.contains("against 20 ms: 0.80"), "{error}");
    }

    #[test]
    fn what_was_not_measured_again_is_listed() {
        let found = compared(&[example("ours", 0.5), torch(&[2.0])], &[example("ours", 0.5)]);
        assert!(found.verdict().is_ok());
        let said = found.to_string();
        assert!(said.starts_with("compared 1, of which 0 lost; undecided 0; could not compare 1"), "{said}");
        assert!(said.ends_with("2 threads, against torch"), "{said}");
    }

    #[test]
    fn nothing_compared_is_a_failure() {
        assert!(compared(&[], &[]).verdict().is_err());
        assert!(compared(&[torch(&[2.0])], &[example("ours", 0.5)]).verdict().is_err());
    }

    #[test]
    fn a_disturbed_measurement_decides_nothing() {
        let disturbed = Record { disturbance: Some(0.2), ..torch(&[1.0]) };
        let quiet = torch(&[2.0]);
        for pair in [[&quiet, &disturbed], [&disturbed, &quiet]] {
            let found = compared(&[pair[0].clone()], &[pair[1].clone()]);
            assert_eq!((found.compared, found.losses.len(), found.undecided.len()), (0, 0, 1));
        }
        let unknown = Record { disturbance: None, ..quiet.clone() };
        assert_eq!(compared(&[quiet], &[unknown]).compared, 1);
    }

    #[test]
    fn a_case_with_nothing_to_compare_is_listed_and_not_measured() {
        let network = Record { gflops: None, gbytes: None, ..example("ours", 1.0) };
        let (measured, alone) = works(slice::from_ref(&network));
        assert!(measured.is_empty());
        assert_eq!(
            alone,
            ["conv 1x1x8x8 -> 1, 3, 1, 1, fwd, 2 threads, against nobody that --against names"]
        );
        assert_eq!(works(&[network, torch(&[2.0])]).0.len(), 1);
    }

    #[test]
    fn records_of_other_machines_do_not_count_and_are_named() {
        let record = example("ours", 1.0);
        let mine = record.machine();
        let more = Record { processors: 4, ..record.clone() };
        let beside = Record { slowdown_beside_load: Some(Spread::of(&[1.5])), ..record.clone() };
        let kept = committed(&[record.clone(), more.clone(), beside], &mine).unwrap();
        assert_eq!(kept, [record]);
        let error = committed(&[more], &mine).unwrap_err().to_string();
        assert!(error.contains("this machine, A Processor, 2 processors, avx2;"), "{error}");
        assert!(error.ends_with("there are: A Processor, 4 processors, avx2"), "{error}");
    }
}
