//! [`Recipe`]: what decides where a run goes from its checkpoint on, so that another run does not go on with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::trainer::TrainerOptions;

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
        let (mine, theirs) = (self.entries(), other.entries());
        let names: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
        let of =
            |entries: &BTreeMap<String, String>, name| entries.get(name).cloned().unwrap_or("none".into());
        let values = names.into_iter().map(|name| (name, of(&mine, name), of(&theirs, name)));
        let different = values.filter(|(_, mine, theirs)| mine != theirs);
        let told = different.map(|(name, mine, theirs)| format!("{name} {mine} (now {theirs})"));
        told.collect::<Vec<_>>().join(", ")
    }

    /// Values by name, without those that are absent. A double is printed with the digits that tell it from every other.
    fn entries(&self) -> BTreeMap<String, String> {
        let plain = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let options = match serde_json::to_value(&self.options) {
            Ok(serde_json::Value::Object(options)) => options,
            _ => Default::default(),
        };
        let mut entries: BTreeMap<String, String> =
            options.iter().map(|(name, value)| (name.replace('-', " "), plain(value))).collect();
        entries.insert("optimizer".into(), self.optimizer.clone());
        entries.insert("schedule".into(), self.schedule.clone());
        for (name, count) in [
            ("training images", self.images),
            ("batches an epoch", self.batches),
            ("validation images", self.validation_images),
        ] {
            entries.insert(name.into(), count.to_string());
        }
        entries
    }
}
