//! Which parameters train, by patterns of their names.

use std::collections::BTreeSet;

use cnn_autograd::Trainable;

use crate::visit::{named_parameters, set_trainable};
use crate::{Error, Layer, Result};

/// Freezes the parameters that a pattern names; how many they are. What is frozen already stays so.
///
/// A pattern is the path of a parameter or of a layer, which stands for all its parameters; `*` stands for any
/// characters, dots included, and `?` for one. So `conv1`, `layer1`, `layer?.0.*weight`, `*.bias`.
///
/// A batch norm whose scale and shift are frozen is frozen as a whole: in train mode too it normalises by its running
/// statistics and leaves them alone, as `trainable = False` does in Keras. [`BatchNorm2d::freeze`](crate::BatchNorm2d::freeze)
/// freezes the statistics alone.
///
/// ```
/// use cnn_layers::{Conv2d, Dense, Flatten, Key, Result, Sequential, freeze};
/// # fn main() -> Result<()> {
/// let key = Key::new(1);
/// let mut net = Sequential::new().then(Conv2d::new(3, 8, 3, key)?).then(Flatten).then(Dense::new(8, 2, key)?);
/// assert_eq!(freeze(&mut net, &["0"])?, 2);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::NoParameter`] for a pattern that names nothing; the model is then unchanged.
pub fn freeze(model: &mut dyn Layer, patterns: &[&str]) -> Result<usize> {
    change(model, patterns, Trainable::No)
}

/// [`freeze`], the other way: the parameters that a pattern names train again.
///
/// # Errors
/// As [`freeze`].
pub fn unfreeze(model: &mut dyn Layer, patterns: &[&str]) -> Result<usize> {
    change(model, patterns, Trainable::Yes)
}

fn change(model: &mut dyn Layer, patterns: &[&str], trainable: Trainable) -> Result<usize> {
    let mut chosen = BTreeSet::new();
    for pattern in patterns {
        chosen.extend(parameters_named(model, pattern)?);
    }
    Ok(set_trainable(model, trainable, |name| chosen.contains(name)))
}

/// The paths of the parameters that a pattern names, as [`freeze`] reads it, in the order of the model's fields.
///
/// # Errors
/// [`Error::NoParameter`] for a pattern that names nothing.
pub fn parameters_named(model: &dyn Layer, pattern: &str) -> Result<Vec<String>> {
    let names: Vec<String> = named_parameters(model).into_iter().map(|(name, _)| name).collect();
    let found: Vec<String> = names.iter().filter(|name| names_parameter(pattern, name)).cloned().collect();
    if found.is_empty() {
        return Err(Error::NoParameter { pattern: pattern.to_owned(), names });
    }
    Ok(found)
}

/// Whether the pattern fits the name, or a layer that the parameter belongs to.
fn names_parameter(pattern: &str, name: &str) -> bool {
    let layers = name.match_indices('.').map(|(end, _)| &name[..end]);
    layers.chain([name]).any(|path| fits(pattern, path))
}

/// Whether a pattern with `*` and `?` fits the whole text. Where a `*` took too little, it takes one more: only the
/// last one is ever gone back to, so the work is at most the product of the lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_paths() {
        for (pattern, text, expected) in [
            ("conv1", "conv1", true),
            ("conv1", "conv10", false),
            ("conv?", "conv1", true),
            ("conv?", "conv", false),
            ("*", "", true),
            ("*weight", "layer1.0.weight", true),
            ("layer*.0.*weight", "layer2.0.conv1.weight", true),
            ("a*b*c", "a.b.b.c", true),
            ("a*b*c", "a.b.b", false),
            ("**x", "abx", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_layer_stands_for_its_parameters() {
        assert!(names_parameter("layer1", "layer1.0.conv1.weight"));
        assert!(names_parameter("layer1.?", "layer1.0.conv1.weight"));
        assert!(!names_parameter("layer", "layer1.0.conv1.weight"));
        assert!(names_parameter("*.bias", "layer1.0.conv1.bias"));
    }
}
