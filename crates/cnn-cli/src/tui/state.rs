//! What there is to show of a run: kept up to date by its callbacks, drawn by another thread.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cnn_train::{BatchEvent, EpochRecord, StartEvent};

/// Points of the curve of the batches; of more, every second one is left out.
const MOST_POINTS: usize = 512;

/// Lines that are kept.
const MOST_LINES: usize = 500;

/// A curve, by epochs.
pub(super) type Curve = Vec<(f64, f64)>;

/// A run as far as it is.
#[derive(Default)]
pub(super) struct State {
    /// What runs on what.
    pub(super) title: String,
    pub(super) epochs: usize,
    /// The last step, with the time that is left.
    pub(super) last: Option<(BatchEvent, Option<Duration>)>,
    pub(super) records: Vec<EpochRecord>,
    /// The best epoch so far.
    pub(super) best: Option<usize>,
    /// The mean loss of the epoch in progress, step by step.
    pub(super) batch_loss: Curve,
    /// Of so many steps one is a point of this curve.
    every: usize,
    steps: usize,
    /// What was told, the newest last.
    pub(super) lines: VecDeque<String>,
    began: Option<(Instant, usize)>,
}

impl State {
    pub(super) fn new(title: String) -> Self {
        Self { title, every: 1, ..Self::default() }
    }

    /// The run begins, or goes on from a checkpoint.
    pub(super) fn start(&mut self, event: &StartEvent<'_>) {
        self.epochs = event.epochs;
        self.records = event.history.epochs.clone();
        self.best = event.history.best().map(|record| record.epoch);
        let done = event.history.epochs.len();
        self.batch_loss.retain(|&(epoch, _)| epoch <= done as f64);
        self.last = None;
        self.began = Some((Instant::now(), done * event.batches + event.batch));
    }

    pub(super) fn batch(&mut self, event: &BatchEvent) {
        let done = (event.epoch - 1) * event.batches + event.batch;
        let left = self.began.and_then(|(began, before)| {
            let here = done.checked_sub(before).filter(|&here| here > 0)?;
            let all = self.epochs.saturating_mul(event.batches);
            Some(began.elapsed().mul_f64(all.saturating_sub(done) as f64 / here as f64))
        });
        self.last = Some((*event, left));
        if self.steps.is_multiple_of(self.every) && event.mean_loss.is_finite() {
            self.batch_loss.push((done as f64 / event.batches.max(1) as f64, event.mean_loss));
        }
        self.steps += 1;
        if self.batch_loss.len() >= MOST_POINTS {
            let mut keep = false;
            self.batch_loss.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
        }
    }

    pub(super) fn epoch(&mut self, record: &EpochRecord, is_best: bool) {
        self.records.push(record.clone());
        if is_best {
            self.best = Some(record.epoch);
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.lines.extend(line.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
        let excess = self.lines.len().saturating_sub(MOST_LINES);
        self.lines.drain(..excess);
    }

    /// A curve over the epochs that have this figure.
    pub(super) fn curve(&self, figure: impl Fn(&EpochRecord) -> Option<f64>) -> Curve {
        let point = |record: &EpochRecord| Some((record.epoch as f64, figure(record)?));
        self.records.iter().filter_map(point).filter(|(_, value)| value.is_finite()).collect()
    }

    pub(super) fn best_record(&self) -> Option<&EpochRecord> {
        self.records.iter().find(|record| Some(record.epoch) == self.best)
    }
}
