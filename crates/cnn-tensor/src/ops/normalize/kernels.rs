//! The loops inside one piece: rows that are vectors, and blocks whose columns are.

use super::Vectors;
use crate::ops::channels::Width;
use crate::ops::in_place::Source;
use crate::ops::rows::{RowTerms, sum_row};
use crate::simd::{Isa, Kernel};

/// Columns that are summed side by side.
const COLUMNS: usize = 256;

/// Rows whose terms are summed in single precision.
const ROWS: usize = 64;

/// Divides by the length, or takes a gradient back through that.
pub(super) struct Piece<'a> {
    pub(super) vectors: Vectors,
    /// The input of the backward pass; forward has its own in `source`.
    pub(super) x: Option<&'a [f32]>,
    /// What is divided: the input, or the gradient of the output; in place means in the buffer of the result.
    pub(super) source: Source<'a, f32>,
    pub(super) result: &'a mut [f32],
}

impl Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { vectors, x, source, result } = self;
        let block = vectors.block();
        let mut room = Room::new();
        for (index, result) in result.chunks_exact_mut(block).enumerate() {
            let range = index * block..(index + 1) * block;
            if let Source::Other(source) = source {
                result.copy_from_slice(&source[range.clone()]);
            }
            let x = x.map(|x| &x[range]);
            match (vectors.inner, x) {
                (1, None) => divide(isa, vectors, result),
                (1, Some(x)) => back(isa, vectors, x, result),
                (_, None) => divide_columns(vectors, result, &mut room),
                (_, Some(x)) => back_columns(vectors, x, result, &mut room),
            }
        }
    }
}

#[inline(always)]
fn divide<I: Isa>(isa: I, vectors: Vectors, x: &mut [f32]) {
    let [squares] = sum_row(isa, x.len(), &mut Squares { x });
    let factor = (1.0 / vectors.divisor(squares).0) as f32;
    x.iter_mut().for_each(|x| *x *= factor);
}

/// What a gradient and the input are multiplied by.
#[inline(always)]
fn factors(vectors: Vectors, squares: f64, dot: f64) -> (f32, f32) {
    let (divisor, is_length) = vectors.divisor(squares);
    let along = if is_length { dot / (divisor * divisor * divisor) } else { 0.0 };
    ((1.0 / divisor) as f32, along as f32)
}

#[inline(always)]
fn back<I: Isa>(isa: I, vectors: Vectors, x: &[f32], grad: &mut [f32]) {
    let [squares, dot] = sum_row(isa, x.len(), &mut Products { x, grad });
    let (factor, along) = factors(vectors, squares, dot);
    grad.iter_mut().zip(x).for_each(|(grad, x)| *grad = *grad * factor - x * along);
}

/// Numbers for each of some columns of a block, which blocks use one after the other.
struct Room {
    /// Sums of squares, and of the gradient times the input where there is one.
    sums: [[f64; COLUMNS]; 2],
    /// Those of some rows.
    partial: [[f32; COLUMNS]; 2],
    /// What a gradient and the input are multiplied by.
    factors: [[f32; COLUMNS]; 2],
}

impl Room {
    #[inline(always)]
    fn new() -> Self {
        Self { sums: [[0.0; COLUMNS]; 2], partial: [[0.0; COLUMNS]; 2], factors: [[0.0; COLUMNS]; 2] }
    }

    /// The sums of the columns from `first` on, `count` of them.
    #[inline(always)]
    fn sum(&mut self, inner: usize, x: &[f32], grad: Option<&[f32]>, first: usize, count: usize) {
        let [squares, dots] = self.sums.each_mut().map(|sums| &mut sums[..count]);
        let [some_squares, some_dots] = self.partial.each_mut().map(|sums| &mut sums[..count]);
        squares.fill(0.0);
        dots.fill(0.0);
        let rows = x.len() / inner;
        for start in (0..rows).step_by(ROWS) {
            some_squares.fill(0.0);
            some_dots.fill(0.0);
            for row in start..rows.min(start + ROWS) {
                let x = &x[row * inner + first..][..count];
                some_squares.iter_mut().zip(x).for_each(|(sum, x)| *sum += x * x);
                if let Some(grad) = grad {
                    let grad = &grad[row * inner + first..][..count];
                    some_dots.iter_mut().zip(x).zip(grad).for_each(|((sum, x), grad)| *sum += x * grad);
                }
            }
            squares.iter_mut().zip(&*some_squares).for_each(|(all, &sum)| *all += f64::from(sum));
            dots.iter_mut().zip(&*some_dots).for_each(|(all, &sum)| *all += f64::from(sum));
        }
    }
}

#[inline(always)]
fn divide_columns(vectors: Vectors, x: &mut [f32], room: &mut Room) {
    let inner = vectors.inner;
    for first in (0..inner).step_by(COLUMNS) {
        let count = COLUMNS.min(inner - first);
        room.sum(inner, x, None, first, count);
        let scales = &mut room.factors[0][..count];
        for (scale, &squares) in scales.iter_mut().zip(&room.sums[0]) {
            *scale = (1.0 / vectors.divisor(squares).0) as f32;
        }
        for row in x.chunks_exact_mut(inner) {
            row[first..first + count].iter_mut().zip(&*scales).for_each(|(x, scale)| *x *= scale);
        }
    }
}

#[inline(always)]
fn back_columns(vectors: Vectors, x: &[f32], grad: &mut [f32], room: &mut Room) {
    let inner = vectors.inner;
    for first in (0..inner).step_by(COLUMNS) {
        let count = COLUMNS.min(inner - first);
        room.sum(inner, x, Some(grad), first, count);
        let [scales, alongs] = room.factors.each_mut().map(|factors| &mut factors[..count]);
        let [squares, dots] = &room.sums;
        let columns = squares.iter().zip(dots);
        for ((scale, along), (&squares, &dot)) in scales.iter_mut().zip(&mut *alongs).zip(columns) {
            (*scale, *along) = factors(vectors, squares, dot);
        }
        for (x, grad) in x.chunks_exact(inner).zip(grad.chunks_exact_mut(inner)) {
            let numbers = grad[first..first + count].iter_mut().zip(&x[first..first + count]);
            for ((grad, x), (scale, along)) in numbers.zip(scales.iter().zip(&*alongs)) {
                *grad = *grad * scale - x * along;
            }
        }
    }
}

/// The square.
struct Squares<'a> {
    x: &'a [f32],
}

impl<I: Isa> RowTerms<I, 1> for Squares<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, sums: &mut [[I::F32; N]; 1]) {
        let x = width.load::<N>(isa, &self.x[at..]);
        for v in 0..N {
            sums[0][v] = isa.fma(x[v], x[v], sums[0][v]);
        }
    }
}

/// The square, and the product with the gradient.
struct Products<'a> {
    x: &'a [f32],
    grad: &'a [f32],
}

impl<I: Isa> RowTerms<I, 2> for Products<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, sums: &mut [[I::F32; N]; 2]) {
        let x = width.load::<N>(isa, &self.x[at..]);
        let grad = width.load::<N>(isa, &self.grad[at..]);
        for v in 0..N {
            sums[0][v] = isa.fma(x[v], x[v], sums[0][v]);
            sums[1][v] = isa.fma(x[v], grad[v], sums[1][v]);
        }
    }
}
