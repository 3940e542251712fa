//! A small network with batch normalisation for small grey images: what the default MNIST recipe trains.
//!
//! ```text
//! 32@3x3, norm, relu    32@3x3, norm, relu    max-pool 2
//! 64@3x3, norm, relu    64@3x3, norm, relu    max-pool 2
//! 128@3x3, norm, relu   global average pool   dense classes
//! ```
//! All convolutions pad by 1 and have no bias, which the norm would take away again. The average over what is
//! left of the image makes the network independent of its size.

use cnn_layers::init::{Initializer, TorchDefault};
use cnn_layers::{BatchNorm2d, Bias, Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};

use crate::Arguments;

/// Five normalised convolutions and one dense layer.
#[derive(Debug, Layer)]
pub struct DigitNet {
    block1: Block,
    block2: Block,
    block3: Block,
    block4: Block,
    block5: Block,
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
    /// [`crate::Error::Argument`] for images with a side under 4, of which the pooling would leave nothing.
    pub fn new(arguments: &Arguments, key: Key) -> crate::Result<Self> {
        Self::with_initializer(arguments, &TorchDefault, key)
    }

    /// A network whose weights start as the initializer says.
    ///
    /// # Errors
    /// As [`DigitNet::new`].
    pub fn with_initializer(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        arguments.check("digit-net", 4, "4 or more")?;
        Ok(Self {
            block1: Block::new(arguments.channels, 32, init, key.fold(0))?,
            block2: Block::new(32, 32, init, key.fold(1))?,
            block3: Block::new(32, 64, init, key.fold(2))?,
            block4: Block::new(64, 64, init, key.fold(3))?,
            block5: Block::new(64, 128, init, key.fold(4))?,
            fc: Dense::builder(128, arguments.classes).build_with(init, key.fold(5))?,
        })
    }
}

impl Forward for DigitNet {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.block1.call(x, cx)?;
        let x = self.block2.call(x, cx)?.max_pool2d(2)?;
        let x = self.block3.call(x, cx)?;
        let x = self.block4.call(x, cx)?.max_pool2d(2)?;
        let x = self.block5.call(x, cx)?.global_average_pool2d()?.flatten()?;
        self.fc.call(x, cx)
    }
}

impl Block {
    fn new(in_c: usize, out_c: usize, init: &dyn Initializer, key: Key) -> Result<Self> {
        let conv = Conv2d::builder(in_c, out_c, 3).padding(1).bias(Bias::Without).build_with(init, key)?;
        Ok(Self { conv, bn: BatchNorm2d::new(out_c)? })
    }
}

impl Forward for Block {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv.call(x, cx)?;
        self.bn.call_act(x, Relu, cx)
    }
}
