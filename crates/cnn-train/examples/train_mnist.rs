//! The whole road against the library: MNIST from its files to a trained, measured and saved network.
//!
//! ```text
//! cargo run --release -p cnn-train --example train_mnist [-- IMAGES]
//! ```
//! With a number of images it trains on the first so many, for a quick look.
#![expect(clippy::print_stdout, reason = "an example tells its reader what happens")]

use std::path::Path;
use std::sync::Arc;

use cnn_data::sources::mnist::{self, Family};
use cnn_data::transform::{Interpolation, Pipeline, RandomAffine};
use cnn_data::{
    Dataset, HoldOut, Loader, Preprocessing, Sequential, Shuffled, Size, Split, Subset, hold_out,
};
use cnn_models::{About, Arguments, ModelFile, build};
use cnn_tensor::random::Key;
use cnn_train::optim::{Sgd, SgdOptions};
use cnn_train::schedule::OneCycle;
use cnn_train::{
    Callback, CallbackError, EpochEvent, Flow, Keep, Trainer, TrainerOptions, evaluate, write_atomically,
};

const SEED: u64 = 1;

/// Prints a line after every epoch.
struct Lines;

impl Callback for Lines {
    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        let accuracy = event.record.validation.map_or(0.0, |validation| 100.0 * validation.accuracy);
        println!("epoch {} of {}: validation {accuracy:.2} %", event.record.epoch, event.epochs);
        Ok(Flow::Continue)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Data: 60,000 images, a twelfth of them held out to choose the best epoch by.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist");
    let images = mnist::load(&folder, Family::Mnist, Split::Train)?;
    let limit = std::env::args().nth(1).map_or(Ok(images.len()), |text| text.parse())?;
    let images = Arc::new(Subset::new(images, (0..limit).collect())?);
    let (train, validation) = hold_out(images, HoldOut::Share(1.0 / 12.0), SEED)?;

    // What the network sees: 28 x 28 grey pixels around zero, moved and turned a little while training.
    let preprocessing = Preprocessing::new(Size::new(28, 28), 1)?.normalize(&[0.1307], &[0.3081])?;
    let turned = RandomAffine::new(10.0).interpolation(Interpolation::Bilinear);
    let augmentation = Pipeline::new().then(turned);
    let train = Loader::new(train, Shuffled::new(SEED), preprocessing.clone()).augment(augmentation, SEED);
    let validation = Loader::new(validation, Sequential, preprocessing.clone()).batch_size(250);

    // Training.
    let mut network = build("digit-net", &Arguments::MNIST, Key::new(SEED))?;
    let options =
        TrainerOptions { epochs: 3, learning_rate: 0.1, seed: SEED, keep: Keep::Best, ..Default::default() };
    let history = Trainer::new(options)?
        .optimizer(Sgd::new(SgdOptions { momentum: 0.9, nesterov: true, ..Default::default() })?)
        .schedule(OneCycle::default())
        .validate_on(&validation)
        .callback(Lines)
        .fit(&mut *network, &train)?;

    // The test images are read once, now that every choice has been made.
    let test = mnist::load(&folder, Family::Mnist, Split::Test)?;
    let test = Subset::new(test, (0..limit.min(10_000)).collect())?;
    let result = evaluate(&*network, &Loader::new(test, Sequential, preprocessing.clone()).batch_size(250))?;
    println!("test: {} of {} images right, loss {:.4}", result.correct(), result.images(), result.loss);

    // One file with all that a prediction needs.
    let digits = (0..10).map(|digit| digit.to_string());
    let about = About::new("digit-net", Arguments::MNIST, digits, &preprocessing)?.with_training(&history)?;
    let path = std::env::temp_dir().join("train_mnist.safetensors");
    write_atomically(&path, &ModelFile::encode(&about, &*network)?)?;
    println!("saved {}", path.display());
    Ok(())
}
