//! What a run shows while it trains: a live bar on a terminal and a line for each epoch, a plain line every few seconds
//! elsewhere and in the log, or events as JSON.
//!
//! Everything goes to standard error, so that standard output holds the results alone.

mod json;
mod line;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cnn_train::{BatchEvent, Callback, CallbackError, EpochEvent, EpochRecord, Flow, History, StartEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock;
use crate::output::{self, Level};

use line::{Part, Screen};

/// Time between two plain lines, or events of a batch, within an epoch.
const EVERY: Duration = Duration::from_secs(5);

/// The colour of the best epoch.
const GREEN: &str = "1;32";

/// Shows a run as it goes.
pub(crate) struct Progress {
    run: PathBuf,
    /// Whether a bar has a place.
    has_place: bool,
    bar: Option<ProgressBar>,
    /// Batches of the whole run, and those that a resumed run need not do again.
    all: u64,
    before: u64,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Of the run in this folder.
    pub(crate) fn new(run: &Path) -> Self {
        let now = Instant::now();
        Self {
            run: run.to_owned(),
            has_place: output::is_live(),
            bar: None,
            all: 0,
            before: 0,
            started: now,
            told: now,
        }
    }

    /// Without a bar, where something else shows the run.
    pub(crate) fn without_bar(mut self) -> Self {
        self.has_place = false;
        self
    }

    /// The run is over, one way or another.
    pub(crate) fn end(&mut self, history: &cnn_train::Result<History>) {
        self.clear();
        output::event("end", || json::end(history, self.started.elapsed()));
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            output::set_live(None);
            bar.finish_and_clear();
        }
    }

    /// Time that the rest of the run takes at the pace so far.
    fn left(&self, event: &BatchEvent) -> Option<Duration> {
        let done = ((event.epoch - 1) * event.batches + event.batch) as u64;
        let here = done.saturating_sub(self.before);
        (here > 0).then(|| self.started.elapsed().mul_f64(self.all.saturating_sub(done) as f64 / here as f64))
    }
}

impl Callback for Progress {
    fn on_start(&mut self, event: &StartEvent<'_>) -> Result<(), CallbackError> {
        self.all = event.epochs.saturating_mul(event.batches) as u64;
        self.before = (event.history.epochs.len() * event.batches + event.batch) as u64;
        self.started = Instant::now();
        self.told = self.started;
        output::event("start", || json::start(event, &self.run));
        if self.has_place && self.bar.is_none() {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
            let style =
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = bar.with_style(style);
            output::set_live(Some(Box::new(bar.clone())));
            self.bar = Some(bar);
        }
        Ok(())
    }

    fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
        let left = self.left(event);
        if let Some(bar) = &self.bar {
            bar.set_message(live_line(Screen::now(), event, left));
        }
        if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            output::event("batch", || json::batch(event, left));
            output::note(Level::Progress, format_args!("{}", batch_line(event, left)));
        }
        Ok(Flow::Continue)
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        self.told = Instant::now();
        output::event("epoch", || json::epoch(event));
        output::note(
            Level::Progress,
            format_args!("{}", epoch_line(event.record, event.epochs, event.is_best)),
        );
        if let Some(bar) = &self.bar {
            bar.println(live_epoch(Screen::now(), event.record, event.epochs, event.is_best));
        }
        Ok(Flow::Continue)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn epoch_of(epoch: usize, epochs: usize) -> String {
    let width = epochs.to_string().len();
    format!("epoch {epoch:>width$}/{epochs}")
}

/// Share of the time in which the steps waited for the loader, in percent.
fn waiting(waited: f64, elapsed: f64) -> f64 {
    100.0 * waited / elapsed.max(1e-9)
}

/// The epoch in progress on a terminal.
fn live_line(screen: Screen, event: &BatchEvent, left: Option<Duration>) -> String {
    let waiting = waiting(event.waited.as_secs_f64(), event.elapsed.as_secs_f64());
    let mut parts = vec![
        Part::new(0, epoch_of(event.epoch, event.epochs)),
        Part::new(1, format!("loss {:.4}", event.mean_loss)),
        Part::new(2, format!("{:.2}%", 100.0 * event.accuracy)),
        Part::new(4, format!("{:.0} img/s", event.images_per_second)),
        Part::new(5, format!("wait {waiting:.0}%")),
    ];
    parts.extend(left.map(|left| Part::new(3, format!("{} left", clock::hands(left)))));
    screen.bar_line(parts, event.batch as f64 / event.batches.max(1) as f64)
}

/// An epoch that is over on a terminal.
fn live_epoch(screen: Screen, record: &EpochRecord, epochs: usize, is_best: bool) -> String {
    let mut parts = vec![
        Part::new(0, epoch_of(record.epoch, epochs)),
        Part::new(3, format!("loss {:.4} {:.2}%", record.train_loss, 100.0 * record.train_accuracy)),
    ];
    if let Some(found) = record.validation {
        parts.push(Part::new(1, format!("val {:.4} {:.2}%", found.loss, 100.0 * found.accuracy)));
    }
    parts.push(Part::new(4, format!("{:.0} img/s", record.images_per_second)));
    parts.push(Part::new(5, format!("wait {:.0}%", waiting(record.waiting_seconds, record.seconds))));
    if is_best {
        parts.push(Part::new(2, "best").coloured(GREEN));
    }
    screen.line(parts)
}

/// The epoch in progress as a line of text.
fn batch_line(event: &BatchEvent, left: Option<Duration>) -> String {
    format!(
        "{} batch {}/{}  loss {:.4}  accuracy {:.2} %  {:.0} images/s  {:.0} % waiting for data{}",
        epoch_of(event.epoch, event.epochs),
        event.batch,
        event.batches,
        event.mean_loss,
        100.0 * event.accuracy,
        event.images_per_second,
        waiting(event.waited.as_secs_f64(), event.elapsed.as_secs_f64()),
        left.map_or_else(String::new, |left| format!("  {} left", clock::length(left))),
    )
}

/// An epoch that is over as a line of text.
fn epoch_line(record: &EpochRecord, epochs: usize, is_best: bool) -> String {
    let validation = record.validation.map_or_else(String::new, |found| {
        format!("  validation {:.4}  {:.2} %", found.loss, 100.0 * found.accuracy)
    });
    format!(
        "{}  loss {:.4}  accuracy {:.2} %{validation}  {:.0} images/s  {:.0} % waiting for data{}",
        epoch_of(record.epoch, epochs),
        record.train_loss,
        100.0 * record.train_accuracy,
        record.images_per_second,
        waiting(record.waiting_seconds, record.seconds),
        if is_best { "  best so far" } else { "" },
    )
}

#[cfg(test)]
mod tests;
