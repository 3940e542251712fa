//! The machine's limits as works, so that they are timed as any other.

use cnn_tensor::limits;

use super::Job;
use crate::failure::Result;

/// Fused multiply-adds in registers.
pub(super) fn multiply_adds() -> Result<Job> {
    let compute = || {
        limits::multiply_adds()?;
        Ok(Vec::new())
    };
    Ok(Job { operations: Some(limits::multiply_adds()?), ..Job::new(Vec::new(), compute)? })
}

/// A copy that reads half of `bytes` and writes the other half.
pub(super) fn copy(bytes: usize) -> Result<Job> {
    let source = vec![1.0f32; (bytes / (2 * size_of::<f32>())).max(1)];
    let mut target = vec![0.0f32; source.len()];
    let compute = move || {
        limits::copy(&source, &mut target)?;
        Ok(Vec::new())
    };
    Job::new(Vec::new(), compute)
}
