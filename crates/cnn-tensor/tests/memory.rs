//! Operations within a budget: what they make on the way is in proportion to what goes in and comes out.

use cnn_tensor::ops::matmul::{Transpose, backward_left, backward_right, matmul};
use cnn_tensor::testing::{bounded, normal};
use cnn_tensor::{DType, Tensor};

/// A matrix for each place of the leading axes, its sides exchanged where it is transposed.
fn side(leading: &[usize], [rows, columns]: [usize; 2], transposed: bool) -> Tensor {
    let matrix = if transposed { [columns, rows] } else { [rows, columns] };
    normal(&[leading, &matrix].concat(), 1, DType::F32).unwrap()
}

#[test]
fn the_gradient_of_one_matrix_for_all_is_summed_without_a_copy_for_each() {
    // The copies would be 12 million numbers.
    let _bounded = bounded(16 << 20);
    for transpose in [Transpose::Neither, Transpose::Left, Transpose::Right, Transpose::Both] {
        let left = matches!(transpose, Transpose::Left | Transpose::Both);
        let right = matches!(transpose, Transpose::Right | Transpose::Both);
        for [shared, own] in [[&[][..], &[5, 40]], [&[5, 1], &[5, 40]]] {
            let (a, b) = (side(shared, [300, 200], left), side(own, [200, 1], right));
            let grad = matmul(&a, &b, transpose).unwrap();
            assert_eq!(backward_left(&grad, &b, transpose, a.shape()).unwrap().shape(), a.shape());
            let (a, b) = (side(own, [1, 200], left), side(shared, [200, 300], right));
            let grad = matmul(&a, &b, transpose).unwrap();
            assert_eq!(backward_right(&a, &grad, transpose, b.shape()).unwrap().shape(), b.shape());
        }
    }
}
