//! `cargo xtask bench`: builds what is timed in release mode and hands every argument to `cnn-bench`.

use crate::cargo::{cargo, root};
use crate::{Failure, Outcome};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let manifest = root().join("Cargo.toml");
    // The program `cnn` is timed too: how fast it starts.
    let build = ["build", "--release", "--quiet", "--package", "cnn-cli", "--bin", "cnn", "--manifest-path"];
    end(cargo().args(build).arg(&manifest).status())?;
    let run = ["run", "--release", "--quiet", "--package", "cnn-bench", "--manifest-path"];
    end(cargo().args(run).arg(&manifest).arg("--").args(arguments).status())
}

fn end(status: std::io::Result<std::process::ExitStatus>) -> Outcome {
    let status = status.map_err(|error| Failure::Failed(format!("cannot run cargo: {error}")))?;
    match status.code() {
        Some(0) => Ok(()),
        code => Err(Failure::Exit(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
    }
}
