//! Why a case is far from its limit, as people have found out: docs/benchmarks/reasons.txt.
//!
//! A line is `pattern => reason`; a pattern is that of `--case`. Empty lines and those that begin with # are left out.

use std::path::Path;

use crate::cases;
use crate::failure::Result;
use crate::work::Work;

/// A reason and the cases that it explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pattern: String,
    /// The reason, as it stands in the page.
    pub(crate) text: String,
}

impl Reason {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (pattern, text) = line.split_once("=>")?;
        Some(Self { pattern: pattern.trim().into(), text: text.trim().into() })
    }

    pub(crate) fn explains(&self, work: &Work) -> bool {
        cases::matches(work, &self.pattern)
    }
}

/// Reads the file; none where it is not there.
pub(crate) fn read(path: &Path) -> Result<Vec<Reason>> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(Vec::new()) };
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let reason = |(number, line): (usize, &str)| {
        Reason::parse(line)
            .ok_or_else(|| format!("{}:{}: a line is `pattern => reason`", path.display(), number + 1).into())
    };
    lines.map(reason).collect()
}
