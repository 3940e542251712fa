//! Convolution over kernels, strides, one-sided padding, dilation and groups.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::Conv2dOptions;
use cnn_tensor::ops::window::Padding2d;

use crate::{Draw, check, random};

struct Case {
    name: &'static str,
    image: [usize; 4],
    kernel: [usize; 2],
    out_c: usize,
    options: Conv2dOptions,
}

fn options() -> Conv2dOptions {
    Conv2dOptions::default()
}

#[rustfmt::skip]
fn table() -> Vec<Case> {
    let one_sided = Padding2d { top: 2, bottom: 0, left: 0, right: 1 };
    vec![
        Case { name: "one pixel", image: [1, 1, 1, 1], kernel: [1, 1], out_c: 1, options: options() },
        Case { name: "pointwise", image: [2, 3, 3, 4], kernel: [1, 1], out_c: 3, options: options() },
        Case { name: "3x3 padded", image: [2, 5, 4, 2], kernel: [3, 3], out_c: 3, options: Conv2dOptions { padding: Padding2d::all(1), ..options() } },
        Case { name: "5x5", image: [1, 6, 7, 1], kernel: [5, 5], out_c: 2, options: options() },
        Case { name: "1xN kernel", image: [1, 3, 7, 2], kernel: [1, 5], out_c: 2, options: options() },
        Case { name: "stride over kernel", image: [2, 7, 8, 2], kernel: [2, 2], out_c: 2, options: Conv2dOptions { stride: [3, 4], ..options() } },
        Case { name: "strided 3x3", image: [2, 7, 6, 3], kernel: [3, 3], out_c: 2, options: Conv2dOptions { stride: [2, 2], padding: Padding2d::all(1), ..options() } },
        Case { name: "one-sided padding", image: [1, 4, 5, 2], kernel: [3, 2], out_c: 2, options: Conv2dOptions { padding: one_sided, ..options() } },
        Case { name: "dilated", image: [1, 7, 8, 2], kernel: [3, 3], out_c: 2, options: Conv2dOptions { dilation: [2, 3], padding: Padding2d::symmetric(1, 2), ..options() } },
        Case { name: "two groups", image: [2, 4, 4, 4], kernel: [3, 3], out_c: 6, options: Conv2dOptions { groups: 2, ..options() } },
        Case { name: "depthwise", image: [2, 5, 5, 3], kernel: [3, 3], out_c: 3, options: Conv2dOptions { groups: 3, padding: Padding2d::all(1), ..options() } },
        Case { name: "depthwise, two outputs each, strided and dilated", image: [1, 7, 7, 2], kernel: [2, 3], out_c: 4,
               options: Conv2dOptions { groups: 2, stride: [2, 1], dilation: [2, 2], padding: Padding2d::all(1) } },
    ]
}

pub(crate) fn cases() {
    for (seed, Case { name, image, kernel, out_c, options }) in table().into_iter().enumerate() {
        let seed = 100 * seed as u64;
        let x = random(&image, seed);
        let weight = random(&[kernel[0], kernel[1], image[3] / options.groups, out_c], seed + 1);
        let bias = random(&[out_c], seed + 2);
        check(name, &[x.clone(), weight.clone()], |mut v| {
            let weight = v.remove(1);
            v.remove(0).conv2d(weight, None, &options)
        });
        check(&format!("{name}, bias and ReLU"), &[x, weight, bias], |mut v| {
            let bias = v.pop();
            let weight = v.remove(1);
            v.remove(0).conv2d_act(weight, bias, Activation::Relu, &options)
        });
    }
    generated();
}

/// Sequences, as images of one row: groups, strides beyond the kernel, dilation and one-sided padding.
fn generated() {
    for seed in 0..20 {
        let mut draw = Draw::new(seed);
        let (groups, group_in, group_out) = (draw.size(1..4), draw.size(1..3), draw.size(1..3));
        let (kernel, stride, dilation) = (draw.size(1..4), draw.size(1..5), draw.size(1..3));
        let padding = Padding2d { left: draw.size(0..3), right: draw.size(0..3), ..Padding2d::default() };
        let length = dilation * (kernel - 1) + draw.size(1..6);
        let options = Conv2dOptions { stride: [1, stride], padding, dilation: [1, dilation], groups };
        let x = random(&[draw.size(1..3), length, groups * group_in], seed);
        let weight = random(&[1, kernel, group_in, groups * group_out], seed + 100);
        let bias = random(&[groups * group_out], seed + 200);
        check(&format!("a sequence, {options:?}"), &[x, weight, bias], |mut v| {
            let (bias, weight) = (v.pop(), v.remove(1));
            v.remove(0).as_images("conv1d", |x| x.conv2d(weight, bias, &options))
        });
    }
}

#[test]
fn gradients_of_convolution_agree_with_differences() {
    cases();
}
