//! What falls short, of the machine or of a peer, with the reasons that people have found out.

use super::reasons::{Given, Kind};
use crate::engines::{OURS, PEERS};
use crate::print::{better, counted};
use crate::record::Record;

/// Under this share of peak and copy a case has to be explained.
const CLIFF: f64 = 0.4;

/// Under this ratio to a peer a case has to be explained.
const LOSS: f64 = 0.95;

/// Every case of ours under 40 % of what the machine does elsewhere.
pub(super) fn of_machine(records: &[Record], given: &mut Given<'_>) -> String {
    let mut list = List { kind: Kind::Limit, given, text: String::new() };
    for record in records.iter().filter(|record| record.engine == OURS) {
        if let Some(share) = record.share_of_reference().filter(|&share| share < CLIFF) {
            list.add(record, &format!("{:.0} %", share * 100.0));
        }
    }
    let cliff = format!("{:.0} %", CLIFF * 100.0);
    list.under(
        &format!("Under {cliff} of peak and copy"),
        &format!(
            "Cases that reach {cliff} neither of the peak nor of the copy; the larger of the two shares."
        ),
    )
}

/// Every case that a peer does in clearly less time.
pub(super) fn of_peers(records: &[Record], given: &mut Given<'_>) -> String {
    let mut list = List { kind: Kind::Peer, given, text: String::new() };
    for ours in records.iter().filter(|record| record.engine == OURS) {
        let group: Vec<Record> =
            records.iter().filter(|record| record.key() == ours.key()).cloned().collect();
        for peer in PEERS {
            let times = better(&group, peer).and_then(|record| record.times_ours).map(|times| times.median);
            if let Some(times) = times.filter(|&times| times < LOSS) {
                list.add(ours, &format!("{times:.2}x of {}", peer.name));
            }
        }
    }
    list.under("Slower than a peer", &format!("Cases in which a peer takes less than {LOSS} of our time."))
}

/// Cases with their reasons.
struct List<'a, 'b> {
    kind: Kind,
    given: &'a mut Given<'b>,
    text: String,
}

impl List<'_, '_> {
    fn add(&mut self, record: &Record, what: &str) {
        let (case, pass, threads) = record.key();
        let line = format!("{case}, {pass}, {}: {what}", counted(threads, "thread"));
        let reason = self.given.reason(self.kind, &record.work, &line);
        self.text += &format!("\n- {line}; {reason}");
    }

    fn under(self, head: &str, about: &str) -> String {
        let text = if self.text.is_empty() { "\nNone." } else { &self.text };
        format!("\n### {head}\n\n{about}\n{text}\n")
    }
}
