//! Convolution against the reference, on every instruction set, and against numbers worked out by hand.

use proptest::prelude::*;

use super::*;
use crate::ops::window::Padding2d;
use crate::random::Key;
use crate::simd::{self, Level};
use crate::testing::{normal, on_each_level};
use crate::{Shape, testing};

/// Numbers in [-1, 1).
pub(super) fn random(shape: &[usize], key: u64) -> Tensor {
    let key = Key::new(key);
    let values: Vec<f32> =
        (0..Shape::new(shape).unwrap().len()).map(|i| 2.0 * key.uniform(i as u64) - 1.0).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

fn in_f64(tensor: &Tensor) -> Tensor {
    tensor.to_dtype(DType::F64).unwrap()
}

fn absolute(tensor: &Tensor) -> Tensor {
    let values: Vec<f64> = tensor.to_f64_vec().unwrap().iter().map(|v| v.abs()).collect();
    Tensor::from_slice(tensor.shape(), &values).unwrap()
}

/// |got - expected| <= 1e-5 x (sum of |products|), element by element.
fn assert_within(got: &Tensor, expected: &Tensor, magnitude: &Tensor, what: &str) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    let triples = got
        .to_f64_vec()
        .unwrap()
        .into_iter()
        .zip(expected.to_f64_vec().unwrap())
        .zip(magnitude.to_f64_vec().unwrap());
    for (index, ((got, expected), magnitude)) in triples.enumerate() {
        let bound = 1e-5 * (magnitude + 1e-30);
        assert!(
            (got - expected).abs() <= bound,
            "{what}: element {index} is {got}, expected {expected} within {bound}"
        );
    }
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    input: [usize; 4],
    out_c: usize,
    kernel: [usize; 2],
    options: Conv2dOptions,
}

impl Case {
    pub(super) fn new(input: [usize; 4], out_c: usize, kernel: [usize; 2]) -> Self {
        Self { input, out_c, kernel, options: Conv2dOptions::default() }
    }

    pub(super) fn stride(mut self, stride: [usize; 2]) -> Self {
        self.options.stride = stride;
        self
    }

    pub(super) fn padding(mut self, padding: Padding2d) -> Self {
        self.options.padding = padding;
        self
    }

    pub(super) fn dilation(mut self, dilation: [usize; 2]) -> Self {
        self.options.dilation = dilation;
        self
    }

    pub(super) fn groups(mut self, groups: usize) -> Self {
        self.options.groups = groups;
        self
    }
}

/// All three passes on every instruction set, against the f64 reference; the fast path must have written every
/// element, since recycled buffers are filled with NaN first.
pub(super) fn check(case: &Case) {
    let weight_shape = [case.kernel[0], case.kernel[1], case.input[3] / case.options.groups, case.out_c];
    let x = random(&case.input, 1);
    let weight = random(&weight_shape, 2);
    let bias = random(&[case.out_c], 3);
    let geometry = Geometry::new(&case.input, &weight_shape, &case.options).unwrap();
    let grad = random(&geometry.output_shape(), 4);
    let (x64, weight64, bias64, grad64) = (in_f64(&x), in_f64(&weight), in_f64(&bias), in_f64(&grad));
    let (ax, aw, ab, ag) = (absolute(&x64), absolute(&weight64), absolute(&bias64), absolute(&grad64));
    let options = &case.options;
    let expected = [
        forward(&x64, &weight64, Some(&bias64), Activation::Relu, options).unwrap(),
        grad_input(&grad64, &weight64, &case.input, options).unwrap(),
        grad_weight(&x64, &grad64, &weight_shape, options).unwrap(),
    ];
    let magnitude = [
        forward(&ax, &aw, Some(&ab), Activation::Identity, options).unwrap(),
        grad_input(&ag, &aw, &case.input, options).unwrap(),
        grad_weight(&ax, &ag, &weight_shape, options).unwrap(),
    ];
    for level in Level::available() {
        simd::with_level(level, || {
            let got = [
                poisoned(|| forward(&x, &weight, Some(&bias), Activation::Relu, options).unwrap()),
                poisoned(|| grad_input(&grad, &weight, &case.input, options).unwrap()),
                poisoned(|| grad_weight(&x, &grad, &weight_shape, options).unwrap()),
            ];
            for (pass, name) in ["forward", "input gradient", "weight gradient"].iter().enumerate() {
                assert_within(
                    &got[pass],
                    &expected[pass],
                    &magnitude[pass],
                    &format!("{level}: {name} of {case:?}"),
                );
            }
        });
    }
}

/// Fills a buffer of each size that `work` has just used with NaN, and runs it again on those.
fn poisoned(work: impl Fn() -> Tensor) -> Tensor {
    let mut first = work();
    first.as_mut_slice::<f32>().unwrap().fill(f32::NAN);
    drop(first);
    work()
}

#[test]
fn a_tiny_convolution_equals_the_sums_done_by_hand() {
    let x = Tensor::from_slice(&[1, 3, 3, 1], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]).unwrap();
    let weight = Tensor::from_slice(&[2, 2, 1, 1], &[1.0f32, 0.0, 0.0, -1.0]).unwrap();
    let options = Conv2dOptions::default();
    let y = forward(&x, &weight, None, Activation::Identity, &options).unwrap();
    assert_eq!(y.shape(), [1, 2, 2, 1]);
    assert_eq!(y.to_vec::<f32>().unwrap(), [-4.0; 4]);
    let grad = Tensor::from_slice(&[1, 2, 2, 1], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let dx = grad_input(&grad, &weight, &[1, 3, 3, 1], &options).unwrap();
    assert_eq!(dx.to_vec::<f32>().unwrap(), [1.0, 2.0, 0.0, 3.0, 3.0, -2.0, 0.0, -3.0, -4.0]);
    let dw = grad_weight(&x, &grad, &[2, 2, 1, 1], &options).unwrap();
    assert_eq!(dw.to_vec::<f32>().unwrap(), [37.0, 47.0, 67.0, 77.0]);
}

#[test]
fn every_pass_agrees_with_the_reference() {
    let same = Padding2d::all(1);
    let cases = [
        Case::new([2, 5, 6, 3], 4, [3, 3]).padding(same),
        // One channel and many images: the batch is sliced.
        Case::new([9, 8, 8, 1], 32, [3, 3]).padding(same),
        // Channels that fill no vector, and columns beyond one panel.
        Case::new([1, 7, 5, 20], 67, [3, 3]).padding(same),
        Case::new([2, 9, 9, 33], 6, [5, 5]),
        // Kernel 1, with a stride greater than the kernel: input pixels that no output reads.
        Case::new([2, 7, 7, 16], 40, [1, 1]).stride([2, 3]),
        Case::new([2, 8, 8, 24], 17, [3, 3]).stride([2, 2]).padding(same),
        // Padding on one side only, wider than the kernel.
        Case::new([1, 4, 4, 18], 5, [2, 3]).padding(Padding2d { top: 0, bottom: 3, left: 4, right: 0 }),
        Case::new([1, 11, 10, 19], 9, [3, 2]).dilation([2, 3]).padding(same),
        Case::new([1, 11, 10, 2], 9, [3, 3]).dilation([1, 2]).stride([1, 2]).padding(Padding2d::all(2)),
        Case::new([2, 6, 6, 12], 18, [3, 3]).groups(3).padding(same).stride([2, 1]),
        // Depthwise, and depthwise with two outputs for each input.
        Case::new([3, 7, 6, 21], 21, [3, 3]).groups(21).padding(same),
        Case::new([2, 7, 6, 5], 5, [3, 3]).groups(5).stride([2, 2]).padding(same),
        Case::new([2, 5, 5, 4], 8, [3, 3]).groups(4),
        // Few channels: a gap between the runs of neighbouring pixels, runs of several vectors, a stride beyond the
        // kernel, and rows of taps apart from each other.
        Case::new([2, 9, 8, 3], 5, [7, 7]).stride([2, 2]).padding(Padding2d::all(3)),
        Case::new([1, 30, 9, 8], 18, [3, 4]).padding(same),
        Case::new([2, 12, 13, 1], 3, [2, 3]).stride([3, 4]),
        Case::new([1, 12, 9, 6], 7, [3, 2]).dilation([3, 1]).padding(Padding2d {
            top: 0,
            bottom: 3,
            left: 4,
            right: 0,
        }),
        Case::new([2, 3, 2, 2], 5, [5, 4]).padding(same),
        Case::new([0, 5, 5, 1], 4, [3, 3]).padding(same),
        // A kernel that sees only padding in some places, an image of one pixel, an empty batch.
        Case::new([2, 1, 1, 17], 3, [3, 3]).padding(Padding2d::all(2)),
        Case::new([0, 5, 5, 3], 4, [3, 3]),
    ];
    // Under Miri, which is thousands of times slower, the small ones have to do.
    let small = |case: &&Case| {
        case.input.iter().product::<usize>() * case.kernel.iter().product::<usize>() * case.out_c < 20_000
    };
    cases.iter().filter(|case| !cfg!(miri) || small(case)).for_each(check);
}

#[test]
fn steps_as_wide_as_numbers_go_are_computed() {
    // The next column that a gradient of weights would ask for is beyond every address.
    let case = Case::new([1, 1, 3, 5], 5, [1, 2]).groups(5).stride([1, 1 << 38]).dilation([1, 1 << 23]);
    check(&case.padding(Padding2d { top: 0, bottom: 0, left: 0, right: (1 << 37) - 1 }));
}

proptest! {
    #[test]
    fn gradients_of_few_channels_agree_with_the_reference_on_generated_shapes(
        (batch, height, width) in (1usize..4, 1usize..40, 1usize..40),
        (in_c, out_c) in (1usize..9, 1usize..20),
        kernel in [1usize..8, 1usize..8],
        stride in [1usize..4, 1usize..4],
        dilation in 1usize..3,
        (top, bottom, left, right) in (0usize..4, 0usize..4, 0usize..4, 0usize..4),
    ) {
        let case = Case::new([batch, height, width, in_c], out_c, kernel)
            .stride(stride).dilation([dilation, 1]).padding(Padding2d { top, bottom, left, right });
        let weight = [kernel[0], kernel[1], in_c, out_c];
        prop_assume!(Geometry::new(&case.input, &weight, &case.options).is_ok());
        check(&case);
    }

    #[test]
    fn every_pass_agrees_with_the_reference_on_generated_shapes(
        (batch, height, width) in (1usize..4, 1usize..12, 1usize..12),
        (groups, in_c, out_c) in (1usize..4, 1usize..20, 1usize..36),
        kernel in [1usize..5, 1usize..5],
        stride in [1usize..4, 1usize..4],
        dilation in [1usize..3, 1usize..3],
        (top, bottom, left, right) in (0usize..4, 0usize..4, 0usize..4, 0usize..4),
    ) {
        let case = Case::new([batch, height, width, in_c * groups], out_c * groups, kernel)
            .stride(stride).dilation(dilation).groups(groups).padding(Padding2d { top, bottom, left, right });
        let weight = [kernel[0], kernel[1], in_c, out_c * groups];
        prop_assume!(Geometry::new(&case.input, &weight, &case.options).is_ok());
        check(&case);
    }
}

proptest! {
    #[test]
    fn far_padding_and_wide_steps_are_computed_or_refused(
        batch in 0usize..3,
        (channels, members, out_c) in (1usize..40, 1usize..5, 1usize..5),
        sides in [1usize..5, 1usize..5],
        kernel in [1usize..4, 1usize..4],
        (before, after) in ([0u32..63, 0u32..63], [0u32..63, 0u32..63]),
        (stride, dilation) in ([0u32..64, 0u32..64], [0u32..64, 0u32..64]),
        depthwise in any::<bool>(),
    ) {
        let power = |exponent: u32| 1usize << exponent;
        let [top, left, bottom, right] = [before[0], before[1], after[0], after[1]].map(|e| power(e) - 1);
        let options = Conv2dOptions {
            padding: Padding2d { top, bottom, left, right },
            stride: stride.map(power),
            dilation: dilation.map(power),
            groups: if depthwise { channels } else { members },
        };
        let group_in_c = if depthwise { 1 } else { channels };
        let in_c = group_in_c * options.groups;
        let out_c = if depthwise { channels } else { out_c * members };
        let (input, weight) = ([batch, sides[0], sides[1], in_c], [kernel[0], kernel[1], group_in_c, out_c]);
        let Ok(geometry) = Geometry::new(&input, &weight, &options) else { return Ok(()) };
        // What a test can hold.
        if geometry.out_h.saturating_mul(geometry.out_w) > 100 && batch > 0 {
            return Ok(());
        }
        check(&Case { input, out_c, kernel, options });
    }

    #[test]
    fn an_image_gives_the_same_bits_in_any_batch_whatever_the_weights(
        (height, width) in (1usize..24, 1usize..24),
        (in_c, out_c) in (1usize..40, 1usize..70),
        kernel in [1usize..5, 1usize..5],
        stride in [1usize..3, 1usize..3],
        padding in 0usize..3,
        odd in prop_oneof![Just(f32::INFINITY), Just(f32::NAN), Just(0.5)],
        seed in any::<u64>(),
    ) {
        let options = Conv2dOptions { stride, padding: Padding2d::all(padding), ..Conv2dOptions::default() };
        let x = random(&[20, height, width, in_c], seed);
        let mut weight = random(&[kernel[0], kernel[1], in_c, out_c], !seed);
        weight.as_mut_slice::<f32>().unwrap()[0] = odd;
        prop_assume!(infer(x.spec(), weight.spec(), &options).is_ok());
        let of = |x: &Tensor| forward(x, &weight, None, Activation::Identity, &options).unwrap();
        on_each_level(|level| {
            let alone = of(&x.narrow(7..8).unwrap());
            assert!(testing::same_bits(&of(&x).narrow(7..8).unwrap(), &alone), "{level}");
        });
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_or_on_the_batch() {
    let x = random(&[6, 20, 20, 24], 1);
    let weight = random(&[3, 3, 24, 40], 2);
    let options = Conv2dOptions { padding: Padding2d::all(1), ..Conv2dOptions::default() };
    let all = |threads| {
        let before = crate::parallel::splits();
        let results = crate::parallel::with_threads(threads, || {
            let y = forward(&x, &weight, None, Activation::Identity, &options).unwrap();
            let dx = grad_input(&y, &weight, x.shape(), &options).unwrap();
            let dw = grad_weight(&x, &y, weight.shape(), &options).unwrap();
            [y, dx, dw].map(|tensor| tensor.to_vec::<f32>().unwrap())
        });
        assert_eq!(crate::parallel::splits() - before >= 3, threads > 1, "the work was split");
        results.unwrap()
    };
    let alone = all(1);
    assert!(alone == all(2) && alone == all(3));
    let one = forward(&x.narrow(4..5).unwrap(), &weight, None, Activation::Identity, &options).unwrap();
    assert_eq!(one.as_slice::<f32>().unwrap(), &alone[0][4 * 400 * 40..5 * 400 * 40]);
}

#[test]
fn the_gradient_of_few_channels_has_the_same_bits_on_any_threads_and_in_any_batch() {
    let grad = random(&[3, 20, 20, 12], 1);
    let weight = random(&[5, 5, 2, 12], 2);
    let options = Conv2dOptions { stride: [2, 2], padding: Padding2d::all(2), ..Conv2dOptions::default() };
    let of = |grad: &Tensor| grad_input(grad, &weight, &[grad.shape()[0], 40, 39, 2], &options).unwrap();
    testing::assert_threads_change_nothing("gradient of few channels", || vec![of(&grad)]);
    testing::on_each_level(|level| {
        // An image alone is cut into bands.
        let alone = of(&grad.narrow(1..2).unwrap());
        assert!(testing::same_bits(&of(&grad).narrow(1..2).unwrap(), &alone), "{level}");
    });
}

#[test]
fn a_gradient_that_is_not_a_number_reaches_its_own_window_and_no_more() {
    let mut grad = random(&[1, 6, 6, 3], 1);
    grad.as_mut_slice::<f32>().unwrap()[(2 * 6 + 3) * 3] = f32::NAN;
    let weight = random(&[3, 3, 1, 3], 2);
    testing::on_each_level(|level| {
        let dx = grad_input(&grad, &weight, &[1, 8, 8, 1], &Conv2dOptions::default()).unwrap();
        for (index, value) in dx.to_vec::<f32>().unwrap().iter().enumerate() {
            let inside = (2..5).contains(&(index / 8)) && (3..6).contains(&(index % 8));
            assert_eq!(value.is_nan(), inside, "{level}: pixel {index}");
        }
    });
}

#[test]
fn a_long_sum_of_equal_products_keeps_its_digits() {
    // Zero-mean numbers would hide that a sum of many terms loses digits in a single chain.
    for groups in [1, 16] {
        let x = Tensor::full(&[16, 40, 40, 16], 1.0, DType::F32).unwrap();
        let grad = Tensor::full(&[16, 40, 40, 16], 0.1, DType::F32).unwrap();
        let options = Conv2dOptions { groups, ..Conv2dOptions::default() };
        let got = grad_weight(&x, &grad, &[1, 1, 16 / groups, 16], &options).unwrap();
        let expected = 16.0 * 1600.0 * f64::from(0.1f32);
        for value in got.to_f64_vec().unwrap() {
            assert!((value - expected).abs() <= 1e-5 * expected, "{value} is not {expected}");
        }
    }
}

#[test]
fn a_stride_beyond_the_image_takes_one_step() {
    for stride in [5, usize::MAX / 2, usize::MAX] {
        check(&Case::new([2, 4, 3, 2], 3, [1, 2]).stride([stride, stride]));
        check(&Case::new([2, 4, 3, 20], 3, [3, 2]).stride([stride, 1]).padding(Padding2d::all(2)));
    }
}

#[test]
fn not_a_number_passes_through_convolution_and_relu() {
    let mut x = random(&[1, 4, 4, 2], 1);
    x.as_mut_slice::<f32>().unwrap()[0] = f32::NAN;
    let y =
        forward(&x, &random(&[1, 1, 2, 3], 2), None, Activation::Relu, &Conv2dOptions::default()).unwrap();
    let y = y.to_vec::<f32>().unwrap();
    assert!(y[..3].iter().all(|v| v.is_nan()) && y[3..].iter().all(|v| v.is_finite()));
}

#[test]
fn misfits_are_named() {
    let options = Conv2dOptions::default();
    let message = |x: &[usize], weight: &[usize], options: &Conv2dOptions| {
        forward(
            &Tensor::zeros(x, DType::F32).unwrap(),
            &Tensor::zeros(weight, DType::F32).unwrap(),
            None,
            Activation::Identity,
            options,
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        message(&[8, 28, 28, 64], &[3, 3, 128, 128], &options),
        "conv2d: input [8, 28, 28, 64] has 64 channels, the kernel [3, 3, 128, 128] takes 128"
    );
    assert!(
        message(&[8, 28, 28], &[3, 3, 1, 1], &options).contains("should be [batch, height, width, channels]")
    );
    assert!(message(&[1, 2, 2, 1], &[3, 3, 1, 1], &options).contains("does not fit"));
    let groups = Conv2dOptions { groups: 2, ..options };
    assert!(
        message(&[1, 4, 4, 4], &[1, 1, 2, 3], &groups)
            .contains("2 groups do not divide the 3 output channels")
    );
    let half = Tensor::zeros(&[1, 4, 4, 1], DType::F16).unwrap();
    let weight = Tensor::zeros(&[1, 1, 1, 1], DType::F16).unwrap();
    assert!(matches!(
        forward(&half, &weight, None, Activation::Identity, &options),
        Err(Error::DType { .. })
    ));
}

#[test]
fn a_convolution_reads_and_writes_ranges_of_channels() {
    // Channels read, of how many; groups; kernel; output channels, of how many.
    let cases = [
        (3..8, 20, 1, 3, 40, 64, 7),
        (0..3, 5, 1, 3, 6, 9, 3),
        (16..48, 64, 1, 1, 32, 32, 0),
        (1..2, 3, 1, 5, 16, 20, 4),
        (2..34, 40, 4, 3, 64, 66, 1),
        (4..20, 24, 16, 3, 16, 17, 1),
        (4..36, 36, 8, 3, 32, 40, 8),
    ];
    for (range, in_c, groups, kernel, out_c, out_all, first) in cases {
        let options =
            Conv2dOptions { groups, padding: Padding2d::all(kernel / 2), ..Conv2dOptions::default() };
        for dtype in [DType::F32, DType::F64] {
            let images = normal(&[2, 9, 11, in_c], 1, dtype).unwrap();
            let weight = normal(&[kernel, kernel, range.len() / groups, out_c], 2, dtype).unwrap();
            let bias = normal(&[out_c], 3, dtype).unwrap();
            let numbers = images.to_f64_vec().unwrap();
            let part: Vec<f64> =
                numbers.chunks(in_c).flat_map(|pixel| pixel[range.clone()].to_vec()).collect();
            let part = Tensor::from_slice(&[2, 9, 11, range.len()], &part).unwrap().to_dtype(dtype).unwrap();
            let expected = forward(&part, &weight, Some(&bias), Activation::Relu, &options).unwrap();
            let expected = expected.to_f64_vec().unwrap();
            on_each_level(|_| {
                let mut output = Tensor::full(&[2, 9, 11, out_all], 7.0, dtype).unwrap();
                let x = Channels { images: &images, range: range.clone() };
                let to = (&mut output, first..first + out_c);
                forward_channels(&x, &weight, Some(&bias), Activation::Relu, &options, to).unwrap();
                let output = output.to_f64_vec().unwrap();
                for (pixel, expected) in output.chunks(out_all).zip(expected.chunks(out_c)) {
                    for (channel, &value) in pixel.iter().enumerate() {
                        match channel.checked_sub(first).and_then(|channel| expected.get(channel)) {
                            Some(expected) => assert!((value - expected).abs() < 1e-3, "{range:?} {dtype:?}"),
                            None => {
                                assert_eq!(value, 7.0, "{range:?} {dtype:?}: channel {channel} is not ours")
                            }
                        }
                    }
                }
            });
        }
    }
}

#[test]
fn ranges_that_are_none_of_their_images_are_errors() {
    let images = Tensor::zeros(&[1, 4, 4, 6], DType::F32).unwrap();
    let weight = Tensor::zeros(&[3, 3, 2, 4], DType::F32).unwrap();
    let attempt = |range, shape: &[usize], to| {
        let mut output = Tensor::zeros(shape, DType::F32).unwrap();
        let x = Channels { images: &images, range };
        forward_channels(
            &x,
            &weight,
            None,
            Activation::Identity,
            &Conv2dOptions::default(),
            (&mut output, to),
        )
    };
    assert!(attempt(4..6, &[1, 2, 2, 5], 1..5).is_ok());
    #[expect(clippy::reversed_empty_ranges, reason = "what must be refused")]
    let backwards = 5..3;
    for (range, shape, to) in [
        (5..7, [1, 2, 2, 5], 1..5),
        (0..3, [1, 2, 2, 5], 1..5),
        (backwards, [1, 2, 2, 5], 1..5),
        (0..2, [1, 2, 2, 5], 2..6),
        (0..2, [1, 2, 2, 5], 1..4),
        (0..2, [1, 3, 2, 5], 1..5),
    ] {
        assert!(matches!(attempt(range, &shape, to), Err(Error::Shape { .. })));
    }
}

#[test]
fn a_stride_beyond_any_image_takes_one_window() {
    for stride in [100, usize::MAX / 2, usize::MAX] {
        let case = Case::new([2, 5, 6, 16], 24, [3, 3]).stride([stride, stride]);
        check(&case);
    }
}
