//! [`Average`]: a moving average of a network's weights, which is often better than the weights of any one step.
//!
//! Running statistics of batch norms are averaged with the weights, as `AveragedModel(use_buffers=True)` of PyTorch and
//! timm's `ModelEmaV2` do: the average network then normalises by what its own weights saw, on average.

use std::collections::BTreeMap;

use cnn_layers::{ItemMut, Layer, for_each_mut, named_buffers, named_parameters};
use cnn_tensor::ops::update::{self, Lerp};
use cnn_tensor::{Tensor, ops};

use crate::Result;

/// An exponential moving average of parameters and buffers.
///
/// ```
/// # use cnn_layers::{BatchNorm2d, Forward, Layer};
/// # use cnn_train::Average;
/// # fn main() -> cnn_train::Result<()> {
/// # let mut network = BatchNorm2d::new(3)?;
/// let mut average = Average::of(&network)?;
/// // after each step
/// average.update(&network, 0.999)?;
/// // to evaluate: the network with the average's values, and back
/// average.swap(&mut network);
/// average.swap(&mut network);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Average {
    /// By path.
    values: BTreeMap<String, Tensor>,
}

impl Average {
    /// The average of one set of weights: a copy of them.
    ///
    /// # Errors
    /// Where a tensor cannot be copied.
    pub fn of(model: &dyn Layer) -> Result<Self> {
        let mut values = BTreeMap::new();
        for (path, tensor) in tensors(model) {
            // A buffer of its own, so that neither has to be copied when the other changes.
            let own = match tensor.dtype().is_compute() {
                true => ops::unary::scale(tensor.clone(), 1.0)?,
                false => tensor.clone(),
            };
            values.insert(path, own);
        }
        Ok(Self { values })
    }

    /// Moves the average by the share `1 - decay` towards the model. Counters, which have no average, are taken over.
    ///
    /// # Errors
    /// Where a tensor has another shape than the average's.
    pub fn update(&mut self, model: &dyn Layer, decay: f64) -> Result<()> {
        let rule = Lerp { weight: 1.0 - decay };
        for (path, tensor) in tensors(model) {
            match self.values.get_mut(&path) {
                Some(value) if tensor.dtype().is_compute() => update::apply(&rule, value, tensor, [])?,
                _ => drop(self.values.insert(path, tensor.clone())),
            }
        }
        Ok(())
    }

    /// Exchanges the model's values with the average's; a second time, they are back.
    pub fn swap(&mut self, model: &mut dyn Layer) {
        for_each_mut(model, &mut |path, item| match item {
            ItemMut::Parameter(parameter) => {
                if let Some(value) = self.values.get_mut(path) {
                    std::mem::swap(value, parameter.value_mut());
                }
            }
            ItemMut::Buffer(tensor, _) => {
                if let Some(value) = self.values.get_mut(path) {
                    std::mem::swap(value, tensor);
                }
            }
            _ => {}
        });
    }
}

fn tensors(model: &dyn Layer) -> impl Iterator<Item = (String, &Tensor)> {
    let parameters = named_parameters(model).into_iter().map(|(path, parameter)| (path, parameter.value()));
    parameters.chain(named_buffers(model))
}
