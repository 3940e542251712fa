//! `cargo xtask download NAME..`: `cnn data download` in release mode, into this checkout's `data/`.
//!
//! Every argument is passed on, so that `cnn` alone decides what they mean; `--data-dir` is added where it is not
//! given, so that `cargo xtask train-mnist` and `cnn` in the checkout find what was fetched.

use std::path::Path;

use crate::Outcome;
use crate::cargo::{cnn, root};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    cnn(&download_arguments(&root(), std::env::current_dir().ok().as_deref(), arguments))
}

fn download_arguments(root: &Path, here: Option<&Path>, arguments: &[String]) -> Vec<String> {
    let mut all = vec!["data".to_owned(), "download".to_owned()];
    let given = |argument: &String| argument == "--data-dir" || argument.starts_with("--data-dir=");
    if !arguments.iter().any(given) {
        let data =
            if here == Some(root) { "data".to_owned() } else { root.join("data").display().to_string() };
        all.extend(["--data-dir".to_owned(), data]);
    }
    all.extend_from_slice(arguments);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(Into::into).collect()
    }

    #[test]
    fn data_sets_go_to_the_checkout_unless_a_folder_is_given() {
        let (root, other) = (Path::new("/checkout"), Path::new("/elsewhere"));
        for (here, given, expected) in [
            (root, "mnist", "data download --data-dir data mnist"),
            (other, "mnist --mirror /m", "data download --data-dir /checkout/data mnist --mirror /m"),
            (root, "kmnist --data-dir d", "data download kmnist --data-dir d"),
            (root, "kmnist --data-dir=d", "data download kmnist --data-dir=d"),
        ] {
            assert_eq!(download_arguments(root, Some(here), &words(given)), words(expected));
        }
    }
}
