//! Sums and means of all elements, and reductions over some axes.

use std::slice::from_ref;

use cnn_tensor::ops::reduce::{Keep, Norm, Variance};
use cnn_tensor::random::Key;

use crate::{check, distinct, random, some_axes, some_shape};

pub(crate) fn cases() {
    for shape in [vec![], vec![1], vec![6], vec![2, 3, 4]] {
        check("sum", &[random(&shape, 3)], |mut x| x.remove(0).sum());
        check("mean", &[random(&shape, 4)], |mut x| x.remove(0).mean());
    }
    for setting in 0..24 {
        let key = Key::new(setting);
        let shape = some_shape(key);
        let axes = some_axes(key, shape.len());
        let keep = if setting % 2 == 0 { Keep::Axes } else { Keep::Dropped };
        let x = random(&shape, setting);
        check("sum over axes", from_ref(&x), |mut x| {
            let sum = x.remove(0).sum_over(&axes, keep)?;
            sum.clone().mul(sum)
        });
        check("mean over axes", from_ref(&x), |mut x| {
            let mean = x.remove(0).mean_over(&axes, keep)?;
            mean.clone().mul(mean)
        });
        check("biased variance", from_ref(&x), |mut x| x.remove(0).var_over(&axes, Variance::Biased, keep));
        if axes.iter().map(|&axis| shape[axis]).product::<usize>() > 1 {
            check("unbiased variance", &[x], |mut x| x.remove(0).var_over(&axes, Variance::Unbiased, keep));
        }
        let signed = random(&shape, setting);
        for norm in [Norm::L1, Norm::L2] {
            check("norm", from_ref(&signed), |mut x| {
                let x = x.remove(0);
                x.clone().norm_over(&axes, norm, Keep::Axes)?.mul(x)
            });
        }
        let x = distinct(&shape, setting);
        check("largest size", from_ref(&x), |mut x| x.remove(0).norm_over(&axes, Norm::Max, keep));
        check("max over axes", from_ref(&x), |mut x| {
            let x = x.remove(0);
            x.clone().max_over(&axes, Keep::Axes)?.mul(x)
        });
        check("min over axes", &[x], |mut x| x.remove(0).min_over(&axes, keep));
    }
    // A variable less its own mean: both ways meet in one gradient.
    check("centred", &[random(&[4, 3], 1)], |mut x| {
        let x = x.remove(0);
        let mean = x.clone().mean_over(&[0], Keep::Axes)?;
        let centred = x.sub(mean)?;
        centred.clone().mul(centred)
    });
}

#[test]
fn gradients_of_reductions_agree_with_differences() {
    cases();
}

#[test]
fn the_largest_of_nothing_is_refused_before_it_is_computed() {
    let none = cnn_tensor::Tensor::shape_only(&[0, 2], cnn_tensor::DType::F64).unwrap();
    let error = cnn_autograd::Var::constant(none).max_over(&[0], Keep::Axes).unwrap_err().to_string();
    assert_eq!(error, "max_over: shape [0, 2] has no values along axes [0]");
}
