//! The slow proofs of `cargo xtask test --full`.
//!
//! Miri and AddressSanitizer need a nightly toolchain; where it or a component is missing the step says so and
//! is left out, since installing toolchains is for the person to decide.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Step, Work, arm, steps};
use crate::cargo::{cargo, nightly_cargo, output, root};

/// Cases that each property test runs.
const LONG_PROPERTY_CASES: &str = "2048";

/// Most bytes of a packaged crate.
const PACKAGE_LIMIT: u64 = 10 << 20;

/// Tests, by part of their names, that Miri runs: tensors over their storage, the pool, loads and stores of vectors,
/// and the kernels of convolution and matrix products, which hold the unsafe code.
const UNDER_MIRI: [&str; 7] = [
    "tensor::tests",
    "pool::tests",
    "storage::tests",
    "simd::tests",
    "parallel::gate::tests",
    "a_tiny",
    "every_pass_agrees_with_the_reference",
];

/// Crates whose tests AddressSanitizer watches.
const SANITIZED: [&str; 6] =
    ["cnn-tensor", "cnn-autograd", "cnn-layers", "cnn-data", "cnn-train", "cnn-models"];

/// The proof that resident memory stays flat; the sanitizer keeps what is freed.
const RESIDENT_MEMORY: &str = "a_thousand_steps_leave";

/// What follows the usual suite.
pub(super) fn steps() -> Vec<Step> {
    let environment = [("CNN_SLOW_TESTS", "1"), ("PROPTEST_CASES", LONG_PROPERTY_CASES)];
    let mut steps = vec![steps::tests("slow tests and long property runs", &["--workspace"], &environment)];
    steps.extend(arm::emulated());
    steps.extend([
        miri(),
        address_sanitizer(),
        Step { name: "packages of earlier runs are forgotten".into(), work: Work::Check(forget_packages) },
        packages(),
        Step { name: "size of each package".into(), work: Work::Check(too_large_packages) },
    ]);
    steps
}

/// Storage, pool and the portable kernels under Miri, which sees undefined behaviour.
fn miri() -> Step {
    let name = "Miri over storage, pool and portable kernels".to_string();
    if output(nightly_cargo().args(["miri", "--version"])).is_none() {
        let hint =
            "no nightly toolchain with Miri; `rustup toolchain install nightly --component miri,rust-src`";
        return Step { name, work: Work::LeftOut(hint.into()) };
    }
    let mut command = nightly_cargo();
    command
        .args(["miri", "test", "--package", "cnn-tensor", "--lib", "--", "--skip", "generated"])
        .args(UNDER_MIRI);
    command.current_dir(root());
    // The machine's memory is read from /proc. One thread: the pool's helpers come from rayon, whose queues Miri
    // refuses; the gate, which holds the unsafe code of what divides the work, starts its own in its tests. Property
    // runs are thousands of times slower here.
    command
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env("CNN_THREADS", "1")
        .env("PROPTEST_CASES", "2")
        .env("CNN_ISA", "portable");
    Step { name, work: Work::Tests(command) }
}

/// The libraries under AddressSanitizer, which sees reads and writes out of bounds, reached as networks reach them too.
fn address_sanitizer() -> Step {
    let name = "AddressSanitizer over the libraries".to_string();
    let version = output(Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]));
    let host = version.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("host: ")));
    let Some(host) = host.filter(|host| host.contains("linux-gnu")) else {
        let hint = "no nightly toolchain for Linux; `rustup toolchain install nightly`";
        return Step { name, work: Work::LeftOut(hint.into()) };
    };
    let mut command = nightly_cargo();
    command.args(["test", "--no-fail-fast", "--lib", "--tests", "--target", host]);
    command.args(SANITIZED.map(|package| ["--package", package]).as_flattened());
    command.args(["--", "--skip", RESIDENT_MEMORY]);
    command.current_dir(root());
    command.env("RUSTFLAGS", "-Zsanitizer=address").env("CARGO_TARGET_DIR", root().join("target/sanitizer"));
    Step { name, work: Work::Tests(command) }
}

/// Each crate as it would be published, built from its own package.
fn packages() -> Step {
    const NEVER_PUBLISHED: [&str; 3] = ["xtask", "cnn-bench", "bench-common"];
    let mut command = cargo();
    command.args(["package", "--workspace", "--allow-dirty", "--quiet"]).current_dir(root());
    command.env("CARGO_TARGET_DIR", packaging());
    for package in NEVER_PUBLISHED {
        command.args(["--exclude", package]);
    }
    Step { name: "cargo package, each crate built alone".into(), work: Work::Program(command) }
}

/// Where packages are built.
fn packaging() -> PathBuf {
    root().join("target/packaging")
}

/// Removes what `cargo package` unpacked and built of our crates in an earlier run: cargo takes it for what this run
/// packs, since name and version are the same.
fn forget_packages() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(sources) = home.map(|home| home.join("registry/src")) else { return Vec::new() };
    let names = folders(&root().join("crates"));
    // The folder of a registry without a host, as a local one, has a name that starts with a dash.
    let local = folders(&sources).into_iter().filter(|(name, _)| name.starts_with('-'));
    let unpacked = local.flat_map(|(_, registry)| folders(&registry));
    let ours = unpacked.filter(|(package, _)| {
        names.iter().any(|(name, _)| package.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')))
    });
    let stale = ours.map(|(_, folder)| folder).chain([packaging()]).filter(|folder| folder.exists());
    let removed = stale.map(|folder| std::fs::remove_dir_all(&folder).map_err(|error| (folder, error)));
    removed
        .filter_map(Result::err)
        .map(|(folder, error)| format!("{}: cannot be removed: {error}", folder.display()))
        .collect()
}

/// The folders in a folder, with their names; none where it cannot be read.
fn folders(place: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    named.filter(|(_, path)| path.is_dir()).collect()
}

fn too_large_packages() -> Vec<String> {
    oversized(&packaging().join("package"))
}

fn oversized(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let packages =
        entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "crate"));
    let sizes = packages.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len())));
    sizes
        .filter(|&(_, bytes)| bytes > PACKAGE_LIMIT)
        .map(|(path, bytes)| format!("{}: {bytes} bytes, over the limit of {PACKAGE_LIMIT}", path.display()))
        .collect()
}
