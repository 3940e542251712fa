//! A layer, or another operation of a network, as a user calls it: through the tape.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A layer by its name, and the input that it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// As `serve/layer.rs` and `benches/peers/torch/layers.py` know it.
    pub(crate) name: String,
    /// The input's shape in PyTorch's order of axes.
    pub(crate) shape: Vec<usize>,
    pub(crate) pass: LayerPass,
}

/// What of a layer is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LayerPass {
    /// Without a tape.
    Fwd,
    /// Forward and the gradients of every input and parameter.
    FwdBwd,
}

impl LayerPass {
    pub(crate) fn name(self) -> &'static str {
        match self {
            LayerPass::Fwd => "fwd",
            LayerPass::FwdBwd => "fwd+bwd",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        write!(f, "{} {}", self.name, sizes.join("x"))
    }
}
