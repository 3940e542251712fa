//! Why a case falls short, as people have found out: docs/benchmarks/reasons.txt.
//!
//! A line is `limit: pattern => reason` for a case far from the peak and the copy, or `peer: pattern => reason` for one
//! that a peer does in less time; a pattern is that of `--case`. Of several that fit, the longest pattern counts, of equally long ones the last.
//! Empty lines and those that begin with # are left out.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::cases;
use crate::failure::Result;
use crate::work::Work;

/// What a reason explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Why a case is far from what the machine can do.
    Limit,
    /// Why a peer is ahead.
    Peer,
}

/// A reason and the cases that it explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    kind: Kind,
    pattern: String,
    text: String,
}

/// The reasons, and what came of them on a page.
pub(super) struct Given<'a> {
    reasons: &'a [Reason],
    /// The places of those that stand on the page.
    used: BTreeSet<usize>,
    /// The cases for which there was none.
    missing: Vec<String>,
}

impl Reason {
    /// Reads a line. A pattern without words, which would fit everything, is none.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (key, text) = line.split_once("=>")?;
        let (kind, pattern) = key.split_once(':')?;
        let kind = [Kind::Limit, Kind::Peer].into_iter().find(|known| known.to_string() == kind.trim())?;
        let (pattern, text) = (pattern.trim(), text.trim());
        let whole = !pattern.is_empty() && !text.is_empty();
        whole.then(|| Self { kind, pattern: pattern.into(), text: text.into() })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Limit => "limit",
            Kind::Peer => "peer",
        })
    }
}

impl<'a> Given<'a> {
    pub(super) fn new(reasons: &'a [Reason]) -> Self {
        Self { reasons, used: BTreeSet::new(), missing: Vec::new() }
    }

    /// The reason for a case that is listed in these words.
    pub(super) fn reason(&mut self, kind: Kind, work: &Work, listed: &str) -> &'a str {
        let fits = |reason: &Reason| reason.kind == kind && cases::matches(work, &reason.pattern);
        let fitting = self.reasons.iter().enumerate().filter(|(_, reason)| fits(reason));
        if let Some((place, reason)) = fitting.max_by_key(|(_, reason)| reason.pattern.len()) {
            self.used.insert(place);
            return &reason.text;
        }
        self.missing.push(format!("no reason of the kind `{kind}` for {listed}"));
        "no reason known."
    }

    /// The cases without a reason, and the reasons without a case.
    pub(super) fn misfits(self) -> Vec<String> {
        let idle = self.reasons.iter().enumerate().filter(|(place, _)| !self.used.contains(place));
        let idle =
            idle.map(|(_, reason)| format!("nothing listed needs `{}: {}`", reason.kind, reason.pattern));
        self.missing.into_iter().chain(idle).collect()
    }
}

/// Reads the file; none where it is not there.
pub(super) fn read(path: &Path) -> Result<Vec<Reason>> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(Vec::new()) };
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let reason = |(number, line): (usize, &str)| {
        let form = "a line is `limit: pattern => reason` or `peer: pattern => reason`";
        Reason::parse(line).ok_or_else(|| format!("{}:{}: {form}", path.display(), number + 1).into())
    };
    lines.map(reason).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_kind_a_pattern_and_a_reason() {
        let reason = Reason::parse("peer: conv groups 96 => loads: the limit").unwrap();
        assert_eq!((reason.kind, reason.pattern.as_str()), (Kind::Peer, "conv groups 96"));
        assert_eq!(reason.text, "loads: the limit");
        for line in
            ["conv => why", "peer conv => why", "peer: => everything", "both: conv => why", "peer: conv =>"]
        {
            assert_eq!(Reason::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_broken_line_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reasons.txt");
        assert!(read(&path).unwrap().is_empty());
        std::fs::write(&path, "# About\n\nlimit: conv => why\nconv => why\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("reasons.txt:4: a line is `limit: pattern"), "{error}");
    }
}
