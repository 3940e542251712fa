//! LeNet-5 after LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition"
//! (1998), in the form in which it is taught today: ReLU, max-pooling and a plain last layer.
//!
//! ```text
//! convolution 6@5x5, padding 2, relu    max-pool 2
//! convolution 16@5x5, relu              max-pool 2
//! dense 120, relu    dense 84, relu    dense classes
//! ```

use cnn_layers::init::{Initializer, TorchDefault};
use cnn_layers::{Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};

use crate::Arguments;

/// LeNet-5; 61,706 parameters for MNIST.
#[derive(Debug, Layer)]
pub struct LeNet5 {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Dense,
    fc2: Dense,
    fc3: Dense,
}

impl LeNet5 {
    /// A network with PyTorch's starting values.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for images with a side under 12, of which the last pooling would leave nothing.
    pub fn new(arguments: &Arguments, key: Key) -> crate::Result<Self> {
        Self::with_initializer(arguments, &TorchDefault, key)
    }

    /// A network whose weights start as the initializer says.
    ///
    /// # Errors
    /// As [`LeNet5::new`].
    pub fn with_initializer(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        arguments.check("lenet5", 12, "12 or more")?;
        Ok(Self {
            conv1: Conv2d::builder(arguments.channels, 6, 5).padding(2).build_with(init, key.fold(0))?,
            conv2: Conv2d::builder(6, 16, 5).build_with(init, key.fold(1))?,
            fc1: Dense::builder(features(arguments), 120).build_with(init, key.fold(2))?,
            fc2: Dense::builder(120, 84).build_with(init, key.fold(3))?,
            fc3: Dense::builder(84, arguments.classes).build_with(init, key.fold(4))?,
        })
    }
}

impl Forward for LeNet5 {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv1.call_act(x, Relu, cx)?.max_pool2d(2)?;
        let x = self.conv2.call_act(x, Relu, cx)?.max_pool2d(2)?.flatten()?;
        let x = self.fc1.call_act(x, Relu, cx)?;
        let x = self.fc2.call_act(x, Relu, cx)?;
        self.fc3.call(x, cx)
    }
}

/// Values of one image that reach `fc1`.
fn features(arguments: &Arguments) -> usize {
    let side = |side: usize| (side / 2 - 4) / 2;
    16 * side(arguments.height) * side(arguments.width)
}
