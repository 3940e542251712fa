//! Labels beside rows of classes, as the losses of classifiers take them: what is checked, and what a mean divides by.

use super::check;
use super::loss::Reduction;
use crate::{DType, Element, Error, Result, Shape, Tensor};

/// Which classes count how much, and which label stands for none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules<'a> {
    pub(crate) weights: Option<&'a Tensor>,
    pub(crate) ignored: Option<i64>,
    pub(crate) reduction: Reduction,
}

/// The number of classes of `[.., classes]`.
pub(crate) fn classes(op: &'static str, name: &str, x: &Tensor) -> Result<usize> {
    match x.shape().last() {
        Some(&classes) if classes > 0 || x.shape()[..x.rank() - 1].contains(&0) => Ok(classes),
        _ => {
            let problem = format!("{name} {:?}, expected [.., classes]", x.shape());
            Err(Error::shape(op, problem))
        }
    }
}

/// The shape of the losses of rows of classes: all axes but the last.
pub(crate) fn leading(x: &Tensor) -> Result<Shape> {
    Shape::new(&x.shape()[..x.rank().saturating_sub(1)])
}

/// The weights, if there are any, must be one for each class.
pub(crate) fn check_weights(op: &'static str, x: &Tensor, weights: Option<&Tensor>) -> Result<()> {
    weights.map_or(Ok(()), |weights| check::per_channel(op, x, "weights", weights))
}

/// The labels of the rows of `x`, each a class or the ignored one.
pub(crate) fn check_labels<'a>(
    op: &'static str,
    name: &str,
    x: &Tensor,
    labels: &'a Tensor,
    ignored: Option<i64>,
) -> Result<&'a [i64]> {
    let classes = classes(op, name, x)?;
    let rows = leading(x)?;
    if labels.shape() != rows.dims() {
        let problem = format!("labels {:?} for {name} {:?}, expected {rows}", labels.shape(), x.shape());
        return Err(Error::shape(op, problem));
    }
    check::dtype(op, labels, DType::I64)?;
    let labels = labels.as_slice::<i64>()?;
    let wrong = |label: i64| usize::try_from(label).map_or(true, |label| label >= classes);
    match labels.iter().position(|&label| wrong(label) && Some(label) != ignored) {
        None => Ok(labels),
        Some(index) => Err(Error::argument(
            op,
            "label",
            format!("{} at index {index} of {classes} classes", labels[index]),
            "0 to the number of classes less one",
        )),
    }
}

/// What the sum of the losses is divided by: a mean counts each row as often as its class weighs, and ignored ones not.
pub(crate) fn divisor<E: Element>(labels: &[i64], rows: &[usize], rules: Rules<'_>) -> Result<f64> {
    if rules.reduction != Reduction::Mean {
        return Ok(rules.reduction.divisor(rows));
    }
    let counted = labels.iter().filter(|&&label| Some(label) != rules.ignored);
    Ok(match (rules.weights, rules.ignored) {
        (None, None) => labels.len() as f64,
        (None, Some(_)) => counted.count() as f64,
        (Some(weights), _) => {
            let weights = weights.as_slice::<E>()?;
            counted.map(|&label| weights[label as usize].to_f64()).sum()
        }
    })
}
