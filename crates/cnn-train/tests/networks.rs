//! What whole networks compute, and what one step of training makes of them, against PyTorch: loss, gradients, running
//! statistics, and every parameter after the optimiser's step. `fixtures/networks.py` wrote the files.
//!
//! The files hold results alone. Weights and images are a formula of the seed, a name and the place of a number, here
//! as there; PyTorch computed in `f64`, so a difference is an error of ours: in `f64` of a formula, in `f32` of a kernel.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cnn_layers::{
    BatchNorm2d, Bias, Conv2d, Ctx, Dense, FileLayout, Forward, Gelu, HardSigmoid, Key, Layer, LayerNorm,
    MultiHeadAttention, Parameter, Result, Sequential, SqueezeExcite, StateDict, Strictness, Var, convert,
    cross_entropy, named_parameters,
};
use cnn_models::{Arguments, build};
use cnn_tensor::ops::reduce::Keep;
use cnn_tensor::{DType, Tensor};
use cnn_train::optim::{Adam, AdamOptions, AdamW, AdamWOptions, DecayOn, Optimizer, Sgd, SgdOptions};
use sha2::{Digest, Sha256};

/// Numbers that a file has of a tensor, at most.
const SAMPLES: usize = 32;

/// How far numbers may be off, of the largest of their tensor.
struct Tolerance {
    values: f64,
    /// Gradients gather rounding on the way back as well; what Adam makes of the smallest, which it brings to the size of
    /// the others, gathers more.
    gradients: f64,
}

/// What storing in `f32` loses.
const DOUBLE: Tolerance = Tolerance { values: 5e-7, gradients: 5e-7 };

/// What rounding adds up to in `f32`, many times over.
const SINGLE: Tolerance = Tolerance { values: 2e-5, gradients: 2e-4 };

/// A network, the shape of its images and what trains it.
struct Case {
    name: &'static str,
    images: [usize; 4],
    network: fn() -> Result<Box<dyn Forward>>,
    optimizer: fn() -> Box<dyn Optimizer>,
    learning_rate: f64,
}

const CASES: [Case; 5] = [
    Case {
        name: "lenet5",
        images: [4, 28, 28, 1],
        network: || Ok(build("lenet5", &Arguments::MNIST, Key::new(0)).unwrap()),
        optimizer: || Box::new(Adam::new(AdamOptions::default()).unwrap()),
        learning_rate: 1e-2,
    },
    Case {
        name: "resnet20",
        images: [4, 14, 9, 3],
        network: || Ok(build("resnet20", &SMALL, Key::new(0)).unwrap()),
        optimizer: sgd,
        learning_rate: 0.1,
    },
    Case {
        name: "resnet18-cifar",
        images: [4, 14, 9, 3],
        network: || Ok(build("resnet18-cifar", &SMALL, Key::new(0)).unwrap()),
        optimizer: sgd,
        learning_rate: 0.1,
    },
    Case {
        name: "squeeze-net",
        images: [4, 14, 9, 3],
        network: || Ok(Box::new(SqueezeNet::new()?)),
        optimizer: adamw,
        learning_rate: 1e-2,
    },
    Case {
        name: "vit-block",
        images: [4, 8, 12, 3],
        network: || Ok(Box::new(Vit::new()?)),
        optimizer: sgd,
        learning_rate: 0.1,
    },
];

const SMALL: Arguments = Arguments { channels: 3, classes: 10, height: 14, width: 9 };

fn sgd() -> Box<dyn Optimizer> {
    let options = SgdOptions { momentum: 0.9, nesterov: true, weight_decay: 1e-2, ..SgdOptions::default() };
    Box::new(Sgd::new(options).unwrap())
}

fn adamw() -> Box<dyn Optimizer> {
    let options = AdamWOptions { weight_decay: 0.1, decay_on: DecayOn::All, ..AdamWOptions::default() };
    Box::new(AdamW::new(options).unwrap())
}

/// A block of MobileNetV3 (arXiv:1905.02244) between a stem and a classifier.
#[derive(Layer)]
struct SqueezeNet {
    stem: Conv2d,
    bn1: BatchNorm2d,
    depthwise: Conv2d,
    bn2: BatchNorm2d,
    se: SqueezeExcite,
    project: Conv2d,
    bn3: BatchNorm2d,
    fc: Dense,
}

impl SqueezeNet {
    fn new() -> Result<Self> {
        let key = Key::new(0);
        let conv = |inputs, outputs, kernel| Conv2d::builder(inputs, outputs, kernel).bias(Bias::Without);
        Ok(Self {
            stem: conv(3, 8, 3).stride(2).padding(1).build(key)?,
            bn1: BatchNorm2d::new(8)?,
            depthwise: conv(8, 8, 5).padding(2).groups(8).build(key)?,
            bn2: BatchNorm2d::new(8)?,
            se: SqueezeExcite::builder(8, 4).gate(HardSigmoid).build(key)?,
            project: conv(8, 12, 1).build(key)?,
            bn3: BatchNorm2d::new(12)?,
            fc: Dense::new(12, 10, key)?,
        })
    }
}

impl Forward for SqueezeNet {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.stem.call(x, cx)?;
        let x = self.bn1.call(x, cx)?.hard_swish()?;
        let x = self.depthwise.call(x, cx)?;
        let x = self.bn2.call(x, cx)?.hard_swish()?;
        let x = self.se.call(x, cx)?;
        let x = self.project.call(x, cx)?;
        let x = self.bn3.call(x, cx)?.global_average_pool2d()?.flatten()?;
        self.fc.call(x, cx)
    }
}

/// One block of a vision transformer (arXiv:2010.11929) on patches of 4 by 4, with the mean for a class token.
#[derive(Layer)]
struct Vit {
    conv_proj: Conv2d,
    pos_embedding: Parameter,
    ln_1: LayerNorm,
    self_attention: MultiHeadAttention,
    ln_2: LayerNorm,
    mlp: Sequential,
    ln: LayerNorm,
    head: Dense,
}

impl Vit {
    fn new() -> Result<Self> {
        let key = Key::new(0);
        let mlp = Sequential::new()
            .then(Dense::new(12, 24, key)?)
            .then(Gelu::default())
            .then(Dense::new(24, 12, key)?);
        Ok(Self {
            conv_proj: Conv2d::builder(3, 12, 4).stride(4).build(key)?,
            pos_embedding: Parameter::new(Tensor::zeros(&[1, 6, 12], DType::F32)?, FileLayout::AsIs),
            ln_1: LayerNorm::new(12)?,
            self_attention: MultiHeadAttention::new(12, 3, key)?,
            ln_2: LayerNorm::new(12)?,
            mlp,
            ln: LayerNorm::new(12)?,
            head: Dense::new(12, 10, key)?,
        })
    }
}

impl Forward for Vit {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv_proj.call(x, cx)?;
        let batch = x.shape()[0];
        let x = x.reshape(&[batch, 6, 12])?.add(self.pos_embedding.var(cx)?)?;
        let y = self.ln_1.call(x.clone(), cx)?;
        let x = self.self_attention.call(y, cx)?.add(x)?;
        let y = self.ln_2.call(x.clone(), cx)?;
        let x = self.mlp.call(y, cx)?.add(x)?;
        let x = self.ln.call(x, cx)?.mean_over(&[1], Keep::Dropped)?;
        self.head.call(x, cx)
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn fixture(name: &str) -> StateDict {
    let path = folder().join("networks").join(format!("{name}.safetensors"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    StateDict::from_safetensors(&bytes).unwrap()
}

/// Numbers from -1 to 1: FNV-1a of seed and name, counted on and mixed by SplitMix64, of which the upper 24 bits.
fn uniform(seed: &str, name: &str) -> impl Iterator<Item = f64> {
    let start = format!("{seed} {name}").bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (1..).map(move |count: u64| {
        let bits = start.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

/// A tensor by its name, in the layout of files.
fn value(seed: &str, name: &str, shape: &[usize]) -> Tensor {
    if name.ends_with("num_batches_tracked") {
        return Tensor::scalar(7i64).unwrap();
    }
    let (middle, width) = if name == "images" {
        (0.0, 1.0)
    } else if let [_, fan_in @ ..] = shape
        && !fan_in.is_empty()
    {
        (0.0, (6.0 / fan_in.iter().product::<usize>() as f64).sqrt())
    } else if name.ends_with("running_var") || name.ends_with("weight") {
        (1.0, 0.5)
    } else {
        (0.0, 0.25)
    };
    let numbers = uniform(seed, name).map(|number| (middle + width * number) as f32);
    let numbers: Vec<f32> = numbers.take(shape.iter().product()).collect();
    Tensor::from_slice(shape, &numbers).unwrap()
}

/// A network with the weights of the formula, in a precision.
fn network(case: &Case, seed: &str, dtype: DType) -> Box<dyn Forward> {
    let mut network = (case.network)().unwrap();
    let mut dict = StateDict::default();
    for (key, tensor) in StateDict::of(&*network).unwrap().iter() {
        dict.insert(key, value(seed, key, tensor.shape()));
    }
    dict.load_into(&mut *network, Strictness::Strict).unwrap();
    convert(&mut *network, dtype).unwrap();
    network
}

/// At most [`SAMPLES`] numbers of a tensor in the order of files; an odd stride meets every place of a kernel.
fn samples(tensor: &Tensor) -> Vec<f64> {
    let stride = (tensor.len() / SAMPLES).max(1) | 1;
    tensor.to_f64_vec().unwrap().into_iter().step_by(stride).take(SAMPLES).collect()
}

/// What the file of a network holds, computed here.
fn computed(case: &Case, seed: &str, labels: &Tensor, dtype: DType) -> BTreeMap<String, Vec<f64>> {
    let mut network = network(case, seed, dtype);
    let images = value(seed, "images", &case.images).to_dtype(dtype).unwrap();
    let mut results = BTreeMap::new();

    let mut cx = Ctx::inference();
    let x = cx.input(images.clone());
    let logits = network.call(x, &mut cx).unwrap();
    results.insert("eval.logits".to_owned(), logits.value().to_f64_vec().unwrap());

    let mut cx = Ctx::training(Key::new(0));
    let x = cx.input(images);
    let logits = network.call(x, &mut cx).unwrap();
    results.insert("train.logits".to_owned(), logits.value().to_f64_vec().unwrap());
    let loss = cross_entropy(logits, labels).unwrap();
    results.insert("train.loss".to_owned(), loss.value().to_f64_vec().unwrap());
    let step = cx.backward(loss).unwrap();
    for (key, parameter) in named_parameters(&*network) {
        let gradient = step.gradients.get(parameter.id()).unwrap_or_else(|| panic!("{key} has no gradient"));
        let gradient = parameter.layout().to_file(gradient).unwrap();
        results.insert(format!("gradient.{key}"), samples(&gradient));
    }
    (case.optimizer)().step(&mut *network, step, case.learning_rate).unwrap();
    for (key, tensor) in StateDict::of(&*network).unwrap().iter() {
        results.insert(format!("after.{key}"), samples(tensor));
    }
    results
}

/// What differs between a network here and in its file.
fn differences(case: &Case, dtype: DType, tolerance: &Tolerance) -> Vec<String> {
    let fixture = fixture(case.name);
    let labels = fixture.get("labels").unwrap();
    let met = computed(case, &fixture.metadata()["seed"], labels, dtype);
    let keys = fixture.iter().map(|(key, _)| key).filter(|&key| key != "labels");
    assert!(keys.eq(met.keys().map(String::as_str)), "{}: the file has results of other tensors", case.name);
    let off = met.into_iter().filter_map(|(key, met)| {
        let expected = fixture.get(&key).unwrap().to_f64_vec().unwrap();
        assert_eq!(met.len(), expected.len(), "{}: {key}", case.name);
        let largest = expected.iter().fold(1e-30f64, |largest, number| largest.max(number.abs()));
        let is_value = key.starts_with("eval") || key.starts_with("train");
        let allowed = if is_value { tolerance.values } else { tolerance.gradients };
        let off = met.iter().zip(&expected).map(|(met, expected)| (met - expected).abs()).fold(0.0, f64::max);
        // A NaN must not pass.
        (!matches!((off / largest).partial_cmp(&allowed), Some(std::cmp::Ordering::Less))).then(|| {
            format!("{}, {dtype}: {key} is off by {:.1e} of its largest number", case.name, off / largest)
        })
    });
    off.collect()
}

#[test]
fn networks_compute_and_learn_what_pytorchs_do() {
    let mut off = Vec::new();
    for case in &CASES {
        off.extend(differences(case, DType::F64, &DOUBLE));
        off.extend(differences(case, DType::F32, &SINGLE));
    }
    assert!(off.is_empty(), "\n{}", off.join("\n"));
}

#[test]
fn fixtures_name_script_versions_and_seed() {
    let text = |name| std::fs::read(folder().join(name)).unwrap();
    let script = [text("networks.py"), text("stored.py")].concat();
    let hash: String = Sha256::digest(&script).iter().map(|byte| format!("{byte:02x}")).collect();
    for Case { name, .. } in &CASES {
        let metadata = fixture(name).metadata().clone();
        assert_eq!(
            metadata["script_sha256"], hash,
            "{name} was written by another version of fixtures/networks.py"
        );
        assert!(metadata["torch"].starts_with('2') && metadata.contains_key("seed"), "{name}");
    }
}
