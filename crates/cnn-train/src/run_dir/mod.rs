//! The run folder: everything that a run leaves, under fixed names.
//!
//! ```text
//! config.toml  run.json  result.json  classes.txt  splits.csv
//! metrics.csv                                 one row an epoch
//! events.out.tfevents.<seconds>.cnn           the same and more for TensorBoard
//! per_class.csv  confusion.csv  predictions.csv    the final evaluation
//! best.safetensors                            the model to use
//! checkpoints/{last,last.prev}.safetensors    resumable state
//! ```
//! Every file is written whole or not at all; `metrics.csv` grows by one synced row an epoch, and the events
//! by a record now and then.
//! Pictures, reports and the program's log belong to whoever draws them: [`RunDir::path`] says where.

mod predictions;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointFolder;
use crate::evaluate::Summary;
use crate::events::EventsLog;
use crate::files::{self, write_atomically};
use crate::metrics::{ConfusionMatrix, Probabilities, Scores, curves};
use crate::metrics_log::{self, MetricsLog};
use crate::{EpochRecord, Error, Result, Validation};

pub use predictions::Predictions;

/// A folder that holds one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// `run.json`: what the run was made with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// Version of the program.
    pub version: String,
    /// Revision of the program's source, where it was built from one.
    pub revision: String,
    /// Seed of every random number.
    pub seed: u64,
    /// Threads that computed.
    pub threads: usize,
    /// What the processor calls itself.
    pub cpu: String,
    /// Instruction set that the kernels used.
    pub instruction_set: String,
    /// Name of the architecture.
    pub model: String,
    /// Name or folder of the data set.
    pub data: String,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// SHA-256 over paths, labels and bytes of the images to train on and to choose by.
    pub data_sha256: String,
    /// When the run began, in seconds since 1970-01-01 UTC.
    pub started: u64,
    /// Epochs that were trained when their number was raised, which changes the schedule from there on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_at: Option<usize>,
    /// How long its parts took, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Durations>,
}

/// How long the parts of a run took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// All steps, without validation.
    pub training: f64,
    /// The final evaluation and its report.
    pub evaluation: f64,
}

/// An image and the split that it served in, a row of `splits.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitRow {
    /// `train`, `validation` or `test`.
    pub split: String,
    /// Its index in the data set that the split was taken from.
    pub index: usize,
    /// Its file, empty where it has none of its own.
    pub file: String,
    /// Its class.
    pub class: String,
}

/// `result.json`: what came out of the run. Scripts depend on these keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The final evaluation on the test images, where there are any.
    pub test: Option<Summary>,
    /// The split of the final evaluation: `test`, else `validation`; none where the run was stopped before.
    #[serde(default)]
    pub evaluated: Option<String>,
    /// Every figure of the final evaluation, with its interval.
    #[serde(default)]
    pub scores: Option<Scores>,
    /// The epoch of highest validation accuracy, counted from 1, where there are validation images.
    pub best_epoch: Option<usize>,
    /// Loss and accuracy on the validation images after that epoch.
    pub validation: Option<Validation>,
    /// Time spent training, without validation and the final evaluation.
    pub train_seconds: f64,
    /// Epochs trained.
    pub epochs: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Threads that computed.
    pub threads: usize,
    /// [`weights_sha256`](crate::weights_sha256) of `best.safetensors`.
    pub weights_sha256: String,
}

impl RunDir {
    /// Makes the folder of a new run, and its parents.
    ///
    /// # Errors
    /// [`Error::RunExists`] where there is something of that name, also an empty folder; [`Error::Io`].
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| Error::io("create", parent, source))?;
        }
        // Only one of two processes that ask for the same folder gets it.
        fs::create_dir(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Error::RunExists { path: path.clone() },
            _ => Error::io("create", &path, source),
        })?;
        let checkpoints = path.join("checkpoints");
        fs::create_dir(&checkpoints).map_err(|source| Error::io("create", &checkpoints, source))?;
        Ok(Self { path })
    }

    /// The folder of a run that exists, to read it or to go on.
    ///
    /// # Errors
    /// [`Error::Io`] where it is absent or not a folder.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        fs::read_dir(&path).map_err(|source| Error::io("open", &path, source))?;
        Ok(Self { path })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the model to use is: `best.safetensors`.
    pub fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// Where the configuration is: `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The resumable state of the run.
    pub fn checkpoints(&self) -> CheckpointFolder {
        CheckpointFolder::new(self.path.join("checkpoints"))
    }

    /// A callback that keeps `metrics.csv`.
    pub fn metrics(&self) -> MetricsLog {
        MetricsLog::new(self.path.join("metrics.csv"))
    }

    /// A callback that keeps the event file for TensorBoard.
    pub fn events(&self) -> EventsLog {
        EventsLog::new(&self.path)
    }

    /// Writes `config.toml`: the whole configuration, resolved.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, text: &str) -> Result<()> {
        self.write("config.toml", text.as_bytes())
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_run(&self, info: &RunInfo) -> Result<()> {
        self.write_json("run.json", info)
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// [`Error::Io`] where it is absent or something else.
    pub fn read_run(&self) -> Result<RunInfo> {
        self.read_json("run.json")
    }

    /// Reads `result.json`; `None` where the run has none yet.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read or is something else.
    pub fn read_result(&self) -> Result<Option<RunResult>> {
        match self.path.join("result.json").exists() {
            true => self.read_json("result.json").map(Some),
            false => Ok(None),
        }
    }

    /// Writes `result.json`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_result(&self, result: &RunResult) -> Result<()> {
        self.write_json("result.json", result)
    }

    /// Writes `classes.txt`: one name a line, in the order of their indices.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that holds a line break; [`Error::Io`].
    pub fn write_classes(&self, classes: &[String]) -> Result<()> {
        if let Some(name) = classes.iter().find(|name| name.contains(['\n', '\r'])) {
            return Err(Error::argument("class name", format!("{name:?}"), "a name without a line break"));
        }
        let text: String = classes.iter().flat_map(|name| [name, "\n"]).collect();
        self.write("classes.txt", text.as_bytes())
    }

    /// Reads `classes.txt`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_classes(&self) -> Result<Vec<String>> {
        let path = self.path.join("classes.txt");
        let text = String::from_utf8(files::read(&path)?)
            .map_err(|error| Error::io("read", &path, std::io::Error::other(error)))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Reads `metrics.csv`: a record for each epoch that the run has finished.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_metrics(&self) -> Result<Vec<EpochRecord>> {
        metrics_log::read(&self.path.join("metrics.csv"))
    }

    /// Writes `splits.csv`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_splits(&self, rows: &[SplitRow]) -> Result<()> {
        let header = ["split", "index", "file", "class"].map(str::to_owned).into();
        let row = |row: &SplitRow| {
            vec![row.split.clone(), row.index.to_string(), row.file.clone(), row.class.clone()]
        };
        table::write(&self.path.join("splits.csv"), header, rows.iter().map(row))
    }

    /// Writes `predictions.csv`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_predictions(&self, predictions: &Predictions, classes: &[String]) -> Result<()> {
        predictions.write(&self.path.join("predictions.csv"), classes)
    }

    /// Reads `predictions.csv`; `None` where the run has none. `loss` is that of the evaluation, which the table does
    /// not hold.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read or is something else.
    pub fn read_predictions(&self, classes: &[String], loss: f64) -> Result<Option<Predictions>> {
        let path = self.path.join("predictions.csv");
        path.exists().then(|| Predictions::read(&path, classes, loss)).transpose()
    }

    /// Writes `confusion.csv`: a row for each true class, a column for each predicted one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_confusion(&self, matrix: &ConfusionMatrix, classes: &[String]) -> Result<()> {
        let header = std::iter::once("true".to_owned()).chain(classes.iter().cloned()).collect();
        let names = classes.iter().cloned().chain(std::iter::repeat(String::new()));
        let rows = matrix
            .rows()
            .zip(names)
            .map(|(row, name)| std::iter::once(name).chain(row.iter().map(ToString::to_string)).collect());
        table::write(&self.path.join("confusion.csv"), header, rows)
    }

    /// Writes `per_class.csv`. The areas are those of the class against all others; empty where they are undefined.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_per_class(
        &self,
        matrix: &ConfusionMatrix,
        probabilities: &Probabilities,
        classes: &[String],
    ) -> Result<()> {
        let header = ["class", "images", "precision", "recall", "f1", "roc_auc", "average_precision"];
        let rows = matrix.per_class().into_iter().zip(classes).enumerate().map(|(class, (scores, name))| {
            let scored = probabilities.scores_of(class);
            let area = |area: Option<f64>| area.map_or_else(String::new, |area| area.to_string());
            Ok(vec![
                name.clone(),
                scores.images.to_string(),
                scores.precision.to_string(),
                scores.recall.to_string(),
                scores.f1.to_string(),
                area(curves::roc_auc(&scored)?),
                area(curves::average_precision(&scored)?),
            ])
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        table::write(&self.path.join("per_class.csv"), header.map(str::to_owned).into(), rows)
    }

    /// Writes `best.safetensors`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_best(&self, model_file: &[u8]) -> Result<()> {
        self.write("best.safetensors", model_file)
    }

    fn read_json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.path.join(name);
        serde_json::from_slice(&files::read(&path)?).map_err(|error| Error::io("read", &path, error.into()))
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(value)
            .map_err(|error| Error::io("write", &self.path.join(name), error.into()))?;
        text.push(b'\n');
        self.write(name, &text)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomically(&self.path.join(name), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_exists_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/a");
        let run = RunDir::create(&path).unwrap();
        run.write_config("seed = 1\n").unwrap();
        let error = RunDir::create(&path).unwrap_err();
        assert!(matches!(error, Error::RunExists { .. }));
        assert!(error.to_string().contains("choose another folder"), "{error}");
        assert_eq!(fs::read_to_string(path.join("config.toml")).unwrap(), "seed = 1\n");
        assert_eq!(RunDir::open(&path).unwrap(), run);
    }

    #[test]
    fn a_folder_below_a_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let message = RunDir::create(file.join("run")).unwrap_err().to_string();
        assert!(message.contains("file"), "{message}");
        assert!(matches!(RunDir::open(folder.path().join("absent")), Err(Error::Io { .. })));
    }

    #[test]
    fn the_result_has_the_keys_that_scripts_depend_on() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path().join("a")).unwrap();
        let test = Summary { images: 4, correct: 3, accuracy: 0.75, loss: 0.5 };
        let result = RunResult {
            test: Some(test),
            evaluated: Some("test".into()),
            scores: None,
            best_epoch: None,
            validation: None,
            train_seconds: 1.5,
            epochs: 2,
            seed: 3,
            threads: 4,
            weights_sha256: "ab".into(),
        };
        run.write_result(&result).unwrap();
        let text = fs::read_to_string(run.path().join("result.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "best_epoch",
                "epochs",
                "evaluated",
                "scores",
                "seed",
                "test",
                "threads",
                "train_seconds",
                "validation",
                "weights_sha256"
            ]
        );
        assert_eq!(
            value["test"],
            serde_json::json!({"images": 4, "correct": 3, "accuracy": 0.75, "loss": 0.5})
        );
    }

    #[test]
    fn predictions_are_read_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path().join("a")).unwrap();
        let classes = vec!["cat, \"big\"".to_owned(), "dog\u{fc}".to_owned()];
        run.write_classes(&classes).unwrap();
        let third = 1.0f32 / 3.0;
        let rows = [third, 1.0 - third, 1.0, 1e-30].map(f64::from).to_vec();
        let prediction =
            |index, label, predicted, probability| crate::Prediction { index, label, predicted, probability };
        let mut confusion = ConfusionMatrix::new(2);
        confusion.add(1, 1).unwrap();
        confusion.add(1, 0).unwrap();
        let evaluation = crate::Evaluation {
            loss: 0.25,
            confusion,
            predictions: vec![prediction(7, 1, 1, 1.0 - third), prediction(2, 1, 0, 1.0)],
            probabilities: Probabilities::new(2, rows, vec![1, 1]).unwrap(),
        };
        let predictions = Predictions { evaluation, files: vec!["a, b.png".into(), String::new()] };
        assert_eq!(run.read_predictions(&classes, 0.25).unwrap(), None);
        run.write_predictions(&predictions, &classes).unwrap();
        assert_eq!(
            run.read_predictions(&run.read_classes().unwrap(), 0.25).unwrap(),
            Some(predictions.clone())
        );
        let error = run.read_predictions(&["dog\u{fc}".to_owned(), "cow".to_owned()], 0.25).unwrap_err();
        assert!(error.to_string().contains("predictions.csv: line 3: a class"), "{error}");

        run.write_confusion(&predictions.evaluation.confusion, &classes).unwrap();
        let text = fs::read_to_string(run.path().join("confusion.csv")).unwrap();
        assert_eq!(text, "true,\"cat, \"\"big\"\"\",dog\u{fc}\n\"cat, \"\"big\"\"\",0,0\ndog\u{fc},1,1\n");
        let Predictions { evaluation, .. } = &predictions;
        run.write_per_class(&evaluation.confusion, &evaluation.probabilities, &classes).unwrap();
        let text = fs::read_to_string(run.path().join("per_class.csv")).unwrap();
        assert_eq!(text.lines().nth(2).unwrap(), "dog\u{fc},2,1,0.5,0.6666666666666666,,1");
    }

    #[test]
    fn class_names_stand_one_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path().join("a")).unwrap();
        run.write_classes(&["cat".into(), "dog, small".into()]).unwrap();
        assert_eq!(fs::read_to_string(run.path().join("classes.txt")).unwrap(), "cat\ndog, small\n");
        assert!(matches!(run.write_classes(&["a\nb".into()]), Err(Error::Argument { .. })));
    }
}
