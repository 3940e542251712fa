//! `cargo xtask test`: the whole suite, step by step, ended by one line that counts what passed and what failed.
//!
//! A step that fails does not stop those after it, so that one run tells everything. The count is cargo's own,
//! read from the lines `test result: ...` of each test binary, plus one for each step that is no test run.

mod arm;
mod built;
mod count;
mod full;
mod steps;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Failure, Outcome, suggest, tidy};
use built::{Kind, Selection};
use count::Tally;

/// How much of the suite is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// What every change has to pass.
    Usual,
    /// With the slow proofs.
    Full,
}

/// One step of the suite.
pub(crate) struct Step {
    /// What it proves, as it is announced.
    name: String,
    work: Work,
}

enum Work {
    /// A program whose exit code is the verdict.
    Program(Command),
    /// `cargo test`, whose tests are counted.
    Tests(Command),
    /// Programs that an earlier step has built.
    Built(Selection),
    /// A check made by this program; its findings.
    Check(fn() -> Vec<String>),
    /// What cannot be done on this machine, and why.
    LeftOut(String),
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut extent = Extent::Usual;
    for argument in arguments {
        match argument.as_str() {
            "--full" => extent = Extent::Full,
            unknown => return Err(Failure::Usage(suggest::unknown("argument", unknown, &["--full"]))),
        }
    }
    let started = Instant::now();
    let mut steps = steps::usual();
    match extent {
        Extent::Usual => steps.extend(arm::left_to_full()),
        Extent::Full => steps.extend(full::steps()),
    }
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    let mut left_out = Vec::new();
    for step in steps {
        println!("\n==> {}", step.name);
        let begun = Instant::now();
        let result = match step.work {
            Work::Program(mut command) => run_program(&mut command),
            Work::Tests(mut command) => run_tests(&mut command, &mut std::io::stdout()),
            Work::Built(selection) => run_built(&selection),
            Work::Check(check) => run_check(check),
            Work::LeftOut(reason) => {
                println!("    left out: {reason}");
                left_out.push(format!("{}: {reason}", step.name));
                continue;
            }
        };
        let verdict = if result.failed == 0 { "ok" } else { "FAILED" };
        println!("    {verdict} in {}", seconds(begun.elapsed()));
        if result.failed > 0 {
            failed.push(step.name);
        }
        tally += result;
    }
    println!("\nSuite finished in {}.", seconds(started.elapsed()));
    for line in left_out {
        println!("Left out: {line}");
    }
    for name in &failed {
        println!("Failed: {name}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if failed.is_empty() { Ok(()) } else { Err(Failure::Exit(1)) }
}

fn run_program(command: &mut Command) -> Tally {
    // Standard output carries no more than standard error does; one stream keeps their order.
    match command.status() {
        Ok(status) if status.success() => Tally::PASS,
        Ok(_) => Tally::FAIL,
        Err(error) => {
            println!("    cannot run {:?}: {error}", command.get_program());
            Tally::FAIL
        }
    }
}

/// Runs test programs, passes on what is worth reading, and counts.
fn run_tests(command: &mut Command, printed: &mut impl Write) -> Tally {
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("    cannot run {:?}: {error}", command.get_program());
            return Tally::FAIL;
        }
    };
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            // Several thousand lines of "... ok" would bury the one that matters.
            if count::is_worth_showing(&line) {
                // A closed output is no reason to stop the suite: its exit code still counts.
                let _ = writeln!(printed, "{line}");
            }
            tally += count::of_line(&line);
        }
    }
    match child.wait() {
        Ok(status) if status.success() => tally,
        // A test binary that does not compile or that is killed prints no result of its own.
        _ if tally.failed == 0 => Tally { failed: 1, ..tally },
        _ => tally,
    }
}

fn run_built(selection: &Selection) -> Tally {
    let commands = match selection.commands() {
        Ok(commands) => commands,
        Err(problem) => {
            println!("    {problem}");
            return Tally::FAIL;
        }
    };
    let mut tally = Tally::default();
    for mut command in commands {
        tally += match selection.kind {
            Kind::Test => run_tests(&mut command, &mut std::io::stdout()),
            Kind::Example => run_program(&mut command),
        };
    }
    tally
}

fn run_check(check: fn() -> Vec<String>) -> Tally {
    let findings = check();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() { Tally::PASS } else { Tally::FAIL }
}

fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole >= 60 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Tidy's findings as lines.
fn tidy_findings() -> Vec<String> {
    tidy::check(&crate::cargo::root()).iter().map(ToString::to_string).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tally {
        run_tests(Command::new("sh").args(["-c", script]), &mut std::io::sink())
    }

    #[test]
    fn the_results_of_all_test_programs_are_added_up() {
        let script = "echo 'test result: ok. 3 passed; 0 failed;'; echo 'test a ... ok'; \
                      echo 'test result: FAILED. 4 passed; 2 failed;'; exit 101";
        assert_eq!(shell(script), Tally { passed: 7, failed: 2 });
    }

    #[test]
    fn a_test_program_that_ends_badly_without_a_result_counts_as_failed() {
        assert_eq!(
            shell("echo 'test result: ok. 3 passed; 0 failed;'; exit 1"),
            Tally { passed: 3, failed: 1 }
        );
        assert_eq!(run_tests(&mut Command::new("/no/such/program"), &mut std::io::sink()), Tally::FAIL);
    }
}
