//! [`Recipe`]: what decides where a run goes from its checkpoint on, so that another run does not go on with it.

use serde::{Deserialize, Serialize};

use crate::trainer::{Keep, TrainerOptions};

/// What a run was made with, as far as a trainer can see it.
///
/// The values of the images, their order and augmentation, and the computation of the layers are not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The options; the seed among them.
    pub options: TrainerOptions,
    /// [`Optimizer::describe`](crate::optim::Optimizer::describe).
    pub optimizer: String,
    /// [`Schedule::describe`](crate::schedule::Schedule::describe).
    pub schedule: String,
    /// Training images.
    pub images: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Validation images; 0 where there are none.
    pub validation_images: usize,
}

impl Recipe {
    /// Everything in which another recipe differs, each with its name and both values; empty where they are equal.
    pub(crate) fn differences(&self, other: &Self) -> String {
        let pairs = self.entries().into_iter().zip(other.entries());
        let different = pairs.filter(|((_, mine), (_, theirs))| mine != theirs);
        let told = different.map(|((name, mine), (_, theirs))| format!("{name} {mine} (now {theirs})"));
        told.collect::<Vec<_>>().join(", ")
    }

    /// Names and values. A double is printed with the digits that tell it from every other.
    fn entries(&self) -> [(&'static str, String); 10] {
        let TrainerOptions { epochs, learning_rate, seed, label_smoothing, keep } = &self.options;
        let keep = match keep {
            Keep::Last => "last",
            Keep::Best => "best",
        };
        [
            ("seed", seed.to_string()),
            ("epochs", epochs.to_string()),
            ("learning rate", learning_rate.to_string()),
            ("label smoothing", label_smoothing.to_string()),
            ("keep", keep.to_owned()),
            ("optimizer", self.optimizer.clone()),
            ("schedule", self.schedule.clone()),
            ("training images", self.images.to_string()),
            ("batches an epoch", self.batches.to_string()),
            ("validation images", self.validation_images.to_string()),
        ]
    }
}
