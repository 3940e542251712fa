//! Reductions over some of the axes: the folds, and how their totals become results.

use super::cut::{Cut, reduced_shape};
use super::fold::{Fold, fold};
use super::{Keep, sum_leading};
use crate::ops::select::select;
use crate::ops::{binary, check, compare, unary};
use crate::{DType, Element, Error, Float, Result, Shape, Tensor};

/// What the sum of squares is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variance {
    /// The number of values.
    Biased,
    /// One less: NaN for one value, as in PyTorch, whose default this is.
    Unbiased,
}

impl Variance {
    fn divisor(self, dims: &[usize], axes: &[usize]) -> f64 {
        let values = count(dims, axes) as f64;
        match self {
            Self::Biased => values,
            Self::Unbiased => (values - 1.0).max(0.0),
        }
    }
}

/// A measure of length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// The sum of the absolute values.
    L1,
    /// The root of the sum of the squares.
    L2,
    /// The largest absolute value; 0 of none.
    Max,
}

/// Fewest rows that threads share; sums of fewer numbers than [`MANY`] are not worth sharing.
const ROWS: usize = 128;

/// Numbers whose sums are worth a second thread.
const MANY: usize = 1 << 15;

/// The sums over the given axes; over none, the tensor itself.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::reduce::{self, Keep}};
/// let x = Tensor::from_slice(&[2, 3], &[1.0f32, 2.0, 3.0, 10.0, 20.0, 30.0])?;
/// assert_eq!(reduce::sum_over(&x, &[0], Keep::Dropped)?.to_vec::<f32>()?, [11.0, 22.0, 33.0]);
/// assert_eq!(reduce::sum_over(&x, &[1], Keep::Axes)?.shape(), [2, 1]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// The reduced axes stay as 1 or go, as `keep` says.
///
/// # Errors
/// [`Error::Shape`] where an axis is out of range or named twice; [`Error::DType`] unless `F32` or `F64`.
pub fn sum_over(x: &Tensor, axes: &[usize], keep: Keep) -> Result<Tensor> {
    let shape = reduced_shape("sum", x.shape(), axes, keep)?;
    // All axes but the last: the gradient of a bias, which has loops that keep sums in registers. They share out rows, so
    // few long ones, whose columns are to be shared out, are left to the others.
    let rows = x.shape().iter().rev().skip(1).fold(1, |rows: usize, &dim| rows.saturating_mul(dim));
    if x.dtype() == DType::F32
        && (rows >= ROWS || x.len() < MANY)
        && axes.len() + 1 == x.rank()
        && !axes.contains(&axes.len())
        && !axes.is_empty()
    {
        return sum_leading(x)?.reshape(&shape);
    }
    float("sum", &Sum, x, axes, keep, |sum| sum)
}

/// The means over the given axes; NaN of nothing, as in PyTorch.
///
/// # Errors
/// As [`sum_over`].
pub fn mean_over(x: &Tensor, axes: &[usize], keep: Keep) -> Result<Tensor> {
    let count = count(x.shape(), axes) as f64;
    float("mean", &Sum, x, axes, keep, |sum| sum / count)
}

/// The variances over the given axes, in two passes: the means, then the mean squares of the distances from them. In `F32`,
/// means that are large beside their deviation are then taken again, of the distances, and so are the squares.
///
/// # Errors
/// As [`sum_over`].
pub fn var_over(x: &Tensor, axes: &[usize], variance: Variance, keep: Keep) -> Result<Tensor> {
    let count = count(x.shape(), axes) as f64;
    let means = float("var", &Sum, x, axes, keep, |sum| sum / count)?;
    let divisor = variance.divisor(x.shape(), axes);
    if x.dtype() == DType::F64 {
        return fill(&Squares, x, means.as_slice::<f64>()?, axes, keep, "var", |sum| sum / divisor);
    }
    let means = means.as_slice::<f32>()?;
    let squares = |means: &[f32]| fill(&Squares, x, means, axes, keep, "var", |sum| (sum / divisor) as f32);
    let mut variances = squares(means)?;
    let values = variances.as_mut_slice::<f32>()?;
    let is_large = |mean: f32, variance: f32| {
        let error = LARGEST_ERROR * f64::from(mean);
        f64::from(variance) * divisor < error * error * count / TOLERANCE
    };
    if means.iter().zip(&*values).any(|(&mean, &variance)| is_large(mean, variance)) {
        let rests: Tensor = fill(&Distances, x, means, axes, keep, "var", |sum| (sum / count) as f32)?;
        let rests = rests.as_slice::<f32>()?;
        let exact = |index: usize| f64::from(means[index]) + f64::from(rests[index]);
        let closer: Vec<f32> = (0..means.len()).map(|index| exact(index) as f32).collect();
        let again = squares(&closer)?;
        for (index, (variance, &again)) in values.iter_mut().zip(again.as_slice::<f32>()?).enumerate() {
            if is_large(means[index], *variance) {
                // What rounding took from the mean.
                let rest = exact(index) - f64::from(closer[index]);
                *variance = (f64::from(again) - rest * rest * count / divisor).max(0.0) as f32;
            }
        }
    }
    Ok(variances)
}

/// How far a mean in single precision may be from the true one, as a part of it: [`fold`] rounds as often as it adds
/// numbers of a lane, at most 64 times in a row.
const LARGEST_ERROR: f64 = 64.0 / (1 << 24) as f64;

/// The part of a variance that the error of the mean may make up.
const TOLERANCE: f64 = 1e-7;

/// The gradient of [`var_over`]: `2 (x - mean) grad`, divided by what it divides by.
///
/// # Shapes
/// `grad` is the result's gradient, its axes kept or dropped.
///
/// # Errors
/// [`Error::Shape`] where it does not fit, and as [`sum_over`].
pub fn var_over_backward(x: &Tensor, grad: Tensor, axes: &[usize], variance: Variance) -> Result<Tensor> {
    let means = mean_over(x, axes, Keep::Axes)?;
    let grad = unary::scale(grad.reshape(means.shape())?, 2.0 / variance.divisor(x.shape(), axes))?;
    binary::mul(binary::sub(x.clone(), &means)?, &grad)
}

/// The products over the given axes; 1 of nothing.
///
/// # Errors
/// As [`sum_over`].
pub fn prod_over(x: &Tensor, axes: &[usize], keep: Keep) -> Result<Tensor> {
    float("prod", &Product, x, axes, keep, |product| product)
}

/// The norms over the given axes.
///
/// # Errors
/// As [`sum_over`].
pub fn norm_over(x: &Tensor, axes: &[usize], norm: Norm, keep: Keep) -> Result<Tensor> {
    match norm {
        Norm::L1 => float("norm", &Absolutes, x, axes, keep, |sum| sum),
        Norm::L2 => float("norm", &OwnSquares, x, axes, keep, f64::sqrt),
        Norm::Max => float("norm", &LargestSize, x, axes, keep, |most| most),
    }
}

/// The gradient of [`norm_over`] with [`Norm::L2`]: `x / norm * grad`, and 0 where the norm is 0, as in PyTorch.
///
/// # Shapes
/// `norms` and `grad` are the result and its gradient, their axes kept or dropped.
///
/// # Errors
/// [`Error::Shape`] where they do not fit, and as [`sum_over`].
pub fn l2_over_backward(x: &Tensor, norms: &Tensor, grad: Tensor, axes: &[usize]) -> Result<Tensor> {
    let kept = reduced_shape("norm", x.shape(), axes, Keep::Axes)?;
    let (norms, zero) = (norms.clone().reshape(&kept)?, Tensor::zeros(&[], x.dtype())?);
    let share = binary::div(grad.reshape(&kept)?, &norms)?;
    binary::mul(x.clone(), &select(&compare::eq(&norms, &zero)?, &zero, &share)?)
}

/// The largest values over the given axes (PyTorch's `amax`); NaN where there is one.
///
/// # Errors
/// As [`sum_over`]; [`Error::Shape`] where there are no values to choose from.
pub fn max_over(x: &Tensor, axes: &[usize], keep: Keep) -> Result<Tensor> {
    extreme_shape("max", x.shape(), axes, keep)?;
    float("max", &Largest, x, axes, keep, |most| most)
}

/// The smallest values over the given axes (PyTorch's `amin`); NaN where there is one.
///
/// # Errors
/// As [`max_over`].
pub fn min_over(x: &Tensor, axes: &[usize], keep: Keep) -> Result<Tensor> {
    extreme_shape("min", x.shape(), axes, keep)?;
    float("min", &Smallest, x, axes, keep, |least| least)
}

/// The gradient of [`max_over`] and [`min_over`]: shared evenly among the values that are equal to the result, as
/// PyTorch's `amax` does.
///
/// # Shapes
/// `extreme` and `grad` are the result and its gradient, their axes kept or dropped.
///
/// # Errors
/// [`Error::Shape`] where they do not fit, and as [`sum_over`].
pub fn extreme_over_backward(x: &Tensor, extreme: &Tensor, grad: Tensor, axes: &[usize]) -> Result<Tensor> {
    let kept = reduced_shape("max", x.shape(), axes, Keep::Axes)?;
    let holds = binary::equal_as_number(x.clone(), &extreme.clone().reshape(&kept)?)?;
    let share = binary::div(grad.reshape(&kept)?, &sum_over(&holds, axes, Keep::Axes)?)?;
    binary::mul(holds, &share)
}

/// Whether all truth values along the given axes hold; true of none.
///
/// # Errors
/// [`Error::Shape`] as [`sum_over`]; [`Error::DType`] unless `Bool`.
pub fn all_over(x: &Tensor, axes: &[usize], keep: Keep) -> Result<Tensor> {
    check::dtype("all", x, DType::Bool)?;
    fill::<u8, _, u8>(&All, x, &[], axes, keep, "all", |truth| truth)
}

/// Whether any truth value along the given axes holds; false of none.
///
/// # Errors
/// As [`all_over`].
pub fn any_over(x: &Tensor, axes: &[usize], keep: Keep) -> Result<Tensor> {
    check::dtype("any", x, DType::Bool)?;
    fill::<u8, _, u8>(&Any, x, &[], axes, keep, "any", |truth| truth)
}

/// Number of values that become one; axes that are named twice are met later.
fn count(dims: &[usize], axes: &[usize]) -> usize {
    axes.iter().filter_map(|&axis| dims.get(axis)).fold(1, |count, &dim| count.saturating_mul(dim))
}

/// The shape of [`max_over`] and [`min_over`].
///
/// # Errors
/// [`Error::Shape`] as theirs.
pub fn extreme_shape(op: &'static str, dims: &[usize], axes: &[usize], keep: Keep) -> Result<Shape> {
    let shape = reduced_shape(op, dims, axes, keep)?;
    if count(dims, axes) == 0 {
        return Err(Error::shape(op, format!("shape {dims:?} has no values along axes {axes:?}")));
    }
    Ok(shape)
}

/// A fold of either type of numbers, whose totals are doubles.
fn float<F>(
    op: &'static str,
    fold: &F,
    x: &Tensor,
    axes: &[usize],
    keep: Keep,
    finish: impl Fn(f64) -> f64 + Sync,
) -> Result<Tensor>
where
    F: Fold<f32, Total = f64> + Fold<f64, Total = f64>,
{
    match x.dtype() {
        DType::F32 => fill::<f32, _, f32>(fold, x, &[], axes, keep, op, |total| finish(total) as f32),
        DType::F64 => fill::<f64, _, f64>(fold, x, &[], axes, keep, op, finish),
        met => Err(check::not_compute(op, met)),
    }
}

fn fill<E: Element, F: Fold<E>, O: Element>(
    kind: &F,
    x: &Tensor,
    centres: &[E],
    axes: &[usize],
    keep: Keep,
    op: &'static str,
    finish: impl Fn(F::Total) -> O + Sync,
) -> Result<Tensor> {
    let shape = reduced_shape(op, x.shape(), axes, keep)?;
    let mut output = Tensor::stale(&shape, x.dtype())?;
    if x.is_empty() {
        output.as_mut_slice::<O>()?.fill(finish(kind.empty()));
        return Ok(output);
    }
    let cut = Cut::new(x.shape(), axes);
    fold(kind, &cut, x.as_slice::<E>()?, centres, output.as_mut_slice::<O>()?, finish)?;
    Ok(output)
}

/// A fold of numbers: lanes in their own type, totals in double precision.
macro_rules! fold {
    ($(#[$doc:meta])* $name:ident, $start:expr, |$lane:ident, $x:ident, $centre:pat_param| $step:expr, $join:expr $(, $centred:literal)?) => {
        $(#[$doc])*
        struct $name;

        impl<F: Float> Fold<F> for $name {
            type Total = f64;
            $(const CENTRED: bool = $centred;)?

            #[inline(always)]
            fn start(&self) -> F {
                F::from_f64($start)
            }

            #[inline(always)]
            fn step(&self, $lane: F, $x: F, $centre: F) -> F {
                $step
            }

            #[inline(always)]
            fn empty(&self) -> f64 {
                $start
            }

            #[inline(always)]
            fn pair(&self, a: F, b: F) -> F {
                $join(a, b)
            }

            #[inline(always)]
            fn join(&self, total: f64, lane: F) -> f64 {
                $join(total, lane.to_f64())
            }

            #[inline(always)]
            fn merge(&self, a: f64, b: f64) -> f64 {
                $join(a, b)
            }
        }
    };
}

fold!(Sum, 0.0, |lane, x, _| lane + x, add);
fold!(
    /// Squares of the distances from the centres.
    Squares, 0.0, |lane, x, centre| lane + (x - centre) * (x - centre), add, true
);
fold!(
    /// Distances from the centres.
    Distances, 0.0, |lane, x, centre| lane + (x - centre), add, true
);
fold!(OwnSquares, 0.0, |lane, x, _| lane + x * x, add);
fold!(Absolutes, 0.0, |lane, x, _| lane + x.abs(), add);
fold!(Product, 1.0, |lane, x, _| lane * x, multiply);
fold!(Largest, f64::NEG_INFINITY, |lane, x, _| larger(lane, x), larger);
fold!(Smallest, f64::INFINITY, |lane, x, _| smaller(lane, x), smaller);
fold!(LargestSize, 0.0, |lane, x, _| larger(lane, x.abs()), larger);

#[inline(always)]
fn add<F: Float>(a: F, b: F) -> F {
    a + b
}

#[inline(always)]
fn multiply<F: Float>(a: F, b: F) -> F {
    a * b
}

/// The larger of two numbers, or NaN.
#[inline(always)]
fn larger<F: Float>(a: F, b: F) -> F {
    if (b > a) | b.is_nan() { b } else { a }
}

/// The smaller of two numbers, or NaN.
#[inline(always)]
fn smaller<F: Float>(a: F, b: F) -> F {
    if (b < a) | b.is_nan() { b } else { a }
}

/// A fold of truth values.
macro_rules! truth {
    ($name:ident, $start:literal, $operator:tt) => {
        struct $name;

        impl Fold<u8> for $name {
            type Total = u8;

            #[inline(always)]
            fn start(&self) -> u8 {
                $start
            }

            #[inline(always)]
            fn step(&self, lane: u8, x: u8, _centre: u8) -> u8 {
                lane $operator x
            }

            #[inline(always)]
            fn empty(&self) -> u8 {
                $start
            }

            #[inline(always)]
            fn pair(&self, a: u8, b: u8) -> u8 {
                a $operator b
            }

            #[inline(always)]
            fn join(&self, total: u8, lane: u8) -> u8 {
                total $operator lane
            }

            #[inline(always)]
            fn merge(&self, a: u8, b: u8) -> u8 {
                a $operator b
            }
        }
    };
}

truth!(All, 1, &);
truth!(Any, 0, |);
