//! Batch normalisation, with the statistics of the batch or with given ones, fused with a residual sum and an
//! activation: `act(norm(x) * weight + bias [+ residual])`.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::batch_norm::{self, Backward, EvalSaved, Running, TrainSaved};
use cnn_tensor::ops::reduce;
use cnn_tensor::{Spec, Tensor};

use super::activation::{reads_output, through};
use super::{expect_compute, expect_same, expect_vector, with_optional};
use crate::affine::Affine;
use crate::function::{Buffer, Buffers, Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Error, Result, Var};

/// With the statistics of the batch; inputs are x, weight, bias and, if there is one, the residual.
#[derive(Debug)]
struct BatchNormTrain(Settings);

/// With given statistics; inputs are x, weight, bias, mean, variance and, if there is one, the residual.
#[derive(Debug)]
struct BatchNormEval(Settings);

#[derive(Debug, Clone, Copy)]
struct Settings {
    epsilon: f64,
    activation: Activation,
}

impl Settings {
    fn attributes(self) -> Vec<Attribute> {
        vec![Attribute::new("epsilon", self.epsilon), Attribute::new("activation", self.activation.name())]
    }

    fn affine<'a>(self, weight: &'a Tensor, bias: &'a Tensor) -> batch_norm::Affine<'a> {
        batch_norm::Affine { weight, bias, epsilon: self.epsilon }
    }
}

impl Function for BatchNormTrain {
    fn name(&self) -> &'static str {
        "batch_norm_train"
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([x, weight, bias], residual) = with_optional(self.name(), inputs.to_vec())?;
        infer(self.name(), x, [("weight", weight), ("bias", bias)], residual)?;
        batch_norm::expect_variance(&x.shape)?;
        Ok(x)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        // The input's gradient goes through the statistics too, so it reads the input as the weight's does.
        let kernel = wanted.input(0) || wanted.input(1);
        let keeps = Keeps::nothing().input_if(0, kernel).input_if(1, kernel);
        keeps.output_if(reads_output(self.0.activation))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers { output: Buffer::New, gradient: Some(0) }
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let channels = inputs.get(1).copied();
        let channels = channels.ok_or(Error::Inputs {
            op: self.name(),
            met: inputs.len(),
            expected: "3 or 4".into(),
        })?;
        Ok(vec![channels; 3])
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([x, weight, bias], residual) = with_optional(self.name(), inputs)?;
        let affine = self.0.affine(&weight, &bias);
        let result = batch_norm::forward_train(&x, affine, residual.as_ref(), self.0.activation)?;
        Ok(Output {
            value: result.output,
            extras: vec![result.mean, result.inverse_deviation, result.unbiased_variance],
        })
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        if !saved.wants(0) && !saved.wants(1) {
            let grad = through(self.0.activation, &saved, grad)?;
            let bias = saved.if_wanted(2, || Ok(reduce::sum_leading(&grad)?))?;
            let residual = saved.wants(3).then_some(grad);
            return Ok([None, None, bias, residual].into_iter().take(saved.input_count()).collect());
        }
        let kept = TrainSaved {
            x: saved.input(0)?,
            output: output_or_input(&saved, self.0.activation)?,
            weight: saved.input(1)?,
            mean: saved.extra(0)?,
            inverse_deviation: saved.extra(1)?,
        };
        let result = batch_norm::backward_train(kept, self.0.activation, wanted(&saved, 3), grad)?;
        let Backward { input, weight, bias, residual } = result;
        let [weight, bias] = affine_wanted(&saved, [weight, bias]);
        Ok([input, weight, bias, residual].into_iter().take(saved.input_count()).collect())
    }
}

impl Function for BatchNormEval {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([x, weight, bias, mean, variance], residual) = with_optional(self.name(), inputs.to_vec())?;
        let vectors =
            [("weight", weight), ("bias", bias), ("running mean", mean), ("running variance", variance)];
        infer(self.name(), x, vectors, residual)?;
        Ok(x)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        let (input, weight) = (wanted.input(0), wanted.input(1));
        let keeps = Keeps::nothing().input_if(0, weight).input_if(1, input || weight).input_if(2, weight);
        let keeps = keeps.input_if(3, weight).input_if(4, input || weight);
        keeps.output_if(reads_output(self.0.activation))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([x, weight, bias, mean, variance], residual) = with_optional(self.name(), inputs)?;
        let running = Running { mean: &mean, variance: &variance };
        let affine = self.0.affine(&weight, &bias);
        Ok(batch_norm::forward_eval(x, running, affine, residual.as_ref(), self.0.activation)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        if saved.wants(3) || saved.wants(4) {
            let problem = "running mean and variance want a gradient, expected constants";
            return Err(Error::operation(self.name(), problem));
        }
        if !saved.wants(1) {
            return self.backward_without_weight(&saved, grad);
        }
        let kept = EvalSaved {
            x: saved.input(0)?,
            output: output_or_input(&saved, self.0.activation)?,
            running: Running { mean: saved.input(3)?, variance: saved.input(4)? },
            affine: self.0.affine(saved.input(1)?, saved.input(2)?),
        };
        let result = batch_norm::backward_eval(kept, self.0.activation, wanted(&saved, 5), grad)?;
        let Backward { input, weight, bias, residual } = result;
        let [weight, bias] = affine_wanted(&saved, [weight, bias]);
        Ok([input, weight, bias, None, None, residual].into_iter().take(saved.input_count()).collect())
    }
}

impl BatchNormEval {
    /// The gradients that do not read the input.
    fn backward_without_weight(&self, saved: &Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let grad = through(self.0.activation, saved, grad)?;
        let bias = saved.if_wanted(2, || Ok(reduce::sum_leading(&grad)?))?;
        let residual = saved.wants(5).then(|| grad.clone());
        let input = saved.if_wanted(0, || {
            // The gradient is scaled as the input was: a normalisation with a mean and a shift of zero.
            let weight = saved.input(1)?;
            let zeros = Tensor::zeros(weight.shape(), weight.dtype())?;
            let running = Running { mean: &zeros, variance: saved.input(4)? };
            let affine = self.0.affine(weight, &zeros);
            Ok(batch_norm::forward_eval(grad, running, affine, None, Activation::Identity)?)
        })?;
        Ok([input, None, bias, None, None, residual].into_iter().take(saved.input_count()).collect())
    }
}

/// The kernels compute the gradients of weight and bias together; one that nobody wants ends here.
fn affine_wanted(saved: &Saved, [weight, bias]: [Option<Tensor>; 2]) -> [Option<Tensor>; 2] {
    [weight.filter(|_| saved.wants(1)), bias.filter(|_| saved.wants(2))]
}

/// Without an activation the kernel reads nothing of the output but its shape, which is the input's.
fn output_or_input(saved: &Saved, activation: Activation) -> Result<&Tensor> {
    if reads_output(activation) { saved.output() } else { saved.input(0) }
}

/// What the kernels compute; `residual` is the number of the input that is the residual.
fn wanted(saved: &Saved, residual: usize) -> batch_norm::Wanted {
    batch_norm::Wanted {
        input: saved.wants(0),
        affine: saved.wants(1) || saved.wants(2),
        residual: saved.wants(residual),
    }
}

/// Checks shapes.
fn infer<const N: usize>(
    op: &'static str,
    x: Spec,
    vectors: [(&'static str, Spec); N],
    residual: Option<Spec>,
) -> Result<()> {
    expect_compute(op, x)?;
    let (2.., Some(&channels)) = (x.shape.rank(), x.shape.last()) else {
        let problem = format!("input {} should be [batch, .., channels]", x.shape);
        return Err(cnn_tensor::Error::shape(op, problem).into());
    };
    for (name, spec) in vectors {
        expect_vector(op, name, spec, channels, x.dtype)?;
    }
    if let Some(residual) = residual {
        expect_same(op, x, residual)?;
    }
    Ok(())
}

/// What follows the normalisation in the same pass.
#[derive(Debug, Clone, Default)]
pub struct Epilogue {
    /// Added before the activation; of the input's shape.
    pub residual: Option<Var>,
    /// Applied last.
    pub activation: Activation,
}

/// Given statistics, `[channels]` each.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Mean of each channel.
    pub mean: Var,
    /// Variance of each channel.
    pub variance: Var,
}

/// A batch normalised by its own statistics.
#[derive(Debug)]
pub struct Normalised {
    /// The output.
    pub output: Var,
    /// Mean of each channel.
    pub mean: Tensor,
    /// Variance of each channel, divided by the number of values less one.
    pub unbiased_variance: Tensor,
}

impl Var {
    /// Normalises each channel by the mean and biased variance of this batch. An empty batch stays empty; its statistics
    /// are NaN.
    ///
    /// # Shapes
    /// `[batch, .., channels]`, unchanged; weight and bias `[channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`]; with one value per channel.
    pub fn batch_norm_train(self, affine: Affine, epilogue: Epilogue) -> Result<Normalised> {
        let rule = BatchNormTrain(Settings { epsilon: affine.epsilon, activation: epilogue.activation });
        let inputs = affine.all_inputs(self)?.into_iter().chain(epilogue.residual).collect();
        let mut applied = Var::apply_with_extras(rule, inputs)?;
        let (Some(unbiased_variance), 2..) = (applied.extras.pop(), applied.extras.len() + 1) else {
            return Err(Error::rule("batch_norm_train", "forward made no statistics"));
        };
        let mean = applied.extras.swap_remove(0);
        Ok(Normalised { output: applied.output, mean, unbiased_variance })
    }

    /// Normalises each channel by given statistics, which are constants to the gradient.
    ///
    /// # Shapes
    /// `[batch, .., channels]`, unchanged; weight and bias `[channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn batch_norm(self, statistics: Statistics, affine: Affine, epilogue: Epilogue) -> Result<Var> {
        let rule = BatchNormEval(Settings { epsilon: affine.epsilon, activation: epilogue.activation });
        let constants = [statistics.mean.detach(), statistics.variance.detach()];
        let inputs = affine.all_inputs(self)?.into_iter().chain(constants).chain(epilogue.residual);
        Var::apply(rule, inputs.collect())
    }
}
