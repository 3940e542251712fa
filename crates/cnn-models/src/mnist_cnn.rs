//! The network of PyTorch's MNIST example (pytorch/examples, mnist/main.py), without its dropout.
//!
//! ```text
//! convolution 32@3x3, relu    convolution 64@3x3, relu    max-pool 2
//! dense 128, relu    dense classes
//! ```

use cnn_layers::init::{Initializer, TorchDefault};
use cnn_layers::{Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};

use crate::Arguments;

/// PyTorch's MNIST example; 1,199,882 parameters for MNIST, most of them in `fc1`.
#[derive(Debug, Layer)]
pub struct MnistCnn {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Dense,
    fc2: Dense,
}

impl MnistCnn {
    /// A network with PyTorch's starting values.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for images with a side under 6, of which the pooling would leave nothing.
    pub fn new(arguments: &Arguments, key: Key) -> crate::Result<Self> {
        Self::with_initializer(arguments, &TorchDefault, key)
    }

    /// A network whose weights start as the initializer says.
    ///
    /// # Errors
    /// As [`MnistCnn::new`].
    pub fn with_initializer(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        arguments.check("mnist-cnn", 6, "6 or more")?;
        Ok(Self {
            conv1: Conv2d::builder(arguments.channels, 32, 3).build_with(init, key.fold(0))?,
            conv2: Conv2d::builder(32, 64, 3).build_with(init, key.fold(1))?,
            fc1: Dense::builder(features(arguments), 128).build_with(init, key.fold(2))?,
            fc2: Dense::builder(128, arguments.classes).build_with(init, key.fold(3))?,
        })
    }
}

impl Forward for MnistCnn {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv1.call_act(x, Relu, cx)?;
        let x = self.conv2.call_act(x, Relu, cx)?.max_pool2d(2)?.flatten()?;
        let x = self.fc1.call_act(x, Relu, cx)?;
        self.fc2.call(x, cx)
    }
}

/// Values of one image that reach `fc1`.
fn features(arguments: &Arguments) -> usize {
    64 * ((arguments.height - 4) / 2) * ((arguments.width - 4) / 2)
}
