//! The loops inside one piece: some rows forward, some rows backward, a window of the column sums.
//!
//! Differences are taken from the mean as rounded to single precision, and what rounding took from it is given back
//! in double precision: a mean that is large beside the deviation costs no accuracy.

use crate::ops::channels::Width;
use crate::ops::in_place::Source;
use crate::ops::rows::{RowTerms, sum_row};
use crate::simd::{Isa, Kernel};

/// Rows whose column sums are taken in single precision.
const BLOCK: usize = 64;

/// What normalises a row: `(x - centre) * scale + shift`.
#[derive(Clone, Copy)]
pub(super) struct Map {
    pub(super) centre: f32,
    pub(super) scale: f32,
    pub(super) shift: f32,
}

impl Map {
    /// The map of a mean and an inverse deviation.
    #[inline(always)]
    pub(super) fn new(mean: f64, inverse: f64) -> Self {
        let centre = mean as f32;
        let rest = mean - f64::from(centre);
        Self { centre, scale: inverse as f32, shift: (-rest * inverse) as f32 }
    }

    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        (x - self.centre) * self.scale + self.shift
    }
}

/// Normalises rows.
pub(super) struct Rows<'a> {
    pub(super) x: &'a [f32],
    pub(super) row: usize,
    pub(super) weight: Option<&'a [f32]>,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) epsilon: f64,
    pub(super) output: &'a mut [f32],
    pub(super) mean: &'a mut [f64],
    pub(super) inverse: &'a mut [f64],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { x, row, weight, bias, epsilon, output, mean, inverse } = self;
        let statistics = mean.iter_mut().zip(inverse);
        for ((x, y), (mean, inverse)) in x.chunks_exact(row).zip(output.chunks_exact_mut(row)).zip(statistics)
        {
            let variance;
            (*mean, variance) = moments(isa, x);
            *inverse = 1.0 / (variance + epsilon).sqrt();
            let map = Map::new(*mean, *inverse);
            let numbers = y.iter_mut().zip(x);
            match (weight, bias) {
                (None, None) => numbers.for_each(|(y, &x)| *y = map.of(x)),
                (Some(weight), None) => {
                    numbers.zip(weight).for_each(|((y, &x), weight)| *y = map.of(x) * weight);
                }
                (None, Some(bias)) => numbers.zip(bias).for_each(|((y, &x), bias)| *y = map.of(x) + bias),
                (Some(weight), Some(bias)) => {
                    for (((y, &x), weight), bias) in numbers.zip(weight).zip(bias) {
                        *y = map.of(x) * weight + bias;
                    }
                }
            }
        }
    }
}

/// Mean and biased variance of a row: the mean first, then what differs from it.
#[inline(always)]
fn moments<I: Isa>(isa: I, x: &[f32]) -> (f64, f64) {
    let count = x.len() as f64;
    let [sum] = sum_row(isa, x.len(), &mut Numbers { x });
    let centre = (sum / count) as f32;
    let [rest, squares] = sum_row(isa, x.len(), &mut Spread { x, centre });
    let rest = rest / count;
    let variance = squares / count - rest * rest;
    // Rounding may take it below zero; NaN stays.
    (f64::from(centre) + rest, if variance < 0.0 { 0.0 } else { variance })
}

/// The number itself.
struct Numbers<'a> {
    x: &'a [f32],
}

impl<I: Isa> RowTerms<I, 1> for Numbers<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, sums: &mut [[I::F32; N]; 1]) {
        let x = width.load::<N>(isa, &self.x[at..]);
        for v in 0..N {
            sums[0][v] = isa.add(sums[0][v], x[v]);
        }
    }
}

/// The difference from the centre, and its square.
struct Spread<'a> {
    x: &'a [f32],
    centre: f32,
}

impl<I: Isa> RowTerms<I, 2> for Spread<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, sums: &mut [[I::F32; N]; 2]) {
        let x = width.load::<N>(isa, &self.x[at..]);
        let centre = width.splat(isa, self.centre);
        for v in 0..N {
            let difference = isa.sub(x[v], centre);
            sums[0][v] = isa.add(sums[0][v], difference);
            sums[1][v] = isa.fma(difference, difference, sums[1][v]);
        }
    }
}

/// The gradient of rows of the input.
pub(super) struct Input<'a> {
    pub(super) x: &'a [f32],
    pub(super) row: usize,
    pub(super) weight: Option<&'a [f32]>,
    pub(super) mean: &'a [f64],
    pub(super) inverse: &'a [f64],
    /// The gradient of the output; in place means in the buffer of the result.
    pub(super) grad: Source<'a, f32>,
    pub(super) result: &'a mut [f32],
}

impl Kernel for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { x, row, weight, mean, inverse, grad, result } = self;
        let rows = x.chunks_exact(row).zip(result.chunks_exact_mut(row)).enumerate();
        for ((index, (x, result)), (&mean, &inverse)) in rows.zip(mean.iter().zip(inverse)) {
            // The gradient of the normalised value, where the result will be.
            let grad = grad.part(index * row..(index + 1) * row);
            match (grad, weight) {
                (Source::InPlace, None) => {}
                (Source::Other(grad), None) => result.copy_from_slice(grad),
                (Source::InPlace, Some(weight)) => {
                    result.iter_mut().zip(weight).for_each(|(result, weight)| *result *= weight);
                }
                (Source::Other(grad), Some(weight)) => {
                    let numbers = result.iter_mut().zip(grad).zip(weight);
                    numbers.for_each(|((result, grad), weight)| *result = grad * weight);
                }
            }
            let centre = mean as f32;
            let rest = mean - f64::from(centre);
            let [sum, dot] = sum_row(isa, row, &mut Dots { x, grad: result, centre });
            let (share, dot) = (sum / row as f64, dot - rest * sum);
            let slope = dot * inverse * inverse * inverse / row as f64;
            // What is taken from each number: its share in the mean, and with the difference from the centre that in
            // the variance.
            let shift = (rest * slope - share * inverse) as f32;
            let (scale, slope) = (inverse as f32, slope as f32);
            for (result, &x) in result.iter_mut().zip(x) {
                *result = *result * scale + (shift - (x - centre) * slope);
            }
        }
    }
}

/// The gradient, and its product with the difference from the centre.
struct Dots<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    centre: f32,
}

impl<I: Isa> RowTerms<I, 2> for Dots<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, sums: &mut [[I::F32; N]; 2]) {
        let x = width.load::<N>(isa, &self.x[at..]);
        let grad = width.load::<N>(isa, &self.grad[at..]);
        let centre = width.splat(isa, self.centre);
        for v in 0..N {
            sums[0][v] = isa.add(sums[0][v], grad[v]);
            sums[1][v] = isa.fma(grad[v], isa.sub(x[v], centre), sums[1][v]);
        }
    }
}

/// Sums over rows, for some columns: the gradient times the normalised value, and the gradient.
pub(super) struct Columns<'a> {
    /// Both begin at the first row of the window.
    pub(super) x: &'a [f32],
    pub(super) grad: &'a [f32],
    pub(super) row: usize,
    /// First column of the window.
    pub(super) first: usize,
    pub(super) mean: &'a [f64],
    pub(super) inverse: &'a [f64],
    /// One sum of each kind for each column; zeros before.
    pub(super) sums: [&'a mut [f64]; 2],
}

impl Kernel for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { x, grad, row, first, mean, inverse, sums: [weights, biases] } = self;
        let columns = first..first + weights.len();
        let [mut weight_sums, mut bias_sums] = [(); 2].map(|()| vec![0.0f32; weights.len()]);
        let statistics = mean.chunks(BLOCK).zip(inverse.chunks(BLOCK));
        for ((x, grad), (mean, inverse)) in
            x.chunks(BLOCK * row).zip(grad.chunks(BLOCK * row)).zip(statistics)
        {
            weight_sums.fill(0.0);
            bias_sums.fill(0.0);
            let rows = x.chunks_exact(row).zip(grad.chunks_exact(row));
            for ((x, grad), (&mean, &inverse)) in rows.zip(mean.iter().zip(inverse)) {
                let map = Map::new(mean, inverse);
                let numbers = x[columns.clone()].iter().zip(&grad[columns.clone()]);
                for ((weight, bias), (&x, &grad)) in weight_sums.iter_mut().zip(&mut bias_sums).zip(numbers) {
                    *weight += grad * map.of(x);
                    *bias += grad;
                }
            }
            weights.iter_mut().zip(&weight_sums).for_each(|(total, &sum)| *total += f64::from(sum));
            biases.iter_mut().zip(&bias_sums).for_each(|(total, &sum)| *total += f64::from(sum));
        }
    }
}

/// The sums over the rows of a piece and the gradient of its input, block by block of rows, which the caches then hold.
pub(super) struct Both<'a> {
    pub(super) input: Input<'a>,
    /// As in [`Columns`], for all columns.
    pub(super) sums: [&'a mut [f64]; 2],
}

impl Kernel for Both<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { input: Input { x, row, weight, mean, inverse, grad, result }, sums: [weights, biases] } =
            self;
        let statistics = mean.chunks(BLOCK).zip(inverse.chunks(BLOCK));
        let blocks = x.chunks(BLOCK * row).zip(result.chunks_mut(BLOCK * row));
        for (index, ((x, result), (mean, inverse))) in blocks.zip(statistics).enumerate() {
            let first = index * BLOCK * row;
            let grad = grad.part(first..first + x.len());
            let of_output = match grad {
                Source::InPlace => &*result,
                Source::Other(grad) => grad,
            };
            let sums = [&mut *weights, &mut *biases];
            Columns { x, grad: of_output, row, first: 0, mean, inverse, sums }.run(isa);
            Input { x, row, weight, mean, inverse, grad, result }.run(isa);
        }
    }
}
