//! A differentiable operation and a layer of one's own, from outside the workspace's crates.
//!
//! The operation is the parametric ReLU of He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015):
//! `y = x` where `x > 0`, else `slope * x` with a slope for each channel that is learnt. Its rule is proved by
//! finite differences, then a network that uses it is trained on a slice of MNIST.
//!
//! ```text
//! cargo run --release -p cnn-train --example custom_layer [-- IMAGES]
//! ```
#![expect(clippy::print_stdout, reason = "an example tells its reader what happens")]

use std::path::Path;

use cnn_autograd::{
    Ctx, Error, Function, Keeps, Output, Purpose, Result, Saved, Var, Wanted, expect_inputs, gradcheck,
    take_inputs,
};
use cnn_data::sources::mnist::{self, Family};
use cnn_data::{Loader, Preprocessing, Sequential, Shuffled, Size, Split, Subset};
use cnn_layers::{Conv2d, Dense, FileLayout, Forward, Layer, Parameter};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Float, Spec, Tensor};
use cnn_train::{Trainer, TrainerOptions, evaluate};

/// The operation: inputs `x [.., channels]` and `slope [channels]`.
#[derive(Debug)]
struct ParametricRelu;

impl Function for ParametricRelu {
    fn name(&self) -> &'static str {
        "parametric_relu"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x, slope] = expect_inputs(self.name(), inputs)?;
        if slope.shape.rank() != 1 || x.shape.last() != slope.shape.first() {
            let problem =
                format!("the input is {}, the slopes are {}, expected one a channel", x.shape, slope.shape);
            return Err(Error::operation(self.name(), problem));
        }
        Ok(x)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).input(1)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [mut x, slope] = take_inputs(self.name(), inputs)?;
        match x.dtype() {
            DType::F64 => rectify::<f64>(&mut x, &slope)?,
            _ => rectify::<f32>(&mut x, &slope)?,
        }
        Ok(x.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        match grad.dtype() {
            DType::F64 => gradients::<f64>(saved.input(0)?, saved.input(1)?, grad),
            _ => gradients::<f32>(saved.input(0)?, saved.input(1)?, grad),
        }
    }
}

/// Forward, over the input's own buffer; where backward keeps the input, writing copies it first.
fn rectify<F: Float>(x: &mut Tensor, slope: &Tensor) -> cnn_tensor::Result<()> {
    let slope = slope.as_slice::<F>()?;
    for pixel in x.as_mut_slice::<F>()?.chunks_exact_mut(slope.len()) {
        for (x, &slope) in pixel.iter_mut().zip(slope) {
            if *x < F::ZERO {
                *x *= slope;
            }
        }
    }
    Ok(())
}

/// `grad_x = grad * (x < 0 ? slope : 1)`, written over `grad`; `grad_slope = sum of grad * x where x < 0`.
fn gradients<F: Float>(x: &Tensor, slope: &Tensor, mut grad: Tensor) -> Result<Vec<Option<Tensor>>> {
    let mut grad_slope = Tensor::zeros(slope.shape(), slope.dtype())?;
    let (slope, sums) = (slope.as_slice::<F>()?, grad_slope.as_mut_slice::<F>()?);
    let pixels = grad.as_mut_slice::<F>()?.chunks_exact_mut(slope.len());
    for (grad, x) in pixels.zip(x.as_slice::<F>()?.chunks_exact(slope.len())) {
        for (((grad, &x), &slope), sum) in grad.iter_mut().zip(x).zip(slope).zip(sums.iter_mut()) {
            if x < F::ZERO {
                *sum += *grad * x;
                *grad *= slope;
            }
        }
    }
    Ok(vec![Some(grad), Some(grad_slope)])
}

/// The layer: a parameter and the call.
#[derive(Debug, Layer)]
struct PRelu {
    weight: Parameter,
}

impl PRelu {
    /// Slopes of a quarter, as in the paper.
    fn new(channels: usize) -> cnn_layers::Result<Self> {
        Ok(Self { weight: Parameter::new(Tensor::full(&[channels], 0.25, DType::F32)?, FileLayout::AsIs) })
    }
}

impl Forward for PRelu {
    fn forward(&self, x: Var, cx: &mut Ctx) -> cnn_layers::Result<Var> {
        let slope = self.weight.var(cx)?;
        Ok(Var::apply(ParametricRelu, vec![x, slope])?)
    }
}

/// A network of built-in layers and our own.
#[derive(Debug, Layer)]
struct Network {
    conv1: Conv2d,
    prelu1: PRelu,
    conv2: Conv2d,
    prelu2: PRelu,
    fc: Dense,
}

impl Forward for Network {
    fn forward(&self, x: Var, cx: &mut Ctx) -> cnn_layers::Result<Var> {
        let x = self.conv1.call(x, cx)?;
        let x = self.prelu1.call(x, cx)?.max_pool2d(2)?;
        let x = self.conv2.call(x, cx)?;
        let x = self.prelu2.call(x, cx)?.max_pool2d(2)?.flatten()?;
        self.fc.call(x, cx)
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // The rule against finite differences, in double precision, away from the kink at zero.
    let x = Tensor::from_slice(&[2, 3], &[0.5f64, -1.0, 2.0, -0.25, 1.5, -3.0])?;
    let slope = Tensor::from_slice(&[3], &[0.25f64, 0.1, -0.5])?;
    let report = gradcheck::check(&[x, slope], |inputs| Var::apply(ParametricRelu, inputs))?;
    println!("gradient check: {} elements, largest relative error {:.1e}", report.elements, report.worst);

    let limit = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist");
    let preprocessing = Preprocessing::new(Size::new(28, 28), 1)?.normalize(&[0.1307], &[0.3081])?;
    let train = Subset::new(mnist::load(&folder, Family::Mnist, Split::Train)?, (0..limit).collect())?;
    let train = Loader::new(train, Shuffled::new(1), preprocessing.clone());

    let key = Key::new(1);
    let mut network = Network {
        conv1: Conv2d::new(1, 8, 3, key.fold(0))?,
        prelu1: PRelu::new(8)?,
        conv2: Conv2d::new(8, 16, 3, key.fold(1))?,
        prelu2: PRelu::new(16)?,
        fc: Dense::new(16 * 5 * 5, 10, key.fold(2))?,
    };
    let options = TrainerOptions { epochs: 2, learning_rate: 2e-3, seed: 1, ..TrainerOptions::default() };
    Trainer::new(options)?.fit(&mut network, &train)?;

    let test =
        Subset::new(mnist::load(&folder, Family::Mnist, Split::Test)?, (0..limit.min(10_000)).collect())?;
    let result = evaluate(&network, &Loader::new(test, Sequential, preprocessing).batch_size(250))?;
    println!("test: {} of {} images right", result.correct(), result.images());
    println!("learnt slopes: {:?}", network.prelu1.weight.value());
    Ok(())
}
