//! Functions of one element, with a member of the family that is not built in.

use std::slice::from_ref;

use cnn_autograd::{Result, Var};
use cnn_tensor::ops::unary::{Kept, Softplus, Unary};
use cnn_tensor::random::Key;
use cnn_tensor::{Float, Tensor};

use crate::{check, random};

type Member = fn(Var) -> Result<Var>;

/// Each member, where it is defined, and where it or its gradient jumps.
const MEMBERS: [(&str, Member, Domain, &[f64]); 25] = [
    ("relu", Var::relu, Domain::All, &[0.0]),
    ("relu6", Var::relu6, Domain::All, &[0.0, 6.0]),
    ("leaky_relu", |x| x.leaky_relu(0.1), Domain::All, &[0.0]),
    ("elu", |x| x.elu(1.5), Domain::All, &[0.0]),
    ("selu", Var::selu, Domain::All, &[0.0]),
    ("sigmoid", Var::sigmoid, Domain::All, &[]),
    ("log_sigmoid", Var::log_sigmoid, Domain::All, &[]),
    ("tanh", Var::tanh, Domain::All, &[]),
    ("silu", Var::silu, Domain::All, &[]),
    ("gelu", Var::gelu, Domain::All, &[]),
    ("gelu_tanh", Var::gelu_tanh, Domain::All, &[]),
    ("hard_sigmoid", Var::hard_sigmoid, Domain::All, &[-3.0, 3.0]),
    ("hard_swish", Var::hard_swish, Domain::All, &[-3.0, 3.0]),
    // Above the threshold the function is straight, which at 20 nobody sees and at 2 is a step.
    ("softplus", |x| x.softplus(Softplus::default()), Domain::All, &[]),
    ("sharp softplus", |x| x.softplus(Softplus { beta: 2.0, threshold: 2.0 }), Domain::All, &[1.0]),
    ("exp", Var::exp, Domain::All, &[]),
    ("ln", Var::ln, Domain::Positive, &[]),
    ("sqrt", Var::sqrt, Domain::Positive, &[]),
    ("square", Var::square, Domain::All, &[]),
    ("abs", Var::abs, Domain::All, &[0.0]),
    ("neg", Var::neg, Domain::All, &[]),
    ("reciprocal", Var::reciprocal, Domain::Positive, &[]),
    ("cube", |x| x.powf(3.0), Domain::All, &[]),
    ("pow", |x| x.powf(-1.5), Domain::Positive, &[]),
    ("clamp", |x| x.clamp(-0.5, 1.0), Domain::All, &[-0.5, 1.0]),
];

/// What inputs a member takes.
#[derive(Clone, Copy, PartialEq)]
enum Domain {
    All,
    Positive,
}

/// Shapes of all ranks to four and numbers of all parts of a member's domain, away from its kinks.
fn generated(setting: u64, domain: Domain, kinks: &[f64]) -> Tensor {
    let key = Key::new(setting);
    let rank = key.below(0, 5);
    let shape: Vec<usize> = (0..rank).map(|axis| 1 + key.below(1 + axis, 4) as usize).collect();
    let numbers = key.fold(1);
    let values: Vec<f64> = (0..shape.iter().product::<usize>() as u64)
        .map(|index| {
            let x = match domain {
                Domain::All => 8.0 * (2.0 * numbers.uniform_f64(index) - 1.0),
                Domain::Positive => 0.5 + 4.0 * numbers.uniform_f64(index),
            };
            let near = kinks.iter().any(|kink| (x - kink).abs() < 0.01);
            if near { x + 0.02 } else { x }
        })
        .collect();
    Tensor::from_slice(&shape, &values).unwrap()
}

/// x^3, whose gradient is computed from the input.
#[derive(Debug)]
struct Cube;

impl Unary for Cube {
    const NAME: &'static str = "cube";
    const KEPT: Kept = Kept::Input;

    fn value<F: Float>(&self, x: F) -> F {
        x * x * x
    }

    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        F::from_f64(3.0) * x * x * grad
    }
}

pub(crate) fn cases() {
    for (member, (name, function, domain, kinks)) in MEMBERS.into_iter().enumerate() {
        for setting in 0..20 {
            let x = generated(100 * member as u64 + setting, domain, kinks);
            check(&format!("{name}, setting {setting}"), &[x], |mut x| function(x.remove(0)));
        }
    }
    for (seed, shape) in [vec![], vec![1], vec![7], vec![2, 3, 5, 3]].into_iter().enumerate() {
        let x = random(&shape, seed as u64);
        check("relu", from_ref(&x), |mut x| x.remove(0).relu());
        check("scale", from_ref(&x), |mut x| x.remove(0).scale(-1.5));
        check("a member of one's own", &[x], |mut x| x.remove(0).unary(Cube));
    }
}

#[test]
fn gradients_of_functions_of_one_element_agree_with_differences() {
    cases();
}

#[test]
fn the_settings_of_a_member_are_in_the_graph() {
    let mut cx = cnn_autograd::Ctx::trace(cnn_autograd::Mode::Train);
    let x = cx.variable(random(&[2], 1));
    let y = x.leaky_relu(0.25).unwrap().clamp(-1.0, 2.0).unwrap();
    let graph = cx.graph(&[&y]).unwrap();
    let attributes: Vec<String> = graph
        .operations()
        .flat_map(|(_, operation)| operation.attributes.iter().map(|a| format!("{} {}", a.name, a.value)))
        .collect();
    assert_eq!(attributes, ["slope 0.25", "least -1", "most 2"]);
}
