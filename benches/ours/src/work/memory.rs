//! Operations that are limited by memory, in two sizes: one that stays in the cache, one that does not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FLOAT_BYTES;

/// Channels of the images that these operations run on.
pub(crate) const CHANNELS: usize = 64;

/// Height and width of the images.
pub(crate) const SIDE: usize = 32;

/// Classes of the logits.
pub(crate) const CLASSES: usize = 1000;

/// An operation and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) op: MemoryOp,
    /// Images of [`CHANNELS`] x [`SIDE`] x [`SIDE`], rows of [`CLASSES`] logits, or numbers of a parameter.
    pub(crate) batch: usize,
}

/// The operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MemoryOp {
    Relu,
    ReluBwd,
    AddRelu,
    BatchNorm,
    BatchNormBwd,
    BatchNormRelu,
    BatchNormReluBwd,
    BatchNormAddRelu,
    BatchNormAddReluBwd,
    MaxPool,
    MaxPoolBwd,
    AveragePool,
    AveragePoolBwd,
    GlobalPool,
    CrossEntropy,
    Dropout,
    Sgd,
    Adam,
    AdamW,
}

/// What an operation's `batch` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    /// Images.
    Images,
    /// Rows of logits.
    Logits,
    /// Numbers of a parameter.
    Parameters,
}

impl MemoryOp {
    /// Every one, in the order of the tables.
    pub(crate) const ALL: [MemoryOp; 19] = [
        MemoryOp::Relu,
        MemoryOp::ReluBwd,
        MemoryOp::AddRelu,
        MemoryOp::BatchNorm,
        MemoryOp::BatchNormBwd,
        MemoryOp::BatchNormRelu,
        MemoryOp::BatchNormReluBwd,
        MemoryOp::BatchNormAddRelu,
        MemoryOp::BatchNormAddReluBwd,
        MemoryOp::MaxPool,
        MemoryOp::MaxPoolBwd,
        MemoryOp::AveragePool,
        MemoryOp::AveragePoolBwd,
        MemoryOp::GlobalPool,
        MemoryOp::CrossEntropy,
        MemoryOp::Dropout,
        MemoryOp::Sgd,
        MemoryOp::Adam,
        MemoryOp::AdamW,
    ];

    fn name(self) -> &'static str {
        match self {
            MemoryOp::Relu | MemoryOp::ReluBwd => "relu",
            MemoryOp::AddRelu => "add, relu",
            MemoryOp::BatchNorm | MemoryOp::BatchNormBwd => "batch norm",
            MemoryOp::BatchNormRelu | MemoryOp::BatchNormReluBwd => "batch norm, relu",
            MemoryOp::BatchNormAddRelu | MemoryOp::BatchNormAddReluBwd => "batch norm, add, relu",
            MemoryOp::MaxPool | MemoryOp::MaxPoolBwd => "max-pool 2",
            MemoryOp::AveragePool | MemoryOp::AveragePoolBwd => "average pool 2",
            MemoryOp::GlobalPool => "global pool",
            MemoryOp::CrossEntropy => "cross-entropy",
            MemoryOp::Dropout => "dropout",
            MemoryOp::Sgd => "sgd momentum",
            MemoryOp::Adam => "adam",
            MemoryOp::AdamW => "adamw",
        }
    }

    pub(crate) fn pass(self) -> &'static str {
        match self {
            MemoryOp::ReluBwd
            | MemoryOp::BatchNormBwd
            | MemoryOp::BatchNormReluBwd
            | MemoryOp::BatchNormAddReluBwd
            | MemoryOp::MaxPoolBwd
            | MemoryOp::AveragePoolBwd => "bwd",
            MemoryOp::CrossEntropy => "fwd+bwd",
            MemoryOp::Sgd | MemoryOp::Adam | MemoryOp::AdamW => "update",
            _ => "fwd",
        }
    }

    /// Whether sums over a whole channel are among the outputs.
    pub(super) fn sums_channels(self) -> bool {
        matches!(self, MemoryOp::BatchNormBwd | MemoryOp::BatchNormReluBwd | MemoryOp::BatchNormAddReluBwd)
    }

    pub(crate) fn domain(self) -> Domain {
        match self {
            MemoryOp::CrossEntropy => Domain::Logits,
            MemoryOp::Sgd | MemoryOp::Adam | MemoryOp::AdamW => Domain::Parameters,
            _ => Domain::Images,
        }
    }

    /// Bytes for each element of the input that have to be read or written, in quarters.
    ///
    /// A batch norm passes over its data twice in each direction, since the statistics of all of it come before
    /// the first output. What an activation needs backward can be computed from what batch norm reads anyway, but
    /// for the sign of a residual sum, which is read from the output.
    fn quarter_bytes(self) -> usize {
        const WHOLE: usize = 4 * FLOAT_BYTES;
        // A quarter of the outputs, and one byte for each that says where the maximum was.
        const MAX_POOLED: usize = FLOAT_BYTES + 1;
        match self {
            MemoryOp::Relu | MemoryOp::Dropout => 2 * WHOLE,
            MemoryOp::ReluBwd | MemoryOp::AddRelu | MemoryOp::BatchNorm | MemoryOp::BatchNormRelu => {
                3 * WHOLE
            }
            MemoryOp::BatchNormAddRelu | MemoryOp::CrossEntropy => 4 * WHOLE,
            MemoryOp::BatchNormBwd | MemoryOp::BatchNormReluBwd | MemoryOp::Sgd => 5 * WHOLE,
            MemoryOp::BatchNormAddReluBwd => 8 * WHOLE,
            MemoryOp::Adam | MemoryOp::AdamW => 7 * WHOLE,
            MemoryOp::MaxPool | MemoryOp::MaxPoolBwd => WHOLE + MAX_POOLED,
            MemoryOp::AveragePool | MemoryOp::AveragePoolBwd => WHOLE + FLOAT_BYTES,
            MemoryOp::GlobalPool => WHOLE,
        }
    }
}

impl Memory {
    /// Numbers in the operation's main input.
    pub(crate) fn len(&self) -> usize {
        match self.op.domain() {
            Domain::Images => self.batch * CHANNELS * SIDE * SIDE,
            Domain::Logits => self.batch * CLASSES,
            Domain::Parameters => self.batch,
        }
    }

    /// Bytes that have to be read or written.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * self.op.quarter_bytes() / 4
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch = self.batch;
        write!(f, "{} ", self.op.name())?;
        match self.op.domain() {
            Domain::Images => write!(f, "{batch}x{CHANNELS}x{SIDE}x{SIDE}"),
            Domain::Logits => write!(f, "{batch}x{CLASSES}"),
            Domain::Parameters => write!(f, "{batch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_each_tensor_for_each_time_it_is_read_or_written() {
        let bytes = |op, batch| Memory { op, batch }.bytes();
        let image = CHANNELS * SIDE * SIDE * FLOAT_BYTES;
        assert_eq!(bytes(MemoryOp::Relu, 2), 2 * 2 * image);
        assert_eq!(bytes(MemoryOp::Adam, 10), 7 * 40);
        // Input, a quarter of it as output, and a byte for each output.
        assert_eq!(bytes(MemoryOp::MaxPool, 1), image + image / 4 + image / 16);
    }
}
