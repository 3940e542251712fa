//! What is timed: a description that every engine understands, sent to it as JSON.
//!
//! A work knows what it has to compute (floating-point operations) and to move (bytes of its inputs and
//! outputs, each counted once for each time that it has to be read or written), so that speed can be set
//! against what the machine can do.

mod conv;
mod dense;
mod layer;
mod loading;
mod memory;
mod network;

pub(crate) use conv::{Conv, ConvPass};
pub(crate) use dense::{Dense, DensePass};
pub(crate) use layer::{Layer, LayerPass};
pub(crate) use loading::{Loading, Pipeline};
pub(crate) use memory::{CHANNELS, CLASSES, Memory, MemoryOp, SIDE};
pub(crate) use network::{Network, Optimizer};

use serde::{Deserialize, Serialize};

/// Bytes of an `f32`.
const FLOAT_BYTES: usize = 4;

/// One thing to time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Work {
    /// A convolution.
    Conv(Conv),
    /// A matrix product of a dense layer.
    Dense(Dense),
    /// A layer or operation through the tape.
    Layer(Layer),
    /// An operation that is limited by memory.
    Memory(Memory),
    /// Whole training steps: forward, loss, backward, update.
    Train(Network),
    /// Forward alone, in eval mode.
    Infer(Network),
    /// Images from where they lie, through a pipeline.
    Load(Loading),
    /// The program `cnn predict` from its start to its end.
    Start,
    /// The machine's limit of multiply-adds.
    MultiplyAdds,
    /// A plain copy that moves so many bytes, half of them read and half written.
    Copy {
        /// Bytes read and written.
        bytes: usize,
    },
}

/// What an operation must do at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Demand {
    /// Floating-point operations, a multiply-add counted as two; 0 where nobody counts them.
    pub(crate) operations: u64,
    /// Bytes read and written; 0 where nobody counts them.
    pub(crate) bytes: usize,
}

impl Work {
    /// The name without the pass: `conv 64x1x28x28 -> 32, 3, 1, 1`.
    pub(crate) fn name(&self) -> String {
        match self {
            Work::Conv(conv) => format!("conv {conv}"),
            Work::Dense(dense) => format!("dense {dense}"),
            Work::Layer(layer) => format!("{layer}"),
            Work::Memory(memory) => format!("{memory}"),
            Work::Train(network) | Work::Infer(network) => format!("{network}"),
            Work::Load(load) => load.to_string(),
            Work::Start => "cnn predict, lenet5, one image".into(),
            Work::MultiplyAdds => "limit of multiply-adds".into(),
            Work::Copy { .. } => "plain copy".into(),
        }
    }

    /// Which part of the work is timed.
    pub(crate) fn pass(&self) -> &'static str {
        match self {
            Work::Conv(conv) => conv.pass.name(),
            Work::Dense(dense) => dense.pass.name(),
            Work::Layer(layer) => layer.pass.name(),
            Work::Memory(memory) => memory.op.pass(),
            Work::Train(_) => "step",
            Work::Infer(_) => "fwd",
            Work::Load(_) => "load",
            Work::Start => "process",
            Work::MultiplyAdds | Work::Copy { .. } => "reference",
        }
    }

    /// What it must compute and move.
    pub(crate) fn demand(&self) -> Demand {
        match self {
            Work::Conv(conv) => conv.demand(),
            Work::Dense(dense) => dense.demand(),
            Work::Memory(memory) => Demand { operations: 0, bytes: memory.bytes() },
            Work::Copy { bytes } => Demand { operations: 0, bytes: *bytes },
            _ => Demand::default(),
        }
    }

    /// How far apart the outputs of two engines may be, relative to their mean absolute value.
    pub(crate) fn tolerance(&self) -> f64 {
        match self {
            // PyTorch sums up a channel's hundred thousand numbers of either sign in single precision.
            Work::Memory(memory) if memory.op.sums_channels() => 0.05,
            _ => 1e-3,
        }
    }

    /// Images in one run, for work that is counted in them.
    pub(crate) fn images(&self) -> Option<usize> {
        match self {
            Work::Train(network) | Work::Infer(network) => Some(network.batch),
            Work::Load(load) => Some(load.images),
            _ => None,
        }
    }

    /// Whether each engine gets a fresh process, so that its peak memory is this work's alone.
    pub(crate) fn wants_fresh_process(&self) -> bool {
        matches!(self, Work::Train(_) | Work::Infer(_) | Work::Load(_))
    }
}
