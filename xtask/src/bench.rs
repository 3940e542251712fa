//! `cargo xtask bench`: builds what is timed in release mode and hands every argument to `cnn-bench`.

use crate::cargo::{cargo, root};
use crate::{Failure, Outcome};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let manifest = root().join("Cargo.toml");
    if times_the_program(arguments) {
        let build =
            ["build", "--release", "--quiet", "--package", "cnn-cli", "--bin", "cnn", "--manifest-path"];
        end(cargo().args(build).arg(&manifest).status())?;
    }
    let run = ["run", "--release", "--quiet", "--package", "cnn-bench", "--manifest-path"];
    end(cargo().args(run).arg(&manifest).arg("--").args(arguments).status())
}

/// Whether the start of the program `cnn` is among what is timed.
fn times_the_program(arguments: &[String]) -> bool {
    let any = |words: &[&str]| arguments.iter().any(|argument| words.contains(&argument.as_str()));
    any(&["infer", "check", "--check"]) && !any(&["-h", "--help", "help"])
}

fn end(status: std::io::Result<std::process::ExitStatus>) -> Outcome {
    let status = status.map_err(|error| Failure::Failed(format!("cannot run cargo: {error}")))?;
    match status.code() {
        Some(0) => Ok(()),
        code => Err(Failure::Exit(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_built_for_those_who_time_it() {
        let times = |line: &str| {
            let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
            times_the_program(&arguments)
        };
        for line in ["infer", "--check", "check --case dense", "--threads 2 infer"] {
            assert!(times(line), "{line}");
        }
        for line in ["", "page", "kernels", "--help", "infer --help", "help check"] {
            assert!(!times(line), "{line}");
        }
    }
}
