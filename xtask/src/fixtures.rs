//! `cargo xtask fixtures`: runs the scripts in `fixtures/`, which write what PyTorch computes, or compare with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::root;
use crate::{Failure, Outcome, suggest};

/// The environment variable that names a Python with PyTorch.
const PYTHON: &str = "CNN_PYTHON";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let known = scripts(&root().join("fixtures"));
    let names: Vec<String> = known.iter().map(|path| name(path)).collect();
    let (mut check, mut chosen) = (false, Vec::new());
    for argument in arguments {
        match (argument.as_str(), names.iter().position(|name| name == argument)) {
            ("--check", _) => check = true,
            (_, Some(index)) => chosen.push(known[index].clone()),
            (unknown, None) => {
                let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
                known.push("--check");
                return Err(Failure::Usage(suggest::unknown("script", unknown, &known)));
            }
        }
    }
    let chosen = if chosen.is_empty() { known } else { chosen };
    let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
    let mut failed = Vec::new();
    for script in chosen {
        let mut command = Command::new(&python);
        command.arg(&script).args(check.then_some("--check")).current_dir(root());
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(_) => failed.push(name(&script)),
            Err(error) => {
                return Err(Failure::Failed(format!(
                    "cannot run {}: {error}; set {PYTHON} to a Python that has the packages of \
                     fixtures/requirements.txt",
                    Path::new(&python).display()
                )));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Failed(format!("failed: {}", failed.join(", ")))) }
}

/// The scripts that write a fixture: all but what they share.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let shared = path
                .file_stem()
                .is_some_and(|stem| ["common", "rows", "stored"].iter().any(|shared| stem == *shared));
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "py") && !shared {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A script by its name: `members/losses`.
fn name(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("fixtures")).unwrap_or(path);
    inside.with_extension("").to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_that_writes_a_fixture_is_found_and_what_they_share_is_not() {
        let names: Vec<String> = scripts(&root().join("fixtures")).iter().map(|path| name(path)).collect();
        for expected in ["lenet5", "networks", "members/losses"] {
            assert!(names.iter().any(|name| name == expected), "{names:?}");
        }
        assert!(
            !names.iter().any(|name| name.ends_with("common") || name.ends_with("stored") || name == "rows")
        );
    }
}
