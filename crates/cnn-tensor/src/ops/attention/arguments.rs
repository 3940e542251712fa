//! What attention takes and gives.

use crate::Tensor;
use crate::random::Key;

/// Where queries, keys and values are.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// In tensors of their own.
    Apart {
        /// `[batch, queries, heads * head_size]`.
        query: &'a Tensor,
        /// `[batch, keys, heads * head_size]`.
        key: &'a Tensor,
        /// `[batch, keys, heads * value_size]`.
        value: &'a Tensor,
    },
    /// In the first, second and last third of the channels of one: `[batch, length, 3 * heads * head_size]`.
    Packed(&'a Tensor),
}

/// Settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Number of heads: each takes its own range of the channels.
    pub heads: usize,
    /// Whether a query sees what comes after it.
    pub causality: Causality,
    /// Factor of the scores; `None` is one over the root of the head size.
    pub scale: Option<f64>,
    /// Zeros of some of the weights.
    pub dropout: Option<Dropout>,
}

impl Options {
    /// So many heads, with the default of everything else: all keys are seen, nothing is dropped.
    pub fn new(heads: usize) -> Self {
        Self { heads, causality: Causality::default(), scale: None, dropout: None }
    }
}

/// Whether a query sees what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Causality {
    /// It sees all keys.
    #[default]
    All,
    /// Query number `i` sees the keys up to number `i`, also where there are more or fewer keys than queries. What a query
    /// does not see has weight 0, and 0 times NaN or infinity is NaN: such a value may reach queries before it: all of
    /// them in `F64`, some of those shortly before it in `F32`, as in PyTorch, which skips blocks of other sizes.
    Causal,
}

/// Zeros some weights and divides the others by one less the probability, as [`crate::ops::dropout`] does: number
/// `((image * heads + head) * queries + query) * keys + key` of the key's stream decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// How likely a weight is dropped.
    pub probability: f64,
    /// Says which are.
    pub key: Key,
}

/// Which gradients are computed. Of packed inputs there is one gradient, whatever is wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// That of the queries.
    pub query: bool,
    /// That of the keys.
    pub key: bool,
    /// That of the values.
    pub value: bool,
}

/// The gradients of the inputs.
#[derive(Debug, Clone)]
pub enum Gradients {
    /// Of [`Inputs::Apart`], where they were wanted.
    Apart {
        /// Of the queries.
        query: Option<Tensor>,
        /// Of the keys.
        key: Option<Tensor>,
        /// Of the values.
        value: Option<Tensor>,
    },
    /// Of [`Inputs::Packed`].
    Packed(Tensor),
}
