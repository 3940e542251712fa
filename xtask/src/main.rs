//! `cargo xtask <command>`: what a person or a CI machine does with this checkout, one file for each command.
//!
//! Depends on nothing but the standard library, so that it builds in seconds and runs where only a Rust
//! toolchain is. It drives cargo and reads files; the toolkit itself it neither links nor knows.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to a person is what this program is for"
)]

mod bench;
mod cargo;
mod download;
mod fixtures;
mod new_op;
mod suggest;
mod suite;
mod tidy;
mod train_mnist;

use std::process::ExitCode;

const HELP: &str = "\
Automation of this workspace.

Usage: cargo xtask <command> [arguments]

Commands:
  train-mnist [--quick] [arguments of `cnn train`]
                   build in release mode and train on the MNIST images in data/mnist; --quick takes the
                   recipe of configs/mnist-quick.toml, a quarter of a minute of training instead of two
  download NAME.. [arguments of `cnn data download`]
                   build in release mode and fetch public data sets into data/, or where --data-dir says
  test [--full]    the whole suite; --full adds Miri, AddressSanitizer, the slow tests and packaging
  bench kernels | layers | train | infer | data | page | --check
                   time this toolkit and its peers in turn, keep what was seen, write docs/benchmarks.md from
                   it, or fail on a loss; `cargo xtask bench --help` has the arguments
  fixtures [--check] [NAME..]
                   write what PyTorch computes into fixtures/, or compare with what is there (CNN_PYTHON names a
                   Python with PyTorch)
  tidy             the rules of the house that a program can check
  new-op NAME      write the files of a new operation, as docs/adding-an-op.md describes
  help             this text
";

const COMMANDS: [&str; 8] =
    ["train-mnist", "download", "test", "bench", "fixtures", "tidy", "new-op", "help"];

/// How a command ends when it does not end well.
#[derive(Debug)]
enum Failure {
    /// The command line cannot be understood: exit code 2.
    Usage(String),
    /// The work failed and why: exit code 1.
    Failed(String),
    /// A program that was run has failed and has said why itself: its exit code.
    Exit(u8),
}

type Outcome = Result<(), Failure>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\n\nRun `cargo xtask help` for the commands.");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
        Err(Failure::Exit(code)) => ExitCode::from(code),
    }
}

fn run(arguments: &[String]) -> Outcome {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(Failure::Usage("no command given".into()));
    };
    let asks_for_help = matches!(rest, [argument] if argument == "--help" || argument == "-h");
    match command.as_str() {
        // These have arguments of their own to tell of.
        name if asks_for_help && !matches!(name, "bench" | "download") && COMMANDS.contains(&name) => {
            print!("{HELP}");
            Ok(())
        }
        "train-mnist" => train_mnist::run(rest),
        "download" => download::run(rest),
        "bench" => bench::run(rest),
        "fixtures" => fixtures::run(rest),
        "test" => suite::run(rest),
        "tidy" => tidy::run(rest),
        "new-op" => new_op::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        unknown => Err(Failure::Usage(suggest::unknown("command", unknown, &COMMANDS))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_error(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        match run(&arguments) {
            Err(Failure::Usage(message)) => message,
            other => format!("no usage error but {other:?}"),
        }
    }

    #[test]
    fn a_command_that_is_asked_for_help_does_nothing_else() {
        for command in ["train-mnist", "test", "fixtures", "tidy", "new-op"] {
            assert_eq!(usage_error(&[command, "--help"]), "no usage error but Ok(())");
        }
    }

    #[test]
    fn wrong_usage_is_told_with_the_nearest_right_one() {
        assert_eq!(usage_error(&["tset"]), "unknown command `tset`; did you mean `test`?");
        assert_eq!(usage_error(&["test", "--ful"]), "unknown argument `--ful`; did you mean `--full`?");
        assert_eq!(usage_error(&["tidy", "now"]), "unknown argument `now`; `cargo xtask tidy` takes none");
        assert_eq!(usage_error(&[]), "no command given");
    }
}
