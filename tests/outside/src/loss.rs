//! A loss of one's own: the reverse of cross-entropy as well as cross-entropy itself, which labels that are sometimes
//! wrong do less harm to (Wang et al., arXiv:1908.06112).

use cnn_layers::{Result, Var, cross_entropy};
use cnn_tensor::Tensor;

/// What stands for the logarithm of zero in the reverse term, as in the paper.
const LOG_OF_ZERO: f64 = -4.0;

/// `alpha * cross_entropy + beta * reverse`, the mean over a batch.
///
/// # Shapes
/// Logits `[batch, classes]`, labels `[batch]` of type `I64`; a scalar.
///
/// # Errors
/// Where the shapes do not fit or a label is outside of the classes.
pub fn symmetric_cross_entropy(logits: Var, labels: &Tensor, alpha: f64, beta: f64) -> Result<Var> {
    let forward = cross_entropy(logits.clone(), labels)?.scale(alpha)?;
    // The target's logarithm is 0 at the label and LOG_OF_ZERO elsewhere. A label outside of the classes is an error of
    // `one_hot`, of logits without values too; labels without values, as a summary may have them, say nothing.
    let (classes, dtype) = (logits.shape().last().copied().unwrap_or(0), logits.dtype());
    let is_label = match labels.is_shape_only() {
        true => Tensor::shape_only(logits.shape(), dtype)?,
        false => labels.one_hot(classes, dtype)?,
    };
    let probabilities = logits.softmax(1)?;
    let others = probabilities.clone().sub(probabilities.mul(Var::constant(is_label))?)?;
    let reverse = others.sum()?.scale(-LOG_OF_ZERO * beta / labels.len().max(1) as f64)?;
    Ok(forward.add(reverse)?)
}
