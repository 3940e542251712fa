//! Every flag with its help, in one place.
//!
//! Values are parsed here as far as a flag alone can tell, so that wrong usage is told before any work begins.

mod console;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use cnn_models::ARCHITECTURES;

pub(crate) use console::{ConsoleArgs, LogForm};

const EXAMPLES: &str = "\
Examples:
  cnn train --data mnist --model lenet5 --epochs 3
  cnn find-lr --data mnist --model lenet5
  cnn eval runs/a/best.safetensors --data mnist
  cnn predict runs/a/best.safetensors seven.png photo.jpg --top 3
  cnn summary lenet5 --batch-size 64
  cnn data download cifar10

Environment:
  CNN_DATA     a folder in which data sets are looked for, and into which they are downloaded
  CNN_MIRROR   a URL or folder from which data sets are fetched, instead of their published origins
  CNN_THREADS  threads that compute, where --threads is not given
  NO_COLOR     not empty: no colours; there are none anyway where standard error is no terminal
  CNN_ISA      portable, avx2, avx512 or neon: the instruction set, instead of the best there is";

/// Train, evaluate and use convolutional networks.
#[derive(Debug, Parser)]
#[command(name = "cnn", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network and keep everything about the run in one folder
    Train(TrainArgs),
    /// Try rising learning rates for a few steps, draw what the loss does, and suggest one
    FindLr(FindLrArgs),
    /// Measure a trained network on labelled images
    Eval(EvalArgs),
    /// Say what images show
    Predict(PredictArgs),
    /// Draw the plots, report.html and card.md of a run anew, from what its folder holds
    Report(ReportArgs),
    /// Runs side by side: figures, what their configurations differ in, and their curves
    Compare(CompareArgs),
    /// Train a run again from what it wrote down, and say whether the weights are the same, bit for bit
    Reproduce(ReproduceArgs),
    /// Layers, shapes, parameters, multiply-adds and memory of a network
    Summary(SummaryArgs),
    /// Fetch data sets and look after them
    #[command(subcommand)]
    Data(DataCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Fetch public data sets, checked against their published sums
    #[command(after_help = DOWNLOADS)]
    Download(DownloadArgs),
    /// Divide pictures into training, validation and test, as a table; groups stay on one side
    Split(SplitArgs),
    /// Find what is wrong with a folder of pictures: unreadable files, duplicates across splits and classes, and more
    Check(CheckArgs),
}

const DOWNLOADS: &str = "\
Data sets:
  mnist, fashion-mnist, kmnist   four files each; 12, 31 and 21 MB
  emnist                         all six splits of handwritten characters; 562 MB
  qmnist                         MNIST with its lost test digits
  cifar10, cifar100              the binary versions; 170 and 169 MB, unpacked

Each file is compared with its published SHA-256, or for qmnist its MD5, before it gets its name.
What is there already is left alone, and what broke off or was stopped goes on where it ended.

Examples:
  cnn data download mnist cifar10
  cnn data download fashion-mnist --data-dir data --mirror https://mirror.example.org/data
  cnn data download mnist --mirror /media/stick/data";

/// Exit code 3 where there are errors among the findings, 0 where there are only notes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A folder with a folder of pictures for each class, or with such folders in train, validation and test
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Print one JSON object: files, pictures, splits, classes, formats, modes, findings with every case
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page with thumbnails too, one file for a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: Threads,
}

#[derive(Debug, Args)]
pub(crate) struct SplitArgs {
    /// A folder with a folder of pictures for each class, or a table (CSV, TSV) with columns path and label
    #[arg(value_name = "DIR|TABLE")]
    pub(crate) data: PathBuf,
    /// The share that is for validation [default: 0.1, with --folds 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) val: Option<f64>,
    /// The share that is for the test [default: 0.1, with --folds 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) test: Option<f64>,
    /// What must stay on one side: a column of the table, or a regular expression on file names or paths, whose first
    /// group (in parentheses) names it, '^patient([0-9]+)_' say
    #[arg(long, value_name = "REGEX|COLUMN")]
    pub(crate) group_by: Option<String>,
    /// Divide what is not for the test into K folds for cross-validation, instead of a validation split
    #[arg(long, value_name = "K", value_parser = positive)]
    pub(crate) folds: Option<usize>,
    /// What the choice is drawn from: the same seed gives the same table
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,
    /// The table to write, which must not exist
    #[arg(long, value_name = "FILE", default_value = "splits.csv")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// Names of data sets, see below
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Where to put them: each into a folder of its own in DIR [default: CNN_DATA, or else your cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Fetch from here alone, not from the published origins; it has NAME/FILE or FILE [default: CNN_MIRROR]
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) mirror: Option<String>,
}

/// Flags win over the configuration file, which wins over the defaults.
#[derive(Debug, Default, Args)]
pub(crate) struct TrainArgs {
    /// A configuration file (TOML); every run folder holds one, with everything resolved
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Any key of the configuration, training.label-smoothing=0.1 say; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) data: OptionalData,
    /// The architecture [default: lenet5]
    #[arg(long, value_name = "NAME", value_parser = architectures())]
    pub(crate) model: Option<String>,
    /// How many times each training image is seen [default: 5]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) epochs: Option<usize>,
    /// Images in one step of training [default: 64]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) batch_size: Option<usize>,
    /// The learning rate; a schedule starts from it or rises to it [default: 0.001]
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// Where every random number comes from: the same seed gives the same weights for any number of threads, on one
    /// instruction set [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Go on with the run of this folder, in the middle of an epoch too: it ends with the same bits as if it had never
    /// stopped. Its own configuration holds; --epochs may be raised
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "set", "data", "model", "batch_size", "lr", "seed", "out"])]
    pub(crate) resume: Option<PathBuf>,
    /// Cross-validation: train as many times, each time with another part of the training images to test on; the test
    /// images of the data set are not read
    #[arg(long, value_name = "K", value_parser = folds, conflicts_with = "resume")]
    pub(crate) folds: Option<usize>,
    /// Take two batches through everything, say what the run would take, and write nothing
    #[arg(long, conflicts_with_all = ["resume", "folds"])]
    pub(crate) dry_run: bool,
    /// Show curves, progress and log on the whole terminal while it trains; for programs built with the feature tui
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) tui: bool,
    /// The folder of this run, which must not exist [default: RUNS/DATE-TIME-MODEL-DATA]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the folders of runs without --out are made
    #[arg(long, value_name = "RUNS", default_value = "runs")]
    pub(crate) runs: PathBuf,
    #[command(flatten)]
    pub(crate) threads: Threads,
}

/// What is trained is said as for `cnn train`; nothing of it is kept.
#[derive(Debug, Args)]
pub(crate) struct FindLrArgs {
    /// A configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Any key of the configuration, optimizer.kind=sgd say; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) data: OptionalData,
    /// The architecture [default: lenet5]
    #[arg(long, value_name = "NAME", value_parser = architectures())]
    pub(crate) model: Option<String>,
    /// Images in one step [default: 64]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) batch_size: Option<usize>,
    /// Where every random number comes from [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The first learning rate
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "1e-6")]
    pub(crate) low: f64,
    /// The last learning rate; the test ends before it where the loss breaks away
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "10")]
    pub(crate) high: f64,
    /// Steps from the first to the last rate, 10 or more
    #[arg(long, value_name = "N", value_parser = positive, default_value = "100")]
    pub(crate) steps: usize,
    /// Draw the curve into this file, .svg or .png
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: Threads,
}

impl FindLrArgs {
    /// The same configuration, to be trained.
    pub(crate) fn as_training(&self) -> TrainArgs {
        TrainArgs {
            config: self.config.clone(),
            set: self.set.clone(),
            data: self.data.clone(),
            model: self.model.clone(),
            batch_size: self.batch_size,
            seed: self.seed,
            ..TrainArgs::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// A trained network: the folder of a run, or its best.safetensors
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) data: RequiredData,
    /// Which images of the data set [default: test, or all of a folder without splits]
    #[arg(long, value_enum)]
    pub(crate) split: Option<Part>,
    /// Images computed at once; the figures do not depend on it
    #[arg(long, value_name = "N", value_parser = positive, default_value = "256")]
    pub(crate) batch_size: usize,
    /// Print one JSON object: images, correct, accuracy (0 to 1), loss
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) threads: Threads,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The folder of a run
    pub(crate) run: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The folders of runs, finished or not
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Draw their curves over one another into this file, .svg or .png
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// The folder of a finished run
    pub(crate) run: PathBuf,
    #[command(flatten)]
    pub(crate) data: OptionalData,
    /// The folder of the new run, which must not exist [default: RUN-reproduced]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: Threads,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// A trained network: the folder of a run, or its best.safetensors
    pub(crate) model: PathBuf,
    /// Files: JPEG, PNG, BMP, GIF, TIFF, WebP or PNM
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
    /// How many classes to name for each image, the most probable first
    #[arg(long, value_name = "K", value_parser = positive, default_value = "3")]
    pub(crate) top: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) threads: Threads,
}

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// The name of an architecture, or the file of a trained network
    #[arg(value_name = "NAME|FILE")]
    pub(crate) model: String,
    /// Images in a batch, for the memory that it takes
    #[arg(long, value_name = "N", value_parser = positive, default_value = "64")]
    pub(crate) batch_size: usize,
    /// Height, width and channels of the images, for an architecture by name [default: 28x28x1]
    #[arg(long, value_name = "HxWxC", value_parser = input_shape)]
    pub(crate) input: Option<[usize; 3]>,
    /// Number of classes, for an architecture by name [default: 10]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) classes: Option<usize>,
    /// Print one JSON object: parameters, multiply_adds, inference_bytes, training_bytes, layers
    #[arg(long)]
    pub(crate) json: bool,
}

/// The images, where a configuration file may name them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OptionalData {
    /// The images: a name (mnist), a name and its folder (cifar10:DIR), a folder of pictures, a
    /// table of them (labels.csv), or arrays (x.npz)
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Where names are looked for first; then CNN_DATA, ./data and your cache folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// The images, where only the flag can name them.
#[derive(Debug, Args)]
pub(crate) struct RequiredData {
    /// The images: a name (mnist), a name and its folder (cifar10:DIR), a folder of pictures, a
    /// table of them (labels.csv), or arrays (x.npz)
    #[arg(long, value_name = "DATA")]
    pub(crate) data: String,
    /// Where names are looked for first; then CNN_DATA, ./data and your cache folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Threads {
    /// Threads that compute; results do not depend on it [default: all processors]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) threads: Option<usize>,
}

/// How predictions are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for a person
    Table,
    /// An array of {"file", "top": [{"class", "index", "probability"}]}
    Json,
    /// One row for each image and class
    Csv,
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The training images
    Train,
    /// The validation images
    Validation,
    /// The test images
    Test,
}

impl From<Part> for cnn_data::Split {
    fn from(part: Part) -> Self {
        match part {
            Part::Train => Self::Train,
            Part::Validation => Self::Validation,
            Part::Test => Self::Test,
        }
    }
}

/// Architectures by name, which clap lists in the help and suggests for a misspelt one.
fn architectures() -> PossibleValuesParser {
    PossibleValuesParser::new(
        ARCHITECTURES.iter().map(|known| PossibleValue::new(known.name).help(known.about)),
    )
}

fn folds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(folds) if (2..=100).contains(&folds) => Ok(folds),
        _ => Err("expected a whole number from 2 to 100".into()),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number, 1 or more".into()),
        Ok(number) => Ok(number),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to below 1, 0.1 say".into()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a number above 0, 0.001 say".into()),
    }
}

fn input_shape(text: &str) -> Result<[usize; 3], String> {
    let sizes: Result<Vec<usize>, String> = text.split('x').map(positive).collect();
    let sizes = sizes.ok().and_then(|sizes| <[usize; 3]>::try_from(sizes).ok());
    sizes.ok_or_else(|| "expected height, width and channels, 224x224x3 say".into())
}

#[cfg(test)]
mod tests;
