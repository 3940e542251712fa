//! Max and average pooling over strides, padding, dilation and rounding.

use std::slice::from_ref;

use cnn_tensor::ops::pool2d::{PaddingCounts, Pool2dOptions};
use cnn_tensor::ops::window::{Padding2d, Rounding};

use crate::{check, distinct};

fn options(kernel: [usize; 2], stride: [usize; 2]) -> Pool2dOptions {
    Pool2dOptions { stride, ..Pool2dOptions::new(kernel) }
}

pub(crate) fn cases() {
    let one_sided = Padding2d { top: 1, bottom: 0, left: 0, right: 1 };
    let table = [
        ("tiles", options([2, 2], [2, 2])),
        ("overlapping", options([3, 3], [2, 2])),
        ("overlapping and padded", Pool2dOptions { padding: Padding2d::all(1), ..options([3, 3], [2, 2]) }),
        ("stride over kernel", options([2, 1], [3, 2])),
        ("one-sided padding", Pool2dOptions { padding: one_sided, ..options([2, 3], [1, 2]) }),
        (
            "ceil",
            Pool2dOptions { rounding: Rounding::Ceil, padding: Padding2d::all(1), ..options([3, 2], [2, 2]) },
        ),
    ];
    for (seed, (name, options)) in table.into_iter().enumerate() {
        for image in [[1, 5, 6, 1], [2, 6, 5, 3]] {
            let x = distinct(&image, seed as u64);
            check(&format!("max, {name}"), from_ref(&x), |mut x| x.remove(0).max_pool2d(options));
            for padding_counts in [PaddingCounts::Included, PaddingCounts::Excluded] {
                let options = Pool2dOptions { padding_counts, ..options };
                check(&format!("average, {name}"), from_ref(&x), |mut x| x.remove(0).average_pool2d(options));
            }
        }
    }
    let dilated = Pool2dOptions { dilation: [2, 3], ..options([2, 2], [1, 2]) };
    check("max, dilated", &[distinct(&[2, 6, 7, 2], 9)], |mut x| x.remove(0).max_pool2d(dilated));
    check("global average", &[distinct(&[2, 3, 4, 2], 10)], |mut x| x.remove(0).global_average_pool2d());
}

#[test]
fn gradients_of_pooling_agree_with_differences() {
    cases();
}
