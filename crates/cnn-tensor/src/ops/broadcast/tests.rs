//! Shapes by hand, then every pair of shapes against places that are worked out one at a time.

use proptest::prelude::*;

use super::{reference, repeat, shape, sum_to, to};
use crate::ops::binary;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

#[test]
fn sizes_are_equal_or_one_from_the_last_axis_on() {
    assert_eq!(shape("add", &[8, 1, 6, 1], &[7, 1, 5]).unwrap(), [8, 7, 6, 5]);
    assert_eq!(shape("add", &[], &[3]).unwrap(), [3]);
    assert_eq!(shape("add", &[1], &[0]).unwrap(), [0]);
    let error = shape("add", &[2, 3], &[2]).unwrap_err().to_string();
    assert_eq!(
        error,
        "add: left [2, 3] and right [2] do not broadcast: axis 1 of 2 has 3 and 2, expected equal sizes or 1"
    );
    assert!(matches!(shape("add", &[2], &[0]), Err(Error::Shape { .. })));
    assert!(matches!(shape("add", &[1 << 40, 1], &[1 << 40]), Err(Error::TooLarge { .. })));
    assert!(matches!(shape("add", &[1; 9], &[1]), Err(Error::TooLarge { .. })));
}

#[test]
fn a_column_and_a_row_are_repeated() {
    let column = Tensor::from_slice(&[2, 1], &[1i64, 2]).unwrap();
    assert_eq!(to(&column, &[2, 3]).unwrap().to_vec::<i64>().unwrap(), [1, 1, 1, 2, 2, 2]);
    let row = Tensor::from_slice(&[3], &[1u8, 2, 3]).unwrap();
    assert_eq!(to(&row, &[2, 3]).unwrap().to_vec::<u8>().unwrap(), [1, 2, 3, 1, 2, 3]);
    assert!(matches!(to(&row, &[2]), Err(Error::Shape { .. })));
    assert!(matches!(to(&column, &[2]), Err(Error::Shape { .. })));
    assert_eq!(to(&row, &[0, 3]).unwrap().shape(), [0, 3]);
}

#[test]
fn tiles_are_laid_along_each_axis() {
    let x = Tensor::from_slice(&[1, 2], &[1i64, 2]).unwrap();
    let y = repeat(&x, &[2, 2]).unwrap();
    assert_eq!((y.shape(), y.to_vec::<i64>().unwrap()), (&[2, 4][..], vec![1, 2, 1, 2, 1, 2, 1, 2]));
    let y = repeat(&x, &[2, 1, 1]).unwrap();
    assert_eq!((y.shape(), y.to_vec::<i64>().unwrap()), (&[2, 1, 2][..], vec![1, 2, 1, 2]));
    assert_eq!(repeat(&x, &[3, 0]).unwrap().shape(), [3, 0]);
    assert!(matches!(repeat(&x, &[2]), Err(Error::Shape { .. })));
    assert!(matches!(repeat(&x, &[1, usize::MAX]), Err(Error::Shape { .. })));
    assert!(matches!(repeat(&x, &[1 << 31, 1 << 31]), Err(Error::TooLarge { .. })));
}

#[test]
fn the_gradient_is_summed_over_the_copies() {
    let grad = Tensor::from_slice(&[2, 3], &[1.0f32, 2.0, 3.0, 10.0, 20.0, 30.0]).unwrap();
    let back = |shape: &[usize]| sum_to(grad.clone(), shape).unwrap();
    assert_eq!(back(&[2, 1]).to_vec::<f32>().unwrap(), [6.0, 60.0]);
    assert_eq!(back(&[3]).to_vec::<f32>().unwrap(), [11.0, 22.0, 33.0]);
    assert_eq!(back(&[]).item().unwrap(), 66.0);
    assert_eq!(back(&[1, 1]).shape(), [1, 1]);
    assert!(matches!(sum_to(grad.clone(), &[2]), Err(Error::Shape { .. })));
}

#[test]
fn every_element_type_is_repeated() {
    for dtype in DType::ALL {
        let x = Tensor::from_slice(&[3, 1], &[0i32, 1, 1]).unwrap().to_dtype(dtype).unwrap();
        let y = to(&x, &[2, 3, 2]).unwrap();
        assert_eq!(y.dtype(), dtype);
        assert_eq!(y.to_f64_vec().unwrap(), [0., 0., 1., 1., 1., 1., 0., 0., 1., 1., 1., 1.]);
    }
}

#[test]
fn pieces_may_begin_anywhere_in_a_line() {
    // Lines longer than a piece; short lines that are repeated, with a rest; lines of either side's numbers.
    for (a_dims, b_dims) in [
        (vec![3, 20_001], vec![20_001]),
        (vec![20_001], vec![3, 1]),
        (vec![15_000, 3], vec![3]),
        (vec![3], vec![15_000, 3]),
        (vec![700, 30, 5], vec![30, 1]),
        (vec![40, 1, 50], vec![30, 1]),
    ] {
        let (a, b) = (normal(&a_dims, 1, DType::F32).unwrap(), normal(&b_dims, 2, DType::F32).unwrap());
        let dims = shape("sub", &a_dims, &b_dims).unwrap();
        let (a_values, b_values) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
        let expected: Vec<f32> = (0..dims.len())
            .map(|at| {
                a_values[reference::place(at, &dims, &a_dims)]
                    - b_values[reference::place(at, &dims, &b_dims)]
            })
            .collect();
        let expected = Tensor::from_slice(&dims, &expected).unwrap();
        on_each_level(|level| {
            let got = binary::sub(a.clone(), &b).unwrap();
            assert!(same_bits(&got, &expected), "{level} {a_dims:?} and {b_dims:?}");
            let own = Tensor::from_slice(&a_dims, &a_values).unwrap();
            assert!(same_bits(&binary::sub(own, &b).unwrap(), &expected));
        });
        let zeros = Tensor::zeros(&dims, DType::F32).unwrap();
        assert!(same_bits(&to(&a, &dims).unwrap(), &binary::add(zeros, &a).unwrap()));
    }
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[300, 1, 7], 1, DType::F32).unwrap();
    let (row, column) =
        (normal(&[40, 7], 2, DType::F32).unwrap(), normal(&[300, 1, 1], 3, DType::F32).unwrap());
    let wide = to(&x, &[300, 40, 7]).unwrap();
    assert_threads_change_nothing("to", || vec![to(&x, &[300, 40, 7]).unwrap()]);
    assert_threads_change_nothing("a row", || vec![binary::add(wide.clone(), &row).unwrap()]);
    assert_threads_change_nothing("a column", || vec![binary::mul(wide.clone(), &column).unwrap()]);
    assert_threads_change_nothing("sum_to", || vec![sum_to(wide.clone(), &[40, 1]).unwrap()]);
}

/// A shape, and two of which it is the common one.
pub(crate) fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, Vec<usize>)> {
    let dims = prop::collection::vec(prop_oneof![Just(1usize), 2usize..5, 2usize..5, Just(70)], 0..5);
    (dims, any::<[u8; 5]>(), 0usize..5, any::<bool>()).prop_map(|(mut dims, ones, missing, swap)| {
        while dims.iter().product::<usize>() > 6000 {
            dims.pop();
        }
        let of = |which: u8| -> Vec<usize> {
            dims.iter().zip(ones).map(|(&dim, one)| if one % 3 == which { 1 } else { dim }).collect()
        };
        let (a, b) = (of(0), of(1));
        // Leading axes of size one may be left away.
        let leading = b.iter().take_while(|&&dim| dim == 1).count().min(missing);
        let b = b[leading..].to_vec();
        if swap { (dims, b, a) } else { (dims, a, b) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn two_operands_meet_at_their_places((dims, a_dims, b_dims) in shapes(), seed in any::<u64>()) {
        let (a, b) = (normal(&a_dims, seed, DType::F32).unwrap(), normal(&b_dims, !seed, DType::F32).unwrap());
        let (a_values, b_values) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
        let expected: Vec<f32> = (0..dims.iter().product())
            .map(|at| {
                a_values[reference::place(at, &dims, &a_dims)] - b_values[reference::place(at, &dims, &b_dims)]
            })
            .collect();
        let expected = Tensor::from_slice(&dims, &expected).unwrap();
        on_each_level(|_| {
            poison(&dims, DType::F32).unwrap();
            assert!(same_bits(&binary::sub(a.clone(), &b).unwrap(), &expected));
            let own = Tensor::from_slice(&a_dims, &a_values).unwrap();
            assert!(same_bits(&binary::sub(own, &b).unwrap(), &expected));
        });
        let repeated = to(&a, &dims).unwrap().to_vec::<f32>().unwrap();
        for (at, &value) in repeated.iter().enumerate() {
            prop_assert_eq!(value.to_bits(), a_values[reference::place(at, &dims, &a_dims)].to_bits());
        }
    }

    #[test]
    fn the_sum_over_the_copies_agrees_with_single_places((dims, a_dims, _) in shapes(), seed in any::<u64>()) {
        let grad = normal(&dims, seed, DType::F32).unwrap();
        let mut sums = vec![0.0; a_dims.iter().product()];
        let mut sizes = sums.clone();
        for (at, &value) in grad.as_slice::<f32>().unwrap().iter().enumerate() {
            let place = reference::place(at, &dims, &a_dims);
            sums[place] += f64::from(value);
            sizes[place] += f64::from(value.abs());
        }
        let tensor = |values: &[f64]| Tensor::from_slice(&a_dims, values).unwrap();
        on_each_level(|_| {
            let got = sum_to(grad.clone(), &a_dims).unwrap();
            assert_close("sum_to", &got, &tensor(&sums), &tensor(&sizes), 1e-6);
        });
    }
}
