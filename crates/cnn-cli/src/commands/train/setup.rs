//! What a run is made of before it has a folder: the images, the network that is to learn them, and how they are fed to it.

use std::path::Path;
use std::sync::Arc;

use cnn_data::sources::FolderOptions;
use cnn_data::transform::BatchChoice;
use cnn_data::{
    Classes, DataLocation, Dataset, Loader, Preprocessing, Sequential, Shuffled, Split, content_sha256,
    name_below,
};
use cnn_layers::{Forward, parameters_named};
use cnn_models::{About, Arguments};
use cnn_tensor::random::Key;
use cnn_train::SplitRow;

use crate::commands::{EVALUATION_BATCH, counted, with_workers};
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::source;

/// Everything that a configuration stands for.
pub(in crate::commands) struct Setup {
    /// With what was left to the images to say.
    pub(in crate::commands) config: Config,
    pub(in crate::commands) location: DataLocation,
    pub(in crate::commands) classes: Classes,
    pub(in crate::commands) preprocessing: Preprocessing,
    pub(in crate::commands) train: Loader,
    pub(in crate::commands) validation: Option<Loader>,
    /// The images to test on where they are a fold of the training images.
    pub(in crate::commands) fold: Option<Arc<dyn Dataset>>,
    pub(in crate::commands) about: About,
    /// Which image serves for what, but for those to test on.
    pub(in crate::commands) splits: Vec<SplitRow>,
    pub(in crate::commands) class_weights: Option<Vec<f64>>,
}

/// Opens the training images and builds the network. Nothing is written.
pub(in crate::commands) fn set_up(mut config: Config) -> Outcome<(Setup, Box<dyn Forward>)> {
    let location = source::locate(&config.data.source, config.data.dir.as_deref())?;
    let images = location.open(Split::Train, &FolderOptions::default())?.dataset;
    let classes = images.classes().cloned();
    let classes =
        classes.ok_or_else(|| Failure::failed(format!("{}: no classes", location.path().display())))?;

    if classes.len() < 2 {
        return Err(Failure::failed(format!(
            "{}: {} only, so there is nothing to tell apart; name the folder that holds one folder for each class",
            location.path().display(),
            counted(classes.len(), "class"),
        )));
    }

    let root = location.path();
    let mut splits = Vec::new();
    // Where each image lies in the data set, as it is narrowed down.
    let mut places: Vec<usize> = (0..images.len()).collect();
    let (images, fold) = match config.data.fold {
        None => (images, None),
        // The same folds whatever the seed.
        Some(fold) => {
            let (outside, inside) = cnn_data::fold(images, fold, 0)?;
            splits.extend(rows(Split::Test, &inside, inside.indices(), root)?);
            places = outside.indices().to_vec();
            (Arc::new(outside) as Arc<dyn Dataset>, Some(Arc::new(inside) as Arc<dyn Dataset>))
        }
    };
    let of = |indices: &[usize]| {
        indices.iter().filter_map(|&index| places.get(index).copied()).collect::<Vec<_>>()
    };
    let (train, validation): (Arc<dyn Dataset>, Option<Arc<dyn Dataset>>) =
        if location.splits()?.contains(&Split::Validation) {
            let options = FolderOptions { classes: Some(classes.clone()), ..FolderOptions::default() };
            let validation = location.open(Split::Validation, &options)?.dataset;
            splits.extend(rows(Split::Train, &images, &places, root)?);
            splits.extend(rows(
                Split::Validation,
                &validation,
                &(0..validation.len()).collect::<Vec<_>>(),
                root,
            )?);
            (images, Some(validation))
        } else if let Some(amount) = config.hold_out() {
            // The same images are held out whatever the seed, so that runs with several seeds can be compared.
            let (kept, held_out) = cnn_data::hold_out(images, amount, 0).map_err(|error| {
                Failure::failed(format!(
                    "data.validation: {error}; a share fits any number, --set data.validation=0.1 say"
                ))
            })?;
            splits.extend(rows(Split::Train, &kept, &of(kept.indices()), root)?);
            splits.extend(rows(Split::Validation, &held_out, &of(held_out.indices()), root)?);
            (Arc::new(kept), Some(Arc::new(held_out)))
        } else {
            splits.extend(rows(Split::Train, &images, &places, root)?);
            (images, None)
        };

    let preprocessing = source::preprocessing(&config.input, &train)?;
    config.input.set(&preprocessing);
    let (size, seed) = (preprocessing.size(), config.training.seed);
    let shape = Arguments {
        channels: preprocessing.channels(),
        classes: classes.len(),
        height: size.height,
        width: size.width,
    };
    let network = cnn_models::build(&config.model.name, &shape, Key::new(seed).fold_str("weights"))?;
    let about = About::new(&config.model.name, shape, classes.names(), &preprocessing)?;

    let class_weights = match &config.training.class_weights {
        Some(weights) => Some(weights.resolve(&images_of_classes(&train, classes.len())?)?),
        None => None,
    };
    let mut train = Loader::new(train, Shuffled::new(seed), preprocessing.clone())
        .augment(config.augment.clone(), seed)
        .batch_size(config.training.batch_size);
    match config.mix.as_slice() {
        [] => {}
        [one] => train = train.mix(one.clone(), seed),
        several => train = train.mix(BatchChoice::new(several.to_vec()), seed),
    }
    for entry in &config.freeze {
        parameters_named(network.as_ref(), &entry.layers)?;
    }
    let validation = validation
        .map(|images| Loader::new(images, Sequential, preprocessing.clone()).batch_size(EVALUATION_BATCH));
    let setup = Setup {
        config,
        location,
        classes,
        preprocessing,
        train: with_workers(train),
        validation: validation.map(with_workers),
        fold,
        about,
        splits,
        class_weights,
    };
    Ok((setup, network))
}

impl Setup {
    /// SHA-256 over the images to train on and to choose by.
    pub(super) fn data_sha256(&self) -> Outcome<String> {
        let (train, root) = (self.train.dataset(), self.location.path());
        Ok(match &self.validation {
            Some(validation) => content_sha256(&train.concat(validation.dataset())?, root)?,
            None => content_sha256(train, root)?,
        })
    }

    /// Steps of an epoch.
    pub(super) fn steps_per_epoch(&self) -> u64 {
        self.train.batches_per_epoch().div_ceil(self.config.training.accumulate.max(1)) as u64
    }
}

/// How many images each class has.
fn images_of_classes(images: &dyn Dataset, classes: usize) -> Outcome<Vec<usize>> {
    let mut counts = vec![0; classes];
    for index in 0..images.len() {
        if let Some(count) = counts.get_mut(images.target(index)?.class()?) {
            *count += 1;
        }
    }
    Ok(counts)
}

/// The images of a split, as `splits.csv` lists them, with their places in the data set.
pub(super) fn rows(
    split: Split,
    images: &dyn Dataset,
    places: &[usize],
    root: &Path,
) -> Outcome<Vec<SplitRow>> {
    let names = images.classes().map(Classes::names).unwrap_or_default();
    let row = |(at, &index): (usize, &usize)| {
        let class = images.target(at)?.class()?;
        let file = images.path(at).map_or_else(String::new, |path| name_below(path, root));
        let class = names.get(class).cloned().unwrap_or_else(|| class.to_string());
        Ok(SplitRow { split: split.name().to_owned(), index, file, class })
    };
    places.iter().enumerate().map(row).collect()
}
