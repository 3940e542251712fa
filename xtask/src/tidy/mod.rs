//! `cargo xtask tidy`: the rules of the house that a program can check, one file for each kind of rule.
//!
//! Also a test of this crate, so that `cargo test` alone finds what it finds.

mod arrows;
mod fixtures;
mod ops;
mod source;
mod text;
mod tree;

use std::fmt;
use std::path::Path;

use crate::{Failure, Outcome};
use tree::Tree;

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Where, from the root.
    path: String,
    /// The line, where it is one, counted from 1.
    line: Option<usize>,
    /// What is wrong and what to do.
    problem: String,
}

impl Finding {
    fn file(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, problem: problem.into() }
    }

    fn line(path: impl Into<String>, line: usize, problem: impl Into<String>) -> Self {
        Self { path: path.into(), line: Some(line), problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.problem),
            None => write!(f, "{}: {}", self.path, self.problem),
        }
    }
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(Failure::Usage(format!("unknown argument `{unknown}`; `cargo xtask tidy` takes none")));
    }
    let findings = check(&crate::cargo::root());
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: nothing found");
            Ok(())
        }
        count => Err(Failure::Failed(format!("tidy: {count} found"))),
    }
}

/// Everything that breaks a rule in the checkout at `root`.
pub(crate) fn check(root: &Path) -> Vec<Finding> {
    let tree = match Tree::read(root) {
        Ok(tree) => tree,
        Err(error) => {
            return vec![Finding::file(root.display().to_string(), format!("cannot be read: {error}"))];
        }
    };
    let mut findings = Vec::new();
    findings.extend(source::check(&tree));
    findings.extend(text::check(&tree));
    findings.extend(arrows::check(&tree));
    findings.extend(ops::check(&tree));
    findings.extend(fixtures::check(root));
    findings
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_checkout_is_tidy() {
        let findings = super::check(&crate::cargo::root());
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}
