//! Running statistics: the batches of a step, folded into the layers that recorded them.

use cnn_autograd::BatchStatistics;

use crate::visit::{ItemMut, for_each_mut};
use crate::{Error, Layer, Result};

/// Folds the statistics of a step into the running values of the model, each once, in recorded order.
///
/// Part of applying a step: optimisers call it with [`Step::statistics`](crate::Step).
///
/// # Errors
/// [`Error::ForeignStatistics`] where some were recorded by no layer of this model; nothing is lost in silence.
pub fn fold_statistics(model: &mut dyn Layer, statistics: &[BatchStatistics]) -> Result<()> {
    if statistics.is_empty() {
        return Ok(());
    }
    let mut result = Ok(());
    let mut folded = 0;
    for_each_mut(model, &mut |_, item| {
        let ItemMut::Layer(layer) = item else { return };
        if result.is_ok() {
            result = layer.fold_statistics(statistics).map(|count| folded += count);
        }
    });
    result?;
    if folded == statistics.len() {
        return Ok(());
    }
    let path = statistics.iter().map(|statistics| statistics.path.as_str()).collect::<Vec<_>>().join(", ");
    Err(Error::ForeignStatistics { path })
}
