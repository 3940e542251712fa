//! A small network with batch normalisation for small grey images: what the default MNIST recipe trains.
//!
//! ```text
//! 32@5x5 stride 2, norm, relu
//! 64@3x3, norm, relu    max-pool 2
//! 96@3x3, norm, relu    max-pool 2
//! 128@3x3, norm, relu   global average pool   dense classes
//! ```
//! All convolutions pad so that only strides and pools shrink the image, and have no bias, which the norm would
//! take away again. The stride of the first one spares the work at full size, where a digit has little to say.
//! The average over what is left of the image makes the network independent of its size.

use cnn_layers::init::{Initializer, TorchDefault};
use cnn_layers::{
    BatchNorm2d, Bias, Conv2d, Conv2dBuilder, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var,
};

use crate::Arguments;

/// Four normalised convolutions and one dense layer.
#[derive(Debug, Layer)]
pub struct DigitNet {
    block1: Block,
    block2: Block,
    block3: Block,
    block4: Block,
    fc: Dense,
}

/// Convolution, normalisation, ReLU.
#[derive(Debug, Layer)]
struct Block {
    conv: Conv2d,
    bn: BatchNorm2d,
}

impl DigitNet {
    /// A network with PyTorch's starting values.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for images with a side under 7, of which the pooling would leave nothing.
    pub fn new(arguments: &Arguments, key: Key) -> crate::Result<Self> {
        Self::with_initializer(arguments, &TorchDefault, key)
    }

    /// A network whose weights start as the initializer says.
    ///
    /// # Errors
    /// As [`DigitNet::new`].
    pub fn with_initializer(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        arguments.check("digit-net", 7, "7 or more")?;
        Ok(Self {
            block1: Block::new(
                Conv2d::builder(arguments.channels, 32, 5).stride(2).padding(2),
                32,
                init,
                key.fold(0),
            )?,
            block2: Block::new(Conv2d::builder(32, 64, 3).padding(1), 64, init, key.fold(1))?,
            block3: Block::new(Conv2d::builder(64, 96, 3).padding(1), 96, init, key.fold(2))?,
            block4: Block::new(Conv2d::builder(96, 128, 3).padding(1), 128, init, key.fold(3))?,
            fc: Dense::builder(128, arguments.classes).build_with(init, key.fold(4))?,
        })
    }
}

impl Forward for DigitNet {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.block1.call(x, cx)?;
        let x = self.block2.call(x, cx)?.max_pool2d(2)?;
        let x = self.block3.call(x, cx)?.max_pool2d(2)?;
        let x = self.block4.call(x, cx)?.global_average_pool2d()?.flatten()?;
        self.fc.call(x, cx)
    }
}

impl Block {
    fn new(conv: Conv2dBuilder, channels: usize, init: &dyn Initializer, key: Key) -> Result<Self> {
        Ok(Self { conv: conv.bias(Bias::Without).build_with(init, key)?, bn: BatchNorm2d::new(channels)? })
    }
}

impl Forward for Block {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv.call(x, cx)?;
        self.bn.call_act(x, Relu, cx)
    }
}
