//! Numbers against numbers.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How far predicted numbers are from the true ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Mean absolute error.
    pub mae: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Coefficient of determination: 1 for all right, 0 for what the mean of the truth would do. Where the truth does not
    /// vary it is 1 for all right, else 0, as in scikit-learn.
    pub r2: f64,
}

impl Regression {
    /// Of pairs of prediction and truth.
    ///
    /// # Errors
    /// [`Error::Argument`] where there are none.
    pub fn of(pairs: &[(f64, f64)]) -> Result<Self> {
        if pairs.is_empty() {
            return Err(Error::argument("number of predictions", 0, "1 or more"));
        }
        let count = pairs.len() as f64;
        let mean = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|&(p, t)| of(p, t)).sum::<f64>() / count;
        let middle = mean(&|_, t| t);
        let (error, spread) = (mean(&|p, t| (p - t).powi(2)), mean(&|_, t| (t - middle).powi(2)));
        let r2 = match (spread > 0.0, error > 0.0) {
            (true, _) => 1.0 - error / spread,
            (false, true) => 0.0,
            (false, false) => 1.0,
        };
        Ok(Self { mae: mean(&|p, t| (p - t).abs()), rmse: error.sqrt(), r2 })
    }
}
