//! Depthwise convolution at sizes where its tiles, strips, phases and slices begin, end and overlap.

use crate::Tensor;
use crate::ops::activation::Activation;
use crate::ops::conv2d::tests::{Case, check, random};
use crate::ops::conv2d::{Conv2dOptions, forward, grad_input, grad_weight};
use crate::ops::window::Padding2d;
use crate::testing::{assert_threads_change_nothing, on_each_level, same_bits};

fn case(input: [usize; 4], kernel: [usize; 2]) -> Case {
    Case::new(input, input[3], kernel).groups(input[3])
}

/// As many as Miri, which is thousands of times slower, can do.
fn check_all(cases: impl IntoIterator<Item = Case>) {
    cases.into_iter().take(if cfg!(miri) { 2 } else { usize::MAX }).for_each(|case| check(&case));
}

#[test]
fn every_width_is_cut_into_tiles_that_cover_it() {
    for stride in [1, 2, 3] {
        let of = |width| case([1, 3, width, 17], [3, 3]).stride([1, stride]).padding(Padding2d::all(1));
        check_all((1..=27).map(of));
    }
}

#[test]
fn every_height_is_cut_into_rows_that_cover_it() {
    // The weight gradient sums at most 64 rows of a strip at a time.
    for height in [1, 2, 3, 64, 65, 130] {
        check_all([case([2, height, 9, 16], [3, 3]).padding(Padding2d::all(1))]);
    }
}

#[test]
fn kernels_of_every_size_agree_with_the_reference() {
    for size in 1..=11 {
        let padding = Padding2d::all(size / 2);
        check_all([
            case([1, 13, 21, 18], [size, size]).padding(padding),
            case([1, 13, 37, 18], [3, size]).padding(padding).stride([1, 2]),
            case([1, 13, 21, 18], [size, 3]).padding(padding).stride([2, 1]),
        ]);
    }
}

#[test]
fn strides_and_dilations_of_every_kind_agree_with_the_reference() {
    for (stride, dilation) in [(1, 2), (1, 3), (2, 2), (2, 3), (3, 2), (4, 2), (2, 4), (4, 6)] {
        for kernel in [[3, 3], [2, 5]] {
            let case =
                case([2, 20, 33, 16], kernel).padding(Padding2d { top: 2, bottom: 0, left: 3, right: 5 });
            check_all([case.stride([stride, stride]).dilation([dilation, dilation])]);
        }
    }
}

#[test]
fn channels_beyond_one_group_and_one_vector_agree_with_the_reference() {
    // One less than a vector, more than one, and more than are worked on together.
    for channels in [2, 3, 7, 15, 31, 127, 128, 129, 150, 300] {
        check_all([case([1, 6, 11, channels], [3, 3]).padding(Padding2d::all(1))]);
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_also_for_one_image() {
    let (x, weight) = (random(&[1, 30, 41, 40], 1), random(&[3, 3, 1, 40], 2));
    for stride in [1, 2] {
        let options = Conv2dOptions {
            padding: Padding2d::all(1),
            stride: [stride, stride],
            groups: 40,
            ..Conv2dOptions::default()
        };
        let y = || forward(&x, &weight, None, Activation::Identity, &options).unwrap();
        let grad = y();
        assert_threads_change_nothing("depthwise forward", || vec![y()]);
        assert_threads_change_nothing("depthwise input gradient", || {
            vec![grad_input(&grad, &weight, x.shape(), &options).unwrap()]
        });
        assert_threads_change_nothing("depthwise weight gradient", || {
            vec![grad_weight(&x, &grad, weight.shape(), &options).unwrap()]
        });
    }
}

#[test]
fn an_image_does_not_depend_on_the_others_of_its_batch() {
    // More rows than one piece of work holds, so that pieces begin inside an image.
    let (x, weight) = (random(&[5, 19, 40, 33], 1), random(&[5, 5, 1, 33], 2));
    let options = Conv2dOptions { padding: Padding2d::all(2), groups: 33, ..Conv2dOptions::default() };
    on_each_level(|level| {
        let y = |x: &Tensor| forward(x, &weight, None, Activation::Identity, &options).unwrap();
        let all = y(&x);
        for image in 0..5 {
            let one = y(&x.narrow(image..image + 1).unwrap());
            assert!(same_bits(&one, &all.narrow(image..image + 1).unwrap()), "{level}: image {image}");
        }
    });
}

#[test]
fn an_infinite_input_reaches_only_the_sums_that_it_is_in() {
    let options = Conv2dOptions { groups: 20, ..Conv2dOptions::default() };
    let mut x = random(&[1, 5, 13, 20], 1);
    // The last column, which only the last tap of a row sees; channel 3.
    x.as_mut_slice::<f32>().unwrap()[12 * 20 + 3] = f32::INFINITY;
    let grad = random(&[1, 3, 11, 20], 2);
    on_each_level(|level| {
        let sums = grad_weight(&x, &grad, &[3, 3, 1, 20], &options).unwrap().to_vec::<f32>().unwrap();
        let infinite: Vec<usize> = (0..sums.len()).filter(|&at| !sums[at].is_finite()).collect();
        assert_eq!(infinite, [2 * 20 + 3], "{level}");
        assert!(sums[infinite[0]].is_infinite(), "{level}");
    });
}
