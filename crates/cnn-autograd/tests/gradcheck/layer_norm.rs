//! Layer norm over one axis and several, with and without scale and shift, whichever gradients are wanted.

use cnn_autograd::Affine;
use cnn_autograd::Var;
use cnn_tensor::random::Key;

use super::affine::each_choice;
use crate::random;

pub(crate) fn cases() {
    let key = Key::new(0x6c6e);
    for setting in 0..24 {
        let size = |number: u64, bound: u64| 1 + key.fold(setting).below(number, bound) as usize;
        let axes = size(0, 3);
        // Rows of one number are normalised to zero: the suite has two of them at the end.
        let leading = (1..size(1, 3)).map(|axis| size(10 + axis as u64, 3));
        let last = (0..axes).map(|axis| size(20 + axis as u64, 4) + usize::from(axis == 0));
        let shape: Vec<usize> = leading.chain(last).collect();
        let normalized_shape = shape[shape.len() - axes..].to_vec();
        let epsilon = [1e-5, 1e-3, 0.1][setting as usize % 3];
        over(&shape, &normalized_shape, epsilon, 10 * setting);
    }
    for shape in [&[1, 1][..], &[3, 1]] {
        over(shape, &[1], 0.1, 999);
    }
}

fn over(shape: &[usize], normalized_shape: &[usize], epsilon: f64, seed: u64) {
    let weight = random(normalized_shape, seed + 1);
    let inputs = [random(shape, seed), weight, random(normalized_shape, seed + 2)];
    let case = format!("{shape:?} over {normalized_shape:?}, epsilon {epsilon}");
    each_choice(&case, &inputs, |x, weight, bias| {
        x.layer_norm(normalized_shape, Affine { weight, bias, epsilon })
    });
}

#[test]
fn gradients_of_layer_norm_agree_with_differences() {
    cases();
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_computed() {
    let x = || Var::constant(random(&[2, 3], 1));
    let affine = || Affine { weight: None, bias: Some(Var::constant(random(&[2], 2))), epsilon: 1e-5 };
    let error = x().layer_norm(&[3], affine()).unwrap_err();
    assert!(error.to_string().contains("bias is [2], expected [3]"), "{error}");
    let error = x().layer_norm(&[2], Affine { bias: None, ..affine() }).unwrap_err();
    assert!(error.to_string().contains("should end in the normalized shape [2]"), "{error}");
}
