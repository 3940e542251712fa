//! A part of a network that is computed again on the way back.

use cnn_autograd::{Ctx, Var};

use crate::{Forward, Layer, Result};

/// A layer whose activations backward computes again instead of keeping them ([`Ctx::recompute`]), for a `Sequential`.
/// Less memory for one more forward pass of it, and the same bits. Keys and paths are those of the layer.
///
/// Shown is how much: the peak of a training step by [`Summary`](crate::Summary).
///
/// ```
/// use cnn_layers::{Conv2d, Key, Recompute, Relu, Result, Sequential, Summary};
/// # fn main() -> Result<()> {
/// let stage = |index| -> Result<Sequential> {
///     let conv = |layer| Conv2d::builder(8, 8, 3).padding(1).build(Key::new(index).fold(layer));
///     Ok(Sequential::new().then(conv(0)?).then(Relu).then(conv(1)?).then(Relu))
/// };
/// let plain = Sequential::new().then(stage(0)?).then(stage(1)?);
/// let again = Sequential::new().then(Recompute::new(stage(0)?)).then(Recompute::new(stage(1)?));
/// let peak = |net| -> Result<usize> { Ok(Summary::of(net, &[4, 32, 32, 8])?.training_bytes) };
/// assert!(peak(&again)? < peak(&plain)?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct Recompute<L> {
    #[layer(flatten)]
    layer: L,
}

impl<L: Forward> Recompute<L> {
    /// Computes this layer again.
    pub fn new(layer: L) -> Self {
        Self { layer }
    }
}

impl<L: Forward> Forward for Recompute<L> {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        cx.recompute(|cx| self.layer.call(x, cx))
    }
}
