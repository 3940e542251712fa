//! Sharpness-aware minimisation (Foret et al., arXiv:2010.01412): gradients from the worst place nearby.

use std::collections::BTreeMap;

use cnn_autograd::Gradients;
use cnn_layers::{Layer, for_each_parameter_mut};
use cnn_tensor::Tensor;
use cnn_tensor::ops::update::{self, Descent};

use crate::{Error, Result};

/// Takes a model to the place nearby where the loss is highest, to first order, and back.
///
/// The step of any optimiser is then taken with the gradients from there. It costs a second pass forward and back.
///
/// ```
/// # use cnn_autograd::{Ctx, random::Key};
/// # use cnn_layers::{Forward, Layer, Reduction};
/// # use cnn_tensor::Tensor;
/// # use cnn_train::optim::{Optimizer, Sam};
/// # fn step(model: &mut dyn Forward, optimizer: &mut dyn Optimizer, images: Tensor, labels: &Tensor, key: Key)
/// # -> cnn_train::Result<()> {
/// let mut pass = |model: &dyn Forward| -> cnn_train::Result<cnn_autograd::Step> {
///     let mut cx = Ctx::training(key);
///     let x = cx.input(images.clone());
///     let loss = model.call(x, &mut cx)?.cross_entropy(labels, Reduction::Mean)?;
///     Ok(cx.backward(loss)?)
/// };
/// let mut step = pass(model)?;
/// let sam = Sam::climb(model, &step.gradients, 0.05)?;
/// let there = pass(model)?;
/// sam.descend(model);
/// step.gradients = there.gradients; // and the batch statistics of the first pass
/// optimizer.step(model, step, 0.1)?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "the model stays where it climbed to"]
pub struct Sam {
    /// The parameters' values before.
    before: BTreeMap<String, Tensor>,
}

impl Sam {
    /// Moves every parameter that has a gradient along it, all together by a way of length `rho` (the paper: 0.05).
    /// Where all gradients are zero, nothing moves.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `rho` is above 0; where a gradient does not fit its parameter.
    pub fn climb(model: &mut dyn Layer, gradients: &Gradients, rho: f64) -> Result<Self> {
        if !(rho > 0.0 && rho.is_finite()) {
            return Err(Error::argument("sam-rho", rho, "a number above 0"));
        }
        let rule = Descent { lr: -rho / (gradients.norm()? + 1e-12), weight_decay: 0.0 };
        let mut sam = Self { before: BTreeMap::new() };
        let mut result = Ok(());
        for_each_parameter_mut(model, |path, parameter| {
            if let Some(gradient) = gradients.get(parameter.id())
                && result.is_ok()
            {
                sam.before.insert(path.to_owned(), parameter.value().clone());
                result = update::apply(&rule, parameter.value_mut(), gradient, []);
            }
        });
        match result {
            Ok(()) => Ok(sam),
            Err(error) => {
                sam.descend(model);
                Err(error.into())
            }
        }
    }

    /// Takes the model back, to the last bit.
    pub fn descend(mut self, model: &mut dyn Layer) {
        for_each_parameter_mut(model, |path, parameter| {
            if let Some(before) = self.before.remove(path) {
                *parameter.value_mut() = before;
            }
        });
    }
}
