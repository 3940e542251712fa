//! Rules about what the scripts in `fixtures/` write: each file of tensors says what wrote it, and all of them stay small;
//! rows of numbers in tests are those of the script as it is.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Finding;

/// What the metadata of a file that a script writes must have.
const NEEDED: [&str; 3] = ["torch", "seed", "script_sha256"];

/// Most bytes of all files together.
const MOST_BYTES: u64 = 8 << 20;

/// Longest header that is read: the format's own bound is larger, a fixture's header is some thousand bytes.
const LONGEST_HEADER: u64 = 1 << 24;

pub(super) fn check(root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut bytes = 0;
    for path in files(&root.join("fixtures")) {
        let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        bytes += path.metadata().map_or(0, |metadata| metadata.len());
        // Written by our side, for PyTorch to read.
        if path.file_stem().is_some_and(|stem| stem == "from_rust") {
            continue;
        }
        match header(&path) {
            Some(header) => {
                let missing: Vec<&str> = NEEDED.into_iter().filter(|key| !has(&header, key)).collect();
                if !missing.is_empty() {
                    let problem =
                        format!("its metadata lack {}; let its script write it", missing.join(", "));
                    findings.push(Finding::file(shown, problem));
                }
            }
            None => findings.push(Finding::file(shown, "its header cannot be read; let its script write it")),
        }
    }
    if bytes > MOST_BYTES {
        let problem = format!("{bytes} bytes of fixtures, expected {MOST_BYTES} or fewer");
        findings.push(Finding::file("fixtures", problem));
    }
    findings.extend(rows(root));
    findings
}

/// Scripts whose rows stand in a test under the hash of another text, or under none.
fn rows(root: &Path) -> Vec<Finding> {
    let folder = root.join("fixtures");
    let shared = std::fs::read(folder.join("rows.py")).unwrap_or_default();
    let mut findings = Vec::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let Ok(script) = std::fs::read_to_string(entry.path()) else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        // The call at the script's end names the test.
        let test = script.split_once("\nfinish(\"").and_then(|(_, rest)| rest.split_once('"'));
        let Some((test, _)) = test else {
            if script.contains("from rows import") {
                let problem = "writes rows and does not end with `finish(\"TEST\", ..)` on a line of its own";
                findings.push(Finding::file(format!("fixtures/{name}"), problem));
            }
            continue;
        };
        let rows = std::fs::read_to_string(root.join(test)).unwrap_or_default();
        let origin =
            format!("// fixtures/{name} {:016x}, torch ", fnv(script.bytes().chain(shared.iter().copied())));
        if !rows.lines().any(|line| line.trim_start().starts_with(&origin)) {
            let problem = format!(
                "its rows are not those of fixtures/{name} as it is; run `cargo xtask fixtures {}`",
                name.trim_end_matches(".py")
            );
            findings.push(Finding::file(test, problem));
        }
    }
    findings
}

/// FNV-1a with 64 bits, as `fixtures/rows.py` computes it.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |value, byte| (value ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "safetensors") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The header of a safetensors file: eight bytes of its length, least first, then JSON.
fn header(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = Some(u64::from_le_bytes(length)).filter(|&length| length <= LONGEST_HEADER)?;
    let mut text = String::new();
    let read = file.take(length).read_to_string(&mut text).ok()?;
    (read as u64 == length).then_some(text)
}

/// Whether the metadata of a header have a value for the key.
fn has(header: &str, key: &str) -> bool {
    let Some((_, rest)) = header.split_once("\"__metadata__\":{") else { return false };
    let metadata = rest.split_once('}').map_or(rest, |(metadata, _)| metadata);
    metadata.split_once(&format!("\"{key}\":\"")).is_some_and(|(_, value)| !value.starts_with('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this header, in a folder of its own that is a checkout's.
    fn findings_of(name: &str, header: &str) -> Vec<String> {
        let root = std::env::temp_dir().join(format!("tidy-fixtures-{}-{name}", std::process::id()));
        let folder = root.join("fixtures/members");
        std::fs::create_dir_all(&folder).unwrap();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        std::fs::write(folder.join(format!("{name}.safetensors")), bytes).unwrap();
        let findings = check(&root);
        std::fs::remove_dir_all(&root).unwrap();
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_that_does_not_say_what_wrote_it_is_found() {
        let whole = r#"{"__metadata__":{"torch":"2.1","seed":"1","script_sha256":"ab"},"x":{"dtype":"F32"}}"#;
        assert!(findings_of("whole", whole).is_empty());
        let seedless = whole.replace("\"seed\":\"1\",", "");
        assert_eq!(
            findings_of("seedless", &seedless),
            ["fixtures/members/seedless.safetensors: its metadata lack seed; let its script write it"]
        );
        assert!(
            findings_of("bare", r#"{"seed":{"dtype":"F32"}}"#)[0].contains("lack torch, seed, script_sha256")
        );
        assert!(findings_of("from_rust", "{}").is_empty());
        assert_eq!(findings_of("empty", "").len(), 1);
    }

    #[test]
    fn rows_of_a_script_that_has_changed_are_found() {
        assert_eq!(fnv("foobar".bytes()), 0x8594_4171_f739_67e8);
        let root = std::env::temp_dir().join(format!("tidy-fixtures-{}-rows", std::process::id()));
        std::fs::create_dir_all(root.join("fixtures")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
        let script = "rows = []\nfinish(\"tests.rs\", rows)\n";
        write("fixtures/rows.py", "shared");
        write("fixtures/one.py", script);
        let hash = fnv(script.bytes().chain("shared".bytes()));
        write(
            "tests.rs",
            &format!("fn rows() {{\n    // fixtures/one.py {hash:016x}, torch 2.1\n    row(1);\n}}\n"),
        );
        let met = || check(&root).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(met().is_empty(), "{:?}", met());
        write("fixtures/rows.py", "another");
        let expected =
            "tests.rs: its rows are not those of fixtures/one.py as it is; run `cargo xtask fixtures one`";
        assert_eq!(met(), [expected]);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
