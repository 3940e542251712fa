//! The loops inside one piece: for each row the sums over windows, then what they divide.

use super::{Options, Window};
use crate::math::{exp, ln};
use crate::ops::in_place::Source;
use crate::simd::{Isa, Kernel};

/// Terms of a window that are added one after the other.
const BLOCK: usize = 32;

/// The numbers of a row and what they need, in single precision.
#[derive(Clone, Copy)]
struct Formula {
    k: f32,
    /// `alpha / size`.
    factor: f32,
    beta: f32,
}

impl Formula {
    fn new(options: &Options) -> Self {
        let factor = (options.alpha / options.size as f64) as f32;
        Self { k: options.k as f32, factor, beta: options.beta as f32 }
    }

    /// What a number is divided by, before it is raised to its power.
    #[inline(always)]
    fn base(self, sum: f32) -> f32 {
        self.k + self.factor * sum
    }

    /// `base^-beta`, where anything to the power of zero is one.
    #[inline(always)]
    fn scale(self, base: f32) -> f32 {
        let power = exp(-self.beta * ln(base));
        if self.beta == 0.0 { 1.0 } else { power }
    }
}

/// A row with room for windows that reach over its ends, and the sums over the windows.
struct Sums {
    window: Window,
    /// Zeros before and after the row.
    row: Vec<f32>,
    block: Vec<f32>,
    sums: Vec<f32>,
}

impl Sums {
    fn new(window: Window) -> Self {
        let Window { channels, before, after } = window;
        let [block, sums] = [(); 2].map(|()| vec![0.0; channels]);
        Self { window, row: vec![0.0; before + channels + after], block, sums }
    }

    /// The row, to set.
    #[inline(always)]
    fn row(&mut self) -> &mut [f32] {
        &mut self.row[self.window.before..][..self.window.channels]
    }

    /// The sum over the window of each channel.
    #[inline(always)]
    fn sum(&mut self) -> &[f32] {
        let Self { window, row, block, sums } = self;
        let offsets = window.before + window.after + 1;
        sums.fill(0.0);
        for first in (0..offsets).step_by(BLOCK) {
            block.fill(0.0);
            for offset in first..offsets.min(first + BLOCK) {
                let terms = &row[offset..][..block.len()];
                block.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            }
            sums.iter_mut().zip(&*block).for_each(|(sum, block)| *sum += block);
        }
        sums
    }
}

/// Normalises rows.
pub(super) struct Rows<'a> {
    pub(super) window: Window,
    pub(super) options: &'a Options,
    pub(super) x: Source<'a, f32>,
    pub(super) output: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { window, options, x, output } = self;
        let (formula, channels) = (Formula::new(options), window.channels);
        let mut squares = Sums::new(window);
        for (index, y) in output.chunks_exact_mut(channels).enumerate() {
            if let Source::Other(x) = x {
                y.copy_from_slice(&x[index * channels..][..channels]);
            }
            squares.row().iter_mut().zip(&*y).for_each(|(square, x)| *square = x * x);
            for (y, &sum) in y.iter_mut().zip(squares.sum()) {
                *y *= formula.scale(formula.base(sum));
            }
        }
    }
}

/// The gradient of rows of the input.
pub(super) struct Gradient<'a> {
    pub(super) window: Window,
    pub(super) options: &'a Options,
    pub(super) x: &'a [f32],
    pub(super) grad: Source<'a, f32>,
    pub(super) result: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { window, options, x, grad, result } = self;
        let (formula, channels) = (Formula::new(options), window.channels);
        let factor = (2.0 * options.alpha * options.beta / options.size as f64) as f32;
        let (mut squares, mut through) = (Sums::new(window), Sums::new(window.reversed()));
        let rows = x.chunks_exact(channels).zip(result.chunks_exact_mut(channels));
        for (index, (x, result)) in rows.enumerate() {
            if let Source::Other(grad) = grad {
                result.copy_from_slice(&grad[index * channels..][..channels]);
            }
            squares.row().iter_mut().zip(x).for_each(|(square, x)| *square = x * x);
            let numbers = result.iter_mut().zip(x).zip(squares.sum());
            for (((result, &x), &sum), through) in numbers.zip(through.row()) {
                let base = formula.base(sum);
                *result *= formula.scale(base);
                *through = *result * x / base;
            }
            for ((result, &x), &sum) in result.iter_mut().zip(x).zip(through.sum()) {
                *result -= factor * x * sum;
            }
        }
    }
}
