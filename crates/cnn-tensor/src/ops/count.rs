//! Classes as rows of zeros with a one, and how often each class and each range of numbers occurs.
//!
//! Not differentiable: classes are whole numbers, and counts are too.

use super::check;
use crate::dtype::by_dtype;
use crate::{DType, Element, Error, Result, Tensor};

/// Each class as a row that is 1 at its number and else 0.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{DType, Tensor, ops::count::one_hot};
/// let labels = Tensor::from_slice(&[2], &[2i64, 0])?;
/// assert_eq!(one_hot(&labels, 3, DType::F32)?.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// `[..]` to `[.., classes]`, of the element type asked for.
///
/// # Errors
/// [`Error::Argument`] names a label that is no class; [`Error::DType`] unless labels are `I64`.
pub fn one_hot(labels: &Tensor, classes: usize, dtype: DType) -> Result<Tensor> {
    let places = checked("one_hot", labels, classes)?;
    let mut output = Tensor::zeros(&[labels.shape(), &[classes]].concat(), dtype)?;
    by_dtype!(dtype, E => {
        let rows = output.as_mut_slice::<E>()?.chunks_exact_mut(classes.max(1));
        rows.zip(places).for_each(|(row, &place)| row[place as usize] = E::from_f64(1.0));
    });
    Ok(output)
}

/// How often each class occurs.
///
/// # Shapes
/// `[..]` to `[classes]`, `I64`.
///
/// # Errors
/// As [`one_hot`].
pub fn bin_count(labels: &Tensor, classes: usize) -> Result<Tensor> {
    let places = checked("bin_count", labels, classes)?;
    let mut output = Tensor::zeros(&[classes], DType::I64)?;
    let counts = output.as_mut_slice::<i64>()?;
    places.iter().for_each(|&place| counts[place as usize] += 1);
    Ok(output)
}

/// How many numbers are in each of `bins` ranges of equal width from `low` to `high`, the last of which has its end too;
/// those outside, and NaN, are in none.
///
/// # Shapes
/// `[..]` to `[bins]`, `I64`.
///
/// # Errors
/// [`Error::Argument`] unless `low < high`, both finite, and there is a bin; [`Error::DType`] unless `F32` or `F64`.
pub fn histogram(x: &Tensor, bins: usize, low: f64, high: f64) -> Result<Tensor> {
    x.expect_compute("histogram")?;
    if !(low < high && (high - low).is_finite()) {
        let met = format!("{low} to {high}");
        return Err(Error::argument(
            "histogram",
            "range",
            met,
            "a finite one from a lower to a higher number",
        ));
    }
    if bins == 0 {
        return Err(Error::argument("histogram", "bins", bins, "1 or more"));
    }
    let mut output = Tensor::zeros(&[bins], DType::I64)?;
    let counts = output.as_mut_slice::<i64>()?;
    let scale = bins as f64 / (high - low);
    let mut count = |value: f64| {
        if (low..=high).contains(&value) {
            counts[(((value - low) * scale) as usize).min(bins - 1)] += 1;
        }
    };
    match x.dtype() {
        DType::F32 => x.as_slice::<f32>()?.iter().for_each(|&value| count(f64::from(value))),
        _ => x.as_slice::<f64>()?.iter().for_each(|&value| count(value)),
    }
    Ok(output)
}

fn checked<'a>(op: &'static str, labels: &'a Tensor, classes: usize) -> Result<&'a [i64]> {
    check::dtype(op, labels, DType::I64)?;
    let places = labels.as_slice::<i64>()?;
    match places.iter().position(|&place| place as u64 >= classes as u64) {
        None => Ok(places),
        Some(at) => {
            let met = format!("{} at index {at} of {:?}, of {classes} classes", places[at], labels.shape());
            Err(Error::argument(op, "label", met, "0 to the number of classes, exclusive"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_at_its_class() {
        let labels = Tensor::from_slice(&[2, 1], &[1i64, 0]).unwrap();
        let y = one_hot(&labels, 2, DType::Bool).unwrap();
        assert_eq!((y.shape(), y.to_vec::<u8>().unwrap()), (&[2, 1, 2][..], vec![0, 1, 1, 0]));
        assert_eq!(
            one_hot(&Tensor::zeros(&[0], DType::I64).unwrap(), 0, DType::F32).unwrap().shape(),
            [0, 0]
        );
    }

    #[test]
    fn classes_are_counted() {
        let labels = Tensor::from_slice(&[5], &[1i64, 3, 1, 0, 1]).unwrap();
        assert_eq!(bin_count(&labels, 5).unwrap().to_vec::<i64>().unwrap(), [1, 3, 0, 1, 0]);
    }

    #[test]
    fn numbers_fall_into_ranges_the_last_of_which_is_closed() {
        let x = Tensor::from_slice(&[8], &[0.0f32, 0.5, 1.0, 1.5, 2.0, -0.1, 2.1, f32::NAN]).unwrap();
        assert_eq!(histogram(&x, 2, 0.0, 2.0).unwrap().to_vec::<i64>().unwrap(), [2, 3]);
        let wide = x.to_dtype(DType::F64).unwrap();
        assert_eq!(histogram(&wide, 4, 0.0, 2.0).unwrap().to_vec::<i64>().unwrap(), [1, 1, 1, 2]);
    }

    #[test]
    fn what_is_no_class_and_no_range_is_an_error() {
        let labels = Tensor::from_slice(&[2], &[0i64, 3]).unwrap();
        let error = one_hot(&labels, 3, DType::F32).unwrap_err().to_string();
        assert_eq!(
            error,
            "one_hot: label is 3 at index 1 of [2], of 3 classes, expected 0 to the number of classes, exclusive"
        );
        let negative = Tensor::from_slice(&[1], &[-1i64]).unwrap();
        assert!(matches!(bin_count(&negative, 3), Err(Error::Argument { .. })));
        assert!(matches!(bin_count(&Tensor::scalar(1u8).unwrap(), 3), Err(Error::DType { .. })));
        let x = Tensor::scalar(1.0f32).unwrap();
        for (bins, low, high) in [(0, 0.0, 1.0), (3, 1.0, 1.0), (3, f64::NAN, 1.0), (3, f64::MIN, f64::MAX)] {
            assert!(matches!(histogram(&x, bins, low, high), Err(Error::Argument { .. })));
        }
        assert!(matches!(histogram(&labels, 1, 0.0, 1.0), Err(Error::DType { .. })));
    }
}
