//! What a step multiplies by, worked out once in double precision.

use super::{Adam, Decay, Nesterov, Sgd};

/// The coefficients of one SGD step.
#[derive(Clone, Copy)]
pub(super) struct SgdStep {
    pub(super) lr: f64,
    pub(super) weight_decay: f64,
    /// Factor of the old velocity; 0 on the first step, where it is not read.
    pub(super) carried: f64,
    /// Factor of the gradient in the new velocity.
    pub(super) taken: f64,
    /// Whether the buffer holds no velocity yet.
    pub(super) first: bool,
    /// Factors of gradient and new velocity in the direction of the step.
    pub(super) direction: [f64; 2],
}

impl SgdStep {
    pub(super) fn new(options: &Sgd, first: bool) -> Self {
        Self {
            lr: options.lr,
            weight_decay: options.weight_decay,
            carried: if first { 0.0 } else { options.momentum },
            taken: if first { 1.0 } else { 1.0 - options.dampening },
            first,
            direction: match options.nesterov {
                Nesterov::Off => [0.0, 1.0],
                Nesterov::On => [1.0, options.momentum],
            },
        }
    }
}

/// The coefficients of one Adam step.
#[derive(Clone, Copy)]
pub(super) struct AdamStep {
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    /// Factor of the parameter that joins the gradient.
    pub(super) coupled: f64,
    /// Factor of the parameter that remains.
    pub(super) remaining: f64,
    /// `lr / (1 - beta1^step)`.
    pub(super) rate: f64,
    /// `1 / sqrt(1 - beta2^step)`.
    pub(super) correction: f64,
    pub(super) epsilon: f64,
}

impl AdamStep {
    pub(super) fn new(options: &Adam) -> Self {
        let step = options.step as f64;
        let (coupled, remaining) = match options.decay {
            Decay::Coupled => (options.weight_decay, 1.0),
            Decay::Decoupled => (0.0, 1.0 - options.lr * options.weight_decay),
        };
        Self {
            beta1: options.beta1,
            beta2: options.beta2,
            coupled,
            remaining,
            rate: options.lr / (1.0 - options.beta1.powf(step)),
            correction: 1.0 / (1.0 - options.beta2.powf(step)).sqrt(),
            epsilon: options.epsilon,
        }
    }
}
