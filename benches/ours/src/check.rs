//! `--check`: measures again what the committed records hold, and fails on a loss beyond noise.

use crate::engines::Peer;
use crate::record::Record;
use crate::statistics::Spread;
use crate::work::Work;

/// A loss of less than this share is never told.
const LEAST_LOSS: f64 = 0.1;

/// A comparison that a run made, of one case with one peer or with the machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    /// The case, its pass and its threads.
    pub(crate) key: (String, String, usize),
    /// Against whom: a peer's name, or `limit`.
    pub(crate) against: String,
    /// How ours stood: the peer's time by ours, or the share of the machine's limit.
    pub(crate) value: Spread,
}

/// The works of the committed records of this processor, each with its numbers of threads, once.
pub(crate) fn works(committed: &[Record], cpu: &str) -> Vec<(Work, usize)> {
    let mut works: Vec<(Work, usize)> = Vec::new();
    for record in committed.iter().filter(|record| record.cpu == cpu) {
        let entry = (record.work.clone(), record.threads);
        if !works.contains(&entry) {
            works.push(entry);
        }
    }
    works
}

/// Everything that records of one processor say about how ours stood; of several runs, the last.
pub(crate) fn standings(records: &[Record], cpu: &str) -> Vec<Standing> {
    let mut found: Vec<Standing> = Vec::new();
    for record in records.iter().filter(|record| record.cpu == cpu && record.wrong.is_none()) {
        let standing = match (record.times_ours, Peer::of_engine(&record.engine)) {
            // The engines of a peer are told apart here: each is compared with itself.
            (Some(value), Some(_)) => (record.engine.clone(), value),
            _ => match record.share_of_limit() {
                Some(share) => ("limit".into(), share_spread(record, share)),
                None => continue,
            },
        };
        let (against, value) = standing;
        let standing = Standing { key: record.key(), against, value };
        found.retain(|old| (&old.key, &old.against) != (&standing.key, &standing.against));
        found.push(standing);
    }
    found
}

/// The spread of a share of the limit: that of the times.
fn share_spread(record: &Record, share: f64) -> Spread {
    let by = |seconds: f64| share * record.seconds.median / seconds;
    let Spread { min, lower, upper, max, .. } = record.seconds;
    Spread { median: share, min: by(max), lower: by(upper), upper: by(lower), max: by(min) }
}

/// What stands worse than it did, in words.
pub(crate) fn losses(committed: &[Standing], now: &[Standing]) -> Vec<String> {
    let mut losses = Vec::new();
    for then in committed {
        let found = now.iter().find(|now| (&now.key, &now.against) == (&then.key, &then.against));
        if let Some(now) = found.filter(|now| is_loss(then.value, now.value)) {
            let (case, pass, threads) = &then.key;
            losses.push(format!(
                "{case}, {pass}, {threads} threads, against {}: {:.2}, was {:.2}",
                then.against, now.value.median, then.value.median
            ));
        }
    }
    losses
}

/// Whether the value has sunk by more than a tenth and the middle halves of both samples do not meet.
fn is_loss(then: Spread, now: Spread) -> bool {
    now.median < then.median * (1.0 - LEAST_LOSS) && now.upper < then.lower
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;

    fn torch(times_ours: &[f64]) -> Record {
        Record { times_ours: Some(Spread::of(times_ours)), ..example("torch", 1.0) }
    }

    fn told(then: &[f64], now: &[f64]) -> usize {
        let standings = |values| standings(&[torch(values)], "A Processor");
        losses(&standings(then), &standings(now)).len()
    }

    #[test]
    fn a_loss_is_more_than_a_tenth_and_more_than_noise() {
        assert_eq!(told(&[2.0, 2.0, 2.0], &[1.7, 1.7, 1.7]), 1);
        assert_eq!(told(&[2.0, 2.0, 2.0], &[1.9, 1.9, 1.9]), 0);
        assert_eq!(told(&[1.0, 2.0, 3.0], &[1.0, 1.7, 2.4]), 0);
        assert_eq!(told(&[2.0, 2.0, 2.0], &[2.5, 2.5, 2.5]), 0);
    }

    #[test]
    fn without_a_peer_the_share_of_the_limit_counts() {
        let slower = Record { gflops: Some(25.0), gbytes: Some(3.0), ..example("ours", 1.0) };
        let then = standings(&[example("ours", 0.5)], "A Processor");
        let losses = losses(&then, &standings(&[slower], "A Processor"));
        assert_eq!(losses.len(), 1);
        assert!(losses[0].contains("against limit: 0.15, was 0.30"), "{losses:?}");
    }

    #[test]
    fn the_last_run_of_this_processor_counts() {
        let other = Record { cpu: "Another".into(), ..torch(&[9.0]) };
        let standings = standings(&[torch(&[1.0]), torch(&[2.0]), other], "A Processor");
        assert_eq!(standings.len(), 1);
        assert_eq!(standings[0].value.median, 2.0);
        assert_eq!(works(&[torch(&[1.0]), torch(&[2.0])], "A Processor").len(), 1);
    }
}
