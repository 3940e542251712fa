//! `card.md`: the model card (Mitchell et al., arXiv:1810.03993). What a program can know is filled in; what it cannot
//! know is asked for.

use std::fmt::Write as _;

use cnn_layers::summary::group;
use cnn_train::Predictions;

use super::{Story, words};
use crate::clock;
use crate::commands::counted;

/// Names of classes that are listed.
const MOST_NAMED: usize = 40;

pub(super) fn text(story: &Story) -> String {
    let (info, config) = (&story.info, &story.config);
    let mut text = format!("# {} on {}\n\n", info.model, line(&info.data));
    let mut add = |part: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{part}");
    };
    add(format!(
        "An image classifier of {} classes, trained with `cnn` {} on {} from seed {}.\n",
        group(story.classes.len() as u64),
        info.version,
        clock::date_and_time(info.started).get(..10).unwrap_or_default(),
        info.seed
    ));
    add("## Intended use\n".into());
    add("*To be filled in: who is to use it, for what, and what it must not be used for.*\n".into());
    add("## Data\n".into());
    add(format!("- source: {}", line(&info.data)));
    if !info.data_sha256.is_empty() {
        add(format!(
            "- SHA-256 over paths, labels and bytes of training and validation images: `{}`",
            info.data_sha256
        ));
    }
    add(format!("- classes: {}", listed(&story.classes)));
    if let Some([height, width]) = config.input.size {
        let mode = config.input.resize.unwrap_or_default().name();
        add(format!(
            "- input: {height}x{width} pixels, {}, resized by {mode}",
            counted(config.input.channels.unwrap_or(3), "channel")
        ));
    }
    add("- *To be filled in: where the images are from, who labelled them, whom and what they show, and whom and what they do not.*\n".into());
    add("## Figures\n".into());
    match story.result.as_ref().and_then(|result| result.scores) {
        Some(scores) => {
            let images = story.predictions.as_ref().map_or(0, |all| all.evaluation.images());
            add(format!(
                "On {} {} images, with 95 % bootstrap intervals.\n",
                group(images as u64),
                story.evaluated()
            ));
            add("| figure | value | 95 % interval |\n|---|---|---|".into());
            for figure in words::figures(&scores) {
                add(format!("| {} | {} | {} |", figure.name, figure.value, figure.interval));
            }
            add(String::new());
        }
        None => add("The run has not been evaluated.\n".into()),
    }
    if story.evaluated() == "validation" {
        add("There were no test images: the best epoch was chosen by these very images, so that the figures flatter.\n".into());
    }
    add("## Weaknesses\n".into());
    if let Some(Predictions { evaluation, .. }) = &story.predictions {
        let weak = words::weaknesses(&evaluation.confusion, &story.classes);
        if weak.is_empty() {
            add("- no mistakes on these images".into());
        }
        weak.iter().for_each(|sentence| add(format!("- {}", line(sentence))));
        let rare = words::rare(&evaluation.confusion, &story.classes);
        if !rare.is_empty() {
            add(format!("- too few images to say much about: {}", listed(&rare)));
        }
    }
    add("\n## Limits\n".into());
    add("- It gives one of its classes to every image, also to one that shows none of them.".into());
    add("- Its figures hold for images like those it was measured on: other cameras, places and times need measuring anew.".into());
    add("- *To be filled in: what a mistake costs, and who notices it.*\n".into());
    add("## Made with\n".into());
    add(format!("- {}, {} threads, {}", info.cpu, info.threads, info.instruction_set));
    if let Some(result) = &story.result {
        add(format!("- weights, SHA-256: `{}`", result.weights_sha256));
    }
    add("- the configuration is in `config.toml`; `cnn reproduce` trains again from it".into());
    text
}

/// Text that stays on its line and within its cell.
fn line(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "\\|")
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| line(name)).collect();
    let more = names.len().saturating_sub(MOST_NAMED);
    let rest = if more > 0 { format!(" and {} more", group(more as u64)) } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}
