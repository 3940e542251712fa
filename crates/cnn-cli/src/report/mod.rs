//! What a run shows: plots, sample pictures, a report to read in a browser and a model card, as files in its folder.
//!
//! Tables and figures come first; everything here but the samples is drawn from them, so that it can be drawn again from
//! the folder alone.

mod card;
mod chart;
mod colour;
pub(crate) mod confusion;
pub(crate) mod curves;
mod drawing;
mod font;
mod grid;
mod html;
mod judgement;
mod png;
mod samples;
mod svg;
mod thumbnail;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use cnn_train::schedule::{Progress, Schedule};
use cnn_train::{EpochRecord, Evaluation, Predictions, RangeTest, RunDir, RunInfo, RunResult};

use crate::config::Config;
use crate::failure::{Failure, Outcome};

use colour::SERIES;
use drawing::{Drawing, Point};

pub(crate) use png::{data_uri, encode};
pub(crate) use samples::{EXAMPLE, write_batch, write_evaluated, write_validation};
pub(crate) use svg::escape;
pub(crate) use thumbnail::thumbnail;

/// Points of the curve of learning rates.
const RATES: u64 = 400;

/// Everything that a run's folder says.
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) config: Config,
    pub(crate) config_text: String,
    pub(crate) info: RunInfo,
    pub(crate) classes: Vec<String>,
    pub(crate) epochs: Vec<EpochRecord>,
    pub(crate) result: Option<RunResult>,
    pub(crate) predictions: Option<Predictions>,
}

impl Story {
    /// Reads the folder of a run, finished or not.
    pub(crate) fn read(run: &RunDir) -> Outcome<Self> {
        let config = run.config();
        if !config.exists() {
            let path = run.path().display();
            return Err(Failure::failed(format!(
                "{path} holds no config.toml, so it is no run: name the folder that `cnn train` made"
            )));
        }
        let config_text = fs::read_to_string(&config)
            .map_err(|error| Failure::io("read the configuration", &config, &error))?;
        let result = run.read_result()?;
        let classes = run.read_classes()?;
        let epochs = if run.path().join("metrics.csv").exists() { run.read_metrics()? } else { Vec::new() };
        let evaluated = result.as_ref().filter(|result| result.evaluated.is_some());
        let predictions = match evaluated {
            Some(result) => run.read_predictions(&classes, loss_of(result))?,
            None => None,
        };
        Ok(Self {
            name: run.path().file_name().unwrap_or(run.path().as_os_str()).to_string_lossy().into_owned(),
            config: Config::read(&config)?,
            config_text,
            info: run.read_run()?,
            classes,
            epochs,
            result,
            predictions,
        })
    }

    /// The best epoch, where the run is at its end.
    fn best(&self) -> Option<&EpochRecord> {
        let best = self.result.as_ref()?.best_epoch?;
        self.epochs.iter().find(|record| record.epoch == best)
    }

    /// The split of the final evaluation.
    fn evaluated(&self) -> &str {
        self.result.as_ref().and_then(|result| result.evaluated.as_deref()).unwrap_or_default()
    }

    /// The learning rate over the run, in epochs, as far as it went.
    fn rates(&self) -> Vec<Point> {
        let per_epoch = self.info.steps_per_epoch;
        if per_epoch == 0 {
            return self.epochs.iter().map(|record| (record.epoch as f64, record.learning_rate)).collect();
        }
        let steps = per_epoch.saturating_mul(self.config.training.epochs as u64);
        let done = per_epoch.saturating_mul(self.epochs.len() as u64);
        let stride = done.div_ceil(RATES).max(1);
        let rate = |step: u64| {
            let finished = ((step / per_epoch) as usize).min(self.epochs.len());
            let at = Progress { step, steps, steps_per_epoch: per_epoch, epochs: &self.epochs[..finished] };
            let rate = self.config.schedule.rate(self.config.training.learning_rate, at);
            (step as f64 / per_epoch as f64, rate)
        };
        (0..done).step_by(stride as usize).chain(done.checked_sub(1)).map(rate).collect()
    }
}

fn loss_of(result: &RunResult) -> f64 {
    let validation = result.validation.map(|validation| validation.loss);
    result.test.map(|test| test.loss).or(validation).unwrap_or(0.0)
}

/// A plot: its name in `plots/`, what it is called, what it says, and the drawing.
struct Plot {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    drawing: Drawing,
}

/// Draws the plots of a run, its report and its card anew from what its folder holds; the files.
pub(crate) fn build(run: &RunDir) -> Outcome<Vec<PathBuf>> {
    let story = Story::read(run)?;
    let plots = plots(&story)?;
    let mut files = write_plots(run.path(), &plots)?;
    files.push(write(run.path(), "report.html", html::page(&story, &plots, run.path()).as_bytes())?);
    files.push(write(run.path(), "card.md", card::text(&story).as_bytes())?);
    Ok(files)
}

fn plots(story: &Story) -> Outcome<Vec<Plot>> {
    let plot = |name, title, about, drawing| Plot { name, title, about, drawing };
    let mut plots = vec![
        plot(
            "curves",
            "Training",
            "Training images are seen augmented and by a network that changes as it goes; validation images are seen as \
             they are, by the network at the end of the epoch. Validation that grows worse while training goes on \
             improving is overfitting.",
            curves::picture(&story.epochs),
        ),
        plot(
            "learning_rate",
            "Learning rate",
            "How large the steps were, over the epochs.",
            curves::learning_rate(story.rates()),
        ),
    ];
    if let Some(Predictions { evaluation, .. }) = &story.predictions {
        plots.extend(judged(evaluation, &story.classes)?);
    }
    Ok(plots)
}

/// Plots of an evaluation.
fn judged(evaluation: &Evaluation, classes: &[String]) -> Outcome<[Plot; 4]> {
    let (matrix, probabilities) = (&evaluation.confusion, &evaluation.probabilities);
    let plot = |name, title, about, drawing| Plot { name, title, about, drawing };
    Ok([
        plot(
            "per_class",
            "Classes",
            "Recall: of the images of a class, how many were found. Precision: of the images taken for the class, how \
             many belong to it.",
            judgement::classes(matrix, classes),
        ),
        plot(
            "confusion",
            "Confusion matrix",
            "Rows are the truth, columns the prediction; what is off the diagonal is a mistake.",
            confusion::picture(matrix, classes),
        ),
        plot(
            "reliability",
            "Can its certainty be believed?",
            "Where the line is below the diagonal the network is surer than it is right; where it is above, it is more \
             often right than it says.",
            judgement::reliability(probabilities),
        ),
        plot(
            "roc_pr",
            "What another threshold would give",
            "Each class against all others, for every threshold on its probability, with the area under the curve. The \
             left of a ROC curve is where false alarms are few.",
            judgement::ranking(probabilities, classes)?,
        ),
    ])
}

/// Draws the plots of an evaluation into a folder; the files.
pub(crate) fn write_judgement(
    folder: &Path,
    evaluation: &Evaluation,
    classes: &[String],
) -> Outcome<Vec<PathBuf>> {
    write_plots(folder, &judged(evaluation, classes)?)
}

fn write_plots(folder: &Path, plots: &[Plot]) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for plot in plots {
        files.push(write(folder, &format!("plots/{}.svg", plot.name), plot.drawing.svg().as_bytes())?);
        files.push(write(folder, &format!("plots/{}.png", plot.name), &png_of(&plot.drawing)?)?);
    }
    Ok(files)
}

/// The curves of several runs over one another, in the form of the file's name.
pub(crate) fn overlaid(stories: &[Story], file: &Path) -> Outcome<Vec<u8>> {
    let runs: Vec<curves::Run<'_>> = stories
        .iter()
        .zip(SERIES.iter().cycle())
        .map(|(story, &colour)| curves::Run { name: story.name.clone(), epochs: &story.epochs, colour })
        .collect();
    in_form_of(file, &curves::overlaid(&runs))
}

/// The curve of a learning-rate range test, in the form of the file's name.
pub(crate) fn range_test(found: &RangeTest, file: &Path) -> Outcome<Vec<u8>> {
    in_form_of(file, &curves::range_test(found))
}

fn in_form_of(file: &Path, drawing: &Drawing) -> Outcome<Vec<u8>> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(drawing.svg().into_bytes()),
        Some("png") => png_of(drawing),
        _ => Err(Failure::Usage(format!("--out {}: give a name that ends in .svg or .png", file.display()))),
    }
}

/// A drawing as PNG.
pub(crate) fn png_of(drawing: &Drawing) -> Outcome<Vec<u8>> {
    drawing.png().map_err(|error| Failure::failed(format!("cannot draw a picture: {error}")))
}

/// Writes a file into the folder of a run, and makes the folder that it lies in.
fn write(run: &Path, name: &str, bytes: &[u8]) -> Outcome<PathBuf> {
    let path = run.join(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::io("create", folder, &error))?;
    }
    cnn_train::write_atomically(&path, bytes)?;
    Ok(path)
}
