//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Backward, Wanted, backward, forward};
use crate::ops::{binary, broadcast};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const ALL: Wanted = Wanted { input: true, factors: true };

/// Input, factors and gradient.
fn inputs(shape: &[usize], seed: u64) -> [Tensor; 3] {
    let factors = [shape[0], *shape.last().unwrap()];
    let random = |shape: &[usize], n| normal(shape, seed.wrapping_add(n), DType::F32).unwrap();
    [random(shape, 0), random(&factors, 1), random(shape, 2)]
}

fn wide(inputs: &[Tensor; 3]) -> [Tensor; 3] {
    inputs.each_ref().map(|x| x.to_dtype(DType::F64).unwrap())
}

#[test]
fn a_small_case_by_hand() {
    let x = Tensor::from_slice(&[2, 2, 1], &[1.0f64, 2.0, 3.0, 4.0]).unwrap();
    let factors = Tensor::from_slice(&[2, 1], &[10.0f64, 100.0]).unwrap();
    let grad = Tensor::from_slice(&[2, 2, 1], &[1.0f64, 0.0, 5.0, 6.0]).unwrap();
    for dtype in [DType::F32, DType::F64] {
        let [x, factors, grad] = [&x, &factors, &grad].map(|x| x.to_dtype(dtype).unwrap());
        on_each_level(|_| {
            let y = forward(x.clone(), &factors).unwrap();
            assert_eq!(y.to_f64_vec().unwrap(), [10.0, 20.0, 300.0, 400.0]);
            let Backward { input, factors } = backward(&x, &factors, ALL, grad.clone()).unwrap();
            assert_eq!(input.unwrap().to_f64_vec().unwrap(), [10.0, 0.0, 500.0, 600.0]);
            assert_eq!(factors.unwrap().to_f64_vec().unwrap(), [1.0, 39.0]);
        });
    }
}

#[test]
fn it_is_the_product_of_broadcast_tensors() {
    let [x, factors, grad] = inputs(&[3, 5, 4, 7], 1);
    let factors = factors.reshape(&[3, 1, 1, 7]).unwrap();
    on_each_level(|_| {
        let expected = binary::mul(x.clone(), &factors).unwrap();
        assert!(same_bits(&forward(x.clone(), &factors).unwrap(), &expected));
        let back = backward(&x, &factors, ALL, grad.clone()).unwrap();
        assert!(same_bits(&back.input.unwrap(), &binary::mul(grad.clone(), &factors).unwrap()));
        let sums = broadcast::sum_to(binary::mul(grad.clone(), &x).unwrap(), &[3, 1, 1, 7]).unwrap();
        let scale = Tensor::full(&[3, 1, 1, 7], 20.0, DType::F32).unwrap();
        assert_close("factors", &back.factors.unwrap(), &sums, &scale, 1e-5);
    });
}

#[test]
fn a_gradient_does_not_depend_on_which_others_are_wanted_nor_on_who_holds_it() {
    for inputs in [inputs(&[2, 700, 19], 1), wide(&inputs(&[2, 30, 3], 1))] {
        let [x, factors, grad] = inputs;
        on_each_level(|_| {
            let all = backward(&x, &factors, ALL, grad.clone()).unwrap();
            for number in 0..4 {
                let wanted = Wanted { input: number & 1 > 0, factors: number & 2 > 0 };
                let bytes = grad.to_le_bytes().unwrap();
                let own = Tensor::from_le_bytes(grad.shape(), grad.dtype(), &bytes).unwrap();
                for grad in [grad.clone(), own] {
                    let some = backward(&x, &factors, wanted, grad).unwrap();
                    for (some, all, wanted) in
                        [(some.input, &all.input, wanted.input), (some.factors, &all.factors, wanted.factors)]
                    {
                        assert_eq!(some.is_some(), wanted);
                        assert!(some.is_none_or(|some| same_bits(&some, all.as_ref().unwrap())));
                    }
                }
            }
        });
    }
}

#[test]
fn empty_images_give_their_factors_no_gradient() {
    for shape in [&[0, 3, 4][..], &[2, 0, 4], &[2, 3, 0]] {
        for [x, factors, grad] in [inputs(shape, 1), wide(&inputs(shape, 1))] {
            assert_eq!(forward(x.clone(), &factors).unwrap().shape(), shape);
            let back = backward(&x, &factors, ALL, grad).unwrap();
            assert_eq!(back.input.unwrap().shape(), shape);
            let of_factors = back.factors.unwrap();
            assert_eq!(of_factors.shape(), factors.shape());
            assert!(of_factors.to_f64_vec().unwrap().iter().all(|&sum| sum == 0.0));
        }
    }
}

#[test]
fn factors_that_do_not_fit_are_errors() {
    let [x, factors, grad] = inputs(&[2, 3, 4], 1);
    let flat = factors.clone().reshape(&[8]).unwrap();
    for wrong in [flat, Tensor::zeros(&[2, 3], DType::F32).unwrap(), x.clone()] {
        assert!(matches!(forward(x.clone(), &wrong), Err(Error::Shape { .. })));
        assert!(matches!(backward(&x, &wrong, ALL, grad.clone()), Err(Error::Shape { .. })));
    }
    let error = forward(x.clone(), &Tensor::zeros(&[1, 4], DType::F32).unwrap()).unwrap_err().to_string();
    assert!(error.contains("[1, 4], expected a factor for each image and channel: [2, 1.., 4]"), "{error}");
    let double = factors.to_dtype(DType::F64).unwrap();
    assert!(matches!(forward(x.clone(), &double), Err(Error::DType { .. })));
    assert!(matches!(backward(&x, &factors, ALL, factors.clone()), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    for shape in [&[3, 60, 60, 24][..], &[40, 90, 33], &[9000, 2, 4]] {
        let [x, factors, grad] = inputs(shape, 1);
        assert_threads_change_nothing("forward", || vec![forward(x.clone(), &factors).unwrap()]);
        for wanted in [ALL, Wanted { input: false, factors: true }] {
            assert_threads_change_nothing("backward", || {
                let back = backward(&x, &factors, wanted, grad.clone()).unwrap();
                back.input.into_iter().chain(back.factors).collect()
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Single pixels and images of several blocks, narrow and ragged channels.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        batch in 1usize..4,
        pixels in prop_oneof![1usize..40, Just(900)],
        channels in prop_oneof![1usize..20, Just(64), Just(261)],
        seed in any::<u64>(),
    ) {
        let shape = [batch, pixels.min(40_000 / channels), channels];
        let inputs = inputs(&shape, seed);
        let [wide_x, wide_factors, wide_grad] = wide(&inputs);
        let [x, factors, grad] = inputs;
        let expected = forward(wide_x.clone(), &wide_factors).unwrap();
        let back = backward(&wide_x, &wide_factors, ALL, wide_grad.clone()).unwrap();
        let magnitude = |x: &Tensor| {
            let values: Vec<f64> = x.to_f64_vec().unwrap().into_iter().map(f64::abs).collect();
            Tensor::from_slice(x.shape(), &values).unwrap()
        };
        let scale = backward(&magnitude(&wide_x), &wide_factors, ALL, magnitude(&wide_grad)).unwrap();
        on_each_level(|level| {
            let what = format!("{shape:?} on {level}");
            poison(&shape, DType::F32).unwrap();
            assert_close(&what, &forward(x.clone(), &factors).unwrap(), &expected, &magnitude(&expected), 1e-6);
            let got = backward(&x, &factors, ALL, grad.clone()).unwrap();
            let (input, of_factors) = (back.input.as_ref().unwrap(), back.factors.as_ref().unwrap());
            assert_close(&what, &got.input.unwrap(), input, &magnitude(input), 1e-6);
            assert_close(&what, &got.factors.unwrap(), of_factors, scale.factors.as_ref().unwrap(), 1e-5);
        });
    }
}
