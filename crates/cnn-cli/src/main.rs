//! `cnn`: train, evaluate and use convolutional networks from the command line.
//!
//! This crate knows flags, files and people; everything else is in the libraries. [`cli`] defines each flag and
//! its help together, [`config`] makes one configuration of defaults, file and flags, [`commands`] holds one
//! file for each verb. Results go to standard output, progress and errors to standard error.

#![forbid(unsafe_code)]
mod cli;
mod clock;
mod commands;
mod config;
mod failure;
mod interrupt;
mod model;
mod output;
mod progress;
mod report;
mod source;
mod tui;

use std::process::ExitCode;

use clap::Parser;

use output::error;

fn main() -> ExitCode {
    // Wrong usage ends here, with clap's message, its suggestion and exit code 2.
    let arguments = cli::Cli::parse();
    output::set_up(&arguments.console);
    let _all = output::Phase::begin("all");
    match commands::run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                error!("{message}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
