//! The guide to training is true: its code compiles and trains, its configuration trains, its commands run.
//!
//! The two modules below hold the guide's Rust code letter for letter; a test compares them.

mod common;

use cnn_data::{DataLocation, Loader, Places, Preprocessing, Sequential, Shuffled, Size, Split};
use cnn_layers::{Forward, Key};
use cnn_models::Arguments;
use common::{cnn_in, root, small_mnist};

#[rustfmt::skip]
#[expect(clippy::print_stdout, reason = "the guide's code tells its reader what happens")]
mod own_loop {
use cnn_autograd::Ctx;
use cnn_data::Loader;
use cnn_layers::{Forward, Key, Reduction};
use cnn_train::evaluate;
use cnn_train::optim::{AdamW, AdamWOptions, Optimizer};

fn train(model: &mut dyn Forward, train: &Loader, validation: &Loader) -> cnn_train::Result<()> {
    let mut optimizer = AdamW::new(AdamWOptions::default())?;
    let seed = Key::new(1);
    let mut number = 0;
    for epoch in 0..10 {
        for batch in train.epoch(epoch)? {
            let batch = batch?;
            let mut cx = Ctx::training(seed.fold(number));
            let images = cx.input(batch.images);
            let logits = model.call(images, &mut cx)?;
            let loss = logits.cross_entropy(&batch.labels, Reduction::Mean)?;
            let step = cx.backward(loss)?;
            optimizer.step(model, step, 1e-3)?;
            number += 1;
        }
        println!("epoch {epoch}: {:.2} %", 100.0 * evaluate(model, validation)?.accuracy());
    }
    Ok(())
}

    pub(super) fn run(model: &mut dyn Forward, images: [&Loader; 2]) -> cnn_train::Result<()> {
        train(model, images[0], images[1])
    }
}

#[rustfmt::skip]
#[expect(clippy::print_stdout, reason = "the guide's code tells its reader what happens")]
mod trainer {
use cnn_data::Loader;
use cnn_layers::Forward;
use cnn_train::optim::{Sgd, SgdOptions};
use cnn_train::schedule::OneCycle;
use cnn_train::{CheckpointFolder, Keep, Trainer, TrainerOptions};

fn train(model: &mut dyn Forward, train: &Loader, validation: &Loader) -> cnn_train::Result<()> {
    let options =
        TrainerOptions { epochs: 10, learning_rate: 0.1, seed: 1, keep: Keep::Best, ..TrainerOptions::default() };
    let history = Trainer::new(options)?
        .optimizer(Sgd::new(SgdOptions { momentum: 0.9, nesterov: true, ..SgdOptions::default() })?)
        .schedule(OneCycle::default())
        .checkpoints(CheckpointFolder::new("checkpoints"))
        .validate_on(validation)
        .fit(model, train)?;
    println!("{:?}", history.best());
    Ok(())
}

    pub(super) fn run(model: &mut dyn Forward, images: [&Loader; 2]) -> cnn_train::Result<()> {
        train(model, images[0], images[1])
    }
}

fn guide() -> String {
    std::fs::read_to_string(root().join("docs/guide/training.md")).unwrap()
}

/// The text of each fenced block of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_code_of_the_guide_is_the_code_of_this_file_and_trains() {
    let guide = guide();
    let code = blocks(&guide, "rust");
    assert_eq!(code.len(), 2);
    for block in code {
        assert!(include_str!("guide.rs").contains(block), "this block is not in tests/guide.rs:\n{block}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = small_mnist(folder.path(), 200, 60);
    let location = DataLocation::resolve(&format!("idx:{}", path.display()), &Places::new()).unwrap();
    let images = |split| location.open(split, &Default::default()).unwrap().dataset;
    let input = || Preprocessing::new(Size::new(28, 28), 1).unwrap().normalize(&[0.13], &[0.31]).unwrap();
    let train = Loader::new(images(Split::Train), Shuffled::new(1), input()).batch_size(50);
    let validation = Loader::new(images(Split::Test), Sequential, input()).batch_size(60);
    let network = || cnn_models::build("lenet5", &Arguments::MNIST, Key::new(1)).unwrap();
    let loss = |network: &dyn Forward| cnn_train::evaluate(network, &validation).unwrap().loss;
    let before = loss(network().as_ref());

    let mut by_hand = network();
    own_loop::run(by_hand.as_mut(), [&train, &validation]).unwrap();
    assert!(loss(by_hand.as_ref()) < 0.8 * before);

    // The guide names a folder of its own for checkpoints.
    std::env::set_current_dir(folder.path()).unwrap();
    let mut by_trainer = network();
    trainer::run(by_trainer.as_mut(), [&train, &validation]).unwrap();
    assert!(loss(by_trainer.as_ref()) < 0.8 * before);
}

#[test]
fn the_configuration_of_the_guide_trains_and_its_commands_run() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 300, 60);
    let guide = guide();
    let [configuration] = blocks(&guide, "toml")[..] else { panic!("one configuration") };
    std::fs::write(here.join("guide.toml"), configuration).unwrap();
    cnn_in(here, "train --config guide.toml --data idx:small --epochs 2 --out runs/a").good();
    let written = std::fs::read_to_string(here.join("runs/a/config.toml")).unwrap();
    for key in ["class-weights", "best-by", "[[freeze]]", "[[mix]]", "[[groups]]"] {
        assert!(written.contains(key), "{key} in {written}");
    }
    cnn_in(here, "compare runs/a runs/a --out curves.png").good();
    cnn_in(here, "train --resume runs/a --epochs 3").good();
    for line in blocks(&guide, "sh").into_iter().flat_map(str::lines) {
        let line = line.strip_prefix("cnn ").unwrap().replace("--data mnist", "--data idx:small");
        let line = line.replace("--data photos", "--data idx:small").replace("--epochs 30", "--epochs 1");
        match line.starts_with("train --resume") {
            true => drop(cnn_in(here, &line).bad(1, &["is finished"])),
            false => drop(cnn_in(here, &line).good()),
        }
    }
}
