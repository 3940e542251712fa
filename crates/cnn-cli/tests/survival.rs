//! A run that is killed at any instant and resumed ends with the same bits as one that nobody disturbed.
//!
//! Three moments in the short suite, thirty with CNN_SLOW_TESTS=1. Every third is not at random but while a checkpoint is
//! being written: while its temporary file is there.

mod common;
#[path = "../../cnn-train/tests/runs/event_file.rs"]
mod event_file;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{cnn_in, read_json};

/// Everything that a checkpoint has to hold; a checkpoint after every step, so that a kill meets many.
const CONFIG: &str = r#"
[data]
source = "pictures"
validation = 0.2
[model]
name = "mnist-cnn"
[training]
epochs = 3
batch-size = 4
learning-rate = 0.01
label-smoothing = 0.1
seed = 5
accumulate = 2
clip-norm = 1.0
ema-decay = 0.9
checkpoint-seconds = 0
class-weights = [1.0, 2.0, 1.5]
best-by = "balanced-accuracy"
[optimizer]
kind = "sgd"
momentum = 0.9
[lookahead]
steps = 3
[schedule]
kind = "warmup"
length = 0.5
then = { kind = "plateau", patience = 0, factor = 0.5 }
[[augment]]
kind = "random-affine"
degrees = 5.0
[[mix]]
kind = "mix-up"
alpha = 0.4
[[mix]]
kind = "cut-mix"
[[freeze]]
layers = "conv1"
epochs = 1
"#;

/// Numbers that look random and are the same each time.
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
}

/// Pictures of three classes, noise with a bright third.
fn write_pictures(folder: &Path) {
    let mut lot = Lot(7);
    for (part, count) in [("train", 20), ("test", 4)] {
        for class in 0..3u32 {
            let of_class = folder.join("pictures").join(part).join(format!("class-{class}"));
            std::fs::create_dir_all(&of_class).unwrap();
            for number in 0..count {
                let picture = image::GrayImage::from_fn(16, 16, |_, y| {
                    image::Luma([(lot.next() % 140) as u8 + if y * 3 / 16 == class { 100 } else { 0 }])
                });
                picture.save(of_class.join(format!("{number}.png"))).unwrap();
            }
        }
    }
    std::fs::write(folder.join("run.toml"), CONFIG).unwrap();
}

fn start(folder: &Path, arguments: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnn"));
    command.args(arguments.split_whitespace()).current_dir(folder).env("HOME", folder).env_remove("CNN_DATA");
    command.env_remove("CNN_THREADS").stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// What a run leaves that must not depend on how often it was disturbed.
#[derive(Debug, PartialEq)]
struct Left {
    weights: String,
    /// The rows of the metrics, without their times.
    metrics: Vec<String>,
    /// TensorBoard's numbers, without the speeds.
    events: Vec<(u64, String, u32)>,
    evaluation: String,
}

fn outcome(run: &Path) -> Left {
    let result = read_json(&run.join("result.json"));
    let metrics = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    let figures = |row: &str| row.split(',').take(8).collect::<Vec<_>>().join(",");
    let text = |key: &str| result[key].to_string();
    Left {
        weights: text("weights_sha256"),
        metrics: metrics.lines().map(figures).collect(),
        events: event_file::figures(run),
        evaluation: ["test", "scores", "best_epoch", "validation", "epochs"].map(text).join(" ")
            + &std::fs::read_to_string(run.join("predictions.csv")).unwrap(),
    }
}

fn is_writing(run: &Path) -> bool {
    let entries = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".last.safetensors.tmp"))
}

/// Kills the process after a time, or once from then on a checkpoint is being written; whether it was still there.
fn kill(mut child: Child, after: Duration, while_writing: Option<&Path>) -> bool {
    let begin = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if begin.elapsed() >= after && while_writing.is_none_or(is_writing) {
            // SIGKILL, which nothing can be done against.
            child.kill().unwrap();
            let status = child.wait().unwrap();
            return !status.success();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_run_killed_at_any_instant_and_resumed_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_pictures(here);
    let begin = Instant::now();
    cnn_in(here, "train --config run.toml --out whole --threads 1").good();
    let length = begin.elapsed();
    let expected = outcome(&here.join("whole"));
    assert_eq!(expected.metrics.len(), 4, "{:?}", expected.metrics);
    let batches: Vec<u64> =
        expected.events.iter().filter(|event| event.1 == "batch/loss").map(|event| event.0).collect();
    assert_eq!(batches, [10, 20, 30]);

    let moments = if std::env::var_os("CNN_SLOW_TESTS").is_some() { 30 } else { 3 };
    let (mut lot, mut killed, mut while_writing) = (Lot(11), 0, 0);
    for moment in 0..moments {
        let (name, threads) = (format!("killed-{moment}"), 1 + moment % 2);
        let run = here.join(&name);
        let mut line = format!("train --config run.toml --out {name} --threads {threads}");
        // One kill in each run, and in every fourth another one after it was resumed.
        for disturbance in 0..1 + usize::from(moment % 4 == 1) {
            let writing = moment % 3 == 2;
            let after = length.mul_f64((lot.next() % 1000) as f64 / 1000.0 * if writing { 0.5 } else { 0.9 });
            let was_killed = kill(start(here, &line), after, writing.then_some(run.as_path()));
            killed += usize::from(was_killed);
            while_writing += usize::from(was_killed && writing);
            if run.join("config.toml").exists() {
                line = format!("train --resume {name} --threads {}", 1 + (moment + disturbance + 1) % 2);
            } else if run.exists() {
                std::fs::remove_dir_all(&run).unwrap();
            }
        }
        if !run.join("result.json").exists() || read_json(&run.join("result.json"))["test"].is_null() {
            cnn_in(here, &line).good();
        }
        assert_eq!(outcome(&run), expected, "moment {moment}");
    }
    assert!(killed * 2 > moments, "only {killed} of {moments} runs were killed before they ended");
    assert!(while_writing > 0, "no run was killed while it wrote a checkpoint");
}

#[cfg(unix)]
#[test]
fn a_request_to_terminate_saves_and_the_run_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_pictures(here);
    cnn_in(here, "train --config run.toml --out whole --threads 2").good();
    let mut child = start(here, "train --config run.toml --out stopped --threads 2");
    let last = here.join("stopped/checkpoints/last.safetensors");
    while !last.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was asked to");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!here.join("stopped/best.safetensors").exists(), "an untrained network is no model to use");
    let ran = cnn_in(here, "train --resume stopped --threads 1").good();
    assert!(
        ran.stderr.contains("goes on after batch ") && ran.stderr.contains("1 thread instead of 2"),
        "{}",
        ran.stderr
    );
    assert_eq!(outcome(&here.join("stopped")), outcome(&here.join("whole")));

    // Finished: it says so, and may be made longer.
    cnn_in(here, "train --resume stopped").bad(1, &["is finished", "raise --epochs"]);
    cnn_in(here, "train --resume stopped --epochs 2").bad(1, &["may have more, not fewer"]);
    let longer = cnn_in(here, "train --resume stopped --epochs 4").good();
    assert!(longer.stderr.contains("epochs raised from 3 to 4"), "{}", longer.stderr);
    assert_eq!(read_json(&here.join("stopped/result.json"))["epochs"], 4);
}

#[test]
fn what_is_no_run_cannot_go_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    cnn_in(folder.path(), "train --resume empty").bad(1, &["no config.toml", "empty"]);
    cnn_in(folder.path(), "train --resume absent").bad(1, &["absent"]);
    let both = cnn_in(folder.path(), "train --resume empty --seed 3");
    assert_eq!(both.code, 2, "{}", both.stderr);
}
