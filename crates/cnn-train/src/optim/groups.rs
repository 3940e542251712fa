//! [`Groups`]: learning rates and weight decays of their own for some parameters, chosen by name.

use std::collections::BTreeMap;

use cnn_layers::{Layer, named_parameters, parameters_named};
use serde::{Deserialize, Serialize};

use super::method::check_from_zero;
use crate::{Error, Result};

/// Parameters that are treated alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Group {
    /// Which ones: the path of a parameter or of a layer, `*` for any characters and `?` for one, as
    /// [`cnn_layers::freeze`] reads it.
    pub parameters: String,
    /// What the learning rate is multiplied by.
    #[serde(default = "one")]
    pub learning_rate: f64,
    /// Their weight decay; without it the optimiser's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

fn one() -> f64 {
    1.0
}

/// Groups of parameters; the first one that names a parameter has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    /// In order.
    pub groups: Vec<Group>,
    /// What the learning rate is multiplied by for each block of the network before the last: 1 for all the same, 0.75
    /// to train the early layers of a pretrained network gently (Clark et al., arXiv:2003.10555). A block is a member
    /// of the model, or of one of its lists: `conv1`, `layer1.0`, `fc`.
    pub layer_decay: f64,
}

impl Default for Groups {
    fn default() -> Self {
        Self { groups: Vec::new(), layer_decay: 1.0 }
    }
}

impl Groups {
    /// Whether all parameters are treated alike.
    pub fn is_trivial(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the one that does not.
    pub fn check(&self) -> Result<()> {
        for group in &self.groups {
            check_from_zero("groups.learning-rate", group.learning_rate)?;
            check_from_zero("groups.weight-decay", group.weight_decay.unwrap_or(0.0))?;
        }
        if !(self.layer_decay > 0.0 && self.layer_decay <= 1.0) {
            return Err(Error::argument("layer-decay", self.layer_decay, "above 0 and at most 1"));
        }
        Ok(())
    }

    /// What the groups mean for the parameters of a model.
    pub(super) fn place(&self, model: &dyn Layer) -> Result<Placed> {
        let mut placed = BTreeMap::new();
        if self.is_trivial() {
            return Ok(Placed(placed));
        }
        let paths: Vec<String> = named_parameters(model).into_iter().map(|(path, _)| path).collect();
        let mut blocks: Vec<&str> = Vec::new();
        for path in &paths {
            if !blocks.contains(&block(path)) {
                blocks.push(block(path));
            }
        }
        for path in &paths {
            let after = blocks.iter().rev().position(|&other| other == block(path)).unwrap_or(0);
            placed.insert(path.clone(), (self.layer_decay.powf(after as f64), None));
        }
        // From the last to the first, so that the first has the last word.
        let mut own = BTreeMap::new();
        for group in self.groups.iter().rev() {
            for path in parameters_named(model, &group.parameters)? {
                own.insert(path, group);
            }
        }
        for (path, group) in own {
            if let Some((factor, weight_decay)) = placed.get_mut(&path) {
                *factor *= group.learning_rate;
                *weight_decay = group.weight_decay;
            }
        }
        Ok(Placed(placed))
    }
}

/// The block of a parameter's path: its first segment, with the number that follows where it is a list.
fn block(path: &str) -> &str {
    let mut ends = path.match_indices('.').map(|(end, _)| end);
    let Some(first) = ends.next() else { return path };
    let rest = &path[first + 1..];
    let second = rest.split('.').next().unwrap_or("");
    match !second.is_empty() && second.bytes().all(|byte| byte.is_ascii_digit()) {
        true => &path[..first + 1 + second.len()],
        false => &path[..first],
    }
}

/// Factor of the learning rate and weight decay by path; what is not there is treated as ever.
#[derive(Debug, Clone)]
pub(super) struct Placed(BTreeMap<String, (f64, Option<f64>)>);

impl Placed {
    pub(super) fn of(&self, path: &str) -> (f64, Option<f64>) {
        self.0.get(path).copied().unwrap_or((1.0, None))
    }
}

#[cfg(test)]
mod tests {
    use cnn_layers::{Conv2d, Dense, Flatten, Key, Sequential};

    use super::*;

    #[test]
    fn a_block_is_a_member_or_a_member_of_a_list() {
        for (path, expected) in [
            ("fc.weight", "fc"),
            ("layer1.0.conv1.weight", "layer1.0"),
            ("layer1.10.bias", "layer1.10"),
            ("stem.conv.weight", "stem"),
            ("0.weight", "0"),
            ("weight", "weight"),
        ] {
            assert_eq!(block(path), expected);
        }
    }

    #[test]
    fn the_first_group_that_names_a_parameter_has_it_and_early_layers_are_slow() {
        let key = Key::new(1);
        let net = Sequential::new().then(Conv2d::new(1, 2, 3, key).unwrap()).then(Flatten);
        let net = net.then(Dense::new(2, 3, key).unwrap());
        let group = |parameters: &str, learning_rate, weight_decay| Group {
            parameters: parameters.into(),
            learning_rate,
            weight_decay,
        };
        let groups = Groups {
            groups: vec![group("0.bias", 3.0, None), group("*.bias", 2.0, Some(0.0))],
            layer_decay: 0.5,
        };
        let placed = groups.place(&net).unwrap();
        let met = ["0.weight", "0.bias", "2.weight", "2.bias", "other"].map(|path| placed.of(path));
        assert_eq!(met, [(0.5, None), (1.5, None), (1.0, None), (2.0, Some(0.0)), (1.0, None)]);
        let unknown = Groups { groups: vec![group("head", 1.0, None)], layer_decay: 1.0 };
        let text = unknown.place(&net).unwrap_err().to_string();
        assert!(text.contains("head") && text.contains("0.weight"), "{text}");
    }

    #[test]
    fn numbers_without_meaning_are_refused() {
        let group = Group { parameters: "a".into(), learning_rate: -1.0, weight_decay: None };
        let decayed = Group { learning_rate: 1.0, weight_decay: Some(f64::NAN), ..group.clone() };
        for groups in [
            Groups { groups: vec![group], layer_decay: 1.0 },
            Groups { groups: vec![decayed], layer_decay: 1.0 },
            Groups { groups: vec![], layer_decay: 0.0 },
            Groups { groups: vec![], layer_decay: f64::NAN },
        ] {
            assert!(matches!(groups.check(), Err(Error::Argument { .. })));
        }
    }
}
