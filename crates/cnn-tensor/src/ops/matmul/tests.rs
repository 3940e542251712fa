//! Rows by hand, then all transposes of generated shapes against the definition.

use proptest::prelude::*;

use super::{Transpose, backward_left, backward_right, infer, matmul, reference};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const ALL: [Transpose; 4] = [Transpose::Neither, Transpose::Left, Transpose::Right, Transpose::Both];

/// A matrix of a side, its last two axes exchanged where it is transposed.
fn side(batch: &[usize], [rows, columns]: [usize; 2], transposed: bool, seed: u64) -> Tensor {
    let matrix = if transposed { [columns, rows] } else { [rows, columns] };
    normal(&[batch, &matrix].concat(), seed, DType::F32).unwrap()
}

#[test]
fn small_products_by_hand() {
    let a = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let b = Tensor::from_slice(&[2, 2], &[5.0f32, 6.0, 7.0, 8.0]).unwrap();
    let expected = [
        (Transpose::Neither, [19.0, 22.0, 43.0, 50.0]),
        (Transpose::Left, [26.0, 30.0, 38.0, 44.0]),
        (Transpose::Right, [17.0, 23.0, 39.0, 53.0]),
        (Transpose::Both, [23.0, 31.0, 34.0, 46.0]),
    ];
    on_each_level(|_| {
        for (transpose, expected) in expected {
            assert_eq!(
                matmul(&a, &b, transpose).unwrap().to_vec::<f32>().unwrap(),
                expected,
                "{transpose:?}"
            );
        }
    });
}

#[test]
fn leading_axes_broadcast() {
    let a = Tensor::from_slice(&[2, 1, 1, 2], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let b = Tensor::from_slice(&[2, 2, 1], &[1.0f32, 0.0, 0.0, 1.0]).unwrap();
    let y = matmul(&a, &b, Transpose::Neither).unwrap();
    assert_eq!(y.shape(), [2, 2, 1, 1]);
    assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn empty_sums_are_zero_and_empty_batches_stay_empty() {
    for dtype in [DType::F32, DType::F64] {
        let zeros = |dims: &[usize]| Tensor::zeros(dims, dtype).unwrap();
        poison(&[2, 3], dtype).unwrap();
        for transpose in [Transpose::Neither, Transpose::Right] {
            let b = if transpose == Transpose::Right { zeros(&[3, 0]) } else { zeros(&[0, 3]) };
            let y = matmul(&zeros(&[5, 2, 0]), &b, transpose).unwrap();
            assert_eq!((y.shape(), y.to_f64_vec().unwrap()), (&[5, 2, 3][..], vec![0.0; 30]));
        }
        assert_eq!(
            matmul(&zeros(&[0, 2, 4]), &zeros(&[4, 3]), Transpose::Neither).unwrap().shape(),
            [0, 2, 3]
        );
        assert_eq!(
            matmul(&zeros(&[2, 4]), &zeros(&[3, 4, 0]), Transpose::Neither).unwrap().shape(),
            [3, 2, 0]
        );
        let both = matmul(&zeros(&[0, 2, 4]), &zeros(&[0, 4, 3]), Transpose::Neither).unwrap();
        assert_eq!(both.shape(), [0, 2, 3]);
        let back =
            backward_right(&zeros(&[0, 2, 4]), &zeros(&[0, 2, 3]), Transpose::Neither, &[4, 3]).unwrap();
        assert_eq!(back.to_f64_vec().unwrap(), [0.0; 12]);
    }
}

#[test]
fn misfits_are_named() {
    let x = |dims: &[usize]| Tensor::zeros(dims, DType::F32).unwrap();
    let error = matmul(&x(&[2, 3]), &x(&[2, 3]), Transpose::Neither).unwrap_err();
    assert_eq!(error.to_string(), "matmul: left [2, 3] has rows of 3 numbers, right [2, 3] has columns of 2");
    let error = matmul(&x(&[2, 3]), &x(&[2, 4]), Transpose::Right).unwrap_err();
    assert_eq!(
        error.to_string(),
        "matmul: left [2, 3] has rows of 3 numbers, right [2, 4] transposed has columns of 4"
    );
    assert!(matches!(matmul(&x(&[3]), &x(&[3, 2]), Transpose::Neither), Err(Error::Shape { .. })));
    assert!(matches!(matmul(&x(&[2, 1, 3]), &x(&[5, 3, 2]), Transpose::Neither), Err(Error::Shape { .. })));
    let whole = Tensor::zeros(&[2, 2], DType::I64).unwrap();
    assert!(matches!(matmul(&whole, &whole, Transpose::Neither), Err(Error::DType { .. })));
    let wide = Tensor::zeros(&[3, 2], DType::F64).unwrap();
    assert!(matches!(matmul(&x(&[2, 3]), &wide, Transpose::Neither), Err(Error::DType { .. })));
    let huge = Tensor::shape_only(&[1 << 35, 1], DType::F32).unwrap().spec();
    assert!(matches!(infer(huge, huge, Transpose::Right), Err(Error::TooLarge { .. })));
}

#[test]
fn threads_change_nothing() {
    // Heads of attention, a batch of large products, one matrix for a batch.
    for (batch, sizes) in [(24, [50, 20, 50]), (3, [130, 400, 150]), (160, [1, 300, 200])] {
        let [rows, depth, columns] = sizes;
        for transpose in ALL {
            let a = side(&[batch], [rows, depth], transpose.left(), 1);
            let b = side(&[batch], [depth, columns], transpose.right(), 2);
            let shared = side(&[], [depth, columns], transpose.right(), 3);
            let y = matmul(&a, &shared, transpose).unwrap();
            assert_threads_change_nothing("matmul", || vec![matmul(&a, &b, transpose).unwrap()]);
            if batch * rows * depth * columns < 1 << 21 {
                // As one product, not worth a second thread.
                continue;
            }
            assert_threads_change_nothing("one matrix", || vec![matmul(&a, &shared, transpose).unwrap()]);
            assert_threads_change_nothing("gradient", || {
                vec![backward_right(&a, &y, transpose, shared.shape()).unwrap()]
            });
        }
    }
    // Many small products.
    let (a, b) = (side(&[20_000], [4, 5], false, 1), side(&[20_000], [5, 3], false, 2));
    let expected: Vec<f32> = (0..20_000)
        .flat_map(|index| {
            let one = |x: &Tensor| x.narrow(index..index + 1).unwrap();
            matmul(&one(&a), &one(&b), Transpose::Neither).unwrap().to_vec::<f32>().unwrap()
        })
        .collect();
    assert_eq!(matmul(&a, &b, Transpose::Neither).unwrap().to_vec::<f32>().unwrap(), expected);
    for dtype in [DType::F32, DType::F64] {
        let [a, b] = [&a, &b].map(|x| x.to_dtype(dtype).unwrap());
        assert_threads_change_nothing("small", || vec![matmul(&a, &b, Transpose::Neither).unwrap()]);
    }
}

#[test]
fn a_product_does_not_depend_on_its_batch_mates() {
    for [rows, depth, columns] in [[1, 700, 500], [3, 900, 20], [40, 500, 33]] {
        for transpose in ALL {
            let a = side(&[3], [rows, depth], transpose.left(), 1);
            let b = side(&[3], [depth, columns], transpose.right(), 2);
            on_each_level(|level| {
                let all = matmul(&a, &b, transpose).unwrap();
                for index in 0..3 {
                    let one = |x: &Tensor| x.narrow(index..index + 1).unwrap();
                    let alone = matmul(&one(&a), &one(&b), transpose).unwrap();
                    assert!(same_bits(&alone, &one(&all)), "{level} {rows}x{depth}x{columns} {transpose:?}");
                }
            });
        }
    }
}

#[test]
fn a_product_by_one_matrix_for_all_does_not_depend_on_its_batch_mates() {
    for transpose in ALL {
        let b = side(&[], [700, 50], transpose.right(), 2);
        let a = side(&[5], [1, 700], transpose.left(), 1);
        on_each_level(|level| {
            let five = matmul(&a, &b, transpose).unwrap();
            let four = matmul(&a.narrow(0..4).unwrap(), &b, transpose).unwrap();
            assert!(same_bits(&four, &five.narrow(0..4).unwrap()), "{level} {transpose:?}");
        });
    }
}

#[test]
fn any_number_of_products_of_nothing_is_nothing() {
    for dtype in [DType::F32, DType::F64] {
        let left = Tensor::zeros(&[1 << 40, 0, 3], dtype).unwrap();
        let right = Tensor::zeros(&[1 << 40, 3, 0], dtype).unwrap();
        let product = matmul(&left, &right, Transpose::Neither).unwrap();
        assert_eq!(product.shape(), [1 << 40, 0, 0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn products_and_gradients_agree_with_the_definition(
        rows in prop_oneof![1usize..6, Just(17), Just(40)],
        depth in 1usize..40,
        columns in prop_oneof![1usize..6, Just(33), Just(70)],
        batch in prop_oneof![
            Just([vec![], vec![]]), Just([vec![3], vec![]]), Just([vec![], vec![2]]), Just([vec![2, 1], vec![3]]),
            Just([vec![3], vec![3]]), Just([vec![2, 2], vec![1, 2]]), Just([vec![2, 3, 2], vec![1, 3, 1]]),
            Just([vec![3, 1], vec![2, 3, 2]]), Just([vec![1], vec![1, 1]]),
        ],
        which in 0usize..4,
    ) {
        let transpose = ALL[which];
        let a = side(&batch[0], [rows, depth], transpose.left(), 1);
        let b = side(&batch[1], [depth, columns], transpose.right(), 2);
        let shape = infer(a.spec(), b.spec(), transpose).unwrap().shape;
        let grad = normal(&shape, 3, DType::F32).unwrap();
        let [expected, sizes] = reference::matmul(&a, &b, transpose, &shape).unwrap();
        let [a64, b64, grad64] = [&a, &b, &grad].map(|x| x.to_dtype(DType::F64).unwrap());
        assert_close("f64", &matmul(&a64, &b64, transpose).unwrap(), &expected, &sizes, 1e-14);
        let abs = |x: &Tensor| {
            let values: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| x.abs()).collect();
            Tensor::from_slice(x.shape(), &values).unwrap()
        };
        let left = backward_left(&grad64, &b64, transpose, a.shape()).unwrap();
        let left_sizes = backward_left(&abs(&grad64), &abs(&b64), transpose, a.shape()).unwrap();
        let right = backward_right(&a64, &grad64, transpose, b.shape()).unwrap();
        let right_sizes = backward_right(&abs(&a64), &abs(&grad64), transpose, b.shape()).unwrap();
        on_each_level(|_| {
            poison(&shape, DType::F32).unwrap();
            assert_close("product", &matmul(&a, &b, transpose).unwrap(), &expected, &sizes, 1e-5);
            let got = backward_left(&grad, &b, transpose, a.shape()).unwrap();
            assert_close("left gradient", &got, &left, &left_sizes, 1e-5);
            let got = backward_right(&a, &grad, transpose, b.shape()).unwrap();
            assert_close("right gradient", &got, &right, &right_sizes, 1e-5);
        });
    }
}
