//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{
    Affine, Backward, EvalSaved, Running, TrainForward, TrainSaved, Wanted, backward_eval, backward_train,
    forward_eval, forward_train,
};
use crate::ops::activation::Activation;
use crate::ops::{binary, unary};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const EPSILON: f64 = 1e-5;

/// All gradients where there is no residual.
const PLAIN: Wanted = Wanted { input: true, affine: true, residual: false };

/// All gradients where there is one.
const RESIDUAL: Wanted = Wanted { input: true, affine: true, residual: true };

/// Input, residual, gradient and the values of the channels.
struct Inputs {
    x: Tensor,
    residual: Tensor,
    grad: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
}

impl Inputs {
    fn new(shape: &[usize], seed: u64) -> Self {
        let channels = [*shape.last().unwrap()];
        let random = |shape: &[usize], number| normal(shape, seed.wrapping_add(number), DType::F32).unwrap();
        let mut x = random(shape, 0);
        // Each channel with a mean of its own.
        for (index, x) in x.as_mut_slice::<f32>().unwrap().iter_mut().enumerate() {
            *x += (index % channels[0]) as f32 % 5.0;
        }
        let mut variance = random(&channels, 6);
        variance.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|v| *v = v.abs() + 0.3);
        Self {
            x,
            residual: random(shape, 1),
            grad: random(shape, 2),
            weight: random(&channels, 3),
            bias: random(&channels, 4),
            mean: random(&channels, 5),
            variance,
        }
    }

    fn wide(&self) -> Self {
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        Self {
            x: wide(&self.x),
            residual: wide(&self.residual),
            grad: wide(&self.grad),
            weight: wide(&self.weight),
            bias: wide(&self.bias),
            mean: wide(&self.mean),
            variance: wide(&self.variance),
        }
    }

    fn affine(&self) -> Affine<'_> {
        Affine { weight: &self.weight, bias: &self.bias, epsilon: EPSILON }
    }

    fn running(&self) -> Running<'_> {
        Running { mean: &self.mean, variance: &self.variance }
    }

    fn residual(&self, wanted: Wanted) -> Option<&Tensor> {
        wanted.residual.then_some(&self.residual)
    }

    /// Forward and backward with the statistics of the batch; the output of `mask` decides what the rectifier passes.
    fn train(&self, wanted: Wanted, act: Activation, mask: Option<&Tensor>) -> (TrainForward, Backward) {
        let forward = self.forward_train(wanted, act);
        let back = self.backward_train(&forward, wanted, act, mask);
        (forward, back)
    }

    fn forward_train(&self, wanted: Wanted, act: Activation) -> TrainForward {
        forward_train(&self.x, self.affine(), self.residual(wanted), act).unwrap()
    }

    fn backward_train(
        &self,
        forward: &TrainForward,
        wanted: Wanted,
        act: Activation,
        mask: Option<&Tensor>,
    ) -> Backward {
        let saved = TrainSaved {
            x: &self.x,
            output: mask.unwrap_or(&forward.output),
            weight: &self.weight,
            mean: &forward.mean,
            inverse_deviation: &forward.inverse_deviation,
        };
        backward_train(saved, act, wanted, self.grad.clone()).unwrap()
    }

    /// Forward and backward with given statistics.
    fn eval(&self, wanted: Wanted, act: Activation, mask: Option<&Tensor>) -> (Tensor, Backward) {
        let output = self.forward_eval(wanted, act);
        let back = self.backward_eval(mask.unwrap_or(&output), wanted, act);
        (output, back)
    }

    fn forward_eval(&self, wanted: Wanted, act: Activation) -> Tensor {
        forward_eval(self.x.clone(), self.running(), self.affine(), self.residual(wanted), act).unwrap()
    }

    fn backward_eval(&self, output: &Tensor, wanted: Wanted, act: Activation) -> Backward {
        let saved = EvalSaved { x: &self.x, output, running: self.running(), affine: self.affine() };
        backward_eval(saved, act, wanted, self.grad.clone()).unwrap()
    }
}

fn f32s(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

#[test]
fn two_channels_by_hand() {
    // Channel 0 holds 1 and 3 (mean 2, biased variance 1), channel 1 holds 4 and -4 (mean 0, variance 16).
    let x = f32s(&[2, 2], &[1.0, 4.0, 3.0, -4.0]);
    let (weight, bias) = (f32s(&[2], &[2.0, 1.0]), f32s(&[2], &[0.5, 0.0]));
    let affine = Affine { weight: &weight, bias: &bias, epsilon: 0.0 };
    let residual = f32s(&[2, 2], &[1.0, 1.0, -9.0, 3.0]);
    on_each_level(|_| {
        let forward = forward_train(&x, affine, None, Activation::Identity).unwrap();
        assert_eq!(forward.output.to_vec::<f32>().unwrap(), [-1.5, 1.0, 2.5, -1.0]);
        assert_eq!(forward.mean.to_vec::<f32>().unwrap(), [2.0, 0.0]);
        assert_eq!(forward.inverse_deviation.to_vec::<f32>().unwrap(), [1.0, 0.25]);
        assert_eq!(forward.unbiased_variance.to_vec::<f32>().unwrap(), [2.0, 32.0]);
        let forward = forward_train(&x, affine, Some(&residual), Activation::Relu).unwrap();
        assert_eq!(forward.output.to_vec::<f32>().unwrap(), [0.0, 2.0, 0.0, 2.0]);
        let running = Running { mean: &f32s(&[2], &[1.0, 0.0]), variance: &f32s(&[2], &[4.0, 1.0]) };
        let eval = forward_eval(x.clone(), running, affine, None, Activation::Identity).unwrap();
        assert_eq!(eval.to_vec::<f32>().unwrap(), [0.5, 4.0, 2.5, -4.0]);
    });
}

#[test]
fn the_fused_form_is_the_three_operations_one_after_the_other() {
    let inputs = Inputs::new(&[20, 9], 3);
    on_each_level(|_| {
        let plain = inputs.train(PLAIN, Activation::Identity, None).0.output;
        let apart = unary::relu(binary::add(plain, &inputs.residual).unwrap()).unwrap();
        let (fused, back) = inputs.train(RESIDUAL, Activation::Relu, None);
        assert!(same_bits(&fused.output, &apart));
        let before = unary::relu_backward(&apart, inputs.grad.clone()).unwrap();
        assert!(same_bits(&back.residual.unwrap(), &before));
    });
}

#[test]
fn a_mean_far_from_zero_costs_the_variance_nothing() {
    let mut x = normal(&[5000, 3], 1, DType::F32).unwrap();
    for x in x.as_mut_slice::<f32>().unwrap() {
        *x = 4096.0 + (*x * 64.0).round() / 64.0;
    }
    let ones = Tensor::full(&[3], 1.0, DType::F32).unwrap();
    let affine = Affine { weight: &ones, bias: &ones, epsilon: 0.0 };
    let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
    let wide_affine = Affine { weight: &wide(&ones), bias: &wide(&ones), epsilon: 0.0 };
    let expected = forward_train(&wide(&x), wide_affine, None, Activation::Identity).unwrap();
    on_each_level(|_| {
        let forward = forward_train(&x, affine, None, Activation::Identity).unwrap();
        let scale = &expected.unbiased_variance;
        assert_close("variance", &forward.unbiased_variance, scale, scale, 1e-6);
        let scale = Tensor::full(x.shape(), 1.0, DType::F64).unwrap();
        assert_close("output", &forward.output, &expected.output, &scale, 1e-5);
    });
}

#[test]
fn nan_stays_in_its_channel() {
    let mut x = normal(&[40, 3], 1, DType::F32).unwrap();
    x.as_mut_slice::<f32>().unwrap()[4] = f32::NAN;
    let inputs = Inputs { x, ..Inputs::new(&[40, 3], 1) };
    on_each_level(|_| {
        let (forward, back) = inputs.train(PLAIN, Activation::Relu, None);
        for values in [forward.output, back.input.unwrap()] {
            for (index, value) in values.to_f64_vec().unwrap().into_iter().enumerate() {
                assert_eq!(value.is_nan(), index % 3 == 1, "{index}");
            }
        }
    });
}

#[test]
fn shapes_and_counts_that_do_not_fit_are_errors() {
    let inputs = Inputs::new(&[2, 3], 1);
    let (affine, act) = (inputs.affine(), Activation::Identity);
    let single = forward_train(&inputs.x.narrow(0..1).unwrap(), affine, None, act).unwrap_err();
    assert!(single.to_string().contains("[1, 3] has one value per channel"), "{single}");
    assert!(matches!(forward_train(&inputs.bias, affine, None, act), Err(Error::Shape { .. })));
    let wide = f32s(&[2, 4], &[0.0; 8]);
    let error = forward_train(&wide, affine, None, act).unwrap_err().to_string();
    assert!(error.contains("[2, 4] has 4 channels") && error.contains("weight [3]"), "{error}");
    assert!(matches!(forward_train(&inputs.x, affine, Some(&wide), act), Err(Error::Shape { .. })));
    let double = inputs.x.to_dtype(DType::F64).unwrap();
    assert!(matches!(forward_train(&double, affine, None, act), Err(Error::DType { .. })));
    let bad = Affine { epsilon: f64::NAN, ..affine };
    assert!(matches!(forward_train(&inputs.x, bad, None, act), Err(Error::Argument { name: "epsilon", .. })));
    let running = Running { mean: &inputs.x, variance: &inputs.variance };
    assert!(matches!(forward_eval(inputs.x.clone(), running, affine, None, act), Err(Error::Shape { .. })));
}

#[test]
fn the_gradient_of_training_takes_no_single_value_per_channel_as_training_does() {
    let (x, channel) = (f32s(&[1, 3], &[1.0; 3]), f32s(&[3], &[1.0; 3]));
    for dtype in [DType::F32, DType::F64] {
        let (x, channel) = (x.to_dtype(dtype).unwrap(), channel.to_dtype(dtype).unwrap());
        let (mean, inverse_deviation) = (&channel, &channel);
        let saved = TrainSaved { x: &x, output: &x, weight: &channel, mean, inverse_deviation };
        let error = backward_train(saved, Activation::Relu, PLAIN, x.clone()).unwrap_err();
        assert!(error.to_string().contains("[1, 3] has one value per channel"), "{error}");
    }
}

#[test]
fn empty_batches_and_images_work() {
    for shape in [&[0, 3][..], &[2, 0, 3], &[0, 4, 4, 3]] {
        let inputs = Inputs::new(shape, 1);
        for inputs in [inputs.wide(), inputs] {
            for wanted in [PLAIN, RESIDUAL] {
                let (forward, back) = inputs.train(wanted, Activation::Relu, None);
                let (output, eval_back) = inputs.eval(wanted, Activation::Relu, None);
                assert_eq!((forward.output.shape(), output.shape()), (shape, shape));
                for statistics in [forward.mean, forward.inverse_deviation, forward.unbiased_variance] {
                    let values = statistics.to_f64_vec().unwrap();
                    assert!(values.len() == 3 && values.iter().all(|value| value.is_nan()), "{values:?}");
                }
                for back in [back, eval_back] {
                    assert_eq!(back.input.unwrap().shape(), shape);
                    assert_eq!(back.residual.is_some(), wanted.residual);
                    assert!(back.residual.is_none_or(|residual| residual.shape() == shape));
                    for gradient in [back.weight, back.bias] {
                        assert_eq!(gradient.unwrap().to_f64_vec().unwrap(), [0.0; 3]);
                    }
                }
            }
        }
    }
}

#[test]
fn one_image_of_one_pixel_without_channels_has_no_values() {
    let (x, none) = (f32s(&[1, 0], &[]), f32s(&[0], &[]));
    let affine = Affine { weight: &none, bias: &none, epsilon: EPSILON };
    assert_eq!(forward_train(&x, affine, None, Activation::Relu).unwrap().output.shape(), [1, 0]);
}

#[test]
fn no_channels_are_normalised_to_nothing() {
    for shape in [&[2, 0][..], &[3, 4, 4, 0]] {
        let inputs = Inputs::new(shape, 1);
        for inputs in [inputs.wide(), inputs] {
            on_each_level(|_| {
                for wanted in [PLAIN, RESIDUAL] {
                    let (forward, back) = inputs.train(wanted, Activation::Relu, None);
                    let (output, eval_back) = inputs.eval(wanted, Activation::Relu, None);
                    let values = [forward.output, output, back.input.unwrap(), eval_back.input.unwrap()];
                    assert!(values.iter().chain(&back.residual).all(|x| x.shape() == shape));
                    let statistics = [forward.mean, forward.inverse_deviation, forward.unbiased_variance];
                    let gradients = [back.weight, back.bias, eval_back.weight, eval_back.bias];
                    assert!(statistics.iter().chain(gradients.iter().flatten()).all(|x| x.shape() == [0]));
                }
            });
        }
    }
}

#[test]
fn evaluation_of_an_image_does_not_depend_on_its_batch_mates() {
    let inputs = Inputs::new(&[6, 5, 5, 7], 1);
    let all = inputs.eval(PLAIN, Activation::Relu, None).0;
    let one = forward_eval(
        inputs.x.narrow(3..4).unwrap(),
        inputs.running(),
        inputs.affine(),
        None,
        Activation::Relu,
    );
    assert!(same_bits(&one.unwrap(), &all.narrow(3..4).unwrap()));
}

#[test]
fn threads_change_nothing() {
    for shape in [[40, 30, 30, 6], [8, 14, 14, 130]] {
        let inputs = Inputs::new(&shape, 1);
        let all = |back: Backward| {
            [back.input, back.weight, back.bias, back.residual].into_iter().flatten().collect()
        };
        let act = Activation::Relu;
        let forward = inputs.forward_train(RESIDUAL, act);
        assert_threads_change_nothing("training", || {
            let forward = inputs.forward_train(RESIDUAL, act);
            vec![forward.output, forward.mean, forward.inverse_deviation, forward.unbiased_variance]
        });
        assert_threads_change_nothing("gradient in training", || {
            all(inputs.backward_train(&forward, RESIDUAL, act, None))
        });
        let output = inputs.forward_eval(PLAIN, act);
        assert_threads_change_nothing("evaluation", || vec![inputs.forward_eval(PLAIN, act)]);
        assert_threads_change_nothing("gradient in evaluation", || {
            all(inputs.backward_eval(&output, PLAIN, act))
        });
    }
}

/// Scales of the errors: sums of the absolute values of what each result is made of.
struct Scales {
    output: Tensor,
    channel: Tensor,
}

impl Scales {
    fn new(shape: &[usize], output: f64) -> Self {
        let channels = [*shape.last().unwrap()];
        let rows = shape.iter().product::<usize>() / channels[0].max(1);
        Self {
            output: Tensor::full(shape, output, DType::F64).unwrap(),
            channel: Tensor::full(&channels, 10.0 * rows as f64, DType::F64).unwrap(),
        }
    }

    fn check(&self, what: &str, got: &Backward, expected: &Backward) {
        let parts = [
            ("input", &got.input, &expected.input, &self.output),
            ("weight", &got.weight, &expected.weight, &self.channel),
            ("bias", &got.bias, &expected.bias, &self.channel),
        ];
        for (name, got, expected, scale) in parts {
            assert_eq!(got.is_some(), expected.is_some(), "{what} grad_{name}");
            if let (Some(got), Some(expected)) = (got, expected) {
                assert_close(&format!("{what} grad_{name}"), got, expected, scale, 1e-5);
            }
        }
        assert_eq!(got.residual.is_some(), expected.residual.is_some());
        if let (Some(got), Some(expected)) = (&got.residual, &expected.residual) {
            assert!(same_bits(got, &expected.to_dtype(DType::F32).unwrap()), "{what} grad_residual");
        }
    }
}

/// Each gradient as it is among all of them.
#[test]
fn a_gradient_does_not_depend_on_which_others_are_wanted() {
    let inputs = Inputs::new(&[300, 19], 5);
    for inputs in [inputs.wide(), inputs] {
        on_each_level(|level| {
            for act in [Activation::Identity, Activation::Relu] {
                let (forward, all) = inputs.train(RESIDUAL, act, None);
                let (output, eval_all) = inputs.eval(RESIDUAL, act, None);
                for number in 0..8 {
                    let wanted =
                        Wanted { input: number & 1 > 0, affine: number & 2 > 0, residual: number & 4 > 0 };
                    // The gradient of a sole holder may be written over, a shared one may not.
                    for shared in [false, true] {
                        let values = inputs.grad.to_le_bytes().unwrap().to_vec();
                        let grad =
                            || Tensor::from_le_bytes(&[300, 19], inputs.grad.dtype(), &values).unwrap();
                        let (first, second) = (grad(), grad());
                        let holders: Vec<Tensor> =
                            if shared { vec![first.clone(), second.clone()] } else { vec![] };
                        let saved = TrainSaved {
                            x: &inputs.x,
                            output: &forward.output,
                            weight: &inputs.weight,
                            mean: &forward.mean,
                            inverse_deviation: &forward.inverse_deviation,
                        };
                        let train = backward_train(saved, act, wanted, first).unwrap();
                        let saved = EvalSaved {
                            x: &inputs.x,
                            output: &output,
                            running: inputs.running(),
                            affine: inputs.affine(),
                        };
                        let eval = backward_eval(saved, act, wanted, second).unwrap();
                        assert!(holders.iter().all(|holder| same_bits(holder, &inputs.grad)));
                        for (some, all) in [(train, &all), (eval, &eval_all)] {
                            let parts = [
                                (some.input, &all.input, wanted.input),
                                (some.weight, &all.weight, wanted.affine),
                                (some.bias, &all.bias, wanted.affine),
                                (some.residual, &all.residual, wanted.residual),
                            ];
                            for (index, (some, all, wanted)) in parts.into_iter().enumerate() {
                                let what = format!("gradient {index} of {wanted:?} {act:?} on {level}");
                                assert_eq!(some.is_some(), wanted, "{what}");
                                assert!(
                                    some.is_none_or(|some| same_bits(&some, all.as_ref().unwrap())),
                                    "{what}"
                                );
                            }
                        }
                    }
                }
            }
        });
    }
}

/// Sums of squares are measured from what came before, which may be far away.
#[test]
fn a_jump_of_the_mean_inside_a_piece_costs_the_variance_nothing() {
    let mut x = normal(&[40_000, 2], 3, DType::F32).unwrap();
    let wide_ones = Tensor::full(&[2], 1.0, DType::F64).unwrap();
    let ones = Tensor::full(&[2], 1.0, DType::F32).unwrap();
    for jump in [70, 300, 8500, 39_999] {
        for (index, x) in x.as_mut_slice::<f32>().unwrap().iter_mut().enumerate() {
            *x = (index % 97) as f32 / 97.0 + if index / 2 < jump { 1000.0 } else { 0.0 };
        }
        let affine = |ones| Affine { weight: ones, bias: ones, epsilon: 0.0 };
        let act = Activation::Identity;
        let wide_x = x.to_dtype(DType::F64).unwrap();
        let expected = forward_train(&wide_x, affine(&wide_ones), None, act).unwrap().unbiased_variance;
        on_each_level(|level| {
            let got = forward_train(&x, affine(&ones), None, act).unwrap().unbiased_variance;
            assert_close(&format!("jump at {jump} on {level}"), &got, &expected, &expected, 1e-5);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Narrow, ragged and wide channels, more rows than a block, with and without residual and rectifier.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        rows in prop_oneof![8usize..60, Just(1500)],
        channels in prop_oneof![1usize..20, Just(64), Just(261)],
        seed in any::<u64>(),
    ) {
        let inputs = Inputs::new(&[rows, channels], seed);
        let wide = inputs.wide();
        for wanted in [PLAIN, RESIDUAL] {
            for act in [Activation::Identity, Activation::Relu] {
                // Gradients are compared behind one mask: where rounding moves an output over zero they differ.
                let (expected, _) = wide.train(wanted, act, None);
                let mask = expected.output.to_dtype(DType::F32).unwrap();
                let wide_mask = mask.to_dtype(DType::F64).unwrap();
                let (_, expected_back) = wide.train(wanted, act, Some(&wide_mask));
                let (eval, _) = wide.eval(wanted, act, None);
                let (_, eval_back) = wide.eval(wanted, act, Some(&wide_mask));
                on_each_level(|level| {
                    let what = format!("{wanted:?} {act:?} on {level}");
                    poison(&[rows, channels], DType::F32).unwrap();
                    poison(&[channels], DType::F32).unwrap();
                    let (forward, back) = inputs.train(wanted, act, Some(&mask));
                    let scales = Scales::new(&[rows, channels], 20.0);
                    assert_close(&what, &forward.output, &expected.output, &scales.output, 1e-5);
                    assert_close(&what, &forward.mean, &expected.mean, &scales.channel, 1e-6);
                    let variance = &expected.unbiased_variance;
                    assert_close(&what, &forward.unbiased_variance, variance, variance, 1e-5);
                    let inverse = &expected.inverse_deviation;
                    assert_close(&what, &forward.inverse_deviation, inverse, inverse, 1e-5);
                    scales.check(&what, &back, &expected_back);
                    poison(&[rows, channels], DType::F32).unwrap();
                    let (output, back) = inputs.eval(wanted, act, Some(&mask));
                    assert_close(&what, &output, &eval, &scales.output, 1e-5);
                    scales.check(&what, &back, &eval_back);
                    // A sole holder is normalised in place, to the same bits.
                    let own = Tensor::from_slice(&[rows, channels], inputs.x.as_slice::<f32>().unwrap()).unwrap();
                    let place = own.as_slice::<f32>().unwrap().as_ptr();
                    let residual = inputs.residual(wanted);
                    let again = forward_eval(own, inputs.running(), inputs.affine(), residual, act).unwrap();
                    assert_eq!(again.as_slice::<f32>().unwrap().as_ptr(), place);
                    assert!(same_bits(&again, &output));
                });
            }
        }
    }
}
