//! Where along an axis the largest or smallest element is.
//!
//! Along the last axis, two plain loops over each row: its extreme in lanes, then the first place that holds it.
//! Along another, the columns behind it go down the axis side by side, each with its extreme and its place.

use super::Keep;
use super::cut::reduced_shape;
use crate::ops::check;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel, MOST_LANES};
use crate::{DType, Error, Float, Result, Tensor};

/// Numbers that are worth a thread's attention.
const PIECE: usize = 1 << 15;

/// Columns that go down an axis side by side.
const COLUMNS: usize = 256;

/// Where along an axis the largest element is: the first of equals; NaN counts as larger than any number, as in
/// PyTorch.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::reduce::{self, Keep}};
/// let x = Tensor::from_slice(&[2, 2], &[1.0f32, 5.0, 3.0, 2.0])?;
/// assert_eq!(reduce::arg_max_over(&x, 0, Keep::Dropped)?.to_vec::<i64>()?, [1, 0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// The axis stays as 1 or goes; the result is `I64`.
///
/// # Errors
/// [`Error::Shape`] where the axis is out of range or empty; [`Error::DType`] unless `F32` or `F64`.
pub fn arg_max_over(x: &Tensor, axis: usize, keep: Keep) -> Result<Tensor> {
    over(&Above, "arg_max", x, axis, keep)
}

/// Where along an axis the smallest element is: the first of equals; NaN counts as smaller than any number, as in
/// PyTorch.
///
/// # Shapes
/// As [`arg_max_over`].
///
/// # Errors
/// As [`arg_max_over`].
pub fn arg_min_over(x: &Tensor, axis: usize, keep: Keep) -> Result<Tensor> {
    over(&Below, "arg_min", x, axis, keep)
}

/// Which of two numbers comes first.
pub(super) trait Order: Sync {
    /// The number that comes after all others.
    const LAST: f64;

    fn comes_before<F: Float>(&self, a: F, b: F) -> bool;
}

/// The larger first.
pub(super) struct Above;

/// The smaller first.
struct Below;

impl Order for Above {
    const LAST: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn comes_before<F: Float>(&self, a: F, b: F) -> bool {
        a > b
    }
}

impl Order for Below {
    const LAST: f64 = f64::INFINITY;

    #[inline(always)]
    fn comes_before<F: Float>(&self, a: F, b: F) -> bool {
        a < b
    }
}

fn over(order: &impl Order, op: &'static str, x: &Tensor, axis: usize, keep: Keep) -> Result<Tensor> {
    let shape = reduced_shape(op, x.shape(), &[axis], keep)?;
    let (len, columns) = (x.shape()[axis], x.shape()[axis + 1..].iter().product());
    if len == 0 {
        return Err(Error::shape(op, format!("axis {axis} of {:?} is empty", x.shape())));
    }
    let mut output = Tensor::stale(&shape, DType::I64)?;
    let places = output.as_mut_slice()?;
    match x.dtype() {
        DType::F32 => places_of(order, x.as_slice::<f32>()?, len, columns, places)?,
        DType::F64 => places_of(order, x.as_slice::<f64>()?, len, columns, places)?,
        met => return Err(check::not_compute(op, met)),
    }
    Ok(output)
}

/// The places of the extremes of `len` rows of some columns.
pub(super) fn places_of<F: Float>(
    order: &impl Order,
    x: &[F],
    len: usize,
    columns: usize,
    places: &mut [i64],
) -> Result<()> {
    let level = simd::active()?;
    if places.is_empty() {
        return Ok(());
    }
    if columns == 1 && len > 2 * PIECE {
        return of_long_rows(order, x, len, places);
    }
    if columns == 1 {
        let rows = (PIECE / len).max(1);
        let pieces = places.chunks_mut(rows).zip(x.chunks(rows * len));
        return for_each(pieces, size_of_val(x), |(places, x)| {
            for (place, row) in places.iter_mut().zip(x.chunks_exact(len)) {
                *place = level.run(Row { order, row }) as i64;
            }
        });
    }
    // Some whole blocks, or some columns of one.
    let some = if columns > COLUMNS { 1 } else { (PIECE / (len * columns)).max(1) };
    let blocks = places.chunks_mut(some * columns).zip(x.chunks(some * len * columns));
    let pieces: Vec<_> = blocks
        .flat_map(|(places, x)| {
            let parts = places.chunks_mut(some * columns.min(COLUMNS)).enumerate();
            parts.map(move |(part, places)| (&x[part * COLUMNS..], places))
        })
        .collect();
    for_each(pieces.into_iter(), size_of_val(x), |(x, places)| {
        level.run(Columns { order, x, len, pitch: columns, places });
    })
}

/// The places of the extremes of rows in parts, put together in order.
fn of_long_rows<F: Float>(order: &impl Order, x: &[F], len: usize, places: &mut [i64]) -> Result<()> {
    let level = simd::active()?;
    let parts = len.div_ceil(PIECE);
    let mut firsts = vec![0; places.len() * parts];
    let pieces = x.chunks(len).flat_map(|row| row.chunks(PIECE)).zip(&mut firsts).collect::<Vec<_>>();
    for_each(pieces.into_iter(), size_of_val(x), |(row, first)| *first = level.run(Row { order, row }))?;
    for ((place, row), firsts) in places.iter_mut().zip(x.chunks(len)).zip(firsts.chunks(parts)) {
        let mut best = firsts[0];
        for (part, first) in firsts.iter().enumerate().skip(1) {
            let (at, most) = (part * PIECE + first, row[best]);
            if order.comes_before(row[at], most) || (row[at].is_nan() && !most.is_nan()) {
                best = at;
            }
        }
        *place = best as i64;
    }
    Ok(())
}

struct Row<'a, F, O> {
    order: &'a O,
    row: &'a [F],
}

impl<F: Float, O: Order> Kernel for Row<'_, F, O> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> usize {
        let Self { order, row } = self;
        let first = |a: F, b: F| if order.comes_before(b, a) | b.is_nan() { b } else { a };
        let mut lanes = [F::from_f64(O::LAST); MOST_LANES];
        for part in row.chunks(MOST_LANES) {
            for (lane, &x) in lanes.iter_mut().zip(part) {
                *lane = first(*lane, x);
            }
        }
        let most = lanes.into_iter().fold(F::from_f64(O::LAST), first);
        let holds = |x: F| (x == most) | x.is_nan();
        let part = row.chunks(MOST_LANES).position(|part| part.iter().fold(false, |any, &x| any | holds(x)));
        let start = part.unwrap_or(0) * MOST_LANES;
        start + row[start..].iter().position(|&x| holds(x)).unwrap_or(0)
    }
}

struct Columns<'a, F, O> {
    order: &'a O,
    /// The rows from the first of these columns on.
    x: &'a [F],
    /// Rows of a block.
    len: usize,
    /// Distance between rows.
    pitch: usize,
    /// Some columns of a block, or all columns of some blocks.
    places: &'a mut [i64],
}

impl<F: Float, O: Order> Kernel for Columns<'_, F, O> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { order, x, len, pitch, places } = self;
        let mut most = [F::ZERO; COLUMNS];
        for (places, x) in places.chunks_mut(pitch).zip(x.chunks(len * pitch)) {
            let most = &mut most[..places.len()];
            most.copy_from_slice(&x[..places.len()]);
            places.fill(0);
            for (row, numbers) in x.chunks(pitch).enumerate().skip(1) {
                for ((most, place), &x) in most.iter_mut().zip(&mut *places).zip(numbers) {
                    let better = order.comes_before(x, *most) | (x.is_nan() & !most.is_nan());
                    *place = if better { row as i64 } else { *place };
                    *most = if better { x } else { *most };
                }
            }
        }
    }
}
