//! What a run shows: the confusion matrix, the curves and the worst mistakes, as files in the run's folder.

pub(crate) mod canvas;
mod colour;
pub(crate) mod confusion;
mod curves;
pub(crate) mod svg;
mod worst;

use std::fs;
use std::path::{Path, PathBuf};

use cnn_data::Dataset;
use cnn_train::{EpochRecord, Evaluation};

use crate::failure::{Failure, Outcome};

use canvas::Canvas;

/// Draws the curves of a run into its folder; the path.
pub(crate) fn write_curves(run: &Path, epochs: &[EpochRecord]) -> Outcome<PathBuf> {
    write(run, "plots/curves.svg", curves::picture(epochs).as_bytes())
}

/// An image as it lies in the data set, to try a prediction on.
pub(crate) const EXAMPLE: &str = "samples/first.png";

/// Draws the confusion matrix and the worst mistakes into the folder of a run, and saves the first image beside
/// them; their paths.
pub(crate) fn write_evaluation(
    run: &Path,
    evaluation: &Evaluation,
    images: &dyn Dataset,
    classes: &[String],
) -> Outcome<[PathBuf; 3]> {
    let matrix =
        write(run, "plots/confusion.svg", confusion::picture(&evaluation.confusion, classes).as_bytes())?;
    let total = evaluation.confusion.images();
    let grid = worst::picture(&evaluation.worst(), total, images, classes)
        .map_err(|error| Failure::failed(format!("cannot draw the worst mistakes: {error}")))?;
    let worst = write(run, "samples/worst.png", &grid)?;
    let first = images.get(0)?.image;
    let mut canvas = Canvas::new(first.width() as u32, first.height() as u32, [0; 3]);
    canvas.place(&first, canvas.whole());
    let example =
        canvas.png().map_err(|error| Failure::failed(format!("cannot write {EXAMPLE}: {error}")))?;
    Ok([matrix, worst, write(run, EXAMPLE, &example)?])
}

fn write(run: &Path, name: &str, bytes: &[u8]) -> Outcome<PathBuf> {
    let path = run.join(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::io("create", folder, &error))?;
    }
    cnn_train::write_atomically(&path, bytes)?;
    Ok(path)
}
