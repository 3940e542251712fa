//! The run folder: everything that a run leaves, under fixed names.
//!
//! ```text
//! config.toml  run.json  result.json  classes.txt  metrics.csv
//! best.safetensors                            the model to use
//! checkpoints/{last,last.prev}.safetensors    resumable state
//! ```
//! Every file is written whole or not at all; `metrics.csv` alone grows, one synced row an epoch.
//! Pictures and reports belong to whoever draws them: [`RunDir::path`] says where.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointFolder;
use crate::evaluate::Summary;
use crate::files::{self, write_atomically};
use crate::metrics_log::MetricsLog;
use crate::{Error, Result, Validation};

/// A folder that holds one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// `run.json`: what the run was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of the program.
    pub version: String,
    /// Seed of every random number.
    pub seed: u64,
    /// Threads that computed.
    pub threads: usize,
    /// Instruction set that the kernels used.
    pub instruction_set: String,
    /// Name of the architecture.
    pub model: String,
    /// Name or folder of the data set.
    pub data: String,
    /// When the run began, in seconds since 1970-01-01 UTC.
    pub started: u64,
}

/// `result.json`: what came out of the run. Scripts depend on these keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The final evaluation on the test images, where there are any.
    pub test: Option<Summary>,
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
    fn class_names_stand_one_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path().join("a")).unwrap();
        run.write_classes(&["cat".into(), "dog, small".into()]).unwrap();
        assert_eq!(fs::read_to_string(run.path().join("classes.txt")).unwrap(), "cat\ndog, small\n");
        assert!(matches!(run.write_classes(&["a\nb".into()]), Err(Error::Argument { .. })));
    }
}
