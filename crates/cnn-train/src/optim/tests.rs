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

/// An optimiser as a configuration file names it.
fn any(text: &str) -> Box<dyn Optimizer> {
    let text = text.replace("; ", "\n");
    toml::from_str::<AnyOptimizer>(&text).unwrap_or_else(|error| panic!("{text}: {error}")).build().unwrap()
}

/// The name of each row of `twenty_steps_are_pytorchs`, its learning rate and its optimiser.
const CASES: &[(&str, f64, &str)] = &[
    ("sgd", 0.05, "kind = 'sgd'"),
    ("sgd momentum", 0.05, "kind = 'sgd'; momentum = 0.9"),
    ("sgd dampening, decay", 0.05, "kind = 'sgd'; momentum = 0.9; dampening = 0.3; weight-decay = 0.02"),
    ("sgd nesterov, decay", 0.05, "kind = 'sgd'; momentum = 0.8; nesterov = true; weight-decay = 0.02"),
    ("adam", 0.03, "kind = 'adam'"),
    ("adam decay", 0.03, "kind = 'adam'; beta1 = 0.8; beta2 = 0.95; epsilon = 1e-6; weight-decay = 0.1"),
    ("adamw", 0.03, "kind = 'adamw'; decay-on = 'all'"),
    (
        "adamw decay",
        0.03,
        "kind = 'adamw'; beta1 = 0.8; beta2 = 0.95; epsilon = 1e-6; weight-decay = 0.1; decay-on = 'all'",
    ),
    ("nadam", 0.03, "kind = 'nadam'"),
    (
        "nadam decay",
        0.03,
        "kind = 'nadam'; beta1 = 0.8; beta2 = 0.95; epsilon = 1e-6; weight-decay = 0.1; momentum-decay = 0.01",
    ),
    (
        "nadam decoupled",
        0.03,
        "kind = 'nadam'; beta1 = 0.8; beta2 = 0.95; epsilon = 1e-6; weight-decay = 0.1; decoupled-weight-decay = true",
    ),
    ("radam", 0.03, "kind = 'radam'"),
    ("radam decay", 0.03, "kind = 'radam'; beta1 = 0.8; beta2 = 0.95; epsilon = 1e-6; weight-decay = 0.1"),
    (
        "radam decoupled",
        0.03,
        "kind = 'radam'; beta1 = 0.8; beta2 = 0.95; epsilon = 1e-6; weight-decay = 0.1; decoupled-weight-decay = true",
    ),
    ("adagrad", 0.1, "kind = 'adagrad'"),
    (
        "adagrad decay",
        0.1,
        "kind = 'adagrad'; lr-decay = 0.05; weight-decay = 0.1; initial-accumulator-value = 0.2; epsilon = 1e-6",
    ),
    ("adadelta", 1.0, "kind = 'adadelta'"),
    ("adadelta decay", 0.5, "kind = 'adadelta'; rho = 0.8; epsilon = 1e-4; weight-decay = 0.1"),
    ("rmsprop", 0.02, "kind = 'rmsprop'"),
    (
        "rmsprop centered",
        0.02,
        "kind = 'rmsprop'; alpha = 0.9; epsilon = 1e-4; centered = true; weight-decay = 0.1",
    ),
    ("rmsprop momentum", 0.02, "kind = 'rmsprop'; alpha = 0.9; momentum = 0.7"),
    ("rmsprop both", 0.02, "kind = 'rmsprop'; alpha = 0.9; epsilon = 1e-4; momentum = 0.7; centered = true"),
    ("lion", 0.03, "kind = 'lion'"),
    ("lion decay", 0.03, "kind = 'lion'; beta1 = 0.8; beta2 = 0.95; weight-decay = 0.1; decay-on = 'all'"),
    ("lamb", 0.03, "kind = 'lamb'; decay-on = 'all'"),
    ("lamb no decay", 0.03, "kind = 'lamb'; beta1 = 0.8; beta2 = 0.95; weight-decay = 0.0"),
    ("muon", 0.03, "kind = 'muon'; decay-on = 'all'"),
    (
        "muon original",
        0.03,
        "kind = 'muon'; weight-decay = 0.0; momentum = 0.8; nesterov = false; scale = 'original'; beta1 = 0.8; \
         beta2 = 0.95",
    ),
];

fn row(name: &str, expected: [f64; 8]) {
    let case = CASES.iter().find(|(known, ..)| *known == name);
    let (_, rate, text) = case.unwrap_or_else(|| panic!("there is no case {name}"));
    // PyTorch keeps the product of NAdam's momenta in single precision.
    let tolerance = if name.starts_with("nadam") { 1e-9 } else { 1e-12 };
    for (index, (met, expected)) in after(&mut *any(text), 20, *rate).into_iter().zip(expected).enumerate() {
        assert!((met - expected).abs() < tolerance, "{name}, element {index}: {met} instead of {expected}");
    }
}

#[test]
#[rustfmt::skip]
fn twenty_steps_are_pytorchs() {
    // fixtures/optim.py e9bbe1b1d4735825, torch 2.15.0+cu132
    row("sgd", [0.39807905269861155, -0.5827114742875042, 1.1336719479381985, 0.2754802368253471, -0.21491502666771092, 0.6432766844451406, 0.6432766844451406, -0.8279091060340331]);
    row("sgd momentum", [0.23396065771061803, 0.8943540806044376, -0.2613344094597468, 0.31650983557234547, 0.6467065470192555, 0.06886230198716324, 0.06886230198716324, 1.0594524363278925]);
    row("sgd dampening, decay", [0.21984443752708843, 0.9093378372670395, -0.2972756122778749, 0.3060311124945823, 0.6507778123645578, 0.04747108759210067, 0.04747108759210067, 1.0817111872020269]);
    row("sgd nesterov, decay", [0.27643384453468006, 0.4226689370017513, 0.16675752518437653, 0.294713231093064, 0.3678307773265996, 0.23987507141791228, 0.23987507141791228, 0.45922771011851915]);
    row("adam", [0.2721132622550985, -0.914468160976831, 1.4155075575240181, 0.3108847394436515, -0.17885179732997128, 0.4521440657158297, 0.4521440657158297, -1.4108275724418138]);
    row("adam decay", [0.2527473234593167, -0.9200893905190063, 1.4204360039746313, 0.2646086350861974, -0.19059557155770884, 0.4637891180942725, 0.4637891180942725, -1.4149928445810147]);
    row("adamw", [0.27218620966995277, -0.9074100678193917, 1.4055724040334243, 0.31072027513746786, -0.17625583048393248, 0.4484863263093705, 0.4484863263093705, -1.400781172008984]);
    row("adamw decay", [0.30719395781744446, -0.851653386552646, 1.325457217943309, 0.2958485610066184, -0.164029320624378, 0.4356241069613128, 0.4356241069613128, -1.3176845734087892]);
    row("nadam", [0.2845314204809982, -1.0123715213909124, 1.5140892977548588, 0.30018410360776193, -0.28415839528090114, 0.562849008618873, 0.562849008618873, -1.5061432054909503]);
    row("nadam decay", [0.2551869278840891, -0.9619610201589373, 1.4624855385568818, 0.2589669256840214, -0.2408837719442109, 0.5193996145229206, 0.5193996145229206, -1.454087414532914]);
    row("nadam decoupled", [0.2947474606567211, -0.8938973702292611, 1.3693470640335923, 0.29976181914911976, -0.21358394578826007, 0.4927641871197541, 0.4927641871197541, -1.357452045166512]);
    row("radam", [0.45334418756608375, -1.288865046001382, 1.799129141052956, 0.28008436321885793, -0.6158551533776507, 0.9018020519254359, 0.9018020519254359, -1.73754719531012]);
    row("radam decay", [0.31277859729652524, -1.112842663967446, 1.6157971144498102, 0.2672191085675402, -0.4523678570035719, 0.7363418895292501, 0.7363418895292501, -1.5539391641624438]);
    row("radam decoupled", [0.3080291183377548, -1.0602150565602588, 1.5417481579762187, 0.30405115782005787, -0.4283942464053979, 0.7019315942476129, 0.7019315942476129, -1.4820667433762011]);
    row("adagrad", [0.3000023153905893, -0.8101516474340346, 1.3147332438086359, 0.2999999998716754, -0.11907464009448611, 0.4466371151003202, 0.4466371151003202, -1.293677962271229]);
    row("adagrad decay", [0.29025352290327355, -0.9624131110929522, 1.463272936559097, 0.26166516086977265, -0.260730394287641, 0.556360967626641, 0.556360967626641, -1.4497321127670693]);
    row("adadelta", [0.4384961791070804, -1.4310814641617526, 1.9311375518647111, 0.2907580332200045, -0.6817611009210889, 0.932572469256157, 0.932572469256157, -1.9308740027431437]);
    row("adadelta decay", [0.3174292381758587, -1.2354524236601176, 1.7356473002248194, 0.2624995187371373, -0.4954590014711074, 0.7541684974835472, 0.7541684974835472, -1.7324573910400034]);
    row("rmsprop", [0.3, -0.27009580414431966, 0.7921403427159739, 0.29999999999455024, 0.2091234377823162, 0.3069191280192237, 0.3069191280192237, -0.6910897841138006]);
    row("rmsprop centered", [0.26253908647411384, -0.6620827476576533, 1.1642668080204213, 0.2622493671595146, -0.03081174077883482, 0.3819415975662757, 0.3819415975662757, -1.1297590374972455]);
    row("rmsprop momentum", [0.3040354424593943, -0.0982501064846504, 0.6242497270111422, 0.3012952793721136, 0.3071746029663777, 0.29641798383645696, 0.29641798383645696, -0.508466715268478]);
    row("rmsprop both", [0.3041593949666792, 0.19609722382199238, 0.3665199064101461, 0.3007253672927404, 0.3331431912554441, 0.3070750287194544, 0.3070750287194544, -0.05591116686737327]);
    row("lion", [0.2599999999999998, -0.8999999999999995, 1.3999999999999995, 0.31000000000000005, -0.14999999999999958, 0.39999999999999947, 0.39999999999999947, -1.3999999999999995]);
    row("lion decay", [0.30121335022633905, -0.8293155001145763, 1.300155304467384, 0.2919091371427369, -0.12305579358536488, 0.35847569576176863, 0.35847569576176863, -1.300155304467384]);
    row("lamb", [0.2899375943078476, -0.8475895480922286, 1.345747093779553, 0.3058708760957118, -0.12104455756059723, 0.40111846364896064, 0.3181426636023317, -1.2220335610110702]);
    row("lamb no decay", [0.3074557809850053, -0.9195908733699681, 1.4209788191200414, 0.2956594869019588, -0.18864847539794616, 0.4690247660358723, 0.4690247660358723, -1.4147125160720766]);
    row("muon", [0.43898417370784737, -1.2434602471427632, 1.7226580384722383, 0.2531949177271858, -0.6012479957700176, 0.8693372580064122, 0.41687461596523645, -1.31309876346026]);
    row("muon original", [0.40878565556284624, -0.9967751403889074, 1.5190698232943691, 0.29668866287921664, -0.44003799146488004, 0.7855332990668044, 0.4690236551504457, -1.4147121403300327]);
}

#[test]
fn every_case_has_a_row_and_every_kind_a_case() {
    let rows = include_str!("tests.rs").lines().filter(|line| line.starts_with("    row(\"")).count();
    assert_eq!(rows, CASES.len());
    let message = toml::from_str::<AnyOptimizer>("kind = 'none'").unwrap_err().to_string();
    // serde lists the kinds that it knows, each in backquotes.
    let kinds: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
    assert_eq!(kinds.len(), 11, "{message}");
    for kind in kinds {
        assert!(CASES.iter().any(|(.., text)| text.starts_with(&format!("kind = '{kind}'"))), "{kind}");
    }
}

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
    let look = |text: &str| {
        Box::new(Lookahead::new(any(text), LookaheadOptions::default()).unwrap()) as Box<dyn Optimizer>
    };
    let plain = CASES.iter().map(|(.., text)| (*text, &any as &dyn Fn(&str) -> Box<dyn Optimizer>));
    let ahead = [("kind = 'sgd'", &look as _), ("kind = 'adam'", &look as _)];
    for (text, make) in plain.chain(ahead) {
        let make = || make(text);
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
    for (.., text) in CASES {
        let make = || any(text);
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
    assert_eq!(AdamWOptions::default().decay_on, DecayOn::Kernels);
    for text in ["kind = \"adamw\"\nmomentum = 0.9", "kind = \"sgdd\""] {
        let message = toml::from_str::<AnyOptimizer>(text).unwrap_err().to_string();
        assert!(message.contains("unknown"), "{message}");
    }
}

#[test]
fn groups_have_rates_and_decays_of_their_own() {
    let with = |groups: Vec<Group>| {
        let options = SgdOptions { weight_decay: 0.5, ..SgdOptions::default() };
        let groups = Groups { groups, layer_decay: 1.0 };
        after(&mut Sgd::new(options).unwrap().groups(groups).unwrap(), 5, 0.1)
    };
    let plain = after(&mut *sgd(SgdOptions::default()), 5, 0.1);
    let group =
        |learning_rate, weight_decay| Group { parameters: "bias".into(), learning_rate, weight_decay };
    assert_eq!(with(vec![group(1.0, Some(0.0))])[6..], plain[6..]);
    assert_eq!(with(vec![group(0.0, None)])[6..], START[6..]);
    assert_eq!(with(vec![group(0.0, None)])[..6], with(vec![])[..6]);
    // The rate is the step's times the group's.
    let half = after(&mut *sgd(SgdOptions::default()), 5, 0.05);
    assert_eq!(with(vec![group(0.5, Some(0.0))])[6..], half[6..]);
}

#[test]
fn lookahead_draws_back_half_way_every_few_steps() {
    let options = LookaheadOptions { steps: 3, alpha: 0.5 };
    let mut ahead = Lookahead::new(sgd(SgdOptions::default()), options).unwrap();
    assert_eq!(after(&mut ahead, 2, 0.1), after(&mut *sgd(SgdOptions::default()), 2, 0.1));
    let fast = after(&mut *sgd(SgdOptions::default()), 3, 0.1);
    let mut ahead = Lookahead::new(sgd(SgdOptions::default()), options).unwrap();
    for ((met, fast), start) in after(&mut ahead, 3, 0.1).into_iter().zip(fast).zip(START) {
        assert!((met - (start + fast) / 2.0).abs() < 1e-15, "{met}: {start} {fast}");
    }
    for bad in [LookaheadOptions { steps: 0, alpha: 0.5 }, LookaheadOptions { steps: 1, alpha: f64::NAN }] {
        assert!(matches!(Lookahead::new(sgd(SgdOptions::default()), bad), Err(Error::Argument { .. })));
    }
}

#[test]
fn sam_climbs_by_its_radius_and_comes_back_to_the_bit() {
    let mut toy = Toy::new();
    let step = toy.step();
    let sam = Sam::climb(&mut toy, &step.gradients, 0.05).unwrap();
    let moved: Vec<f64> = toy.values().iter().zip(START).map(|(value, start)| value - start).collect();
    assert!((moved.iter().map(|d| d * d).sum::<f64>().sqrt() - 0.05).abs() < 1e-12);
    // Along the gradient, which points away from the target.
    assert!(moved.iter().zip(START).all(|(moved, start)| moved * (start - 0.3) > 0.0));
    sam.descend(&mut toy);
    assert_eq!(toy.values(), START);
    assert!(matches!(Sam::climb(&mut toy, &step.gradients, 0.0), Err(Error::Argument { .. })));
}
