//! The kernels of 64-bit ARM on a processor of another kind: cross-compiled, and run by an emulator.
//!
//! An emulator proves results, not speed. On 64-bit ARM itself the usual suite runs these kernels.

use std::path::Path;
use std::process::Command;

use super::{Step, Work, steps};
use crate::cargo::{output, root};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const EMULATOR: &str = "qemu-aarch64";
const LINKER: &str = "aarch64-linux-gnu-gcc";
/// Where Debian puts the C library of the target.
const SYSROOT: &str = "/usr/aarch64-linux-gnu";
const INSTALL: &str = "apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross";

/// What the usual suite says of the path that it cannot run; nothing on 64-bit ARM.
pub(super) fn left_to_full() -> Option<Step> {
    let reason = "not a 64-bit ARM processor; `cargo xtask test --full` runs these kernels under emulation";
    let step = || Step { name: "CNN_ISA=neon".into(), work: Work::LeftOut(reason.into()) };
    cfg!(not(target_arch = "aarch64")).then(step)
}

/// The tests of `cnn-tensor`, which holds all kernels, on NEON and the portable path; nothing on 64-bit ARM.
pub(super) fn emulated() -> Option<Step> {
    if cfg!(target_arch = "aarch64") {
        return None;
    }
    let name = "cnn-tensor on 64-bit ARM under emulation, CNN_ISA=neon and portable";
    let missing = missing(runs, Path::new(SYSROOT).is_dir());
    let problem = if missing.is_empty() { add_target().err() } else { Some(missing) };
    if let Some(problem) = problem {
        return Some(Step { name: name.into(), work: Work::LeftOut(problem) });
    }
    let variable = |what: &str| format!("CARGO_TARGET_{}_{what}", TARGET.to_uppercase().replace('-', "_"));
    let runner = format!("{EMULATOR} -L {SYSROOT}");
    let environment = [(variable("LINKER"), LINKER), (variable("RUNNER"), &runner)];
    let environment = environment.each_ref().map(|(name, value)| (name.as_str(), *value));
    let arguments = ["--package", "cnn-tensor", "--lib", "--tests", "--target", TARGET];
    Some(steps::tests(name, &arguments, &environment))
}

/// The tools that are not there, and how they are installed; empty where all are.
fn missing(has: impl Fn(&str) -> bool, has_library: bool) -> String {
    let mut missing: Vec<&str> = [EMULATOR, LINKER].into_iter().filter(|tool| !has(tool)).collect();
    if !has_library {
        missing.push(SYSROOT);
    }
    if missing.is_empty() { String::new() } else { format!("no {}; `{INSTALL}`", missing.join(", no ")) }
}

fn runs(tool: &str) -> bool {
    output(Command::new(tool).arg("--version")).is_some()
}

/// Sees to it that the standard library of the target is there: rustup adds it to the toolchain that runs.
fn add_target() -> Result<(), String> {
    let rustc = |what: &str| {
        output(Command::new("rustc").args(["--print", what, "--target", TARGET]).current_dir(root()))
    };
    let installed = || rustc("target-libdir").is_some_and(|folder| Path::new(folder.trim()).is_dir());
    if !installed() {
        // Its verdict is whether the library is there afterwards.
        let _ = Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()).status();
    }
    if installed() {
        Ok(())
    } else {
        Err(format!("no standard library for it; `rustup target add {TARGET}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_way_to_install_it() {
        assert_eq!(missing(|_| true, true), "");
        assert_eq!(missing(|tool| tool != EMULATOR, true), format!("no qemu-aarch64; `{INSTALL}`"));
        let all = missing(|_| false, false);
        assert!(all.starts_with("no qemu-aarch64, no aarch64-linux-gnu-gcc, no /usr/aarch64"), "{all}");
    }

    #[test]
    fn the_usual_suite_names_the_arm_path_where_it_cannot_run_it() {
        assert_eq!(left_to_full().is_some(), cfg!(not(target_arch = "aarch64")));
    }
}
