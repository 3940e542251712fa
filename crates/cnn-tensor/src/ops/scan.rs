//! Running sums along an axis, counted in double precision.
//!
//! The gradient of a running sum is the running sum of the gradient from the other end.

use super::check;
use super::strips::{self, Strip};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};
use crate::{DType, Float, Result, Tensor};

/// Columns whose sums run side by side.
const COLUMNS: usize = 256;

/// From which end sums run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Each is the sum of the element and those before it.
    Start,
    /// Each is the sum of the element and those after it.
    End,
}

/// The sum of each element and all those before it along an axis.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::scan::{cumsum, From}};
/// let x = Tensor::from_slice(&[3], &[1.0f32, 2.0, 3.0])?;
/// assert_eq!(cumsum(&x, 0, From::Start)?.to_vec::<f32>()?, [1.0, 3.0, 6.0]);
/// assert_eq!(cumsum(&x, 0, From::End)?.to_vec::<f32>()?, [6.0, 5.0, 3.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where there is no such axis; [`Error::DType`](crate::Error::DType) unless `F32`
/// or `F64`.
pub fn cumsum(x: &Tensor, axis: usize, from: From) -> Result<Tensor> {
    x.expect_compute("cumsum")?;
    check::axis("cumsum", x.shape(), axis)?;
    let mut output = Tensor::stale(x.shape(), x.dtype())?;
    let (len, inner) = (x.shape()[axis], x.shape()[axis + 1..].iter().product());
    if output.is_empty() {
        return Ok(output);
    }
    match x.dtype() {
        DType::F32 => run::<f32>(x.as_slice()?, output.as_mut_slice()?, len, inner, from)?,
        _ => run::<f64>(x.as_slice()?, output.as_mut_slice()?, len, inner, from)?,
    }
    Ok(output)
}

fn run<F: Float>(x: &[F], output: &mut [F], len: usize, inner: usize, from: From) -> Result<()> {
    let level = simd::active()?;
    let (block, bytes) = (len * inner, 2 * size_of_val(x));
    // Few blocks: the columns behind the axis are shared out.
    if let Some(width) = strips::width(x.len() / block, [len, inner]) {
        let blocks = output.chunks_mut(block).zip(x.chunks(block));
        let pieces: Vec<_> = blocks
            .flat_map(|(output, x)| strips::of(output, inner, width).into_iter().map(move |strip| (strip, x)))
            .collect();
        return for_each(pieces.into_iter(), bytes, |(Strip { first, rows }, x)| {
            level.run(ScanStrip { x: &x[first..], inner, rows, from });
        });
    }
    // Some whole blocks; those of the last axis are short.
    let blocks = (COLUMNS * 64 / block).max(1);
    let pieces = output.chunks_mut(blocks * block).zip(x.chunks(blocks * block));
    for_each(pieces, bytes, |(output, x)| level.run(Scan { x, output, block, inner, from }))
}

/// Adds a row to the sums, and writes them.
#[inline(always)]
fn step<F: Float>(sums: &mut [f64], x: &[F], y: &mut [F]) {
    for ((sum, &x), y) in sums.iter_mut().zip(x).zip(y) {
        *sum += x.to_f64();
        *y = F::from_f64(*sum);
    }
}

/// The number of the row that comes after `done` others.
#[inline(always)]
fn nth(from: From, rows: usize, done: usize) -> usize {
    match from {
        From::Start => done,
        From::End => rows - 1 - done,
    }
}

struct Scan<'a, F> {
    x: &'a [F],
    output: &'a mut [F],
    block: usize,
    inner: usize,
    from: From,
}

impl<F: Float> Kernel for Scan<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { x, output, block, inner, from } = self;
        let mut sums = [0.0f64; COLUMNS];
        for (output, x) in output.chunks_exact_mut(block).zip(x.chunks_exact(block)) {
            let rows = block / inner;
            for first in (0..inner).step_by(COLUMNS) {
                let width = COLUMNS.min(inner - first);
                let sums = &mut sums[..width];
                sums.fill(0.0);
                for done in 0..rows {
                    let at = nth(from, rows, done) * inner + first;
                    step(sums, &x[at..at + width], &mut output[at..at + width]);
                }
            }
        }
    }
}

/// Some columns of one block.
struct ScanStrip<'a, F> {
    /// The block from the first column on.
    x: &'a [F],
    inner: usize,
    rows: Vec<&'a mut [F]>,
    from: From,
}

impl<F: Float> Kernel for ScanStrip<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { x, inner, mut rows, from } = self;
        let mut sums = vec![0.0; rows.first().map_or(0, |row| row.len())];
        for done in 0..rows.len() {
            let row = nth(from, rows.len(), done);
            step(&mut sums, &x[row * inner..], rows[row]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Error;
    use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison};

    #[test]
    fn sums_run_along_each_axis_from_each_end() {
        let x = Tensor::from_slice(&[2, 3], &[1.0f32, 2.0, 3.0, 10.0, 20.0, 30.0]).unwrap();
        let values = |axis, from| cumsum(&x, axis, from).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(values(0, From::Start), [1.0, 2.0, 3.0, 11.0, 22.0, 33.0]);
        assert_eq!(values(1, From::Start), [1.0, 3.0, 6.0, 10.0, 30.0, 60.0]);
        assert_eq!(values(1, From::End), [6.0, 5.0, 3.0, 60.0, 50.0, 30.0]);
        assert_eq!(
            cumsum(&Tensor::zeros(&[2, 0], DType::F32).unwrap(), 0, From::End).unwrap().shape(),
            [2, 0]
        );
    }

    #[test]
    fn nan_stays_from_where_it_is() {
        let x = Tensor::from_slice(&[3], &[1.0f32, f32::NAN, 2.0]).unwrap();
        let y = cumsum(&x, 0, From::Start).unwrap().to_vec::<f32>().unwrap();
        assert!(y[0] == 1.0 && y[1].is_nan() && y[2].is_nan());
    }

    #[test]
    fn scalars_and_whole_numbers_are_errors() {
        assert!(matches!(cumsum(&Tensor::scalar(1.0f32).unwrap(), 0, From::Start), Err(Error::Shape { .. })));
        let whole = Tensor::zeros(&[2], DType::I32).unwrap();
        assert!(matches!(cumsum(&whole, 0, From::Start), Err(Error::DType { .. })));
    }

    #[test]
    fn threads_change_nothing() {
        // Along the first axis the columns are shared out, along the others the blocks.
        let x = normal(&[30, 100, 40], 1, DType::F32).unwrap();
        for axis in 0..3 {
            for from in [From::Start, From::End] {
                assert_threads_change_nothing("cumsum", || vec![cumsum(&x, axis, from).unwrap()]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn each_is_the_sum_up_to_there(
            before in 1usize..4, len in 1usize..50, inner in prop_oneof![1usize..9, Just(300), Just(1500)],
            end in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let x = normal(&[before, len, inner], seed, DType::F32).unwrap();
            let values = x.to_f64_vec().unwrap();
            let from = if end { From::End } else { From::Start };
            let of = |f: fn(f64) -> f64| {
                let sum = |at: usize| {
                    let (start, row, column) = (at / (len * inner) * len * inner, at / inner % len, at % inner);
                    let rows = if end { row..len } else { 0..row + 1 };
                    rows.map(|row| f(values[start + row * inner + column])).sum::<f64>()
                };
                Tensor::from_slice(x.shape(), &(0..values.len()).map(sum).collect::<Vec<_>>()).unwrap()
            };
            let (expected, sizes) = (of(|x| x), of(f64::abs));
            on_each_level(|_| {
                poison(x.shape(), DType::F32).unwrap();
                assert_close("cumsum", &cumsum(&x, 1, from).unwrap(), &expected, &sizes, 1e-6);
            });
            let wide = cumsum(&x.to_dtype(DType::F64).unwrap(), 1, from).unwrap();
            assert_close("f64", &wide, &expected, &sizes, 1e-14);
        }
    }
}
