//! The loops inside one piece, group by group: each step of a formula runs over a group that the step before
//! left in the nearest cache, so that the forms with and without residual, activation or a buffer of their
//! own are steps left out and not further loops.

use std::ops::Range;

use super::moments::Moments;
use crate::ops::activation::Activation;
use crate::ops::channels::Cut;
use crate::ops::in_place::Source;
use crate::simd::{Isa, Kernel};

/// Adds the moments of a piece of the input.
pub(super) struct Statistics<'a> {
    pub(super) cut: Cut,
    pub(super) x: &'a [f32],
    pub(super) moments: &'a mut Moments,
}

impl Kernel for Statistics<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { cut, x, moments } = self;
        let mut columns = vec![0.0f32; cut.group];
        let mut centre = vec![0.0f32; cut.group];
        let [mut mean, mut squares] = [(); 2].map(|()| vec![0.0f64; cut.channels]);
        for block in x.chunks(cut.block) {
            let count = (block.len() / cut.channels) as f64;
            columns.fill(0.0);
            for group in block.chunks(cut.group) {
                columns.iter_mut().zip(group).for_each(|(sum, x)| *sum += x);
            }
            mean.fill(0.0);
            cut.fold(&columns, &mut mean);
            mean.iter_mut().for_each(|sum| *sum /= count);
            for row in centre.chunks_exact_mut(cut.channels) {
                row.iter_mut().zip(&mean).for_each(|(centre, &mean)| *centre = mean as f32);
            }
            columns.fill(0.0);
            for group in block.chunks(cut.group) {
                for ((sum, x), centre) in columns.iter_mut().zip(group).zip(&centre) {
                    *sum += (x - centre) * (x - centre);
                }
            }
            squares.fill(0.0);
            cut.fold(&columns, &mut squares);
            moments.add(count, &mean, &squares);
        }
    }
}

/// Normalises a piece.
pub(super) struct Normalise<'a> {
    pub(super) cut: Cut,
    pub(super) x: Source<'a, f32>,
    pub(super) output: &'a mut [f32],
    /// Centre, scale and shift, repeated over a group.
    pub(super) parameters: &'a [Vec<f32>; 3],
    pub(super) residual: Option<&'a [f32]>,
    pub(super) act: Activation,
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { cut, x, output, parameters: [centre, scale, shift], residual, act } = self;
        for (index, group) in output.chunks_mut(cut.group).enumerate() {
            let range = index * cut.group..index * cut.group + group.len();
            if let Source::Other(x) = x {
                group.copy_from_slice(&x[range.clone()]);
            }
            for ((y, centre), (scale, shift)) in group.iter_mut().zip(centre).zip(scale.iter().zip(shift)) {
                *y = (*y - centre) * scale + shift;
            }
            if let Some(residual) = residual {
                group.iter_mut().zip(&residual[range]).for_each(|(y, residual)| *y += residual);
            }
            group.iter_mut().for_each(|y| *y = act.value(*y));
        }
    }
}

/// The gradient of the output, and what takes it back through the activation.
#[derive(Clone, Copy)]
pub(super) struct Gradient<'a> {
    /// The gradient of the output; in place means in the buffer of the result.
    pub(super) grad: Source<'a, f32>,
    /// The output; read only where the activation is not the identity.
    pub(super) output: &'a [f32],
    pub(super) act: Activation,
}

impl Gradient<'_> {
    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self { grad: self.grad.part(range.clone()), output: &self.output[range], act: self.act }
    }

    /// Makes `group` the part `range` of the gradient before the activation.
    #[inline(always)]
    fn write(&self, range: Range<usize>, group: &mut [f32]) {
        if let Source::Other(grad) = self.grad {
            group.copy_from_slice(&grad[range.clone()]);
        }
        for (grad, &output) in group.iter_mut().zip(&self.output[range]) {
            *grad = self.act.gradient(output, *grad);
        }
    }
}

/// Sums a piece of the gradient, as it is and times the centred input.
pub(super) struct Sums<'a> {
    pub(super) cut: Cut,
    pub(super) x: &'a [f32],
    /// Not in place.
    pub(super) gradient: Gradient<'a>,
    /// The centre of each channel, repeated over a group.
    pub(super) centre: &'a [f32],
    pub(super) kept: Option<&'a mut [f32]>,
    /// Sums of products, sums of gradients; zeros before.
    pub(super) sums: &'a mut [Vec<f64>; 2],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { cut, x, gradient, centre, mut kept, sums: [products, sums] } = self;
        let [mut scratch, mut by_product, mut by_grad] = [(); 3].map(|()| vec![0.0f32; cut.group]);
        let mut start = 0;
        for block in x.chunks(cut.block) {
            by_product.fill(0.0);
            by_grad.fill(0.0);
            for x in block.chunks(cut.group) {
                let range = start..start + x.len();
                start = range.end;
                let grad = match &mut kept {
                    Some(kept) => &mut kept[range.clone()],
                    None => &mut scratch[..x.len()],
                };
                gradient.write(range, grad);
                by_grad.iter_mut().zip(&*grad).for_each(|(sum, grad)| *sum += grad);
                for ((sum, grad), (x, centre)) in by_product.iter_mut().zip(&*grad).zip(x.iter().zip(centre))
                {
                    *sum += grad * (x - centre);
                }
            }
            cut.fold(&by_product, products);
            cut.fold(&by_grad, sums);
        }
    }
}

/// The gradient of a piece of the input, through the statistics as well.
pub(super) struct TrainInput<'a> {
    pub(super) cut: Cut,
    pub(super) x: &'a [f32],
    pub(super) gradient: Gradient<'a>,
    pub(super) result: &'a mut [f32],
    /// Centre, scale, slope and mean gradient, repeated over a group.
    pub(super) parameters: &'a [Vec<f32>; 4],
}

impl Kernel for TrainInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { cut, x, gradient, result, parameters: [centre, scale, slope, mean_grad] } = self;
        for (index, group) in result.chunks_mut(cut.group).enumerate() {
            let range = index * cut.group..index * cut.group + group.len();
            gradient.write(range.clone(), group);
            let of_grad = scale.iter().zip(mean_grad);
            let of_x = x[range].iter().zip(centre).zip(slope);
            for ((grad, (scale, mean_grad)), ((x, centre), slope)) in group.iter_mut().zip(of_grad).zip(of_x)
            {
                *grad = (*grad - mean_grad - (x - centre) * slope) * scale;
            }
        }
    }
}

/// The gradient of a piece of the input where the statistics are constants.
pub(super) struct EvalInput<'a> {
    pub(super) cut: Cut,
    pub(super) gradient: Gradient<'a>,
    pub(super) result: &'a mut [f32],
    /// The scale of each channel, repeated over a group.
    pub(super) scale: &'a [f32],
}

impl Kernel for EvalInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { cut, gradient, result, scale } = self;
        for (index, group) in result.chunks_mut(cut.group).enumerate() {
            gradient.write(index * cut.group..index * cut.group + group.len(), group);
            group.iter_mut().zip(scale).for_each(|(grad, scale)| *grad *= scale);
        }
    }
}
