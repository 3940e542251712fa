//! Definitions, wrong usage, and what is suggested instead.

use clap::CommandFactory;

use super::*;

fn wrong_usage(line: &str) -> String {
    let words = std::iter::once("cnn").chain(line.split_whitespace());
    let error = Cli::try_parse_from(words).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn numbers_without_meaning_are_refused_with_what_is_expected() {
    for (line, expected) in [
        ("train --batch-size 0", "expected a whole number, 1 or more"),
        ("train --epochs -1", "unexpected argument"),
        ("train --lr nan", "expected a number above 0"),
        ("train --lr -0.1", "expected a number above 0"),
        ("train --lr inf", "expected a number above 0"),
        ("train --threads 0", "expected a whole number, 1 or more"),
        ("summary lenet5 --input 28x28", "expected height, width and channels"),
    ] {
        let message = wrong_usage(line);
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn misspelt_names_get_a_suggestion() {
    for (line, meant) in [
        ("trian", "train"),
        ("train --epoch 3", "--epochs"),
        ("train --model lenet", "lenet5"),
        ("predict a.safetensors b.png --format jsn", "json"),
    ] {
        let message = wrong_usage(line);
        assert!(message.contains(meant), "{line}: {message}");
    }
}
