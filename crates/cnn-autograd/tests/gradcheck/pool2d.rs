//! Max and average pooling over strides, padding, dilation and rounding.

use std::slice::from_ref;

use cnn_tensor::ops::pool2d::{PaddingCounts, Pool2dOptions};
use cnn_tensor::ops::window::{Padding2d, Rounding};
use cnn_tensor::{DType, Tensor};

use crate::{Draw, check, distinct};

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
    check("global maximum", &[distinct(&[2, 3, 4, 2], 10)], |mut x| x.remove(0).global_max_pool2d());
    generated();
    check("global average", &[distinct(&[2, 3, 4, 2], 10)], |mut x| x.remove(0).global_average_pool2d());
}

fn generated() {
    for seed in 0..20 {
        let mut draw = Draw::new(seed);
        let (kernel, stride, dilation) = (draw.pair(1..4), draw.pair(1..5), draw.pair(1..3));
        let [extent_h, extent_w] = [0, 1].map(|axis| dilation[axis] * (kernel[axis] - 1) + 1);
        let padding = Padding2d {
            top: draw.size(0..extent_h),
            bottom: draw.size(0..extent_h),
            left: draw.size(0..extent_w),
            right: draw.size(0..extent_w),
        };
        let rounding = if seed % 2 == 0 { Rounding::Floor } else { Rounding::Ceil };
        let image =
            [draw.size(1..3), extent_h + draw.size(0..4), extent_w + draw.size(0..4), draw.size(1..4)];
        let max = Pool2dOptions { stride, dilation, padding, rounding, ..Pool2dOptions::new(kernel) };
        let x = distinct(&image, seed);
        let inside = max_misses_nothing(&max, &image);
        if inside {
            check(&format!("max, {max:?}"), from_ref(&x), |mut x| x.remove(0).max_pool2d(max));
        }
        let half = |side: usize, size: usize| side.min(size - 1);
        let padding = Padding2d {
            top: half(padding.top, kernel[0]),
            bottom: half(padding.bottom, kernel[0]),
            left: half(padding.left, kernel[1]),
            right: half(padding.right, kernel[1]),
        };
        let average = Pool2dOptions { dilation: [1, 1], padding, ..max };
        check(&format!("average, {average:?}"), from_ref(&x), |mut x| x.remove(0).average_pool2d(average));
        let output = draw.pair(1..6);
        check(&format!("adaptive max, {image:?} to {output:?}"), from_ref(&x), |mut x| {
            x.remove(0).adaptive_max_pool2d(output)
        });
        check(&format!("adaptive average, {image:?} to {output:?}"), from_ref(&x), |mut x| {
            x.remove(0).adaptive_average_pool2d(output)
        });
    }
}

/// Whether no window reads padding alone, which gives negative infinity.
fn max_misses_nothing(options: &Pool2dOptions, image: &[usize; 4]) -> bool {
    let x = Tensor::full(image, 1.0, DType::F64).unwrap();
    let pooled = cnn_tensor::ops::pool2d::max_forward(&x, *options).unwrap().output;
    pooled.to_f64_vec().unwrap().iter().all(|value| value.is_finite())
}

#[test]
fn gradients_of_pooling_agree_with_differences() {
    cases();
}
