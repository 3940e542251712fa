//! The configuration of a run: defaults, then the file, then the flags.
//!
//! The file is TOML with the tables below; a key that does not exist is an error with the nearest one that
//! does. What a run really used is written back in the same form, as `config.toml` in its folder, so that
//! `cnn train --config runs/a/config.toml` trains the same again.

mod file;
mod set;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cnn_data::transform::{Augmentation, BatchAugmentation};
use cnn_data::{Fold, HoldOut, Preprocessing, ResizeMode};
use cnn_train::optim::{AnyOptimizer, Group, Groups, Lookahead, LookaheadOptions, Optimizer};
use cnn_train::schedule::{AnySchedule, Schedule};
use cnn_train::{BestBy, Freeze, Keep, OnNonFinite, RunDir, TrainerOptions};
use serde::{Deserialize, Serialize};

use crate::cli::TrainArgs;
use crate::failure::{Failure, Outcome};

/// Everything that decides the weights of a run, but for the data themselves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Config {
    pub(crate) data: Data,
    pub(crate) input: Input,
    pub(crate) model: Model,
    pub(crate) training: Training,
    pub(crate) optimizer: AnyOptimizer,
    pub(crate) schedule: AnySchedule,
    /// Slow weights that follow the optimiser's, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lookahead: Option<LookaheadOptions>,
    /// Parameters with a learning rate or a weight decay of their own, the first that names one having it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<Group>,
    /// Transforms of the training images, in order.
    pub(crate) augment: Vec<Augmentation>,
    /// What mixes the images of a batch; of several, one drawn for each batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mix: Vec<BatchAugmentation>,
    /// Layers that do not train, for good or for the first epochs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) freeze: Vec<Freeze>,
}

/// `[data]`: which images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Data {
    /// As `--data`.
    pub(crate) source: String,
    /// As `--data-dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dir: Option<PathBuf>,
    /// Images held out of the training set to choose the best epoch by, where the data have no validation split
    /// of their own: a number of them, a share below 1, or 0 for none.
    pub(crate) validation: Validation,
    /// The fold of the training set that serves as the test set of this run, in cross-validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fold: Option<Fold>,
}

/// How much of the training set is held out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Validation {
    /// So many images; 0 for none.
    Count(usize),
    /// A share of them, from 0 to below 1.
    Share(f64),
}

/// What becomes of the probabilities after training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Calibrate {
    /// Outputs are divided by the temperature of least log loss on the validation images.
    Temperature,
    /// Nothing.
    None,
}

/// What the loss of each class is multiplied by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ClassWeights {
    /// So many images over the number of classes and over the images of the class, as scikit-learn has it.
    Balanced(Balanced),
    /// A number for each class, in the order of the classes.
    Given(Vec<f64>),
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Balanced {
    Balanced,
}

impl ClassWeights {
    /// A number for each class, of which so many images are to be trained on.
    pub(crate) fn resolve(&self, images: &[usize]) -> Outcome<Vec<f64>> {
        match self {
            Self::Given(weights) if weights.len() == images.len() => Ok(weights.clone()),
            Self::Given(weights) => Err(Failure::failed(format!(
                "training.class-weights has {} numbers, expected one for each of the {} classes",
                weights.len(),
                images.len()
            ))),
            Self::Balanced(_) => {
                let all: usize = images.iter().sum();
                let weight = |&images: &usize| all as f64 / (images.max(1) as f64);
                Ok(images.iter().map(|images_of| weight(images_of) / images.len() as f64).collect())
            }
        }
    }
}

/// `[input]`: what the network gets of an image. What is not given is taken from the training images.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Input {
    /// Height and width in pixels.
    pub(crate) size: Option<[usize; 2]>,
    /// 1 for grey, 3 for colour.
    pub(crate) channels: Option<usize>,
    /// How images of another size are made to fit.
    pub(crate) resize: Option<ResizeMode>,
    /// Subtracted from each channel, of pixels from 0 to 1.
    pub(crate) mean: Option<Vec<f64>>,
    /// Divided by, for each channel.
    pub(crate) std: Option<Vec<f64>>,
}

/// `[model]`: which network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Model {
    /// The architecture.
    pub(crate) name: String,
}

/// `[training]`: how long, in what steps, and from which random numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Training {
    /// How many times each image is seen.
    pub(crate) epochs: usize,
    /// Images in a step.
    pub(crate) batch_size: usize,
    /// The rate that the schedule starts from or rises to.
    pub(crate) learning_rate: f64,
    /// Share of the target that is spread evenly over all classes.
    pub(crate) label_smoothing: f64,
    /// What the loss of each class is multiplied by: a number for each, or "balanced", by how rare it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class_weights: Option<ClassWeights>,
    /// Where every random number comes from.
    pub(crate) seed: u64,
    /// The weights that the run ends with, where there are validation images to choose by; else the last.
    pub(crate) keep: Keep,
    /// What of the validation makes an epoch the best.
    pub(crate) best_by: BestBy,
    /// Epochs without a better validation after which the run ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patience: Option<usize>,
    /// Batches that make one step.
    pub(crate) accumulate: usize,
    /// The longest that all gradients together may be, as one vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clip_norm: Option<f64>,
    /// The largest that an element of a gradient may be, either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clip_value: Option<f64>,
    /// The radius of sharpness-aware minimisation, which takes two passes for a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sam_rho: Option<f64>,
    /// Share of the moving average of the weights that a step leaves; the average is then the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ema_decay: Option<f64>,
    /// What the learning rate is multiplied by for each block of the network before the last.
    pub(crate) layer_decay: f64,
    /// What makes the probabilities mean what they say, fitted on the validation images.
    pub(crate) calibrate: Calibrate,
    /// What becomes of a step whose loss or gradient is not finite.
    pub(crate) on_nonfinite: OnNonFinite,
    /// Seconds between two checkpoints in the middle of an epoch; 0 for one after every step.
    pub(crate) checkpoint_seconds: f64,
}

impl Default for Data {
    fn default() -> Self {
        Self { source: "mnist".into(), dir: None, validation: Validation::Share(0.1), fold: None }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self { name: "lenet5".into() }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch_size: 64,
            learning_rate: 1e-3,
            label_smoothing: 0.0,
            class_weights: None,
            seed: 1,
            keep: Keep::Best,
            best_by: BestBy::Accuracy,
            patience: None,
            accumulate: 1,
            clip_norm: None,
            clip_value: None,
            sam_rho: None,
            ema_decay: None,
            layer_decay: 1.0,
            calibrate: Calibrate::Temperature,
            on_nonfinite: OnNonFinite::Stop,
            checkpoint_seconds: 300.0,
        }
    }
}

impl Input {
    /// What was resolved, so that it is written down.
    pub(crate) fn set(&mut self, resolved: &Preprocessing) {
        *self = Self {
            size: Some([resolved.size().height, resolved.size().width]),
            channels: Some(resolved.channels()),
            resize: Some(resolved.mode()),
            mean: Some(resolved.mean().iter().map(shortest).collect()),
            std: Some(resolved.std().iter().map(shortest).collect()),
        };
    }
}

/// The double with the fewest digits that is this number, so that 0.1 is written as 0.1.
fn shortest(number: &f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(*number))
}

impl Config {
    /// A configuration file.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        file::read(path)
    }

    /// The configuration that a command line asks for.
    pub(crate) fn resolve(arguments: &TrainArgs) -> Outcome<Self> {
        let config = match &arguments.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        let mut config = set::apply(config, &arguments.set)?;
        if let Some(data) = &arguments.data.data {
            config.data.source.clone_from(data);
        }
        if let Some(dir) = &arguments.data.data_dir {
            config.data.dir = Some(dir.clone());
        }
        if let Some(name) = &arguments.model {
            config.model.name.clone_from(name);
        }
        let training = &mut config.training;
        training.epochs = arguments.epochs.unwrap_or(training.epochs);
        training.batch_size = arguments.batch_size.unwrap_or(training.batch_size);
        training.learning_rate = arguments.lr.unwrap_or(training.learning_rate);
        training.seed = arguments.seed.unwrap_or(training.seed);
        config.check()?;
        Ok(config)
    }

    /// The configuration of a run that is to go on: as the run wrote it, with more epochs where they are asked for.
    pub(crate) fn resume(run: &RunDir, arguments: &TrainArgs) -> Outcome<Self> {
        let mut config = Self::read(&run.config())?;
        if let Some(epochs) = arguments.epochs {
            if epochs < config.training.epochs {
                return Err(Failure::failed(format!(
                    "--epochs is {epochs}, and the run was begun with {}: a run that is resumed may have more, not fewer",
                    config.training.epochs
                )));
            }
            config.training.epochs = epochs;
        }
        if let Some(dir) = &arguments.data.data_dir {
            config.data.dir = Some(dir.clone());
        }
        config.check()?;
        Ok(config)
    }

    /// What the trainer is asked to do.
    pub(crate) fn trainer_options(&self, keep: Keep) -> TrainerOptions {
        let training = self.training.clone();
        TrainerOptions {
            epochs: training.epochs,
            learning_rate: training.learning_rate,
            seed: training.seed,
            label_smoothing: training.label_smoothing,
            class_weights: None,
            freeze: self.freeze.clone(),
            accumulate: training.accumulate,
            clip_norm: training.clip_norm,
            clip_value: training.clip_value,
            sam_rho: training.sam_rho,
            ema_decay: training.ema_decay,
            patience: training.patience,
            best_by: training.best_by,
            keep,
            on_nonfinite: training.on_nonfinite,
        }
    }

    /// The optimiser with its groups, and what is around it.
    pub(crate) fn optimizer(&self) -> Outcome<Box<dyn Optimizer>> {
        let groups = Groups { groups: self.groups.clone(), layer_decay: self.training.layer_decay };
        let optimizer = self.optimizer.build_grouped(groups)?;
        Ok(match self.lookahead {
            Some(options) => Box::new(Lookahead::new(optimizer, options)?),
            None => optimizer,
        })
    }

    /// The configuration as a file.
    pub(crate) fn to_toml(&self) -> Outcome<String> {
        let text = toml::to_string(self);
        text.map_err(|error| Failure::failed(format!("the configuration cannot be written as TOML: {error}")))
    }

    /// What is held out of the training set, where anything is.
    pub(crate) fn hold_out(&self) -> Option<HoldOut> {
        match self.data.validation {
            Validation::Count(0) | Validation::Share(0.0) => None,
            Validation::Share(share) => Some(HoldOut::Share(share)),
            Validation::Count(count) => Some(HoldOut::Count(count)),
        }
    }

    /// Numbers that no part of the libraries checks before the work begins.
    fn check(&self) -> Outcome {
        let Training { epochs, batch_size, learning_rate, label_smoothing, .. } = self.training;
        let refuse = |name: &str, met: &dyn std::fmt::Display, expected: &str| {
            Err(Failure::failed(format!("{name} is {met}, expected {expected}")))
        };
        if epochs == 0 {
            return refuse("training.epochs", &epochs, "1 or more");
        }
        if batch_size == 0 {
            return refuse("training.batch-size", &batch_size, "1 or more");
        }
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            return refuse("training.learning-rate", &learning_rate, "a number above 0, 0.001 say");
        }
        if !(0.0..1.0).contains(&label_smoothing) {
            return refuse("training.label-smoothing", &label_smoothing, "a number from 0 to below 1");
        }
        let seconds = self.training.checkpoint_seconds;
        if Duration::try_from_secs_f64(seconds).is_err() {
            return refuse("training.checkpoint-seconds", &seconds, "a number from 0 on");
        }
        self.trainer_options(Keep::Last).check()?;
        self.optimizer()?;
        self.schedule.check()?;
        match self.data.validation {
            Validation::Share(share) if !(0.0..1.0).contains(&share) => {
                refuse("data.validation", &share, "a whole number of images, a share below 1, or 0 for none")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn resolve(line: &str) -> Outcome<Config> {
        match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
            Command::Train(arguments) => Config::resolve(&arguments),
            other => panic!("{other:?}"),
        }
    }

    fn with_file(text: &str, flags: &str) -> Outcome<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        resolve(&format!("cnn train --config {} {flags}", path.display()))
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let text = "[training]\nepochs = 7\nseed = 9\n[model]\nname = \"mnist-cnn\"\n";
        let config = with_file(text, "--seed 4 --lr 0.25").unwrap();
        let training = &config.training;
        assert_eq!((training.epochs, training.seed, training.batch_size), (7, 4, 64));
        assert_eq!((training.learning_rate, config.model.name.as_str()), (0.25, "mnist-cnn"));
    }

    #[test]
    fn a_configuration_survives_being_written() {
        let text = "[optimizer]\nkind = \"sgd\"\nmomentum = 0.9\n[schedule]\nkind = \"one-cycle\"\n\
                    [input]\nsize = [32, 32]\n[[augment]]\nkind = \"random-horizontal-flip\"\np = 0.5\n";
        let config = with_file(text, "").unwrap();
        assert_eq!(with_file(&config.to_toml().unwrap(), "").unwrap(), config);
    }

    #[test]
    fn numbers_without_meaning_are_refused_by_their_key() {
        for (text, key) in [
            ("[training]\nbatch-size = 0", "training.batch-size"),
            ("[training]\nepochs = 0", "training.epochs"),
            ("[training]\nlearning-rate = nan", "training.learning-rate"),
            ("[training]\nlabel-smoothing = 1.0", "training.label-smoothing"),
            ("[data]\nvalidation = 1.5", "data.validation"),
            ("[data]\nvalidation = -1", "data.validation"),
        ] {
            let message = with_file(text, "").unwrap_err();
            assert!(message.message().unwrap().contains(key), "{text}: {message:?}");
        }
    }

    #[test]
    fn what_is_held_out_is_a_number_a_share_or_nothing() {
        let held_out =
            |value: &str| with_file(&format!("[data]\nvalidation = {value}"), "").unwrap().hold_out();
        assert_eq!(held_out("5000"), Some(HoldOut::Count(5000)));
        assert_eq!(held_out("0.25"), Some(HoldOut::Share(0.25)));
        assert_eq!(held_out("0"), None);
    }

    #[test]
    fn rare_classes_weigh_more_where_that_is_asked_for() {
        let config = with_file("[training]\nclass-weights = \"balanced\"\n", "").unwrap();
        let weights = config.training.class_weights.unwrap();
        assert_eq!(weights.resolve(&[30, 10]).unwrap(), [40.0 / 60.0, 2.0]);
        let config = with_file("[training]\nclass-weights = [1.0, 2.5]\n", "").unwrap();
        let weights = config.training.class_weights.unwrap();
        assert_eq!(weights.resolve(&[30, 10]).unwrap(), [1.0, 2.5]);
        let told = weights.resolve(&[1, 1, 1]).unwrap_err();
        assert!(told.message().unwrap().contains("2 numbers, expected one for each of the 3 classes"));
        assert!(with_file("[training]\nclass-weights = \"rare\"\n", "").is_err());
    }
}
