//! Sums, differences, products, also of a tensor with itself.

use std::slice::from_ref;

use cnn_autograd::{Ctx, Result, Var};
use cnn_tensor::ops::activation::Activation;

use cnn_tensor::Tensor;
use cnn_tensor::random::Key;

use crate::{check, distinct, random, some_shapes};

type Binary = fn(Var, Var) -> Result<Var>;

pub(crate) fn cases() {
    let functions: [(&str, Binary); 5] = [
        ("add", Var::add),
        ("add and relu", |a, b| a.add_act(b, Activation::Relu)),
        ("sub", Var::sub),
        ("mul", Var::mul),
        ("div", Var::div),
    ];
    for (name, function) in functions {
        for shape in [vec![], vec![5], vec![2, 3, 3, 2]] {
            let (a, b) = (random(&shape, 1), random(&shape, 2));
            check(name, &[a.clone(), b], |mut inputs| {
                let b = inputs.remove(1);
                function(inputs.remove(0), b)
            });
            check(&format!("{name} with itself"), from_ref(&a), |mut x| {
                let x = x.remove(0);
                function(x.clone(), x)
            });
            check(&format!("{name} twice over"), &[a], |mut x| {
                let x = x.remove(0);
                let once = function(x.clone().scale(0.5)?, x.clone())?;
                function(once, x)
            });
        }
        for setting in 0..24 {
            let [a, b] = some_shapes(Key::new(setting));
            check(name, &[random(&a, setting), away_from_zero(&b, setting + 100)], |mut inputs| {
                let (b, a) = (inputs.remove(1), inputs.remove(0));
                // The first operand once more, so that its gradient is a sum.
                function(a.clone(), b)?.mul(a)
            });
        }
    }
    for setting in 0..24 {
        let [a, b] = some_shapes(Key::new(setting));
        // Numbers of which none of the one is near to one of the other.
        let (low, high) = (distinct(&a, setting), shifted(&distinct(&b, setting + 100), 0.005));
        for (name, function) in [("maximum", Var::maximum as Binary), ("minimum", Var::minimum)] {
            check(name, &[low.clone(), high.clone()], |mut inputs| {
                let (b, a) = (inputs.remove(1), inputs.remove(0));
                function(a.clone(), b.clone())?.mul(a)?.add(b)
            });
        }
        let base = shifted(&random(&a, setting), 1.5);
        check("pow", &[base, random(&b, setting + 1)], |mut inputs| {
            let (b, a) = (inputs.remove(1), inputs.remove(0));
            a.clone().pow(b)?.mul(a)
        });
    }
}

fn shifted(x: &Tensor, by: f64) -> Tensor {
    let values: Vec<f64> = x.to_vec::<f64>().unwrap().into_iter().map(|value| value + by).collect();
    Tensor::from_slice(x.shape(), &values).unwrap()
}

/// Numbers between 1/2 and 3/2, of either sign.
fn away_from_zero(shape: &[usize], seed: u64) -> Tensor {
    let values = random(shape, seed).to_vec::<f64>().unwrap().into_iter();
    let values: Vec<f64> = values.map(|value| value + value.signum() * 0.5).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

#[test]
fn equal_numbers_share_the_gradient_of_an_extreme() {
    for function in [Var::maximum as Binary, Var::minimum] {
        let mut cx = Ctx::training(Key::new(1));
        let a = cx.variable(Tensor::from_slice(&[2], &[1.0f64, 1.0]).unwrap());
        let b = cx.variable(Tensor::from_slice(&[1], &[1.0f64]).unwrap());
        let loss = function(a.clone(), b.clone()).unwrap().sum().unwrap();
        let gradients = cx.backward(loss).unwrap().gradients;
        assert_eq!(gradients.of(&a).unwrap().to_vec::<f64>().unwrap(), [0.5, 0.5]);
        assert_eq!(gradients.of(&b).unwrap().to_vec::<f64>().unwrap(), [1.0]);
    }
}

#[test]
fn shapes_that_do_not_broadcast_are_named() {
    let [a, b] = [random(&[2, 3], 1), random(&[2], 2)].map(Var::constant);
    let error = a.add(b).unwrap_err().to_string();
    assert!(error.contains("[2, 3]") && error.contains("[2]"), "{error}");
}

#[test]
fn gradients_of_functions_of_two_tensors_agree_with_differences() {
    cases();
}
