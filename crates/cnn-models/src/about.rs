//! [`About`]: what a model file says about its weights, as JSON under the key `cnn` of its metadata.
//!
//! One key, because the order of several would differ from write to write, and the same model should give the
//! same bytes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Arguments, Error, Result};

/// Version of the format that this crate writes. It reads every version up to this one.
pub const FORMAT_VERSION: u32 = 1;

/// Everything but the weights: what a prediction needs, and where the model comes from.
///
/// In Python: `json.loads(safetensors.safe_open(path, "np").metadata()["cnn"])`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Name of the architecture, as [`build`](crate::build) takes it.
    pub architecture: String,
    /// What the architecture was built for.
    pub arguments: Arguments,
    /// Names of the classes in the order of their indices.
    pub classes: Vec<String>,
    /// What happens to an image before the network sees it: a value of the caller's own type, which
    /// [`About::preprocessing_as`] gives back.
    pub preprocessing: Value,
    /// What the outputs mean.
    pub task: Task,
    /// What the outputs are divided by before the softmax, so that probabilities mean what they say; 1 where nothing was
    /// fitted.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub temperature: f64,
    /// How the weights came about: a value of the caller's own type; null where nothing is known.
    #[serde(default)]
    pub training: Value,
}

/// What a network's outputs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Task {
    /// One score for each class, of which one is right.
    #[default]
    Classify,
}

fn one() -> f64 {
    1.0
}

fn is_one(temperature: &f64) -> bool {
    *temperature == 1.0
}

/// The form in the file: the version first.
#[derive(Serialize)]
struct Written<'a> {
    format_version: u32,
    #[serde(flatten)]
    about: &'a About,
}

/// The part that every version has.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl About {
    /// A description of a classifier.
    ///
    /// # Errors
    /// [`Error::NotAModel`] where `preprocessing` has no JSON form, or the number of names is not the number of
    /// classes.
    pub fn new(
        architecture: &str,
        arguments: Arguments,
        classes: impl IntoIterator<Item = impl Into<String>>,
        preprocessing: impl Serialize,
    ) -> Result<Self> {
        let about = Self {
            architecture: architecture.to_owned(),
            arguments,
            classes: classes.into_iter().map(Into::into).collect(),
            preprocessing: to_value(preprocessing)?,
            task: Task::default(),
            temperature: 1.0,
            training: Value::Null,
        };
        about.check()?;
        Ok(about)
    }

    /// The same with a summary of the training.
    ///
    /// # Errors
    /// [`Error::NotAModel`] where `training` has no JSON form.
    pub fn with_training(self, training: impl Serialize) -> Result<Self> {
        Ok(Self { training: to_value(training)?, ..self })
    }

    /// The same with a temperature.
    ///
    /// # Errors
    /// [`Error::NotAModel`] where it is not a number above 0.
    pub fn with_temperature(self, temperature: f64) -> Result<Self> {
        let about = Self { temperature, ..self };
        about.check()?;
        Ok(about)
    }

    /// The preprocessing in the caller's own type.
    ///
    /// # Errors
    /// [`Error::NotAModel`] where it is not of that type.
    pub fn preprocessing_as<P: DeserializeOwned>(&self) -> Result<P> {
        P::deserialize(&self.preprocessing).map_err(|error| {
            Error::not_a_model(format!("its preprocessing is not what this program knows: {error}"))
        })
    }

    /// The JSON of the metadata.
    pub(crate) fn to_json(&self) -> Result<String> {
        self.check()?;
        serde_json::to_string(&Written { format_version: FORMAT_VERSION, about: self }).map_err(no_json)
    }

    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let damaged = |error| Error::not_a_model(format!("its metadata cannot be read: {error}"));
        let Version { format_version } = serde_json::from_str(text).map_err(damaged)?;
        if !(1..=FORMAT_VERSION).contains(&format_version) {
            return Err(Error::not_a_model(format!(
                "it is of format version {format_version}, this program reads 1 to {FORMAT_VERSION}: use a newer one"
            )));
        }
        let about: Self = serde_json::from_str(text).map_err(damaged)?;
        about.check()?;
        Ok(about)
    }

    fn check(&self) -> Result<()> {
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Err(Error::not_a_model(format!(
                "its temperature is {}, expected a number above 0",
                self.temperature
            )));
        }
        let (names, classes) = (self.classes.len(), self.arguments.classes);
        if names == classes {
            return Ok(());
        }
        Err(Error::not_a_model(format!("it names {names} classes, its network has {classes} outputs")))
    }
}

fn to_value(value: impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(no_json)
}

fn no_json(error: serde_json::Error) -> Error {
    Error::not_a_model(format!("what should go into its metadata has no JSON form: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        let arguments = Arguments { classes: 2, ..Arguments::MNIST };
        About::new("lenet5", arguments, ["no", "yes"], serde_json::json!({"mean": [0.1307]})).unwrap()
    }

    #[test]
    fn it_survives_its_json_and_the_version_stands_first() {
        let about = about().with_training(serde_json::json!({"epochs": 3})).unwrap();
        let text = about.to_json().unwrap();
        assert!(text.starts_with(r#"{"format_version":1,"architecture":"lenet5","#), "{text}");
        assert_eq!(About::from_json(&text).unwrap(), about);
    }

    #[test]
    fn the_preprocessing_comes_back_in_the_callers_type() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Preprocessing {
            mean: Vec<f64>,
        }
        assert_eq!(
            about().preprocessing_as::<Preprocessing>().unwrap(),
            Preprocessing { mean: vec![0.1307] }
        );
        let message = about().preprocessing_as::<Vec<f64>>().unwrap_err().to_string();
        assert!(message.contains("preprocessing"), "{message}");
    }

    #[test]
    fn a_newer_version_damaged_json_and_a_wrong_number_of_names_are_refused() {
        let text = about().to_json().unwrap();
        for (damaged, expected) in [
            (text.replace(":1,", ":2,"), "format version 2"),
            (text.replace("format_version", "version"), "format_version"),
            (text.replace("\"classes\":2", "\"classes\":3"), "names 2 classes, its network has 3 outputs"),
            (text[..text.len() / 2].to_owned(), "cannot be read"),
        ] {
            let message = About::from_json(&damaged).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
