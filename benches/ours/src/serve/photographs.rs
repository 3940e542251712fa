//! JPEG files that weigh and look to a decoder what photographs do.
//!
//! Noise whose waves are the stronger the longer they are, as in photographs ("1/f"), in colours that vary less than
//! brightness, with quality 90 and halved colour planes: 88 kB each; the mean of ImageNet's files is about 110 kB.

use std::fs;
use std::path::{Path, PathBuf};

use bench_common::inputs;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::failure::Result;
use crate::machine;

const HEIGHT: usize = 375;
const WIDTH: usize = 500;
const QUALITY: u8 = 90;

/// Files that differ; the others repeat them under other names.
const DIFFERENT: usize = 64;

/// The folder of so many files in two classes, made where it is not there. The Python side knows its place, too.
pub(super) fn folder(images: usize) -> Result<PathBuf> {
    let folder = machine::root().join(format!("target/bench/photographs-{images}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let unfinished = tempfile::tempdir_in(parent)?;
    for class in ["even", "odd"] {
        fs::create_dir(unfinished.path().join(class))?;
    }
    let mut files = Vec::new();
    for number in 0..DIFFERENT.min(images) {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&pixels(number), WIDTH as u16, HEIGHT as u16, ColorType::Rgb)?;
        files.push(file);
    }
    for (number, file) in (0..images).zip(files.iter().cycle()) {
        let class = if number % 2 == 0 { "even" } else { "odd" };
        fs::write(unfinished.path().join(class).join(format!("{number:05}.jpg")), file)?;
    }
    fs::rename(unfinished.keep(), &folder)?;
    Ok(folder)
}

/// The levels of picture `number`, `[HEIGHT, WIDTH, 3]`.
fn pixels(number: usize) -> Vec<u8> {
    let [brightness, first, second] = [0, 1, 2].map(|plane| waves(number * 3 + plane));
    let planes = brightness.iter().zip(&first).zip(&second);
    let levels = planes.flat_map(|((&brightness, &first), &second)| {
        let [red_blue, green] = [first * 0.3, second * 0.15];
        [brightness + red_blue, brightness + green, brightness - red_blue]
    });
    levels.map(|level| (level * 26.0 + 118.0).round().clamp(0.0, 255.0) as u8).collect()
}

/// A plane of noise: waves of 2, 4, ... 256 pixels, of the same strength each but for the shortest.
fn waves(plane: usize) -> Vec<f32> {
    let mut sum = vec![0.0; HEIGHT * WIDTH];
    for octave in 0..8 {
        let cell = 1 << octave;
        let strength = if octave == 0 { 0.5 } else { 1.0 };
        // Each wave has a lattice of its own, and numbers between its points are means by distance.
        let stream = (100 + plane * 8 + octave) as u64;
        let at = |row: usize, column: usize| inputs::number(stream, row * WIDTH * 2 + column);
        for (row, line) in sum.chunks_exact_mut(WIDTH).enumerate() {
            let (top, down) = (row / cell, (row % cell) as f32 / cell as f32);
            for (column, sum) in line.iter_mut().enumerate() {
                let (left, right) = (column / cell, (column % cell) as f32 / cell as f32);
                let mean = |row: usize| at(row, left) * (1.0 - right) + at(row, left + 1) * right;
                *sum += (mean(top) * (1.0 - down) + mean(top + 1) * down) * strength;
            }
        }
    }
    sum
}
