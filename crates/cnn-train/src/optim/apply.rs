//! Bringing parameters and gradients together: what every optimiser has in common.

use cnn_autograd::Step;
use cnn_layers::{Layer, fold_statistics, for_each_parameter_mut};
use cnn_tensor::Tensor;

use crate::{Error, Result};

/// Calls `update` with the path, the value and the gradient of every parameter that has a gradient, in the order
/// of the model's fields, and folds the step's batch statistics into the running values.
///
/// Frozen parameters and those that the loss does not reach have no gradient and stay as they are.
///
/// ```
/// use cnn_layers::Layer;
/// use cnn_train::optim::update_parameters;
///
/// /// Plain descent, one's own way.
/// fn descend(model: &mut dyn Layer, step: cnn_autograd::Step, rate: f32) -> cnn_train::Result<()> {
///     update_parameters(model, step, |_path, parameter, gradient| {
///         for (value, slope) in parameter.as_mut_slice::<f32>()?.iter_mut().zip(gradient.as_slice::<f32>()?) {
///             *value -= rate * slope;
///         }
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
/// Those of `update`, with the parameter's path; [`Error::Optimizer`] where a gradient, and
/// [`Error::Layers`] where statistics, belong to another model.
pub fn update_parameters(
    model: &mut dyn Layer,
    step: Step,
    mut update: impl FnMut(&str, &mut Tensor, Tensor) -> Result<()>,
) -> Result<()> {
    let Step { mut gradients, statistics } = step;
    let mut result = Ok(());
    for_each_parameter_mut(model, |path, parameter| {
        if result.is_ok()
            && let Some(gradient) = gradients.take(parameter.id())
        {
            result = update(path, parameter.value_mut(), gradient)
                .map_err(|error| Error::Optimizer(format!("{path}: {error}")));
        }
    });
    result?;
    if !gradients.is_empty() {
        let problem =
            "gradients belong to no parameter of this model; apply a step to the model that made it";
        return Err(Error::Optimizer(format!("{} {problem}", gradients.len())));
    }
    Ok(fold_statistics(model, &statistics)?)
}
