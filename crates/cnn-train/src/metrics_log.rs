//! `metrics.csv`: one row an epoch, on the disk before the next epoch begins.
//!
//! When a run begins or is resumed the file is written anew from the history, so that a row cut short by a
//! kill, or an epoch that is trained again, appears once and whole.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::callback::{Callback, EpochEvent, Flow, StartEvent};
use crate::error::CallbackError;
use crate::files::{self, write_atomically};
use crate::history::{EpochRecord, Validation};
use crate::{Error, Result};

const HEADER: &str = "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,\
                      validation_balanced_accuracy,validation_macro_f1,seconds,images_per_second,\
                      waiting_seconds\n";

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
        waiting_seconds,
    } = record;
    let found = match validation {
        Some(Validation { loss, accuracy, balanced_accuracy, macro_f1 }) => {
            format!("{loss},{accuracy},{balanced_accuracy},{macro_f1}")
        }
        None => ",,,".to_owned(),
    };
    format!(
        "{epoch},{learning_rate},{train_loss},{train_accuracy},{found},{seconds:.3},{images_per_second:.1},\
         {waiting_seconds:.3}\n"
    )
}

/// The records of a finished or growing log; a last row that is not whole yet is left out.
pub(crate) fn read(path: &Path) -> Result<Vec<EpochRecord>> {
    let bytes = files::read(path)?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut table = csv::Reader::from_reader(&bytes[..whole]);
    let rows = table.deserialize().map(|row| row.map(|row: Row| row.record()));
    rows.collect::<csv::Result<_>>().map_err(|error| Error::io("read", path, error.into()))
}

/// A row as it is read.
#[derive(Deserialize)]
struct Row {
    epoch: usize,
    learning_rate: f64,
    train_loss: f64,
    train_accuracy: f64,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
    validation_balanced_accuracy: Option<f64>,
    validation_macro_f1: Option<f64>,
    seconds: f64,
    images_per_second: f64,
    waiting_seconds: Option<f64>,
}

impl Row {
    fn record(self) -> EpochRecord {
        let validation = self.validation_loss.zip(self.validation_accuracy);
        EpochRecord {
            epoch: self.epoch,
            learning_rate: self.learning_rate,
            train_loss: self.train_loss,
            train_accuracy: self.train_accuracy,
            validation: validation.map(|(loss, accuracy)| Validation {
                loss,
                accuracy,
                balanced_accuracy: self.validation_balanced_accuracy.unwrap_or_default(),
                macro_f1: self.validation_macro_f1.unwrap_or_default(),
            }),
            seconds: self.seconds,
            images_per_second: self.images_per_second,
            waiting_seconds: self.waiting_seconds.unwrap_or_default(),
        }
    }
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
        log.on_start(&StartEvent { epochs: 2, batches: 5, batch: 0, history: &history }).unwrap();
        log.append(&record(2, None)).unwrap();
        let rows = "1,0.1,0.3333333333333333,0.5,0.25,0.5,0,0,2.000,100.0,0.500\n\
                    2,0.1,0.3333333333333333,0.5,,,,,2.000,100.0,0.500\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{HEADER}{rows}"));
        std::fs::write(&path, format!("{HEADER}{rows}3,0.1")).unwrap();
        assert_eq!(read(&path).unwrap(), [record(1, Some(0.5)), record(2, None)]);
    }

    #[test]
    fn a_log_without_the_later_columns_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let header = "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,\
                      images_per_second\n";
        std::fs::write(&path, format!("{header}1,0.1,0.3333333333333333,0.5,0.25,0.5,2,100\n")).unwrap();
        assert_eq!(read(&path).unwrap(), [EpochRecord { waiting_seconds: 0.0, ..record(1, Some(0.5)) }]);
    }

    #[test]
    fn a_log_that_cannot_be_written_names_its_path() {
        let log = MetricsLog::new("/no/such/folder/metrics.csv");
        let message = log.append(&record(1, None)).unwrap_err().to_string();
        assert!(message.starts_with("cannot append to /no/such/folder/metrics.csv"), "{message}");
    }
}
