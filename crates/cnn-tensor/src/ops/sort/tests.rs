//! Rows by hand, then every type against a stable sort of doubles.

use proptest::prelude::*;

use super::{Order, arg_sort, sort, top_k};
use crate::testing::{assert_threads_change_nothing, normal, same_bits};
use crate::{DType, Error, Tensor};

const BOTH: [Order; 2] = [Order::Ascending, Order::Descending];

#[test]
fn nan_is_above_all_and_equals_stay_in_order() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = Tensor::from_slice(&[9], &[0.0, nan, -inf, -0.0, 1e-40, inf, -nan, -1e-40, -3.0]).unwrap();
    for dtype in [DType::F32, DType::F64] {
        let x = x.to_dtype(dtype).unwrap();
        let places = |order| arg_sort(&x, 0, order).unwrap().to_vec::<i64>().unwrap();
        assert_eq!(places(Order::Ascending), [2, 8, 7, 0, 3, 4, 5, 1, 6]);
        assert_eq!(places(Order::Descending), [1, 6, 5, 4, 0, 3, 7, 8, 2]);
    }
}

#[test]
fn any_axis_is_sorted() {
    let x = Tensor::from_slice(&[2, 3], &[3i64, 1, 2, -1, 5, 0]).unwrap();
    let down = sort(&x, 0, Order::Ascending).unwrap();
    assert_eq!(down.values.to_vec::<i64>().unwrap(), [-1, 1, 0, 3, 5, 2]);
    assert_eq!(down.indices.to_vec::<i64>().unwrap(), [1, 0, 1, 0, 1, 0]);
    let along = sort(&x, 1, Order::Descending).unwrap();
    assert_eq!(along.values.to_vec::<i64>().unwrap(), [3, 2, 1, 5, 0, -1]);
    let extremes = Tensor::from_slice(&[3], &[0i64, i64::MIN, i64::MAX]).unwrap();
    assert_eq!(arg_sort(&extremes, 0, Order::Ascending).unwrap().to_vec::<i64>().unwrap(), [1, 0, 2]);
}

#[test]
fn the_first_of_equals_are_taken() {
    let x = Tensor::from_slice(&[1, 6], &[2.0f32, 5.0, 2.0, 5.0, 2.0, 1.0]).unwrap();
    let top = top_k(&x, 3, 1, Order::Descending).unwrap();
    assert_eq!(top.values.to_vec::<f32>().unwrap(), [5.0, 5.0, 2.0]);
    assert_eq!(top.indices.to_vec::<i64>().unwrap(), [1, 3, 0]);
    let least = top_k(&x, 3, 1, Order::Ascending).unwrap();
    assert_eq!(least.indices.to_vec::<i64>().unwrap(), [5, 0, 2]);
    assert_eq!(top_k(&x, 0, 1, Order::Ascending).unwrap().values.shape(), [1, 0]);
}

#[test]
fn what_cannot_be_sorted_is_an_error() {
    let x = Tensor::zeros(&[2, 3], DType::F32).unwrap();
    assert!(matches!(sort(&x, 2, Order::Ascending), Err(Error::Shape { .. })));
    assert!(matches!(sort(&Tensor::scalar(1.0f32).unwrap(), 0, Order::Ascending), Err(Error::Shape { .. })));
    let error = top_k(&x, 4, 1, Order::Ascending).unwrap_err().to_string();
    assert_eq!(error, "top_k: count is 4 of 3 along axis 1, expected at most as many as there are");
    assert_eq!(
        sort(&Tensor::zeros(&[0, 3], DType::U8).unwrap(), 0, Order::Ascending).unwrap().values.shape(),
        [0, 3]
    );
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[60, 50, 30], 1, DType::F32).unwrap();
    assert_threads_change_nothing("sort", || {
        let sorted = sort(&x, 1, Order::Ascending).unwrap();
        vec![sorted.values, sorted.indices]
    });
    assert_threads_change_nothing("top_k", || {
        let top = top_k(&x, 5, 2, Order::Descending).unwrap();
        vec![top.values, top.indices]
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_type_sorts_as_doubles_do(
        dims in prop::collection::vec(0usize..7, 1..4), at in any::<u8>(), which in 0usize..10, seed in any::<u64>(),
        count in any::<u8>(),
    ) {
        let axis = usize::from(at) % dims.len();
        let mut x = normal(&dims, seed, DType::F32).unwrap();
        x.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|x| *x = (3.0 * *x).round());
        let x = x.to_dtype(DType::ALL[which]).unwrap();
        let inner: usize = dims[axis + 1..].iter().product();
        let values = x.to_f64_vec().unwrap();
        for order in BOTH {
            let sorted = sort(&x, axis, order).unwrap();
            let places = sorted.indices.to_vec::<i64>().unwrap();
            for (start, _) in values.iter().enumerate().filter(|(at, _)| (at / inner).is_multiple_of(dims[axis])) {
                let row = |at: usize| values[start + at * inner];
                let mut expected: Vec<usize> = (0..dims[axis]).collect();
                expected.sort_by(|&a, &b| match order {
                    Order::Ascending => row(a).total_cmp(&row(b)),
                    Order::Descending => row(b).total_cmp(&row(a)),
                });
                let got: Vec<usize> = (0..dims[axis]).map(|at| places[start + at * inner] as usize).collect();
                // -0 comes before 0 in the total order of doubles, and equals it in ours.
                let values = |places: &[usize]| places.iter().map(|&at| row(at) + 0.0).collect::<Vec<f64>>();
                prop_assert_eq!(values(&got), values(&expected));
                prop_assert!(got.windows(2).all(|pair| row(pair[0]) != row(pair[1]) || pair[0] < pair[1]));
            }
            let picked = crate::ops::gather::gather(&x, &sorted.indices, axis).unwrap();
            prop_assert!(same_bits(&picked, &sorted.values));
            let count = usize::from(count) % (dims[axis] + 1);
            let top = top_k(&x, count, axis, order).unwrap();
            let first = crate::ops::narrow::narrow(&sorted.indices, axis, 0..count).unwrap();
            prop_assert!(same_bits(&top.indices, &first));
        }
    }
}
