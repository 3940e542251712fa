//! Rules about Rust files: length, the paragraph at the top, `unsafe`, printing, and tests that do not run.

use super::Finding;
use super::tree::{File, Tree, code_only};

/// A file this long is split.
const MOST_LINES: usize = 800;

/// At most one file in ten is longer than this.
const LONG_LINES: usize = 450;

/// Where longer files are in order: lists of intrinsics, one file for each instruction set.
const INSTRUCTION_SETS: [&str; 2] =
    ["crates/cnn-tensor/src/simd/isa/", "crates/cnn-tensor/src/gemm/kernels/"];

/// The one crate that may use `unsafe`.
const UNSAFE_CRATE: &str = "cnn-tensor";

/// The crates that talk to a person.
const PROGRAMS: [&str; 3] = ["cnn-cli", "cnn-bench", "xtask"];

/// Programs around other people's libraries, which may ask for `unsafe`; no part of the toolkit.
const PEERS: &str = "benches/peers/";

/// The files of `cnn-tensor` that read `CNN_THREADS` and `CNN_ISA`, its only flags.
const READ_THEIR_FLAG: [&str; 2] =
    ["crates/cnn-tensor/src/parallel.rs", "crates/cnn-tensor/src/simd/level.rs"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        length(file, &mut findings);
        opening(file, &mut findings);
        if file.path.starts_with(PEERS) {
            continue;
        }
        unsafe_code(file, &mut findings);
        tests_that_run(file, &mut findings);
        if file.is_library_code() && !file.package().is_some_and(|package| PROGRAMS.contains(&package)) {
            library_manners(file, &mut findings);
        }
    }
    findings.extend(share_of_long_files(tree));
    findings
}

fn length(file: &File, findings: &mut Vec<Finding>) {
    let lines = file.text.lines().count();
    if lines > MOST_LINES && !is_instruction_set(file) {
        findings.push(Finding::file(&file.path, format!("{lines} lines; split files of over {MOST_LINES}")));
    }
}

fn share_of_long_files(tree: &Tree) -> Option<Finding> {
    let judged: Vec<&File> = tree.rust().filter(|file| !is_instruction_set(file)).collect();
    let long: Vec<&str> = judged
        .iter()
        .filter(|file| file.text.lines().count() > LONG_LINES)
        .map(|file| file.path.as_str())
        .collect();
    (long.len() * 10 > judged.len()).then(|| {
        Finding::file(
            ".",
            format!("more than one file in ten is over {LONG_LINES} lines: {}", long.join(", ")),
        )
    })
}

fn is_instruction_set(file: &File) -> bool {
    INSTRUCTION_SETS.iter().any(|folder| file.path.starts_with(folder))
}

fn opening(file: &File, findings: &mut Vec<Finding>) {
    if !file.text.starts_with("//!") {
        findings.push(Finding::line(
            &file.path,
            1,
            "a file opens with a `//!` paragraph that says what it is",
        ));
    }
}

fn unsafe_code(file: &File, findings: &mut Vec<Finding>) {
    if file.package() == Some(UNSAFE_CRATE) {
        return;
    }
    for (line, _) in lines_with_word(&code_only(&file.text), "unsafe") {
        findings.push(Finding::line(&file.path, line, format!("`unsafe` lives in {UNSAFE_CRATE} only")));
    }
    let root = ["/src/lib.rs", "/src/main.rs"].iter().any(|root| {
        file.path
            .strip_suffix(root)
            .is_some_and(|before| before.split('/').count() == 1 + usize::from(before != "xtask"))
    });
    if root && !file.text.contains("#![forbid(unsafe_code)]") {
        findings.push(Finding::line(&file.path, 1, "the crate has to say `#![forbid(unsafe_code)]`"));
    }
}

fn tests_that_run(file: &File, findings: &mut Vec<Finding>) {
    for (number, line) in code_only(&file.text).lines().enumerate() {
        for attribute in ["#[ignore", "#[should_panic"] {
            if line.contains(attribute) {
                let problem = format!(
                    "`{attribute}]` is not used; slow tests ask for CNN_SLOW_TESTS, errors are values"
                );
                findings.push(Finding::line(&file.path, number + 1, problem));
            }
        }
    }
}

/// A library does not print, exit or read the environment, and leaves nothing unwritten.
fn library_manners(file: &File, findings: &mut Vec<Finding>) {
    let code = file.shipped_code();
    let programs = PROGRAMS.join(", ");
    for (number, line) in code.lines().enumerate() {
        let mut told = |problem: &str| findings.push(Finding::line(&file.path, number + 1, problem));
        if ["println!", "print!", "dbg!"].iter().any(|name| line.contains(name)) {
            told(&format!("only {programs} print"));
        }
        if line.contains("process::exit") || line.contains("process::abort") {
            told(&format!("only {programs} end the process"));
        }
        let reads = ["env::var", "env::args"].iter().any(|name| line.contains(name));
        if reads && !READ_THEIR_FLAG.contains(&file.path.as_str()) {
            told(&format!("only {programs} read the environment; take it as an argument"));
        }
        if ["unimplemented!", concat!("to", "do!")].iter().any(|name| line.contains(name)) {
            told("what is not there is not offered");
        }
    }
}

/// The lines, counted from 1, in which `word` stands as a whole word.
fn lines_with_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let lines = code.lines().enumerate().map(|(number, line)| (number + 1, line));
    lines.filter(move |(_, line)| line.split(|c| !is_word(c)).any(|part| part == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unsafe_is_seen_in_code_and_not_in_words() {
        let text = "//! About `unsafe`.\n#![forbid(unsafe_code)]\nfn f() { unsafe { g() } }\n";
        assert_eq!(
            problems("crates/cnn-data/src/lib.rs", text),
            ["crates/cnn-data/src/lib.rs:3: `unsafe` lives in cnn-tensor only"]
        );
        assert!(problems("crates/cnn-tensor/src/storage.rs", text).is_empty());
    }

    #[test]
    fn a_crate_root_has_to_forbid_unsafe_and_open_with_a_paragraph() {
        assert_eq!(problems("crates/cnn-data/src/lib.rs", "use a;\n").len(), 2);
        assert_eq!(problems("crates/cnn-data/src/decode/mod.rs", "//! Decoding.\n").len(), 0);
    }

    #[test]
    fn libraries_do_not_print_but_their_tests_may() {
        let text = "//! A.\nfn f() { println!(\"x\") }\n#[cfg(test)]\nmod tests { fn g() { println!() } }\n";
        assert_eq!(
            problems("crates/cnn-train/src/a.rs", text),
            ["crates/cnn-train/src/a.rs:2: only cnn-cli, cnn-bench, xtask print"]
        );
        for program in ["crates/cnn-cli/src/a.rs", "benches/ours/src/a.rs"] {
            assert!(problems(program, text).is_empty(), "{program}");
        }
    }

    #[test]
    fn a_test_that_is_ignored_is_found() {
        let text = format!("//! A.\n#[{}]\nfn f() {{}}\n", "ignore");
        assert_eq!(problems("crates/cnn-train/tests/a.rs", &text).len(), 1);
    }

    #[test]
    fn a_file_of_over_800_lines_is_found_unless_it_lists_instructions() {
        let text = format!("//! A.\n{}", "\n".repeat(900));
        assert_eq!(problems("crates/cnn-tensor/src/a.rs", &text).len(), 2);
        assert!(problems("crates/cnn-tensor/src/simd/isa/avx2.rs", &text).is_empty());
    }
}
