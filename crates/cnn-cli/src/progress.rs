//! What a run shows while it trains: a live bar on a terminal, a plain line every few seconds elsewhere.
//!
//! Everything goes to standard error, so that standard output holds the results alone.

use crate::output::tell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use cnn_train::{BatchEvent, Callback, CallbackError, EpochEvent, EpochRecord, Flow, StartEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock;

/// Time between two plain lines within an epoch.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Shows a run as it goes.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    batches: usize,
    /// Batches of the whole run, and those that a resumed run need not do again.
    all: u64,
    before: u64,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// A live bar where standard error is a terminal, else plain lines.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{prefix} {bar:24.cyan/dim} {msg}");
            bar.with_style(
                style
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("\u{2501}\u{2578}\u{2501}"),
            )
        });
        let now = Instant::now();
        Self { bar, batches: 0, all: 0, before: 0, started: now, told: now }
    }

    /// Time that the rest of the run takes at the pace so far.
    fn left(&self, done: u64) -> Option<Duration> {
        let here = done.saturating_sub(self.before);
        (here > 0).then(|| self.started.elapsed().mul_f64(self.all.saturating_sub(done) as f64 / here as f64))
    }
}

impl Callback for Progress {
    fn on_start(&mut self, event: &StartEvent<'_>) -> Result<(), CallbackError> {
        self.batches = event.batches;
        self.all = event.epochs.saturating_mul(event.batches) as u64;
        self.before = (event.history.epochs.len() * event.batches) as u64;
        self.started = Instant::now();
        self.told = self.started;
        if let Some(bar) = &self.bar {
            bar.set_length(event.batches as u64);
        }
        Ok(())
    }

    fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
        let done = ((event.epoch - 1) * event.batches + event.batch) as u64;
        let left = self.left(done);
        match &self.bar {
            Some(bar) => {
                bar.set_position(event.batch as u64);
                bar.set_prefix(epoch_of(event.epoch, event.epochs));
                bar.set_message(format!("{}  {}", figures(event), left.map_or_else(String::new, still)));
            }
            None if self.told.elapsed() >= PLAIN_EVERY => {
                self.told = Instant::now();
                let place = format!(
                    "{} batch {}/{}",
                    epoch_of(event.epoch, event.epochs),
                    event.batch,
                    event.batches
                );
                tell!("{place}  {}  {}", figures(event), left.map_or_else(String::new, still));
            }
            None => {}
        }
        Ok(Flow::Continue)
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        self.told = Instant::now();
        let mark = if event.is_best { "  best so far" } else { "" };
        let line = format!("{}  {}{mark}", epoch_of(event.record.epoch, event.epochs), outcome(event.record));
        match &self.bar {
            Some(bar) => {
                bar.println(line);
                if event.record.epoch == event.epochs {
                    bar.finish_and_clear();
                }
            }
            None => tell!("{line}"),
        }
        Ok(Flow::Continue)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn epoch_of(epoch: usize, epochs: usize) -> String {
    let width = epochs.to_string().len();
    format!("epoch {epoch:>width$}/{epochs}")
}

fn figures(event: &BatchEvent) -> String {
    format!(
        "loss {:.4}  accuracy {:.2} %  {:.0} images/s",
        event.mean_loss,
        event.accuracy * 100.0,
        event.images_per_second
    )
}

fn still(left: Duration) -> String {
    format!("{} left", clock::length(left))
}

fn outcome(record: &EpochRecord) -> String {
    let training = format!("loss {:.4}  accuracy {:.2} %", record.train_loss, record.train_accuracy * 100.0);
    let validation = record.validation.map_or_else(String::new, |validation| {
        format!("  validation {:.4}  {:.2} %", validation.loss, validation.accuracy * 100.0)
    });
    format!("{training}{validation}  {:.0} images/s", record.images_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_written_in_columns() {
        assert_eq!(epoch_of(3, 12), "epoch  3/12");
        assert_eq!(still(Duration::from_secs(90)), "1 min 30 s left");
    }
}
