//! What attention layers are given beside their first input.

use cnn_autograd::Var;
use cnn_tensor::Tensor;
use cnn_tensor::ops::attention::Causality;

/// Which keys a query sees; the default is all.
#[derive(Debug, Clone, Default)]
pub struct Visible {
    /// Whether a query sees what comes after it.
    pub causality: Causality,
    /// `[queries, keys]` or `[batch, heads, queries, keys]`, where all but the keys may be 1: truth values, true where a
    /// query sees a key, or numbers that are added to the scores. A constant to the gradient.
    pub mask: Option<Tensor>,
}

impl Visible {
    /// What comes before a query, and itself.
    pub fn causal() -> Self {
        Self { causality: Causality::Causal, mask: None }
    }

    /// What a mask says.
    pub fn masked(mask: Tensor) -> Self {
        Self { causality: Causality::All, mask: Some(mask) }
    }
}

/// Who attends to what, `[batch, length, embed_dim]` each; as many keys as values.
#[derive(Debug, Clone)]
pub struct QueryKeyValue {
    /// Who attends.
    pub query: Var,
    /// What is matched with the queries.
    pub key: Var,
    /// What is summed.
    pub value: Var,
}
