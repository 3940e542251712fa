//! `cnn eval`: a trained network on labelled images that it has not seen.

use cnn_data::sources::FolderOptions;
use cnn_data::{Classes, Loader, Sequential, Split};
use cnn_train::evaluate;

use super::{figures, set_threads, with_workers};
use crate::cli::EvalArgs;
use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::report::confusion;
use crate::{model, source};

pub(crate) fn run(arguments: &EvalArgs) -> Outcome {
    set_threads(&arguments.threads)?;
    let trained = model::load(&arguments.model)?;
    let location = source::locate(&arguments.data.data, arguments.data.data_dir.as_deref())?;
    let splits = location.splits()?;
    // A folder without splits is all there is to measure on.
    let split = match arguments.split {
        Some(split) => split.into(),
        None if splits == [Split::Train] => Split::Train,
        None => Split::Test,
    };
    if !splits.contains(&split) {
        let there: Vec<&str> = splits.iter().map(|split| split.name()).collect();
        return Err(Failure::failed(format!(
            "{} has no {split} images, only {}; choose with --split",
            location.path().display(),
            there.join(", ")
        )));
    }
    let classes = Classes::in_order(&trained.about.classes)?;
    let options = FolderOptions { classes: Some(classes), ..FolderOptions::default() };
    let images = location.open(split, &options)?.dataset;
    let loader = Loader::new(images, Sequential, trained.preprocessing).batch_size(arguments.batch_size);
    let evaluation = evaluate(trained.network.as_ref(), &with_workers(loader))?;
    let evaluation = evaluation.at_temperature(trained.about.temperature)?;
    if arguments.json {
        say!("{}", serde_json::to_string(&evaluation.summary())?)?;
    } else {
        say!("{split} accuracy {}", figures(&evaluation.summary()))?;
        say!("\n{}", confusion::text(&evaluation.confusion, &trained.about.classes))?;
    }
    Ok(())
}
