//! `cnn report`: the plots, the report and the card of a run, drawn anew from what its folder holds.

use cnn_train::RunDir;

use crate::cli::ReportArgs;
use crate::failure::Outcome;
use crate::output::say;
use crate::report;

pub(crate) fn run(arguments: &ReportArgs) -> Outcome {
    let run = RunDir::open(&arguments.run)?;
    for file in report::build(&run)? {
        say!("{}", file.display())?;
    }
    Ok(())
}
