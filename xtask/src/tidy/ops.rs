//! Each operation of `cnn-tensor` has tests, and a gradient rule of the same name or a reason for having none.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{File, Tree};

const OPS: &str = "crates/cnn-tensor/src/ops/";
const RULES: &str = "crates/cnn-autograd/src/ops/";

/// How a file says why it has no rule; the reason follows on the line.
const NO_RULE: &str = "Not differentiable: ";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for stem in stems(tree) {
        let folder = format!("{OPS}{stem}/");
        let file = format!("{OPS}{stem}.rs");
        let parts: Vec<&File> =
            tree.files.iter().filter(|part| part.path == file || part.path.starts_with(&folder)).collect();
        let path = if parts.iter().any(|part| part.path == file) { file } else { folder };
        let tested = |part: &&File| {
            part.path.ends_with("/tests.rs") || part.text.contains("#[cfg(test)]\nmod tests {")
        };
        if !parts.iter().any(tested) {
            findings.push(Finding::file(&path, "an operation without tests"));
        }
        let has_rule = [format!("{RULES}{stem}.rs"), format!("{RULES}{stem}/mod.rs")]
            .iter()
            .any(|rule| tree.get(rule).is_some());
        let reason = parts.iter().flat_map(|part| part.text.lines()).any(|line| {
            line.starts_with("//!")
                && line.split_once(NO_RULE).is_some_and(|(_, reason)| !reason.trim().is_empty())
        });
        match (has_rule, reason) {
            (false, false) => {
                let problem = format!("no gradient rule {RULES}{stem}.rs and no line `//! {NO_RULE}<why>`");
                findings.push(Finding::file(&path, problem));
            }
            (true, true) => {
                findings.push(Finding::file(&path, "says that it is not differentiable, and has a rule"))
            }
            _ => {}
        }
    }
    findings
}

/// The operations' names: the public modules of `ops/`. The private ones are what operations share.
fn stems(tree: &Tree) -> BTreeSet<&str> {
    let list = tree.get(&format!("{OPS}mod.rs")).map_or("", |file| &file.text);
    list.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: (&str, &str) = ("crates/cnn-tensor/src/ops/mod.rs", "//! All.\nmod shared;\npub mod foo;\n");
    const TESTED: &str = "//! A.\n#[cfg(test)]\nmod tests {}\n";

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn an_operation_needs_tests_and_a_rule() {
        let op = "crates/cnn-tensor/src/ops/foo.rs";
        assert_eq!(problems(&[LIST, (op, "//! Foo.\n")]), [op, op]);
        assert!(problems(&[LIST, (op, TESTED), ("crates/cnn-autograd/src/ops/foo.rs", "")]).is_empty());
        assert!(
            problems(&[LIST, (op, "//! Not differentiable: whole numbers.\n#[cfg(test)]\nmod tests {")])
                .is_empty()
        );
    }

    #[test]
    fn a_folder_is_one_operation_with_its_tests_in_a_file() {
        let files = [
            ("crates/cnn-tensor/src/ops/foo/mod.rs", "//! Foo.\n"),
            ("crates/cnn-tensor/src/ops/foo/tests.rs", "//! Tests.\n"),
            LIST,
            ("crates/cnn-autograd/src/ops/foo.rs", ""),
        ];
        assert!(problems(&files).is_empty());
    }
}
