//! `cnn train --tui`: the run on the whole terminal, with live curves, progress and the last lines of its log.
//!
//! The feature `tui` brings it; without it there is the refusal alone.

#[cfg(not(feature = "tui"))]
mod absent;
#[cfg(feature = "tui")]
mod draw;
#[cfg(feature = "tui")]
mod state;
#[cfg(feature = "tui")]
mod terminal;

#[cfg(not(feature = "tui"))]
pub(crate) use absent::{Tui, check, restore_terminal};
#[cfg(feature = "tui")]
pub(crate) use terminal::{Tui, check, restore_terminal};
