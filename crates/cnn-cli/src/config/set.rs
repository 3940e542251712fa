//! `--set training.epochs=3`: any key of the configuration from the command line.

use toml::{Table, Value};

use super::Config;
use super::file::with_hint;
use crate::failure::{Failure, Outcome};

/// The configuration with each assignment carried out, in order.
pub(super) fn apply(config: Config, assignments: &[String]) -> Outcome<Config> {
    if assignments.is_empty() {
        return Ok(config);
    }
    let no_table = |error: &dyn std::fmt::Display| Failure::failed(format!("the configuration: {error}"));
    let mut table = Table::try_from(&config).map_err(|error| no_table(&error))?;
    for assignment in assignments {
        merge(&mut table, parse(assignment)?);
    }
    let all = assignments.join(" --set ");
    table.try_into().map_err(|error: toml::de::Error| {
        Failure::Usage(format!("--set {all}: {}", with_hint(error.message())))
    })
}

/// `a.b=value` as nested tables. A value that is no TOML is taken as a text, so that names need no quotes.
fn parse(assignment: &str) -> Outcome<Table> {
    let wrong = || Failure::Usage(format!("--set {assignment}: expected KEY=VALUE, training.epochs=3 say"));
    let (key, value) = assignment.split_once('=').ok_or_else(wrong)?;
    let text = Value::String(value.trim().to_string());
    toml::from_str(assignment).or_else(|_| toml::from_str(&format!("{key} = {text}"))).map_err(|_| wrong())
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if !is_another(old, &new) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Whether a table names another optimiser or schedule, to which the arguments of the old one mean nothing.
fn is_another(old: &Table, new: &Table) -> bool {
    new.get("kind").is_some_and(|kind| old.get("kind") != Some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(assignments: &[&str]) -> Outcome<Config> {
        let assignments: Vec<String> = assignments.iter().map(ToString::to_string).collect();
        apply(Config::default(), &assignments)
    }

    #[test]
    fn any_key_can_be_set_and_names_need_no_quotes() {
        let config =
            set(&["training.epochs=3", "model.name=mnist-cnn", "input.size=[8, 9]", "augment=[]"]).unwrap();
        assert_eq!((config.training.epochs, config.model.name.as_str()), (3, "mnist-cnn"));
        assert_eq!(config.input.size, Some([8, 9]));
    }

    #[test]
    fn another_optimiser_does_not_inherit_arguments() {
        let adam = set(&["optimizer.beta1=0.8"]).unwrap();
        assert_ne!(adam, Config::default());
        let sgd = set(&["optimizer.beta1=0.8", "optimizer.kind=sgd", "optimizer.momentum=0.9"]).unwrap();
        assert!(sgd.to_toml().unwrap().contains("momentum = 0.9"));
    }

    #[test]
    fn wrong_assignments_are_wrong_usage() {
        for (assignment, told) in [
            ("epochs", "expected KEY=VALUE"),
            ("training.epoch=3", "did you mean `epochs`?"),
            ("training.epochs=many", "invalid type"),
            ("optimizer.kind=sdg", "did you mean `sgd`?"),
        ] {
            match set(&[assignment]) {
                Err(Failure::Usage(message)) => assert!(message.contains(told), "{assignment}: {message}"),
                other => panic!("{assignment}: {other:?}"),
            }
        }
    }
}
