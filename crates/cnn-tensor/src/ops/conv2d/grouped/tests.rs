//! Few channels in each group, at sizes where tiles, vectors and runs of taps begin, end and overlap.

use proptest::prelude::*;

use crate::Tensor;
use crate::ops::activation::Activation;
use crate::ops::conv2d::geometry::Algorithm;
use crate::ops::conv2d::tests::{Case, check, random};
use crate::ops::conv2d::{Conv2dOptions, Geometry, forward, grad_input, grad_weight};
use crate::ops::window::Padding2d;
use crate::testing::{assert_threads_change_nothing, on_each_level, same_bits};

fn case(input: [usize; 4], kernel: [usize; 2], members: usize) -> Case {
    Case::new(input, input[3], kernel).groups(input[3] / members)
}

#[test]
fn every_pass_agrees_with_the_reference() {
    let same = Padding2d::all(1);
    let one_sided = Padding2d { top: 0, bottom: 3, left: 4, right: 0 };
    for members in [2, 4, 8] {
        let cases = [
            case([2, 7, 9, 32], [3, 3], members).padding(same),
            // The last vector of channels overlaps the one before it.
            case([1, 9, 6, 40], [3, 3], members).padding(same).stride([2, 2]),
            // Fewer and more taps than are held together; padding beyond the kernel.
            case([2, 6, 17, 24], [2, 5], members).padding(one_sided),
            case([1, 9, 19, 16], [3, 4], members).dilation([2, 3]).padding(same),
            // A stride greater than the kernel; a kernel that is larger than the image.
            case([1, 5, 5, 16], [1, 1], members).stride([3, 3]).padding(same),
            case([2, 2, 3, 16], [4, 4], members).padding(same),
            case([0, 5, 5, 16], [3, 3], members),
        ];
        // Under Miri, which is thousands of times slower, one has to do.
        cases.iter().skip(if cfg!(miri) { 6 } else { 0 }).for_each(check);
    }
}

#[test]
fn every_width_is_cut_into_tiles_that_cover_it() {
    for stride in [1, 2, 3] {
        let of = |width| case([1, 3, width, 16], [3, 3], 4).stride([1, stride]).padding(Padding2d::all(1));
        (1..=if cfg!(miri) { 1 } else { 27 }).for_each(|width| check(&of(width)));
    }
}

proptest! {
    #[test]
    fn every_pass_agrees_with_the_reference_on_generated_shapes(
        (batch, height, width) in (1usize..4, 1usize..12, 1usize..24),
        (groups, members) in (2usize..12, 1u32..4),
        kernel in [1usize..5, 1usize..6],
        stride in [1usize..4, 1usize..4],
        dilation in [1usize..3, 1usize..3],
        (top, bottom, left, right) in (0usize..4, 0usize..4, 0usize..4, 0usize..4),
    ) {
        let members = 1 << members;
        let padding = Padding2d { top, bottom, left, right };
        let case = case([batch, height, width, members * groups], kernel, members)
            .stride(stride).dilation(dilation).padding(padding);
        let weight = [kernel[0], kernel[1], members, members * groups];
        let options = Conv2dOptions { stride, dilation, padding, groups };
        prop_assume!(Geometry::new(&[batch, height, width, members * groups], &weight, &options).is_ok());
        check(&case);
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_or_on_the_batch() {
    let x = random(&[3, 20, 21, 32], 1);
    let weight = random(&[3, 3, 4, 32], 2);
    let options = Conv2dOptions { padding: Padding2d::all(1), groups: 8, ..Conv2dOptions::default() };
    let forward = |x: &Tensor| forward(x, &weight, None, Activation::Identity, &options).unwrap();
    let grad_input = |y: &Tensor, x: &Tensor| grad_input(y, &weight, x.shape(), &options).unwrap();
    let y = forward(&x);
    assert_threads_change_nothing("forward", || vec![forward(&x)]);
    assert_threads_change_nothing("gradient of the input", || vec![grad_input(&y, &x)]);
    assert_threads_change_nothing("gradient of the weight", || {
        vec![grad_weight(&x, &y, weight.shape(), &options).unwrap()]
    });
    on_each_level(|level| {
        let third = |tensor: &Tensor| tensor.narrow(2..3).unwrap();
        assert!(same_bits(&third(&forward(&x)), &forward(&third(&x))), "{level}");
        assert!(same_bits(&third(&grad_input(&y, &x)), &grad_input(&third(&y), &third(&x))), "{level}");
    });
}

#[test]
fn a_group_that_fills_a_vector_is_left_to_the_matrix_product() {
    let options = Conv2dOptions { groups: 4, ..Conv2dOptions::default() };
    let of = |members: usize, out: usize, lanes| {
        let geometry = Geometry::new(&[1, 5, 5, 4 * members], &[3, 3, members, 4 * out], &options).unwrap();
        geometry.algorithm(lanes)
    };
    assert_eq!(of(4, 4, 16), Algorithm::Grouped);
    assert_eq!(of(4, 4, 8), Algorithm::Grouped);
    assert_eq!(of(4, 4, 4), Algorithm::Rows);
    assert_eq!(of(2, 2, 16), Algorithm::Rows, "fewer channels than lanes");
    assert_eq!(of(4, 8, 8), Algorithm::Rows);
    assert_eq!(of(3, 3, 8), Algorithm::Rows);
}
