//! Dropout (Srivastava et al., 2014).

use cnn_autograd::{Ctx, Mode, Var};

use crate::{Error, Forward, Layer, Result};

/// In train mode zeros each element with a probability and scales the rest up; otherwise does nothing. As
/// `torch.nn.Dropout`. Any shape. No parameters.
///
/// Which elements are dropped is a function of the step's key and the layer's path.
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Dropout {
    #[layer(skip)]
    probability: f64,
}

impl Dropout {
    /// Drops each element with `probability`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is from 0 to 1.
    pub fn new(probability: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::argument("Dropout", "probability", probability, "0 to 1"));
        }
        Ok(Self { probability })
    }

    /// Probability that an element is dropped.
    pub fn probability(&self) -> f64 {
        self.probability
    }
}

impl Forward for Dropout {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        if cx.mode() == Mode::Eval || self.probability == 0.0 {
            return Ok(x);
        }
        Ok(x.dropout(self.probability, cx.random_key())?)
    }
}
