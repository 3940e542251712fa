//! Words that nobody knows, and numbers without meaning.

use crate::common::{cnn_in, small_mnist};

#[test]
fn misspelt_commands_flags_and_names_exit_with_2_and_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    for (line, words) in [
        ("trian --data mnist", ["train", "Usage"]),
        ("train --epoch 3", ["--epochs", "Usage"]),
        ("train --model lenet", ["lenet5", "mnist-cnn"]),
        ("train --data mnsit --model lenet5", ["did you mean mnist", "unknown data set"]),
        ("summary lenet", ["did you mean lenet5", "mnist-cnn"]),
        ("train --set training.epoch=2", ["did you mean `epochs`", "training.epoch"]),
        ("predict a.safetensors", ["IMAGE", "required"]),
        ("eval a.safetensors", ["--data", "required"]),
    ] {
        cnn_in(folder.path(), line).bad(2, &words);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a mistake left files behind");
}

#[test]
fn numbers_without_meaning_exit_with_2_and_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    for (line, flag) in [
        ("train --batch-size 0", "--batch-size"),
        ("train --lr nan", "--lr"),
        ("train --lr 0", "--lr"),
        ("train --epochs 0", "--epochs"),
        ("train --threads 0", "--threads"),
        ("predict a.safetensors b.png --top 0", "--top"),
    ] {
        cnn_in(folder.path(), line).bad(2, &[flag, "expected"]);
    }
}

#[test]
fn a_configuration_with_an_unknown_key_or_a_number_without_meaning_is_told_by_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("[training]\nepochs = 3\nbatch_size = 8\n", ["c.toml:3", "did you mean `batch-size`"]),
        ("[optimiser]\nkind = \"sgd\"\n", ["c.toml:1", "did you mean `optimizer`"]),
        ("[schedule]\nkind = \"onecycle\"\n", ["c.toml", "did you mean `one-cycle`"]),
        ("[training]\nbatch-size = 0\n", ["training.batch-size", "1 or more"]),
        ("[training]\nlearning-rate = nan\n", ["training.learning-rate", "above 0"]),
        ("[training\n", ["c.toml:1", "]"]),
    ] {
        std::fs::write(folder.path().join("c.toml"), text).unwrap();
        cnn_in(folder.path(), "train --config c.toml").bad(1, &words);
    }
    cnn_in(folder.path(), "train --config no.toml").bad(1, &["no.toml", "cannot read"]);
}

#[test]
fn an_unknown_model_in_a_configuration_gets_a_suggestion_and_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    small_mnist(folder.path(), 100, 10);
    std::fs::write(folder.path().join("c.toml"), "[model]\nname = \"lenet6\"\n").unwrap();
    let line = "train --config c.toml --data idx:small --out a";
    cnn_in(folder.path(), line).bad(2, &["lenet6", "did you mean lenet5"]);
    assert!(!folder.path().join("a").exists());
}

#[test]
fn an_instruction_set_or_number_of_threads_that_the_machine_has_not_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, value: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cnn"));
        let command =
            command.args(["predict", "a.safetensors", "b.png"]).current_dir(folder.path()).env(name, value);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(with("CNN_ISA", "mmx").contains("CNN_ISA=mmx"));
    assert!(with("CNN_THREADS", "many").contains("CNN_THREADS=many"));
}

#[test]
fn a_whole_terminal_is_refused_where_there_is_none_before_a_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    small_mnist(folder.path(), 100, 20);
    let told = if cfg!(feature = "tui") { "is for a terminal" } else { "--features tui" };
    cnn_in(folder.path(), "train --data idx:small --out run --tui").bad(2, &["--tui", told]);
    assert!(!folder.path().join("run").exists());
}
