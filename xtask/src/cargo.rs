//! Running cargo, and where the checkout is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, Outcome};

/// The checkout's root folder.
///
/// Where this program was built, so that it is right from any folder of the checkout; a built program that was
/// copied elsewhere is not a way to run it.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Cargo of the nightly toolchain, through rustup.
pub(crate) fn nightly_cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    command
}

/// What a program prints, where it can be run and ends well.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Runs `cnn` in release mode with these arguments; how it ends is how the command ends.
pub(crate) fn cnn(arguments: &[String]) -> Outcome {
    let status = cargo()
        .args(["run", "--release", "--package", "cnn-cli", "--bin", "cnn", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(arguments)
        .status()
        .map_err(|error| Failure::Failed(format!("cannot run cargo: {error}")))?;
    match status.code() {
        Some(0) => Ok(()),
        code => Err(Failure::Exit(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
    }
}
