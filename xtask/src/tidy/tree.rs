//! The texts of the checkout, and Rust source with comments and literals blanked out.

use std::io;
use std::path::Path;

/// Folders that hold no text of ours.
const SKIPPED: [&str; 6] = ["target", ".git", "runs", "data", "node_modules", "__pycache__"];

/// What counts as text.
const EXTENSIONS: [&str; 7] = ["rs", "md", "toml", "py", "sh", "txt", "yml"];

/// One text file.
pub(super) struct File {
    /// From the root, with forward slashes.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate's folder name, where the file belongs to one.
    pub(super) fn package(&self) -> Option<&str> {
        match self.path.strip_prefix("crates/") {
            Some(rest) => rest.split('/').next(),
            None if self.path.starts_with("benches/ours/") => Some("cnn-bench"),
            None => self.path.starts_with("xtask/").then_some("xtask"),
        }
    }

    /// Whether the file is compiled into what users of the crate get: under `src/` and no test file.
    pub(super) fn is_library_code(&self) -> bool {
        let inside = self.path.split_once("/src/").map(|(_, inside)| inside);
        inside.is_some_and(|inside| !inside.split('/').any(|part| part == "tests.rs" || part == "tests"))
    }

    /// The code, with comments and literals blanked, up to the first test module, and whole for tests.
    pub(super) fn shipped_code(&self) -> String {
        let code = code_only(&self.text);
        match code.find("#[cfg(test)]\nmod ") {
            Some(end) => code[..end].to_string(),
            None => code,
        }
    }
}

/// Every text file of a checkout.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        walk(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.into(), text: text.into() };
        Self { files: files.iter().map(file).collect() }
    }
}

fn walk(root: &Path, inside: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in std::fs::read_dir(root.join(inside))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
        let kind = entry.file_type()?;
        // `data` is skipped at the root only: a module may well be called so.
        let skipped = SKIPPED.contains(&name.as_str()) && (name != "data" || inside.is_empty());
        if kind.is_dir() && !skipped {
            walk(root, &path, files)?;
        } else if kind.is_file() && (is_text(&name) || path == ".ci/run") {
            files.push(File { path, text: std::fs::read_to_string(entry.path())? });
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

/// The source with every comment, string and character literal replaced by spaces; line breaks stay.
pub(super) fn code_only(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < characters.len() {
        let end = at + literal_length(&characters[at..], at.checked_sub(1).map(|before| characters[before]));
        if end == at {
            code.push(characters[at]);
            at += 1;
        }
        while at < end {
            code.push(if characters[at] == '\n' { '\n' } else { ' ' });
            at += 1;
        }
    }
    code
}

/// How many characters of `rest` are one comment or literal, 0 where none begins here.
fn literal_length(rest: &[char], before: Option<char>) -> usize {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment_length(rest),
        ['"', ..] => quoted_length(rest),
        ['r', '"' | '#', ..] if !in_word => raw_length(&rest[1..]).map_or(0, |length| length + 1),
        ['b' | 'c', 'r', '"' | '#', ..] if !in_word => raw_length(&rest[2..]).map_or(0, |length| length + 2),
        ['\'', '\\', ..] => 2 + rest[2..].iter().skip(1).position(|&c| c == '\'').map_or(0, |end| end + 2),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of `#"..."#` with any number of hashes, where that is what begins here.
fn raw_length(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let close =
        |at: &usize| rest[*at] == '"' && rest[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
    let end = (hashes + 1..rest.len()).find(close).map_or(rest.len(), |at| at + 1 + hashes);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let source = "a // x\nb /* y /* z */ y */ c\n\"q \\\" q\" d 'e' '\\'' '\\u{1F600}' &'f g r#\"h\"h\"# i br\"j\" k";
        let words: Vec<String> = code_only(source).split_whitespace().map(Into::into).collect();
        assert_eq!(words, ["a", "b", "c", "d", "&'f", "g", "i", "k"]);
        assert_eq!(code_only(source).lines().count(), 3);
    }

    #[test]
    fn a_string_with_a_comment_in_it_is_a_string() {
        assert_eq!(code_only("f(\"// no\"); g()").trim(), "f(       ); g()");
    }

    #[test]
    fn shipped_code_ends_where_the_tests_begin() {
        let file =
            File { path: "crates/a/src/lib.rs".into(), text: "fn a() {}\n#[cfg(test)]\nmod tests {}".into() };
        assert_eq!(file.shipped_code(), "fn a() {}\n");
    }
}
