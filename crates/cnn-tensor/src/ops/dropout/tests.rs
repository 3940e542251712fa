//! The mask itself, then every instruction set against the reference.

use proptest::prelude::*;

use super::dropout;
use crate::random::Key;
use crate::testing::{assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

#[test]
fn the_mask_is_drawn_from_the_key_by_index() {
    let key = Key::new(5);
    let y = dropout(Tensor::full(&[9], 3.0, DType::F32).unwrap(), 0.25, key).unwrap();
    let expected: Vec<f32> = (0..9).map(|i| if key.uniform(i) >= 0.25 { 4.0 } else { 0.0 }).collect();
    assert_eq!(y.to_vec::<f32>().unwrap(), expected);
    assert!(expected.contains(&0.0) && expected.contains(&4.0));
}

#[test]
fn the_same_call_on_the_gradient_is_the_backward_pass() {
    let (x, grad) = (normal(&[3, 50], 1, DType::F32).unwrap(), normal(&[3, 50], 2, DType::F32).unwrap());
    let key = Key::new(9).fold(4);
    let y = dropout(x.clone(), 0.4, key).unwrap().to_vec::<f32>().unwrap();
    let back = dropout(grad.clone(), 0.4, key).unwrap().to_vec::<f32>().unwrap();
    let (x, grad) = (x.to_vec::<f32>().unwrap(), grad.to_vec::<f32>().unwrap());
    for i in 0..150 {
        assert_eq!(y[i] == 0.0, back[i] == 0.0);
        let slope = f64::from(y[i]) / f64::from(x[i]);
        assert!((f64::from(back[i]) - slope * f64::from(grad[i])).abs() < 1e-6);
    }
}

#[test]
fn the_share_that_is_dropped_and_the_mean_are_right() {
    for probability in [0.1, 0.5, 0.9] {
        let y = dropout(Tensor::full(&[40_000], 1.0, DType::F32).unwrap(), probability, Key::new(3)).unwrap();
        let y = y.to_f64_vec().unwrap();
        let dropped = y.iter().filter(|&&y| y == 0.0).count() as f64 / 40_000.0;
        let mean = y.iter().sum::<f64>() / 40_000.0;
        assert!((dropped - probability).abs() < 0.01, "{dropped} of {probability}");
        assert!((mean - 1.0).abs() < 0.06, "mean {mean}");
    }
}

#[test]
fn probability_zero_drops_nothing_and_one_drops_everything() {
    let x = normal(&[20], 1, DType::F32).unwrap();
    assert!(same_bits(&dropout(x.clone(), 0.0, Key::new(1)).unwrap(), &x));
    let y = dropout(x, 1.0, Key::new(1)).unwrap().to_vec::<f32>().unwrap();
    assert!(y.iter().all(|&y| y == 0.0));
}

#[test]
fn a_probability_outside_the_unit_interval_or_another_type_is_an_error() {
    let x = normal(&[2], 1, DType::F32).unwrap();
    for probability in [-0.1, 1.5, f64::NAN] {
        assert!(matches!(dropout(x.clone(), probability, Key::new(1)), Err(Error::Argument { .. })));
    }
    let whole = Tensor::zeros(&[2], DType::U8).unwrap();
    assert!(matches!(dropout(whole, 0.5, Key::new(1)), Err(Error::DType { .. })));
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[100_003], 1, DType::F32).unwrap();
    assert_threads_change_nothing("dropout", || vec![dropout(x.clone(), 0.3, Key::new(2)).unwrap()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_instruction_set_draws_the_mask_of_the_reference(
        len in 0usize..200,
        seed in any::<u64>(),
        probability in 0.0f64..1.0,
    ) {
        let x = normal(&[len], seed, DType::F32).unwrap();
        let key = Key::new(!seed);
        let expected = dropout(x.to_dtype(DType::F64).unwrap(), probability, key).unwrap().to_f64_vec().unwrap();
        on_each_level(|_| {
            poison(&[len], DType::F32).unwrap();
            let y = dropout(x.clone(), probability, key).unwrap();
            for (&y, &expected) in y.as_slice::<f32>().unwrap().iter().zip(&expected) {
                assert!((f64::from(y) - expected).abs() <= 1e-6 * expected.abs());
            }
            let own = Tensor::from_slice(&[len], x.as_slice::<f32>().unwrap()).unwrap();
            assert!(same_bits(&y, &dropout(own, probability, key).unwrap()));
        });
    }
}
