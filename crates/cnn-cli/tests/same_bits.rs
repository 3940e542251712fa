//! The same seed gives the same bits of the final weights, whatever the number of threads.

mod common;

use common::{cnn_in, read_json, root, small_mnist};
use serde_json::Value;

/// The default recipe, shortened: augmentation, batch norm and the one-cycle schedule take part.
fn weights(folder: &std::path::Path, threads: usize, seed: u64) -> Value {
    let recipe = root().join("configs/mnist.toml");
    let out = format!("threads-{threads}-seed-{seed}");
    let line = format!(
        "train --config {} --data idx:small --set data.validation=100 --epochs 1 --batch-size 64 --seed {seed} \
         --threads {threads} --out {out}",
        recipe.display()
    );
    cnn_in(folder, &line).good();
    let result = read_json(&folder.join(out).join("result.json"));
    assert_eq!(result["threads"], threads);
    result["weights_sha256"].clone()
}

#[test]
fn one_two_and_three_threads_end_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    small_mnist(folder.path(), 500, 20);
    let one = weights(folder.path(), 1, 1);
    assert_eq!(one, weights(folder.path(), 2, 1));
    assert_eq!(one, weights(folder.path(), 3, 1));
    assert_ne!(one, weights(folder.path(), 1, 2), "another seed gave the same weights");
}
