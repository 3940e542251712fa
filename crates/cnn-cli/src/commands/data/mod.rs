//! `cnn data`: fetching data sets and looking after them, one file for each verb.

mod check;
mod download;
mod split;

use crate::cli::DataCommand;
use crate::failure::Outcome;

pub(crate) fn run(command: &DataCommand) -> Outcome {
    match command {
        DataCommand::Download(arguments) => download::run(arguments),
        DataCommand::Split(arguments) => split::run(arguments),
        DataCommand::Check(arguments) => check::run(arguments),
    }
}
