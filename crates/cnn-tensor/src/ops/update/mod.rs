//! The optimisers' steps, each in one pass over parameter, gradient and state.
//!
//! The formulas are those of `torch.optim.SGD`, `Adam` and `AdamW` as their documentation gives them, so that
//! a recipe moves over with its numbers. Schedules, parameter groups and clipping are not here.
//!
//! Not differentiable: a step ends what the gradients were for.

mod reference;
mod step;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::{DType, Error, Result, Tensor};

use step::{AdamStep, SgdStep};

/// Which point Nesterov's momentum looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nesterov {
    /// The classical heavy ball.
    #[default]
    Off,
    /// The step looks ahead by the momentum.
    On,
}

/// One step of stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// Share of the velocity that is carried over.
    pub momentum: f64,
    /// Share of the gradient that does not enter the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead.
    pub nesterov: Nesterov,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
}

impl Default for Sgd {
    /// Plain descent with learning rate 0.001, as PyTorch.
    fn default() -> Self {
        Self { lr: 1e-3, momentum: 0.0, dampening: 0.0, nesterov: Nesterov::Off, weight_decay: 0.0 }
    }
}

/// The velocity that momentum carries from step to step.
#[derive(Debug)]
pub enum Velocity<'a> {
    /// There is none: plain descent.
    Absent,
    /// The first step: the gradient becomes the velocity, whatever the buffer holds (no dampening, as PyTorch).
    First(&'a mut Tensor),
    /// A later step.
    Later(&'a mut Tensor),
}

/// How weight decay enters Adam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decay {
    /// Added to the gradient: Adam with L2 regularisation.
    #[default]
    Coupled,
    /// Subtracted from the parameter: AdamW (Loshchilov and Hutter, 2019).
    Decoupled,
}

/// One step of Adam (Kingma and Ba, 2015) or AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// How weight decay enters.
    pub decay: Decay,
    /// Number of this step, from 1: the moments' bias is corrected by it.
    pub step: u64,
}

impl Default for Adam {
    /// The first step with PyTorch's defaults for `Adam`.
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decay: Decay::Coupled,
            step: 1,
        }
    }
}

/// Moves a parameter against its gradient, with momentum where a velocity is given.
///
/// ```text
/// d = grad + weight_decay * parameter
/// v = d on the first step, else momentum * v + (1 - dampening) * d
/// parameter -= lr * v            (Nesterov: lr * (d + momentum * v); no velocity: lr * d)
/// ```
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::update::{self, Sgd, Velocity}};
/// let mut parameter = Tensor::from_slice(&[2], &[1.0f32, 2.0])?;
/// let grad = Tensor::from_slice(&[2], &[2.0f32, -2.0])?;
/// update::sgd(&mut parameter, &grad, Velocity::Absent, &Sgd { lr: 0.5, ..Sgd::default() })?;
/// assert_eq!(parameter.to_vec::<f32>()?, [0.0, 3.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] and [`Error::DType`] where parameter, gradient and velocity differ or are not `F32` or
/// `F64`; [`Error::Argument`] where momentum has no velocity to work on.
pub fn sgd(parameter: &mut Tensor, grad: &Tensor, velocity: Velocity<'_>, options: &Sgd) -> Result<()> {
    const OP: &str = "sgd";
    check::same_spec(OP, ("parameter", parameter), ("gradient", grad))?;
    let (velocity, first) = match velocity {
        Velocity::Absent => (None, false),
        Velocity::First(velocity) => (Some(velocity), true),
        Velocity::Later(velocity) => (Some(velocity), false),
    };
    match &velocity {
        Some(velocity) => check::same_spec(OP, ("parameter", parameter), ("velocity", velocity))?,
        None if options.momentum != 0.0 => {
            return Err(Error::argument(OP, "momentum", options.momentum, "0 where there is no velocity"));
        }
        None => (),
    }
    let step = SgdStep::new(options, first);
    match parameter.dtype() {
        DType::F32 => {
            let velocity = velocity.map(Tensor::as_mut_slice::<f32>).transpose()?;
            vector::sgd(parameter.as_mut_slice()?, grad.as_slice()?, velocity, &step)?;
        }
        DType::F64 => {
            let velocity = velocity.map(Tensor::as_mut_slice::<f64>).transpose()?;
            reference::sgd(parameter.as_mut_slice()?, grad.as_slice()?, velocity, &step);
        }
        met => return Err(check::not_compute(OP, met)),
    }
    Ok(())
}

/// Moves a parameter by its first moment over the root of its second, both corrected for their start at 0.
///
/// ```text
/// g = grad + weight_decay * parameter                  (coupled)
/// parameter *= 1 - lr * weight_decay                   (decoupled)
/// m = beta1 * m + (1 - beta1) * g
/// v = beta2 * v + (1 - beta2) * g * g
/// parameter -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
/// ```
///
/// The moments start as zeros.
///
/// # Errors
/// [`Error::Shape`] and [`Error::DType`] where the four tensors differ or are not `F32` or `F64`;
/// [`Error::Argument`] for step 0.
pub fn adam(
    parameter: &mut Tensor,
    grad: &Tensor,
    first_moment: &mut Tensor,
    second_moment: &mut Tensor,
    options: &Adam,
) -> Result<()> {
    const OP: &str = "adam";
    check::same_spec(OP, ("parameter", parameter), ("gradient", grad))?;
    check::same_spec(OP, ("parameter", parameter), ("first moment", first_moment))?;
    check::same_spec(OP, ("parameter", parameter), ("second moment", second_moment))?;
    if options.step == 0 {
        return Err(Error::argument(OP, "step", 0, "1 for the first step"));
    }
    let step = AdamStep::new(options);
    match parameter.dtype() {
        DType::F32 => {
            let moments = [first_moment.as_mut_slice::<f32>()?, second_moment.as_mut_slice()?];
            vector::adam(parameter.as_mut_slice()?, grad.as_slice()?, moments, &step)?;
        }
        DType::F64 => {
            let moments = [first_moment.as_mut_slice::<f64>()?, second_moment.as_mut_slice()?];
            reference::adam(parameter.as_mut_slice()?, grad.as_slice()?, moments, &step);
        }
        met => return Err(check::not_compute(OP, met)),
    }
    Ok(())
}
