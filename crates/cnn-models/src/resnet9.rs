//! A residual network for training in minutes: David Page, "How to train your ResNet" (2018), the backbone of his fastest
//! entries to DAWNBench.
//!
//! ```text
//!            resnet9                          resnet9-s
//! prep        64@3x3, norm, relu              half the widths
//! layer1     128@3x3, norm, relu, max-pool 2   + residual: two of 128@3x3, norm, relu
//! layer2     256@3x3, norm, relu, max-pool 2
//! layer3     512@3x3, norm, relu, max-pool 2   + residual: two of 512@3x3, norm, relu
//!            global max pool     dense classes without bias, times 1/8
//! ```
//! Convolutions pad so that only pools shrink the image, and have no bias, which the norm would take away again. What is
//! added to a residual has been through its ReLU, so that no activation follows the sum.

use cnn_layers::init::Initializer;
use cnn_layers::{BatchNorm2d, Bias, Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};

use crate::Arguments;

/// What the outputs are multiplied by, so that training begins unsure.
const SCALE: f64 = 0.125;

/// A residual network of nine layers. For images of 3 channels and 10 classes, `resnet9` has 6,573,120 parameters and does
/// 379,261,952 multiply-adds for an image of 32 by 32; `resnet9-s` has 1,646,112 and does 95,259,136.
#[derive(Debug, Layer)]
pub struct ResNet9 {
    prep: Block,
    layer1: Block,
    residual1: Vec<Block>,
    layer2: Block,
    layer3: Block,
    residual3: Vec<Block>,
    fc: Dense,
}

/// Convolution, normalisation, ReLU.
#[derive(Debug, Layer)]
struct Block {
    conv: Conv2d,
    bn: BatchNorm2d,
}

impl ResNet9 {
    /// The published network.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for images with a side under 8, of which the pooling would leave nothing.
    pub fn full(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        Self::new("resnet9", 64, arguments, init, key)
    }

    /// The same of half the width, a quarter of the work.
    ///
    /// # Errors
    /// As [`ResNet9::full`].
    pub fn small(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        Self::new("resnet9-s", 32, arguments, init, key)
    }

    fn new(
        name: &'static str,
        width: usize,
        arguments: &Arguments,
        init: &dyn Initializer,
        key: Key,
    ) -> crate::Result<Self> {
        arguments.check(name, 8, "8 or more")?;
        let block = |in_c, out_c, number| Block::new(in_c, out_c, init, key.fold(number));
        let fc = Dense::builder(8 * width, arguments.classes).bias(Bias::Without);
        Ok(Self {
            prep: block(arguments.channels, width, 0)?,
            layer1: block(width, 2 * width, 1)?,
            residual1: vec![block(2 * width, 2 * width, 2)?, block(2 * width, 2 * width, 3)?],
            layer2: block(2 * width, 4 * width, 4)?,
            layer3: block(4 * width, 8 * width, 5)?,
            residual3: vec![block(8 * width, 8 * width, 6)?, block(8 * width, 8 * width, 7)?],
            fc: fc.build_with(init, key.fold(8))?,
        })
    }
}

impl Forward for ResNet9 {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.prep.call(x, cx)?;
        let x = self.layer1.call(x, cx)?.max_pool2d(2)?;
        let x = residual(&self.residual1, x, cx)?;
        let x = self.layer2.call(x, cx)?.max_pool2d(2)?;
        let x = self.layer3.call(x, cx)?.max_pool2d(2)?;
        let x = residual(&self.residual3, x, cx)?.global_max_pool2d()?.flatten()?;
        Ok(self.fc.call(x, cx)?.scale(SCALE)?)
    }
}

fn residual(blocks: &[Block], x: Var, cx: &mut Ctx) -> Result<Var> {
    let inner = blocks.iter().try_fold(x.clone(), |x, block| block.call(x, cx))?;
    Ok(x.add(inner)?)
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
