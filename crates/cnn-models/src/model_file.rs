//! [`ModelFile`]: a trained network as one `.safetensors` file.
//!
//! The tensors stand under PyTorch's keys in PyTorch's layouts, so that Python loads the file with
//! `load_state_dict(strict=True)`; the metadata holds [`About`], so that a prediction needs nothing else.
//! Writing the bytes to a disk safely is the caller's business (`cnn_train::write_atomically`).

use std::collections::BTreeMap;
use std::path::Path;

use cnn_layers::{Forward, Layer, LoadReport, StateDict, Strictness};

use crate::{About, Error, Result, skeleton};

/// Name of the metadata's entry.
const METADATA: &str = "cnn";

/// A model file that was read and found to be one.
///
/// ```
/// use cnn_layers::Key;
/// use cnn_models::{About, Arguments, ModelFile, build};
///
/// let network = build("lenet5", &Arguments::MNIST, Key::new(1))?;
/// let digits = (0..10).map(|digit| digit.to_string());
/// let about = About::new("lenet5", Arguments::MNIST, digits, "28 x 28, grey")?;
/// let bytes = ModelFile::encode(&about, &*network)?;
///
/// let file = ModelFile::from_bytes(&bytes)?;
/// assert_eq!(file.about(), &about);
/// let network = file.network()?;
/// # Ok::<(), cnn_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModelFile {
    about: About,
    weights: StateDict,
}

impl ModelFile {
    /// The bytes of a file. The same network and description give the same bytes.
    ///
    /// # Errors
    /// [`Error::NotAModel`] where the description contradicts itself; [`Error::Layers`] where two parts of the
    /// network have one name.
    pub fn encode(about: &About, network: &dyn Layer) -> Result<Vec<u8>> {
        let metadata = BTreeMap::from([(METADATA.to_owned(), about.to_json()?)]);
        Ok(cnn_layers::save(network, &metadata)?)
    }

    /// Reads the bytes of a file. Allocates no more than they hold.
    ///
    /// # Errors
    /// [`Error::Layers`] where they are not a whole safetensors file; [`Error::NotAModel`] where they are one
    /// without, or with damaged or newer, metadata.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let weights = StateDict::from_safetensors(bytes)?;
        let json = weights.metadata().get(METADATA).ok_or_else(|| {
            let problem =
                "it is a safetensors file that holds bare weights, without a description of the network";
            Error::not_a_model(format!("{problem}; build the network and load them with cnn_layers::load"))
        })?;
        Ok(Self { about: About::from_json(json)?, weights })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::File`] with the path, around the errors of [`ModelFile::from_bytes`] or of the system.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::from);
        bytes.and_then(|bytes| Self::from_bytes(&bytes)).map_err(|error| error.in_file(path))
    }

    /// What the file says about its weights.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The weights, in the layouts of files.
    pub fn weights(&self) -> &StateDict {
        &self.weights
    }

    /// The network itself: the named architecture with these weights.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] for an architecture that this crate does not have (then build it yourself and use
    /// [`ModelFile::load_into`]); [`Error::Argument`]; [`Error::Layers`] that lists every tensor that is missing,
    /// unexpected or misshapen.
    pub fn network(&self) -> Result<Box<dyn Forward>> {
        // Kernels and matrices have no values until they are loaded, so that no size that the file only claims
        // allocates them. Biases are allocated before; the longest has a number for each class, all of which the
        // file has named, and every other length is the architecture's own.
        let mut network = skeleton(&self.about.architecture, &self.about.arguments)?;
        self.load_into(&mut *network)?;
        Ok(network)
    }

    /// Gives a network these weights, strictly.
    ///
    /// # Errors
    /// [`Error::Layers`] that lists every tensor that is missing, unexpected or misshapen; the network is then
    /// as it was.
    pub fn load_into(&self, network: &mut dyn Layer) -> Result<LoadReport> {
        Ok(self.weights.load_into(network, Strictness::Strict)?)
    }
}
