//! Reading a configuration file, and saying what is wrong with it: the file, the line, the nearest right word.

use std::path::Path;

use super::Config;
use crate::failure::{Failure, Outcome};

/// Longest configuration file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// What numbers that count something are.
const WHOLE: &str = "a whole number, 0 or more";

/// Words this alike, of 1 for equal, are taken for each other.
const ALIKE: f64 = 0.6;

pub(super) fn read(path: &Path) -> Outcome<Config> {
    let io = |error: std::io::Error| Failure::io("read the configuration", path, &error);
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MOST_BYTES {
        let problem = format!("{}: {size} bytes, a configuration has at most {MOST_BYTES}", path.display());
        return Err(Failure::Failed(problem));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    toml::from_str(&text).map_err(|error| Failure::Failed(explain(path, &text, &error)))
}

fn explain(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let place = match error.span() {
        Some(span) => {
            let line = text.get(..span.start).unwrap_or(text).matches('\n').count() + 1;
            format!("{}:{line}", path.display())
        }
        None => path.display().to_string(),
    };
    format!("{place}: {}", with_hint(error.message()))
}

/// A message of the parser without the names of types, and the word that was probably meant where it is about an
/// unknown one.
pub(super) fn with_hint(message: &str) -> String {
    let mut message = message.to_owned();
    for (of_rust, plain) in [("usize", WHOLE), ("u64", WHOLE), ("f64", "a number")] {
        if let Some(start) = message.strip_suffix(&format!("expected {of_rust}")) {
            message = format!("{start}expected {plain}");
        }
    }
    let message = message.as_str();
    match unknown_word(message).and_then(|(word, known)| nearest(word, &known)) {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message.to_string(),
    }
}

/// The word that serde does not know and those that it does, from its message
/// "unknown field `x`, expected one of `a`, `b`".
fn unknown_word(message: &str) -> Option<(&str, Vec<&str>)> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let alike = |candidate: &str| strsim::normalized_damerau_levenshtein(&plain(word), &plain(candidate));
    let best =
        known.iter().map(|candidate| (alike(candidate), *candidate)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|&(likeness, _)| likeness >= ALIKE).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let failure = read(&path).unwrap_err();
        failure.message().unwrap().replace(&path.display().to_string(), "c.toml")
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
        let told = message("[training]\nepochs = 3\nbatch_size = 8\n");
        assert!(told.starts_with("c.toml:3: unknown field `batch_size`"), "{told}");
        assert!(told.ends_with("did you mean `batch-size`?"), "{told}");
        let told = message("[trainnig]\nepochs = 3\n");
        assert!(told.starts_with("c.toml:1: ") && told.ends_with("did you mean `training`?"), "{told}");
    }

    #[test]
    fn a_value_of_another_kind_is_told_without_the_name_of_a_type() {
        for (text, told) in [
            (
                "[training]\nepochs = \"x\"\n",
                "c.toml:2: invalid type: string \"x\", expected a whole number, 0 or more",
            ),
            ("[training]\nseed = -1\n", "expected a whole number, 0 or more"),
            ("[training]\nlearning-rate = \"x\"\n", "expected a number"),
        ] {
            let met = message(text);
            assert!(met.ends_with(told), "{met}");
        }
    }

    #[test]
    fn a_word_far_from_all_gets_the_list_alone() {
        let told = message("[training]\ncolour = 1\n");
        assert!(told.contains("expected one of") && !told.contains("did you mean"), "{told}");
    }

    #[test]
    fn an_unknown_optimiser_schedule_or_augmentation_is_told_with_the_known_ones() {
        for (text, meant) in [
            ("[optimizer]\nkind = \"sdg\"\n", "`sgd`"),
            ("[schedule]\nkind = \"one_cycle\"\n", "`one-cycle`"),
            ("[[augment]]\nkind = \"random-afine\"\n", "`random-affine`"),
            ("[optimizer]\nkind = \"sgd\"\nmomentun = 0.9\n", "`momentum`"),
        ] {
            let told = message(text);
            assert!(told.ends_with(&format!("did you mean {meant}?")), "{told}");
        }
    }

    #[test]
    fn a_file_that_is_absent_or_no_toml_is_told_by_its_name() {
        let absent = read(Path::new("/no/such/c.toml")).unwrap_err();
        assert!(absent.message().unwrap().starts_with("cannot read the configuration /no/such/c.toml: "));
        assert!(message("epochs == 3").starts_with("c.toml:1: "));
    }
}
