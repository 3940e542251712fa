//! Residual networks: He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (arXiv:1512.03385): the
//! 18-layer network of table 1, and those for small images of section 4.2.
//!
//! ```text
//!            resnet20, 32, 44, 56            resnet18-cifar            resnet18
//! begin      16@3x3, norm, relu              64@3x3, norm, relu        64@7x7 stride 2, norm, relu, max-pool 3x3 stride 2
//! layer1     16 wide, 3, 5, 7, 9 blocks       64 wide, 2 blocks         64 wide, 2 blocks
//! layer2     32 wide, as many                128 wide, 2 blocks        128 wide, 2 blocks    the first block at stride 2
//! layer3     64 wide, as many                256 wide, 2 blocks        256 wide, 2 blocks    the first block at stride 2
//! layer4                                     512 wide, 2 blocks        512 wide, 2 blocks    the first block at stride 2
//!            global average pool     dense classes
//!
//! block      3x3, norm, relu    3x3, norm    + shortcut    relu
//! ```
//! The shortcut is the block's input, or its projection (1x1 at the block's stride, norm) where the width changes:
//! option B of the paper, which for small images used option A. Convolutions have no bias, which the norm would take
//! away again. Names are torchvision's.

use cnn_layers::init::Initializer;
use cnn_layers::{BatchNorm2d, Bias, Conv2d, Ctx, Dense, Forward, Key, Layer, MaxPool2d, Relu, Result, Var};

use crate::Arguments;

/// A residual network. For images of 3 channels and 10 classes, `resnet20` has 272,474 parameters, `resnet56` 855,770 and
/// `resnet18-cifar` 11,173,962; `resnet18` has 11,689,512 for 1000 classes.
#[derive(Debug, Layer)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    maxpool: Option<MaxPool2d>,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    /// Empty in a network of three stages.
    layer4: Vec<Block>,
    fc: Dense,
}

/// A row of the table.
struct Plan {
    name: &'static str,
    /// Widths of the stages.
    widths: &'static [usize],
    /// Blocks of a stage.
    blocks: u64,
    begin: Begin,
}

/// What comes before the stages.
enum Begin {
    /// A convolution of 3x3 at full size.
    Small,
    /// A convolution of 7x7 and a max-pool, each at stride 2.
    Large,
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
    /// The network of 20, 32, 44 or 56 layers for small images: three stages of 3, 5, 7 or 9 blocks.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for arguments out of range.
    pub fn for_cifar(
        depth: Depth,
        arguments: &Arguments,
        init: &dyn Initializer,
        key: Key,
    ) -> crate::Result<Self> {
        let (name, blocks) = match depth {
            Depth::D20 => ("resnet20", 3),
            Depth::D32 => ("resnet32", 5),
            Depth::D44 => ("resnet44", 7),
            Depth::D56 => ("resnet56", 9),
        };
        let plan = Plan { name, widths: &[16, 32, 64], blocks, begin: Begin::Small };
        Self::new(&plan, arguments, init, key)
    }

    /// The 18-layer network that begins at full size.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for arguments out of range.
    pub fn resnet18_cifar(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        let plan =
            Plan { name: "resnet18-cifar", widths: &[64, 128, 256, 512], blocks: 2, begin: Begin::Small };
        Self::new(&plan, arguments, init, key)
    }

    /// The 18-layer network, torchvision's.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] for arguments out of range.
    pub fn resnet18(arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        let plan = Plan { name: "resnet18", widths: &[64, 128, 256, 512], blocks: 2, begin: Begin::Large };
        Self::new(&plan, arguments, init, key)
    }

    fn new(plan: &Plan, arguments: &Arguments, init: &dyn Initializer, key: Key) -> crate::Result<Self> {
        arguments.check(plan.name, 1, "1 or more")?;
        let first = plan.widths.first().copied().unwrap_or(1);
        let (kernel, stride, maxpool) = match plan.begin {
            Begin::Small => (3, 1, None),
            Begin::Large => (7, 2, Some(MaxPool2d::builder(3).stride(2).padding(1).build()?)),
        };
        let mut before = first;
        let mut stages = Vec::new();
        for (number, &width) in (1..).zip(plan.widths) {
            let stride = if number == 1 { 1 } else { 2 };
            stages.push(stage(before, width, plan.blocks, stride, init, key.fold(number))?);
            before = width;
        }
        let mut stages = stages.into_iter();
        let mut next = || stages.next().unwrap_or_default();
        Ok(Self {
            conv1: conv(arguments.channels, first, kernel, stride, init, key.fold(0))?,
            bn1: BatchNorm2d::new(first)?,
            maxpool,
            layer1: next(),
            layer2: next(),
            layer3: next(),
            layer4: next(),
            fc: Dense::builder(before, arguments.classes).build_with(init, key.fold(5))?,
        })
    }
}

/// Layers of a network for small images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 20 layers.
    D20,
    /// 32 layers.
    D32,
    /// 44 layers.
    D44,
    /// 56 layers.
    D56,
}

impl Forward for ResNet {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv1.call(x, cx)?;
        let x = self.bn1.call_act(x, Relu, cx)?;
        let x = match &self.maxpool {
            Some(maxpool) => maxpool.call(x, cx)?,
            None => x,
        };
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
