//! Stochastic gradient descent with momentum, Nesterov's included, as `torch.optim.SGD`.

use std::collections::BTreeMap;

use cnn_autograd::Step;
use cnn_layers::{Layer, check_unique_paths};
use cnn_tensor::Tensor;
use cnn_tensor::ops::update::{self, Nesterov, Velocity};
use serde::{Deserialize, Serialize};

use super::{DecayOn, Optimizer, OptimizerState, update_parameters};
use crate::{Error, Result};

/// Arguments of [`Sgd`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SgdOptions {
    /// Share of the velocity that is carried over, 0 to 1 exclusive.
    pub momentum: f64,
    /// Share of the gradient that does not enter the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead by the momentum.
    pub nesterov: bool,
    /// Factor of the parameter that is added to its gradient.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

/// Stochastic gradient descent.
#[derive(Debug, Clone)]
pub struct Sgd {
    options: SgdOptions,
    velocity: BTreeMap<String, Tensor>,
}

impl Sgd {
    /// An optimiser at rest.
    ///
    /// # Errors
    /// [`Error::Argument`] for an option outside its range, or Nesterov's step without momentum or with
    /// dampening, which PyTorch refuses too.
    pub fn new(options: SgdOptions) -> Result<Self> {
        let SgdOptions { momentum, dampening, nesterov, weight_decay, .. } = options;
        if !(0.0..1.0).contains(&momentum) {
            return Err(Error::argument("optimizer.momentum", momentum, "0 or more and below 1"));
        }
        if !(0.0..=1.0).contains(&dampening) {
            return Err(Error::argument("optimizer.dampening", dampening, "a number from 0 to 1"));
        }
        check_weight_decay(weight_decay)?;
        if nesterov && (momentum == 0.0 || dampening != 0.0) {
            return Err(Error::argument(
                "optimizer.nesterov",
                nesterov,
                "a momentum above 0 and no dampening with it",
            ));
        }
        Ok(Self { options, velocity: BTreeMap::new() })
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, model: &mut dyn Layer, step: Step, learning_rate: f64) -> Result<()> {
        let SgdOptions { momentum, dampening, nesterov, weight_decay, decay_on } = self.options;
        let velocities = &mut self.velocity;
        if velocities.is_empty() {
            // State is kept by path, so two parameters of one path would share it.
            check_unique_paths(model)?;
        }
        update_parameters(model, step, |path, parameter, gradient| {
            let options = update::Sgd {
                lr: learning_rate,
                momentum,
                dampening,
                nesterov: if nesterov { Nesterov::On } else { Nesterov::Off },
                weight_decay: decay_on.of(weight_decay, parameter.shape()),
            };
            if momentum == 0.0 {
                return Ok(update::sgd(parameter, &gradient, Velocity::Absent, &options)?);
            }
            if let Some(velocity) = velocities.get_mut(path) {
                return Ok(update::sgd(parameter, &gradient, Velocity::Later(velocity), &options)?);
            }
            let mut velocity = Tensor::stale(parameter.shape(), parameter.dtype())?;
            update::sgd(parameter, &gradient, Velocity::First(&mut velocity), &options)?;
            velocities.insert(path.to_owned(), velocity);
            Ok(())
        })
    }

    fn describe(&self) -> String {
        format!("{:?}", self.options)
    }

    fn state(&self) -> Result<OptimizerState> {
        let mut state = OptimizerState::default();
        for (path, velocity) in &self.velocity {
            state.insert(path, "momentum_buffer", velocity.clone());
        }
        Ok(state)
    }

    fn set_state(&mut self, state: OptimizerState) -> Result<()> {
        let velocity = state.take("sgd", ["momentum_buffer"])?;
        if self.options.momentum == 0.0 && !velocity.is_empty() {
            return Err(Error::Optimizer("the state holds a momentum, this optimiser has none".into()));
        }
        self.velocity = velocity.into_iter().map(|(path, [velocity])| (path, velocity)).collect();
        Ok(())
    }
}

/// A weight decay must be a number from 0 on.
pub(super) fn check_weight_decay(weight_decay: f64) -> Result<()> {
    if weight_decay >= 0.0 && weight_decay.is_finite() {
        return Ok(());
    }
    Err(Error::argument("optimizer.weight-decay", weight_decay, "a number from 0 on"))
}
