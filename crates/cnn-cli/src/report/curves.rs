//! Curves over the epochs: loss and accuracy, training against validation; and the learning rate.

use cnn_train::{EpochRecord, RangeTest, Validation};

use super::chart::{self, Axis, Chart, Dots, Numbers, Series};
use super::colour::{BLUE, ORANGE};
use super::drawing::{Drawing, Point, Rgb};

/// The part of a chart with the lines.
const PANEL: Point = (400.0, 250.0);

/// Between two charts, and right of the last.
const GAP: f64 = 24.0;

/// As many charts of one size, side by side.
pub(super) fn row(charts: &[Chart], (width, height): Point) -> Drawing {
    let whole = chart::LEFT + width + GAP;
    let mut drawing = Drawing::new(whole * charts.len() as f64, chart::TOP + height + chart::BOTTOM);
    for (place, chart) in charts.iter().enumerate() {
        chart.draw(&mut drawing, (whole * place as f64, 0.0), (width, height));
    }
    drawing
}

/// One run's line in a chart of several.
pub(crate) struct Run<'a> {
    pub(crate) name: String,
    pub(crate) epochs: &'a [EpochRecord],
    pub(crate) colour: Rgb,
}

/// Loss and accuracy of one run.
pub(crate) fn picture(epochs: &[EpochRecord]) -> Drawing {
    let training = |of: fn(&EpochRecord) -> f64| line("training", BLUE, epochs, |record| Some(of(record)));
    let validation = |of: fn(&Validation) -> f64| {
        line("validation", ORANGE, epochs, move |record| record.validation.as_ref().map(of))
    };
    let charts = [
        chart("Loss", Numbers::Plain, vec![training(|record| record.train_loss), validation(|v| v.loss)]),
        chart(
            "Accuracy",
            Numbers::Percent,
            vec![training(|record| record.train_accuracy), validation(|v| v.accuracy)],
        ),
    ];
    row(&charts, PANEL)
}

/// Validation loss and accuracy of several runs, and their training loss where one has no validation.
pub(crate) fn overlaid(runs: &[Run<'_>]) -> Drawing {
    let lines = |of: fn(&EpochRecord) -> Option<f64>| -> Vec<Series> {
        runs.iter().map(|run| line(&run.name, run.colour, run.epochs, of)).collect()
    };
    let charts = [
        chart("Training loss", Numbers::Plain, lines(|record| Some(record.train_loss))),
        chart("Validation loss", Numbers::Plain, lines(|record| record.validation.map(|v| v.loss))),
        chart("Validation accuracy", Numbers::Percent, lines(|record| record.validation.map(|v| v.accuracy))),
    ];
    row(&charts, PANEL)
}

/// The learning rate at points of the run, in epochs.
pub(crate) fn learning_rate(points: Vec<Point>) -> Drawing {
    let series = Series { name: String::new(), colour: BLUE, points, dots: Dots::Few };
    let x = Axis::new("epochs", Numbers::Plain);
    let chart =
        Chart { title: "Learning rate".into(), x, y: Axis::new("", Numbers::Plain), series: vec![series] };
    row(&[chart], (2.0 * PANEL.0, 180.0))
}

/// The loss over rising learning rates, with the suggested one.
pub(crate) fn range_test(found: &RangeTest) -> Drawing {
    let low = found.points.iter().map(|point| point.smoothed).fold(f64::INFINITY, f64::min);
    let first = found.points.first().map_or(1.0, |point| point.smoothed);
    // What lies far above the beginning has broken away, and would press the rest flat.
    let most = first + 0.5 * (first - low).max(0.0);
    let points = |of: fn(&cnn_train::RangePoint) -> f64| {
        found.points.iter().map(|point| (point.rate, of(point))).filter(|(_, loss)| *loss <= most).collect()
    };
    let mut series = vec![Series {
        name: "loss, smoothed".into(),
        colour: BLUE,
        points: points(|point| point.smoothed),
        dots: Dots::Never,
    }];
    if let Some(rate) = found.suggestion() {
        let name = format!("suggestion {rate:.1e}");
        series.push(Series {
            name,
            colour: ORANGE,
            points: vec![(rate, low), (rate, first)],
            dots: Dots::Never,
        });
    }
    let (x, y) = (Axis::new("learning rate", Numbers::Logarithmic), Axis::new("", Numbers::Plain));
    row(&[Chart { title: "Learning-rate range test".into(), x, y, series }], (560.0, 300.0))
}

fn chart(title: &str, numbers: Numbers, series: Vec<Series>) -> Chart {
    Chart { title: title.into(), x: Axis::new("epoch", Numbers::Whole), y: Axis::new("", numbers), series }
}

fn line(name: &str, colour: Rgb, epochs: &[EpochRecord], of: impl Fn(&EpochRecord) -> Option<f64>) -> Series {
    let points = epochs.iter().filter_map(|record| Some((record.epoch as f64, of(record)?))).collect();
    Series { name: name.into(), colour, points, dots: Dots::Few }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::report) fn record(epoch: usize, value: f64, validation: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            learning_rate: 0.1,
            train_loss: value,
            train_accuracy: 1.0 - value,
            validation: validation.map(|value| Validation {
                loss: value,
                accuracy: 1.0 - value,
                ..Validation::default()
            }),
            seconds: 1.0,
            images_per_second: 1.0,
            waiting_seconds: 0.0,
        }
    }

    #[test]
    fn a_run_without_validation_has_one_curve_in_each_panel() {
        let with = picture(&[record(1, 0.5, Some(0.4)), record(2, 0.2, Some(0.3))]).svg();
        let without = picture(&[record(1, 0.5, None), record(2, 0.2, None)]).svg();
        assert_eq!(with.matches(">validation<").count(), 2);
        assert_eq!(without.matches(">validation<").count(), 0);
        assert!(without.contains(">training<"));
    }

    #[test]
    fn an_empty_and_a_one_epoch_run_are_drawn() {
        assert!(picture(&[]).svg().ends_with("</svg>\n"));
        assert!(!picture(&[record(1, 0.5, None)]).svg().contains("NaN"));
    }
}
