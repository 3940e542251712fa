//! Writing to the terminal or to what it is piped into.
//!
//! A reader that has seen enough (`cnn .. | head`) is no mistake: what is left is not written, and the work goes on.
//! Any other failure to write results is one; progress and errors that nobody can receive are dropped.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

use crate::failure::{Failure, Outcome};

/// Writes a result to standard output, as it is.
pub(crate) fn text(text: Arguments<'_>) -> Outcome {
    let mut output = std::io::stdout().lock();
    match output.write_fmt(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line about the work to standard error.
pub(crate) fn note(text: Arguments<'_>) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A line of results, formatted as by `println!`; gives an [`Outcome`].
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::output::text(format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// A line about the work, formatted as by `eprintln!`.
macro_rules! tell {
    ($($argument:tt)*) => { $crate::output::note(format_args!($($argument)*)) };
}

pub(crate) use {say, tell};
