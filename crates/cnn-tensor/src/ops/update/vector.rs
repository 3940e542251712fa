//! The loops for `f32`: one pass, cut into pieces for the threads, compiled for each instruction set.

use super::step::{AdamStep, SgdStep};
use crate::Result;
use crate::ops::in_place::PIECE;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

pub(super) fn sgd(
    parameter: &mut [f32],
    grad: &[f32],
    velocity: Option<&mut [f32]>,
    step: &SgdStep,
) -> Result<()> {
    let level = simd::active()?;
    let bytes = size_of_val(parameter) * if velocity.is_some() { 5 } else { 3 };
    let pieces = parameter.chunks_mut(PIECE).zip(grad.chunks(PIECE));
    match velocity {
        None => for_each(pieces, bytes, |(parameter, grad)| {
            level.run(Descent { parameter, grad, step });
        }),
        Some(velocity) => {
            for_each(pieces.zip(velocity.chunks_mut(PIECE)), bytes, |((parameter, grad), velocity)| {
                level.run(Momentum { parameter, grad, velocity, step });
            })
        }
    }
}

pub(super) fn adam(
    parameter: &mut [f32],
    grad: &[f32],
    [first, second]: [&mut [f32]; 2],
    step: &AdamStep,
) -> Result<()> {
    let level = simd::active()?;
    let bytes = 7 * size_of_val(parameter);
    let moments = first.chunks_mut(PIECE).zip(second.chunks_mut(PIECE));
    let pieces = parameter.chunks_mut(PIECE).zip(grad.chunks(PIECE)).zip(moments);
    for_each(pieces, bytes, |((parameter, grad), (first, second))| {
        level.run(Moments { parameter, grad, first, second, step });
    })
}

struct Descent<'a> {
    parameter: &'a mut [f32],
    grad: &'a [f32],
    step: &'a SgdStep,
}

impl Kernel for Descent<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let (lr, weight_decay) = (self.step.lr as f32, self.step.weight_decay as f32);
        for (p, &g) in self.parameter.iter_mut().zip(self.grad) {
            *p -= lr * (g + weight_decay * *p);
        }
    }
}

struct Momentum<'a> {
    parameter: &'a mut [f32],
    grad: &'a [f32],
    velocity: &'a mut [f32],
    step: &'a SgdStep,
}

impl Kernel for Momentum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let SgdStep { lr, weight_decay, carried, taken, first, direction } = *self.step;
        let (lr, weight_decay, carried, taken) =
            (lr as f32, weight_decay as f32, carried as f32, taken as f32);
        let [by_grad, by_velocity] = [direction[0] as f32, direction[1] as f32];
        for ((p, &g), v) in self.parameter.iter_mut().zip(self.grad).zip(self.velocity) {
            let d = g + weight_decay * *p;
            // The first step must not read the buffer, which may hold anything, NaN included.
            let old = if first { 0.0 } else { *v };
            *v = carried * old + taken * d;
            *p -= lr * (by_grad * d + by_velocity * *v);
        }
    }
}

struct Moments<'a> {
    parameter: &'a mut [f32],
    grad: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    step: &'a AdamStep,
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let AdamStep { beta1, beta2, coupled, remaining, rate, correction, epsilon } = *self.step;
        // Taken from one in double precision: 1 - 0.999 in single precision is off by a relative 1e-5.
        let (taken1, taken2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32);
        let (beta1, beta2, coupled, remaining) =
            (beta1 as f32, beta2 as f32, coupled as f32, remaining as f32);
        let (rate, correction, epsilon) = (rate as f32, correction as f32, epsilon as f32);
        let moments = self.first.iter_mut().zip(self.second);
        for ((p, &g), (m, v)) in self.parameter.iter_mut().zip(self.grad).zip(moments) {
            let g = g + coupled * *p;
            *m = beta1 * *m + taken1 * g;
            *v = beta2 * *v + taken2 * g * g;
            *p = remaining * *p - rate * *m / (v.sqrt() * correction + epsilon);
        }
    }
}
