//! The events of a run as JSON. Scripts depend on the keys, which docs/guide/console.md lists.

use std::path::Path;
use std::time::Duration;

use cnn_train::{BatchEvent, EpochEvent, History, StartEvent};
use serde_json::{Value, json};

pub(super) fn start(event: &StartEvent<'_>, run: &Path) -> Value {
    json!({
        "run": run.display().to_string(),
        "epochs": event.epochs,
        "batches": event.batches,
        "done_epochs": event.history.epochs.len(),
        "done_batches": event.batch,
    })
}

pub(super) fn batch(event: &BatchEvent, left: Option<Duration>) -> Value {
    json!({
        "epoch": event.epoch,
        "epochs": event.epochs,
        "batch": event.batch,
        "batches": event.batches,
        "images": event.images,
        "loss": event.loss,
        "mean_loss": event.mean_loss,
        "accuracy": event.accuracy,
        "learning_rate": event.learning_rate,
        "images_per_second": event.images_per_second,
        "seconds": event.elapsed.as_secs_f64(),
        "waiting_seconds": event.waited.as_secs_f64(),
        "seconds_left": left.map(|left| left.as_secs_f64()),
    })
}

pub(super) fn epoch(event: &EpochEvent<'_>) -> Value {
    let record = event.record;
    json!({
        "epoch": record.epoch,
        "epochs": event.epochs,
        "learning_rate": record.learning_rate,
        "train_loss": record.train_loss,
        "train_accuracy": record.train_accuracy,
        "validation": record.validation,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "waiting_seconds": record.waiting_seconds,
        "best": event.is_best,
    })
}

pub(super) fn end(history: &cnn_train::Result<History>, took: Duration) -> Value {
    let history = history.as_ref().ok();
    json!({
        "ending": history.map_or_else(|| json!("failed"), |history| json!(history.ending)),
        "epochs": history.map(|history| history.epochs.len()),
        "best_epoch": history.and_then(History::best).map(|record| record.epoch),
        "seconds": took.as_secs_f64(),
    })
}
