//! Group norm in any number of groups, with and without scale and shift, whichever gradients are wanted.

use cnn_autograd::Affine;
use cnn_autograd::Var;
use cnn_tensor::random::Key;

use crate::affine::each_choice;
use crate::random;

pub(crate) fn cases() {
    let key = Key::new(0x676e);
    for setting in 0..24 {
        let size = |number: u64, bound: u64| 1 + key.fold(setting).below(number, bound) as usize;
        let (groups, width) = (size(0, 3), size(1, 3));
        // Of fewer than two numbers a group has no variance: the suite has one of them at the end.
        let spatial = (1..size(2, 3)).map(|axis| size(10 + axis as u64, 3) + usize::from(width == 1));
        let mut shape: Vec<usize> = [size(3, 2)].into_iter().chain(spatial).collect();
        shape.push(groups * width);
        over(&shape, groups, [1e-5, 1e-3, 0.1][setting as usize % 3], 10 * setting);
    }
    over(&[2, 3], 3, 0.1, 999);
}

fn over(shape: &[usize], groups: usize, epsilon: f64, seed: u64) {
    let channels = [*shape.last().unwrap()];
    let inputs = [random(shape, seed), random(&channels, seed + 1), random(&channels, seed + 2)];
    let case = format!("{shape:?} in {groups} groups, epsilon {epsilon}");
    each_choice(&case, &inputs, |x, weight, bias| x.group_norm(groups, Affine { weight, bias, epsilon }));
}

#[test]
fn gradients_of_group_norm_agree_with_differences() {
    cases();
}

#[test]
fn groups_that_do_not_divide_the_channels_are_refused() {
    let affine = Affine { weight: None, bias: None, epsilon: 1e-5 };
    let error = Var::constant(random(&[2, 4, 6], 1)).group_norm(4, affine).unwrap_err();
    assert!(error.to_string().contains("groups is 4 for the 6 channels of [2, 4, 6]"), "{error}");
}
