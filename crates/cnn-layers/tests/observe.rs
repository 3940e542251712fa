//! What a network does inside: activations and their gradients by layer path, frozen parts, curvature.

use cnn_layers::{
    BatchNorm2d, Bias, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Ctx, Dense, Error, Forward,
    Gradients, Key, Layer, Mode, Recompute, Recording, Relu, Result, Sequential, Trainable, Var, convert,
    freeze, hessian_vector_product, named_parameters, unfreeze,
};
use cnn_tensor::testing::{normal, same_bits};
use cnn_tensor::{DType, Tensor};

/// A residual block that fuses what it can.
#[derive(Layer)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
}

impl Forward for Block {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let y = self.conv1.call(x.clone(), cx)?;
        let y = self.bn1.call_act(y, Relu, cx)?;
        let y = self.conv2.call_act(y, Relu, cx)?;
        self.bn2.call_add_act(y, x, Relu, cx)
    }
}

#[derive(Layer)]
struct Net {
    layer1: Block,
    layer2: Sequential,
    head: Dense,
}

impl Net {
    fn rest(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.layer2.call(x, cx)?.global_average_pool2d()?.flatten()?;
        self.head.call_act(x, Relu, cx)
    }
}

impl Forward for Net {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.layer1.call(x, cx)?;
        self.rest(x, cx)
    }
}

fn net() -> Net {
    let block = |seed: u64| {
        let conv =
            |key| Conv2d::builder(3, 3, 3).padding(1).bias(Bias::Without).build(Key::new(key)).unwrap();
        Block {
            conv1: conv(seed),
            bn1: BatchNorm2d::new(3).unwrap(),
            conv2: conv(seed + 1),
            bn2: BatchNorm2d::new(3).unwrap(),
        }
    };
    let layer2 = Sequential::new().then(Relu).then(block(3));
    Net { layer1: block(1), layer2, head: Dense::new(3, 2, Key::new(5)).unwrap() }
}

fn images() -> Tensor {
    normal(&[2, 5, 6, 3], 1, DType::F32).unwrap()
}

/// Output, and what is observed with its gradients.
fn observe(net: &Net, paths: &[&str]) -> (Tensor, Vec<(Tensor, Tensor)>) {
    let mut cx = Ctx::training(Key::new(1));
    paths.iter().for_each(|&path| cx.observe(path));
    let x = cx.input(images());
    let y = net.call(x, &mut cx).unwrap();
    let seen: Vec<Var> = paths.iter().flat_map(|path| cx.observed(path).unwrap().to_vec()).collect();
    assert_eq!(seen.len(), paths.len());
    let output = y.value().clone();
    let step = cx.backward(y.sum().unwrap()).unwrap();
    let values = seen.iter().map(|var| (var.value().clone(), step.gradients.of(var).unwrap().clone()));
    (output, values.collect())
}

fn close(a: &Tensor, b: &Tensor) -> bool {
    let [a, b] = [a, b].map(|tensor| tensor.to_f64_vec().unwrap());
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn an_observed_layer_shows_its_own_output_though_an_activation_is_fused_into_it() {
    let net = net();
    let paths = ["layer1.bn1", "layer1.conv2", "layer2.1.bn2", "layer2.1", "head"];
    let (observed, seen) = observe(&net, &paths);
    let (plain, _) = observe(&net, &[]);
    assert!(close(&observed, &plain));
    let has_negative = |tensor: &Tensor| tensor.to_f64_vec().unwrap().iter().any(|&value| value < 0.0);
    assert_eq!(
        seen.iter().map(|(value, _)| has_negative(value)).collect::<Vec<_>>(),
        [true, true, true, false, true]
    );
    for (value, gradient) in &seen {
        assert_eq!(value.shape(), gradient.shape());
        assert!(gradient.to_f64_vec().unwrap().iter().any(|&value| value != 0.0));
    }
}

#[test]
fn no_layer_that_can_fuse_an_activation_hides_its_own_output() {
    let key = Key::new(7);
    let image = |shape: &[usize]| normal(shape, 3, DType::F32).unwrap();
    type Call = Box<dyn Fn(Var, &mut Ctx) -> Result<Var>>;
    macro_rules! call {
        ($layer:expr) => {{
            let layer = $layer.unwrap();
            Box::new(move |x, cx: &mut Ctx| layer.call_act(x, Relu, cx)) as Call
        }};
    }
    let layers: [(&[usize], Call); 6] = [
        (&[2, 5, 6, 3], call!(Conv2d::new(3, 4, 3, key))),
        (&[2, 7, 3], call!(Conv1d::new(3, 4, 3, key))),
        (&[2, 5, 6, 3], call!(ConvTranspose2d::new(3, 4, 3, key))),
        (&[2, 7, 3], call!(ConvTranspose1d::new(3, 4, 3, key))),
        (&[2, 5, 6, 3], call!(BatchNorm2d::new(3))),
        (&[9, 3], call!(Dense::new(3, 4, key))),
    ];
    for (index, (shape, call)) in layers.iter().enumerate() {
        let mut cx = Ctx::training(key);
        cx.observe("");
        let x = cx.input(image(shape));
        let y = call(x, &mut cx).unwrap();
        let least = |tensor: &Tensor| tensor.to_f64_vec().unwrap().into_iter().fold(0.0, f64::min);
        let own = cx.observed("").unwrap();
        assert_eq!(own.len(), 1, "layer {index}");
        assert!(least(own[0].value()) < 0.0 && least(y.value()) == 0.0, "layer {index}");
    }
}

#[test]
fn a_wrapper_without_a_name_of_its_own_is_seen_once() {
    let dense = Recompute::new(Dense::new(3, 2, Key::new(1)).unwrap());
    let net = Sequential::new().then(dense).then(Relu);
    let mut cx = Ctx::training(Key::new(1));
    cx.observe("0");
    cx.observe("");
    let x = cx.variable(normal(&[4, 3], 1, DType::F32).unwrap());
    net.call(x.clone(), &mut cx).unwrap();
    net.call(x, &mut cx).unwrap();
    assert_eq!(cx.observed("0").unwrap().len(), 2);
    assert_eq!(cx.observed("").unwrap().len(), 2);
}

#[test]
fn the_gradient_of_an_observed_layer_is_that_of_a_variable_in_its_place() {
    let net = net();
    let (_, seen) = observe(&net, &["layer1"]);
    let (middle, claimed) = &seen[0];
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.variable(middle.clone());
    let y = net.rest(x.clone(), &mut cx).unwrap();
    let step = cx.backward(y.sum().unwrap()).unwrap();
    assert!(same_bits(step.gradients.of(&x).unwrap(), claimed));
}

#[test]
fn inference_can_be_observed_and_a_path_that_nothing_ran_under_is_told() {
    let net = net();
    let mut cx = Ctx::inference();
    cx.observe("layer1");
    cx.observe("layer9");
    let x = cx.input(images());
    net.call(x, &mut cx).unwrap();
    assert_eq!(cx.observed("layer1").unwrap()[0].shape(), images().shape());
    for path in ["layer9", "layer2"] {
        let error = cx.observed(path).unwrap_err().to_string();
        assert!(error.contains(&format!("`{path}`")), "{error}");
    }
}

#[test]
fn what_is_observed_is_seen_in_a_part_that_is_computed_again() {
    let net = net();
    let (_, plain) = observe(&net, &["layer1.conv2"]);
    let mut cx = Ctx::training(Key::new(1));
    cx.observe("layer1.conv2");
    let x = cx.input(images());
    let y = cx.recompute(|cx| net.call(x, cx)).unwrap();
    let seen = cx.observed("layer1.conv2").unwrap()[0].clone();
    let step = cx.backward(y.sum().unwrap()).unwrap();
    assert!(same_bits(seen.value(), &plain[0].0));
    assert!(same_bits(step.gradients.of(&seen).unwrap(), &plain[0].1));
}

#[test]
fn patterns_freeze_and_free_and_one_that_names_nothing_changes_nothing() {
    let mut net = net();
    let frozen = |net: &Net| {
        let all = named_parameters(net).into_iter();
        all.filter(|(_, parameter)| parameter.trainable() == Trainable::No)
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(freeze(&mut net, &["layer1", "*.bn1.weight"]).unwrap(), 7);
    assert_eq!(unfreeze(&mut net, &["layer?.bn*"]).unwrap(), 4);
    assert_eq!(frozen(&net), ["layer1.conv1.weight", "layer1.conv2.weight", "layer2.1.bn1.weight"]);
    let error = unfreeze(&mut net, &["layer1", "fc"]).unwrap_err();
    assert!(matches!(error, Error::NoParameter { .. }));
    assert!(
        error.to_string().starts_with("no parameter is named by `fc`; the model has layer1.conv1.weight, ")
    );
    assert_eq!(frozen(&net).len(), 3);
}

#[test]
fn the_product_with_the_hessian_is_the_change_of_the_gradient() {
    // A loss of the fourth degree in the weights: its Hessian changes from place to place.
    let mut net = Sequential::new()
        .then(Dense::new(3, 4, Key::new(1)).unwrap())
        .then(Dense::new(4, 2, Key::new(2)).unwrap());
    convert(&mut net, DType::F64).unwrap();
    let x = normal(&[5, 3], 4, DType::F64).unwrap();
    let gradients = |net: &Sequential| {
        let mut cx = Ctx::new(Recording::Gradients, Mode::Train, Key::new(1));
        let x = cx.input(x.clone());
        let y = net.call(x, &mut cx)?;
        let loss = y.clone().mul(y)?.sum()?;
        Ok(cx.backward(loss)?.gradients)
    };
    let before: Vec<Tensor> =
        named_parameters(&net).into_iter().map(|(_, parameter)| parameter.value().clone()).collect();
    let direction = |net: &Sequential, seed: u64| {
        let mut direction = Gradients::default();
        for (index, (_, parameter)) in named_parameters(net).into_iter().enumerate() {
            let part = normal(parameter.value().shape(), seed + index as u64, DType::F64).unwrap();
            direction.insert(parameter.id(), part);
        }
        direction
    };
    let dot = |a: &Gradients, b: &Gradients| -> f64 {
        let products = a.iter().map(|(id, a)| {
            let [a, b] = [a, b.get(id).unwrap()].map(|tensor| tensor.to_f64_vec().unwrap());
            a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>()
        });
        products.sum()
    };
    let (u, v) = (direction(&net, 10), direction(&net, 20));
    let hu = hessian_vector_product(&mut net, &u, 1e-4, gradients).unwrap();
    let hv = hessian_vector_product(&mut net, &v, 1e-4, gradients).unwrap();
    // The Hessian is symmetric, and its product is linear in the direction.
    assert!((dot(&v, &hu) - dot(&u, &hv)).abs() < 1e-6 * dot(&hu, &hu).sqrt());
    let mut sum = direction(&net, 10);
    sum.accumulate(direction(&net, 20)).unwrap();
    let hsum = hessian_vector_product(&mut net, &sum, 1e-4, gradients).unwrap();
    for (id, met) in hsum.iter() {
        let [a, b] = [&hu, &hv].map(|part| part.get(id).unwrap().to_f64_vec().unwrap());
        for ((met, a), b) in met.to_f64_vec().unwrap().iter().zip(&a).zip(&b) {
            assert!((met - a - b).abs() < 1e-5, "{met} and {}", a + b);
        }
    }
    for ((_, parameter), before) in named_parameters(&net).into_iter().zip(&before) {
        assert!(same_bits(parameter.value(), before));
    }
    let nowhere = Gradients::default();
    assert!(hessian_vector_product(&mut net, &nowhere, 1e-4, gradients).is_err());
    assert!(hessian_vector_product(&mut net, &u, 0.0, gradients).is_err());
}
