//! Steps by hand and against loops in `f64` written from PyTorch's documentation.

use super::{Adam, Decay, Nesterov, Sgd, Velocity, adam, sgd};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison};
use crate::{DType, Error, Tensor};

const STEPS: u64 = 4;

fn ones_like(x: &Tensor) -> Tensor {
    Tensor::full(x.shape(), 1.0, DType::F64).unwrap()
}

#[test]
fn momentum_by_hand() {
    let options = Sgd { lr: 0.5, momentum: 0.5, ..Sgd::default() };
    let mut parameter = Tensor::from_slice(&[1], &[1.0f32]).unwrap();
    let grad = Tensor::from_slice(&[1], &[2.0f32]).unwrap();
    // Whatever the buffer holds is not read on the first step.
    let mut velocity = Tensor::from_slice(&[1], &[f32::NAN]).unwrap();
    sgd(&mut parameter, &grad, Velocity::First(&mut velocity), &options).unwrap();
    assert_eq!((parameter.item().unwrap(), velocity.item().unwrap()), (0.0, 2.0));
    sgd(&mut parameter, &grad, Velocity::Later(&mut velocity), &options).unwrap();
    assert_eq!((parameter.item().unwrap(), velocity.item().unwrap()), (-1.5, 3.0));
}

#[test]
fn the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient() {
    for grad in [1e-3f32, 1.0, -50.0] {
        let [mut parameter, mut first, mut second] =
            [(); 3].map(|()| Tensor::zeros(&[1], DType::F32).unwrap());
        let grad_tensor = Tensor::from_slice(&[1], &[grad]).unwrap();
        adam(&mut parameter, &grad_tensor, &mut first, &mut second, &Adam::default()).unwrap();
        assert!((parameter.item().unwrap() + 1e-3 * f64::from(grad.signum())).abs() < 1e-7);
    }
}

/// The documented formula of `torch.optim.SGD`, with its own branches.
fn sgd_by_the_book(parameter: &mut f64, grads: &[f64], options: &Sgd, with_velocity: bool) {
    let mut velocity = None;
    for &grad in grads {
        let mut grad = grad + options.weight_decay * *parameter;
        if with_velocity {
            let next = velocity.map_or(grad, |v| options.momentum * v + (1.0 - options.dampening) * grad);
            velocity = Some(next);
            grad = match options.nesterov {
                Nesterov::On => grad + options.momentum * next,
                Nesterov::Off => next,
            };
        }
        *parameter -= options.lr * grad;
    }
}

/// The documented formulas of `torch.optim.Adam` and `AdamW`.
fn adam_by_the_book(parameter: &mut f64, grads: &[f64], options: &Adam) {
    let (mut first, mut second) = (0.0, 0.0);
    for (step, &grad) in (1..).zip(grads) {
        let mut grad = grad;
        match options.decay {
            Decay::Coupled => grad += options.weight_decay * *parameter,
            Decay::Decoupled => *parameter -= options.lr * options.weight_decay * *parameter,
        }
        first = options.beta1 * first + (1.0 - options.beta1) * grad;
        second = options.beta2 * second + (1.0 - options.beta2) * grad * grad;
        let first_hat = first / (1.0 - options.beta1.powi(step));
        let second_hat: f64 = second / (1.0 - options.beta2.powi(step));
        *parameter -= options.lr * first_hat / (second_hat.sqrt() + options.epsilon);
    }
}

/// Some steps on `len` parameters of each type, on each instruction set, against the book.
fn check(
    len: usize,
    step: impl Fn(&mut Tensor, &Tensor, &mut [Tensor; 2], u64),
    book: impl Fn(&mut f64, &[f64]),
) {
    let start = normal(&[len], 1, DType::F32).unwrap();
    let grads: Vec<Tensor> = (0..STEPS).map(|step| normal(&[len], 10 + step, DType::F32).unwrap()).collect();
    let columns: Vec<Vec<f64>> = grads.iter().map(|grad| grad.to_f64_vec().unwrap()).collect();
    let mut expected = start.to_f64_vec().unwrap();
    for (index, parameter) in expected.iter_mut().enumerate() {
        book(parameter, &columns.iter().map(|column| column[index]).collect::<Vec<_>>());
    }
    let expected = Tensor::from_slice(&[len], &expected).unwrap();
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-12)] {
        on_each_level(|level| {
            poison(&[len], dtype).unwrap();
            let mut parameter = start.to_dtype(dtype).unwrap();
            let mut state = [(); 2].map(|()| Tensor::zeros(&[len], dtype).unwrap());
            for (number, grad) in (1..).zip(&grads) {
                step(&mut parameter, &grad.to_dtype(dtype).unwrap(), &mut state, number);
            }
            let what = format!("{dtype} on {level}");
            assert_close(&what, &parameter, &expected, &ones_like(&expected), 4.0 * tolerance);
        });
    }
}

#[test]
fn sgd_follows_the_documented_formula_in_every_variant() {
    let base = Sgd { lr: 0.1, ..Sgd::default() };
    for options in [
        base,
        Sgd { weight_decay: 0.3, ..base },
        Sgd { momentum: 0.9, ..base },
        Sgd { momentum: 0.9, weight_decay: 0.3, dampening: 0.2, ..base },
        Sgd { momentum: 0.9, weight_decay: 0.3, nesterov: Nesterov::On, ..base },
    ] {
        let moves = options.momentum != 0.0;
        // A length below a vector, and one with a tail.
        for len in [3, 37] {
            check(
                len,
                |parameter, grad, [velocity, _], number| {
                    let velocity = match (moves, number) {
                        (false, _) => Velocity::Absent,
                        (true, 1) => Velocity::First(velocity),
                        (true, _) => Velocity::Later(velocity),
                    };
                    sgd(parameter, grad, velocity, &options).unwrap();
                },
                |parameter, grads| sgd_by_the_book(parameter, grads, &options, moves),
            );
        }
    }
}

#[test]
fn adam_follows_the_documented_formula_with_both_decays() {
    let base = Adam { lr: 0.01, epsilon: 1e-3, ..Adam::default() };
    for options in [
        base,
        Adam { weight_decay: 0.3, ..base },
        Adam { weight_decay: 0.3, decay: Decay::Decoupled, beta1: 0.8, beta2: 0.95, ..base },
    ] {
        for len in [3, 37] {
            check(
                len,
                |parameter, grad, [first, second], step| {
                    adam(parameter, grad, first, second, &Adam { step, ..options }).unwrap();
                },
                |parameter, grads| adam_by_the_book(parameter, grads, &options),
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let [mut parameter, mut other] = [(); 2].map(|()| Tensor::zeros(&[2], DType::F32).unwrap());
    let short = Tensor::zeros(&[1], DType::F32).unwrap();
    let error = sgd(&mut parameter, &short, Velocity::Absent, &Sgd::default()).unwrap_err();
    assert_eq!(error.to_string(), "sgd: parameter [2] and gradient [1] differ, expected one shape");
    let grad = other.clone();
    let momentum = Sgd { momentum: 0.9, ..Sgd::default() };
    assert!(matches!(sgd(&mut parameter, &grad, Velocity::Absent, &momentum), Err(Error::Argument { .. })));
    let mut wide = Tensor::zeros(&[2], DType::F64).unwrap();
    assert!(matches!(
        sgd(&mut parameter, &grad, Velocity::Later(&mut wide), &momentum),
        Err(Error::DType { .. })
    ));
    let mut third = other.clone();
    let zero = Adam { step: 0, ..Adam::default() };
    assert!(matches!(
        adam(&mut parameter, &grad, &mut other, &mut third, &zero),
        Err(Error::Argument { name: "step", .. })
    ));
}

#[test]
fn threads_change_nothing() {
    let shape = [100_003];
    let (start, grad) = (normal(&shape, 1, DType::F32).unwrap(), normal(&shape, 2, DType::F32).unwrap());
    let zeros = || Tensor::zeros(&shape, DType::F32).unwrap();
    assert_threads_change_nothing("adam", || {
        let (mut parameter, mut first, mut second) = (start.clone(), zeros(), zeros());
        adam(&mut parameter, &grad, &mut first, &mut second, &Adam::default()).unwrap();
        vec![parameter, first, second]
    });
    assert_threads_change_nothing("sgd", || {
        let (mut parameter, mut velocity) = (start.clone(), grad.clone());
        let options = Sgd { momentum: 0.9, ..Sgd::default() };
        sgd(&mut parameter, &grad, Velocity::Later(&mut velocity), &options).unwrap();
        vec![parameter, velocity]
    });
}
