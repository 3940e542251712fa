//! Alone in its process, since the counters are the process's own.

#[path = "runs/common.rs"]
mod common;

use cnn_tensor::pool;
use cnn_train::{Keep, Trainer, TrainerOptions};

#[test]
fn a_training_step_copies_no_shared_buffer() {
    let (train, validation) = (common::training(), common::validation());
    let before = pool::stats().copies_on_write;
    let options = TrainerOptions { epochs: 3, keep: Keep::Best, ..TrainerOptions::default() };
    let trainer = Trainer::new(options).unwrap().validate_on(&validation);
    trainer.fit(&mut common::Net::new(1), &train).unwrap();
    assert_eq!(pool::stats().copies_on_write - before, 0);
}
