//! Twenty steps of each optimiser against PyTorch's, in double precision; then what is not arithmetic.

use cnn_autograd::random::Key;
use cnn_layers::{Ctx, FileLayout, Parameter, Trainable, Var};
use cnn_tensor::{DType, Tensor};

use super::*;
use crate::Error;

/// Two parameters, a matrix and a vector.
#[derive(Debug, Layer)]
struct Toy {
    weight: Parameter,
    bias: Parameter,
}

const START: [f64; 8] = [0.5, -1.5, 2.0, 0.25, -0.75, 1.0, 1.0, -2.0];

impl Toy {
    fn new() -> Self {
        let weight = Tensor::from_slice(&[3, 2], &START[..6]).unwrap();
        let bias = Tensor::from_slice(&[2], &START[6..]).unwrap();
        Self {
            weight: Parameter::new(weight, FileLayout::AsIs),
            bias: Parameter::new(bias, FileLayout::AsIs),
        }
    }

    fn values(&self) -> Vec<f64> {
        [&self.weight, &self.bias]
            .iter()
            .flat_map(|parameter| parameter.value().to_vec::<f64>().unwrap())
            .collect()
    }

    /// Gradients of `sum(0.7 * (parameter - 0.3)^2) / 2`.
    fn step(&self) -> Step {
        let mut cx = Ctx::training(Key::new(0));
        let mut loss: Option<Var> = None;
        for parameter in [&self.weight, &self.bias] {
            let target = cx.input(Tensor::full(parameter.value().shape(), 0.3, DType::F64).unwrap());
            let distance = parameter.var(&mut cx).unwrap().sub(target).unwrap();
            let term = distance.clone().mul(distance).unwrap().sum().unwrap().scale(0.35).unwrap();
            loss = Some(match loss {
                Some(loss) => loss.add(term).unwrap(),
                None => term,
            });
        }
        cx.backward(loss.unwrap()).unwrap()
    }
}

fn after(optimizer: &mut dyn Optimizer, steps: usize, rate: f64) -> Vec<f64> {
    let mut toy = Toy::new();
    for _ in 0..steps {
        let step = toy.step();
        optimizer.step(&mut toy, step, rate).unwrap();
    }
    toy.values()
}

fn sgd(options: SgdOptions) -> Box<dyn Optimizer> {
    Box::new(Sgd::new(options).unwrap())
}

const TUNED: AdamOptions =
    AdamOptions { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weight_decay: 0.1, decay_on: DecayOn::All };

/// The values that `tests/optim.py` printed.
#[test]
fn twenty_steps_are_pytorchs() {
    let tuned_w =
        AdamWOptions { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weight_decay: 0.1, decay_on: DecayOn::All };
    let momentum = SgdOptions { momentum: 0.9, ..SgdOptions::default() };
    let dampened = SgdOptions { dampening: 0.3, weight_decay: 0.02, ..momentum };
    let nesterov = SgdOptions { momentum: 0.8, nesterov: true, weight_decay: 0.02, ..SgdOptions::default() };
    type Case = (&'static str, Box<dyn Optimizer>, f64, [f64; 8]);
    let cases: [Case; 8] = [
        ("sgd", sgd(SgdOptions::default()), 0.05, SGD),
        ("sgd momentum", sgd(momentum), 0.05, SGD_MOMENTUM),
        ("sgd dampening, decay", sgd(dampened), 0.05, SGD_DAMPENING),
        ("sgd nesterov, decay", sgd(nesterov), 0.05, SGD_NESTEROV),
        ("adam", Box::new(Adam::new(AdamOptions::default()).unwrap()), 0.03, ADAM),
        ("adam decay", Box::new(Adam::new(TUNED).unwrap()), 0.03, ADAM_DECAY),
        ("adamw", Box::new(AdamW::new(AdamWOptions::default()).unwrap()), 0.03, ADAMW),
        ("adamw decay", Box::new(AdamW::new(tuned_w).unwrap()), 0.03, ADAMW_DECAY),
    ];
    for (name, mut optimizer, rate, expected) in cases {
        for (index, (met, expected)) in after(&mut *optimizer, 20, rate).into_iter().zip(expected).enumerate()
        {
            assert!((met - expected).abs() < 1e-12, "{name}, element {index}: {met} instead of {expected}");
        }
    }
}

const SGD: [f64; 8] = [
    0.39807905269861155,
    -0.5827114742875042,
    1.1336719479381985,
    0.2754802368253471,
    -0.21491502666771092,
    0.6432766844451406,
    0.6432766844451406,
    -0.8279091060340331,
];

const SGD_MOMENTUM: [f64; 8] = [
    0.23396065771061803,
    0.8943540806044376,
    -0.2613344094597468,
    0.31650983557234547,
    0.6467065470192555,
    0.06886230198716324,
    0.06886230198716324,
    1.0594524363278925,
];

const SGD_DAMPENING: [f64; 8] = [
    0.21984443752708843,
    0.9093378372670395,
    -0.2972756122778749,
    0.3060311124945823,
    0.6507778123645578,
    0.04747108759210067,
    0.04747108759210067,
    1.0817111872020269,
];

const SGD_NESTEROV: [f64; 8] = [
    0.27643384453468006,
    0.4226689370017513,
    0.16675752518437653,
    0.294713231093064,
    0.3678307773265996,
    0.23987507141791228,
    0.23987507141791228,
    0.45922771011851915,
];

const ADAM: [f64; 8] = [
    0.2721132622550985,
    -0.914468160976831,
    1.4155075575240181,
    0.3108847394436515,
    -0.17885179732997128,
    0.4521440657158297,
    0.4521440657158297,
    -1.4108275724418138,
];

const ADAM_DECAY: [f64; 8] = [
    0.2527473234593167,
    -0.9200893905190063,
    1.4204360039746313,
    0.2646086350861974,
    -0.19059557155770884,
    0.4637891180942725,
    0.4637891180942725,
    -1.4149928445810147,
];

const ADAMW: [f64; 8] = [
    0.27218620966995277,
    -0.9074100678193917,
    1.4055724040334243,
    0.31072027513746786,
    -0.17625583048393248,
    0.4484863263093705,
    0.4484863263093705,
    -1.400781172008984,
];

const ADAMW_DECAY: [f64; 8] = [
    0.30719395781744446,
    -0.851653386552646,
    1.325457217943309,
    0.2958485610066184,
    -0.164029320624378,
    0.4356241069613128,
    0.4356241069613128,
    -1.3176845734087892,
];

#[test]
fn decay_on_kernels_leaves_vectors_alone() {
    let with = |weight_decay, decay_on| {
        after(&mut *sgd(SgdOptions { weight_decay, decay_on, ..SgdOptions::default() }), 5, 0.1)
    };
    let (none, all, kernels) =
        (with(0.0, DecayOn::All), with(0.5, DecayOn::All), with(0.5, DecayOn::Kernels));
    assert_eq!(kernels[..6], all[..6]);
    assert_eq!(kernels[6..], none[6..]);
    assert_ne!(all[6..], none[6..]);
}

#[test]
fn a_frozen_parameter_stays_and_has_no_state() {
    let mut toy = Toy::new();
    toy.bias.set_trainable(Trainable::No);
    let mut optimizer = Adam::new(TUNED).unwrap();
    let step = toy.step();
    optimizer.step(&mut toy, step, 0.1).unwrap();
    assert_eq!(toy.values()[6..], START[6..]);
    assert!(optimizer.state().unwrap().parameters.keys().eq(["weight"]));
}

#[test]
fn an_optimiser_goes_on_from_its_state() {
    let make: [fn() -> Box<dyn Optimizer>; 3] = [
        || sgd(SgdOptions { momentum: 0.9, nesterov: true, ..SgdOptions::default() }),
        || Box::new(Adam::new(TUNED).unwrap()),
        || Box::new(AdamW::new(AdamWOptions::default()).unwrap()),
    ];
    for make in make {
        let whole = after(&mut *make(), 7, 0.05);
        let (mut toy, mut first) = (Toy::new(), make());
        for _ in 0..3 {
            let step = toy.step();
            first.step(&mut toy, step, 0.05).unwrap();
        }
        let mut second = make();
        second.set_state(first.state().unwrap()).unwrap();
        for _ in 0..4 {
            let step = toy.step();
            second.step(&mut toy, step, 0.05).unwrap();
        }
        assert_eq!(toy.values(), whole);
    }
}

#[test]
fn the_state_of_another_optimiser_is_refused() {
    let mut momentum = sgd(SgdOptions { momentum: 0.9, ..SgdOptions::default() });
    after(&mut *momentum, 1, 0.1);
    let state = momentum.state().unwrap();
    let text = Adam::new(TUNED).unwrap().set_state(state.clone()).unwrap_err().to_string();
    assert!(text.contains("exp_avg"), "{text}");
    assert!(matches!(sgd(SgdOptions::default()).set_state(state), Err(Error::Optimizer(_))));
}

#[test]
fn the_step_of_another_model_is_refused() {
    let (mut toy, other) = (Toy::new(), Toy::new());
    let step = other.step();
    let error = sgd(SgdOptions::default()).step(&mut toy, step, 0.1).unwrap_err();
    assert!(
        error.to_string().contains("another model") || error.to_string().contains("this model"),
        "{error}"
    );
    assert_eq!(toy.values(), START);
}

/// The state as numbers, by parameter and name.
fn numbers(optimizer: &dyn Optimizer) -> Vec<(String, String, Vec<f64>)> {
    let mut all = Vec::new();
    for (path, tensors) in optimizer.state().unwrap().parameters {
        for (name, tensor) in tensors {
            let values = tensor.to_vec::<f64>().or_else(|_| {
                Ok::<_, cnn_tensor::Error>(tensor.to_vec::<i64>()?.into_iter().map(|n| n as f64).collect())
            });
            all.push((path.clone(), name, values.unwrap()));
        }
    }
    all
}

#[test]
fn a_step_that_fails_leaves_no_trace_in_the_state() {
    let make: [fn() -> Box<dyn Optimizer>; 2] = [
        || sgd(SgdOptions { momentum: 0.9, ..SgdOptions::default() }),
        || Box::new(Adam::new(TUNED).unwrap()),
    ];
    for make in make {
        // At the first step there is nothing before, at the second there is a state of the same shape.
        for steps_before in [0, 1] {
            let (mut toy, mut optimizer) = (Toy::new(), make());
            for _ in 0..steps_before {
                let step = toy.step();
                optimizer.step(&mut toy, step, 0.1).unwrap();
            }
            let before = numbers(&*optimizer);
            let step = toy.step();
            // The first parameter has another shape than its gradient.
            *toy.weight.value_mut() = Tensor::zeros(&[4], DType::F64).unwrap();
            let text = optimizer.step(&mut toy, step, 0.1).unwrap_err().to_string();
            assert!(text.contains("weight"), "{text}");
            assert_eq!(numbers(&*optimizer), before, "after {steps_before} steps");
        }
    }
}

#[test]
fn two_parameters_of_one_path_are_refused_before_they_share_a_state() {
    #[derive(Debug, Layer)]
    struct Twice {
        first: Toy,
        #[layer(rename = "first")]
        second: Toy,
    }
    for mut optimizer in
        [sgd(SgdOptions { momentum: 0.9, ..SgdOptions::default() }), Box::new(Adam::new(TUNED).unwrap())]
    {
        let mut twice = Twice { first: Toy::new(), second: Toy::new() };
        let step = twice.second.step();
        let text = optimizer.step(&mut twice, step, 0.1).unwrap_err().to_string();
        assert!(text.contains("first.weight"), "{text}");
        assert_eq!(twice.second.values(), START);
    }
}

#[test]
fn an_optimiser_is_described_by_its_options_and_not_by_its_state() {
    let mut momentum = sgd(SgdOptions { momentum: 0.9, ..SgdOptions::default() });
    let before = momentum.describe();
    after(&mut *momentum, 1, 0.1);
    assert_eq!(momentum.describe(), before);
    assert!(before.contains("momentum: 0.9"), "{before}");
    let (adam, adamw) =
        (AdamOptions::default(), AdamWOptions { weight_decay: 0.0, ..AdamWOptions::default() });
    assert_ne!(Adam::new(adam).unwrap().describe(), AdamW::new(adamw).unwrap().describe());
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let name = |result: Result<Box<dyn Optimizer>>| match result {
        Err(Error::Argument { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    let sgd = SgdOptions::default();
    for (options, expected) in [
        (SgdOptions { momentum: 1.0, ..sgd }, "optimizer.momentum"),
        (SgdOptions { dampening: f64::NAN, ..sgd }, "optimizer.dampening"),
        (SgdOptions { weight_decay: -1.0, ..sgd }, "optimizer.weight-decay"),
        (SgdOptions { nesterov: true, ..sgd }, "optimizer.nesterov"),
    ] {
        assert_eq!(name(AnyOptimizer::Sgd(options).build()), expected);
    }
    for (options, expected) in [
        (AdamOptions { beta1: 1.0, ..TUNED }, "optimizer.beta1"),
        (AdamOptions { beta2: -0.1, ..TUNED }, "optimizer.beta2"),
        (AdamOptions { epsilon: f64::INFINITY, ..TUNED }, "optimizer.epsilon"),
        (AdamOptions { weight_decay: f64::NAN, ..TUNED }, "optimizer.weight-decay"),
    ] {
        assert_eq!(name(AnyOptimizer::Adam(options).build()), expected);
    }
}

#[test]
fn a_configuration_names_an_optimiser_and_unknown_arguments_are_refused() {
    let text = "kind = \"adamw\"\nbeta2 = 0.95\ndecay-on = \"kernels\"\n";
    let AnyOptimizer::AdamW(options) = toml::from_str(text).unwrap() else { panic!("another optimiser") };
    assert_eq!(options, AdamWOptions { beta2: 0.95, decay_on: DecayOn::Kernels, ..AdamWOptions::default() });
    assert_eq!(options.weight_decay, 0.01);
    for text in ["kind = \"adamw\"\nmomentum = 0.9", "kind = \"sgdd\""] {
        let message = toml::from_str::<AnyOptimizer>(text).unwrap_err().to_string();
        assert!(message.contains("unknown"), "{message}");
    }
}
