//! Flattening and reshaping.

use crate::{check, random};

pub(crate) fn cases() {
    for shape in [vec![2, 3], vec![2, 3, 4, 5], vec![1, 1, 1, 4], vec![3, 2, 2, 1], vec![2, 3, 2]] {
        check("flatten", &[random(&shape, 5)], |mut x| {
            let x = x.remove(0).flatten()?;
            // A product, so that a wrong order of the gradient's elements shows.
            x.clone().mul(x)
        });
        let len = shape.iter().product();
        check("reshape", &[random(&shape, 6)], |mut x| {
            let x = x.remove(0).reshape(&[len])?;
            x.clone().mul(x)
        });
    }
}

#[test]
fn gradients_through_other_shapes_agree_with_differences() {
    cases();
}
