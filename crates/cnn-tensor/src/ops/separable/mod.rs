//! Images made of weighted rows and columns of another: what padding, cropping and resampling have in common.
//!
//! Along an axis, each element of the output is a weighted sum of a few elements of the input, its *taps*; a pixel is
//! made of every pair of its row's taps and its column's. The gradient is the same with the axes transposed: each
//! element of the input gathers from those that it went into, in their order, so that no two pieces of work write to
//! one place.

mod copies;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::{DType, Result, Tensor};

use copies::Copies;

/// One element of the input, and its weight in an element of the output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tap {
    pub(crate) from: usize,
    pub(crate) weight: f64,
}

impl Tap {
    /// The element as it is.
    pub(crate) fn whole(from: usize) -> Self {
        Self { from, weight: 1.0 }
    }
}

/// What each element of an axis is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Elements of the input.
    input: usize,
    /// The taps of all elements of the output, one element's after the other's.
    taps: Vec<Tap>,
    /// Where those of an element begin; one more at the end.
    starts: Vec<usize>,
}

impl Axis {
    /// The taps of each of `output` elements; an element's must be in order of the input, and inside it.
    pub(crate) fn new<T: IntoIterator<Item = Tap>>(
        [input, output]: [usize; 2],
        taps_of: impl Fn(usize) -> T,
    ) -> Self {
        let mut taps = Vec::with_capacity(output);
        let mut starts = Vec::with_capacity(output + 1);
        for index in 0..output {
            starts.push(taps.len());
            taps.extend(taps_of(index));
        }
        starts.push(taps.len());
        debug_assert!(taps.iter().all(|tap| tap.from < input), "a tap is outside the input");
        Self { input, taps, starts }
    }

    /// Elements of the output.
    fn output(&self) -> usize {
        self.starts.len() - 1
    }

    /// The taps of an element of the output.
    #[inline(always)]
    fn of(&self, index: usize) -> &[Tap] {
        &self.taps[self.starts[index]..self.starts[index + 1]]
    }

    /// From the output to the input.
    fn transposed(&self) -> Self {
        let mut starts = vec![0; self.input + 1];
        for tap in &self.taps {
            starts[tap.from + 1] += 1;
        }
        for index in 0..self.input {
            starts[index + 1] += starts[index];
        }
        let mut next = starts.clone();
        let mut taps = vec![Tap { from: 0, weight: 0.0 }; self.taps.len()];
        for index in 0..self.output() {
            for &Tap { from, weight } in self.of(index) {
                taps[next[from]] = Tap { from: index, weight };
                next[from] += 1;
            }
        }
        Self { input: self.output(), taps, starts }
    }
}

/// Rows and columns of a map from images to images.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Separable {
    pub(crate) rows: Axis,
    pub(crate) columns: Axis,
}

impl Separable {
    /// Makes the images of `output` from those of `x`, both `[batch, height, width, channels]` of the axes' sizes;
    /// a pixel that is made of nothing is `empty`.
    pub(crate) fn forward(
        &self,
        op: &'static str,
        x: &Tensor,
        empty: f64,
        output: &mut Tensor,
    ) -> Result<()> {
        let channels = x.shape().last().copied().unwrap_or(0);
        match x.dtype() {
            DType::F32 => self.gather(channels, x.as_slice()?, empty as f32, output.as_mut_slice()?),
            DType::F64 => {
                reference::forward::<f64>(self, channels, x.as_slice()?, empty, output.as_mut_slice()?);
                Ok(())
            }
            met => Err(check::not_compute(op, met)),
        }
    }

    /// The gradient of [`Separable::forward`] with respect to its input.
    pub(crate) fn backward(
        &self,
        op: &'static str,
        grad_output: &Tensor,
        grad_input: &mut Tensor,
    ) -> Result<()> {
        let channels = grad_output.shape().last().copied().unwrap_or(0);
        match grad_output.dtype() {
            DType::F32 => {
                let back = Self { rows: self.rows.transposed(), columns: self.columns.transposed() };
                back.gather(channels, grad_output.as_slice()?, 0.0, grad_input.as_mut_slice()?)
            }
            DType::F64 => {
                let grad_input = grad_input.as_mut_slice()?;
                reference::backward::<f64>(self, channels, grad_output.as_slice()?, grad_input);
                Ok(())
            }
            met => Err(check::not_compute(op, met)),
        }
    }

    fn gather(&self, channels: usize, x: &[f32], empty: f32, output: &mut [f32]) -> Result<()> {
        match Copies::new(self, channels) {
            Some(copies) => copies.run(x, empty, output),
            None => vector::weigh(self, channels, x, empty, output),
        }
    }
}
