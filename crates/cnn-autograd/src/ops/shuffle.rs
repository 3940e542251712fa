//! Channels to pixels and back, and channels among each other. The gradient of each is its inverse.

use cnn_tensor::ops::shuffle;
use cnn_tensor::{Spec, Tensor};

use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Squares of pixels from channels.
#[derive(Debug)]
struct PixelShuffle(usize);

/// Channels from squares of pixels.
#[derive(Debug)]
struct PixelUnshuffle(usize);

/// Channels dealt out to groups.
#[derive(Debug)]
struct ChannelShuffle(usize);

impl Function for PixelShuffle {
    fn name(&self) -> &'static str {
        "pixel_shuffle"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("factor", self.0)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        Ok(shuffle::pixel_shuffle_infer(x, self.0)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(shuffle::pixel_shuffle(x, self.0)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(shuffle::pixel_unshuffle(grad, self.0)?)])
    }
}

impl Function for PixelUnshuffle {
    fn name(&self) -> &'static str {
        "pixel_unshuffle"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("factor", self.0)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        Ok(shuffle::pixel_unshuffle_infer(x, self.0)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(shuffle::pixel_unshuffle(x, self.0)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(shuffle::pixel_shuffle(grad, self.0)?)])
    }
}

impl Function for ChannelShuffle {
    fn name(&self) -> &'static str {
        "channel_shuffle"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("groups", self.0)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        shuffle::group_members(x, self.0)?;
        Ok(x)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(shuffle::channel_shuffle(x, self.0)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        // No channels have no gradient, and no groups to deal it back to.
        let members = shuffle::group_members(grad.spec(), self.0)?.max(1);
        Ok(vec![Some(shuffle::channel_shuffle(grad, members)?)])
    }
}

impl Var {
    /// Each `factor * factor` channels become a square of pixels, as `torch.nn.functional.pixel_shuffle`.
    ///
    /// # Shapes
    /// `[batch, height, width, channels * factor^2]` to `[batch, height * factor, width * factor, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn pixel_shuffle(self, factor: usize) -> Result<Var> {
        Var::apply(PixelShuffle(factor), vec![self])
    }

    /// The inverse of [`Var::pixel_shuffle`].
    ///
    /// # Shapes
    /// `[batch, height * factor, width * factor, channels]` to `[batch, height, width, channels * factor^2]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn pixel_unshuffle(self, factor: usize) -> Result<Var> {
        Var::apply(PixelUnshuffle(factor), vec![self])
    }

    /// The channels of each group go to as many new groups, one to each, as `torch.nn.functional.channel_shuffle`.
    ///
    /// # Shapes
    /// `[.., channels]` to the same.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn channel_shuffle(self, groups: usize) -> Result<Var> {
        Var::apply(ChannelShuffle(groups), vec![self])
    }
}
