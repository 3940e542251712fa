//! `events.out.tfevents.<seconds>.cnn`: the numbers of a run as TensorBoard reads them, while it goes and afterwards.
//!
//! `loss/train`, `loss/validation`, `accuracy/train`, `accuracy/validation`, `learning-rate` and `images-per-second` have
//! a point for each epoch, counted from 1; `batch/loss` and `batch/learning-rate` one for every few batches, counted
//! through the whole run.
//!
//! A run that goes on from a checkpoint takes back what lies after it: the file is cut behind its last whole record that
//! belongs to the checkpoint, and the epochs that are missing are added from the history. What a checkpoint counts on
//! is on the disk before the checkpoint is. So a run that was killed has the events of one that was not, but for times
//! and speeds; they are even as long, so that a TensorBoard that was reading goes on too.

mod message;
mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use message::{Event, Scalar};

use crate::callback::{BatchEvent, Callback, EpochEvent, Flow, StartEvent};
use crate::error::CallbackError;
use crate::history::{EpochRecord, History};
use crate::{Error, Result};

/// What the names of TensorBoard's files begin with, and what ours end with.
const NAME: (&str, &str) = ("events.out.tfevents.", ".cnn");

/// What the names of the numbers of a batch begin with.
const OF_BATCH: &str = "batch/";

/// A callback that writes TensorBoard's event file.
///
/// ```
/// # use cnn_train::{EventsLog, Trainer, TrainerOptions};
/// # fn run(model: &mut dyn cnn_layers::Forward, train: cnn_data::Loader) -> cnn_train::Result<()> {
/// Trainer::new(TrainerOptions::default())?.callback(EventsLog::new("runs/a")).fit(model, &train)?;
/// // tensorboard --logdir runs
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct EventsLog {
    folder: PathBuf,
    every: u64,
    file: Option<Open>,
    /// Batches of an epoch.
    batches: u64,
    /// Batches of the run after which the last event of a batch might have been written.
    seen: u64,
}

/// The file while a run goes.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    /// Whether the disk has everything that was written.
    synced: bool,
}

impl EventsLog {
    /// A log in this folder, which is there. One file of its name is gone on with, or replaced where the run is new.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), every: 10, file: None, batches: 0, seen: 0 }
    }

    /// Writes the numbers of a batch for every so many batches, 10 unless told otherwise; 0 is never.
    #[must_use]
    pub fn every(mut self, batches: usize) -> Self {
        self.every = batches as u64;
        self
    }

    /// Opens the file with what belongs to a run of this history and so many batches, and nothing else.
    fn open(&mut self, history: &History, seen: u64) -> Result<()> {
        let path = find(&self.folder)?.unwrap_or_else(|| {
            let (start, end) = NAME;
            self.folder.join(format!("{start}{}{end}", wall_time() as u64))
        });
        let failed = |source| Error::io("open", &path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let Kept { length, epochs } = kept(&bytes, history.epochs.len() as u64, seen);
        file.set_len(length as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        let mut open = Open { path, file, synced: false };
        if length == 0 {
            open.write(&message::version(wall_time()))?;
        }
        history.epochs.iter().skip(epochs as usize).try_for_each(|record| open.write_epoch(record))?;
        open.sync()?;
        (self.file, self.seen) = (Some(open), seen);
        Ok(())
    }
}

impl Callback for EventsLog {
    fn on_start(&mut self, event: &StartEvent<'_>) -> Result<(), CallbackError> {
        self.batches = event.batches as u64;
        let seen = event.history.epochs.len() as u64 * self.batches + event.batch as u64;
        Ok(self.open(event.history, seen)?)
    }

    fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
        let seen = (event.epoch as u64).saturating_sub(1) * self.batches + event.batch as u64;
        let turns = |batches: u64| batches.checked_div(self.every).unwrap_or(0);
        let is_due = turns(seen) > turns(self.seen);
        self.seen = seen;
        if let Some(open) = self.file.as_mut().filter(|_| is_due) {
            let scalars = [("batch/loss", event.loss), ("batch/learning-rate", event.learning_rate)];
            open.write(&message::scalars(wall_time(), seen, &scalars))?;
        }
        Ok(Flow::Continue)
    }

    fn on_checkpoint(&mut self) -> Result<(), CallbackError> {
        Ok(self.file.as_mut().map_or(Ok(()), Open::sync)?)
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        // The last batch of an epoch may have been left out because all its images were bad.
        self.seen = event.record.epoch as u64 * self.batches;
        if let Some(open) = &mut self.file {
            open.write_epoch(event.record)?;
            open.sync()?;
        }
        Ok(Flow::Continue)
    }
}

impl Open {
    fn write_epoch(&mut self, record: &EpochRecord) -> Result<()> {
        let validation = |of: fn(&crate::Validation) -> f64| record.validation.as_ref().map(of);
        let scalars = [
            ("loss/train", Some(record.train_loss)),
            ("loss/validation", validation(|found| found.loss)),
            ("accuracy/train", Some(record.train_accuracy)),
            ("accuracy/validation", validation(|found| found.accuracy)),
            ("learning-rate", Some(record.learning_rate)),
            ("images-per-second", Some(record.images_per_second)),
        ];
        let scalars: Vec<Scalar> =
            scalars.into_iter().filter_map(|(tag, value)| Some((tag, value?))).collect();
        self.write(&message::scalars(wall_time(), record.epoch as u64, &scalars))
    }

    /// Appends an event in one write, so that only a kill within it leaves a part.
    fn write(&mut self, event: &[u8]) -> Result<()> {
        self.synced = false;
        let written = self.file.write_all(&record::framed(event));
        written.map_err(|source| Error::io("append to", &self.path, source))
    }

    fn sync(&mut self) -> Result<()> {
        if !self.synced {
            self.file.sync_data().map_err(|source| Error::io("sync", &self.path, source))?;
            self.synced = true;
        }
        Ok(())
    }
}

/// The part of a file that a run goes on from.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    /// In bytes.
    length: usize,
    /// Epochs that have their event in it.
    epochs: u64,
}

/// The whole records that belong to a run of so many epochs and batches.
fn kept(bytes: &[u8], done: u64, seen: u64) -> Kept {
    let mut kept = Kept { length: 0, epochs: 0 };
    let mut rest = bytes;
    while let Some((data, after)) = record::first(rest) {
        let belongs = match (message::read(data), kept.length) {
            (Some(Event::Version), 0) => true,
            (Some(Event::Scalars { step, tag }), 1..) if tag.starts_with(OF_BATCH) => step <= seen,
            (Some(Event::Scalars { step, .. }), 1..) => {
                let is_next = step == kept.epochs + 1 && step <= done;
                kept.epochs += u64::from(is_next);
                is_next
            }
            _ => false,
        };
        if !belongs {
            break;
        }
        rest = after;
        kept.length = bytes.len() - rest.len();
    }
    kept
}

/// The file of the folder, of several the first by name.
fn find(folder: &Path) -> Result<Option<PathBuf>> {
    let failed = |source: io::Error| Error::io("open", folder, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        if name.strip_prefix(NAME.0).and_then(|rest| rest.strip_suffix(NAME.1)).is_some() {
            found.push(folder.join(&*name));
        }
    }
    Ok(found.into_iter().min())
}

/// Seconds since 1970-01-01 UTC; 0 for a clock that is set before it.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests;
