//! The downloader against servers on this machine that do everything wrong, and against archives that mean harm.

#![cfg(feature = "download")]

mod archives;
mod local;
mod origins;
mod server;

use std::path::Path;

use cnn_data::download::{Downloader, Event, Fetched, Form, Limits, Published, PublishedFile, Sum};
use sha2::{Digest, Sha256};

const NAME: &str = "file.bin";

/// The contents that are published: no two stretches of them are the same.
fn contents() -> Vec<u8> {
    (0..100_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn sha256(bytes: &[u8]) -> Sum {
    Sum::Sha256(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A set `set` of one file with the published contents.
fn set(urls: &[String]) -> Published {
    let contents = contents();
    let file = PublishedFile {
        name: NAME.into(),
        urls: urls.to_vec(),
        bytes: Some(contents.len() as u64),
        sum: sha256(&contents),
        form: Form::Plain,
    };
    Published { name: "set".into(), files: vec![file] }
}

/// The same, its length not published.
fn set_without_length(urls: &[String]) -> Published {
    let mut set = set(urls);
    set.files[0].bytes = None;
    set
}

/// Limits under which nothing goes on at the same origin.
fn once() -> Limits {
    Limits { resumptions: 0, ..Limits::default() }
}

/// A fetch with what it told: failures as `ORIGIN: REASON`, and everything else by its name.
struct Told {
    result: cnn_data::Result<Fetched>,
    failures: Vec<String>,
    events: Vec<String>,
}

impl Told {
    #[track_caller]
    fn message(&self) -> String {
        self.result.as_ref().expect_err("an error").to_string()
    }
}

fn fetch(downloader: &Downloader, set: &Published, into: &Path) -> Told {
    let (mut failures, mut events) = (Vec::new(), Vec::new());
    let result = downloader.fetch(set, into, &mut |event| match event {
        Event::Failed { origin, reason, .. } => failures.push(format!("{origin}: {reason}")),
        Event::Arrived { .. } => {}
        Event::Started { here, .. } => events.push(format!("started at {here}")),
        Event::AlreadyThere { .. } => events.push("already there".into()),
        Event::Checked { sum, .. } => events.push(format!("checked {sum}")),
        Event::KeptAside { path } => events.push(format!("kept {}", path.display())),
        other => events.push(format!("{other:?}")),
    });
    Told { result, failures, events }
}

fn read(into: &Path) -> Vec<u8> {
    std::fs::read(into.join("set").join(NAME)).unwrap()
}

/// Names of what lies in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
