//! Products with the Hessian of a loss, without second derivatives.

use std::collections::BTreeMap;

use cnn_tensor::Tensor;
use cnn_tensor::ops::{binary, unary};

use crate::visit::{for_each_parameter_mut, named_parameters};
use crate::{Error, Gradients, Layer, ParameterId, Result};

/// The Hessian of a loss times a direction, by the central difference of two gradients:
/// `(g(theta + r v) - g(theta - r v)) / 2 r`, with `r |v| = step`.
///
/// The error of the difference falls with the square of `step`, that of rounding grows as `step` falls: about 1e-2 suits
/// `F32`, 1e-4 `F64`. `gradients` computes those of the loss at the model's present parameters, and must be
/// the same function each time: the same batch, the same key. The parameters are restored, to the bit.
///
/// # Shapes
/// Those of the parameters. A parameter that the direction lacks stays where it is; the result has every parameter
/// that both gradients have.
///
/// ```
/// use cnn_layers::{Ctx, Dense, Forward, Gradients, Key, Result, hessian_vector_product};
/// use cnn_tensor::Tensor;
/// # fn main() -> Result<()> {
/// let mut dense = Dense::new(1, 1, Key::new(1))?;
/// let mut direction = Gradients::default();
/// direction.insert(dense.weight().id(), Tensor::from_slice(&[1, 1], &[2.0f32])?);
/// // The loss (3 w + b)^2 has 18 for a second derivative by w.
/// let product = hessian_vector_product(&mut dense, &direction, 1e-2, |dense| {
///     let mut cx = Ctx::training(Key::new(1));
///     let x = cx.input(Tensor::from_slice(&[1, 1], &[3.0f32])?);
///     let y = dense.call(x, &mut cx)?;
///     let loss = y.clone().mul(y)?.sum()?;
///     Ok(cx.backward(loss)?.gradients)
/// })?;
/// let weight = product.get(dense.weight().id()).unwrap().item()?;
/// assert!((weight - 36.0).abs() < 1e-2);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Argument`] for a step that is not above zero, or a direction of no length or of one that is not finite; those
/// of `gradients`.
pub fn hessian_vector_product<M: Layer>(
    model: &mut M,
    direction: &Gradients,
    step: f64,
    mut gradients: impl FnMut(&M) -> Result<Gradients>,
) -> Result<Gradients> {
    const NAME: &str = "hessian_vector_product";
    if !(step.is_finite() && step > 0.0) {
        return Err(Error::argument(NAME, "step", step, "a finite number above 0"));
    }
    let mut squares = 0.0;
    for (_, part) in direction.iter() {
        squares += part.to_f64_vec()?.iter().map(|value| value * value).sum::<f64>();
    }
    let length = squares.sqrt();
    if !(length.is_finite() && length > 0.0) {
        return Err(Error::argument(NAME, "length of the direction", length, "a finite number above 0"));
    }
    let factor = step / length;
    let parameters = named_parameters(model);
    let start: Values = parameters.into_iter().map(|(_, p)| (p.id(), p.value().clone())).collect();
    let mut at = |factor: f64| -> Result<Gradients> {
        set(model, &moved(&start, direction, factor)?);
        let found = gradients(model);
        set(model, &start);
        found
    };
    let (ahead, behind) = (at(factor)?, at(-factor)?);
    let mut product = Gradients::default();
    for (id, ahead) in ahead.iter() {
        if let Some(behind) = behind.get(id) {
            let difference = binary::sub(ahead.clone(), behind)?;
            product.insert(id, unary::scale(difference, 0.5 / factor)?);
        }
    }
    Ok(product)
}

/// Parameters by their id.
type Values = BTreeMap<ParameterId, Tensor>;

/// The parameters that the direction has, moved along it.
fn moved(start: &Values, direction: &Gradients, factor: f64) -> Result<Values> {
    let mut values = Values::new();
    for (&id, value) in start {
        if let Some(part) = direction.get(id) {
            let part = unary::scale(part.to_dtype(value.dtype())?, factor)?;
            values.insert(id, binary::add(part, value)?);
        }
    }
    Ok(values)
}

fn set(model: &mut dyn Layer, values: &Values) {
    for_each_parameter_mut(model, |_, parameter| {
        if let Some(value) = values.get(&parameter.id()) {
            *parameter.value_mut() = value.clone();
        }
    });
}
