//! [`Method`]: how one tensor moves.

use std::fmt::Debug;

use cnn_tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// An optimiser's arithmetic on one parameter, with its options; [`ByParameter`](super::ByParameter) does the rest.
///
/// ```
/// use cnn_autograd::{Ctx, random::Key};
/// use cnn_layers::{Conv2d, Forward, Reduction};
/// use cnn_tensor::{Tensor, ops::update};
/// use cnn_train::optim::{ByParameter, Method, Move, Optimizer};
///
/// /// Steps of one length, whatever the gradient's.
/// #[derive(Debug, Clone)]
/// struct Normalized { epsilon: f64 }
///
/// impl Method for Normalized {
///     const NAME: &'static str = "normalized";
///
///     fn update(
///         &self, at: &Move, parameter: &mut Tensor, gradient: &Tensor, _state: &mut [Tensor],
///     ) -> cnn_train::Result<()> {
///         let length = gradient.to_f64_vec()?.iter().map(|g| g * g).sum::<f64>().sqrt();
///         let lr = at.learning_rate / (length + self.epsilon);
///         Ok(update::apply(&update::Descent { lr, weight_decay: at.weight_decay }, parameter, gradient, [])?)
///     }
/// }
///
/// let optimizer = ByParameter::new(Normalized { epsilon: 1e-12 })?;
/// assert_eq!(optimizer.describe(), "normalized { epsilon: 1e-12 }");
/// # Ok::<(), cnn_train::Error>(())
/// ```
pub trait Method: Debug + Clone + Send + 'static {
    /// Its name, as a configuration would write it.
    const NAME: &'static str;

    /// Whether the options make sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the one that does not.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The weight decay of a parameter of this shape, where its group says nothing else.
    fn weight_decay(&self, _shape: &[usize]) -> f64 {
        0.0
    }

    /// The tensors that it keeps for a parameter of this shape, all of the same: name (without a dot) and the value
    /// that every element starts with.
    fn state(&self, _shape: &[usize]) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Moves a parameter; `state` is what [`Method::state`] names, in its order. Where it fails, nothing has changed.
    ///
    /// # Errors
    /// Those of the arithmetic.
    fn update(
        &self,
        at: &Move,
        parameter: &mut Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> Result<()>;
}

/// What a parameter's step depends on besides its gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Move {
    /// The step's learning rate, times the group's.
    pub learning_rate: f64,
    /// The group's weight decay, or the method's.
    pub weight_decay: f64,
    /// How many steps this parameter has taken, this one included: 1 for the first.
    pub step: u64,
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
    pub fn of(self, weight_decay: f64, shape: &[usize]) -> f64 {
        match self {
            Self::Kernels if shape.len() < 2 => 0.0,
            _ => weight_decay,
        }
    }
}

/// The tensors of a state as an array.
pub(super) fn expect_state<const N: usize>(state: &mut [Tensor]) -> Result<[&mut Tensor; N]> {
    let met = state.len();
    let tensors: Vec<&mut Tensor> = state.iter_mut().collect();
    tensors.try_into().map_err(|_| Error::Optimizer(format!("the state has {met} tensors, expected {N}")))
}

/// An option that is a share: 0 or more and below 1.
pub(super) fn check_share(name: &'static str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::argument(name, value, "0 or more and below 1"))
}

/// An option that is a number from 0 on.
pub(super) fn check_from_zero(name: &'static str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, value, "a number from 0 on"))
}
