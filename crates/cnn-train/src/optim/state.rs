//! [`OptimizerState`]: named tensors by parameter, in the form in which a checkpoint holds them.

use std::collections::BTreeMap;

use cnn_tensor::Tensor;

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
}
