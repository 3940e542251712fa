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
    // The target's logarithm is 0 at the label and LOG_OF_ZERO elsewhere.
    let (shape, dtype) = (logits.shape().to_vec(), logits.dtype());
    let mut log_target = vec![LOG_OF_ZERO; shape.iter().product()];
    if let (&[_, classes], false) = (&shape[..], labels.is_shape_only()) {
        for (row, &label) in labels.as_slice::<i64>()?.iter().enumerate() {
            log_target[row * classes + label as usize] = 0.0;
        }
    }
    let log_target = Var::constant(Tensor::from_slice(&shape, &log_target)?.to_dtype(dtype)?);
    let batch = shape[0].max(1) as f64;
    let reverse = logits.softmax(1)?.mul(log_target)?.sum()?.scale(-beta / batch)?;
    Ok(forward.add(reverse)?)
}
