//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{forward, grad_input, grad_weight};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

#[test]
fn slopes_and_gradients_by_hand() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = tensor(&[3, 2], &[-2.0, 4.0, 0.0, -0.0, nan, -inf]);
    let grad = tensor(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    on_each_level(|_| {
        let each = tensor(&[2], &[0.5, 0.25]);
        let y = forward(x.clone(), &each).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(y[..4], [-1.0, 4.0, 0.0, -0.0]);
        assert!(y[3].is_sign_negative() && y[4].is_nan() && y[5] == -inf);
        let back = grad_input(&x, &each, grad.clone()).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(back, [0.5, 2.0, 1.5, 1.0, 2.5, 1.5]);
        let x = x.narrow(0..2).unwrap();
        let grad = grad.narrow(0..2).unwrap();
        let slopes = grad_weight(&x, each.spec(), &grad).unwrap();
        assert_eq!(slopes.to_vec::<f32>().unwrap(), [-2.0, 0.0]);
        let one = tensor(&[1], &[0.5]);
        assert_eq!(forward(x.clone(), &one).unwrap().to_vec::<f32>().unwrap(), [-1.0, 4.0, 0.0, 0.0]);
        assert_eq!(grad_weight(&x, one.spec(), &grad).unwrap().to_vec::<f32>().unwrap(), [-2.0]);
    });
}

#[test]
fn a_slope_for_something_else_is_an_error_and_no_elements_are_none() {
    let x = tensor(&[2, 3], &[0.0; 6]);
    let error = forward(x.clone(), &tensor(&[2], &[0.0; 2])).unwrap_err();
    assert_eq!(error.to_string(), "prelu: weight [2] for input [2, 3], expected [1] or [3]");
    let wide = Tensor::zeros(&[3], DType::F64).unwrap();
    assert!(matches!(forward(x.clone(), &wide), Err(Error::DType { .. })));
    assert!(matches!(
        grad_input(&x, &tensor(&[1], &[0.0]), tensor(&[3], &[0.0; 3])),
        Err(Error::Shape { .. })
    ));
    let whole = x.to_dtype(DType::I64).unwrap();
    assert!(matches!(forward(whole.clone(), &whole), Err(Error::DType { .. })));
    for (shape, slopes) in [([0, 3], 3), ([3, 0], 0), ([0, 3], 1), ([3, 0], 1)] {
        let (x, weight) = (tensor(&shape, &[]), Tensor::zeros(&[slopes], DType::F32).unwrap());
        assert_eq!(forward(x.clone(), &weight).unwrap().shape(), shape);
        assert_eq!(grad_input(&x, &weight, x.clone()).unwrap().shape(), shape);
        assert_eq!(grad_weight(&x, weight.spec(), &x).unwrap().to_vec::<f32>().unwrap(), vec![0.0; slopes]);
    }
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[9001, 13], 1, DType::F32).unwrap();
    let grad = normal(&[9001, 13], 2, DType::F32).unwrap();
    for slopes in [1, 13] {
        let weight = normal(&[slopes], 3, DType::F32).unwrap();
        assert_threads_change_nothing("forward", || vec![forward(x.clone(), &weight).unwrap()]);
        assert_threads_change_nothing("gradient of the input", || {
            vec![grad_input(&x, &weight, grad.clone()).unwrap()]
        });
        assert_threads_change_nothing("gradient of the slopes", || {
            vec![grad_weight(&x, weight.spec(), &grad).unwrap()]
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        rows in 0usize..300,
        channels in prop_oneof![1usize..20, Just(130)],
        one in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let shape = [rows, channels];
        let (x, grad) = (normal(&shape, seed, DType::F32).unwrap(), normal(&shape, !seed, DType::F32).unwrap());
        let weight = normal(&[if one { 1 } else { channels }], seed ^ 5, DType::F32).unwrap();
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        let sizes = |x: &Tensor| {
            let sizes: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| x.abs()).collect();
            Tensor::from_slice(x.shape(), &sizes).unwrap()
        };
        let y = forward(wide(&x), &wide(&weight)).unwrap();
        let back = grad_input(&wide(&x), &wide(&weight), wide(&grad)).unwrap();
        let slopes = grad_weight(&wide(&x), wide(&weight).spec(), &wide(&grad)).unwrap();
        let negative = |x: &Tensor| {
            let sizes: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| -x.abs()).collect();
            Tensor::from_slice(x.shape(), &sizes).unwrap()
        };
        let terms = sizes(&grad_weight(&negative(&x), wide(&weight).spec(), &sizes(&grad)).unwrap());
        on_each_level(|_| {
            poison(&shape, DType::F32).unwrap();
            let got = forward(x.clone(), &weight).unwrap();
            assert_close("output", &got, &y, &sizes(&y), 1e-6);
            assert!(same_bits(&got, &forward(tensor(&shape, x.as_slice().unwrap()), &weight).unwrap()));
            poison(&shape, DType::F32).unwrap();
            let got = grad_input(&x, &weight, grad.clone()).unwrap();
            assert_close("gradient of the input", &got, &back, &sizes(&back), 1e-6);
            let own = tensor(&shape, grad.as_slice().unwrap());
            assert!(same_bits(&got, &grad_input(&x, &weight, own).unwrap()));
            let got = grad_weight(&x, weight.spec(), &grad).unwrap();
            assert_close("gradient of the slope", &got, &slopes, &terms, 1e-6);
        });
    }
}
