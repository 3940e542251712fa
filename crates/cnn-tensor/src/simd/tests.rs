//! Every method of [`Isa`](super::Isa), on every instruction set that the machine has, against one formula for one number.

mod lanes;
mod memory;

/// What no test writes; compared by its bits.
const CANARY: f32 = f32::from_bits(0x7fc0_cafe);
