//! Tensors as text.
//!
//! `{}` writes the type, the shape and the elements in nested brackets, one row a line, in columns; `{:?}` the same on
//! one line. Of large tensors, each axis shows its ends and `...` between them. A precision, as in `{:.2}`, is the
//! number of decimals.

use std::fmt;

use crate::dtype::by_dtype;
use crate::{DType, Element, Result, Tensor};

/// Elements that are shown whole in lines, and on one line.
const SHOWN: usize = 1000;
const SHOWN_ON_LINE: usize = 16;

/// Elements at each end of an axis that are shown of larger tensors.
const ENDS: usize = 3;

/// Most decimals where no precision is asked for.
const DECIMALS: usize = 4;

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.dtype(), self.shape_value())?;
        if self.is_shape_only() {
            return Ok(());
        }
        let ends = if places_in(self) > SHOWN { ENDS } else { usize::MAX };
        let (texts, width) = texts(self, ends, f.precision())?;
        f.write_str("\n")?;
        Brackets { texts: texts.into_iter(), width, ends, style: Style::Lines }.write(f, self.shape(), 0)
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor {} {}", self.dtype(), self.shape_value())?;
        if self.is_shape_only() {
            return Ok(());
        }
        let ends = if places_in(self) > SHOWN_ON_LINE { ENDS } else { usize::MAX };
        let (texts, _) = texts(self, ends, f.precision())?;
        f.write_str(" ")?;
        Brackets { texts: texts.into_iter(), width: 0, ends, style: Style::OneLine }.write(f, self.shape(), 0)
    }
}

/// Brackets and elements to write, about: those of an empty tensor may be many too.
fn places_in(x: &Tensor) -> usize {
    x.shape().iter().map(|&len| len.max(1)).product()
}

/// How rows are separated.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Lines,
    OneLine,
}

/// The elements that are shown, in order.
struct Brackets {
    texts: std::vec::IntoIter<String>,
    width: usize,
    ends: usize,
    style: Style,
}

impl Brackets {
    fn write(&mut self, f: &mut fmt::Formatter<'_>, dims: &[usize], depth: usize) -> fmt::Result {
        let Some((&len, inner)) = dims.split_first() else {
            return write!(f, "{:>width$}", self.texts.next().unwrap_or_default(), width = self.width);
        };
        f.write_str("[")?;
        for (index, place) in places(len, self.ends).into_iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
                match self.style {
                    // As many line feeds as brackets close, so that matrices stand apart.
                    Style::Lines if !inner.is_empty() => {
                        (0..inner.len()).try_for_each(|_| f.write_str("\n"))?;
                        (0..=depth).try_for_each(|_| f.write_str(" "))?;
                    }
                    _ => f.write_str(" ")?,
                }
            }
            match place {
                Some(_) => self.write(f, inner, depth + 1)?,
                None => f.write_str("...")?,
            }
        }
        f.write_str("]")
    }
}

/// The places along an axis that are shown; nothing stands for those that are not.
fn places(len: usize, ends: usize) -> Vec<Option<usize>> {
    if len <= ends.saturating_mul(2) {
        return (0..len).map(Some).collect();
    }
    (0..ends).map(Some).chain([None]).chain((len - ends..len).map(Some)).collect()
}

/// The texts of the elements that are shown, and the width of the longest.
fn texts(
    x: &Tensor,
    ends: usize,
    precision: Option<usize>,
) -> std::result::Result<(Vec<String>, usize), fmt::Error> {
    let mut shown = vec![0];
    for &len in x.shape() {
        let along = places(len, ends);
        let along: Vec<usize> = along.into_iter().flatten().collect();
        shown = shown.iter().flat_map(|&at| along.iter().map(move |&place| at * len + place)).collect();
    }
    let texts = match x.dtype() {
        DType::Bool => each::<u8>(x, &shown, |value| (if value == 0 { "false" } else { "true" }).into()),
        DType::I64 => each::<i64>(x, &shown, |value| value.to_string()),
        dtype => by_dtype!(dtype, E => numbers::<E>(x, &shown, precision)),
    };
    let texts = texts.map_err(|_| fmt::Error)?;
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    Ok((texts, width))
}

fn each<E: Element>(x: &Tensor, shown: &[usize], text: impl Fn(E) -> String) -> Result<Vec<String>> {
    let values = x.as_slice::<E>()?;
    Ok(shown.iter().map(|&at| text(values[at])).collect())
}

/// Numbers with as many decimals as the one that needs most, or all with an exponent where some are too large or small.
fn numbers<E: Element>(x: &Tensor, shown: &[usize], precision: Option<usize>) -> Result<Vec<String>> {
    let values = x.as_slice::<E>()?;
    let finite = || shown.iter().map(|&at| values[at].to_f64()).filter(|value| value.is_finite());
    let far = |value: f64| value != 0.0 && !(1e-4..1e8).contains(&value.abs());
    let whole = finite().all(|value| value.fract() == 0.0 && value.abs() < 1e15);
    if !whole && finite().any(far) {
        let decimals = precision.unwrap_or(DECIMALS);
        return each::<E>(x, shown, |value| format!("{:.decimals$e}", value.to_f64()));
    }
    let needed = |value: f64| {
        let text = format!("{value:.DECIMALS$}");
        text.trim_end_matches('0').split_once('.').map_or(0, |(_, decimals)| decimals.len())
    };
    let decimals = precision.unwrap_or_else(|| finite().map(needed).max().unwrap_or(0));
    each::<E>(x, shown, |value| format!("{:.decimals$}", value.to_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_columns() {
        let x = Tensor::from_rows(&[[1.0f32, 2.5], [-10.25, f32::NAN]]).unwrap();
        assert_eq!(x.to_string(), "f32 [2, 2]\n[[  1.00,   2.50],\n [-10.25,    NaN]]");
        assert_eq!(format!("{x:.1}"), "f32 [2, 2]\n[[  1.0,   2.5],\n [-10.2,   NaN]]");
        assert_eq!(format!("{x:?}"), "Tensor f32 [2, 2] [[1.00, 2.50], [-10.25, NaN]]");
    }

    #[test]
    fn matrices_stand_apart_and_a_scalar_stands_alone() {
        let x = Tensor::arange(0.0, 8.0, 1.0, DType::I64).unwrap().reshape(&[2, 2, 2]).unwrap();
        assert_eq!(x.to_string(), "i64 [2, 2, 2]\n[[[0, 1],\n  [2, 3]],\n\n [[4, 5],\n  [6, 7]]]");
        assert_eq!(Tensor::scalar(0.5f64).unwrap().to_string(), "f64 []\n0.5");
        let truth = Tensor::eye(2, DType::Bool).unwrap();
        assert_eq!(format!("{truth:?}"), "Tensor bool [2, 2] [[true, false], [false, true]]");
    }

    #[test]
    fn large_tensors_show_their_ends() {
        let x = Tensor::arange(0.0, 2000.0, 1.0, DType::F32).unwrap();
        assert_eq!(x.to_string(), "f32 [2000]\n[   0,    1,    2, ..., 1997, 1998, 1999]");
        let x = x.reshape(&[1000, 2]).unwrap();
        assert_eq!(
            x.to_string(),
            "f32 [1000, 2]\n[[   0,    1],\n [   2,    3],\n [   4,    5],\n ...,\n [1994, 1995],\n [1996, 1997],\n \
             [1998, 1999]]"
        );
        assert_eq!(
            format!("{:?}", Tensor::arange(0.0, 20.0, 1.0, DType::U8).unwrap()),
            "Tensor u8 [20] [0, 1, 2, ..., 17, 18, 19]"
        );
    }

    #[test]
    fn numbers_far_from_one_have_exponents() {
        let x = Tensor::from_slice(&[2], &[1e-7f64, 1.5]).unwrap();
        assert_eq!(format!("{x:?}"), "Tensor f64 [2] [1.0000e-7, 1.5000e0]");
        let x = Tensor::from_slice(&[2], &[i64::MAX, -1]).unwrap();
        assert_eq!(x.to_string(), "i64 [2]\n[9223372036854775807,                  -1]");
        let x = Tensor::from_slice(&[2], &[1e9f32, 2.0]).unwrap();
        assert_eq!(format!("{x:?}"), "Tensor f32 [2] [1000000000, 2]");
    }

    #[test]
    fn what_has_no_elements_has_empty_brackets() {
        assert_eq!(Tensor::zeros(&[0], DType::F32).unwrap().to_string(), "f32 [0]\n[]");
        assert_eq!(format!("{:?}", Tensor::zeros(&[2, 0], DType::U8).unwrap()), "Tensor u8 [2, 0] [[], []]");
        assert_eq!(format!("{:?}", Tensor::shape_only(&[3], DType::U8).unwrap()), "Tensor u8 [3]");
        // A long axis of nothing is not written out.
        assert!(Tensor::zeros(&[1 << 40, 0], DType::U8).unwrap().to_string().len() < 100);
    }
}
