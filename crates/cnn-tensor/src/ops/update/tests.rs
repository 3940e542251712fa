//! Steps by hand and against loops in `f64` written from PyTorch's documentation.

use super::*;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison};

const STEPS: u64 = 4;

fn ones_like(x: &Tensor) -> Tensor {
    Tensor::full(x.shape(), 1.0, DType::F64).unwrap()
}

#[test]
fn momentum_by_hand() {
    let options = |step| Momentum { lr: 0.5, momentum: 0.5, step, ..Momentum::default() };
    let mut parameter = Tensor::from_slice(&[1], &[1.0f32]).unwrap();
    let grad = Tensor::from_slice(&[1], &[2.0f32]).unwrap();
    // Whatever the buffer holds is not read on the first step.
    let mut velocity = Tensor::from_slice(&[1], &[f32::NAN]).unwrap();
    apply(&options(1), &mut parameter, &grad, [&mut velocity]).unwrap();
    assert_eq!((parameter.item().unwrap(), velocity.item().unwrap()), (0.0, 2.0));
    apply(&options(2), &mut parameter, &grad, [&mut velocity]).unwrap();
    assert_eq!((parameter.item().unwrap(), velocity.item().unwrap()), (-1.5, 3.0));
}

#[test]
fn the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient() {
    for grad in [1e-3f32, 1.0, -50.0] {
        let [mut parameter, mut first, mut second] =
            [(); 3].map(|()| Tensor::zeros(&[1], DType::F32).unwrap());
        let grad_tensor = Tensor::from_slice(&[1], &[grad]).unwrap();
        apply(&Adam::default(), &mut parameter, &grad_tensor, [&mut first, &mut second]).unwrap();
        assert!((parameter.item().unwrap() + 1e-3 * f64::from(grad.signum())).abs() < 1e-7);
    }
}

#[test]
fn lion_goes_by_the_sign_alone_and_nowhere_at_rest() {
    let rule = Lion { lr: 0.25, beta1: 0.5, beta2: 0.5, weight_decay: 0.0 };
    let mut parameter = Tensor::from_slice(&[4], &[1.0f32; 4]).unwrap();
    let grad = Tensor::from_slice(&[4], &[1e-3f32, -50.0, 0.0, f32::NAN]).unwrap();
    let mut momentum = Tensor::zeros(&[4], DType::F32).unwrap();
    apply(&rule, &mut parameter, &grad, [&mut momentum]).unwrap();
    let values = parameter.to_vec::<f32>().unwrap();
    assert_eq!(values[..3], [0.75, 1.25, 1.0]);
    assert!(values[3].is_nan());
    assert_eq!(momentum.to_vec::<f32>().unwrap()[..3], [5e-4, -25.0, 0.0]);
}

/// The documented formula of `torch.optim.SGD`, with its own branches.
fn sgd_by_the_book(parameter: &mut f64, grads: &[f64], options: &Momentum) {
    let mut velocity = None;
    for &grad in grads {
        let mut grad = grad + options.weight_decay * *parameter;
        if options.momentum != 0.0 {
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

/// Some steps of a rule with `N` states, which start as zeros, on `len` parameters of a type.
fn steps<const N: usize, R: Rule<N>>(len: usize, dtype: DType, rule: &impl Fn(u64) -> R) -> [Tensor; 2] {
    let of = |seed| normal(&[len], seed, DType::F32).unwrap().to_dtype(dtype).unwrap();
    poison(&[len], dtype).unwrap();
    let mut parameter = of(1);
    let mut state: [Tensor; N] = std::array::from_fn(|_| Tensor::zeros(&[len], dtype).unwrap());
    for step in 1..=STEPS {
        apply(&rule(step), &mut parameter, &of(10 + step), state.each_mut()).unwrap();
    }
    let last = state.into_iter().next_back().unwrap_or_else(|| parameter.clone());
    [parameter, last]
}

/// The rule on every instruction set against itself in double precision: a length below a vector, one with a tail,
/// and one of several blocks.
fn check<const N: usize, R: Rule<N>>(name: &str, rule: impl Fn(u64) -> R) {
    for len in [3, 37, 64] {
        let expected = steps(len, DType::F64, &rule);
        on_each_level(|level| {
            let met = steps(len, DType::F32, &rule);
            for (met, expected) in met.iter().zip(&expected) {
                let scale = ones_like(expected);
                assert_close(&format!("{name}, {len} on {level}"), met, expected, &scale, 4e-6);
            }
        });
    }
}

#[test]
fn every_rule_is_the_same_in_single_and_double_precision() {
    let decay = Decay::Decoupled;
    check("descent", |_| Descent { lr: 0.1, weight_decay: 0.3 });
    check("momentum", |step| Momentum {
        weight_decay: 0.3,
        nesterov: Nesterov::On,
        step,
        ..Momentum::default()
    });
    check("adam", |step| Adam { lr: 0.01, epsilon: 1e-3, weight_decay: 0.3, decay, step, ..Adam::default() });
    let (lr, beta1, beta2, epsilon, weight_decay) = (0.01, 0.8, 0.95, 1e-3, 0.3);
    check("nadam", |step| NAdam {
        lr,
        beta1,
        beta2,
        epsilon,
        momentum_decay: 0.004,
        weight_decay,
        decay,
        step,
    });
    // The variance is not used at the first step, and is at the last.
    check("radam", |step| RAdam { lr, beta1, beta2: 0.6, epsilon, weight_decay, decay, step });
    check("radam, rectified", |step| RAdam {
        lr,
        beta1,
        beta2: 0.99,
        epsilon,
        weight_decay,
        decay,
        step: step + 4,
    });
    check("adagrad", |step| Adagrad { lr, lr_decay: 0.1, epsilon, weight_decay, step });
    check("adadelta", |_| Adadelta { lr: 1.0, rho: 0.9, epsilon, weight_decay });
    check("lamb", |step| LambDirection { beta1, beta2, epsilon, weight_decay, step });
    check("lerp", |_| Lerp { weight: 0.3 });
    check("lion", |_| Lion { lr, beta1, beta2, weight_decay });
    let rms = RmsProp { lr, alpha: 0.9, epsilon: 0.1, weight_decay, momentum: 0.0, centered: false };
    let rms_moved = RmsProp { momentum: 0.9, ..rms };
    check::<1, _>("rms", |_| rms);
    check::<2, _>("rms, centred", |_| RmsProp { centered: true, ..rms });
    check::<2, _>("rms, momentum", |_| rms_moved);
    check::<3, _>("rms, both", |_| RmsProp { centered: true, ..rms_moved });
    assert_eq!(
        [rms.states(), rms_moved.states(), RmsProp { centered: true, ..rms_moved }.states()],
        [1, 2, 3]
    );
}

/// A rule in double precision against the formula of one number.
fn by_the_book<const N: usize, R: Rule<N>>(rule: impl Fn(u64) -> R, book: impl Fn(&mut f64, &[f64])) {
    let len = 5;
    let of = |seed| normal(&[len], seed, DType::F32).unwrap().to_f64_vec().unwrap();
    let grads: Vec<Vec<f64>> = (1..=STEPS).map(|step| of(10 + step)).collect();
    let [met, _] = steps(len, DType::F64, &rule);
    for (index, (&start, met)) in of(1).iter().zip(met.to_vec::<f64>().unwrap()).enumerate() {
        let mut expected = start;
        book(&mut expected, &grads.iter().map(|grads| grads[index]).collect::<Vec<_>>());
        assert!((met - expected).abs() < 1e-12, "{met} instead of {expected}");
    }
}

#[test]
fn sgd_follows_the_documented_formula_in_every_variant() {
    let base = Momentum { lr: 0.1, ..Momentum::default() };
    for options in [
        base,
        Momentum { weight_decay: 0.3, dampening: 0.2, ..base },
        Momentum { weight_decay: 0.3, nesterov: Nesterov::On, ..base },
    ] {
        by_the_book(|step| Momentum { step, ..options }, |p, grads| sgd_by_the_book(p, grads, &options));
    }
    let still = Momentum { momentum: 0.0, weight_decay: 0.3, ..base };
    let plain = Descent { lr: 0.1, weight_decay: 0.3 };
    by_the_book(|_| plain, |p, grads| sgd_by_the_book(p, grads, &still));
}

#[test]
fn adam_follows_the_documented_formula_with_both_decays() {
    let base = Adam { lr: 0.01, epsilon: 1e-3, ..Adam::default() };
    for options in [
        base,
        Adam { weight_decay: 0.3, ..base },
        Adam { weight_decay: 0.3, decay: Decay::Decoupled, beta1: 0.8, beta2: 0.95, ..base },
    ] {
        by_the_book(|step| Adam { step, ..options }, |p, grads| adam_by_the_book(p, grads, &options));
    }
}

#[test]
fn an_orthogonal_matrix_has_singular_values_near_one_and_the_directions_of_the_original() {
    for (rows, columns) in [(3, 8), (8, 3), (5, 5)] {
        let x = normal(&[rows, columns], 3, DType::F64).unwrap();
        let y = orthogonal(&x).unwrap();
        assert_eq!(y.shape(), x.shape());
        // The square of the shorter side: eigenvalues are squares of singular values, so its trace is near its size.
        let transpose = if rows <= columns {
            crate::ops::matmul::Transpose::Right
        } else {
            crate::ops::matmul::Transpose::Left
        };
        let square = crate::ops::matmul::matmul(&y, &y, transpose).unwrap();
        let side = rows.min(columns);
        let values = square.to_vec::<f64>().unwrap();
        for i in 0..side {
            for j in 0..side {
                let bound = if i == j { 0.4..1.6 } else { -0.5..0.5 };
                assert!(
                    bound.contains(&values[i * side + j]),
                    "{rows}x{columns} ({i}, {j}): {}",
                    values[i * side + j]
                );
            }
        }
        // A scale of the input changes nothing but the last digits.
        let scaled = orthogonal(&crate::ops::unary::scale(x, 1e3).unwrap()).unwrap();
        assert_close("scaled", &scaled, &y, &ones_like(&y), 1e-6);
    }
    let zeros = Tensor::zeros(&[2, 3], DType::F32).unwrap();
    assert_eq!(orthogonal(&zeros).unwrap().to_vec::<f32>().unwrap(), [0.0; 6]);
    assert!(matches!(orthogonal(&Tensor::zeros(&[2], DType::F32).unwrap()), Err(Error::Shape { .. })));
    assert_eq!(orthogonal(&Tensor::zeros(&[0, 3], DType::F32).unwrap()).unwrap().shape(), [0, 3]);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let mut parameter = Tensor::zeros(&[2], DType::F32).unwrap();
    let short = Tensor::zeros(&[1], DType::F32).unwrap();
    let descent = Descent { lr: 0.1, weight_decay: 0.0 };
    let error = apply(&descent, &mut parameter, &short, []).unwrap_err();
    assert_eq!(error.to_string(), "update: parameter [2] and gradient [1] differ, expected one shape");
    let grad = parameter.clone();
    let mut wide = Tensor::zeros(&[2], DType::F64).unwrap();
    let momentum = Momentum::default();
    assert!(matches!(apply(&momentum, &mut parameter, &grad, [&mut wide]), Err(Error::DType { .. })));
    let mut whole = Tensor::zeros(&[2], DType::I64).unwrap();
    let whole_grad = whole.clone();
    assert!(matches!(apply(&descent, &mut whole, &whole_grad, []), Err(Error::DType { .. })));
}

#[test]
fn threads_change_nothing() {
    let shape = [100_003];
    let (start, grad) = (normal(&shape, 1, DType::F32).unwrap(), normal(&shape, 2, DType::F32).unwrap());
    let zeros = || Tensor::zeros(&shape, DType::F32).unwrap();
    assert_threads_change_nothing("adam", || {
        let (mut parameter, mut first, mut second) = (start.clone(), zeros(), zeros());
        apply(&Adam::default(), &mut parameter, &grad, [&mut first, &mut second]).unwrap();
        vec![parameter, first, second]
    });
    assert_threads_change_nothing("momentum", || {
        let (mut parameter, mut velocity) = (start.clone(), grad.clone());
        apply(&Momentum { step: 2, ..Momentum::default() }, &mut parameter, &grad, [&mut velocity]).unwrap();
        vec![parameter, velocity]
    });
}
