//! Rules about words in every text file: nothing unfinished, no place outside the checkout.

use super::Finding;
use super::tree::Tree;

/// Words that say that something is unfinished. Spelt in halves, so that this file does not hold them.
const UNFINISHED: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("place", "holder"),
    concat!("for ", "now"),
    concat!("not yet ", "implemented"),
];

/// The folder beside the checkout, which only `.ci/run` may name.
const BESIDE: &str = concat!("../", "shared");

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = UNFINISHED.iter().find(|word| has_words(line, word)) {
                findings.push(Finding::line(
                    &file.path,
                    number + 1,
                    format!("unfinished by its own word: `{word}`"),
                ));
            }
            if line.contains(BESIDE) && file.path != ".ci/run" {
                let problem =
                    "names a folder outside the checkout; tests find real data through CNN_TEST_DATA";
                findings.push(Finding::line(&file.path, number + 1, problem));
            }
        }
    }
    findings
}

/// Whether `words` stand in the line and not as part of longer words.
fn has_words(line: &str, words: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(words).any(|(at, _)| {
        !part_of_word(line[..at].chars().next_back())
            && !part_of_word(line[at + words.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_words_are_found_as_words() {
        let found = |line: &str| !check(&Tree::of(&[("docs/a.md", line)])).is_empty();
        assert!(found(concat!("// TO", "DO: later")));
        assert!(found(concat!("good enough for ", "now.")));
        assert!(!found("for nowhere, autodoor"));
    }

    #[test]
    fn only_ci_may_name_the_folder_beside_the_checkout() {
        let line = format!("ls {BESIDE}/data");
        assert_eq!(check(&Tree::of(&[("docs/a.md", &line)])).len(), 1);
        assert!(check(&Tree::of(&[(".ci/run", &line)])).is_empty());
    }
}
