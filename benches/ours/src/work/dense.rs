//! A matrix product of a dense layer, written as `M=rows N=out_features K=in_features`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Demand, FLOAT_BYTES};

/// The sizes of a dense layer and the product that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dense {
    pub(crate) rows: usize,
    pub(crate) out_features: usize,
    pub(crate) in_features: usize,
    pub(crate) pass: DensePass,
}

/// Which of the three products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DensePass {
    /// `x w`.
    Fwd,
    /// The gradient of the output times the transposed weights.
    GradInput,
    /// The transposed input times the gradient of the output.
    GradWeight,
}

impl DensePass {
    pub(crate) fn name(self) -> &'static str {
        match self {
            DensePass::Fwd => "fwd",
            DensePass::GradInput => "grad-input",
            DensePass::GradWeight => "grad-weight",
        }
    }
}

impl Dense {
    pub(super) fn demand(&self) -> Demand {
        let Dense { rows, out_features, in_features, .. } = *self;
        Demand {
            operations: 2 * (rows * out_features * in_features) as u64,
            bytes: (rows * in_features + in_features * out_features + rows * out_features) * FLOAT_BYTES,
        }
    }
}

impl fmt::Display for Dense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M={} N={} K={}", self.rows, self.out_features, self.in_features)
    }
}
