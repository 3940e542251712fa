//! The optimisers' methods, one file each: options with PyTorch's (or the paper's) names and defaults, and the rule of
//! [`cnn_tensor::ops::update`] that they stand for.

mod adadelta;
mod adagrad;
mod adam;
mod lamb;
mod lion;
mod muon;
mod nadam;
mod radam;
mod rms_prop;
mod sgd;

pub use adadelta::{Adadelta, AdadeltaOptions};
pub use adagrad::{Adagrad, AdagradOptions};
pub use adam::{Adam, AdamOptions, AdamW, AdamWOptions};
pub use lamb::{Lamb, LambOptions};
pub use lion::{Lion, LionOptions};
pub use muon::{Muon, MuonOptions, MuonScale};
pub use nadam::{NAdam, NAdamOptions};
pub use radam::{RAdam, RAdamOptions};
pub use rms_prop::{RmsProp, RmsPropOptions};
pub use sgd::{Sgd, SgdOptions};

use super::method::{check_from_zero, check_share};
use crate::Result;

/// Names of the moments' tensors, as PyTorch's, both from zeros.
const MOMENTS: [(&str, f64); 2] = [("exp_avg", 0.0), ("exp_avg_sq", 0.0)];

/// The options that all relatives of Adam have.
fn check_moments(beta1: f64, beta2: f64, epsilon: f64, weight_decay: f64) -> Result<()> {
    check_share("optimizer.beta1", beta1)?;
    check_share("optimizer.beta2", beta2)?;
    check_from_zero("optimizer.epsilon", epsilon)?;
    check_from_zero("optimizer.weight-decay", weight_decay)
}
