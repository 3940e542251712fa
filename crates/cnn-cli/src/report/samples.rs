//! `samples/`: pictures of what the network was given and what it made of it.

use std::path::{Path, PathBuf};

use cnn_data::{Batch, Dataset, Image, Loader, Preprocessing};
use cnn_layers::summary::group;
use cnn_tensor::DType;
use cnn_train::Evaluation;

use super::drawing::Drawing;
use super::grid::{self, MOST, Tile};
use super::{png, png_of, thumbnail, write};
use crate::failure::{Failure, Outcome};

/// An image as it lies in the data set, to try a prediction on.
pub(crate) const EXAMPLE: &str = "samples/first.png";

/// Pictures of `samples/` that a report shows, in this order, with their titles.
pub(super) const SHOWN: [(&str, &str); 4] = [
    ("batch.png", "What the network was trained on"),
    ("validation.png", "Validation images"),
    ("worst.png", "The worst mistakes"),
    ("least_certain.png", "The least certain"),
];

/// The first batch of training images, augmented and resized as the network sees them.
pub(crate) fn write_batch(
    run: &Path,
    train: &Loader,
    preprocessing: &Preprocessing,
    classes: &[String],
) -> Outcome {
    let few = train.clone().workers(0);
    let Some(batch) = few.epoch(0)?.next().transpose()? else { return Ok(()) };
    let tiles = seen(&batch, preprocessing, classes)?;
    let subtitle = "the first batch of the first epoch: augmented, resized and normalised, shown without the normalisation";
    save(run, "batch.png", &grid::picture("What the network sees", subtitle, tiles)).map(drop)
}

/// The images of a batch, with the normalisation taken back.
fn seen(batch: &Batch, preprocessing: &Preprocessing, classes: &[String]) -> Outcome<Vec<Tile>> {
    let pixels = batch.images.to_dtype(DType::F32)?;
    let [_, height, width, channels] = *pixels.shape() else { return Ok(Vec::new()) };
    let (mean, deviation) = (preprocessing.mean(), preprocessing.std());
    let level = |(at, value): (usize, &f32)| {
        let channel = at % channels;
        let of = |all: &[f32], otherwise| all.get(channel).copied().unwrap_or(otherwise);
        ((value * of(deviation, 1.0) + of(mean, 0.0)) * 255.0).round().clamp(0.0, 255.0) as u8
    };
    let labels = shares(batch, classes.len())?;
    let images = pixels.as_slice::<f32>()?.chunks_exact((height * width * channels).max(1));
    let mut tiles = Vec::new();
    for (image, label) in images.zip(labels).take(MOST) {
        let levels = image.iter().enumerate().map(level).collect();
        let image = Image::from_u8(cnn_data::Size::new(height, width), channels, levels)?;
        tiles.push(Tile::labelled(&image, &label_of(&label, classes)));
    }
    Ok(tiles)
}

/// The share of each class in each label of a batch.
fn shares(batch: &Batch, classes: usize) -> Outcome<Vec<Vec<(usize, f32)>>> {
    if batch.labels.dtype() == DType::I64 {
        return Ok(batch
            .labels
            .as_slice::<i64>()?
            .iter()
            .map(|&class| vec![(class as usize, 1.0)])
            .collect());
    }
    let rows = batch.labels.as_slice::<f32>()?.chunks_exact(classes.max(1));
    let mixed = |row: &[f32]| {
        let mut parts: Vec<_> = row.iter().copied().enumerate().filter(|(_, share)| *share > 0.005).collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        parts
    };
    Ok(rows.map(mixed).collect())
}

/// `cat`, or `60 % cat, 40 % dog` of a mixed image.
fn label_of(shares: &[(usize, f32)], classes: &[String]) -> String {
    let name = |class: usize| classes.get(class).map_or("?", String::as_str);
    match shares {
        [(class, _)] => name(*class).to_owned(),
        mixed => {
            let part = |&(class, share): &(usize, f32)| format!("{:.0} % {}", share * 100.0, name(class));
            mixed.iter().map(part).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The first validation images with what the network says of them.
pub(crate) fn write_validation(
    run: &Path,
    evaluation: &Evaluation,
    images: &dyn Dataset,
    classes: &[String],
) -> Outcome<PathBuf> {
    let stride = (evaluation.predictions.len() / MOST).max(1);
    let spread: Vec<_> = evaluation.predictions.iter().copied().step_by(stride).take(MOST).collect();
    let subtitle = format!(
        "{} of {}, evenly spread; {:.2} % of all are right",
        spread.len(),
        group(evaluation.images() as u64),
        100.0 * evaluation.accuracy()
    );
    let tiles = grid::tiles(&spread, images, classes)?;
    save(run, "validation.png", &grid::picture("Validation images", &subtitle, tiles))
}

/// The worst and the least certain images of the final evaluation, and the first image as it is.
pub(crate) fn write_evaluated(
    run: &Path,
    evaluation: &Evaluation,
    images: &dyn Dataset,
    classes: &[String],
) -> Outcome<[PathBuf; 3]> {
    let total = group(evaluation.images() as u64);
    let worst = evaluation.worst();
    let title = match (worst.len().min(MOST), worst.len()) {
        (_, 0) => "No mistakes".to_string(),
        (_, 1) => "The only mistake".to_string(),
        (shown, all) if shown == all => format!("All {all} mistakes"),
        (shown, all) => format!("The {shown} worst of {} mistakes", group(all as u64)),
    };
    let subtitle = format!("in {total} images, surest first");
    let mistakes = grid::picture(&title, &subtitle, grid::tiles(&worst, images, classes)?);
    let doubtful = evaluation.least_certain();
    let subtitle = format!("of {total} images, right or wrong");
    let least = grid::picture("The least certain", &subtitle, grid::tiles(&doubtful, images, classes)?);
    let first = png::encode(&thumbnail::whole(&images.get(0)?.image))
        .map_err(|error| Failure::failed(format!("cannot write {EXAMPLE}: {error}")))?;
    Ok([
        save(run, "worst.png", &mistakes)?,
        save(run, "least_certain.png", &least)?,
        write(run, EXAMPLE, &first)?,
    ])
}

fn save(run: &Path, name: &str, drawing: &Drawing) -> Outcome<PathBuf> {
    write(run, &format!("samples/{name}"), &png_of(drawing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_label_names_its_parts() {
        let classes = ["cat".to_owned(), "dog".to_owned()];
        assert_eq!(label_of(&[(1, 1.0)], &classes), "dog");
        assert_eq!(label_of(&[(1, 0.6), (0, 0.4)], &classes), "60 % dog, 40 % cat");
    }
}
