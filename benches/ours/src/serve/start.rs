//! The start of the `cnn` program: from its start to its end, a prediction of one picture by a LeNet.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bench_common::inputs::{self, stream};
use cnn_data::{Preprocessing, Size};
use cnn_layers::Key;
use cnn_models::{About, Arguments, ModelFile, build};

use super::Job;
use crate::failure::{Result, failure};

pub(super) fn job() -> Result<Job> {
    let program = program()?;
    let folder = tempfile::tempdir()?;
    let (model, picture) = (folder.path().join("lenet5.safetensors"), folder.path().join("digit.png"));
    write_model(&model)?;
    write_picture(&picture)?;
    let compute = move || {
        // The folder lives as long as the job.
        let _folder = &folder;
        let mut command = Command::new(&program);
        command.arg("predict").arg(&model).arg(&picture).stdin(Stdio::null());
        let output = command.output()?;
        if output.status.success() && !output.stdout.is_empty() {
            Ok(Vec::new())
        } else {
            failure(format!("`cnn predict` failed: {}", String::from_utf8_lossy(&output.stderr)))
        }
    };
    Job::new(Vec::new(), compute)
}

/// The program that was built beside this one.
fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("cnn");
    if path.exists() {
        return Ok(path);
    }
    failure(format!("there is no {}; build it with `cargo build --release -p cnn-cli`", path.display()))
}

fn write_model(path: &Path) -> Result<()> {
    let network = build("lenet5", &Arguments::MNIST, Key::new(1))?;
    let preprocessing = Preprocessing::new(Size::new(28, 28), 1)?;
    let digits = (0..10).map(|digit| digit.to_string());
    let about = About::new("lenet5", Arguments::MNIST, digits, &preprocessing)?;
    Ok(std::fs::write(path, ModelFile::encode(&about, &*network)?)?)
}

fn write_picture(path: &Path) -> Result<()> {
    let pixel =
        |x: u32, y: u32| image::Luma([(inputs::word(stream::INPUT, u64::from(y * 28 + x)) >> 56) as u8]);
    Ok(image::GrayImage::from_fn(28, 28, pixel).save(path)?)
}
