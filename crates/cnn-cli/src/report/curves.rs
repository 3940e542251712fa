//! Loss and accuracy over the epochs, side by side, training against validation.

use cnn_train::EpochRecord;

use super::colour::{BLUE, GRID, INK, MUTED, ORANGE, hex};
use super::svg::{Anchor, Font, Point, Svg};

const PANEL: Point = (400.0, 250.0);
const LEFT: f64 = 64.0;
const TOP: f64 = 76.0;
const GAP: f64 = 84.0;

/// One curve: a value for each epoch that has one.
struct Curve {
    name: &'static str,
    colour: [u8; 3],
    points: Vec<(usize, f64)>,
}

/// How the numbers at an axis are written.
#[derive(Clone, Copy)]
enum Numbers {
    Plain,
    Percent,
}

/// The picture.
pub(crate) fn picture(epochs: &[EpochRecord]) -> String {
    let mut svg = Svg::new(LEFT + 2.0 * PANEL.0 + GAP + 28.0, TOP + PANEL.1 + 56.0);
    let curves = |train: fn(&EpochRecord) -> f64, validation: fn(&cnn_train::Validation) -> f64| {
        let of_training = epochs.iter().map(|record| (record.epoch, train(record))).collect();
        let of_validation = epochs
            .iter()
            .filter_map(|record| Some((record.epoch, validation(record.validation.as_ref()?))))
            .collect();
        [
            Curve { name: "training", colour: BLUE, points: of_training },
            Curve { name: "validation", colour: ORANGE, points: of_validation },
        ]
    };
    let last = epochs.last().map_or(1, |record| record.epoch);
    panel(&mut svg, LEFT, ("Loss", Numbers::Plain, last), &curves(|r| r.train_loss, |v| v.loss));
    let right = LEFT + PANEL.0 + GAP;
    panel(
        &mut svg,
        right,
        ("Accuracy", Numbers::Percent, last),
        &curves(|r| r.train_accuracy, |v| v.accuracy),
    );
    svg.finish()
}

fn panel(svg: &mut Svg, left: f64, (title, numbers, last): (&str, Numbers, usize), curves: &[Curve]) {
    let values = || curves.iter().flat_map(|curve| curve.points.iter().map(|&(_, value)| value));
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let ticks = ticks(if low.is_finite() { low } else { 0.0 }, if high.is_finite() { high } else { 1.0 });
    let (Some(&bottom), Some(&top)) = (ticks.first(), ticks.last()) else { return };
    let x = |epoch: usize| {
        let span = last.saturating_sub(1).max(1) as f64;
        left + PANEL.0 * if last > 1 { (epoch as f64 - 1.0) / span } else { 0.5 }
    };
    let y = |value: f64| TOP + PANEL.1 * (1.0 - (value - bottom) / (top - bottom));

    svg.text((left, 36.0), Anchor::Start, Font::bold(17.0, INK), title);
    let mut legend = left;
    for curve in curves.iter().filter(|curve| !curve.points.is_empty()) {
        svg.disc((legend + 4.0, 54.0), 4.0, &hex(curve.colour));
        svg.text((legend + 13.0, 58.0), Anchor::Start, Font::normal(12.0, MUTED), curve.name);
        legend += 30.0 + 7.0 * curve.name.len() as f64;
    }
    for &tick in &ticks {
        svg.line(&[(left, y(tick)), (left + PANEL.0, y(tick))], GRID, 1.0);
        let step = ticks.get(1).map_or(1.0, |second| second - bottom);
        let at = (left - 9.0, y(tick) + 4.0);
        svg.text(at, Anchor::End, Font::normal(11.5, MUTED), &numbers.write(tick, step));
    }
    let stride = last.div_ceil(10).max(1);
    for epoch in (1..=last).filter(|epoch| epoch % stride == 0 || last <= 10) {
        let at = (x(epoch), TOP + PANEL.1 + 18.0);
        svg.text(at, Anchor::Middle, Font::normal(11.5, MUTED), &epoch.to_string());
    }
    let below = (left + PANEL.0 / 2.0, TOP + PANEL.1 + 40.0);
    svg.text(below, Anchor::Middle, Font::normal(12.0, MUTED), "epoch");
    for curve in curves {
        let points: Vec<Point> = curve.points.iter().map(|&(epoch, value)| (x(epoch), y(value))).collect();
        svg.line(&points, &hex(curve.colour), 2.2);
        if points.len() <= 40 {
            points.iter().for_each(|&point| svg.disc(point, 3.0, &hex(curve.colour)));
        }
    }
}

impl Numbers {
    fn write(self, value: f64, step: f64) -> String {
        let decimals = |step: f64| (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        match self {
            Self::Plain => format!("{value:.*}", decimals(step)),
            Self::Percent => format!("{:.*} %", decimals(step * 100.0), value * 100.0),
        }
    }
}

/// Round numbers, 1, 2 or 5 times a power of ten apart, from at or below `low` to at or above `high`.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = if high - low > 1e-9 { (low, high) } else { (low - 0.5e-3, high + 0.5e-3) };
    let rough = (high - low) / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|&step| step >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step + 1e-9).floor() as i64;
    let last = (high / step - 1e-9).ceil() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize, value: f64, validation: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            learning_rate: 0.1,
            train_loss: value,
            train_accuracy: 1.0 - value,
            validation: validation.map(|value| cnn_train::Validation { loss: value, accuracy: 1.0 - value }),
            seconds: 1.0,
            images_per_second: 1.0,
        }
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let rounded =
            |low, high| ticks(low, high).iter().map(|t| (t * 1e4).round() / 1e4).collect::<Vec<_>>();
        assert_eq!(rounded(0.03, 0.92), [0.0, 0.5, 1.0]);
        assert_eq!(rounded(0.981, 0.996), [0.98, 0.985, 0.99, 0.995, 1.0]);
        let flat = ticks(0.5, 0.5);
        assert!(flat.len() >= 2 && flat[0] <= 0.5 && flat[flat.len() - 1] >= 0.5);
    }

    #[test]
    fn a_run_without_validation_has_one_curve_in_each_panel() {
        let with = picture(&[record(1, 0.5, Some(0.4)), record(2, 0.2, Some(0.3))]);
        let without = picture(&[record(1, 0.5, None), record(2, 0.2, None)]);
        assert_eq!(with.matches(">validation<").count(), 2);
        assert_eq!(without.matches(">validation<").count(), 0);
        assert!(without.contains(">training<"));
    }

    #[test]
    fn an_empty_and_a_one_epoch_run_are_drawn() {
        assert!(picture(&[]).ends_with("</svg>\n"));
        assert!(!picture(&[record(1, 0.5, None)]).contains("NaN"));
    }
}
