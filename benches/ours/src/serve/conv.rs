//! Convolutions.

use bench_common::inputs::stream;
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::{self, Conv2dOptions};
use cnn_tensor::ops::window::Padding2d;

use super::{Job, Layout};
use crate::failure::Result;
use crate::work::{Conv, ConvPass};

pub(super) fn job(conv: &Conv) -> Result<Job> {
    let Conv { batch, in_c, in_h, in_w, out_c, kernel, stride, padding, dilation, groups, pass } = *conv;
    let [out_h, out_w] = conv.output();
    let input = Layout::image(batch, in_c, in_h, in_w);
    let output = Layout::image(batch, out_c, out_h, out_w);
    let weight = Layout::kernel(out_c, in_c / groups, kernel, kernel);
    let options = Conv2dOptions {
        stride: [stride; 2],
        padding: Padding2d { top: padding, bottom: padding, left: padding, right: padding },
        dilation: [dilation; 2],
        groups,
    };

    let w = weight.tensor(stream::WEIGHT)?;
    if pass == ConvPass::Transposed {
        let grad = output.tensor(stream::GRADIENT)?;
        let shape = [batch, in_h, in_w, in_c];
        let compute = move || Ok(vec![conv2d::grad_input(&grad, &w, &shape, &options)?]);
        return Job::new(vec![("output", input)], compute);
    }
    let x = input.tensor(stream::INPUT)?;
    match pass {
        ConvPass::Fwd | ConvPass::Transposed => {
            let compute = move || Ok(vec![conv2d::forward(&x, &w, None, Activation::Identity, &options)?]);
            Job::new(vec![("output", output)], compute)
        }
        ConvPass::FwdRelu => {
            let bias = Layout::plain(&[out_c]).tensor(stream::BIAS)?;
            let compute = move || Ok(vec![conv2d::forward(&x, &w, Some(&bias), Activation::Relu, &options)?]);
            Job::new(vec![("output", output)], compute)
        }
        ConvPass::FwdBwd => {
            let grad = output.tensor(stream::GRADIENT)?;
            let compute = move || {
                Ok(vec![
                    conv2d::forward(&x, &w, None, Activation::Identity, &options)?,
                    conv2d::grad_input(&grad, &w, x.shape(), &options)?,
                    conv2d::grad_weight(&x, &grad, w.shape(), &options)?,
                ])
            };
            let outputs = vec![("output", output), ("grad_input", input), ("grad_weight", weight)];
            Job::new(outputs, compute)
        }
        ConvPass::FwdWeights => {
            let grad = output.tensor(stream::GRADIENT)?;
            let compute = move || {
                Ok(vec![
                    conv2d::forward(&x, &w, None, Activation::Identity, &options)?,
                    conv2d::grad_weight(&x, &grad, w.shape(), &options)?,
                ])
            };
            Job::new(vec![("output", output), ("grad_weight", weight)], compute)
        }
    }
}
