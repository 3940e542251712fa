//! The optimisers' steps, each in one pass over parameter, gradient and state.
//!
//! A [`Rule`] says what happens to one element; [`apply`] does it to every one, split over the threads and compiled
//! for each instruction set. The rules here have a file each, with the formula as the documentation of `torch.optim`
//! (or the paper) gives it, so that a recipe moves over with its numbers. What looks at a whole tensor at once
//! ([Muon](orthogonal)'s matrices, LAMB's norms) is built from these. Schedules, parameter groups and clipping are not
//! here.
//!
//! Not differentiable: a step ends what the gradients were for.

mod adadelta;
mod adagrad;
mod adam;
mod lamb;
mod lerp;
mod lion;
mod nadam;
mod orthogonal;
mod radam;
mod reference;
mod rms_prop;
mod sgd;
#[cfg(test)]
mod tests;
mod vector;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, Decay};
pub use lamb::LambDirection;
pub use lerp::Lerp;
pub use lion::Lion;
pub use nadam::NAdam;
pub use orthogonal::orthogonal;
pub use radam::RAdam;
pub use rms_prop::RmsProp;
pub use sgd::{Descent, Momentum, Nesterov};

use crate::ops::check;
use crate::{DType, Error, Float, Result, Tensor};

/// What a step does to one element of a parameter, for which it keeps `N` numbers from step to step, four at
/// most.
///
/// The options are prepared once for a tensor (powers, roots, conversions), outside the loop; what is returned has
/// nothing left but arithmetic, which becomes vector code.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Float, Tensor, ops::update::{Rule, apply}};
///
/// /// Momentum that forgets its share `1 - keep` of the past.
/// struct Averaged { lr: f64, keep: f64 }
///
/// impl Rule<1> for Averaged {
///     fn element<F: Float>(&self) -> impl Fn(F, F, [F; 1]) -> (F, [F; 1]) + Copy + Send + Sync {
///         let [lr, keep, take] = [self.lr, self.keep, 1.0 - self.keep].map(F::from_f64);
///         move |p, g, [v]| {
///             let v = keep * v + take * g;
///             (p - lr * v, [v])
///         }
///     }
/// }
///
/// let mut parameter = Tensor::from_slice(&[2], &[1.0f32, 2.0])?;
/// let gradient = Tensor::from_slice(&[2], &[2.0f32, -2.0])?;
/// let mut velocity = Tensor::from_slice(&[2], &[0.0f32, 2.0])?;
/// apply(&Averaged { lr: 1.0, keep: 0.5 }, &mut parameter, &gradient, [&mut velocity])?;
/// assert_eq!(parameter.to_vec::<f32>()?, [0.0, 2.0]);
/// # Ok(()) }
/// ```
pub trait Rule<const N: usize> {
    /// The new value and state of an element from its value, its gradient and its old state.
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; N]) -> (F, [F; N]) + Copy + Send + Sync;
}

/// Takes a step: every element of `parameter` and `state` becomes what the rule makes of it and of its gradient.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::update::{Descent, apply}};
/// let mut parameter = Tensor::from_slice(&[2], &[1.0f32, 2.0])?;
/// let gradient = Tensor::from_slice(&[2], &[2.0f32, -2.0])?;
/// apply(&Descent { lr: 0.5, weight_decay: 0.0 }, &mut parameter, &gradient, [])?;
/// assert_eq!(parameter.to_vec::<f32>()?, [0.0, 3.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] and [`Error::DType`] where parameter, gradient and state differ or are not `F32` or `F64`.
pub fn apply<const N: usize>(
    rule: &impl Rule<N>,
    parameter: &mut Tensor,
    gradient: &Tensor,
    state: [&mut Tensor; N],
) -> Result<()> {
    const OP: &str = "update";
    check::same_spec(OP, ("parameter", parameter), ("gradient", gradient))?;
    for tensor in &state {
        check::same_spec(OP, ("parameter", parameter), ("state", tensor))?;
    }
    match parameter.dtype() {
        DType::F32 => {
            let state = slices(state)?;
            vector::update(parameter.as_mut_slice()?, gradient.as_slice()?, state, rule.element::<f32>())
        }
        DType::F64 => {
            let state = slices(state)?;
            reference::update(parameter.as_mut_slice()?, gradient.as_slice()?, state, rule.element::<f64>());
            Ok(())
        }
        met => Err(check::not_compute(OP, met)),
    }
}

fn slices<F: Float, const N: usize>(state: [&mut Tensor; N]) -> Result<[&mut [F]; N]> {
    let slices: Vec<&mut [F]> = state.into_iter().map(Tensor::as_mut_slice).collect::<Result<_>>()?;
    slices.try_into().map_err(|_| Error::argument("update", "state", N, "one slice for each tensor"))
}
