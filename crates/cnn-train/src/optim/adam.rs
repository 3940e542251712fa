//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), as `torch.optim` has them.

use std::collections::BTreeMap;

use cnn_autograd::Step;
use cnn_layers::{Layer, check_unique_paths};
use cnn_tensor::Tensor;
use cnn_tensor::ops::update::{self, Decay};
use serde::{Deserialize, Serialize};

use super::sgd::check_weight_decay;
use super::{DecayOn, Optimizer, OptimizerState, update_parameters};
use crate::{Error, Result};

/// Arguments of [`Adam`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdamOptions {
    /// Decay rate of the mean of the gradients.
    pub beta1: f64,
    /// Decay rate of the mean of their squares.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decay_on: DecayOn::All }
    }
}

/// Arguments of [`AdamW`], with PyTorch's names and defaults: those of [`AdamOptions`] but for a weight decay
/// of 0.01.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdamWOptions {
    /// Decay rate of the mean of the gradients.
    pub beta1: f64,
    /// Decay rate of the mean of their squares.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for AdamWOptions {
    fn default() -> Self {
        let AdamOptions { beta1, beta2, epsilon, decay_on, .. } = AdamOptions::default();
        Self { beta1, beta2, epsilon, weight_decay: 0.01, decay_on }
    }
}

/// Adam; weight decay is added to the gradient.
#[derive(Debug, Clone)]
pub struct Adam(Moving);

/// Adam with decoupled weight decay: taken off the parameter itself.
#[derive(Debug, Clone)]
pub struct AdamW(Moving);

impl Adam {
    /// An optimiser without any moments yet.
    ///
    /// # Errors
    /// [`Error::Argument`] for an option outside its range.
    pub fn new(options: AdamOptions) -> Result<Self> {
        Moving::new(options, Decay::Coupled).map(Self)
    }
}

impl AdamW {
    /// An optimiser without any moments yet.
    ///
    /// # Errors
    /// [`Error::Argument`] for an option outside its range.
    pub fn new(options: AdamWOptions) -> Result<Self> {
        let AdamWOptions { beta1, beta2, epsilon, weight_decay, decay_on } = options;
        let options = AdamOptions { beta1, beta2, epsilon, weight_decay, decay_on };
        Moving::new(options, Decay::Decoupled).map(Self)
    }
}

macro_rules! optimizer {
    ($type:ident) => {
        impl Optimizer for $type {
            fn step(&mut self, model: &mut dyn Layer, step: Step, learning_rate: f64) -> Result<()> {
                self.0.step(model, step, learning_rate)
            }

            fn describe(&self) -> String {
                format!("{} with {:?}", stringify!($type), self.0.options)
            }

            fn state(&self) -> Result<OptimizerState> {
                self.0.state()
            }

            fn set_state(&mut self, state: OptimizerState) -> Result<()> {
                self.0.set_state(state)
            }
        }
    };
}

optimizer!(Adam);
optimizer!(AdamW);

/// What both have in common: everything but where the weight decay enters.
#[derive(Debug, Clone)]
struct Moving {
    options: AdamOptions,
    decay: Decay,
    moments: BTreeMap<String, Moments>,
}

/// State of one parameter.
#[derive(Debug, Clone)]
struct Moments {
    /// Mean of the gradients.
    first: Tensor,
    /// Mean of their squares.
    second: Tensor,
    /// Steps that this parameter has taken.
    steps: u64,
}

const NAMES: [&str; 3] = ["exp_avg", "exp_avg_sq", "step"];

impl Moving {
    fn new(options: AdamOptions, decay: Decay) -> Result<Self> {
        for (name, beta) in [("optimizer.beta1", options.beta1), ("optimizer.beta2", options.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(Error::argument(name, beta, "0 or more and below 1"));
            }
        }
        if !(options.epsilon >= 0.0 && options.epsilon.is_finite()) {
            return Err(Error::argument("optimizer.epsilon", options.epsilon, "a number from 0 on"));
        }
        check_weight_decay(options.weight_decay)?;
        Ok(Self { options, decay, moments: BTreeMap::new() })
    }

    fn step(&mut self, model: &mut dyn Layer, step: Step, learning_rate: f64) -> Result<()> {
        let (AdamOptions { beta1, beta2, epsilon, weight_decay, decay_on }, decay) =
            (self.options, self.decay);
        let all = &mut self.moments;
        if all.is_empty() {
            // State is kept by path, so two parameters of one path would share it.
            check_unique_paths(model)?;
        }
        update_parameters(model, step, |path, parameter, gradient| {
            let mut fresh = None;
            let moments = match all.get_mut(path) {
                Some(moments) => moments,
                None => fresh.insert(Moments::new(parameter)?),
            };
            let steps = moments.steps + 1;
            let weight_decay = decay_on.of(weight_decay, parameter.shape());
            let options =
                update::Adam { lr: learning_rate, beta1, beta2, epsilon, weight_decay, decay, step: steps };
            update::adam(parameter, &gradient, &mut moments.first, &mut moments.second, &options)?;
            moments.steps = steps;
            if let Some(fresh) = fresh {
                all.insert(path.to_owned(), fresh);
            }
            Ok(())
        })
    }

    fn state(&self) -> Result<OptimizerState> {
        let mut state = OptimizerState::default();
        for (path, moments) in &self.moments {
            let steps = Tensor::scalar(i64::try_from(moments.steps).unwrap_or(i64::MAX))?;
            for (name, tensor) in
                NAMES.into_iter().zip([moments.first.clone(), moments.second.clone(), steps])
            {
                state.insert(path, name, tensor);
            }
        }
        Ok(state)
    }

    fn set_state(&mut self, state: OptimizerState) -> Result<()> {
        let restore = |(path, [first, second, steps]): (String, [Tensor; 3])| {
            let steps = steps.as_slice::<i64>().ok().and_then(|steps| u64::try_from(*steps.first()?).ok());
            let steps =
                steps.ok_or_else(|| Error::Optimizer(format!("the step of {path} is not a count")))?;
            Ok((path, Moments { first, second, steps }))
        };
        self.moments = state.take("adam", NAMES)?.into_iter().map(restore).collect::<Result<_>>()?;
        Ok(())
    }
}

impl Moments {
    fn new(parameter: &Tensor) -> Result<Self> {
        let zeros = || Tensor::zeros(parameter.shape(), parameter.dtype());
        Ok(Self { first: zeros()?, second: zeros()?, steps: 0 })
    }
}
