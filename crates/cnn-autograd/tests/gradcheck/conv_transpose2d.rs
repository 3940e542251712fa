//! Transposed convolution over kernels, strides, padding, output padding, dilation and groups.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv_transpose2d::{self, ConvTranspose2dOptions};

use crate::{Draw, check, random};

pub(crate) fn cases() {
    let mut checked = 0;
    for seed in 0..60 {
        let mut draw = Draw::new(seed);
        let (groups, group_in, group_out) = (draw.size(1..4), draw.size(1..3), draw.size(1..3));
        let (kernel, stride, dilation) = (draw.pair(1..4), draw.pair(1..4), draw.pair(1..4));
        let padding = draw.sides(2);
        let output_padding = [0, 1].map(|axis| draw.size(0..stride[axis].max(dilation[axis])));
        let options = ConvTranspose2dOptions { stride, padding, output_padding, dilation, groups };
        let [height, width] = draw.pair(1..4);
        let x = random(&[draw.size(1..3), height, width, groups * group_in], seed);
        let weight = random(&[kernel[0], kernel[1], group_out, groups * group_in], seed + 100);
        let bias = random(&[groups * group_out], seed + 200);
        let Ok(output) = conv_transpose2d::infer(x.spec(), weight.spec(), &options) else { continue };
        if output.shape.len() > 400 {
            continue;
        }
        checked += 1;
        let name = format!("{:?} by {:?}, {options:?}", x.shape(), weight.shape());
        check(&name, &[x.clone(), weight.clone()], |mut v| {
            let weight = v.remove(1);
            v.remove(0).conv_transpose2d(weight, None, &options)
        });
        check(&format!("{name}, bias and ReLU"), &[x, weight, bias], |mut v| {
            let (bias, weight) = (v.pop(), v.remove(1));
            v.remove(0).conv_transpose2d_act(weight, bias, Activation::Relu, &options)
        });
    }
    assert!(checked >= 20, "only {checked} settings");
}

#[test]
fn gradients_of_transposed_convolution_agree_with_differences() {
    cases();
}
