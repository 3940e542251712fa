//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Affine, Backward, Forward, Saved, Wanted, backward, forward};
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
    normalized_shape: Vec<usize>,
}

impl Inputs {
    /// Rows over the last `axes` axes, each with a mean of its own.
    fn new(shape: &[usize], axes: usize, seed: u64) -> Self {
        let normalized_shape = shape[shape.len() - axes..].to_vec();
        let random = |shape: &[usize], number| normal(shape, seed.wrapping_add(number), DType::F32).unwrap();
        let mut x = random(shape, 0);
        let row: usize = normalized_shape.iter().product();
        for (index, x) in x.as_mut_slice::<f32>().unwrap().iter_mut().enumerate() {
            *x += (index / row.max(1)) as f32 % 7.0;
        }
        let [weight, bias] = [2, 3].map(|number| Some(random(&normalized_shape, number)));
        Self { x, grad: random(shape, 1), weight, bias, normalized_shape }
    }

    fn wide(&self) -> Self {
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        Self {
            x: wide(&self.x),
            grad: wide(&self.grad),
            weight: self.weight.as_ref().map(wide),
            bias: self.bias.as_ref().map(wide),
            normalized_shape: self.normalized_shape.clone(),
        }
    }

    fn affine(&self) -> Affine<'_> {
        Affine { weight: self.weight.as_ref(), bias: self.bias.as_ref(), epsilon: EPSILON }
    }

    fn forward(&self) -> Forward {
        forward(&self.x, &self.normalized_shape, self.affine()).unwrap()
    }

    fn backward(&self, forward: &Forward, wanted: Wanted, grad: Tensor) -> Backward {
        let Forward { mean, inverse_deviation, .. } = forward;
        let saved = Saved { x: &self.x, weight: self.weight.as_ref(), mean, inverse_deviation };
        backward(saved, wanted, grad).unwrap()
    }

    /// Sums of the absolute values of what each element of output, input gradient and weight gradient is made of; a
    /// normalised value counts with a deviation of one, which is what its own mean and variance are measured in.
    fn scales(&self, forward: &Forward) -> [Tensor; 4] {
        let row: usize = self.normalized_shape.iter().product();
        let values = |x: &Tensor| x.to_f64_vec().unwrap();
        let (x, grad) = (values(&self.x), values(&self.grad));
        let (mean, inverse) = (values(&forward.mean), values(&forward.inverse_deviation));
        let at = |x: &Option<Tensor>, otherwise: f64| x.as_ref().map_or(vec![otherwise; row], values);
        let (weight, bias) = (at(&self.weight, 1.0), at(&self.bias, 0.0));
        let [mut output, mut input] = [(); 2].map(|()| vec![0.0; x.len()]);
        let [mut of_weight, mut of_bias] = [(); 2].map(|()| vec![0.0; row]);
        for r in 0..mean.len() {
            let normalised = |c: usize| 1.0 + ((x[r * row + c] - mean[r]) * inverse[r]).abs();
            let through = |c: usize| (grad[r * row + c] * weight[c]).abs();
            let sum: f64 = (0..row).map(through).sum::<f64>() / row as f64;
            let dot: f64 = (0..row).map(|c| through(c) * normalised(c)).sum::<f64>() / row as f64;
            for c in 0..row {
                output[r * row + c] = normalised(c) * weight[c].abs() + bias[c].abs();
                input[r * row + c] = inverse[r] * (through(c) + sum + normalised(c) * dot);
                of_weight[c] += grad[r * row + c].abs() * normalised(c);
                of_bias[c] += grad[r * row + c].abs();
            }
        }
        let normalized = &self.normalized_shape[..];
        [(self.x.shape(), output), (self.x.shape(), input), (normalized, of_weight), (normalized, of_bias)]
            .map(|(shape, values)| Tensor::from_slice(shape, &values).unwrap())
    }
}

/// Asserts that both agree within the tolerance, and are there or not both.
fn assert_agree(what: &str, got: &Backward, expected: &Backward, [input, weight, bias]: [&Tensor; 3]) {
    let parts = [
        ("input", &got.input, &expected.input, input),
        ("weight", &got.weight, &expected.weight, weight),
        ("bias", &got.bias, &expected.bias, bias),
    ];
    for (name, got, expected, scale) in parts {
        assert_eq!(got.is_some(), expected.is_some(), "{what} grad_{name}");
        if let (Some(got), Some(expected)) = (got, expected) {
            assert_close(&format!("{what} grad_{name}"), got, expected, scale, 1e-5);
        }
    }
}

/// The `f32` path against the `f64` one on each instruction set.
fn compare(inputs: &Inputs) {
    let wide = inputs.wide();
    let expected = wide.forward();
    let expected_back = wide.backward(&expected, ALL, wide.grad.clone());
    let [output, input, weight, bias] = wide.scales(&expected);
    on_each_level(|level| {
        let what = format!("{:?} over {:?} on {level}", inputs.x.shape(), inputs.normalized_shape);
        poison(inputs.x.shape(), DType::F32).unwrap();
        let forward = inputs.forward();
        assert_close(&what, &forward.output, &expected.output, &output, 1e-5);
        let inverse = &expected.inverse_deviation;
        assert_close(&what, &forward.inverse_deviation, inverse, inverse, 1e-5);
        let back = inputs.backward(&forward, ALL, inputs.grad.clone());
        assert_agree(&what, &back, &expected_back, [&input, &weight, &bias]);
        // Nobody else holds it: the gradient is written over, with the same bits.
        let own = Tensor::from_slice(inputs.grad.shape(), inputs.grad.as_slice::<f32>().unwrap()).unwrap();
        let place = own.as_slice::<f32>().unwrap().as_ptr();
        let again = inputs.backward(&forward, Wanted { affine: false, ..ALL }, own).input.unwrap();
        assert_eq!(again.as_slice::<f32>().unwrap().as_ptr(), place);
        assert!(same_bits(&again, &back.input.unwrap()), "{what}");
    });
}

#[test]
fn a_small_case_by_hand() {
    // torch.nn.functional.layer_norm([[1, 3], [6, 2]], [2], [2, 3], [10, 20], 0) and its gradient from [[1, 2], [0, 1]]:
    // rows of two are normalised to -1 and 1 whatever they are, so no gradient reaches them.
    let f32s = |shape: &[usize], values: &[f32]| Tensor::from_slice(shape, values).unwrap();
    let x = f32s(&[2, 2], &[1.0, 3.0, 6.0, 2.0]);
    let (weight, bias) = (f32s(&[2], &[2.0, 3.0]), f32s(&[2], &[10.0, 20.0]));
    for dtype in [DType::F32, DType::F64] {
        let [x, weight, bias] = [&x, &weight, &bias].map(|x| x.to_dtype(dtype).unwrap());
        let affine = Affine { weight: Some(&weight), bias: Some(&bias), epsilon: 0.0 };
        on_each_level(|_| {
            let forward = forward(&x, &[2], affine).unwrap();
            assert_eq!(forward.output.to_f64_vec().unwrap(), [8.0, 23.0, 12.0, 17.0]);
            assert_eq!(forward.mean.to_vec::<f64>().unwrap(), [2.0, 4.0]);
            assert_eq!(forward.inverse_deviation.to_vec::<f64>().unwrap(), [1.0, 0.5]);
            let Forward { mean, inverse_deviation, .. } = &forward;
            let saved = Saved { x: &x, weight: Some(&weight), mean, inverse_deviation };
            let grad = f32s(&[2, 2], &[1.0, 2.0, 0.0, 1.0]).to_dtype(dtype).unwrap();
            let back = backward(saved, ALL, grad).unwrap();
            let values = |x: Option<Tensor>| x.unwrap().to_f64_vec().unwrap();
            assert_eq!(values(back.input), [0.0; 4]);
            assert_eq!(values(back.weight), [-1.0, 1.0]);
            assert_eq!(values(back.bias), [1.0, 3.0]);
        });
    }
}

#[test]
fn a_mean_far_from_zero_costs_neither_output_nor_gradient_anything() {
    for (row, mean) in [(70, 4096.0f32), (3000, 30_000.0), (5, -4096.0)] {
        let mut inputs = Inputs::new(&[9, row], 1, 4);
        for (index, x) in inputs.x.as_mut_slice::<f32>().unwrap().iter_mut().enumerate() {
            *x = mean + (*x * 64.0).round() / 64.0 + (index / row) as f32 / 3.0;
        }
        compare(&inputs);
    }
}

#[test]
fn a_jump_inside_a_row_costs_the_variance_nothing() {
    for jump in [1, 17, 2048, 4999] {
        let mut inputs = Inputs::new(&[2, 5000], 1, 4);
        for (index, x) in inputs.x.as_mut_slice::<f32>().unwrap().iter_mut().enumerate() {
            *x += if index % 5000 < jump { 1000.0 } else { 0.0 };
        }
        compare(&inputs);
    }
}

#[test]
fn rows_have_mean_zero_and_variance_one() {
    let inputs = Inputs { weight: None, bias: None, ..Inputs::new(&[5, 300], 1, 1) };
    let output = inputs.forward().output.to_f64_vec().unwrap();
    for row in output.chunks(300) {
        let mean = row.iter().sum::<f64>() / 300.0;
        let variance = row.iter().map(|y| y * y).sum::<f64>() / 300.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
    }
}

#[test]
fn nan_and_infinity_stay_in_their_row() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut inputs = Inputs::new(&[4, 37], 1, 1);
        inputs.x.as_mut_slice::<f32>().unwrap()[40] = bad;
        for inputs in [inputs.wide(), inputs] {
            on_each_level(|_| {
                let forward = inputs.forward();
                let back = inputs.backward(&forward, ALL, inputs.grad.clone());
                for values in [forward.output, back.input.unwrap()] {
                    for (index, value) in values.to_f64_vec().unwrap().into_iter().enumerate() {
                        assert_eq!(value.is_nan(), index / 37 == 1, "{index}");
                    }
                }
                assert!(back.weight.unwrap().to_f64_vec().unwrap().iter().all(|value| value.is_nan()));
            });
        }
    }
}

#[test]
fn a_row_of_equal_numbers_is_the_shift() {
    let mut inputs = Inputs::new(&[2, 50], 1, 1);
    inputs.x.as_mut_slice::<f32>().unwrap().fill(1.7);
    on_each_level(|_| {
        let output = inputs.forward().output.to_vec::<f32>().unwrap();
        let bias = inputs.bias.as_ref().unwrap().to_vec::<f32>().unwrap();
        assert!(output.chunks(50).all(|row| row.iter().zip(&bias).all(|(y, b)| (y - b).abs() < 1e-5)));
    });
}

#[test]
fn several_axes_are_one_row() {
    let inputs = Inputs::new(&[2, 3, 4, 5], 3, 1);
    let flat = inputs.x.clone().reshape(&[2, 60]).unwrap();
    let affine = inputs.affine();
    let reshaped = |x: &Option<Tensor>| x.clone().unwrap().reshape(&[60]).unwrap();
    let (weight, bias) = (reshaped(&inputs.weight), reshaped(&inputs.bias));
    let affine = Affine { weight: Some(&weight), bias: Some(&bias), ..affine };
    let expected = forward(&flat, &[60], affine).unwrap();
    let got = inputs.forward();
    assert_eq!(got.mean.shape(), [2]);
    assert!(same_bits(&got.output, &expected.output.reshape(&[2, 3, 4, 5]).unwrap()));
}

#[test]
fn a_gradient_does_not_depend_on_which_others_are_wanted() {
    for (rows, row) in [(1, 1), (300, 19), (150, 1030)] {
        let inputs = Inputs::new(&[rows, row], 1, 5);
        for inputs in [inputs.wide(), inputs] {
            on_each_level(|level| {
                let forward = inputs.forward();
                let all = inputs.backward(&forward, ALL, inputs.grad.clone());
                for number in 0..3 {
                    let wanted = Wanted { input: number & 1 > 0, affine: number & 2 > 0 };
                    let some = inputs.backward(&forward, wanted, inputs.grad.clone());
                    let parts = [
                        (some.input, &all.input, wanted.input),
                        (some.weight, &all.weight, wanted.affine),
                        (some.bias, &all.bias, wanted.affine),
                    ];
                    for (some, all, wanted) in parts {
                        assert_eq!(some.is_some(), wanted);
                        let same = some.is_none_or(|some| same_bits(&some, all.as_ref().unwrap()));
                        assert!(same, "{rows} x {row}, {wanted:?} on {level}");
                    }
                }
            });
        }
    }
}

#[test]
fn empty_batches_and_empty_rows_work() {
    for shape in [&[0, 3][..], &[2, 0], &[0, 0]] {
        let inputs = Inputs::new(shape, 1, 1);
        for inputs in [inputs.wide(), inputs] {
            let forward = inputs.forward();
            assert_eq!(forward.output.shape(), shape);
            assert_eq!(forward.mean.shape(), [shape[0]]);
            let back = inputs.backward(&forward, ALL, inputs.grad.clone());
            assert_eq!(back.input.unwrap().shape(), shape);
            assert_eq!(back.weight.unwrap().to_f64_vec().unwrap(), vec![0.0; shape[1]]);
        }
    }
}

#[test]
fn no_rows_of_any_length_ask_for_no_more_than_is_wanted() {
    for dtype in [DType::F32, DType::F64] {
        let x = Tensor::zeros(&[0, 1 << 40], dtype).unwrap();
        let affine = Affine { weight: None, bias: None, epsilon: EPSILON };
        let Forward { mean, inverse_deviation, .. } = forward(&x, &[1 << 40], affine).unwrap();
        let saved = Saved { x: &x, weight: None, mean: &mean, inverse_deviation: &inverse_deviation };
        let input = Wanted { input: true, affine: false };
        assert_eq!(backward(saved, input, x.clone()).unwrap().input.unwrap().shape(), x.shape());
        assert!(matches!(backward(saved, ALL, x.clone()), Err(Error::OutOfMemory { .. })));
        // Rows without numbers have no mean.
        let x = Tensor::zeros(&[3, 0], dtype).unwrap();
        poison(&[3], DType::F64).unwrap();
        let Forward { mean, inverse_deviation, .. } = forward(&x, &[0], affine).unwrap();
        assert!([mean, inverse_deviation].iter().all(|x| x.to_f64_vec().unwrap().iter().all(|x| x.is_nan())));
    }
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let inputs = Inputs::new(&[2, 3, 4], 2, 1);
    let affine = inputs.affine();
    let message = |shape: &[usize]| forward(&inputs.x, shape, affine).unwrap_err().to_string();
    assert_eq!(message(&[3]), "layer_norm: input [2, 3, 4] should end in the normalized shape [3]");
    assert_eq!(message(&[4]), "layer_norm: weight is [3, 4], expected [4]");
    assert!(message(&[]).contains("should end in the normalized shape []"));
    let bad = Affine { epsilon: -1.0, ..affine };
    assert!(matches!(forward(&inputs.x, &[3, 4], bad), Err(Error::Argument { name: "epsilon", .. })));
    let double = inputs.x.to_dtype(DType::F64).unwrap();
    assert!(matches!(forward(&double, &[3, 4], affine), Err(Error::DType { .. })));
    let whole = Tensor::zeros(&[3, 4], DType::I32).unwrap();
    let plain = Affine { weight: None, bias: None, epsilon: 0.0 };
    assert!(matches!(forward(&whole, &[4], plain), Err(Error::DType { .. })));
    let Forward { mean, inverse_deviation, .. } = inputs.forward();
    let saved = Saved { x: &inputs.x, weight: None, mean: &mean, inverse_deviation: &inverse_deviation };
    assert!(matches!(backward(saved, ALL, double), Err(Error::DType { .. })));
    let other = inputs.grad.narrow(0..1).unwrap();
    assert!(matches!(backward(saved, ALL, other), Err(Error::Shape { .. })));
    let foreign = Tensor::zeros(&[3], DType::F64).unwrap();
    let saved = Saved { mean: &foreign, inverse_deviation: &foreign, ..saved };
    assert!(matches!(backward(saved, ALL, inputs.grad.clone()), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    for (shape, axes) in [(&[700, 96][..], 1), (&[3, 40, 40, 17], 3), (&[5000, 7], 1)] {
        let inputs = Inputs::new(shape, axes, 1);
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

    /// Narrow, ragged and wide rows, more of them than a block of column sums; with and without scale and shift.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        rows in prop_oneof![1usize..20, Just(300)],
        row in prop_oneof![1usize..40, Just(64), Just(261), Just(2500)],
        parts in 0usize..4,
        seed in any::<u64>(),
    ) {
        let inputs = Inputs::new(&[rows.min(60_000 / row), row], 1, seed);
        let Inputs { weight, bias, .. } = &inputs;
        let (weight, bias) = (weight.clone().filter(|_| parts % 2 == 1), bias.clone().filter(|_| parts > 1));
        compare(&Inputs { weight, bias, ..inputs });
    }
}
