//! The steps that every change has to pass.

use std::path::Path;

use super::built::{Kind, Selection};
use super::{Step, Work, tidy_findings};
use crate::cargo::{cargo, root};

/// Every step of the usual suite, cheapest first.
pub(super) fn usual() -> Vec<Step> {
    let mut steps = vec![
        program("format", &["fmt", "--all", "--check"]),
        Step { name: "tidy".into(), work: Work::Check(tidy_findings) },
        program(
            "clippy, warnings denied",
            &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        ),
        documentation(),
        tests("unit, property, end-to-end and documentation tests", &["--workspace"], &[]),
        program(
            "clippy of the feature tui",
            &[
                "clippy",
                "--package",
                "cnn-cli",
                "--features",
                "tui",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ],
        ),
        tests(
            "the program with the feature tui",
            &["--package", "cnn-cli", "--features", "tui", "--bin", "cnn"],
            &[],
        ),
    ];
    steps.extend(examples(&root()));
    steps.extend(outside());
    steps.extend(other_instruction_sets());
    steps
}

/// The instruction sets of this machine, the one chosen by default first, as `CNN_ISA` names them.
fn instruction_sets(cpuinfo: &str) -> Vec<&'static str> {
    if cfg!(target_arch = "aarch64") {
        return vec!["neon", "portable"];
    }
    let flags: Vec<&str> = cpuinfo
        .lines()
        .find(|line| line.starts_with("flags"))
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let has = |flag: &str| flags.contains(&flag);
    let mut sets = Vec::new();
    if ["avx512f", "avx512bw", "avx512dq", "avx512vl"].iter().all(|flag| has(flag)) {
        sets.push("avx512");
    }
    if has("avx2") && has("fma") {
        sets.push("avx2");
    }
    sets.push("portable");
    sets
}

/// `cnn-tensor` and one end-to-end run on each instruction set but the best, which the other steps use.
fn other_instruction_sets() -> Vec<Step> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let sets = instruction_sets(&cpuinfo);
    let mut steps = Vec::new();
    for set in ["avx512", "avx2"].into_iter().filter(|set| !sets.contains(set)) {
        let reason = "this processor does not have it, or the system does not tell (/proc/cpuinfo)";
        steps.push(Step { name: format!("CNN_ISA={set}"), work: Work::LeftOut(reason.into()) });
    }
    for set in &sets[1..] {
        let selection = |package: &str, name: Option<&str>, arguments: &[&str]| Selection {
            kind: Kind::Test,
            package: package.into(),
            name: name.map(Into::into),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            isa: Some(*set),
        };
        let kernels = selection("cnn-tensor", None, &[]);
        let one_run = selection("cnn-cli", Some("end_to_end"), &["the_whole_road"]);
        steps.push(Step { name: format!("cnn-tensor, CNN_ISA={set}"), work: Work::Built(kernels) });
        steps.push(Step { name: format!("one end-to-end run, CNN_ISA={set}"), work: Work::Built(one_run) });
    }
    steps
}

/// Arguments of the examples that want some: a few images, so that they run in a moment. Paths are those from the
/// folder of the example's crate.
const EXAMPLE_ARGUMENTS: &[(&str, &[&str])] = &[
    (
        "augmentation_sheets",
        &[
            "../../docs/guide/augmentation/photograph.png",
            "../../docs/guide/augmentation.md",
            "../../target/augmentation-sheets",
        ],
    ),
    ("custom_layer", &["1000"]),
    ("own_parts", &["1000"]),
    ("train_mnist", &["1000"]),
];

/// Each example of each crate.
fn examples(root: &Path) -> Vec<Step> {
    let mut found = Vec::new();
    for package in files_in(&root.join("crates")) {
        for example in files_in(&root.join("crates").join(&package).join("examples")) {
            if let Some(name) = example.strip_suffix(".rs") {
                found.push((package.clone(), name.to_string()));
            }
        }
    }
    let step = |(package, name): (String, String)| {
        let arguments = EXAMPLE_ARGUMENTS.iter().find(|(example, _)| *example == name);
        let arguments = arguments.map_or(&[][..], |(_, arguments)| arguments);
        Step {
            name: format!("example {name} of {package}"),
            work: Work::Built(Selection {
                kind: Kind::Example,
                package,
                name: Some(name),
                arguments: arguments.iter().map(ToString::to_string).collect(),
                isa: None,
            }),
        }
    };
    found.into_iter().map(step).collect()
}

fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The crate that uses this one as a user does, who has nothing but the public API. It shares what is built of crates of others.
fn outside() -> [Step; 2] {
    let run = |arguments: &[&str]| {
        let mut command = cargo();
        let manifest = ["--locked", "--manifest-path", "tests/outside/Cargo.toml"];
        command.args(&arguments[..1]).args(manifest).args(&arguments[1..]).current_dir(root());
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
        command.env_remove("CNN_ISA").env("CARGO_TARGET_DIR", target);
        command
    };
    let name = |what: &str| format!("{what} of a crate of a user's own, in tests/outside");
    [
        Step { name: name("tests"), work: Work::Tests(run(&["test"])) },
        Step {
            name: name("the example"),
            work: Work::Program(run(&["run", "--quiet", "--example", "regression"])),
        },
    ]
}

fn documentation() -> Step {
    let mut command = in_root(&["doc", "--workspace", "--no-deps", "--quiet"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    Step { name: "rustdoc, warnings denied".into(), work: Work::Program(command) }
}

fn program(name: &str, arguments: &[&str]) -> Step {
    Step { name: name.into(), work: Work::Program(in_root(arguments)) }
}

/// A run of `cargo test`, on the best instruction set unless `environment` says otherwise.
pub(super) fn tests(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Step {
    let mut command = in_root(&["test", "--no-fail-fast"]);
    command.args(arguments).env_remove("CNN_ISA").envs(environment.iter().copied());
    Step { name: name.into(), work: Work::Tests(command) }
}

fn in_root(arguments: &[&str]) -> std::process::Command {
    let mut command = cargo();
    command.args(arguments).current_dir(root());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn instruction_sets_are_read_from_the_processor_flags() {
        assert_eq!(instruction_sets("flags\t: sse2 fma avx2 avx512f"), ["avx2", "portable"]);
        assert_eq!(
            instruction_sets("model\t: 1\nflags\t: fma avx2 avx512f avx512bw avx512dq avx512vl"),
            ["avx512", "avx2", "portable"]
        );
        assert_eq!(instruction_sets(""), ["portable"]);
    }
}
