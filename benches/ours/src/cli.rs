//! Every flag with its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cases;
use crate::engines::Peer;
use crate::record::Record;
use crate::work::Work;

/// Fewer measurements have no quartiles to speak of.
const LEAST_REPETITIONS: i64 = 9;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench kernels --case 'conv fwd' --threads 2
  cargo xtask bench train --case lenet5 --against torch,burn --json lenet5.jsonl
  cargo xtask bench kernels --against none --beside-load
  cargo xtask bench --check --case dense

PyTorch is looked for in the Python that --python or CNN_BENCH_PYTHON names.";

/// Time this toolkit and its peers in turn on the same inputs.
#[derive(Debug, Parser)]
#[command(name = "cnn-bench", bin_name = "cargo xtask bench", version, about, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Single operations: convolutions, dense products, and what memory limits
    Kernels,
    /// Layers and operations through the tape
    Layers,
    /// Whole training steps
    Train,
    /// Networks that predict, and the start of the `cnn` program
    Infer,
    /// Loading and augmenting images
    Data,
    /// Measure again what docs/benchmarks holds of this machine, and fail on a loss beyond noise
    // A flag too, which takes the place of a suite: clap refuses both together.
    #[command(long_flag = "check")]
    Check,
    /// Write docs/benchmarks.md from the records in docs/benchmarks
    Page,
    /// Answer requests on standard input, as an engine
    #[command(hide = true)]
    Serve,
    /// Compute until killed, as somebody else's process
    #[command(hide = true)]
    Busy,
}

/// What to measure and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// Peers: torch (or one of its formats: torch-channels-last), gemm, burn, candle; or none
    #[arg(long, global = true, value_delimiter = ',', default_value = "torch", value_parser = peer)]
    pub(crate) against: Vec<Against>,
    /// Numbers of threads
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1, 2], value_name = "N")]
    pub(crate) threads: Vec<usize>,
    /// Only cases of which each word of the pattern is the pass or part of the name; may be given several times
    #[arg(long, global = true, value_name = "PATTERN")]
    pub(crate) case: Vec<String>,
    /// Add a JSON line for each case and engine to this file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Ours alone, each case undisturbed and beside one busy process
    #[arg(long, global = true)]
    pub(crate) beside_load: bool,
    /// Measurements of each engine, nine or more
    #[arg(long, global = true, value_name = "N", default_value_t = LEAST_REPETITIONS as u16, value_parser = clap::value_parser!(u16).range(LEAST_REPETITIONS..))]
    pub(crate) repetitions: u16,
    /// Measure a case that was disturbed again, at most so many times
    #[arg(long, global = true, value_name = "N", default_value_t = 1)]
    pub(crate) retries: u16,
    /// The Python that has PyTorch
    #[arg(long, global = true, value_name = "FILE", default_value_os_t = python())]
    pub(crate) python: PathBuf,
}

/// The Python that the environment names. Read here and not by clap, to which a variable counts as an argument: with
/// one set, a command line without arguments would not print the help.
fn python() -> PathBuf {
    std::env::var_os("CNN_BENCH_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// A peer, or nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    Nobody,
    Peer(Peer),
}

fn peer(name: &str) -> Result<Against, String> {
    if name == "none" { Ok(Against::Nobody) } else { Peer::named(name).map(Against::Peer) }
}

impl Choice {
    /// Whether this case is asked for.
    pub(crate) fn asks_for(&self, work: &Work, threads: usize) -> bool {
        let named = self.case.is_empty() || self.case.iter().any(|pattern| cases::matches(work, pattern));
        named && self.threads.contains(&threads)
    }

    /// The patterns that no record is of, in words.
    pub(crate) fn unknown_cases(&self, records: &[Record]) -> Vec<String> {
        let unknown = |pattern: &&String| !records.iter().any(|record| cases::matches(&record.work, pattern));
        let told = |pattern| format!("--case '{pattern}': no committed record has such a name");
        self.case.iter().filter(unknown).map(told).collect()
    }

    /// The peers that were asked for; beside a load, ours is alone.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let peers = self.against.iter().filter_map(|against| match against {
            Against::Peer(peer) if !self.beside_load => Some(*peer),
            Against::Peer(_) | Against::Nobody => None,
        });
        peers.collect()
    }

    /// Their engines.
    pub(crate) fn engines(&self) -> Vec<&'static str> {
        self.peers().iter().flat_map(|peer| peer.engines).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;
    use crate::record::tests::example;
    use crate::work::{Memory, MemoryOp};

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_flags_of_the_documentation_are_understood() {
        let cli =
            parse("bench kernels --against torch,burn --threads 1,2 --case conv --json a.jsonl").unwrap();
        assert_eq!(cli.command, Command::Kernels);
        let names: Vec<&str> = cli.choice.peers().iter().map(|peer| peer.name).collect();
        assert_eq!(names, ["torch", "burn"]);
        assert_eq!(cli.choice.threads, [1, 2]);
        assert!(parse("bench train --against none").unwrap().choice.peers().is_empty());
    }

    #[test]
    fn a_check_is_a_command_of_its_own_however_it_is_written() {
        for line in ["bench --check", "bench check", "bench --threads 2 --check --case dense"] {
            assert_eq!(parse(line).unwrap().command, Command::Check, "{line}");
        }
        for line in ["bench --check kernels", "bench kernels --check", "bench --check page"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn nothing_is_measured_that_is_not_asked_for() {
        let kind = |line| parse(line).unwrap_err().kind();
        assert_eq!(kind("bench"), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        assert_eq!(kind("bench --threads 2"), ErrorKind::MissingSubcommand);
    }

    #[test]
    fn cases_and_threads_say_what_is_asked_for() {
        let choice = parse("bench check --case relu --case pooling --threads 2").unwrap().choice;
        let record = |work: Work| Record { work, ..example("ours", 1.0) };
        let relu = Work::Memory(Memory { op: MemoryOp::Relu, batch: 8 });
        assert!(choice.asks_for(&relu, 2) && !choice.asks_for(&relu, 1));
        assert!(!choice.asks_for(&Work::Start, 2));
        let unknown = choice.unknown_cases(&[record(relu), record(Work::Start)]);
        assert_eq!(unknown, ["--case 'pooling': no committed record has such a name"]);
    }

    #[test]
    fn fewer_than_nine_repetitions_are_refused() {
        assert_eq!(parse("bench train").unwrap().choice.repetitions, 9);
        assert_eq!(parse("bench train --repetitions 15").unwrap().choice.repetitions, 15);
        let error = parse("bench train --repetitions 8").unwrap_err();
        assert!(error.to_string().contains("8 is not in 9.."), "{error}");
    }

    #[test]
    fn an_unknown_peer_is_refused() {
        let error = parse("bench train --against torhc").unwrap_err();
        assert!(error.to_string().contains("there are torch, gemm, burn, candle"), "{error}");
    }
}
