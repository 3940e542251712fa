//! Groups: what must not be on two sides of a split, told by a pattern on file names or by a column of a table.

use regex_lite::Regex;

use super::items::{Items, list};
use crate::{Error, Result};

/// What makes samples a group.
#[derive(Debug, Clone)]
pub enum GroupBy {
    /// A regular expression, whose first capture group (the whole match where it has none) is the group's name.
    ///
    /// It is tried on the names of the files and, where some do not match, on their paths from the root, with `/`
    /// between folders. Every file has to match.
    Pattern(String),
    /// A column of the table.
    Column(String),
}

impl GroupBy {
    /// From what a user wrote: a column where the samples have one of this name, else a regular expression.
    pub fn parse(text: &str, items: &Items) -> Self {
        match items.columns().iter().any(|column| column == text) {
            true => Self::Column(text.to_owned()),
            false => Self::Pattern(text.to_owned()),
        }
    }
}

/// The group of each path.
pub(super) fn by_pattern(pattern: &str, paths: &[&str]) -> Result<Vec<String>> {
    let regex = Regex::new(pattern).map_err(|error| {
        let expected = format!("a regular expression or a column of the table ({error})");
        Error::argument("group-by", pattern, expected)
    })?;
    let group = |text: &str| {
        let captures = regex.captures(text)?;
        let found = captures.get(1).or_else(|| captures.get(0).filter(|_| captures.len() == 1))?;
        Some(found.as_str().to_owned()).filter(|name| !name.is_empty())
    };
    let of_names = |path: &&str| group(path.rsplit('/').next().unwrap_or(path));
    let whole: Vec<_> = paths.iter().map(|path| group(path)).collect();
    let names: Vec<_> = paths.iter().map(of_names).collect();
    let missing = |found: &[Option<String>]| found.iter().filter(|group| group.is_none()).count();
    let best = if missing(&names) <= missing(&whole) { names } else { whole };
    let unmatched: Vec<&str> =
        best.iter().zip(paths).filter(|(group, _)| group.is_none()).map(|(_, path)| *path).collect();
    if !unmatched.is_empty() {
        let expected = format!(
            "a regular expression that matches the name or path of every file; it gives no group for {}",
            list(&unmatched, "file")
        );
        return Err(Error::argument("group-by", pattern, expected));
    }
    Ok(best.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_capture_group_names_the_group_and_else_the_whole_match() {
        let paths = ["a/p1_x.png", "a/p2_y.png"];
        assert_eq!(by_pattern("^p([0-9]+)_", &paths).unwrap(), ["1", "2"]);
        assert_eq!(by_pattern("p[0-9]", &paths).unwrap(), ["p1", "p2"]);
        assert_eq!(by_pattern("(p)([0-9])", &paths).unwrap(), ["p", "p"]);
    }

    #[test]
    fn a_pattern_on_folders_is_tried_on_the_path() {
        assert_eq!(by_pattern("^([^/]+)/", &["a/1.png", "b/1.png"]).unwrap(), ["a", "b"]);
    }

    #[test]
    fn files_that_do_not_match_are_all_listed() {
        let message = by_pattern("^p", &["a/p.png", "a/x.png", "b/y.png"]).unwrap_err().to_string();
        assert!(
            message.contains("2 files") && message.contains("a/x.png") && message.contains("b/y.png"),
            "{message}"
        );
        assert!(by_pattern("(", &["a"]).unwrap_err().to_string().contains("regular expression"));
        // A group that takes no part in the match, and an empty one, name nothing.
        assert!(by_pattern("x(y)?", &["a/x.png"]).is_err());
        assert!(by_pattern("x()", &["a/x.png"]).is_err());
    }
}
