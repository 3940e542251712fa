//! What the end-to-end tests share: running `cnn`, and small data sets made of the real MNIST images.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What a run of `cnn` left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts that it ended well.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that it failed with this code and one message that holds all of the words, and did not panic.
    #[track_caller]
    pub(crate) fn bad(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        let errors = self.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} in: {}", self.stderr);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// Runs `cnn` in a folder, with the words of a line as its arguments.
pub(crate) fn cnn_in(folder: &Path, line: &str) -> Ran {
    cnn_with(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// Runs `cnn` in a folder. Data sets of the machine are hidden from it.
pub(crate) fn cnn_with(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnn"));
    command.args(arguments).current_dir(folder).env_remove("CNN_DATA").env_remove("CNN_THREADS");
    command.env("HOME", folder).env_remove("XDG_CACHE_HOME").env_remove("CNN_MIRROR");
    let Output { status, stdout, stderr } = command.output().unwrap();
    Ran {
        code: status.code().expect("cnn was killed"),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// The first images of MNIST's two parts, as gzipped IDX files under the usual names in a folder `small`.
pub(crate) fn small_mnist(folder: &Path, train: usize, test: usize) -> PathBuf {
    let small = folder.join("small");
    std::fs::create_dir_all(&small).unwrap();
    for (part, count) in [("train", train), ("t10k", test)] {
        for (kind, header, item) in [("images-idx3-ubyte", 16, 28 * 28), ("labels-idx1-ubyte", 8, 1)] {
            let name = format!("{part}-{kind}.gz");
            let whole = gunzip(&std::fs::read(root().join("data/mnist").join(&name)).unwrap());
            let mut few = whole[..header + count * item].to_vec();
            few[4..8].copy_from_slice(&u32::try_from(count).unwrap().to_be_bytes());
            std::fs::write(small.join(name), gzip(&few)).unwrap();
        }
    }
    small
}

pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut whole).unwrap();
    whole
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a digit of MNIST's test set as a grey picture.
pub(crate) fn write_digit(path: &Path, index: usize) {
    let images = gunzip(&std::fs::read(root().join("data/mnist/t10k-images-idx3-ubyte.gz")).unwrap());
    let pixels = images[16 + index * 784..][..784].to_vec();
    image::GrayImage::from_raw(28, 28, pixels).unwrap().save(path).unwrap();
}

/// A trained network, made in a moment; not a good one.
pub(crate) fn trained(folder: &Path) -> PathBuf {
    small_mnist(folder, 300, 100);
    cnn_in(folder, "train --data idx:small --model lenet5 --epochs 1 --out trained --threads 1").good();
    folder.join("trained/best.safetensors")
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Names of everything below a folder, from it, sorted.
pub(crate) fn all_files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}
