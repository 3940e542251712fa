//! A network with branches: parts of it are our own, the rest comes from `cnn-layers`.

use cnn_layers::{BatchNorm2d, Bias, Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};

use crate::filters::Gabor;
use crate::mish::mish;
use crate::scale::LayerScale;

/// Three convolutions of the same input side by side, and the input itself beside them.
#[derive(Layer)]
pub struct Branches {
    narrow: Conv2d,
    wide: Conv2d,
    deep: Vec<Conv2d>,
    scale: LayerScale,
}

impl Branches {
    /// `width` channels for each branch.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn new(channels: usize, width: usize, key: Key) -> Result<Self> {
        let conv = |inputs, kernel, name: &str| {
            Conv2d::builder(inputs, width, kernel).padding(kernel / 2).build(key.fold_str(name))
        };
        Ok(Self {
            narrow: conv(channels, 1, "narrow")?,
            wide: conv(channels, 3, "wide")?,
            deep: vec![conv(channels, 3, "deep.0")?, conv(width, 3, "deep.1")?],
            scale: LayerScale::new(channels + 3 * width, 1.0)?,
        })
    }
}

impl Forward for Branches {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let narrow = mish(self.narrow.call(x.clone(), cx)?)?;
        let wide = self.wide.call_act(x.clone(), Relu, cx)?;
        let mut deep = x.clone();
        for conv in &self.deep {
            deep = conv.call_act(deep, Relu, cx)?;
        }
        let all = Var::concat(vec![x, narrow, wide, deep], 3)?;
        self.scale.call(all, cx)
    }
}

/// Stem, two blocks of branches, a classifier.
#[derive(Layer)]
pub struct Net {
    stem: Conv2d,
    norm: BatchNorm2d,
    blocks: Vec<Branches>,
    head: Dense,
}

impl Net {
    /// For images of `channels` channels.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn new(channels: usize, classes: usize, key: Key) -> Result<Self> {
        let stem = Conv2d::builder(channels, 8, 5).stride(2).padding(2).bias(Bias::Without);
        Ok(Self {
            stem: stem.build_with(&Gabor, key.fold_str("stem"))?,
            norm: BatchNorm2d::new(8)?,
            blocks: vec![Branches::new(8, 4, key.fold(1))?, Branches::new(20, 4, key.fold(2))?],
            head: Dense::new(32, classes, key.fold_str("head"))?,
        })
    }
}

impl Forward for Net {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.stem.call(x, cx)?;
        let mut x = self.norm.call_act(x, Relu, cx)?;
        for block in &self.blocks {
            x = block.call(x, cx)?;
        }
        self.head.call(x.global_average_pool2d()?.flatten()?, cx)
    }
}
