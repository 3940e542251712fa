//! The file of a trained network: what a prediction needs, and nothing else is needed.

use std::path::Path;

use cnn_data::Preprocessing;
use cnn_layers::Forward;
use cnn_models::{About, ModelFile};

use crate::failure::{Failure, Outcome};
use crate::output::detail;

/// A trained network.
pub(crate) struct Trained {
    pub(crate) about: About,
    pub(crate) network: Box<dyn Forward>,
    pub(crate) preprocessing: Preprocessing,
}

/// Reads the file of a trained network; of the folder of a run, its `best.safetensors`.
pub(crate) fn load(path: &Path) -> Outcome<Trained> {
    let path = &if path.is_dir() { path.join("best.safetensors") } else { path.to_path_buf() };
    let file = ModelFile::read(path)?;
    let in_file = |error: cnn_models::Error| Failure::failed(format!("{}: {error}", path.display()));
    let network = file.network().map_err(in_file)?;
    let preprocessing = file.about().preprocessing_as().map_err(in_file)?;
    detail!(
        "model: {} of {} classes in {}",
        file.about().architecture,
        file.about().classes.len(),
        path.display()
    );
    Ok(Trained { about: file.about().clone(), network, preprocessing })
}

/// The file of a network as it is now.
pub(crate) fn to_bytes(network: &dyn Forward, about: &About) -> Result<Vec<u8>, cnn_models::Error> {
    ModelFile::encode(about, network)
}
