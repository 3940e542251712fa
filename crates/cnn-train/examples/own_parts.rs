//! Parts of one's own in a `Trainer`: a schedule, a metric, and a callback that ends the run by it.
//!
//! ```text
//! cargo run --release -p cnn-train --example own_parts [-- IMAGES]
//! ```
#![expect(clippy::print_stdout, reason = "an example tells its reader what happens")]

use std::path::Path;
use std::sync::Arc;

use cnn_data::sources::mnist::{self, Family};
use cnn_data::{
    Dataset, HoldOut, Loader, Preprocessing, Sequential, Shuffled, Size, Split, Subset, hold_out,
};
use cnn_layers::Key;
use cnn_models::{Arguments, build};
use cnn_train::optim::{Sgd, SgdOptions};
use cnn_train::schedule::{Progress, Schedule};
use cnn_train::{
    Callback, CallbackError, EpochEvent, Evaluation, Flow, Keep, Trainer, TrainerOptions, evaluate,
};

/// Up and down in a triangle, so many steps from foot to foot (Smith, arXiv:1506.01186).
#[derive(Debug)]
struct Triangles {
    steps: u64,
}

impl Schedule for Triangles {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        let place = (at.step % self.steps) as f64 / self.steps as f64;
        base * (1.0 - (2.0 * place - 1.0).abs()).max(0.01)
    }
}

/// The recall of the class that is found least well: what counts where no class may be missed.
fn worst_recall(evaluation: &Evaluation) -> f64 {
    let classes = evaluation.confusion.per_class();
    classes.iter().filter(|class| class.images > 0).map(|class| class.recall).fold(1.0, f64::min)
}

/// Measures after every epoch, and ends the run once no class is found too seldom.
struct EveryClassFound<'a> {
    validation: &'a Loader,
    enough: f64,
}

impl Callback for EveryClassFound<'_> {
    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        let recall = worst_recall(&evaluate(event.model, self.validation)?);
        println!("epoch {} of {}: worst recall {:.1} %", event.record.epoch, event.epochs, 100.0 * recall);
        Ok(if recall >= self.enough { Flow::Stop } else { Flow::Continue })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist");
    let images = mnist::load(&folder, Family::Mnist, Split::Train)?;
    let limit = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let count = limit.min(images.len());
    let images = Arc::new(Subset::new(images, (0..count).collect())?);
    let (train, validation) = hold_out(images, HoldOut::Share(0.1), 1)?;
    let input = Preprocessing::new(Size::new(28, 28), 1)?.normalize(&[0.1307], &[0.3081])?;
    let train = Loader::new(train, Shuffled::new(1), input.clone()).batch_size(50);
    let validation = Loader::new(validation, Sequential, input).batch_size(250);

    let mut network = build("lenet5", &Arguments::MNIST, Key::new(1))?;
    let options =
        TrainerOptions { epochs: 10, learning_rate: 0.05, seed: 1, keep: Keep::Best, ..Default::default() };
    let history = Trainer::new(options)?
        .optimizer(Sgd::new(SgdOptions { momentum: 0.9, ..Default::default() })?)
        .schedule(Triangles { steps: 2 * train.batches_per_epoch() as u64 })
        .validate_on(&validation)
        .callback(EveryClassFound { validation: &validation, enough: 0.95 })
        .fit(&mut *network, &train)?;

    let best = history.best().map_or(0, |record| record.epoch);
    println!("{:?} after {} epochs, the best was {best}", history.ending, history.epochs.len());
    Ok(())
}
