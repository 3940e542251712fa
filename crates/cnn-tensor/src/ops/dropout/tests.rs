//! The mask itself, then every instruction set against the reference.

use proptest::prelude::*;

use super::{Unit, dropout, dropout_of};
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

const WHOLE: [Unit; 3] = [Unit::Channel, Unit::Example, Unit::Batch];

#[test]
fn units_are_dropped_whole_and_about_as_many_as_asked() {
    let shape = [500, 3, 2, 4];
    let x = Tensor::full(&shape, 1.0, DType::F32).unwrap();
    for (unit, unit_len) in [(Unit::Channel, 6), (Unit::Example, 24)] {
        let y = dropout_of(unit, x.clone(), 0.25, Key::new(7)).unwrap().to_vec::<f32>().unwrap();
        let units: Vec<Vec<f32>> = match unit {
            Unit::Channel => y
                .chunks(24)
                .flat_map(|example| (0..4).map(|c| example.iter().copied().skip(c).step_by(4).collect()))
                .collect(),
            _ => y.chunks(24).map(<[f32]>::to_vec).collect(),
        };
        assert!(units.iter().all(|unit| unit.len() == unit_len && unit.iter().all(|&y| y == unit[0])));
        let dropped = units.iter().filter(|unit| unit[0] == 0.0).count() as f64 / units.len() as f64;
        assert!((dropped - 0.25).abs() < 0.05, "{dropped} of {unit:?}");
        assert!(units.iter().all(|unit| unit[0] == 0.0 || (unit[0] - 4.0 / 3.0).abs() < 1e-6));
    }
    let kept =
        |seed| dropout_of(Unit::Batch, x.clone(), 0.25, Key::new(seed)).unwrap().to_vec::<f32>().unwrap();
    let all: Vec<Vec<f32>> = (0..200).map(kept).collect();
    assert!(all.iter().all(|y| y.iter().all(|&value| value == y[0])));
    let dropped = all.iter().filter(|y| y[0] == 0.0).count();
    assert!((30..70).contains(&dropped), "{dropped} of 200");
}

#[test]
fn units_that_are_not_there_are_errors_and_no_elements_are_none() {
    let error =
        dropout_of(Unit::Channel, normal(&[3], 1, DType::F32).unwrap(), 0.5, Key::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "dropout: input [3], expected [batch, .., channels]");
    let scalar = || Tensor::scalar(1.0f32).unwrap();
    assert!(matches!(dropout_of(Unit::Example, scalar(), 0.5, Key::new(1)), Err(Error::Shape { .. })));
    assert!(dropout_of(Unit::Batch, scalar(), 0.5, Key::new(1)).is_ok());
    for unit in WHOLE {
        for shape in [[0, 2, 3], [2, 0, 3], [2, 3, 0]] {
            for dtype in [DType::F32, DType::F64] {
                let x = Tensor::zeros(&shape, dtype).unwrap();
                assert_eq!(dropout_of(unit, x, 0.5, Key::new(1)).unwrap().shape(), shape);
            }
        }
        let x = normal(&[2, 3], 1, DType::F32).unwrap();
        assert!(matches!(dropout_of(unit, x.clone(), 1.5, Key::new(1)), Err(Error::Argument { .. })));
        assert!(same_bits(&dropout_of(unit, x.clone(), 0.0, Key::new(1)).unwrap(), &x));
        let none = dropout_of(unit, x, 1.0, Key::new(1)).unwrap();
        assert!(none.to_f64_vec().unwrap().iter().all(|&y| y == 0.0));
    }
}

#[test]
fn any_number_of_units_without_elements_is_nothing() {
    for shape in [[1 << 40, 0, 3], [1 << 20, 0, 1 << 20]] {
        for dtype in [DType::F32, DType::F64] {
            for unit in WHOLE {
                let x = Tensor::zeros(&shape, dtype).unwrap();
                assert_eq!(dropout_of(unit, x, 0.5, Key::new(1)).unwrap().shape(), shape);
            }
        }
    }
}

#[test]
fn threads_change_nothing_about_whole_units() {
    for shape in [[3, 40_003, 3], [3000, 7, 5]] {
        let x = normal(&shape, 1, DType::F32).unwrap();
        for unit in WHOLE {
            assert_threads_change_nothing(unit.name(), || {
                vec![dropout_of(unit, x.clone(), 0.3, Key::new(2)).unwrap()]
            });
        }
    }
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

    #[test]
    fn every_instruction_set_drops_the_units_of_the_reference(
        batch in 1usize..5,
        pixels in prop_oneof![1usize..70, Just(7000)],
        channels in 1usize..9,
        choice in 0usize..3,
        seed in any::<u64>(),
    ) {
        let shape = [batch, pixels, channels];
        let (x, key, unit) = (normal(&shape, seed, DType::F32).unwrap(), Key::new(!seed), WHOLE[choice]);
        let expected = dropout_of(unit, x.to_dtype(DType::F64).unwrap(), 0.4, key).unwrap().to_f64_vec().unwrap();
        on_each_level(|_| {
            poison(&shape, DType::F32).unwrap();
            let y = dropout_of(unit, x.clone(), 0.4, key).unwrap();
            for (&y, &expected) in y.as_slice::<f32>().unwrap().iter().zip(&expected) {
                assert!((f64::from(y) - expected).abs() <= 1e-6 * expected.abs());
            }
            let own = Tensor::from_slice(&shape, x.as_slice::<f32>().unwrap()).unwrap();
            assert!(same_bits(&y, &dropout_of(unit, own, 0.4, key).unwrap()));
        });
    }
}
