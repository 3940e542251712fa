//! What falls short, of its own limit or of a peer, with the reasons that people have found out.

use super::Reason;
use super::tables::threads_word;
use crate::engines::{OURS, PEERS};
use crate::print::better;
use crate::record::Record;

/// Under this share of its limit a case has to be explained.
const CLIFF: f64 = 0.4;

/// Under this ratio to a peer a case has to be explained.
const LOSS: f64 = 0.95;

/// Every case of ours under 40 % of its own limit.
pub(super) fn of_limits(records: &[Record], reasons: &[Reason], unexplained: &mut Vec<String>) -> String {
    let mut list = List { reasons, unexplained, text: String::new() };
    for record in records.iter().filter(|record| record.engine == OURS) {
        if let Some(share) = record.share_of_reference().filter(|&share| share < CLIFF) {
            list.add(record, &format!("{:.0} %", share * 100.0));
        }
    }
    let head = format!("Under {:.0} % of the limit", CLIFF * 100.0);
    list.under(
        &head,
        "The limit of a case is the smaller of the peak and of the bandwidth for the bytes that it must move.",
    )
}

/// Every case that a peer does in clearly less time.
pub(super) fn of_peers(records: &[Record], reasons: &[Reason], unexplained: &mut Vec<String>) -> String {
    let mut list = List { reasons, unexplained, text: String::new() };
    let plain = || records.iter().filter(|record| record.slowdown_beside_load.is_none());
    for ours in plain().filter(|record| record.engine == OURS) {
        let group: Vec<Record> = plain().filter(|record| record.key() == ours.key()).cloned().collect();
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
struct List<'a> {
    reasons: &'a [Reason],
    unexplained: &'a mut Vec<String>,
    text: String,
}

impl List<'_> {
    fn add(&mut self, record: &Record, what: &str) {
        let (case, pass, threads) = record.key();
        let line = format!("{case}, {pass}, {threads} {}: {what}", threads_word(threads));
        let reason = self.reasons.iter().find(|reason| reason.explains(&record.work));
        let words = reason.map_or("no reason known.", |reason| &reason.text);
        self.text += &format!("\n- {line}; {words}");
        if reason.is_none() {
            self.unexplained.push(line);
        }
    }

    fn under(self, head: &str, about: &str) -> String {
        let text = if self.text.is_empty() { "\nNone." } else { &self.text };
        format!("\n### {head}\n\n{about}\n{text}\n")
    }
}
