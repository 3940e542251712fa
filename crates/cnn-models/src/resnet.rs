//! Residual networks for small images: He, Zhang, Ren and Sun, "Deep residual learning for image recognition"
//! (arXiv:1512.03385), section 4.2, and the 18-layer network of its table 1 with the beginning of section 4.2.
//!
//! ```text
//!            resnet20                resnet18-cifar
//! conv1      16@3x3, norm, relu      64@3x3, norm, relu
//! layer1     16 wide, 3 blocks        64 wide, 2 blocks
//! layer2     32 wide, 3 blocks       128 wide, 2 blocks      the first block at stride 2
//! layer3     64 wide, 3 blocks       256 wide, 2 blocks      the first block at stride 2
//! layer4                             512 wide, 2 blocks      the first block at stride 2
//!            global average pool     dense classes
//!
//! block      3x3, norm, relu    3x3, norm    + shortcut    relu
//! ```
//! The shortcut is the block's input, or its projection (1x1 at the block's stride, norm) where the width changes:
//! option B of the paper, which for `resnet20` used option A. Convolutions have no bias, which the norm would take
//! away again. Names are torchvision's.

use cnn_layers::init::Initializer;
use cnn_layers::{BatchNorm2d, Bias, Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};

use crate::Arguments;

/// A residual network; for images of 3 channels and 10 classes, `resnet20` has 272,474 parameters and
/// `resnet18-cifar` 11,173,962.
#[derive(Debug, Layer)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    /// Empty in a network of three stages.
    layer4: Vec<Block>,
    fc: Dense,
}

/// Two convolutions and the way around them.
#[derive(Debug, Layer)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    downsample: Option<Projection>,
}

/// What makes a shortcut as wide, and its image as small, as what it is added to.
#[derive(Debug, Layer)]
struct Projection(Conv2d, BatchNorm2d);

impl ResNet {
    /// Three stages of three blocks.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for arguments out of range.
    pub fn resnet20(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        arguments.check("resnet20", 1, "1 or more")?;
        Ok(Self {
            conv1: conv(arguments.channels, 16, 3, 1, init, key.fold(0))?,
            bn1: BatchNorm2d::new(16)?,
            layer1: stage(16, 16, 3, 1, init, key.fold(1))?,
            layer2: stage(16, 32, 3, 2, init, key.fold(2))?,
            layer3: stage(32, 64, 3, 2, init, key.fold(3))?,
            layer4: Vec::new(),
            fc: Dense::builder(64, arguments.classes).build_with(init, key.fold(5))?,
        })
    }

    /// Four stages of two blocks.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for arguments out of range.
    pub fn resnet18_cifar(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        arguments.check("resnet18-cifar", 1, "1 or more")?;
        Ok(Self {
            conv1: conv(arguments.channels, 64, 3, 1, init, key.fold(0))?,
            bn1: BatchNorm2d::new(64)?,
            layer1: stage(64, 64, 2, 1, init, key.fold(1))?,
            layer2: stage(64, 128, 2, 2, init, key.fold(2))?,
            layer3: stage(128, 256, 2, 2, init, key.fold(3))?,
            layer4: stage(256, 512, 2, 2, init, key.fold(4))?,
            fc: Dense::builder(512, arguments.classes).build_with(init, key.fold(5))?,
        })
    }
}

impl Forward for ResNet {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv1.call(x, cx)?;
        let x = self.bn1.call_act(x, Relu, cx)?;
        let mut blocks = [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten();
        let x = blocks.try_fold(x, |x, block| block.call(x, cx))?;
        self.fc.call(x.global_average_pool2d()?.flatten()?, cx)
    }
}

impl Block {
    fn new(in_c: usize, out_c: usize, stride: usize, init: &dyn Initializer, key: Key) -> Result<Self> {
        let projection = || Projection::new(in_c, out_c, stride, init, key.fold(2));
        Ok(Self {
            conv1: conv(in_c, out_c, 3, stride, init, key.fold(0))?,
            bn1: BatchNorm2d::new(out_c)?,
            conv2: conv(out_c, out_c, 3, 1, init, key.fold(1))?,
            bn2: BatchNorm2d::new(out_c)?,
            downsample: (stride != 1 || in_c != out_c).then(projection).transpose()?,
        })
    }
}

impl Forward for Block {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let shortcut = match &self.downsample {
            Some(projection) => projection.call(x.clone(), cx)?,
            None => x.clone(),
        };
        let x = self.conv1.call(x, cx)?;
        let x = self.bn1.call_act(x, Relu, cx)?;
        let x = self.conv2.call(x, cx)?;
        self.bn2.call_add_act(x, shortcut, Relu, cx)
    }
}

impl Projection {
    fn new(in_c: usize, out_c: usize, stride: usize, init: &dyn Initializer, key: Key) -> Result<Self> {
        Ok(Self(conv(in_c, out_c, 1, stride, init, key)?, BatchNorm2d::new(out_c)?))
    }
}

impl Forward for Projection {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.0.call(x, cx)?;
        self.1.call(x, cx)
    }
}

/// Blocks of one width, of which the first may shrink the image.
fn stage(
    in_c: usize,
    out_c: usize,
    blocks: u64,
    stride: usize,
    init: &dyn Initializer,
    key: Key,
) -> Result<Vec<Block>> {
    let block = |index| match index {
        0 => Block::new(in_c, out_c, stride, init, key.fold(index)),
        _ => Block::new(out_c, out_c, 1, init, key.fold(index)),
    };
    (0..blocks).map(block).collect()
}

/// A convolution that only its stride shrinks the image by, without a bias.
fn conv(
    in_c: usize,
    out_c: usize,
    kernel: usize,
    stride: usize,
    init: &dyn Initializer,
    key: Key,
) -> Result<Conv2d> {
    let conv = Conv2d::builder(in_c, out_c, kernel).stride(stride).padding(kernel / 2);
    conv.bias(Bias::Without).build_with(init, key)
}
