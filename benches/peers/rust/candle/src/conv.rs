//! Convolutions, forward.

use bench_common::inputs::stream::{BIAS, INPUT, WEIGHT};
use candle_core::{Device, Tensor};
use peer_common::{Conv, Job, Output, numbers};

use crate::{AGAIN, values};

pub(crate) fn job(conv: &Conv) -> Result<Job, String> {
    let output = prepare(conv).map_err(|error| error.to_string())?;
    let first = output().and_then(|y| values(&y)).map_err(|error| error.to_string())?;
    let outputs = vec![Output::new("output", first)];
    let compute = move || drop(output().expect(AGAIN));
    Ok(Job { compute: Box::new(compute), outputs })
}

fn prepare(conv: &Conv) -> candle_core::Result<impl Fn() -> candle_core::Result<Tensor> + 'static> {
    let Conv { out_c, padding, stride, dilation, groups, bias_relu, .. } = *conv;
    let x = tensor(INPUT, &conv.input_shape())?;
    let w = tensor(WEIGHT, &conv.weight_shape())?;
    let bias = tensor(BIAS, &[1, out_c, 1, 1])?;
    Ok(move || {
        let y = x.conv2d(&w, padding, stride, dilation, groups)?;
        if bias_relu { y.broadcast_add(&bias)?.relu() } else { Ok(y) }
    })
}

fn tensor(stream: u64, shape: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::from_vec(numbers(stream, shape.iter().product()), shape, &Device::Cpu)
}
