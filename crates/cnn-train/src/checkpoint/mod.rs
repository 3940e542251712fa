//! Checkpoints: everything that a run needs to go on as if it had never stopped, in one safetensors file.
//!
//! ```text
//! model.<key>              parameters and buffers, under the keys of the state dict
//! best.<key>               the weights of the best epoch, where they are to be kept
//! optimizer.<key>.<name>   the optimiser's state
//! metadata "checkpoint"    JSON: position, seed, history
//! ```
//! Learning rates, shuffling and augmentation are functions of the seed and the position, so they need no state.

mod folder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cnn_layers::{Layer, StateDict};
use cnn_tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use folder::CheckpointFolder;

use crate::history::History;
use crate::optim::OptimizerState;
use crate::{Error, Result, files};

/// Name of the metadata's entry.
const METADATA: &str = "checkpoint";

/// Version of the form that this crate writes and reads.
const VERSION: u32 = 1;

/// The state of a run between two epochs.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Where the run stands.
    pub position: Position,
    /// What it has measured.
    pub history: History,
    /// The network as it is.
    pub model: StateDict,
    /// The network as it was after its best epoch, where that is to be kept.
    pub best: Option<StateDict>,
    /// What the optimiser remembers.
    pub optimizer: OptimizerState,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Steps taken: epochs done times batches of an epoch.
    pub step: u64,
    /// Seed of the run.
    pub seed: u64,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    version: u32,
    position: Position,
    history: History,
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Checkpoint`] where the file is damaged or something else.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_bytes(&files::read(path)?).map_err(|problem| Error::checkpoint(path, problem))
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Where a tensor has no values.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut file = StateDict::default();
        for (prefix, weights) in [("model", Some(&self.model)), ("best", self.best.as_ref())] {
            for (key, tensor) in weights.into_iter().flat_map(StateDict::iter) {
                file.insert(format!("{prefix}.{key}"), tensor.clone());
            }
        }
        for (key, tensors) in &self.optimizer.parameters {
            for (name, tensor) in tensors {
                file.insert(format!("optimizer.{key}.{name}"), tensor.clone());
            }
        }
        let metadata = Metadata { version: VERSION, position: self.position, history: self.history.clone() };
        let json = serde_json::to_string(&metadata).map_err(Error::History)?;
        Ok(file.to_safetensors(&BTreeMap::from([(METADATA.to_owned(), json)]))?)
    }

    fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, String> {
        let file = StateDict::from_safetensors(bytes).map_err(|error| error.to_string())?;
        let json = file.metadata().get(METADATA);
        let json = json.ok_or("it is a safetensors file, but not a checkpoint of a run")?;
        let metadata: Metadata =
            serde_json::from_str(json).map_err(|error| format!("its metadata cannot be read: {error}"))?;
        if metadata.version != VERSION {
            return Err(format!(
                "it is of version {}, this program reads version {VERSION}",
                metadata.version
            ));
        }
        let Position { epoch, batches, step, .. } = metadata.position;
        let epochs = metadata.history.epochs.len();
        if epochs != epoch || epoch.checked_mul(batches).map(|steps| steps as u64) != Some(step) {
            return Err(format!(
                "it contradicts itself: epoch {epoch}, step {step}, {epochs} epochs of history"
            ));
        }
        let (mut model, mut best) = (StateDict::default(), StateDict::default());
        let mut optimizer = OptimizerState::default();
        for (name, tensor) in file.iter() {
            let tensor = tensor.clone();
            match name.split_once('.') {
                Some(("model", key)) => drop(model.insert(key, tensor)),
                Some(("best", key)) => drop(best.insert(key, tensor)),
                Some(("optimizer", rest)) => insert_state(&mut optimizer, rest, tensor)?,
                _ => return Err(format!("it holds an unknown tensor {name}")),
            }
        }
        let best = (!best.is_empty()).then_some(best);
        Ok(Self { position: metadata.position, history: metadata.history, model, best, optimizer })
    }

    pub(crate) fn expect_seed(&self, path: &Path, seed: u64) -> Result<()> {
        if self.position.seed == seed {
            return Ok(());
        }
        let met = self.position.seed;
        Err(Error::checkpoint(
            path,
            format!("it is of a run with seed {met}, this run has seed {seed}; use seed {met}"),
        ))
    }

    pub(crate) fn expect_batches(&self, path: &Path, batches: usize) -> Result<()> {
        if self.position.batches == batches {
            return Ok(());
        }
        let met = self.position.batches;
        let problem = format!(
            "it is of a run with {met} batches an epoch, this run has {batches}; use the same data and batch size"
        );
        Err(Error::checkpoint(path, problem))
    }
}

fn insert_state(state: &mut OptimizerState, rest: &str, tensor: Tensor) -> std::result::Result<(), String> {
    let Some((key, name)) = rest.rsplit_once('.') else {
        return Err(format!("it holds an unknown tensor optimizer.{rest}"));
    };
    state.insert(key, name, tensor);
    Ok(())
}

/// A checkpoint and the file that it came from, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    pub(crate) checkpoint: Checkpoint,
}

/// The values of a model as they are now, copied: training on neither changes them nor has to copy what it would
/// share with them.
pub(crate) fn snapshot(model: &dyn Layer) -> Result<StateDict> {
    Ok(StateDict::from_safetensors(&cnn_layers::save(model, &BTreeMap::new())?)?)
}
