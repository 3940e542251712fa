//! Lookahead (Zhang et al., arXiv:1907.08610): fast weights explore, slow weights follow every few steps.

use std::collections::BTreeMap;

use cnn_autograd::Step;
use cnn_layers::{Layer, Trainable, for_each_parameter_mut, named_parameters};
use cnn_tensor::Tensor;
use cnn_tensor::ops::update::{self, Lerp};
use serde::{Deserialize, Serialize};

use super::{Optimizer, OptimizerState};
use crate::{Error, Result};

/// Arguments of [`Lookahead`], with the paper's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LookaheadOptions {
    /// Steps of the inner optimiser for one of the slow weights, 1 or more.
    pub steps: u64,
    /// How far the slow weights go on the way to the fast ones, above 0 and at most 1.
    pub alpha: f64,
}

impl Default for LookaheadOptions {
    fn default() -> Self {
        Self { steps: 5, alpha: 0.5 }
    }
}

/// Another optimiser, whose weights are drawn back every few steps towards slow ones that follow them.
#[derive(Debug)]
pub struct Lookahead<O> {
    inner: O,
    options: LookaheadOptions,
    /// Slow weights, and how many steps they have seen, by the parameter's path.
    slow: BTreeMap<String, (Tensor, u64)>,
}

/// Names of the tensors in the state.
const SLOW: [&str; 2] = ["slow_buffer", "slow_step"];

impl<O: Optimizer> Lookahead<O> {
    /// Around an optimiser. The weights of the model at the first step are the first slow ones.
    ///
    /// # Errors
    /// [`Error::Argument`] for an option outside its range.
    pub fn new(inner: O, options: LookaheadOptions) -> Result<Self> {
        if options.steps == 0 {
            return Err(Error::argument("lookahead.steps", 0, "1 or more"));
        }
        if !(options.alpha > 0.0 && options.alpha <= 1.0) {
            return Err(Error::argument("lookahead.alpha", options.alpha, "above 0 and at most 1"));
        }
        Ok(Self { inner, options, slow: BTreeMap::new() })
    }
}

impl<O: Optimizer> Optimizer for Lookahead<O> {
    fn step(&mut self, model: &mut dyn Layer, step: Step, learning_rate: f64) -> Result<()> {
        for (path, parameter) in named_parameters(model) {
            if parameter.trainable() == Trainable::Yes && !self.slow.contains_key(&path) {
                self.slow.insert(path, (parameter.value().clone(), 0));
            }
        }
        self.inner.step(model, step, learning_rate)?;
        let LookaheadOptions { steps, alpha } = self.options;
        let slow = &mut self.slow;
        let mut result = Ok(());
        for_each_parameter_mut(model, |path, parameter| {
            if let Some((weights, seen)) = slow.get_mut(path)
                && parameter.trainable() == Trainable::Yes
                && result.is_ok()
            {
                *seen += 1;
                if seen.is_multiple_of(steps) {
                    result = update::apply(&Lerp { weight: alpha }, weights, parameter.value(), []);
                    *parameter.value_mut() = weights.clone();
                }
            }
        });
        Ok(result?)
    }

    fn describe(&self) -> String {
        format!("{:?} of {}", self.options, self.inner.describe())
    }

    fn state(&self) -> Result<OptimizerState> {
        let mut state = self.inner.state()?;
        for (path, (weights, seen)) in &self.slow {
            state.insert(path, SLOW[0], weights.clone());
            state.insert(path, SLOW[1], Tensor::scalar(i64::try_from(*seen).unwrap_or(i64::MAX))?);
        }
        Ok(state)
    }

    fn set_state(&mut self, mut state: OptimizerState) -> Result<()> {
        let mut slow = BTreeMap::new();
        for (path, tensors) in &mut state.parameters {
            let [weights, seen] = SLOW.map(|name| tensors.remove(name));
            let seen = seen.and_then(|seen| u64::try_from(*seen.as_slice::<i64>().ok()?.first()?).ok());
            let (Some(weights), Some(seen)) = (weights, seen) else {
                return Err(Error::Optimizer(format!(
                    "the state of {path} has no slow weights of Lookahead"
                )));
            };
            slow.insert(path.clone(), (weights, seen));
        }
        // A parameter that no gradient has reached is known here and not to the inner optimiser.
        state.parameters.retain(|_, tensors| !tensors.is_empty());
        self.inner.set_state(state)?;
        self.slow = slow;
        Ok(())
    }
}
