//! A layer of one's own: a learnt factor for each channel (Touvron et al., arXiv:2103.17239).

use cnn_layers::{Ctx, Error, FileLayout, Forward, Layer, Parameter, Result, Var};
use cnn_tensor::{DType, Tensor};

/// Multiplies each channel by its own factor.
///
/// # Shapes
/// `[.., channels]`, unchanged.
#[derive(Debug, Layer)]
pub struct LayerScale {
    gamma: Parameter,
    #[layer(skip)]
    channels: usize,
}

impl LayerScale {
    /// All factors start as `initial`.
    ///
    /// # Errors
    /// [`Error::Argument`] for no channels; out of memory.
    pub fn new(channels: usize, initial: f64) -> Result<Self> {
        if channels == 0 {
            return Err(Error::argument("LayerScale", "channels", channels, "1 or more"));
        }
        let gamma = Tensor::full(&[channels], initial, DType::F32)?;
        Ok(Self { gamma: Parameter::new(gamma, FileLayout::AsIs), channels })
    }
}

impl Forward for LayerScale {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        if x.shape().last() != Some(&self.channels) {
            let problem = format!("the input {:?} should have {} channels", x.shape(), self.channels);
            return Err(Error::Layer(problem));
        }
        Ok(x.mul(self.gamma.var(cx)?)?)
    }
}
