//! `cargo xtask bench`: this toolkit and its peers, timed in turn on the same inputs.
//!
//! Every engine is a process of its own that speaks the lines of [`protocol`]: ours is this program as
//! `serve`, the others live in `benches/peers`, outside the workspace. [`cases`] says what is measured,
//! [`mod@measure`] how: in turn, the engines that wait stopped, the machine's references among them, the outputs compared.
//! [`record`] is what is kept of it, [`mod@print`] and [`mod@page`] what a person sees.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to a person is what this program is for"
)]

mod agreement;
mod cases;
mod check;
mod cli;
mod engine;
mod engines;
mod failure;
mod load;
mod machine;
mod measure;
mod page;
mod pause;
mod print;
mod protocol;
mod record;
mod serve;
mod statistics;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cnn_tensor::simd;

use cases::Suite;
use cli::{Choice, Cli, Command};
use engines::{OURS, Starter};
use failure::{Result, failure};
use machine::{DIRTY, Machine};
use measure::Session;
use record::{Log, Record};
use work::Work;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let choice = &cli.choice;
    match cli.command {
        Command::Kernels => suite(Suite::Kernels, choice),
        Command::Layers => suite(Suite::Layers, choice),
        Command::Train => suite(Suite::Train, choice),
        Command::Infer => suite(Suite::Infer, choice),
        Command::Data => suite(Suite::Data, choice),
        Command::Check => check(choice),
        Command::Page => page(),
        Command::Serve => serve::run(),
        Command::Busy => load::run(),
    }
}

/// Measures a suite.
fn suite(suite: Suite, choice: &Choice) -> Result<()> {
    let works = cases::cases(suite)?;
    let threads = choice.threads.iter();
    let pairs = works.iter().flat_map(|work| threads.clone().map(|&threads| (work.clone(), threads)));
    let pairs: Vec<_> = pairs.filter(|(work, threads)| choice.asks_for(work, *threads)).collect();
    if pairs.is_empty() {
        return failure("no case has such a name");
    }
    measure(&pairs, choice).map(|_| ())
}

/// Measures the committed cases of this machine again.
fn check(choice: &Choice) -> Result<()> {
    if choice.beside_load {
        return failure("--beside-load measures ours alone; --check compares");
    }
    let here = Machine::here(simd::active()?.name());
    let mut committed = check::committed(&record::read_folder(&docs().join("benchmarks"))?, &here)?;
    let unknown = choice.unknown_cases(&committed);
    let engines = choice.engines();
    committed.retain(|record| {
        let engine = record.engine.as_str();
        choice.asks_for(&record.work, record.threads) && (engine == OURS || engines.contains(&engine))
    });
    if committed.is_empty() {
        return failure("of this machine no committed record has such a name and number of threads");
    }
    let (works, alone) = check::works(&committed);
    let now = if works.is_empty() { Vec::new() } else { measure(&works, choice)? };
    let mut comparison = check::compare(&check::standings(&committed), &check::standings(&now));
    comparison.miss(alone);
    comparison.miss(unknown);
    println!("\n{comparison}");
    comparison.verdict()
}

/// Measures the works, prints a row for each, and keeps the records where that is asked for.
fn measure(works: &[(Work, usize)], choice: &Choice) -> Result<Vec<Record>> {
    let mut log = choice.json.as_deref().map(Log::open).transpose()?;
    let peers = choice.peers();
    let engines = choice.engines();
    let starter = Starter { python: choice.python.clone() };
    let mut session = Session::start(starter, &engines, choice.repetitions.into())?;
    if choice.beside_load {
        session = session.with_load()?;
    }
    if log.is_some() && session.commit().ends_with(DIRTY) {
        eprintln!("warning: files differ from the commit, so nobody can measure again what the records say");
    }
    println!("{}\n{}", session.describe(), print::heading(&peers));
    let mut all = Vec::new();
    for (work, threads) in works {
        let records = undisturbed(&mut session, work, *threads, choice.retries)?;
        println!("{}", print::row(&records, &peers));
        if let Some(log) = &mut log {
            log.append(&records)?;
        }
        all.extend(records);
    }
    match all.iter().filter(|record| record.wrong.is_some()).count() {
        0 => Ok(all),
        wrong => failure(format!("{wrong} outputs are not the same as ours")),
    }
}

/// Measures a case until nobody else is busy, at most so many times more; the least disturbed of them.
fn undisturbed(session: &mut Session, work: &Work, threads: usize, retries: u16) -> Result<Vec<Record>> {
    let disturbance = |records: &[Record]| records.first().and_then(|record| record.disturbance);
    let mut best = session.measure(work, threads)?;
    for _ in 0..retries {
        if !best.iter().any(Record::is_disturbed) {
            break;
        }
        let again = session.measure(work, threads)?;
        if disturbance(&again) < disturbance(&best) {
            best = again;
        }
    }
    Ok(best)
}

fn page() -> Result<()> {
    page::write(&docs())?;
    println!("docs/benchmarks.md is written");
    Ok(())
}

fn docs() -> PathBuf {
    machine::root().join("docs")
}
