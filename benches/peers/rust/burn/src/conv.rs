//! Convolutions, forward.

use bench_common::inputs::stream::{BIAS, INPUT, WEIGHT};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, activation};
use peer_common::{Conv, Job, Output};

use crate::{tensor, values};

pub(crate) fn job(conv: &Conv) -> Job {
    let Conv { out_c, stride, padding, dilation, groups, bias_relu, .. } = *conv;
    let device = Device::flex();
    let x = tensor(INPUT, conv.input_shape(), &device);
    let w = tensor(WEIGHT, conv.weight_shape(), &device);
    let bias = bias_relu.then(|| tensor(BIAS, [out_c], &device));
    let options = ConvOptions::new([stride; 2], [padding; 2], [dilation; 2], groups);
    let output = move || {
        let y = conv2d(x.clone(), w.clone(), bias.clone(), options.clone());
        if bias_relu { activation::relu(y) } else { y }
    };
    let outputs = vec![Output::new("output", values(output()))];
    Job { compute: Box::new(move || drop(output())), outputs }
}
