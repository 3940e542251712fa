//! What standard error gets with each flag, and what is in the log of a run.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{cnn_in, root, small_mnist};
use serde_json::Value;

const TRAIN: &str = "train --data idx:small --model mnist-cnn --epochs 2 --batch-size 16 --threads 1";

/// The keys of each event, as the guide lists them between back quotes.
fn documented() -> BTreeMap<String, Vec<String>> {
    let guide = std::fs::read_to_string(root().join("docs/guide/console.md")).unwrap();
    let table = guide.split("| event | when | keys |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        let mut keys: Vec<String> = vec!["event".into(), "time".into()];
        // What stands in parentheses are values.
        let (mut inside, mut depth) = (String::new(), 0);
        for letter in cells[3].chars() {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            inside.extend((depth == 0).then_some(letter));
        }
        keys.extend(inside.split('`').skip(1).step_by(2).map(str::to_owned));
        keys.sort();
        (cells[1].trim().trim_matches('`').to_owned(), keys)
    };
    rows.map(row).collect()
}

fn events(stderr: &str) -> Vec<Value> {
    let event = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    };
    stderr.lines().map(event).collect()
}

#[track_caller]
fn has_documented_keys(event: &Value) {
    let keys: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
    let name = event["event"].as_str().unwrap();
    assert_eq!(Some(&keys), documented().get(name), "{name}");
}

#[test]
fn as_json_every_line_is_an_event_with_the_documented_keys() {
    let folder = tempfile::tempdir().unwrap();
    small_mnist(folder.path(), 200, 40);
    let ran = cnn_in(folder.path(), &format!("{TRAIN} --out run --log json")).good();
    let events = events(&ran.stderr);
    events.iter().for_each(has_documented_keys);
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| *name != "note" && *name != "batch").collect();
    assert_eq!(names, ["start", "epoch", "epoch", "end"]);
    let of = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
    assert_eq!((&of("start")["run"], &of("start")["done_epochs"]), (&"run".into(), &0.into()));
    assert!(of("epoch")["validation"]["accuracy"].is_f64() && of("epoch")["best"] == true);
    assert!(of("epoch")["waiting_seconds"].as_f64() <= of("epoch")["seconds"].as_f64());
    assert_eq!((&of("end")["ending"], &of("end")["epochs"]), (&"completed".into(), &2.into()));
    assert!(ran.stdout.contains("test accuracy"), "{}", ran.stdout);

    // An error is an event too, and the exit code is as ever.
    let failed = cnn_in(folder.path(), &format!("{TRAIN} --out run --log json"));
    assert_eq!(failed.code, 1);
    let last = self::events(&failed.stderr).pop().unwrap();
    assert_eq!((&last["event"], &last["level"]), (&"note".into(), &"error".into()));
    assert!(last["message"].as_str().unwrap().contains("exists already"), "{last}");
}

#[test]
fn quiet_tells_nothing_where_all_is_well_and_verbose_tells_more() {
    let folder = tempfile::tempdir().unwrap();
    small_mnist(folder.path(), 200, 40);
    let quiet = cnn_in(folder.path(), &format!("{TRAIN} --out quiet -q")).good();
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.contains("test accuracy"), "{}", quiet.stdout);
    cnn_in(folder.path(), &format!("-q {TRAIN} --out quiet")).bad(1, &["exists already"]);
    let json = cnn_in(folder.path(), &format!("{TRAIN} --out quiet-json -q --log json")).good();
    assert_eq!(json.stderr, "");

    let verbose = cnn_in(folder.path(), &format!("{TRAIN} --out verbose --verbose")).good().stderr;
    for told in
        ["images: idx:small is ", "1 thread with ", "schedule: ", "opening the images", " ms", "all: "]
    {
        assert!(verbose.contains(told), "{told:?} in {verbose}");
    }
    let plain = cnn_in(folder.path(), &format!("{TRAIN} --out plain")).good().stderr;
    assert!(!plain.contains("schedule: ") && plain.contains("epoch 2/2"), "{plain}");
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let both = cnn_in(folder.path(), &format!("{TRAIN} --out both -q -v"));
    assert_eq!(both.code, 2, "{}", both.stderr);
    let evaluated = cnn_in(folder.path(), "eval plain --data idx:small -v").good();
    assert!(evaluated.stderr.contains("model: mnist-cnn of 10 classes in plain"), "{}", evaluated.stderr);
}

/// The lines of a log without their times, which are checked.
fn log(run: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(run.join("train.log")).unwrap();
    assert!(text.ends_with('\n'));
    let line = |line: &str| {
        let (time, rest) = line.split_at("2026-01-31 23:59:59 ".len());
        let shape: String =
            time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        assert_eq!(shape, "0000-00-00 00:00:00 ", "{line}");
        rest.to_owned()
    };
    text.lines().map(line).collect()
}

#[test]
fn the_log_of_a_run_has_what_was_told_and_goes_on_when_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    small_mnist(folder.path(), 200, 40);
    cnn_in(folder.path(), &format!("{TRAIN} --out run --quiet")).good();
    let first = log(&run);
    for told in ["run folder: run", "epoch 1/2  loss ", "epoch 2/2  loss ", "test accuracy "] {
        assert_eq!(first.iter().filter(|line| line.starts_with(told)).count(), 1, "{told:?} in {first:?}");
    }
    // A line that a kill cut short is ended before the next.
    let mut text = std::fs::read_to_string(run.join("train.log")).unwrap();
    text.push_str("2026-01-31 23:59:59 epo");
    std::fs::write(run.join("train.log"), text).unwrap();
    cnn_in(folder.path(), "train --resume run --epochs 3 --log json").good();
    let second = log(&run);
    assert_eq!(second[..first.len()], first);
    assert_eq!(second[first.len()], "epo");
    let rest = &second[first.len() + 1..];
    assert!(rest.iter().any(|line| line.starts_with("goes on after 2 epochs")), "{rest:?}");
    assert!(rest.iter().any(|line| line.starts_with("epoch 3/3  loss ")), "{rest:?}");
}
