//! A whole network: its name in `cnn-models`, and how many images at once.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A network, and the optimiser that trains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) model: String,
    pub(crate) batch: usize,
    pub(crate) optimizer: Optimizer,
}

/// How the weights are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Optimizer {
    /// Adam with learning rate 0.001.
    Adam,
    /// Stochastic gradient descent with learning rate 0.01 and momentum 0.9.
    SgdMomentum,
}

impl Network {
    /// Channels, height and width of an image: MNIST's or CIFAR's.
    pub(crate) fn image(&self) -> [usize; 3] {
        if self.model.contains("resnet") { [3, 32, 32] } else { [1, 28, 28] }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batch {}", self.model, self.batch)
    }
}
