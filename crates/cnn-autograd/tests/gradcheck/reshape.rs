//! Flattening and reshaping.

use cnn_tensor::random::Key;

use crate::{check, random, some_shape};

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
    for setting in 0..24 {
        let key = Key::new(setting);
        let shape = some_shape(key);
        let axes = key.fold(3).permutation(shape.len());
        check("permute", &[random(&shape, setting)], |mut x| {
            let x = x.remove(0).permute(&axes)?;
            x.clone().mul(x)
        });
    }
    check("a square and its transpose", &[random(&[3, 3], 7)], |mut x| {
        let x = x.remove(0);
        x.clone().transpose()?.mul(x)
    });
}

#[test]
fn gradients_through_other_shapes_agree_with_differences() {
    cases();
}
