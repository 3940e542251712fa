//! What has to be the same in our engine and in the Rust peers: inputs, timing, and what the allocator keeps.
//!
//! It depends on nothing, and the peers, which are a workspace of their own, take it by its path. PyTorch's engine,
//! `benches/peers/torch`, says the same in Python; tests here and there hold both to the same numbers.

#![forbid(unsafe_code)]

pub mod inputs;
pub mod timing;

/// What peers set for the C library's allocator: memory that was freed is kept for the next step, so that what is
/// compared is kernels and not the system's page faults.
pub const ALLOCATOR: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "8000000000"), ("MALLOC_TRIM_THRESHOLD_", "8000000000")];
