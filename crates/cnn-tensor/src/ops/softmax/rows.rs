//! The loops for `f32` over the last axis: a row in vectors, or short rows side by side in the lanes of vectors; rows in
//! pieces for the threads.

use super::Scale;
use crate::Result;
use crate::math::ln;
use crate::ops::in_place::Source;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel, MOST_LANES, exp, lanes_to_rows, map_in_place, rows_to_lanes};

/// Numbers in the rows of a piece, about.
const PIECE: usize = 1 << 12;

/// Numbers whose sum is taken in single precision.
pub(crate) const BLOCK: usize = 1 << 10;

/// Longest rows that are worked on side by side: in vectors of their own they would leave lanes empty, and wait for what
/// becomes of a vector's lanes twice for each row.
const SHORT: usize = 32;

/// Operations that one exponential costs, roughly.
pub(crate) const EXP: usize = 16;

/// How many rows of so many numbers make a piece.
pub(crate) fn rows(len: usize) -> usize {
    (PIECE / len.max(1)).max(1)
}

pub(super) fn forward(scale: Scale, x: Source<'_, f32>, output: &mut [f32], len: usize) -> Result<()> {
    let level = simd::active()?;
    let (size, cost) = (rows(len) * len.max(1), EXP * output.len());
    for_each(output.chunks_mut(size).enumerate(), cost, |(index, piece)| {
        let x = x.part(index * size..index * size + piece.len());
        level.run(Forward { scale, x, piece, len });
    })
}

pub(super) fn backward(
    scale: Scale,
    output: &[f32],
    grad: Source<'_, f32>,
    result: &mut [f32],
    len: usize,
) -> Result<()> {
    let level = simd::active()?;
    let (size, cost) = (rows(len) * len.max(1), EXP * result.len());
    for_each(
        result.chunks_mut(size).zip(output.chunks(size)).enumerate(),
        cost,
        |(index, (piece, output))| {
            let grad = grad.part(index * size..index * size + piece.len());
            level.run(Backward { scale, output, grad, piece, len });
        },
    )
}

/// The rows of a piece.
struct Forward<'a> {
    scale: Scale,
    x: Source<'a, f32>,
    piece: &'a mut [f32],
    len: usize,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { scale, x, piece, len } = self;
        let mut buffer = [0.0; BUFFER];
        let group = I::LANES * len;
        for (index, rows) in piece.chunks_mut(group).enumerate() {
            let x = x.part(index * group..index * group + rows.len());
            match scale {
                Scale::Probability => _ = softmax_rows(isa, x, rows, len, &mut buffer),
                Scale::Logarithm => log_softmax_rows(isa, x, rows, len, &mut buffer),
            }
        }
    }
}

/// Room for short rows side by side.
pub(crate) const BUFFER: usize = SHORT * MOST_LANES;

/// What shares of rows are made of.
pub(crate) struct Shares {
    /// The largest number of each row.
    pub(crate) most: [f32; MOST_LANES],
    /// The sum of the exponentials of the differences from it.
    pub(crate) sums: [f32; MOST_LANES],
}

impl Shares {
    /// The logarithms of the sums.
    #[inline(always)]
    pub(crate) fn log_sums(&self) -> [f32; MOST_LANES] {
        let mut logarithms = self.sums;
        for sum in &mut logarithms {
            *sum = ln(*sum);
        }
        logarithms
    }
}

/// The softmax of up to `LANES` rows.
#[inline(always)]
pub(crate) fn softmax_rows<I: Isa>(
    isa: I,
    x: Source<'_, f32>,
    rows: &mut [f32],
    len: usize,
    buffer: &mut [f32; BUFFER],
) -> Shares {
    let mut folded = Shares { most: [0.0; MOST_LANES], sums: [1.0; MOST_LANES] };
    if len > SHORT {
        let each = folded.most.iter_mut().zip(&mut folded.sums);
        for (index, (row, (most, sum))) in rows.chunks_exact_mut(len).zip(each).enumerate() {
            let x = x.part(index * len..(index + 1) * len);
            *most = maximum(isa, x.numbers(row));
            *sum = shares_of_row(isa, x, row, *most) as f32;
        }
        return folded;
    }
    rows_to_lanes(isa, x.numbers(rows), len, buffer);
    let numbers = &mut buffer[..len * I::LANES];
    let most = maxima(isa, numbers);
    let mut sum = isa.splat(0.0);
    for lanes in numbers.chunks_exact_mut(I::LANES) {
        let value = exp(isa, isa.sub(isa.load(lanes), most));
        sum = isa.add(sum, value);
        isa.store(value, lanes);
    }
    isa.store(most, &mut folded.most);
    isa.store(sum, &mut folded.sums);
    let mut factors = folded.sums;
    for factor in &mut factors {
        *factor = 1.0 / *factor;
    }
    let factors = isa.load(&factors);
    for lanes in numbers.chunks_exact_mut(I::LANES) {
        isa.store(isa.mul(isa.load(lanes), factors), lanes);
    }
    lanes_to_rows(isa, buffer, len, rows);
    folded
}

/// The logarithms of the softmax of up to `LANES` rows.
#[inline(always)]
fn log_softmax_rows<I: Isa>(
    isa: I,
    x: Source<'_, f32>,
    rows: &mut [f32],
    len: usize,
    buffer: &mut [f32; BUFFER],
) {
    if len > SHORT {
        for (index, row) in rows.chunks_exact_mut(len).enumerate() {
            let x = x.part(index * len..(index + 1) * len);
            let most = maximum(isa, x.numbers(row));
            let log_sum = sum_of_exponentials(isa, x.numbers(row), most).ln() as f32;
            match x {
                Source::InPlace => row.iter_mut().for_each(|y| *y = (*y - most) - log_sum),
                Source::Other(x) => {
                    row.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - most) - log_sum);
                }
            }
        }
        return;
    }
    rows_to_lanes(isa, x.numbers(rows), len, buffer);
    let numbers = &mut buffer[..len * I::LANES];
    let most = maxima(isa, numbers);
    let mut sum = isa.splat(0.0);
    for lanes in numbers.chunks_exact_mut(I::LANES) {
        let shifted = isa.sub(isa.load(lanes), most);
        sum = isa.add(sum, exp(isa, shifted));
        isa.store(shifted, lanes);
    }
    let mut folded = Shares { most: [0.0; MOST_LANES], sums: [1.0; MOST_LANES] };
    isa.store(sum, &mut folded.sums);
    let log_sum = isa.load(&folded.log_sums());
    for lanes in numbers.chunks_exact_mut(I::LANES) {
        isa.store(isa.sub(isa.load(lanes), log_sum), lanes);
    }
    lanes_to_rows(isa, buffer, len, rows);
}

/// The largest number of each lane; NaN is left to the sum, as by [`maximum`].
#[inline(always)]
fn maxima<I: Isa>(isa: I, numbers: &[f32]) -> I::F32 {
    let mut most = isa.splat(f32::NEG_INFINITY);
    for lanes in numbers.chunks_exact(I::LANES) {
        most = isa.max(isa.load(lanes), most);
    }
    most
}

/// The gradients of the rows of a piece.
struct Backward<'a> {
    scale: Scale,
    output: &'a [f32],
    grad: Source<'a, f32>,
    piece: &'a mut [f32],
    len: usize,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { scale, output, grad, piece, len } = self;
        for (index, (row, output)) in piece.chunks_exact_mut(len).zip(output.chunks_exact(len)).enumerate() {
            let grad = grad.part(index * len..(index + 1) * len);
            match scale {
                Scale::Probability => probability_gradient(isa, grad, row, output),
                Scale::Logarithm => logarithm_gradient(isa, grad, row, output),
            }
        }
    }
}

/// `output * (grad - sum(grad * output))`.
#[inline(always)]
fn probability_gradient<I: Isa>(isa: I, grad: Source<'_, f32>, result: &mut [f32], output: &[f32]) {
    let share = sum_of_products(isa, grad.numbers(result), output) as f32;
    match grad {
        Source::InPlace => {
            for (result, &output) in result.iter_mut().zip(output) {
                *result = output * (*result - share);
            }
        }
        Source::Other(grad) => {
            for ((result, &grad), &output) in result.iter_mut().zip(grad).zip(output) {
                *result = output * (grad - share);
            }
        }
    }
}

/// `grad - e^output * sum(grad)`.
#[inline(always)]
fn logarithm_gradient<I: Isa>(isa: I, grad: Source<'_, f32>, result: &mut [f32], output: &[f32]) {
    let negated = isa.splat(-(sum(isa, grad.numbers(result)) as f32));
    for (index, (result, output)) in result.chunks_mut(I::LANES).zip(output.chunks(I::LANES)).enumerate() {
        let at = index * I::LANES;
        let grad = isa.load_partial(grad.part(at..at + result.len()).numbers(result));
        let probability = exp(isa, isa.load_partial(output));
        isa.store_partial(isa.fma(probability, negated, grad), result);
    }
}

/// The largest number; NaN is left to the sum, which it makes NaN.
#[inline(always)]
pub(crate) fn maximum<I: Isa>(isa: I, row: &[f32]) -> f32 {
    if row.len() < I::LANES {
        return row.iter().fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most });
    }
    // The second argument is the result where the first is NaN. The last vector may overlap the one before.
    let most = isa.max(isa.load(&row[row.len() - I::LANES..]), isa.splat(f32::NEG_INFINITY));
    let most = row.chunks_exact(I::LANES).fold(most, |most, part| isa.max(isa.load(part), most));
    isa.fold(most, |a, b| isa.max(a, b))
}

/// Replaces a row by its softmax; returns the sum of the exponentials of the differences from `most`.
#[inline(always)]
pub(crate) fn softmax_row<I: Isa>(isa: I, row: &mut [f32], most: f32) -> f64 {
    shares_of_row(isa, Source::InPlace, row, most)
}

/// The softmax of a row; returns the sum of the exponentials of the differences from `most`.
#[inline(always)]
fn shares_of_row<I: Isa>(isa: I, x: Source<'_, f32>, row: &mut [f32], most: f32) -> f64 {
    let shift = isa.splat(most);
    let mut exponentials = 0.0f64;
    for (index, block) in row.chunks_mut(BLOCK).enumerate() {
        let x = x.part(index * BLOCK..index * BLOCK + block.len());
        // Written out, since a closure as large as `exp` might be compiled without the instruction set.
        let mut lanes = isa.splat(0.0);
        let whole = block.len() - block.len() % I::LANES;
        let mut parts = block.chunks_exact_mut(I::LANES);
        for (index, part) in (&mut parts).enumerate() {
            let x = match x {
                Source::InPlace => isa.load(part),
                Source::Other(x) => isa.load(&x[index * I::LANES..]),
            };
            let value = exp(isa, isa.sub(x, shift));
            lanes = isa.add(lanes, value);
            isa.store(value, part);
        }
        let rest = parts.into_remainder();
        if !rest.is_empty() {
            let x = x.part(whole..whole + rest.len()).numbers(rest);
            let value = exp(isa, isa.sub(last_of(isa, x), shift));
            lanes = isa.add(lanes, value);
            isa.store_partial(value, rest);
        }
        exponentials += f64::from(isa.sum(lanes));
    }
    let factor = isa.splat((1.0 / exponentials) as f32);
    map_in_place(isa, row, |x| isa.mul(x, factor));
    exponentials
}

/// The last numbers of a row, and behind them those whose exponential is zero.
#[inline(always)]
fn last_of<I: Isa>(isa: I, rest: &[f32]) -> I::F32 {
    let mut last = [f32::NEG_INFINITY; MOST_LANES];
    isa.store_partial(isa.load_partial(rest), &mut last[..rest.len()]);
    isa.load(&last)
}

/// The sum of the exponentials of the differences from `most`.
#[inline(always)]
fn sum_of_exponentials<I: Isa>(isa: I, row: &[f32], most: f32) -> f64 {
    let shift = isa.splat(most);
    let mut total = 0.0f64;
    for block in row.chunks(BLOCK) {
        let mut lanes = isa.splat(0.0);
        let mut parts = block.chunks_exact(I::LANES);
        for part in &mut parts {
            lanes = isa.add(lanes, exp(isa, isa.sub(isa.load(part), shift)));
        }
        let rest = parts.remainder();
        if !rest.is_empty() {
            lanes = isa.add(lanes, exp(isa, isa.sub(last_of(isa, rest), shift)));
        }
        total += f64::from(isa.sum(lanes));
    }
    total
}

/// The sum of a row.
#[inline(always)]
pub(crate) fn sum<I: Isa>(isa: I, row: &[f32]) -> f64 {
    let mut total = 0.0f64;
    for block in row.chunks(BLOCK) {
        let mut lanes = isa.splat(0.0);
        let mut parts = block.chunks_exact(I::LANES);
        for part in &mut parts {
            lanes = isa.add(lanes, isa.load(part));
        }
        lanes = isa.add(lanes, isa.load_partial(parts.remainder()));
        total += f64::from(isa.sum(lanes));
    }
    total
}

/// The sum of the products of two rows.
#[inline(always)]
pub(crate) fn sum_of_products<I: Isa>(isa: I, a: &[f32], b: &[f32]) -> f64 {
    let mut total = 0.0f64;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut lanes = isa.splat(0.0);
        let (mut first, mut second) = (a.chunks_exact(I::LANES), b.chunks_exact(I::LANES));
        for (a, b) in (&mut first).zip(&mut second) {
            lanes = isa.fma(isa.load(a), isa.load(b), lanes);
        }
        let (a, b) = (isa.load_partial(first.remainder()), isa.load_partial(second.remainder()));
        lanes = isa.fma(a, b, lanes);
        total += f64::from(isa.sum(lanes));
    }
    total
}
