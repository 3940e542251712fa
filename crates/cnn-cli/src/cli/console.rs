//! The flags that every command has.

use clap::{Args, ValueEnum};

/// What standard error gets, for every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Console")]
pub(crate) struct ConsoleArgs {
    /// Tell results, warnings and errors alone
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Tell more: what was found and where, and how long each part took
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// The form of what goes to standard error
    #[arg(long, global = true, value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    pub(crate) log: LogForm,
}

/// The form of what is told about the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogForm {
    /// Lines for a person, with a live bar on a terminal
    #[default]
    Text,
    /// One JSON object a line for every event
    Json,
}
