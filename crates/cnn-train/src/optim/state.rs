//! [`OptimizerState`]: named tensors by parameter, in the form in which a checkpoint holds them.

use std::collections::BTreeMap;

use cnn_tensor::Tensor;

use crate::{Error, Result};

/// What an optimiser keeps between steps: for each parameter, tensors under names of its own.
#[derive(Debug, Clone, Default)]
pub struct OptimizerState {
    /// By path of the parameter, then by name (`momentum_buffer`, `exp_avg`: PyTorch's names). A name has no dot.
    pub parameters: BTreeMap<String, BTreeMap<String, Tensor>>,
}

impl OptimizerState {
    /// Adds a tensor.
    pub fn insert(&mut self, parameter: &str, name: &str, tensor: Tensor) {
        self.parameters.entry(parameter.to_owned()).or_default().insert(name.to_owned(), tensor);
    }

    /// Takes exactly the named tensors of each parameter.
    ///
    /// # Errors
    /// [`Error::Optimizer`] where one is missing or there is another.
    pub fn take<const N: usize>(
        self,
        optimizer: &'static str,
        names: [&str; N],
    ) -> Result<BTreeMap<String, [Tensor; N]>> {
        let take_one = |(parameter, mut tensors): (String, BTreeMap<String, Tensor>)| {
            let found: Vec<Tensor> = names.iter().filter_map(|&name| tensors.remove(name)).collect();
            match <[Tensor; N]>::try_from(found) {
                Ok(found) if tensors.is_empty() => Ok((parameter, found)),
                _ => Err(Error::Optimizer(format!(
                    "the state of {parameter} is not that of {optimizer}, which keeps {}",
                    if N == 0 { "nothing".into() } else { names.join(", ") }
                ))),
            }
        };
        self.parameters.into_iter().map(take_one).collect()
    }
}
