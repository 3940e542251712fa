//! What the residual networks compute, and what one step of training makes of them, against PyTorch:
//! `fixtures/resnet.py` wrote the files.
//!
//! The files hold results alone. Weights and images are a formula of the seed, a name and the place of a number, here
//! as there; PyTorch computed in `f64`, so a difference is an error of ours.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cnn_layers::{
    Ctx, Forward, Key, StateDict, Strictness, cross_entropy, fold_statistics, named_parameters,
};
use cnn_models::{Arguments, build};
use cnn_tensor::{DType, Tensor};
use sha2::{Digest, Sha256};

const NAMES: [&str; 2] = ["resnet20", "resnet18-cifar"];
const ARGUMENTS: Arguments = Arguments { channels: 3, classes: 10, height: 14, width: 9 };
const IMAGES: [usize; 4] = [4, ARGUMENTS.height, ARGUMENTS.width, ARGUMENTS.channels];
/// Numbers that a file has of a tensor, at most.
const SAMPLES: usize = 32;
/// Of the largest number of a tensor: what rounding in `f32` adds up to, many times over.
const TOLERANCE: f32 = 2e-5;
/// Gradients gather rounding on the way back as well.
const GRADIENT_TOLERANCE: f32 = 2e-4;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn fixture(name: &str) -> StateDict {
    let path = folder().join("resnet").join(format!("{name}.safetensors"));
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

fn network(name: &str, seed: &str) -> Box<dyn Forward> {
    let mut network = build(name, &ARGUMENTS, Key::new(0)).unwrap();
    let mut dict = StateDict::default();
    for (key, tensor) in StateDict::of(&*network).unwrap().iter() {
        dict.insert(key, value(seed, key, tensor.shape()));
    }
    dict.load_into(&mut *network, Strictness::Strict).unwrap();
    network
}

/// At most [`SAMPLES`] numbers of a tensor in the order of files; an odd stride meets every place of a kernel.
fn samples(tensor: &Tensor) -> Vec<f32> {
    let stride = (tensor.len() / SAMPLES).max(1) | 1;
    let numbers = tensor.to_dtype(DType::F32).unwrap().to_vec::<f32>().unwrap();
    numbers.into_iter().step_by(stride).take(SAMPLES).collect()
}

/// What the file of a network holds, computed here.
fn computed(name: &str, seed: &str, labels: &Tensor) -> BTreeMap<String, Vec<f32>> {
    let mut network = network(name, seed);
    let images = value(seed, "images", &IMAGES);
    let mut results = BTreeMap::new();

    let mut cx = Ctx::inference();
    let x = cx.input(images.clone());
    let logits = network.call(x, &mut cx).unwrap();
    results.insert("eval.logits".to_owned(), logits.value().to_vec().unwrap());

    let mut cx = Ctx::training(Key::new(0));
    let x = cx.input(images);
    let logits = network.call(x, &mut cx).unwrap();
    results.insert("train.logits".to_owned(), logits.value().to_vec().unwrap());
    let loss = cross_entropy(logits, labels).unwrap();
    results.insert("train.loss".to_owned(), loss.value().to_vec().unwrap());
    let step = cx.backward(loss).unwrap();
    for (key, parameter) in named_parameters(&*network) {
        let gradient = step.gradients.get(parameter.id()).unwrap_or_else(|| panic!("{key} has no gradient"));
        let gradient = parameter.layout().to_file(gradient).unwrap();
        results.insert(format!("gradient.{key}"), samples(&gradient));
    }
    fold_statistics(&mut *network, &step.statistics).unwrap();
    let statistics = ["running_mean", "running_var", "num_batches_tracked"];
    for (key, tensor) in StateDict::of(&*network).unwrap().iter() {
        if statistics.iter().any(|statistic| key.ends_with(statistic)) {
            results.insert(format!("after.{key}"), samples(tensor));
        }
    }
    results
}

#[test]
fn residual_networks_compute_and_learn_what_pytorchs_do() {
    for name in NAMES {
        let fixture = fixture(name);
        let met = computed(name, &fixture.metadata()["seed"], fixture.get("labels").unwrap());
        let keys = fixture.iter().map(|(key, _)| key).filter(|&key| key != "labels");
        assert!(keys.eq(met.keys().map(String::as_str)), "{name}: the file has results of other tensors");
        for (key, met) in met {
            let expected = fixture.get(&key).unwrap().to_vec::<f32>().unwrap();
            assert_eq!(met.len(), expected.len(), "{name}: {key}");
            let largest = expected.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
            let tolerance = if key.starts_with("gradient.") { GRADIENT_TOLERANCE } else { TOLERANCE };
            for (index, (met, expected)) in met.iter().zip(&expected).enumerate() {
                assert!(
                    (met - expected).abs() <= tolerance * largest,
                    "{name}: {key}, sample {index} is {met}, PyTorch has {expected}"
                );
            }
        }
    }
}

#[test]
fn fixtures_name_script_versions_and_seed() {
    let script = std::fs::read(folder().join("resnet.py")).unwrap();
    let hash: String = Sha256::digest(&script).iter().map(|byte| format!("{byte:02x}")).collect();
    for name in NAMES {
        let metadata = fixture(name).metadata().clone();
        assert_eq!(
            metadata["script_sha256"], hash,
            "{name} was written by another version of fixtures/resnet.py"
        );
        assert!(metadata["torch"].starts_with('2') && metadata.contains_key("seed"), "{name}");
    }
}
