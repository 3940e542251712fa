//! The plain loops: the oracle, and the path of `f64`.

use super::step::{AdamStep, SgdStep};
use crate::Float;

pub(super) fn sgd<F: Float>(parameter: &mut [F], grad: &[F], velocity: Option<&mut [F]>, step: &SgdStep) {
    let [lr, weight_decay, carried, taken] =
        [step.lr, step.weight_decay, step.carried, step.taken].map(F::from_f64);
    let Some(velocity) = velocity else {
        for (p, &g) in parameter.iter_mut().zip(grad) {
            *p -= lr * (g + weight_decay * *p);
        }
        return;
    };
    let [by_grad, by_velocity] = step.direction.map(F::from_f64);
    for ((p, &g), v) in parameter.iter_mut().zip(grad).zip(velocity) {
        let d = g + weight_decay * *p;
        *v = if step.first { d } else { carried * *v + taken * d };
        *p -= lr * (by_grad * d + by_velocity * *v);
    }
}

pub(super) fn adam<F: Float>(parameter: &mut [F], grad: &[F], moments: [&mut [F]; 2], step: &AdamStep) {
    let [beta1, beta2, coupled, remaining] =
        [step.beta1, step.beta2, step.coupled, step.remaining].map(F::from_f64);
    // Taken from one in double precision: 1 - 0.999 in single precision is off by a relative 1e-5.
    let [taken1, taken2] = [1.0 - step.beta1, 1.0 - step.beta2].map(F::from_f64);
    let [rate, correction, epsilon] = [step.rate, step.correction, step.epsilon].map(F::from_f64);
    let [first, second] = moments;
    for (((p, &g), m), v) in parameter.iter_mut().zip(grad).zip(first).zip(second) {
        let g = g + coupled * *p;
        *m = beta1 * *m + taken1 * g;
        *v = beta2 * *v + taken2 * g * g;
        *p = remaining * *p - rate * *m / (v.sqrt() * correction + epsilon);
    }
}
