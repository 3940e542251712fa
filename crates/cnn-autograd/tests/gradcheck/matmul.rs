//! Products of matrices, in batches that broadcast, either side transposed.

use cnn_tensor::ops::matmul::Transpose;
use cnn_tensor::random::Key;

use crate::{check, random, some_shapes};

pub(crate) fn cases() {
    for setting in 0..24 {
        let key = Key::new(setting);
        let transpose =
            [Transpose::Neither, Transpose::Left, Transpose::Right, Transpose::Both][setting as usize % 4];
        let [rows, depth, columns] = [0, 1, 2].map(|index| 1 + key.fold(3).below(index, 4) as usize);
        let [mut left, mut right] = some_shapes(key);
        let exchanged = |[rows, columns]: [usize; 2], transposed| {
            if transposed { [columns, rows] } else { [rows, columns] }
        };
        let transposed = |one| transpose == one || transpose == Transpose::Both;
        left.extend(exchanged([rows, depth], transposed(Transpose::Left)));
        right.extend(exchanged([depth, columns], transposed(Transpose::Right)));
        check("matmul", &[random(&left, setting), random(&right, setting + 1)], |mut v| {
            let right = v.remove(1);
            v.remove(0).matmul_transposed(right, transpose)
        });
    }
    check("a matrix times itself", &[random(&[2, 3, 3], 1)], |mut v| {
        let x = v.remove(0);
        x.clone().matmul(x)
    });
    check("a matrix times its own transpose", &[random(&[2, 3], 1)], |mut v| {
        let x = v.remove(0);
        x.clone().matmul_transposed(x, Transpose::Right)
    });
}

#[test]
fn gradients_of_products_of_matrices_agree_with_differences() {
    cases();
}
