//! What a report says in words: figures as they are written, and where a network is weak.

use cnn_layers::summary::group;
use cnn_train::metrics::{ConfusionMatrix, Interval, Scores};

/// A figure, what it is called, and what it means to someone who meets it for the first time.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) value: String,
    pub(super) interval: String,
}

/// The figures of an evaluation.
pub(super) fn figures(scores: &Scores) -> Vec<Figure> {
    let figure = |(name, interval): (&'static str, Interval)| {
        let (meaning, is_share) = meaning(name);
        let write =
            |value: f64| if is_share { format!("{:.2} %", 100.0 * value) } else { format!("{value:.4}") };
        let Interval { value, low, high } = interval;
        Figure { name, meaning, value: write(value), interval: format!("{} to {}", write(low), write(high)) }
    };
    scores.named().into_iter().map(figure).collect()
}

/// What a figure means, and whether it is a share of images.
fn meaning(name: &str) -> (&'static str, bool) {
    match name {
        "accuracy" => ("share of images whose class was found", true),
        "balanced accuracy" => {
            ("the same for each class, then averaged: rare classes count as much as frequent ones", true)
        }
        "macro precision" => {
            ("of the images taken for a class, how many belong to it; mean over the classes", true)
        }
        "macro recall" => ("of the images of a class, how many were found; mean over the classes", true),
        "macro F1" => ("precision and recall in one number; mean over the classes", true),
        "Matthews correlation" => ("agreement beyond chance: 0 is guessing, 1 is perfect", false),
        "Cohen's kappa" => ("agreement beyond chance: 0 is guessing, 1 is perfect", false),
        "quadratic kappa" => ("the same for classes in an order, where near misses count less", false),
        "top-5 accuracy" => ("share of images whose class is among the five most probable", true),
        "ROC AUC" => (
            "how well probabilities rank a class's images above others: 0.5 is guessing, 1 is perfect",
            false,
        ),
        "average precision" => ("area under precision over recall; mean over the classes", false),
        "log loss" => ("how surprised the network is by the truth: lower is better", false),
        "Brier score" => ("squared distance of the probabilities from the truth: lower is better", false),
        "calibration error" => ("how far its certainty is from how often it is right: lower is better", true),
        _ => ("", false),
    }
}

/// Sentences about the classes that are found least well and what they are taken for.
pub(super) fn weaknesses(matrix: &ConfusionMatrix, classes: &[String]) -> Vec<String> {
    let mut each: Vec<_> =
        matrix.per_class().into_iter().enumerate().filter(|(_, scores)| scores.images > 0).collect();
    each.sort_by(|a, b| a.1.recall.total_cmp(&b.1.recall));
    let name = |class: usize| classes.get(class).map_or("?", String::as_str);
    let sentence = |&(class, scores): &(usize, cnn_train::metrics::ClassScores)| {
        let mistakes = matrix.pairs().filter(|&(truth, predicted, _)| truth == class && predicted != class);
        let (_, taken, images) =
            mistakes.max_by_key(|&(_, taken, images)| (images, std::cmp::Reverse(taken)))?;
        let (all, found) = (scores.images, super::confusion::percent(scores.recall));
        Some(format!(
            "{}: {found} of its {} images are found; it is most often taken for {} ({} of them)",
            name(class),
            group(all),
            name(taken),
            group(images)
        ))
    };
    each.iter().filter_map(sentence).take(5).collect()
}

/// Classes of which there were too few images to say much.
pub(super) fn rare(matrix: &ConfusionMatrix, classes: &[String]) -> Vec<String> {
    const FEW: u64 = 30;
    let few = (0..matrix.classes()).filter_map(|class| {
        let images = matrix.of_class(class);
        (images < FEW)
            .then(|| format!("{} ({})", classes.get(class).map_or("?", String::as_str), group(images)))
    });
    few.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weakest_classes_are_named_with_what_they_are_taken_for() {
        let mut matrix = ConfusionMatrix::new(3);
        for (truth, predicted) in [(0, 0), (0, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 1), (2, 2)] {
            matrix.add(truth, predicted).unwrap();
        }
        let classes = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            weaknesses(&matrix, &classes),
            [
                "c: 25.0 % of its 4 images are found; it is most often taken for b (2 of them)",
                "b: 50.0 % of its 2 images are found; it is most often taken for c (1 of them)"
            ]
        );
        assert_eq!(rare(&matrix, &classes), ["a (2)", "b (2)", "c (4)"]);
    }

    #[test]
    fn every_figure_has_a_meaning() {
        let one = Some(Interval { value: 0.5, low: 0.25, high: 0.75 });
        let scores = Scores {
            accuracy: one,
            balanced_accuracy: one,
            macro_precision: one,
            macro_recall: one,
            macro_f1: one,
            matthews: one,
            kappa: one,
            quadratic_kappa: one,
            top_5: one,
            roc_auc: one,
            average_precision: one,
            log_loss: one,
            brier: one,
            calibration_error: one,
        };
        let figures = figures(&scores);
        assert_eq!(figures.len(), 14);
        assert!(figures.iter().all(|figure| !figure.meaning.is_empty()));
        assert_eq!(
            (figures[0].value.as_str(), figures[0].interval.as_str()),
            ("50.00 %", "25.00 % to 75.00 %")
        );
    }
}
