//! Optimisers: what turns a step's gradients into new parameters.
//!
//! An optimiser is a [`Method`], which says how one tensor moves, with what [`ByParameter`] does for all of them: it
//! walks over the model, keeps the state under the parameters' paths (with PyTorch's keys, so that a checkpoint can
//! hold it and another process can go on with it), and gives each parameter the rate and the weight decay of its
//! [`Groups`]. The learning rate comes from outside, with each step: it belongs to the schedule. Applying the step also
//! folds its batch statistics; there is no other way to the update.
//! The arithmetic is [`cnn_tensor::ops::update`]'s: one pass over parameter, gradient and state.

mod any;
mod apply;
mod by_parameter;
mod groups;
mod lookahead;
mod method;
mod methods;
mod sam;
mod state;

use std::fmt::Debug;

use cnn_autograd::Step;
use cnn_layers::Layer;

pub use any::AnyOptimizer;
pub use apply::update_parameters;
pub use by_parameter::ByParameter;
pub use groups::{Group, Groups};
pub use lookahead::{Lookahead, LookaheadOptions};
pub use method::{DecayOn, Method, Move};
pub use methods::{
    Adadelta, AdadeltaOptions, Adagrad, AdagradOptions, Adam, AdamOptions, AdamW, AdamWOptions, Lamb,
    LambOptions, Lion, LionOptions, Muon, MuonOptions, MuonScale, NAdam, NAdamOptions, RAdam, RAdamOptions,
    RmsProp, RmsPropOptions, Sgd, SgdOptions,
};
pub use sam::Sam;
pub use state::OptimizerState;

use crate::Result;

/// Applies steps to a model.
///
/// One of the user's own is a [`Method`] in a [`ByParameter`]; what does not move each parameter by itself
/// implements [`Optimizer::step`] by [`update_parameters`].
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

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
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
