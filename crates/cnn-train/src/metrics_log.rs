//! `metrics.csv`: one row an epoch, on the disk before the next epoch begins.
//!
//! When a run begins or is resumed the file is written anew from the history, so that a row cut short by a
//! kill, or an epoch that is trained again, appears once and whole.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::callback::{Callback, EpochEvent, Flow, StartEvent};
use crate::error::CallbackError;
use crate::files::write_atomically;
use crate::history::EpochRecord;
use crate::{Error, Result};

const HEADER: &str = "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,\
                      images_per_second\n";

/// A callback that writes one CSV row for each epoch. Validation columns are empty where there is none.
#[derive(Debug, Clone)]
pub struct MetricsLog {
    path: PathBuf,
}

impl MetricsLog {
    /// A log in this file, which is replaced when the run begins.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn append(&self, record: &EpochRecord) -> Result<()> {
        let appended = OpenOptions::new().append(true).open(&self.path).and_then(|mut file| {
            file.write_all(row(record).as_bytes())?;
            file.sync_data()
        });
        appended.map_err(|source| Error::io("append to", &self.path, source))
    }
}

impl Callback for MetricsLog {
    fn on_start(&mut self, event: &StartEvent<'_>) -> Result<(), CallbackError> {
        let text: String =
            [HEADER.to_owned()].into_iter().chain(event.history.epochs.iter().map(row)).collect();
        Ok(write_atomically(&self.path, text.as_bytes())?)
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        self.append(event.record)?;
        Ok(Flow::Continue)
    }
}

fn row(record: &EpochRecord) -> String {
    let EpochRecord {
        epoch,
        learning_rate,
        train_loss,
        train_accuracy,
        validation,
        seconds,
        images_per_second,
    } = record;
    let [loss, accuracy] = match validation {
        Some(validation) => [validation.loss.to_string(), validation.accuracy.to_string()],
        None => Default::default(),
    };
    format!(
        "{epoch},{learning_rate},{train_loss},{train_accuracy},{loss},{accuracy},{seconds:.3},{images_per_second:.1}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::history::tests::record;

    #[test]
    fn a_resumed_run_replaces_a_torn_row_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        std::fs::write(&path, "epoch,learning\n1,0.1\n2,0.").unwrap();
        let mut log = MetricsLog::new(&path);
        let history = History { epochs: vec![record(1, Some(0.5))], ..History::default() };
        log.on_start(&StartEvent { epochs: 2, batches: 5, history: &history }).unwrap();
        log.append(&record(2, None)).unwrap();
        let rows =
            "1,0.1,0.3333333333333333,0.5,0.25,0.5,2.000,100.0\n2,0.1,0.3333333333333333,0.5,,,2.000,100.0\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{HEADER}{rows}"));
    }

    #[test]
    fn a_log_that_cannot_be_written_names_its_path() {
        let log = MetricsLog::new("/no/such/folder/metrics.csv");
        let message = log.append(&record(1, None)).unwrap_err().to_string();
        assert!(message.starts_with("cannot append to /no/such/folder/metrics.csv"), "{message}");
    }
}
