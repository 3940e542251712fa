//! Pictures of what probabilities are worth: the reliability diagram, ROC and precision-recall curves, and the classes
//! side by side.

use cnn_layers::summary::group;
use cnn_train::metrics::{CALIBRATION_BINS as BINS, ConfusionMatrix, Probabilities, curves};

use super::chart::{self, Axis, Chart, Dots, Numbers, Series, round_numbers};
use super::colour::{BLUE, FRAME, GRID, INK, MUTED, ORANGE, SERIES};
use super::confusion::{clipped, percent};
use super::curves::row;
use super::drawing::{Anchor, Drawing, Font, Point, fitted, width_of};

/// Classes drawn by colour; with more, the worst of them, over the rest in grey.
const COLOURED: usize = SERIES.len();

/// As many more classes have a grey line.
const MOST_GREY: usize = 40;

/// Points of a curve that the eye can tell apart.
const MOST_POINTS: usize = 400;

/// Classes of the picture of classes; with more, the worst.
const MOST_CLASSES: usize = 60;

/// How often the network is right where it says that it is so sure, and how often it says so.
pub(crate) fn reliability(probabilities: &Probabilities) -> Drawing {
    let bins = probabilities.reliability(BINS);
    let size = (330.0, 300.0);
    let (left, top) = (chart::LEFT, chart::TOP);
    let mut drawing = Drawing::new(left + size.0 + 340.0, top + size.1 + chart::BOTTOM);
    let axis = |name| Axis::new(name, Numbers::Percent).between(0.0, 1.0);
    let even = Series {
        name: "ideal".into(),
        colour: FRAME,
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        dots: Dots::Never,
    };
    let met = bins.iter().filter(|bin| bin.images > 0).map(|bin| (bin.confidence, bin.accuracy)).collect();
    let met = Series { name: "met".into(), colour: BLUE, points: met, dots: Dots::Few };
    let diagram = Chart {
        title: "Reliability".into(),
        x: axis("probability of the predicted class"),
        y: axis("share of right predictions"),
        series: vec![even, met],
    };
    diagram.draw(&mut drawing, (0.0, 0.0), size);

    let (left, width) = (left + size.0 + 60.0, 260.0);
    drawing.text((left, top - 34.0), Anchor::Start, Font::bold(16.0, INK), "How often it is so sure");
    let text = format!("calibration error {:.2} %", 100.0 * probabilities.calibration_error(BINS));
    drawing.text((left, top - 14.0), Anchor::Start, Font::normal(12.0, MUTED), &text);
    let most = bins.iter().map(|bin| bin.images).max().unwrap_or(0).max(1) as f64;
    let step = width / BINS as f64;
    for (place, bin) in bins.iter().enumerate() {
        let high = size.1 * bin.images as f64 / most;
        drawing.rectangle((left + place as f64 * step + 1.0, top + size.1 - high), (step - 2.0, high), BLUE);
    }
    drawing.line(&[(left, top + size.1), (left + width, top + size.1)], FRAME, 1.0);
    for (share, text) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
        let at = (left + share * width, top + size.1 + 18.0);
        drawing.text(at, Anchor::Middle, Font::normal(11.0, MUTED), text);
    }
    let below = (left + width / 2.0, top + size.1 + 38.0);
    drawing.text(
        below,
        Anchor::Middle,
        Font::normal(12.0, MUTED),
        "images by probability of the predicted class",
    );
    drawing
}

/// Each class against all others: true over false positive rate, and precision over recall. Of many classes the worst are
/// in colour, and some of the rest in grey.
pub(crate) fn ranking(probabilities: &Probabilities, classes: &[String]) -> cnn_train::Result<Drawing> {
    // Of two classes, the curve of one says all.
    let ranked = if classes.len() == 2 { 1..2 } else { 0..classes.len() };
    let mut found = Vec::new();
    for class in ranked {
        if let Some(curves) = Curves::of(probabilities, class)? {
            found.push(curves);
        }
    }
    found.sort_by(|a, b| a.roc_auc.total_cmp(&b.roc_auc).then(a.class.cmp(&b.class)));
    found.truncate(COLOURED + MOST_GREY);
    let lines = |area: fn(&Curves) -> f64, points: fn(&Curves) -> &Vec<Point>| -> Vec<Series> {
        let lines = found.iter().enumerate().map(|(place, curves)| {
            let name = classes.get(curves.class).map_or("", String::as_str);
            let (name, colour) = match SERIES.get(place) {
                Some(&colour) => (format!("{}: {}", clipped(name, 12), shown(area(curves))), colour),
                None => (String::new(), FRAME),
            };
            Series { name, colour, points: points(curves).clone(), dots: Dots::Never }
        });
        lines.collect()
    };
    let axis = |name| Axis::new(name, Numbers::Percent).between(0.0, 1.0);
    let charts = [
        Chart {
            title: "ROC, each class against the rest".into(),
            x: axis("false positive rate"),
            y: axis("true positive rate"),
            series: lines(|curves| curves.roc_auc, |curves| &curves.rates),
        },
        Chart {
            title: "Precision over recall".into(),
            x: axis("recall"),
            y: axis("precision"),
            series: lines(|curves| curves.average_precision, |curves| &curves.exactness),
        },
    ];
    Ok(row(&charts, (400.0, 320.0)))
}

/// The curves of one class against all others, and the areas under them.
struct Curves {
    class: usize,
    roc_auc: f64,
    average_precision: f64,
    rates: Vec<Point>,
    exactness: Vec<Point>,
}

impl Curves {
    /// `None` where only one of the two kinds of image occurs.
    fn of(probabilities: &Probabilities, class: usize) -> cnn_train::Result<Option<Self>> {
        let scored = probabilities.scores_of(class);
        let areas = curves::roc_auc(&scored)?.zip(curves::average_precision(&scored)?);
        let Some((roc_auc, average_precision)) = areas else { return Ok(None) };
        let thresholds = curves::thresholds(&scored)?;
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let (positives, negatives) =
            thresholds.last().map_or((0, 0), |last| (last.true_positives, last.false_positives));
        let rates = thresholds
            .iter()
            .map(|at| (share(at.false_positives, negatives), share(at.true_positives, positives)));
        let exactness = thresholds.iter().skip(1).map(|at| {
            let taken = at.true_positives + at.false_positives;
            (share(at.true_positives, positives), share(at.true_positives, taken))
        });
        let (rates, exactness) = (thin(rates.collect()), thin(exactness.collect()));
        Ok(Some(Self { class, roc_auc, average_precision, rates, exactness }))
    }
}

/// An area to three decimals, never rounded up to 1.
fn shown(area: f64) -> String {
    format!("{:.3}", if area < 1.0 { area.min(0.999) } else { 1.0 })
}

/// As many points of a line as the eye can tell apart.
fn thin(points: Vec<Point>) -> Vec<Point> {
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(at, _)| at % stride == 0 || *at == last)
        .map(|(_, point)| point)
        .collect()
}

/// Recall and precision of each class, the worst first.
pub(crate) fn classes(matrix: &ConfusionMatrix, names: &[String]) -> Drawing {
    let mut each: Vec<_> = matrix.per_class().into_iter().zip(names).collect();
    each.sort_by(|a, b| a.0.recall.total_cmp(&b.0.recall).then(a.1.cmp(b.1)));
    let all = each.len();
    each.truncate(MOST_CLASSES);
    let label = Font::normal(12.0, INK);
    let longest = each.iter().map(|(_, name)| width_of(name, label)).fold(40.0, f64::max).min(180.0);
    let (left, bar, high) = (longest + 32.0, 360.0, 26.0);
    let top = 96.0;
    let mut drawing = Drawing::new(left + bar + 190.0, top + high * each.len() as f64 + 24.0);
    let title = match each.len() {
        shown if shown < all => format!("The {shown} classes of lowest recall, of {all}"),
        _ => "Classes, lowest recall first".into(),
    };
    drawing.text((20.0, 32.0), Anchor::Start, Font::bold(16.0, INK), &title);
    let muted = Font::normal(12.0, MUTED);
    for (at, colour, name) in [(left, BLUE, "recall"), (left + 80.0, ORANGE, "precision")] {
        drawing.disc((at + 4.0, 56.0), 4.0, colour);
        drawing.text((at + 13.0, 60.0), Anchor::Start, muted, name);
    }
    let lowest = each.iter().map(|(scores, _)| scores.recall.min(scores.precision)).fold(1.0, f64::min);
    let shares = round_numbers(lowest, 1.0);
    let low = shares.first().copied().unwrap_or(0.0);
    let x = |share: f64| left + bar * ((share - low) / (1.0 - low)).clamp(0.0, 1.0);
    for &share in &shares {
        drawing.line(&[(x(share), top), (x(share), top + high * each.len() as f64)], GRID, 1.0);
        let text = format!("{} %", (share * 1e4).round() / 100.0);
        drawing.text((x(share), top - 6.0), Anchor::Middle, Font::normal(11.0, MUTED), &text);
    }
    for (row, (scores, name)) in each.iter().enumerate() {
        let y = top + high * (row as f64 + 0.5);
        drawing.text((left - 12.0, y + 4.0), Anchor::End, label, &fitted(name, label, 180.0));
        drawing.line(&[(x(scores.recall), y), (x(scores.precision), y)], FRAME, 3.0);
        drawing.disc((x(scores.precision), y), 5.0, ORANGE);
        drawing.disc((x(scores.recall), y), 5.0, BLUE);
        let figures = format!(
            "{} / {}  of {}",
            percent(scores.recall),
            percent(scores.precision),
            group(scores.images)
        );
        drawing.text((left + bar + 16.0, y + 4.0), Anchor::Start, muted, &figures);
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    fn probabilities(classes: usize, images: usize) -> Probabilities {
        let row = |image: usize| {
            let parts: Vec<f64> =
                (0..classes).map(|class| 1.0 + ((image * 7 + class * 3) % 11) as f64).collect();
            let sum: f64 = parts.iter().sum();
            parts.into_iter().map(move |part| part / sum)
        };
        let truths = (0..images).map(|image| image % classes).collect();
        Probabilities::new(classes, (0..images).flat_map(row).collect(), truths).unwrap()
    }

    #[test]
    fn each_of_a_few_classes_has_a_named_curve_and_two_classes_have_one() {
        let three = ranking(&probabilities(3, 50), &names(3)).unwrap().svg();
        assert_eq!(three.matches(">class ").count(), 6);
        let two = ranking(&probabilities(2, 50), &names(2)).unwrap().svg();
        assert_eq!(two.matches(">class ").count(), 2);
    }

    #[test]
    fn of_many_classes_and_images_the_drawing_stays_small() {
        let many = ranking(&probabilities(300, 3000), &names(300)).unwrap().svg();
        assert!(many.len() < 1_000_000, "{}", many.len());
        let matrix = ConfusionMatrix::new(500);
        let classes = classes(&matrix, &names(500)).svg();
        assert!(classes.contains("The 60 classes of lowest recall, of 500"));
    }

    #[test]
    fn a_class_that_does_not_occur_has_no_curve_and_no_images_are_drawn_too() {
        let one = Probabilities::new(2, vec![0.5, 0.5], vec![0]).unwrap();
        assert!(!ranking(&one, &names(2)).unwrap().svg().contains(">class "));
        let none = Probabilities::new(2, vec![], vec![]).unwrap();
        assert!(!reliability(&none).svg().contains("NaN"));
        assert!(reliability(&probabilities(4, 100)).svg().contains("calibration error"));
    }
}
