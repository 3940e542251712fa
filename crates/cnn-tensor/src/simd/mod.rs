//! Instruction sets: one vector interface, chosen once per operation at run time.
//!
//! Holding a token (`Avx512`, say) is the proof that the processor has the instructions: only `detect`
//! makes one. A kernel is a value with a `run` method that is generic over the token (`Kernel`);
//! `Level::run` enters it through a function compiled for exactly the features that `detect` asked for, and
//! everything marked `#[inline(always)]` below it is compiled with them too, plain loops included.
//! No cargo feature and no `target-cpu` takes part. Intrinsics live in `isa/` alone.

mod constants;
mod exp;
pub(crate) mod isa;
mod level;
mod slice;
#[cfg(test)]
mod tests;
mod turn;

pub(crate) use constants::{choose, each};
pub(crate) use exp::exp;
pub(crate) use isa::{Isa, Kernel};
pub use level::{Level, active, with_level};
pub(crate) use slice::map_in_place;
pub(crate) use turn::{lanes_to_rows, rows_to_lanes};

/// Most lanes of a vector of any instruction set.
pub(crate) const MOST_LANES: usize = 16;

/// Numbers of `f32` in a line of cache.
pub(crate) const LINE: usize = 16;
