//! Gradients of a layer by finite differences: of its inputs and of every parameter that trains.
//!
//! This is the check for a layer of one's own; [`cnn_autograd::gradcheck`] is that for an operation.

use cnn_autograd::gradcheck::{Differences, leaf, project, seeds};
use cnn_tensor::{DType, Tensor};

use crate::visit::{convert, for_each_parameter_mut, named_parameters};
use crate::{Ctx, Key, Layer, Mode, ParameterId, Recording, Result, Trainable, Var};

pub use cnn_autograd::gradcheck::{Options, Report};

/// Compares backward with finite differences for every `F64` input and every trainable parameter of a layer.
///
/// The layer is converted to `F64` and stays so. It runs twice over the same variables within one pass, so a gradient
/// that is right only where a layer is used once does not get through. Inputs of other types (labels) are constants.
/// Keep what arrives at kinks and ties away from them by more than the step.
///
/// ```
/// use cnn_layers::{Dense, Forward, Key, Mode, Result, gradcheck};
/// use cnn_tensor::Tensor;
/// # fn main() -> Result<()> {
/// let mut dense = Dense::new(3, 2, Key::new(1))?;
/// let x = Tensor::from_slice(&[1, 3], &[0.5f64, -1.0, 2.0])?;
/// let report = gradcheck::check(&mut dense, &[x], Mode::Train, |dense, mut inputs, cx| {
///     dense.call(inputs.remove(0), cx)
/// })?;
/// assert_eq!(report.elements, 3 + 3 * 2 + 2);
/// # Ok(()) }
/// ```
///
/// # Errors
/// A [`Gradcheck`](cnn_autograd::Error::Gradcheck) error that names the parameter or input, the element and both
/// values; those of the layer.
pub fn check<L: Layer>(
    layer: &mut L,
    inputs: &[Tensor],
    mode: Mode,
    run: impl Fn(&L, Vec<Var>, &mut Ctx) -> Result<Var>,
) -> Result<Report> {
    check_with(layer, inputs, mode, Options::default(), run)
}

/// [`check`] with other settings.
///
/// # Errors
/// As [`check`].
pub fn check_with<L: Layer>(
    layer: &mut L,
    inputs: &[Tensor],
    mode: Mode,
    options: Options,
    run: impl Fn(&L, Vec<Var>, &mut Ctx) -> Result<Var>,
) -> Result<Report> {
    convert(layer, DType::F64)?;
    let pass = |recording| Ctx::new(recording, mode, Key::new(0));
    let twice = |layer: &L, inputs: &[Var], cx: &mut Ctx| -> Result<[Var; 2]> {
        Ok([run(layer, inputs.to_vec(), cx)?, run(layer, inputs.to_vec(), cx)?])
    };
    let project_at = |layer: &L, inputs: &[Tensor]| -> Result<f64> {
        let inputs: Vec<Var> = inputs.iter().cloned().map(Var::constant).collect();
        Ok(project(&twice(layer, &inputs, &mut pass(Recording::None))?)?)
    };

    let mut cx = pass(Recording::Gradients);
    let variables: Vec<Var> = inputs.iter().map(|input| leaf(&mut cx, input)).collect();
    let outputs = twice(layer, &variables, &mut cx)?;
    let seeds = seeds(&outputs)?;
    // Nothing to differentiate is no error: a layer without parameters may have labels alone as inputs.
    let gradients = if outputs.iter().any(Var::is_tracked) {
        cx.backward_seeded(seeds)?.gradients
    } else {
        Default::default()
    };

    let mut differences = Differences::new(options);
    for (number, input) in inputs.iter().enumerate() {
        let claimed = gradients.of(&variables[number]);
        differences.compare(&format!("input {number}"), input, claimed, |moved| {
            let mut point = inputs.to_vec();
            point[number] = moved;
            project_at(layer, &point)
        })?;
    }
    let parameters: Vec<_> = named_parameters(layer)
        .into_iter()
        .filter(|(_, parameter)| parameter.trainable() == Trainable::Yes)
        .map(|(path, parameter)| (path, parameter.id(), parameter.value().clone()))
        .collect();
    for (path, id, value) in parameters {
        let compared = differences.compare(&path, &value, gradients.get(id), |moved| {
            set_parameter(layer, id, moved);
            project_at(layer, inputs)
        });
        set_parameter(layer, id, value);
        compared?;
    }
    Ok(differences.report())
}

fn set_parameter(layer: &mut dyn Layer, id: ParameterId, value: Tensor) {
    for_each_parameter_mut(layer, |_, parameter| {
        if parameter.id() == id {
            *parameter.value_mut() = value.clone();
        }
    });
}
