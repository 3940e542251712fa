//! Rows by hand and from PyTorch 2, then every pass on every instruction set against the reference.

use proptest::prelude::*;

use super::reference::{self, Wanted};
use super::{ConvTranspose2dOptions, forward, grad_bias, grad_input, grad_weight, infer, multiply_adds};
use crate::ops::activation::Activation;
use crate::ops::reshape::permute;
use crate::ops::window::Padding2d;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison};
use crate::{DType, Error, Tensor};

fn plain() -> ConvTranspose2dOptions {
    ConvTranspose2dOptions::default()
}

#[test]
fn a_pixel_becomes_its_number_times_the_kernel() {
    let x = Tensor::from_slice(&[1, 1, 1, 1], &[2.0f32]).unwrap();
    let weight = Tensor::from_slice(&[2, 2, 1, 1], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let y = forward(&x, &weight, None, Activation::Identity, &plain()).unwrap();
    assert_eq!(y.shape(), [1, 2, 2, 1]);
    assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn values_are_those_of_pytorch() {
    // torch.nn.functional.conv_transpose2d of arange(1, 13) as [1, 2, 2, 3] and arange(24) - 10 as [2, 2, 2, 3].
    let numbers = |range: std::ops::Range<i32>| range.map(|value| value as f32).collect::<Vec<_>>();
    let x = permute(&Tensor::from_slice(&[1, 2, 2, 3], &numbers(1..13)).unwrap(), &[0, 2, 3, 1]).unwrap();
    let weight =
        permute(&Tensor::from_slice(&[2, 2, 2, 3], &numbers(-10..14)).unwrap(), &[2, 3, 1, 0]).unwrap();
    let bias = Tensor::from_slice(&[2], &[0.5f32, -1.0]).unwrap();
    let options = ConvTranspose2dOptions {
        stride: [2, 3],
        padding: Padding2d::symmetric(1, 0),
        output_padding: [1, 2],
        dilation: [1, 2],
        groups: 1,
    };
    #[rustfmt::skip]
    let expected = [
        28.5, 75.0, 0.5, -1.0, 36.5, 83.0, 26.5, 85.0, 44.5, 91.0, 36.5, 95.0, 24.5, 95.0, 46.5, 105.0, 36.5, 107.0,
        0.5, -1.0, 48.5, 119.0, 0.5, -1.0, 0.5, -1.0, -19.5, 63.0, 0.5, -1.0, -5.5, 77.0, -27.5, 67.0, 8.5, 91.0,
        -11.5, 83.0, -35.5, 71.0, 4.5, 99.0, -17.5, 89.0, 0.5, -1.0, 0.5, 107.0, 0.5, -1.0, 0.5, -1.0, 22.5, 105.0,
        0.5, -1.0, 36.5, 119.0, 20.5, 115.0, 50.5, 133.0, 36.5, 131.0, 18.5, 125.0, 52.5, 147.0, 36.5, 143.0,
        0.5, -1.0, 54.5, 161.0, 0.5, -1.0, 0.5, -1.0,
    ];
    on_each_level(|_| {
        let y = forward(&x, &weight, Some(&bias), Activation::Identity, &options).unwrap();
        assert_eq!(y.shape(), [1, 3, 13, 2]);
        assert_eq!(y.to_vec::<f32>().unwrap(), expected);
        let y = forward(&x, &weight, Some(&bias), Activation::Relu, &options).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), expected.map(|value: f32| value.max(0.0)));
    });

    // Output padding beyond the stride: the last column is reached by no window.
    let first = Tensor::from_slice(
        &[2, 3, 1, 2],
        &[-10.0f32, 2.0, -9.0, 3.0, -8.0, 4.0, -7.0, 5.0, -6.0, 6.0, -5.0, 7.0],
    );
    let options = ConvTranspose2dOptions {
        stride: [1, 1],
        padding: Padding2d::all(1),
        output_padding: [1, 2],
        dilation: [2, 3],
        groups: 2,
    };
    #[rustfmt::skip]
    let expected = [
        -50.0, 22.0, -60.0, 24.0, -36.0, 30.0, -45.0, 33.0, -54.0, 36.0, -32.0, 40.0, -40.0, 44.0, -48.0, 48.0, 0.0, 0.0,
        -14.0, 40.0, -21.0, 45.0, -6.0, 42.0, -12.0, 48.0, -18.0, 54.0, -5.0, 49.0, -10.0, 56.0, -15.0, 63.0, 0.0, 0.0,
        -35.0, 55.0, -42.0, 60.0, -24.0, 60.0, -30.0, 66.0, -36.0, 72.0, -20.0, 70.0, -25.0, 77.0, -30.0, 84.0, 0.0, 0.0,
    ];
    on_each_level(|_| {
        let y = forward(&x, first.as_ref().unwrap(), None, Activation::Identity, &options).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), expected);
    });
}

#[test]
fn an_empty_batch_gives_an_empty_output_and_zero_gradients() {
    let x = Tensor::zeros(&[0, 3, 3, 2], DType::F32).unwrap();
    let weight = normal(&[2, 2, 4, 2], 1, DType::F32).unwrap();
    let bias = normal(&[4], 1, DType::F32).unwrap();
    let y = forward(&x, &weight, Some(&bias), Activation::Relu, &plain()).unwrap();
    assert_eq!(y.shape(), [0, 4, 4, 4]);
    assert_eq!(grad_input(&y, &weight, x.shape(), &plain()).unwrap().shape(), x.shape());
    let grad = grad_weight(&x, &y, weight.shape(), &plain()).unwrap();
    assert!(grad.to_vec::<f32>().unwrap().iter().all(|&g| g == 0.0));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let x = normal(&[1, 3, 3, 4], 1, DType::F32).unwrap().spec();
    let weight = |shape: &[usize]| Tensor::shape_only(shape, DType::F32).unwrap().spec();
    let message = |shape: &[usize], options| infer(x, weight(shape), &options).unwrap_err().to_string();
    assert!(message(&[2, 2, 3, 5], plain()).contains("has 4 channels, the kernel [2, 2, 3, 5] takes 5"));
    assert!(message(&[2, 2, 3, 4], ConvTranspose2dOptions { groups: 3, ..plain() }).contains("3 groups"));
    assert!(message(&[2, 2, 3, 4], ConvTranspose2dOptions { groups: 0, ..plain() }).contains("groups is 0"));
    assert!(message(&[0, 2, 3, 4], plain()).contains("kernel size is 0"));
    assert!(message(&[2, 2, 4], plain()).contains("[2, 2, 4] should be"));
    let stride = ConvTranspose2dOptions { stride: [2, 0], ..plain() };
    assert!(message(&[2, 2, 3, 4], stride).contains("stride is 0"));
    let output_padding = ConvTranspose2dOptions { output_padding: [0, 1], ..plain() };
    let error = message(&[2, 2, 3, 4], output_padding);
    assert_eq!(error, "conv_transpose2d: output_padding is 1, expected less than the stride or the dilation");
    let padding = ConvTranspose2dOptions { padding: Padding2d::all(2), ..plain() };
    assert!(message(&[2, 2, 3, 4], padding).contains("nothing is left of an output of 4"));
    let huge = ConvTranspose2dOptions { stride: [usize::MAX, 1], ..plain() };
    assert!(message(&[2, 2, 3, 4], huge).contains("overflow"));
    let spec = Tensor::shape_only(&[2, 2, 3, 4], DType::F64).unwrap().spec();
    assert!(matches!(infer(x, spec, &plain()), Err(Error::DType { .. })));
    let bias = normal(&[4], 1, DType::F32).unwrap();
    let (x, weight) =
        (Tensor::zeros(&x.shape, x.dtype).unwrap(), normal(&[2, 2, 3, 4], 1, DType::F32).unwrap());
    assert!(forward(&x, &weight, Some(&bias), Activation::Identity, &plain()).is_err());
    assert!(matches!(grad_input(&x, &weight, x.shape(), &plain()), Err(Error::Shape { .. })));
    assert!(matches!(grad_weight(&x, &x, weight.shape(), &plain()), Err(Error::Shape { .. })));
}

#[test]
fn multiply_adds_are_those_of_the_convolution_it_turns_around() {
    let spec = |shape: &[usize]| Tensor::shape_only(shape, DType::F32).unwrap().spec();
    let options = ConvTranspose2dOptions { stride: [2, 2], groups: 2, ..plain() };
    assert_eq!(
        multiply_adds(spec(&[2, 3, 5, 4]), spec(&[2, 2, 3, 4]), &options).unwrap(),
        2 * 15 * 4 * 3 * 4
    );
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[3, 20, 21, 16], 1, DType::F32).unwrap();
    let weight = normal(&[3, 3, 24, 16], 2, DType::F32).unwrap();
    let bias = normal(&[24], 3, DType::F32).unwrap();
    let options = ConvTranspose2dOptions {
        stride: [2, 2],
        padding: Padding2d::all(1),
        output_padding: [1, 1],
        ..plain()
    };
    let forward = || forward(&x, &weight, Some(&bias), Activation::Relu, &options).unwrap();
    let y = forward();
    assert_threads_change_nothing("forward", || vec![forward()]);
    assert_threads_change_nothing("gradient of the input", || {
        vec![grad_input(&y, &weight, x.shape(), &options).unwrap()]
    });
    assert_threads_change_nothing("gradient of the weight", || {
        vec![grad_weight(&x, &y, weight.shape(), &options).unwrap()]
    });
    assert_threads_change_nothing("gradient of the bias", || vec![grad_bias(&y).unwrap()]);
}

fn absolute(x: &Tensor) -> Tensor {
    let values: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| x.abs()).collect();
    Tensor::from_slice(x.shape(), &values).unwrap()
}

/// What the reference makes of input, weight and gradient of the output: the output and the two gradients.
fn expected(tensors: &[Tensor; 3], options: &ConvTranspose2dOptions) -> [Tensor; 3] {
    [Wanted::Output, Wanted::Input, Wanted::Weight].map(|wanted| {
        let mut tensors = tensors.clone();
        reference::sum::<f64>(&wanted, &mut tensors, options).unwrap();
        let [input, weight, output] = tensors;
        match wanted {
            Wanted::Output => output,
            Wanted::Input => input,
            Wanted::Weight => weight,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn every_pass_agrees_with_the_reference_on_every_instruction_set(
        (batch, in_h, in_w) in (1usize..3, 1usize..6, 1usize..6),
        (groups, group_in, group_out) in (
            prop_oneof![Just(1usize), 1usize..5, Just(20)], prop_oneof![Just(1usize), 1usize..6], 1usize..6,
        ),
        kernel in [1usize..4, 1usize..5],
        stride in [1usize..4, 1usize..4],
        dilation in [1usize..4, 1usize..4],
        padding in [0usize..4, 0usize..4, 0usize..4, 0usize..4],
        output_padding in [0usize..4, 0usize..4],
        seed in any::<u64>(),
    ) {
        let [top, bottom, left, right] = padding;
        let padding = Padding2d { top, bottom, left, right };
        let options = ConvTranspose2dOptions { stride, padding, output_padding, dilation, groups };
        let x = normal(&[batch, in_h, in_w, groups * group_in], seed, DType::F32).unwrap();
        let weight = normal(&[kernel[0], kernel[1], group_out, groups * group_in], seed ^ 1, DType::F32).unwrap();
        let Ok(output) = infer(x.spec(), weight.spec(), &options) else { return Ok(()) };
        let grad = normal(&output.shape, seed ^ 2, DType::F32).unwrap();
        let bias = normal(&output.shape[3..], seed ^ 3, DType::F32).unwrap();
        let wide = [&x, &weight, &grad].map(|tensor| tensor.to_dtype(DType::F64).unwrap());
        let scales = expected(&wide.each_ref().map(absolute), &options);
        let expected = expected(&wide, &options);
        let results = |[x, weight, grad]: [&Tensor; 3]| {
            [
                forward(x, weight, None, Activation::Identity, &options).unwrap(),
                grad_input(grad, weight, x.shape(), &options).unwrap(),
                grad_weight(x, grad, weight.shape(), &options).unwrap(),
            ]
        };
        for ((got, expected), scale) in results(wide.each_ref()).iter().zip(&expected).zip(&scales) {
            assert_close("f64", got, expected, scale, 1e-12);
        }
        on_each_level(|_| {
            poison(&output.shape, DType::F32).unwrap();
            for ((got, expected), scale) in results([&x, &weight, &grad]).iter().zip(&expected).zip(&scales) {
                assert_close("f32", got, expected, scale, 1e-5);
            }
            let y = forward(&x, &weight, Some(&bias), Activation::Relu, &options).unwrap();
            let [sums, scale] = [&expected[0], &scales[0]].map(|tensor| tensor.to_f64_vec().unwrap());
            let bias = bias.to_f64_vec().unwrap();
            for (at, (&y, (sum, scale))) in
                y.as_slice::<f32>().unwrap().iter().zip(sums.iter().zip(&scale)).enumerate()
            {
                let bias = bias[at % bias.len()];
                let off = (f64::from(y) - (sum + bias).max(0.0)).abs();
                assert!(off <= 1e-5 * (scale + bias.abs()), "element {at} is {y}, off by {off}");
            }
        });
    }
}
