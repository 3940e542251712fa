//! `cargo xtask new-op NAME`: the files of a new operation.
use crate::Outcome;
pub(crate) fn run(_arguments: &[String]) -> Outcome {
    Ok(())
}
