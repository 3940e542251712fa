//! Optimisers: what turns a step's gradients into new parameters.
//!
//! An optimiser keeps its state under the parameters' paths, as PyTorch's keys, so that a checkpoint can hold
//! it and another process can go on with it. The learning rate comes from outside, with each step: it belongs
//! to the schedule. Applying the step also folds its batch statistics; there is no other way to the update.
//! The arithmetic is [`cnn_tensor::ops::update`]'s: one pass over parameter, gradient and state.

mod adam;
mod apply;
mod sgd;
mod state;

use std::fmt::Debug;

use cnn_autograd::Step;
use cnn_layers::Layer;
use serde::{Deserialize, Serialize};

pub use adam::{Adam, AdamOptions, AdamW, AdamWOptions};
pub use apply::update_parameters;
pub use sgd::{Sgd, SgdOptions};
pub use state::OptimizerState;

use crate::Result;

/// Applies steps to a model.
///
/// One of the user's own implements [`Optimizer::step`] by [`update_parameters`], which brings parameter and
/// gradient together and folds the batch statistics.
pub trait Optimizer: Debug + Send {
    /// Moves every trainable parameter that has a gradient, and folds the step's batch statistics.
    ///
    /// A parameter whose update fails stays as it was, and so does what the optimiser keeps for it; those before
    /// it in the model have moved.
    ///
    /// # Errors
    /// [`Error::Optimizer`](crate::Error::Optimizer) where a gradient belongs to no parameter of the model, or
    /// the state does not fit it; [`Error::Layers`](crate::Error::Layers) where two parameters have one path.
    fn step(&mut self, model: &mut dyn Layer, step: Step, learning_rate: f64) -> Result<()>;

    /// Its name and options in words, without its state: two optimisers with the same words and the same state
    /// take the same step. A checkpoint holds it, and a run with other words does not resume from there.
    fn describe(&self) -> String;

    /// Everything that the next step depends on.
    ///
    /// # Errors
    /// Where a tensor of the state cannot be made.
    fn state(&self) -> Result<OptimizerState>;

    /// Goes on from a state that [`Optimizer::state`] gave, in this process or another.
    ///
    /// # Errors
    /// [`Error::Optimizer`](crate::Error::Optimizer) where it is the state of another kind of optimiser.
    fn set_state(&mut self, state: OptimizerState) -> Result<()>;
}

/// Which parameters weight decay acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DecayOn {
    /// All of them, as PyTorch does.
    #[default]
    All,
    /// Those of two dimensions or more: kernels and matrices, neither biases nor the scales and shifts of norms.
    Kernels,
}

impl DecayOn {
    /// The weight decay of a parameter of this shape.
    fn of(self, weight_decay: f64, shape: &[usize]) -> f64 {
        match self {
            Self::Kernels if shape.len() < 2 => 0.0,
            _ => weight_decay,
        }
    }
}

/// Any optimiser of this crate, as a configuration file names it: `kind = "sgd"`, then its arguments.
///
/// ```
/// let options: cnn_train::optim::AnyOptimizer =
///     serde_json::from_str(r#"{"kind": "sgd", "momentum": 0.9, "nesterov": true}"#).unwrap();
/// let optimizer = options.build()?;
/// # Ok::<(), cnn_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum AnyOptimizer {
    /// Stochastic gradient descent.
    Sgd(SgdOptions),
    /// Adam; weight decay enters the gradient.
    Adam(AdamOptions),
    /// Adam with decoupled weight decay.
    AdamW(AdamWOptions),
}

impl AnyOptimizer {
    /// The optimiser, without any state.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an option outside its range.
    pub fn build(&self) -> Result<Box<dyn Optimizer>> {
        Ok(match self {
            Self::Sgd(options) => Box::new(Sgd::new(*options)?),
            Self::Adam(options) => Box::new(Adam::new(*options)?),
            Self::AdamW(options) => Box::new(AdamW::new(*options)?),
        })
    }
}

impl Default for AnyOptimizer {
    fn default() -> Self {
        Self::Adam(AdamOptions::default())
    }
}

impl Optimizer for Box<dyn Optimizer> {
    fn step(&mut self, model: &mut dyn Layer, step: Step, learning_rate: f64) -> Result<()> {
        (**self).step(model, step, learning_rate)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn state(&self) -> Result<OptimizerState> {
        (**self).state()
    }

    fn set_state(&mut self, state: OptimizerState) -> Result<()> {
        (**self).set_state(state)
    }
}

#[cfg(test)]
mod tests;
