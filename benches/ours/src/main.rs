//! `cargo xtask bench`: this toolkit and its peers, timed in turn on the same inputs.
//!
//! Every engine is a process of its own that speaks the lines of [`protocol`]: ours is this program as
//! `serve`, the others live in `benches/peers`, outside the workspace. [`cases`] says what is measured,
//! [`mod@measure`] how: in turn, the engines that wait stopped, the machine's limits among them, the outputs compared.
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
mod inputs;
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

use cases::Suite;
use cli::{Choice, Cli, Command};
use engines::Starter;
use failure::{Result, failure};
use measure::Session;
use record::Record;
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
    measure(pairs.collect(), choice).map(|_| ())
}

/// Measures the committed cases of this processor again.
fn check(choice: &Choice) -> Result<()> {
    let committed = record::read_folder(&docs().join("benchmarks"))?;
    let (cpu, _) = machine::cpu();
    let mut pairs = check::works(&committed, &cpu);
    pairs.retain(|(_, threads)| choice.threads.contains(threads));
    if pairs.is_empty() {
        return failure(format!("docs/benchmarks holds no records of this processor, {cpu}"));
    }
    let now = measure(pairs, choice)?;
    let losses = check::losses(&check::standings(&committed, &cpu), &check::standings(&now, &cpu));
    if losses.is_empty() {
        println!("no loss beyond noise");
        return Ok(());
    }
    failure(format!("lost beyond noise:\n  {}", losses.join("\n  ")))
}

/// Measures the works that the choice leaves, prints a row for each, and keeps the records where that is asked for.
fn measure(mut works: Vec<(Work, usize)>, choice: &Choice) -> Result<Vec<Record>> {
    let patterns = &choice.case;
    works.retain(|(work, _)| {
        patterns.is_empty() || patterns.iter().any(|pattern| cases::matches(work, pattern))
    });
    if works.is_empty() {
        return failure("no case has such a name");
    }
    let peers = if choice.beside_load { Vec::new() } else { choice.peers() };
    let engines: Vec<&str> = peers.iter().flat_map(|peer| peer.engines).copied().collect();
    let starter = Starter { python: choice.python.clone() };
    let mut session = Session::start(starter, &engines, choice.repetitions.into())?;
    if choice.beside_load {
        session = session.with_load()?;
    }
    println!("{}\n{}", session.describe(), print::heading(&peers));
    let mut all = Vec::new();
    for (work, threads) in &works {
        let records = undisturbed(&mut session, work, *threads, choice.retries)?;
        println!("{}", print::row(&records, &peers));
        if let Some(path) = &choice.json {
            record::append(path, &records)?;
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
    let unexplained = page::write(&docs())?;
    println!("docs/benchmarks.md is written");
    for case in unexplained {
        println!("without a reason in docs/benchmarks/reasons.txt: {case}");
    }
    Ok(())
}

fn docs() -> PathBuf {
    machine::root().join("docs")
}
