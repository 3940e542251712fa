//! Rows of PyTorch's values, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{
    AbsoluteError, BinaryCrossEntropy, Huber, KlDivergence, KlDivergenceOfLogs, Loss, Pair, Reduction, Side,
    SigmoidFocal, SmoothL1, SquaredError, backward, binary_cross_entropy, binary_cross_entropy_backward,
    forward,
};
use crate::ops::unary;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const PREDICTIONS: [f64; 6] = [0.5, -1.5, 2.0, 0.25, -0.75, 6.0];
const TARGETS: [f64; 6] = [0.5, 1.0, 0.0, 0.75, 0.25, 1.0];
const NAN: f64 = f64::NAN;

fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

/// Values and both gradients of a member, in both types and on each instruction set.
fn row<L: Loss>(loss: L, values: [f64; 6], gradients: [f64; 6], target_gradients: [f64; 6]) {
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-8)] {
        on_each_level(|level| {
            let of = |values: &[f64]| Tensor::from_slice(&[6], values).unwrap().to_dtype(dtype).unwrap();
            let (x, t, ones) = (of(&PREDICTIONS), of(&TARGETS), of(&[1.0; 6]));
            let pair = Pair::new(&x, &t);
            let back = |side| backward(&loss, pair, Reduction::None, &ones, side).unwrap();
            let rows = [
                ("value", forward(&loss, pair, Reduction::None).unwrap(), values),
                ("gradient", back(Side::Prediction), gradients),
                ("gradient of the target", back(Side::Target), target_gradients),
            ];
            for (what, got, expected) in rows {
                for (got, expected) in got.to_f64_vec().unwrap().into_iter().zip(expected) {
                    // PyTorch has no gradient of the logarithm of 0, here it is infinite.
                    let same = (got.is_nan() || got.is_infinite()) && expected.is_nan();
                    assert!(
                        same || (got - expected).abs() <= tolerance * (expected.abs() + 1.0),
                        "{what} of {} is {got}, expected {expected}, {dtype} on {level}",
                        L::NAME
                    );
                }
            }
        });
    }
}

// The rows are those of fixtures/loss.py, by PyTorch 2.15.
#[rustfmt::skip]
#[expect(clippy::approx_constant, reason = "rows are as the script prints them")]
#[test]
fn values_and_gradients_are_those_of_pytorch() {
    // fixtures/loss.py 7701eefe3b175517, torch 2.15.0+cu132
    row(SquaredError, [0.0, 6.25, 4.0, 0.25, 1.0, 25.0], [0.0, -5.0, 4.0, -1.0, -2.0, 10.0], [0.0, 5.0, -4.0, 1.0, 2.0, -10.0]);
    row(AbsoluteError, [0.0, 2.5, 2.0, 0.5, 1.0, 5.0], [0.0, -1.0, 1.0, -1.0, -1.0, 1.0], [-0.0, 1.0, -1.0, 1.0, 1.0, -1.0]);
    row(SmoothL1 { beta: 1.0 }, [0.0, 2.0, 1.5, 0.125, 0.5, 4.5], [0.0, -1.0, 1.0, -0.5, -1.0, 1.0], [0.0, 1.0, -1.0, 0.5, 1.0, -1.0]);
    row(SmoothL1 { beta: 0.5 }, [0.0, 2.25, 1.75, 0.25, 0.75, 4.75], [0.0, -1.0, 1.0, -1.0, -1.0, 1.0], [0.0, 1.0, -1.0, 1.0, 1.0, -1.0]);
    row(SmoothL1 { beta: 0.0 }, [0.0, 2.5, 2.0, 0.5, 1.0, 5.0], [0.0, -1.0, 1.0, -1.0, -1.0, 1.0], [-0.0, 1.0, -1.0, 1.0, 1.0, -1.0]);
    row(Huber { delta: 0.5 }, [0.0, 1.125, 0.875, 0.125, 0.375, 2.375], [0.0, -0.5, 0.5, -0.5, -0.5, 0.5], [0.0, 0.5, -0.5, 0.5, 0.5, -0.5]);
    row(KlDivergence, [-0.59657359, 1.5, 0.0, -0.403261554, -0.15907359, -6.0], [-0.5, -1.0, -0.0, -0.75, -0.25, -1.0], [-0.193147181, 2.5, NAN, 0.462317928, 0.363705639, -5.0]);
    row(KlDivergenceOfLogs, [0.0, 6.79570457, -2.0, 1.05850001, 1.28402542, -13.5914091], [-1.64872127, -2.71828183, -1.0, -2.11700002, -1.28402542, -2.71828183], [1.64872127, 9.5139864, -1.0, 3.17550002, 2.56805083, -10.8731273]);
    row(BinaryCrossEntropy, [0.724076984, 1.70141328, 2.12692801, 0.63843942, 0.574371006, 0.00247568514], [0.122459331, -0.817574476, 0.880797078, -0.187823499, 0.0708213008, -0.00247262316], [-0.5, 1.5, -2.0, -0.25, 0.75, -6.0]);
    row(SigmoidFocal { alpha: Some(0.25), gamma: 2.0 }, [0.090509623, 0.284318079, 1.23755863, 0.0526420983, 0.0604657955, 3.78400135e-09], [0.0153074164, -0.240356172, 0.807535298, -0.0431189581, 0.0395580418, -1.13286111e-08], [-0.241679606, 0.123780632, -4.1288909, -0.11872388, 0.136175743, -1.22239481e-05]);
    row(SigmoidFocal { alpha: None, gamma: 1.5 }, [0.255999873, 1.25776876, 1.75819317, 0.205001183, 0.151015124, 3.04391351e-07], [0.0432959118, -0.948565138, 1.04247035, -0.141014218, 0.0787531702, -7.59472931e-07], [-0.364874135, 2.57455804, -3.93364143, -0.161822229, 0.39498429, -0.000921457975]);
    row(SigmoidFocal { alpha: Some(0.5), gamma: 0.0 }, [0.362038492, 0.850706639, 1.06346401, 0.31921971, 0.287185503, 0.00123784257], [0.0612296656, -0.408787238, 0.440398539, -0.0939117496, 0.0354106504, -0.00123631158], [-0.25, 0.75, -1.0, -0.125, 0.375, -3.0]);
}

#[test]
fn reductions_and_weights_by_hand() {
    let (x, t) = (tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), tensor(&[2, 2], &[0.0, 0.0, 0.0, 0.0]));
    let weight = tensor(&[2, 2], &[1.0, 0.0, 0.5, 2.0]);
    let weighted = Pair { prediction: &x, target: &t, weight: Some(&weight) };
    on_each_level(|_| {
        for (reduction, plain, with_weights) in
            [(Reduction::Mean, 7.5, 9.375), (Reduction::Sum, 30.0, 37.5), (Reduction::BatchMean, 15.0, 18.75)]
        {
            let of = |pair| forward(&SquaredError, pair, reduction).unwrap().item().unwrap();
            assert_eq!((of(Pair::new(&x, &t)), of(weighted)), (plain, with_weights), "{reduction:?}");
            let grad = Tensor::scalar(2.0f32).unwrap();
            let back = backward(&SquaredError, weighted, reduction, &grad, Side::Prediction).unwrap();
            let factor = (with_weights / 37.5) as f32;
            let expected = [4.0, 0.0, 6.0, 32.0].map(|value: f32| value * factor);
            assert_eq!(back.to_vec::<f32>().unwrap(), expected, "{reduction:?}");
        }
        let each = forward(&SquaredError, weighted, Reduction::None).unwrap();
        assert_eq!(each.to_vec::<f32>().unwrap(), [1.0, 0.0, 4.5, 32.0]);
        let back = backward(&SquaredError, weighted, Reduction::None, &x, Side::Target).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), [-2.0, 0.0, -9.0, -64.0]);
    });
}

#[test]
fn a_weight_of_the_positive_class_multiplies_its_part_of_the_loss() {
    let x = tensor(&[2, 2], &[0.0, 0.0, 3.0, -200.0]);
    let t = tensor(&[2, 2], &[1.0, 0.0, 0.0, 1.0]);
    let positive = tensor(&[2], &[3.0, 0.5]);
    let pair = Pair::new(&x, &t);
    on_each_level(|_| {
        let each = binary_cross_entropy(pair, &positive, Reduction::None).unwrap().to_f64_vec().unwrap();
        let ln_2 = std::f64::consts::LN_2;
        for (got, expected) in each.into_iter().zip([3.0 * ln_2, ln_2, 3.0 + (-3f64).exp().ln_1p(), 100.0]) {
            assert!((got - expected).abs() < 1e-6 * expected, "{got}, expected {expected}");
        }
        let grad = Tensor::scalar(1.0f32).unwrap();
        let back = binary_cross_entropy_backward(pair, &positive, Reduction::Sum, &grad, Side::Prediction);
        let back = back.unwrap();
        let expected = [-1.5, 0.5, 1.0 / (1.0 + (-3f64).exp()), -0.5];
        for (got, expected) in back.to_f64_vec().unwrap().into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got}, expected {expected}");
        }
        let ones = tensor(&[2], &[1.0, 1.0]);
        let same = binary_cross_entropy(pair, &ones, Reduction::Mean).unwrap();
        assert!(same_bits(&same, &forward(&BinaryCrossEntropy, pair, Reduction::Mean).unwrap()));
    });
}

#[test]
fn nothing_has_no_mean_and_nan_reaches_the_loss() {
    let none = Tensor::zeros(&[0, 3], DType::F32).unwrap();
    let pair = Pair::new(&none, &none);
    assert!(forward(&SquaredError, pair, Reduction::Mean).unwrap().item().unwrap().is_nan());
    assert_eq!(forward(&SquaredError, pair, Reduction::Sum).unwrap().item().unwrap(), 0.0);
    assert_eq!(forward(&SquaredError, pair, Reduction::None).unwrap().shape(), [0, 3]);
    let (x, zero) = (tensor(&[2], &[f32::NAN, 1.0]), tensor(&[2], &[0.0; 2]));
    let pair = Pair::new(&x, &zero);
    on_each_level(|_| {
        assert!(forward(&AbsoluteError, pair, Reduction::Mean).unwrap().item().unwrap().is_nan());
        let grad = Tensor::scalar(1.0f32).unwrap();
        let of = |loss: &Huber| backward(loss, pair, Reduction::Sum, &grad, Side::Prediction).unwrap();
        assert!(of(&Huber { delta: 1.0 }).to_f64_vec().unwrap()[0].is_nan());
    });
}

#[test]
fn other_shapes_and_types_are_errors() {
    let (x, t) = (tensor(&[2], &[0.0; 2]), tensor(&[3], &[0.0; 3]));
    let error = forward(&SquaredError, Pair::new(&x, &t), Reduction::Mean).unwrap_err();
    assert_eq!(error.to_string(), "mse_loss: prediction [2] and target [3] differ, expected one shape");
    let weighted = Pair { prediction: &x, target: &x, weight: Some(&t) };
    assert!(matches!(forward(&SquaredError, weighted, Reduction::Mean), Err(Error::Shape { .. })));
    let wide = x.to_dtype(DType::F64).unwrap();
    assert!(matches!(
        forward(&SquaredError, Pair::new(&x, &wide), Reduction::Mean),
        Err(Error::DType { .. })
    ));
    let whole = x.to_dtype(DType::I64).unwrap();
    assert!(matches!(
        forward(&SquaredError, Pair::new(&whole, &whole), Reduction::Sum),
        Err(Error::DType { .. })
    ));
    let back = backward(&SquaredError, Pair::new(&x, &x), Reduction::Mean, &x, Side::Target);
    assert!(matches!(back, Err(Error::Shape { .. })));
    assert!(matches!(binary_cross_entropy(Pair::new(&x, &x), &t, Reduction::Sum), Err(Error::Shape { .. })));
    let (scalar, none) = (Tensor::scalar(1.0f32).unwrap(), tensor(&[0], &[]));
    let of_none = binary_cross_entropy(Pair::new(&scalar, &scalar), &none, Reduction::Sum);
    assert!(matches!(of_none, Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    let (x, t) = (normal(&[9001, 13], 1, DType::F32).unwrap(), normal(&[9001, 13], 2, DType::F32).unwrap());
    let positive = normal(&[13], 3, DType::F32).unwrap();
    let pair = Pair { prediction: &x, target: &t, weight: Some(&x) };
    let grad = Tensor::scalar(2.0f32).unwrap();
    assert_threads_change_nothing("squared error", || {
        vec![forward(&SquaredError, Pair::new(&x, &t), Reduction::Mean).unwrap()]
    });
    assert_threads_change_nothing("binary cross-entropy", || {
        vec![binary_cross_entropy(pair, &positive, Reduction::Sum).unwrap()]
    });
    assert_threads_change_nothing("gradient of binary cross-entropy", || {
        let side = Side::Target;
        vec![binary_cross_entropy_backward(pair, &positive, Reduction::Mean, &grad, side).unwrap()]
    });
    assert_threads_change_nothing("gradient of huber", || {
        vec![backward(&Huber { delta: 1.0 }, pair, Reduction::None, &x, Side::Target).unwrap()]
    });
}

/// All reductions, sides and instruction sets of a member; targets of a probability are from 0 to 1.
fn check<L: Loss>(loss: &L, x: &Tensor, t: &Tensor, weight: Option<&Tensor>) {
    let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
    let (wide_x, wide_t, wide_weight) = (wide(x), wide(t), weight.map(wide));
    let narrow_pair = Pair { prediction: x, target: t, weight };
    let wide_pair = Pair { prediction: &wide_x, target: &wide_t, weight: wide_weight.as_ref() };
    let sizes = |x: &Tensor| {
        let sizes: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| x.abs() + 1.0).collect();
        Tensor::from_slice(x.shape(), &sizes).unwrap()
    };
    let each = forward(loss, wide_pair, Reduction::None).unwrap();
    let terms: f64 = sizes(&each).to_f64_vec().unwrap().iter().sum();
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::BatchMean, Reduction::None] {
        let expected = forward(loss, wide_pair, reduction).unwrap();
        let scale = match reduction {
            Reduction::None => sizes(&each),
            _ => Tensor::scalar(terms / reduction.divisor(x.shape())).unwrap(),
        };
        let grad = if reduction == Reduction::None { x.clone() } else { Tensor::scalar(1.5f32).unwrap() };
        on_each_level(|_| {
            poison(x.shape(), DType::F32).unwrap();
            let got = forward(loss, narrow_pair, reduction).unwrap();
            assert_close(L::NAME, &got, &expected, &scale, 3e-6);
            for side in [Side::Prediction, Side::Target] {
                poison(x.shape(), DType::F32).unwrap();
                let got = backward(loss, narrow_pair, reduction, &grad, side).unwrap();
                let expected = backward(loss, wide_pair, reduction, &wide(&grad), side).unwrap();
                assert_close(L::NAME, &got, &expected, &sizes(&expected), 3e-6);
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        rows in 1usize..200,
        channels in prop_oneof![1usize..9, Just(140)],
        weighted in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let shape = [rows, channels];
        let of = |seed: u64| normal(&shape, seed, DType::F32).unwrap();
        let (x, t, weight) = (of(seed), of(!seed), of(seed ^ 9));
        let weight = weighted.then_some(&weight);
        check(&SquaredError, &x, &t, weight);
        check(&AbsoluteError, &x, &t, weight);
        check(&SmoothL1 { beta: 0.7 }, &x, &t, weight);
        check(&Huber { delta: 0.7 }, &x, &t, weight);
        check(&KlDivergenceOfLogs, &x, &t, weight);
        let t = unary::forward(&unary::Sigmoid, t).unwrap();
        check(&KlDivergence, &x, &t, weight);
        check(&BinaryCrossEntropy, &x, &t, weight);
        check(&SigmoidFocal { alpha: Some(0.25), gamma: 2.0 }, &x, &t, weight);
    }
}
