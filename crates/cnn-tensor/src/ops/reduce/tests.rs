//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{arg_max, is_finite, max_abs_difference, mean, sum, sum_leading};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const NAN: f32 = f32::NAN;
const INFINITY: f32 = f32::INFINITY;

fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

#[test]
fn small_sums_by_hand() {
    let x = tensor(&[2, 1, 3], &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    on_each_level(|_| {
        assert_eq!(sum(&x).unwrap().item().unwrap(), 66.0);
        assert_eq!(mean(&x).unwrap().item().unwrap(), 11.0);
        assert_eq!(sum_leading(&x).unwrap().to_vec::<f32>().unwrap(), [11.0, 22.0, 33.0]);
    });
    assert_eq!(sum(&x).unwrap().shape(), [0usize; 0]);
}

#[test]
fn nothing_sums_to_zero_and_has_no_mean() {
    let x = Tensor::zeros(&[0, 3], DType::F32).unwrap();
    assert_eq!(sum(&x).unwrap().item().unwrap(), 0.0);
    assert!(mean(&x).unwrap().item().unwrap().is_nan());
    assert_eq!(sum_leading(&x).unwrap().to_vec::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(arg_max(&x).unwrap().shape(), [0]);
    assert_eq!(sum_leading(&Tensor::zeros(&[3, 0], DType::F32).unwrap()).unwrap().shape(), [0]);
}

#[test]
fn arg_max_takes_the_first_of_equals_and_nan_above_all() {
    let rows: [(&[f32], i64); 7] = [
        (&[1.0, 3.0, 2.0], 1),
        (&[3.0, 3.0, 3.0], 0),
        (&[0.0, -0.0, -1.0], 0),
        (&[-0.0, 0.0, -1.0], 0),
        (&[-INFINITY, -INFINITY, -INFINITY], 0),
        (&[INFINITY, NAN, 2.0], 1),
        (&[1.0, NAN, NAN], 1),
    ];
    on_each_level(|level| {
        for (row, expected) in rows {
            let x = tensor(&[1, 3], row);
            assert_eq!(arg_max(&x).unwrap().to_vec::<i64>().unwrap(), [expected], "{row:?} on {level}");
            let x = x.to_dtype(DType::F64).unwrap();
            assert_eq!(arg_max(&x).unwrap().to_vec::<i64>().unwrap(), [expected], "{row:?}");
        }
    });
}

#[test]
fn one_nan_or_infinity_anywhere_is_found() {
    on_each_level(|_| {
        for at in [0, 1, 15, 16, 4999] {
            for bad in [NAN, INFINITY, -INFINITY] {
                let mut x = normal(&[5000], 1, DType::F32).unwrap();
                assert!(is_finite(&x).unwrap());
                x.as_mut_slice::<f32>().unwrap()[at] = bad;
                assert!(!is_finite(&x).unwrap());
                assert!(!is_finite(&x.to_dtype(DType::F64).unwrap()).unwrap());
            }
        }
    });
}

#[test]
fn the_largest_difference_is_found_and_nan_is_the_largest() {
    on_each_level(|_| {
        let a = normal(&[3000], 1, DType::F32).unwrap();
        let mut b = a.clone();
        assert_eq!(max_abs_difference(&a, &b).unwrap(), 0.0);
        b.as_mut_slice::<f32>().unwrap()[2999] += 4.0;
        assert!((max_abs_difference(&a, &b).unwrap() - 4.0).abs() < 1e-6);
        b.as_mut_slice::<f32>().unwrap()[7] = NAN;
        assert!(max_abs_difference(&a, &b).unwrap().is_nan());
    });
    let error = max_abs_difference(&tensor(&[1], &[0.0]), &tensor(&[2], &[0.0; 2])).unwrap_err();
    assert_eq!(error.to_string(), "max_abs_difference: left [1] and right [2] differ, expected one shape");
}

#[test]
fn scalars_empty_axes_and_whole_numbers_are_errors() {
    let scalar = Tensor::scalar(1.0f32).unwrap();
    assert!(matches!(sum_leading(&scalar), Err(Error::Shape { .. })));
    assert!(matches!(arg_max(&scalar), Err(Error::Shape { .. })));
    assert!(matches!(arg_max(&tensor(&[2, 0], &[])), Err(Error::Shape { .. })));
    assert!(matches!(sum(&Tensor::zeros(&[2], DType::I64).unwrap()), Err(Error::DType { .. })));
}

#[test]
fn threads_change_nothing() {
    for shape in [[50_001, 3], [997, 130]] {
        let x = normal(&shape, 1, DType::F32).unwrap();
        assert_threads_change_nothing("reduce", || {
            vec![sum(&x).unwrap(), mean(&x).unwrap(), sum_leading(&x).unwrap(), arg_max(&x).unwrap()]
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Narrow, ragged and wide channels; the mean is far from zero, so that rounding has something to lose.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        rows in 0usize..400,
        channels in prop_oneof![1usize..20, Just(100), Just(257)],
        seed in any::<u64>(),
    ) {
        let mut x = normal(&[rows, channels], seed, DType::F32).unwrap();
        x.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|x| *x += 10.0);
        let wide = x.to_dtype(DType::F64).unwrap();
        let sizes: Vec<f64> = wide.to_f64_vec().unwrap().iter().map(|x| x.abs()).collect();
        let sizes = Tensor::from_slice(&[rows, channels], &sizes).unwrap();
        on_each_level(|_| {
            poison(&[channels], DType::F32).unwrap();
            let scale = sum(&sizes).unwrap();
            assert_close("sum", &sum(&x).unwrap(), &sum(&wide).unwrap(), &scale, 1e-6);
            let got = sum_leading(&x).unwrap();
            assert_close("sum_leading", &got, &sum_leading(&wide).unwrap(), &sum_leading(&sizes).unwrap(), 1e-6);
            assert!(same_bits(&arg_max(&x).unwrap(), &arg_max(&wide).unwrap()));
        });
    }
}
