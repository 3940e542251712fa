//! Checkpoints: everything that a run needs to go on as if it had never stopped, in one safetensors file.
//!
//! ```text
//! model.<key>              parameters and buffers, under the keys of the state dict
//! best.<key>               the weights of the best epoch, where they are to be kept
//! average.<key>            the moving average of the weights, where there is one
//! optimizer.<key>.<name>   the optimiser's state
//! metadata "checkpoint"    JSON: version, position, recipe, history, the epoch in progress
//! ```
//! Learning rates, shuffling, augmentation, early stopping and the choice of the best epoch are functions of the seed,
//! the position and the history, so they need no state.

mod folder;
mod recipe;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cnn_layers::{Layer, StateDict};
use cnn_tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use folder::CheckpointFolder;
pub use recipe::Recipe;

use crate::history::History;
use crate::metrics::{Accuracy, Mean};
use crate::optim::OptimizerState;
use crate::{Error, Result, files};

/// Name of the metadata's entry.
const METADATA: &str = "checkpoint";

/// Version of the form that this crate writes and reads.
const VERSION: u32 = 2;

/// The state of a run between two steps.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Where the run stands.
    pub position: Position,
    /// What it was made with; a run that was made with something else does not go on from here.
    pub recipe: Recipe,
    /// What it has measured.
    pub history: History,
    /// The network as it is.
    pub model: StateDict,
    /// The network as it was after its best epoch, where that is to be kept.
    pub best: Option<StateDict>,
    /// The moving average of the weights, where there is one.
    pub average: Option<StateDict>,
    /// What the optimiser remembers.
    pub optimizer: OptimizerState,
    /// What there is of the epoch that the run is in the middle of; `None` between two.
    pub partial: Option<Partial>,
    /// How often the run went back because something was not finite: each time halves the learning rate.
    pub rollbacks: u32,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: usize,
    /// Batches seen in all.
    pub batch: u64,
}

/// The part of an epoch that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    /// Where the loader stands.
    pub loader: cnn_data::Position,
    /// Mean loss so far.
    pub loss: Mean,
    /// Accuracy so far.
    pub accuracy: Accuracy,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Time that it took, in seconds.
    pub seconds: f64,
    /// Of these seconds those in which a step waited for the loader.
    #[serde(default)]
    pub waiting_seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    version: u32,
    position: Position,
    recipe: Recipe,
    history: History,
    partial: Option<Partial>,
    rollbacks: u32,
}

/// The part of the metadata that every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
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
        for (prefix, weights) in
            [("model", Some(&self.model)), ("best", self.best.as_ref()), ("average", self.average.as_ref())]
        {
            for (key, tensor) in weights.into_iter().flat_map(StateDict::iter) {
                file.insert(format!("{prefix}.{key}"), tensor.clone());
            }
        }
        for (key, tensors) in &self.optimizer.parameters {
            for (name, tensor) in tensors {
                file.insert(format!("optimizer.{key}.{name}"), tensor.clone());
            }
        }
        let Self { position, recipe, history, partial, rollbacks, .. } = self.clone();
        let metadata = Metadata { version: VERSION, position, recipe, history, partial, rollbacks };
        let json = serde_json::to_string(&metadata).map_err(Error::History)?;
        Ok(file.to_safetensors(&BTreeMap::from([(METADATA.to_owned(), json)]))?)
    }

    fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, String> {
        let file = StateDict::from_safetensors(bytes).map_err(|error| error.to_string())?;
        let json = file.metadata().get(METADATA);
        let json = json.ok_or("it is a safetensors file, but not a checkpoint of a run")?;
        let unreadable = |error: serde_json::Error| format!("its metadata cannot be read: {error}");
        let Version { version } = serde_json::from_str(json).map_err(unreadable)?;
        if version != VERSION {
            return Err(format!(
                "it is of version {version}, this program reads version {VERSION}: resume it with the program that \
                 wrote it, or begin a new run"
            ));
        }
        let metadata: Metadata = serde_json::from_str(json).map_err(unreadable)?;
        let Position { epoch, batch } = metadata.position;
        let epochs = metadata.history.epochs.len();
        let batches = metadata.recipe.batches as u64;
        let in_epoch = batch.checked_sub((epoch as u64).saturating_mul(batches));
        let fits = match (in_epoch, &metadata.partial) {
            (Some(0), None) => true,
            (Some(done), Some(partial)) => {
                (1..=batches).contains(&done)
                    && partial.loader.epoch == epoch as u64
                    && partial.loader.batch as u64 == done
            }
            _ => false,
        };
        if epochs != epoch || epoch > metadata.recipe.options.epochs || !fits {
            return Err(format!(
                "it contradicts itself: epoch {epoch}, batch {batch}, {epochs} epochs of history"
            ));
        }
        let [mut model, mut best, mut average] = [(); 3].map(|()| StateDict::default());
        let mut optimizer = OptimizerState::default();
        for (name, tensor) in file.iter() {
            let tensor = tensor.clone();
            match name.split_once('.') {
                Some(("model", key)) => drop(model.insert(key, tensor)),
                Some(("best", key)) => drop(best.insert(key, tensor)),
                Some(("average", key)) => drop(average.insert(key, tensor)),
                Some(("optimizer", rest)) => insert_state(&mut optimizer, rest, tensor)?,
                _ => return Err(format!("it holds an unknown tensor {name}")),
            }
        }
        let [best, average] = [best, average].map(|weights| (!weights.is_empty()).then_some(weights));
        let Metadata { position, recipe, history, partial, rollbacks, .. } = metadata;
        Ok(Self { position, recipe, history, model, best, average, optimizer, partial, rollbacks })
    }

    /// Whether a run of this recipe may go on from here.
    pub(crate) fn expect(&self, path: &Path, recipe: &Recipe, longer: Longer) -> Result<()> {
        let mut own = self.recipe.clone();
        if longer == Longer::Yes && recipe.options.epochs > own.options.epochs {
            own.options.epochs = recipe.options.epochs;
        }
        let differences = own.differences(recipe);
        if differences.is_empty() {
            return Ok(());
        }
        let problem = format!("it is of a run with {differences}; resume with the same, or begin a new run");
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
    pub(crate) longer: Longer,
}

/// Whether a resumed run may have more epochs than it was begun with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Longer {
    No,
    Yes,
}

/// The values of a model as they are now, copied: training on neither changes them nor has to copy what it would
/// share with them.
pub(crate) fn snapshot(model: &dyn Layer) -> Result<StateDict> {
    Ok(StateDict::from_safetensors(&cnn_layers::save(model, &BTreeMap::new())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::record;
    use crate::trainer::TrainerOptions;

    /// A checkpoint after so many epochs of a run on nothing.
    pub(super) fn checkpoint(epoch: usize) -> Checkpoint {
        let recipe = Recipe {
            options: TrainerOptions { epochs: 4, learning_rate: 0.1 + 0.2, ..TrainerOptions::default() },
            optimizer: "none".into(),
            schedule: "none".into(),
            images: 20,
            batches: 5,
            validation_images: 0,
        };
        Checkpoint {
            position: Position { epoch, batch: 5 * epoch as u64 },
            recipe,
            history: History {
                epochs: (1..=epoch).map(|epoch| record(epoch, None)).collect(),
                ..History::default()
            },
            model: StateDict::default(),
            best: None,
            average: None,
            optimizer: OptimizerState::default(),
            partial: None,
            rollbacks: 0,
        }
    }

    #[test]
    fn a_recipe_survives_the_file_to_the_last_bit() {
        let written = checkpoint(2);
        let read = Checkpoint::from_bytes(&written.to_bytes().unwrap()).unwrap();
        assert_eq!(
            (read.recipe, read.position, read.history),
            (written.recipe, written.position, written.history)
        );
    }

    #[test]
    fn another_version_is_told_before_anything_else_of_it_is_read() {
        for version in [VERSION - 1, VERSION + 1] {
            let json = format!("{{\"version\": {version}, \"what\": 0}}");
            let metadata = BTreeMap::from([(METADATA.to_owned(), json)]);
            let bytes = StateDict::default().to_safetensors(&metadata).unwrap();
            let problem = Checkpoint::from_bytes(&bytes).unwrap_err();
            assert!(
                problem.contains(&format!("of version {version}, this program reads version {VERSION}")),
                "{problem}"
            );
        }
    }
}
