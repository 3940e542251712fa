//! Functions of one element, with a member of the family that is not built in.

use std::slice::from_ref;

use cnn_tensor::Float;
use cnn_tensor::ops::unary::{Kept, Unary};

use crate::{check, random};

/// x^3, whose gradient is computed from the input.
#[derive(Debug)]
struct Cube;

impl Unary for Cube {
    const NAME: &'static str = "cube";
    const KEPT: Kept = Kept::Input;

    fn value<F: Float>(&self, x: F) -> F {
        x * x * x
    }

    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        F::from_f64(3.0) * x * x * grad
    }
}

pub(crate) fn cases() {
    for (seed, shape) in [vec![], vec![1], vec![7], vec![2, 3, 5, 3]].into_iter().enumerate() {
        let x = random(&shape, seed as u64);
        check("relu", from_ref(&x), |mut x| x.remove(0).relu());
        check("scale", from_ref(&x), |mut x| x.remove(0).scale(-1.5));
        check("a member of one's own", &[x], |mut x| x.remove(0).unary(Cube));
    }
}

#[test]
fn gradients_of_functions_of_one_element_agree_with_differences() {
    cases();
}
