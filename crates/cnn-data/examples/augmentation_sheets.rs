//! Draws what `docs/guide/augmentation.md` shows: for each transform of the page, a photograph and five draws.
//!
//! ```text
//! cargo run --release -p cnn-data --example augmentation_sheets -- PHOTO PAGE.md FOLDER
//! ```
//!
//! The transforms are those that the page's own blocks of TOML say, so that the pictures show what the text promises.

use std::error::Error;
use std::fs;
use std::path::Path;

use cnn_data::decode::Decoder;
use cnn_data::transform::functional::{horizontal_flip, invert};
use cnn_data::transform::{Augmentation, BatchAugmentation, BatchTransform, Transform};
use cnn_data::{Batch, Image, InMemory, Loader, Pixels, Preprocessing, Resize, ResizeMode};
use cnn_data::{Sample, Sequential, Size, Target};
use cnn_tensor::random::Key;
use image::{Rgb, RgbImage};

/// Size of a picture on a sheet.
const CELL: Size = Size { height: 96, width: 128 };

/// Draws beside the photograph itself.
const DRAWS: u64 = 5;

/// White between pictures, in pixels.
const GAP: u32 = 4;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [photo, page, folder] = &arguments[..] else {
        return Err("usage: augmentation_sheets PHOTO PAGE.md FOLDER".into());
    };
    let photo = Decoder::default().open(Path::new(photo))?.with_channels(3)?;
    let photo = Resize::new(CELL, ResizeMode::CenterCrop).resize(&photo)?;
    let photo = Sample::new(photo, Target::Class(0));
    fs::create_dir_all(folder)?;
    for block in blocks(&fs::read_to_string(page)?) {
        let kind = kind_of(block).ok_or("a block of the page has no `kind`")?;
        let pictures = match kind {
            "mix-up" | "cut-mix" | "random-choice" => mixed(&toml::from_str(block)?, &photo)?,
            _ => drawn(&toml::from_str(block)?, &photo)?,
        };
        let path = Path::new(folder).join(format!("{kind}.jpg"));
        sheet(&pictures)?.save(path)?;
    }
    Ok(())
}

/// The blocks of TOML of a page.
fn blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next())
}

/// The first `kind` of a block.
fn kind_of(block: &str) -> Option<&str> {
    block.lines().find_map(|line| line.strip_prefix("kind = \"")?.strip_suffix('"'))
}

/// The photograph, and what a transform makes of it.
fn drawn(transform: &Augmentation, photo: &Sample) -> Outcome<Vec<Image>> {
    transform.check()?;
    let mut pictures = vec![photo.image.clone()];
    for seed in 0..DRAWS {
        pictures.push(transform.apply(photo.clone(), Key::new(seed))?.image);
    }
    Ok(pictures)
}

/// The photograph, and what is made of a batch of it and its mirror image in negative.
fn mixed(transform: &BatchAugmentation, photo: &Sample) -> Outcome<Vec<Image>> {
    let other = invert(&horizontal_flip(&photo.image)?)?;
    let samples = vec![photo.clone(), Sample::new(other, Target::Class(1))];
    let loader = Loader::new(InMemory::new(samples), Sequential, Preprocessing::new(CELL, 3)?);
    let batch: Batch = loader.epoch(0)?.next().ok_or("a batch")??;
    let mut pictures = vec![photo.image.clone()];
    for seed in 0..DRAWS {
        let mixed = transform.apply(batch.clone(), Some(2), Key::new(seed))?;
        let shares = mixed.images.as_slice::<f32>()?;
        let levels = shares[..shares.len() / 2].iter().map(|share| (share * 255.0).round() as u8);
        pictures.push(Image::from_u8(CELL, 3, levels.collect())?);
    }
    Ok(pictures)
}

/// Pictures side by side, each in the middle of its cell; those that are larger than it are made smaller.
fn sheet(pictures: &[Image]) -> Outcome<RgbImage> {
    let (across, down) = (CELL.width as u32, CELL.height as u32);
    let mut sheet = RgbImage::from_pixel(pictures.len() as u32 * (across + GAP) - GAP, down, Rgb([255; 3]));
    let fitted = Resize { fill: 1.0, ..Resize::new(CELL, ResizeMode::Letterbox) };
    for (picture, place) in pictures.iter().zip(0u32..) {
        let mut picture = picture.clone().with_channels(3)?;
        if picture.height() > CELL.height || picture.width() > CELL.width {
            picture = fitted.resize(&picture)?;
        }
        let (height, width) = (picture.height() as u32, picture.width() as u32);
        let Pixels::U8(levels) = picture.pixels() else {
            return Err("a picture of 8 bits stays one".into());
        };
        let picture = RgbImage::from_raw(width, height, levels.clone()).ok_or("pixels of another number")?;
        let left = place * (across + GAP) + (across - width) / 2;
        image::imageops::replace(&mut sheet, &picture, left.into(), ((down - height) / 2).into());
    }
    Ok(sheet)
}
