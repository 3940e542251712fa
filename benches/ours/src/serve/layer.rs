//! Layers and operations through the tape, by the names of the table of cases.
//!
//! Parameters are filled as those of networks are, so that outputs and gradients can be compared.

use bench_common::inputs::{self, stream};
use cnn_autograd::{Ctx, Seeded, Var, random::Key};
use cnn_layers::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, ChannelShuffle, Conv1d, Conv2d, ConvTranspose2d, Corners,
    CrossEntropy, Elu, Forward, GroupNorm, InstanceNorm2d, Interpolation, LayerNorm, LocalResponseNorm,
    MultiHeadAttention, PRelu, PaddingMode, PixelShuffle, SqueezeExcite, Upsample, mse,
};
use cnn_tensor::Tensor;
use cnn_tensor::ops::reduce::Keep;

use super::network::fill;
use super::{Job, Layout};
use crate::failure::{Result, failure};
use crate::work::{Layer, LayerPass};

/// Computes the output from the inputs.
type Call = Box<dyn Fn(Vec<Var>, &mut Ctx) -> cnn_layers::Result<Var>>;

/// What is computed, and the second input that it needs.
struct Subject {
    call: Call,
    other: Option<Layout>,
}

/// A layer with its parameters filled.
fn layer(mut layer: impl Forward + 'static) -> Result<Subject> {
    fill(&mut layer)?;
    Ok(Subject { call: Box::new(move |mut x, cx| layer.call(x.remove(0), cx)), other: None })
}

/// An operation of one input.
#[expect(clippy::unnecessary_wraps, reason = "so that every arm of the table reads alike")]
fn unary(call: impl Fn(Var) -> cnn_autograd::Result<Var> + 'static) -> Result<Subject> {
    Ok(Subject { call: Box::new(move |mut x, _| Ok(call(x.remove(0))?)), other: None })
}

/// An operation of two inputs.
#[expect(clippy::unnecessary_wraps, reason = "so that every arm of the table reads alike")]
fn binary(other: Layout, call: impl Fn(Var, Var) -> cnn_layers::Result<Var> + 'static) -> Result<Subject> {
    let call: Call = Box::new(move |mut x, _| {
        let other = x.remove(1);
        call(x.remove(0), other)
    });
    Ok(Subject { call, other: Some(other) })
}

fn subject(work: &Layer) -> Result<Subject> {
    let key = Key::new(1);
    let same = layout(&work.name, &work.shape);
    let [batch, channels] = [work.shape[0], work.shape[1]];
    match work.name.as_str() {
        "gelu" => unary(Var::gelu),
        "gelu-tanh" => unary(Var::gelu_tanh),
        "silu" => unary(Var::silu),
        "sigmoid" => unary(Var::sigmoid),
        "tanh" => unary(Var::tanh),
        "hard-swish" => unary(Var::hard_swish),
        "elu" => layer(Elu::default()),
        "prelu" => layer(PRelu::new()?),
        "mul" => binary(same, |a, b| Ok(a.mul(b)?)),
        "mul-channels" => binary(Layout::plain(&[channels]), |a, b| Ok(a.mul(b)?)),
        "mul-gate" => binary(Layout::image(batch, channels, 1, 1), |a, b| Ok(a.mul(b)?)),
        "concat" => binary(same, |a, b| Ok(Var::concat(vec![a, b], 3)?)),
        "sum-channels" => unary(|x| x.sum_over(&[3], Keep::Dropped)),
        "sum-positions" => unary(|x| x.sum_over(&[1, 2], Keep::Dropped)),
        "max-channels" => unary(|x| x.max_over(&[3], Keep::Dropped)),
        "softmax" => unary(|x| x.softmax(1)),
        "softmax-channels" => unary(|x| x.softmax(3)),
        "log-softmax" => unary(|x| x.log_softmax(1)),
        "matmul" => {
            let transposed = Layout::plain(&[batch, work.shape[2], channels]);
            binary(transposed, |a, b| Ok(a.matmul(b)?))
        }
        "group-norm" => layer(GroupNorm::new(8, channels)?),
        "instance-norm" => layer(InstanceNorm2d::new(channels)?),
        "layer-norm" => layer(LayerNorm::new(work.shape[2])?),
        "local-response-norm" => layer(LocalResponseNorm::new(5)?),
        "attention" => layer(MultiHeadAttention::new(work.shape[2], 6, key)?),
        "squeeze-excite" => layer(SqueezeExcite::new(channels, channels / 4, key)?),
        "conv1d" => layer(Conv1d::builder(channels, channels, 5).padding(2).build(key)?),
        "conv-reflect" => {
            let conv = Conv2d::builder(channels, channels, 3).padding(1);
            layer(conv.padding_mode(PaddingMode::Reflect).build(key)?)
        }
        "conv-transpose-4" => {
            layer(ConvTranspose2d::builder(channels, channels, 4).stride(2).padding(1).build(key)?)
        }
        "conv-transpose-2" => layer(ConvTranspose2d::builder(channels, channels, 2).stride(2).build(key)?),
        "upsample-nearest" => layer(Upsample::by(2.0, Interpolation::Nearest)?),
        "upsample-bilinear" => layer(Upsample::by(2.0, Interpolation::Linear(Corners::OfPixels))?),
        "adaptive-avg-pool" => layer(AdaptiveAvgPool2d::new(7)?),
        "adaptive-max-pool" => layer(AdaptiveMaxPool2d::new(7)?),
        "pixel-shuffle" => layer(PixelShuffle::new(2)?),
        "channel-shuffle" => layer(ChannelShuffle::new(4)?),
        "mse" => binary(same, mse),
        "cross-entropy-pixels" => {
            let [height, width] = [work.shape[2], work.shape[3]];
            let labels: Vec<i64> =
                (0..batch * height * width).map(|index| inputs::label(index, channels)).collect();
            let labels = Tensor::from_slice(&[batch, height, width], &labels)?;
            let call: Call = Box::new(move |mut x, _| CrossEntropy::new().loss(x.remove(0), &labels));
            Ok(Subject { call, other: None })
        }
        name => failure(format!("no layer is called `{name}`")),
    }
}

/// How a tensor of this shape in PyTorch lies here: images and sequences with their channels last.
fn layout(name: &str, there: &[usize]) -> Layout {
    match *there {
        [batch, channels, height, width] => Layout::image(batch, channels, height, width),
        [batch, channels, length] if name == "conv1d" => Layout::sequence(batch, channels, length),
        _ => Layout::plain(there),
    }
}

/// How an output of this shape here lies.
fn output_layout(name: &str, here: &[usize]) -> Layout {
    match *here {
        [batch, height, width, channels] => Layout::image(batch, channels, height, width),
        [batch, length, channels] if name == "conv1d" => Layout::sequence(batch, channels, length),
        _ => Layout::plain(here),
    }
}

pub(super) fn job(work: &Layer) -> Result<Job> {
    let Subject { call, other } = subject(work)?;
    let input = layout(&work.name, &work.shape);
    let mut inputs = vec![input.tensor(stream::INPUT)?];
    if let Some(other) = other {
        inputs.push(other.tensor(stream::OTHER)?);
    }
    let forward = move |mut cx: Ctx, enter: fn(&mut Ctx, Tensor) -> Var| {
        let given: Vec<Var> = inputs.iter().map(|x| enter(&mut cx, x.clone())).collect();
        let x = given[0].clone();
        call(given, &mut cx).map(|output| (cx, x, output))
    };
    let (_, _, output) = forward(Ctx::inference(), |cx, x| cx.input(x))?;
    let shape = output.shape().to_vec();
    let output = output_layout(&work.name, &shape);
    match work.pass {
        LayerPass::Fwd => Job::new(vec![("output", output)], move || {
            let (_, _, output) = forward(Ctx::inference(), |cx, x| cx.input(x))?;
            Ok(vec![output.value().clone()])
        }),
        LayerPass::FwdBwd => {
            let seed =
                if shape.is_empty() { Tensor::scalar(1.0f32)? } else { output.tensor(stream::GRADIENT)? };
            Job::new(vec![("output", output), ("grad_input", input)], move || {
                let (cx, x, output) = forward(Ctx::training(Key::new(1)), |cx, x| cx.variable(x))?;
                let value = output.value().clone();
                let step = cx.backward_seeded(vec![Seeded { output, seed: seed.clone() }])?;
                match step.gradients.of(&x) {
                    Some(gradient) => Ok(vec![value, gradient.clone()]),
                    None => failure("the input has no gradient"),
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Suite, cases};
    use crate::work::Work;

    #[test]
    fn every_layer_of_the_table_computes_both_passes() {
        for work in cases(Suite::Layers).unwrap() {
            let Work::Layer(mut layer) = work else { panic!("{work:?} is no layer") };
            // Small, with the sizes that a layer asks for.
            layer.shape[0] = 1;
            let outputs = job(&layer).unwrap().outputs;
            assert!(outputs.iter().all(|output| output.sum.is_finite() && output.sum > 0.0), "{layer}");
        }
        let unknown = Layer { name: "dream".into(), shape: vec![1, 2], pass: LayerPass::Fwd };
        assert!(job(&unknown).is_err());
    }
}
