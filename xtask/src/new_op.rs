//! `cargo xtask new-op NAME`: the files of a new operation, as docs/adding-an-op.md describes.
//!
//! What it writes is a working operation, `y = x * x` under the new name, with its reference, fast path, tests
//! and gradient rule, so that the suite passes from the first minute and each formula is replaced in its place.
//! Nothing that exists is overwritten.

use std::path::Path;

use crate::cargo::root;
use crate::{Failure, Outcome};

const OPS: &str = "crates/cnn-tensor/src/ops";
const RULES: &str = "crates/cnn-autograd/src/ops";
const GRADCHECK: &str = "crates/cnn-autograd/tests/gradcheck";

/// Each file of an operation with its template.
const TEMPLATES: [(&str, &str); 6] = [
    ("crates/cnn-tensor/src/ops/{name}/mod.rs", include_str!("../templates/op_mod.rs.txt")),
    ("crates/cnn-tensor/src/ops/{name}/reference.rs", include_str!("../templates/op_reference.rs.txt")),
    ("crates/cnn-tensor/src/ops/{name}/vector.rs", include_str!("../templates/op_vector.rs.txt")),
    ("crates/cnn-tensor/src/ops/{name}/tests.rs", include_str!("../templates/op_tests.rs.txt")),
    ("crates/cnn-autograd/src/ops/{name}.rs", include_str!("../templates/rule.rs.txt")),
    ("crates/cnn-autograd/tests/gradcheck/{name}.rs", include_str!("../templates/gradcheck.rs.txt")),
];

/// Words that cannot name a module.
const KEYWORDS: [&str; 39] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false",
    "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where",
    "while", "yield",
];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [name] = arguments else {
        let problem =
            format!("new-op takes one name, {} given: `cargo xtask new-op soft_sign`, say", arguments.len());
        return Err(Failure::Usage(problem));
    };
    check_name(name)?;
    let root = root();
    let written = create(&root, name)?;
    println!("Written:");
    written.iter().for_each(|path| println!("  {path}"));
    println!(
        "\n`{name}` is x * x so far, and its tests pass. Next:\n  \
         1. write the formula into reference.rs, then into vector.rs, and what they say into mod.rs and tests.rs;\n  \
         2. let the rule keep what backward reads ({RULES}/{name}.rs), and give it cases ({GRADCHECK}/{name}.rs);\n  \
         3. cargo test -p cnn-tensor {name} && cargo test -p cnn-autograd {name} && cargo xtask tidy\n\
         docs/adding-an-op.md has the whole way."
    );
    Ok(())
}

fn check_name(name: &str) -> Outcome {
    let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !letters
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
        || name.ends_with('_')
        || name.contains("__")
    {
        let problem =
            format!("`{name}` cannot name an operation; use lower-case words joined by _, as in `soft_sign`");
        return Err(Failure::Usage(problem));
    }
    if KEYWORDS.contains(&name) {
        return Err(Failure::Usage(format!(
            "`{name}` is a word of the language and cannot name an operation"
        )));
    }
    Ok(())
}

/// Writes everything; the paths written or changed, from the root.
fn create(root: &Path, name: &str) -> Result<Vec<String>, Failure> {
    let fill = |text: &str| text.replace("{name}", name).replace("{Type}", &type_name(name));
    let taken = [format!("{OPS}/{name}"), format!("{OPS}/{name}.rs"), format!("{RULES}/{name}.rs")];
    if let Some(path) = taken.iter().find(|path| root.join(path).exists()) {
        return Err(Failure::Failed(format!("{path} exists already; nothing was written")));
    }
    let no_list = |path: &str| Failure::Failed(format!("{path} has no list to add `{name}` to"));
    // Everything is read and made before the first file is written.
    let mut files: Vec<(String, String)> = Vec::new();
    let module = format!("pub mod {name};");
    for path in [format!("{OPS}/mod.rs"), format!("{RULES}/mod.rs")] {
        let list = with_line(&read(root, &path)?, "pub mod ", &module).ok_or_else(|| no_list(&path))?;
        files.push((path, list));
    }
    let suite = format!("{GRADCHECK}/main.rs");
    let cases = with_cases(&read(root, &suite)?, name).ok_or_else(|| no_list(&suite))?;
    files.push((suite, cases));
    let changelog = read(root, "CHANGELOG.md")?;
    if let Some(text) = with_entry(&changelog, name) {
        files.push(("CHANGELOG.md".into(), text));
    }
    files.extend(TEMPLATES.iter().map(|(path, text)| (fill(path), fill(text))));
    for (path, text) in &files {
        let path = root.join(path);
        let written =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| Failure::Failed(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn read(root: &Path, path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(root.join(path))
        .map_err(|error| Failure::Failed(format!("cannot read {path}: {error}")))
}

/// `soft_sign` as `SoftSign`.
fn type_name(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// A text with one more line among those that begin with `prefix`, in its place in the alphabet.
fn with_line(text: &str, prefix: &str, line: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let is_entry = |line: &&str| line.starts_with(prefix);
    let last = lines.iter().rposition(is_entry)?;
    let before = lines.iter().position(|known| is_entry(known) && **known > *line).unwrap_or(last + 1);
    lines.insert(before, line);
    Some(lines.join("\n") + "\n")
}

/// The finite-difference suite with one more file of cases: its module and its entry.
fn with_cases(text: &str, name: &str) -> Option<String> {
    let text = with_line(text, "mod ", &format!("mod {name};"))?;
    with_line(&text, "    (\"", &format!("    (\"{name}\", {name}::cases),"))
}

/// The changelog with a line at the head of its unreleased part, where it has one.
fn with_entry(text: &str, name: &str) -> Option<String> {
    let heading = text.find("## Unreleased\n")? + "## Unreleased\n".len();
    let (before, after) = text.split_at(heading);
    Some(format!(
        "{before}\n- The operation `{name}`, with its gradient.\n{}",
        after.trim_start_matches('\n')
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: &str =
        "mod binary;\n\nconst STEMS: &[(&str, fn())] = &[\n    (\"binary\", binary::cases),\n];\n";

    #[test]
    fn a_module_line_goes_to_its_place_in_the_alphabet() {
        let text = "//! All.\n\npub mod activation;\nmod check;\npub mod pool2d;\n\nuse a;\n";
        let with = |name: &str| with_line(text, "pub mod ", &format!("pub mod {name};")).unwrap();
        assert!(with("dense").contains("mod check;\npub mod dense;\npub mod pool2d;"));
        assert!(with("zeta").contains("pub mod pool2d;\npub mod zeta;\n\nuse a;"));
        assert_eq!(with_line("//! None.\n", "pub mod ", "pub mod a;"), None);
    }

    #[test]
    fn the_finite_difference_suite_gets_a_module_and_an_entry() {
        let with = with_cases(SUITE, "dense").unwrap();
        let expected = "mod binary;\nmod dense;\n\nconst STEMS: &[(&str, fn())] = &[\n    (\"binary\", binary::cases),\n    \
                        (\"dense\", dense::cases),\n];\n";
        assert_eq!(with, expected);
    }

    #[test]
    fn names_are_words_in_lower_case() {
        for good in ["relu", "soft_sign", "conv3d"] {
            assert!(check_name(good).is_ok());
        }
        for bad in ["Relu", "2d", "a__b", "a_", "soft-sign", "match", "../a", ""] {
            assert!(matches!(check_name(bad), Err(Failure::Usage(_))), "{bad}");
        }
        assert_eq!(type_name("soft_sign2d"), "SoftSign2d");
    }

    #[test]
    fn all_files_are_written_once_and_never_over_others() {
        let folder = std::env::temp_dir().join(format!("xtask-new-op-{}", std::process::id()));
        for (path, text) in [
            (format!("{OPS}/mod.rs"), "pub mod relu;\n"),
            (format!("{RULES}/mod.rs"), "pub mod relu;\n"),
            (format!("{GRADCHECK}/main.rs"), SUITE),
            ("CHANGELOG.md".into(), "# Changelog\n\n## Unreleased\n\n- A.\n"),
        ] {
            std::fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
            std::fs::write(folder.join(&path), text).unwrap();
        }
        let written = create(&folder, "soft_sign").unwrap();
        let rule = std::fs::read_to_string(folder.join(RULES).join("soft_sign.rs")).unwrap();
        let changelog = std::fs::read_to_string(folder.join("CHANGELOG.md")).unwrap();
        let again = create(&folder, "soft_sign");
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(written.len(), 10);
        assert!(rule.contains("struct SoftSign;") && !rule.contains("{name}"), "{rule}");
        assert!(
            changelog.contains("## Unreleased\n\n- The operation `soft_sign`, with its gradient.\n- A.\n"),
            "{changelog}"
        );
        assert!(matches!(again, Err(Failure::Failed(message)) if message.contains("exists already")));
    }
}
