//! What a user writes in a crate of their own, with nothing but the public API: an operation with saved values, a layer
//! with parameters, a loss, an initialiser, and a network with branches that is made of them.
//!
//! `docs/guide/extending.md` walks through these files.

#![forbid(unsafe_code)]

pub mod filters;
pub mod loss;
pub mod mish;
pub mod network;
pub mod scale;
