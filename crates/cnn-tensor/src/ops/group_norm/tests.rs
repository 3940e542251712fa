//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Affine, Backward, Forward, Saved, Wanted, averages, backward, forward};
use crate::ops::{batch_norm, layer_norm};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const EPSILON: f64 = 1e-5;

const ALL: Wanted = Wanted { input: true, affine: true };

/// Input, gradient, scale and shift.
struct Inputs {
    x: Tensor,
    grad: Tensor,
    weight: Option<Tensor>,
    bias: Option<Tensor>,
    groups: usize,
}

impl Inputs {
    /// Each channel with a mean of its own.
    fn new(shape: &[usize], groups: usize, seed: u64) -> Self {
        let channels = *shape.last().unwrap();
        let random = |shape: &[usize], number| normal(shape, seed.wrapping_add(number), DType::F32).unwrap();
        let mut x = random(shape, 0);
        for (index, x) in x.as_mut_slice::<f32>().unwrap().iter_mut().enumerate() {
            *x += (index % channels) as f32 % 5.0;
        }
        let [weight, bias] = [2, 3].map(|number| Some(random(&[channels], number)));
        Self { x, grad: random(shape, 1), weight, bias, groups }
    }

    fn wide(&self) -> Self {
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        Self {
            x: wide(&self.x),
            grad: wide(&self.grad),
            weight: self.weight.as_ref().map(wide),
            bias: self.bias.as_ref().map(wide),
            groups: self.groups,
        }
    }

    fn affine(&self) -> Affine<'_> {
        Affine { weight: self.weight.as_ref(), bias: self.bias.as_ref(), epsilon: EPSILON }
    }

    fn forward(&self) -> Forward {
        forward(&self.x, self.groups, self.affine()).unwrap()
    }

    fn backward(&self, forward: &Forward, wanted: Wanted, grad: Tensor) -> Backward {
        let Forward { mean, inverse_deviation, .. } = forward;
        let saved = Saved { x: &self.x, weight: self.weight.as_ref(), mean, inverse_deviation };
        backward(saved, wanted, grad).unwrap()
    }

    /// Sums of the absolute values of what each element is made of; a normalised value counts with a deviation of one.
    fn scales(&self, forward: &Forward) -> [Tensor; 4] {
        let channels = *self.x.shape().last().unwrap();
        let values = |x: &Tensor| x.to_f64_vec().unwrap();
        let (x, grad) = (values(&self.x), values(&self.grad));
        let (mean, inverse) = (values(&forward.mean), values(&forward.inverse_deviation));
        let at = |x: &Option<Tensor>, otherwise: f64| x.as_ref().map_or(vec![otherwise; channels], values);
        let (weight, bias) = (at(&self.weight, 1.0), at(&self.bias, 0.0));
        let image = x.len() / self.x.shape()[0].max(1);
        let group = |at: usize| at / image * self.groups + at % channels / (channels / self.groups);
        let normalised = |at: usize| 1.0 + ((x[at] - mean[group(at)]) * inverse[group(at)]).abs();
        let through = |at: usize| (grad[at] * weight[at % channels]).abs();
        let count = (image / self.groups) as f64;
        let [mut sums, mut dots] = [(); 2].map(|()| vec![0.0; mean.len()]);
        let [mut of_weight, mut of_bias] = [(); 2].map(|()| vec![0.0; channels]);
        for at in 0..x.len() {
            sums[group(at)] += through(at) / count;
            dots[group(at)] += through(at) * normalised(at) / count;
            of_weight[at % channels] += grad[at].abs() * normalised(at);
            of_bias[at % channels] += grad[at].abs();
        }
        let output =
            (0..x.len()).map(|at| normalised(at) * weight[at % channels].abs() + bias[at % channels].abs());
        let input = (0..x.len()).map(|at| {
            inverse[group(at)] * (through(at) + sums[group(at)] + normalised(at) * dots[group(at)])
        });
        let shape = self.x.shape();
        [
            (shape, output.collect()),
            (shape, input.collect()),
            (&[channels], of_weight),
            (&[channels], of_bias),
        ]
        .map(|(shape, values): (&[usize], Vec<f64>)| Tensor::from_slice(shape, &values).unwrap())
    }
}

/// The `f32` path against the `f64` one on each instruction set.
fn compare(inputs: &Inputs) {
    let wide = inputs.wide();
    let expected = wide.forward();
    let expected_back = wide.backward(&expected, ALL, wide.grad.clone());
    let [output, input, weight, bias] = wide.scales(&expected);
    on_each_level(|level| {
        let what = format!("{:?} in {} groups on {level}", inputs.x.shape(), inputs.groups);
        poison(inputs.x.shape(), DType::F32).unwrap();
        let forward = inputs.forward();
        assert_close(&what, &forward.output, &expected.output, &output, 1e-5);
        let inverse = &expected.inverse_deviation;
        assert_close(&what, &forward.inverse_deviation, inverse, inverse, 1e-5);
        let back = inputs.backward(&forward, ALL, inputs.grad.clone());
        let parts = [
            ("input", &back.input, &expected_back.input, &input),
            ("weight", &back.weight, &expected_back.weight, &weight),
            ("bias", &back.bias, &expected_back.bias, &bias),
        ];
        for (name, got, expected, scale) in parts {
            let (got, expected) = (got.as_ref().unwrap(), expected.as_ref().unwrap());
            assert_close(&format!("{what} grad_{name}"), got, expected, scale, 1e-5);
        }
        // Nobody else holds it: the gradient is written over, with the same bits.
        let own = Tensor::from_slice(inputs.grad.shape(), inputs.grad.as_slice::<f32>().unwrap()).unwrap();
        let place = own.as_slice::<f32>().unwrap().as_ptr();
        let again = inputs.backward(&forward, Wanted { affine: false, ..ALL }, own).input.unwrap();
        assert_eq!(again.as_slice::<f32>().unwrap().as_ptr(), place);
        assert!(same_bits(&again, &back.input.unwrap()), "{what}");
        // And each is what it is among all.
        let alone = inputs.backward(&forward, Wanted { input: false, ..ALL }, inputs.grad.clone());
        assert!(alone.input.is_none() && same_bits(&alone.weight.unwrap(), &back.weight.unwrap()));
    });
}

#[test]
fn a_small_case_by_hand() {
    // Two pixels of four channels in two groups: of 1, 3, 5, 7 the mean is 4 and the variance 5.
    let x = Tensor::from_slice(&[1, 2, 4], &[1.0f64, 3.0, 2.0, 2.0, 5.0, 7.0, 4.0, 4.0]).unwrap();
    let affine = Affine { weight: None, bias: None, epsilon: 0.0 };
    for dtype in [DType::F32, DType::F64] {
        let x = x.to_dtype(dtype).unwrap();
        on_each_level(|_| {
            let forward = forward(&x, 2, affine).unwrap();
            assert_eq!(forward.mean.to_vec::<f64>().unwrap(), [4.0, 3.0]);
            let root = 5f64.sqrt();
            assert_eq!(forward.inverse_deviation.to_vec::<f64>().unwrap(), [1.0 / root, 1.0]);
            let expected = [-3.0 / root, -1.0 / root, -1.0, -1.0, 1.0 / root, 3.0 / root, 1.0, 1.0];
            let expected = Tensor::from_slice(&[1, 2, 4], &expected).unwrap();
            assert_close("output", &forward.output, &expected, &expected_scale(&expected), 1e-6);
        });
    }
}

fn expected_scale(x: &Tensor) -> Tensor {
    Tensor::full(x.shape(), 1.0, DType::F64).unwrap()
}

#[test]
fn one_group_is_a_layer_norm_of_the_image_and_one_image_of_single_channels_a_batch_norm() {
    let inputs = Inputs { weight: None, bias: None, ..Inputs::new(&[3, 5, 7, 6], 1, 1) }.wide();
    let affine = inputs.affine();
    let expected = layer_norm::forward(&inputs.x, &[5, 7, 6], affine).unwrap();
    let scale = expected_scale(&inputs.x);
    assert_close("one group", &inputs.forward().output, &expected.output, &scale, 1e-12);

    let inputs = Inputs::new(&[1, 5, 7, 6], 6, 1).wide();
    let affine = inputs.affine();
    let (weight, bias) = (affine.weight.unwrap(), affine.bias.unwrap());
    let affine = batch_norm::Affine { weight, bias, epsilon: EPSILON };
    let expected = batch_norm::forward_train(&inputs.x, affine, None, Default::default()).unwrap();
    let scale = expected_scale(&inputs.x);
    assert_close("single channels", &inputs.forward().output, &expected.output, &scale, 1e-12);
}

#[test]
fn a_mean_far_from_zero_costs_neither_output_nor_gradient_anything() {
    for (shape, groups) in [(&[2, 40, 40, 6][..], 2), (&[1, 3000, 3], 3), (&[3, 9, 64], 8)] {
        let mut inputs = Inputs::new(shape, groups, 4);
        for x in inputs.x.as_mut_slice::<f32>().unwrap() {
            *x = 4096.0 + (*x * 64.0).round() / 64.0;
        }
        compare(&inputs);
    }
}

#[test]
fn nan_stays_in_its_group_and_image() {
    let mut inputs = Inputs::new(&[3, 5, 6], 3, 1);
    inputs.x.as_mut_slice::<f32>().unwrap()[30 + 2] = f32::NAN;
    for inputs in [inputs.wide(), inputs] {
        on_each_level(|_| {
            let forward = inputs.forward();
            let back = inputs.backward(&forward, ALL, inputs.grad.clone());
            for values in [forward.output, back.input.unwrap()] {
                for (index, value) in values.to_f64_vec().unwrap().into_iter().enumerate() {
                    assert_eq!(value.is_nan(), index / 30 == 1 && index % 6 / 2 == 1, "{index}");
                }
            }
        });
    }
}

#[test]
fn an_image_does_not_depend_on_its_batch_mates() {
    for shape in [[6, 9, 9, 12], [4, 70, 70, 8]] {
        let inputs = Inputs::new(&shape, 4, 1);
        let all = inputs.forward().output;
        let one = Inputs { x: inputs.x.narrow(2..3).unwrap(), ..inputs };
        assert!(same_bits(&one.forward().output, &all.narrow(2..3).unwrap()));
    }
}

#[test]
fn groups_of_one_number_are_the_shift() {
    let inputs = Inputs::new(&[2, 5], 5, 1);
    for inputs in [inputs.wide(), inputs] {
        let forward = inputs.forward();
        let bias = inputs.bias.as_ref().unwrap().to_f64_vec().unwrap();
        assert_eq!(forward.output.to_f64_vec().unwrap(), [bias.clone(), bias].concat());
        let back = inputs.backward(&forward, ALL, inputs.grad.clone());
        assert!(back.weight.unwrap().to_f64_vec().unwrap().iter().all(|&value| value == 0.0));
        let scale = Tensor::full(&[2, 5], 1.0 / EPSILON, DType::F64).unwrap();
        let zeros = Tensor::zeros(&[2, 5], DType::F64).unwrap();
        assert_close("input", &back.input.unwrap(), &zeros, &scale, 1e-6);
    }
}

#[test]
fn empty_batches_and_images_work() {
    for shape in [&[0, 4][..], &[2, 0, 4], &[0, 3, 3, 4]] {
        let inputs = Inputs::new(shape, 2, 1);
        for inputs in [inputs.wide(), inputs] {
            let forward = inputs.forward();
            assert_eq!((forward.output.shape(), forward.mean.shape()), (shape, &[shape[0], 2][..]));
            let back = inputs.backward(&forward, ALL, inputs.grad.clone());
            assert_eq!(back.input.unwrap().shape(), shape);
            assert_eq!(back.weight.unwrap().to_f64_vec().unwrap(), [0.0; 4]);
        }
    }
}

#[test]
fn no_images_of_any_channels_ask_for_no_more_than_is_wanted() {
    for dtype in [DType::F32, DType::F64] {
        let x = Tensor::zeros(&[0, 1 << 40], dtype).unwrap();
        let affine = Affine { weight: None, bias: None, epsilon: EPSILON };
        let Forward { mean, inverse_deviation, .. } = forward(&x, 1, affine).unwrap();
        let saved = Saved { x: &x, weight: None, mean: &mean, inverse_deviation: &inverse_deviation };
        let input = Wanted { input: true, affine: false };
        assert_eq!(backward(saved, input, x.clone()).unwrap().input.unwrap().shape(), x.shape());
        assert!(matches!(backward(saved, ALL, x.clone()), Err(Error::OutOfMemory { .. })));
    }
    let statistics = Tensor::zeros(&[0, 1 << 40], DType::F64).unwrap();
    assert!(matches!(averages(&statistics, &statistics, EPSILON, 1), Err(Error::OutOfMemory { .. })));
}

#[test]
fn groups_and_shapes_that_do_not_fit_are_errors() {
    let inputs = Inputs::new(&[2, 3, 6], 3, 1);
    let affine = inputs.affine();
    for groups in [0, 4, 12, usize::MAX] {
        let error = forward(&inputs.x, groups, affine).unwrap_err();
        assert!(matches!(error, Error::Argument { name: "groups", .. }), "{error}");
        assert!(error.to_string().contains("for the 6 channels of [2, 3, 6]"), "{error}");
    }
    let vector = Tensor::zeros(&[6], DType::F32).unwrap();
    assert!(matches!(forward(&vector, 1, affine), Err(Error::Shape { .. })));
    let narrow = Tensor::zeros(&[2, 3], DType::F32).unwrap();
    let error = forward(&narrow, 1, affine).unwrap_err().to_string();
    assert_eq!(error, "group_norm: weight is [6], expected [3]");
    let bad = Affine { epsilon: f64::INFINITY, ..affine };
    assert!(matches!(forward(&inputs.x, 3, bad), Err(Error::Argument { name: "epsilon", .. })));
    let double = inputs.x.to_dtype(DType::F64).unwrap();
    assert!(matches!(forward(&double, 3, affine), Err(Error::DType { .. })));
    let Forward { mean, inverse_deviation, .. } = inputs.forward();
    let saved = Saved { x: &inputs.x, weight: None, mean: &mean, inverse_deviation: &inverse_deviation };
    assert!(matches!(backward(saved, ALL, double), Err(Error::DType { .. })));
    let foreign = Tensor::zeros(&[3, 3], DType::F64).unwrap();
    let saved = Saved { mean: &foreign, inverse_deviation: &foreign, ..saved };
    assert!(matches!(backward(saved, ALL, inputs.grad.clone()), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    for (shape, groups) in
        [(&[5, 33, 31, 12][..], 4), (&[1, 120, 120, 6], 6), (&[40, 30, 130], 1), (&[9000, 2, 6], 2)]
    {
        let inputs = Inputs::new(shape, groups, 1);
        let forward = inputs.forward();
        assert_threads_change_nothing("forward", || {
            let Forward { output, mean, inverse_deviation } = inputs.forward();
            vec![output, mean, inverse_deviation]
        });
        for wanted in [ALL, Wanted { input: true, affine: false }, Wanted { input: false, affine: true }] {
            assert_threads_change_nothing("backward", || {
                let back = inputs.backward(&forward, wanted, inputs.grad.clone());
                [back.input, back.weight, back.bias].into_iter().flatten().collect()
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Single pixels and images of several blocks; channels that fill vectors, and not; any number in a group.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        batch in 1usize..4,
        pixels in prop_oneof![1usize..30, Just(700)],
        width in prop_oneof![1usize..8, Just(33)],
        groups in prop_oneof![1usize..6, Just(16)],
        parts in 0usize..4,
        seed in any::<u64>(),
    ) {
        let pixels = pixels.min(40_000 / (width * groups));
        let inputs = Inputs::new(&[batch, pixels, width * groups], groups, seed);
        let Inputs { weight, bias, .. } = &inputs;
        let (weight, bias) = (weight.clone().filter(|_| parts % 2 == 1), bias.clone().filter(|_| parts > 1));
        compare(&Inputs { weight, bias, ..inputs });
    }
}
