//! Sums, differences, products, also of a tensor with itself.

use std::slice::from_ref;

use cnn_autograd::{Result, Var};
use cnn_tensor::ops::activation::Activation;

use crate::{check, random};

type Binary = fn(Var, Var) -> Result<Var>;

pub(crate) fn cases() {
    let functions: [(&str, Binary); 4] = [
        ("add", Var::add),
        ("add and relu", |a, b| a.add_act(b, Activation::Relu)),
        ("sub", Var::sub),
        ("mul", Var::mul),
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
    }
}

#[test]
fn gradients_of_functions_of_two_tensors_agree_with_differences() {
    cases();
}
