//! LeNet-5 against PyTorch, both ways, from files that `fixtures/lenet5.py` wrote and checked.
//!
//! `CNN_WRITE_FIXTURES=1` writes the file that PyTorch is to load; then run `fixtures/lenet5.py --check`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cnn_autograd::graph::Graph;
use cnn_layers::{Conv2d, Ctx, Dense, Forward, Key, Layer, Mode, Relu, Result, StateDict, Var};
use cnn_tensor::{DType, Tensor, ops::reduce::max_abs_difference, pool};
use sha2::{Digest, Sha256};

#[derive(Layer)]
struct LeNet5 {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Dense,
    fc2: Dense,
    fc3: Dense,
}

impl LeNet5 {
    fn new(key: Key) -> Result<Self> {
        Ok(Self {
            conv1: Conv2d::builder(1, 6, 5).padding(2).build(key.fold(1))?,
            conv2: Conv2d::new(6, 16, 5, key.fold(2))?,
            fc1: Dense::new(400, 120, key.fold(3))?,
            fc2: Dense::new(120, 84, key.fold(4))?,
            fc3: Dense::new(84, 10, key.fold(5))?,
        })
    }
}

impl Forward for LeNet5 {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv1.call_act(x, Relu, cx)?.max_pool2d(2)?;
        let x = self.conv2.call_act(x, Relu, cx)?.max_pool2d(2)?.flatten()?;
        let x = self.fc1.call_act(x, Relu, cx)?;
        let x = self.fc2.call_act(x, Relu, cx)?;
        self.fc3.call(x, cx)
    }
}

/// The pool belongs to the process, so tests that allocate take turns with the one that measures.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lenet5").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn fixture(name: &str) -> StateDict {
    StateDict::from_safetensors(&read(name)).unwrap()
}

fn logits(model: &LeNet5) -> Tensor {
    let mut cx = Ctx::inference();
    let images = cx.input(fixture("expected.safetensors").get("images").unwrap().clone());
    model.call(images, &mut cx).unwrap().into_value()
}

#[test]
fn a_file_of_pytorch_gives_its_logits() {
    let _turn = turn();
    let mut model = LeNet5::new(Key::new(0)).unwrap();
    cnn_layers::load(&mut model, &read("from_torch.safetensors")).unwrap();
    let expected = fixture("expected.safetensors");
    let difference = max_abs_difference(&logits(&model), expected.get("logits").unwrap()).unwrap();
    assert!(difference < 1e-4, "logits differ by {difference}");
}

#[test]
fn a_file_of_ours_loaded_into_pytorch_strictly_and_gave_our_logits() {
    let _turn = turn();
    if std::env::var_os("CNN_WRITE_FIXTURES").is_some() {
        let model = LeNet5::new(Key::new(7)).unwrap();
        let metadata = BTreeMap::from([("architecture".to_owned(), "lenet5".to_owned())]);
        std::fs::write(path("from_rust.safetensors"), cnn_layers::save(&model, &metadata).unwrap()).unwrap();
        return;
    }
    let bytes = read("from_rust.safetensors");
    let checked = fixture("checked.safetensors");
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(checked.metadata()["from_rust_sha256"], hash, "PyTorch checked another file");
    assert_eq!(checked.metadata()["strict"], "True");

    let mut model = LeNet5::new(Key::new(0)).unwrap();
    cnn_layers::load(&mut model, &bytes).unwrap();
    let difference = max_abs_difference(&logits(&model), checked.get("logits").unwrap()).unwrap();
    assert!(difference < 1e-4, "logits differ by {difference}");
    // What is written today is still the form that PyTorch took.
    let metadata = StateDict::from_safetensors(&bytes).unwrap().metadata().clone();
    assert_eq!(cnn_layers::save(&model, &metadata).unwrap(), bytes);
}

#[test]
fn fixtures_name_script_versions_and_seed() {
    let _turn = turn();
    let script = [read("../lenet5.py"), read("../stored.py")].concat();
    let hash: String = Sha256::digest(&script).iter().map(|byte| format!("{byte:02x}")).collect();
    for name in ["from_torch.safetensors", "expected.safetensors", "checked.safetensors"] {
        let metadata = fixture(name).metadata().clone();
        assert_eq!(
            metadata["script_sha256"], hash,
            "{name} was written by another version of fixtures/lenet5.py"
        );
        assert!(metadata["torch"].starts_with('2') && metadata.contains_key("seed"), "{name}");
    }
}

fn traced(batch: usize) -> Graph {
    let model = LeNet5::new(Key::new(0)).unwrap();
    let mut cx = Ctx::trace(Mode::Eval);
    let images = cx.input(Tensor::shape_only(&[batch, 28, 28, 1], DType::F32).unwrap());
    let logits = model.call(images, &mut cx).unwrap();
    cx.graph(&[&logits]).unwrap()
}

#[test]
fn its_summary_is_that_of_the_literature() {
    let _turn = turn();
    let model = LeNet5::new(Key::new(0)).unwrap();
    assert_eq!(cnn_layers::parameter_count(&model), 61_706);
    let graph = traced(1);
    assert_eq!(graph.parameters(), 61_706);
    // 28x28x6 x 5x5, 10x10x16 x 5x5x6, and the three matrices.
    let expected = 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10;
    assert_eq!(graph.multiply_adds(), expected);
    assert_eq!(traced(64).multiply_adds(), 64 * expected);
    let paths: Vec<&str> = graph.operations().map(|(node, _)| node.path.as_str()).collect();
    assert_eq!(paths, ["conv1", "", "conv2", "", "", "fc1", "fc2", "fc3"]);
}

#[test]
fn its_memory_is_within_a_tenth_of_the_estimate() {
    let _turn = turn();
    const BATCH: usize = 64;
    let start = pool::stats().live_bytes;
    let model = LeNet5::new(Key::new(0)).unwrap();
    let labels = Tensor::zeros(&[BATCH], DType::I64).unwrap();
    let images = || Tensor::full(&[BATCH, 28, 28, 1], 0.5, DType::F32).unwrap();
    let measure = |run: &dyn Fn()| {
        run();
        pool::reset_peak();
        run();
        pool::stats().peak_live_bytes - start
    };
    let inference = measure(&|| {
        let mut cx = Ctx::inference();
        let x = cx.input(images());
        model.call(x, &mut cx).unwrap();
    });
    let training = measure(&|| {
        let mut cx = Ctx::training(Key::new(1));
        let x = cx.input(images());
        let loss = cnn_layers::cross_entropy(model.call(x, &mut cx).unwrap(), &labels).unwrap();
        assert_eq!(cx.backward(loss).unwrap().gradients.len(), 10);
    });

    let mut cx = Ctx::trace(Mode::Train);
    let x = cx.input(Tensor::shape_only(&[BATCH, 28, 28, 1], DType::F32).unwrap());
    let logits = model.call(x, &mut cx).unwrap();
    let estimate = cx.graph(&[&logits]).unwrap().inference_bytes();
    assert!(
        (estimate as f64 / inference as f64 - 1.0).abs() < 0.1,
        "inference: {estimate} of {inference} measured"
    );
    let loss = cnn_layers::cross_entropy(logits, &labels).unwrap();
    let estimate = cx.graph(&[&loss]).unwrap().training_bytes(0);
    assert!(
        (estimate as f64 / training as f64 - 1.0).abs() < 0.1,
        "training: {estimate} of {training} measured"
    );
}
