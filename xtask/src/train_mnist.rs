//! `cargo xtask train-mnist`: the `cnn` binary in release mode, on the recipe of `configs/`.
//!
//! Every argument but `--quick` is passed on, so that `cnn train` alone decides what they mean. Data and
//! recipe are those of this checkout, and runs are kept in its `runs/`, whatever folder one stands in.

use std::path::Path;

use crate::Outcome;
use crate::cargo::{cnn, root};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let root = root();
    cnn(&train_arguments(&root, std::env::current_dir().ok().as_deref(), arguments))
}

fn train_arguments(root: &Path, here: Option<&Path>, arguments: &[String]) -> Vec<String> {
    let recipe = if arguments.iter().any(|argument| argument == "--quick") { "mnist-quick" } else { "mnist" };
    // Paths are written as short as they can be, since `cnn` prints them.
    let shown = |path: &str| match here {
        Some(here) if here == root => path.to_string(),
        _ => root.join(path).display().to_string(),
    };
    let mut all = vec![
        "train".into(),
        "--config".into(),
        shown(&format!("configs/{recipe}.toml")),
        "--data-dir".into(),
        shown("data"),
        "--runs".into(),
        shown("runs"),
    ];
    all.extend(arguments.iter().filter(|argument| *argument != "--quick").cloned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(Into::into).collect()
    }

    #[test]
    fn at_the_root_paths_are_short_and_arguments_are_passed_on() {
        let root = Path::new("/checkout");
        assert_eq!(
            train_arguments(root, Some(root), &words("--seed 2 --threads 1")),
            words("train --config configs/mnist.toml --data-dir data --runs runs --seed 2 --threads 1")
        );
    }

    #[test]
    fn elsewhere_paths_lead_to_the_checkout_and_quick_names_its_recipe() {
        assert_eq!(
            train_arguments(
                Path::new("/checkout"),
                Some(Path::new("/checkout/docs")),
                &words("--quick --out a")
            ),
            words(
                "train --config /checkout/configs/mnist-quick.toml --data-dir /checkout/data \
                 --runs /checkout/runs --out a"
            )
        );
    }
}
