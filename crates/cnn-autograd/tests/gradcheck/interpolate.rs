//! Images made larger and smaller, by size and by factor.

use std::slice::from_ref;

use cnn_tensor::ops::interpolate::{self, Corners, InterpolateOptions, Interpolation, Target};

use crate::{Draw, check, random};

pub(crate) fn cases() {
    let ways = [
        Interpolation::Nearest,
        Interpolation::NearestExact,
        Interpolation::Linear(Corners::OfPixels),
        Interpolation::Linear(Corners::Aligned),
    ];
    for seed in 0..32 {
        let mut draw = Draw::new(seed);
        let interpolation = ways[seed as usize % ways.len()];
        let x = random(&[draw.size(1..3), draw.size(1..6), draw.size(1..6), draw.size(1..4)], seed);
        let size = InterpolateOptions { target: Target::Size(draw.pair(1..9)), interpolation };
        check(&format!("{:?} by {size:?}", x.shape()), from_ref(&x), |mut x| x.remove(0).interpolate(&size));
        let factors = draw.pair(3..25).map(|tenths| tenths as f64 / 10.0);
        let factor = InterpolateOptions { target: Target::Factor(factors), interpolation };
        if interpolate::infer(x.spec(), &factor).is_ok() {
            check(&format!("{:?} by {factor:?}", x.shape()), &[x], |mut x| x.remove(0).interpolate(&factor));
        }
    }
}

#[test]
fn gradients_of_interpolation_agree_with_differences() {
    cases();
}
