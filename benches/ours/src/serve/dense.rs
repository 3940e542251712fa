//! Products of dense layers.

use bench_common::inputs::stream;
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::dense;

use super::{Job, Layout};
use crate::failure::Result;
use crate::work::{Dense, DensePass};

pub(super) fn job(work: &Dense) -> Result<Job> {
    let Dense { rows, out_features, in_features, pass } = *work;
    let input = Layout::plain(&[rows, in_features]);
    let output = Layout::plain(&[rows, out_features]);
    let weight = Layout::weight(out_features, in_features);
    let x = input.tensor(stream::INPUT)?;
    let w = weight.tensor(stream::WEIGHT)?;
    let grad = output.tensor(stream::GRADIENT)?;
    match pass {
        DensePass::Fwd => Job::new(vec![("output", output)], move || {
            Ok(vec![dense::forward(&x, &w, None, Activation::Identity)?])
        }),
        DensePass::GradInput => {
            Job::new(vec![("grad_input", input)], move || Ok(vec![dense::grad_input(&grad, &w)?]))
        }
        DensePass::GradWeight => {
            Job::new(vec![("grad_weight", weight)], move || Ok(vec![dense::grad_weight(&x, &grad)?]))
        }
    }
}
