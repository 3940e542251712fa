//! A chart: lines over two axes with round numbers.

use super::colour::{GRID, INK, MUTED};
use super::drawing::{Anchor, Drawing, Font, Point, Rgb, width_of};

/// One line of a chart.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) colour: Rgb,
    pub(crate) points: Vec<Point>,
    pub(crate) dots: Dots,
}

/// Whether the points of a line are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dots {
    /// Where there are few of them.
    Few,
    Never,
}

/// With more points than this a line has no dots.
const FEW: usize = 40;

/// How the numbers at an axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    Plain,
    Percent,
    /// Whole numbers only: epochs.
    Whole,
    /// Powers of ten.
    Logarithmic,
}

/// An axis: what it measures, and from where to where, if that is not for the data to say.
pub(crate) struct Axis {
    pub(crate) name: &'static str,
    pub(crate) numbers: Numbers,
    pub(crate) range: Option<(f64, f64)>,
}

impl Axis {
    pub(crate) fn new(name: &'static str, numbers: Numbers) -> Self {
        Self { name, numbers, range: None }
    }

    pub(crate) fn between(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }
}

/// A chart to be drawn.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// Space left of the lines, above them and below them.
pub(crate) const LEFT: f64 = 64.0;
pub(crate) const TOP: f64 = 56.0;
pub(crate) const BOTTOM: f64 = 52.0;

impl Chart {
    /// Draws the chart with its top left corner at a point; `size` is that of the part with the lines.
    pub(crate) fn draw(&self, drawing: &mut Drawing, (left, top): Point, (width, height): Point) {
        let (left, top) = (left + LEFT, top + TOP);
        let (x_scale, y_scale) = (self.scale(&self.x, |point| point.0), self.scale(&self.y, |point| point.1));
        let to = |point: Point| {
            (left + width * x_scale.share(point.0), top + height * (1.0 - y_scale.share(point.1)))
        };
        drawing.text((left, top - 34.0), Anchor::Start, Font::bold(16.0, INK), &self.title);
        self.legend(drawing, (left, top - 14.0), width);
        let small = Font::normal(11.0, MUTED);
        for &tick in &y_scale.ticks {
            let y = to((0.0, tick)).1;
            drawing.line(&[(left, y), (left + width, y)], GRID, 1.0);
            drawing.text((left - 8.0, y + 4.0), Anchor::End, small, &y_scale.write(tick));
        }
        for &tick in &x_scale.ticks {
            let x = left + width * x_scale.share(tick);
            drawing.line(&[(x, top + height), (x, top + height + 4.0)], GRID, 1.0);
            drawing.text((x, top + height + 18.0), Anchor::Middle, small, &x_scale.write(tick));
        }
        let below = (left + width / 2.0, top + height + 38.0);
        drawing.text(below, Anchor::Middle, Font::normal(12.0, MUTED), self.x.name);
        if !self.y.name.is_empty() {
            let beside = (left - LEFT + 14.0, top + height / 2.0);
            drawing.turned_text(beside, -90.0, Anchor::Middle, Font::normal(12.0, MUTED), self.y.name);
        }
        // The first are the ones that matter, and lie on top.
        for series in self.series.iter().rev() {
            let points: Vec<Point> = series.points.iter().map(|&point| to(point)).collect();
            drawing.line(&points, series.colour, 2.0);
            if points.len() == 1 || (series.dots == Dots::Few && points.len() <= FEW) {
                points.iter().for_each(|&point| drawing.disc(point, 2.8, series.colour));
            }
        }
    }

    /// Names of the lines, as many as there is room for.
    fn legend(&self, drawing: &mut Drawing, (left, y): Point, width: f64) {
        let font = Font::normal(12.0, MUTED);
        let mut at = left;
        for series in self.series.iter().filter(|series| !series.points.is_empty() && !series.name.is_empty())
        {
            let next = at + 13.0 + width_of(&series.name, font) + 16.0;
            if next - 16.0 > left + width + 20.0 && at > left {
                break;
            }
            drawing.disc((at + 4.0, y - 4.0), 4.0, series.colour);
            drawing.text((at + 13.0, y), Anchor::Start, font, &series.name);
            at = next;
        }
    }

    fn scale(&self, axis: &Axis, of: impl Fn(&Point) -> f64) -> Scale {
        let values = self.series.iter().flat_map(|series| &series.points).map(of);
        let values = values
            .filter(|value| value.is_finite() && (axis.numbers != Numbers::Logarithmic || *value > 0.0));
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let nothing = if axis.numbers == Numbers::Logarithmic { (0.1, 1.0) } else { (0.0, 1.0) };
        let met = if low <= high { (low, high) } else { nothing };
        Scale::new(axis.numbers, axis.range.unwrap_or(met))
    }
}

/// From where to where an axis goes, and where numbers stand.
struct Scale {
    numbers: Numbers,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Scale {
    fn new(numbers: Numbers, (low, high): (f64, f64)) -> Self {
        match numbers {
            Numbers::Whole => {
                let stride = ((high - low) / 10.0).ceil().max(1.0);
                let first = (low / stride).ceil() as i64;
                let ticks =
                    (first..=(high / stride).floor() as i64).map(|tick| tick as f64 * stride).collect();
                let half = if high > low { 0.0 } else { 0.5 };
                Self { numbers, low: low - half, high: high + half, ticks }
            }
            Numbers::Logarithmic => {
                let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
                let last = last.max(first.saturating_add(1));
                let stride = (last.saturating_sub(first) / 8).max(1) as usize;
                let ticks = (first..=last).step_by(stride).map(|power| 10f64.powi(power)).collect();
                Self { numbers, low: 10f64.powi(first), high: 10f64.powi(last), ticks }
            }
            Numbers::Plain | Numbers::Percent => {
                let ticks = round_numbers(low, high);
                let (low, high) =
                    (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
                Self { numbers, low, high, ticks }
            }
        }
    }

    /// Where a value is, 0 at the beginning of the axis and 1 at its end.
    fn share(&self, value: f64) -> f64 {
        let of = |value: f64| {
            if self.numbers == Numbers::Logarithmic { value.max(self.low).log10() } else { value }
        };
        ((of(value) - of(self.low)) / (of(self.high) - of(self.low))).clamp(0.0, 1.0)
    }

    fn write(&self, value: f64) -> String {
        let step = self.ticks.get(1).map_or(1.0, |second| second - self.low).abs();
        let decimals = |step: f64| (-(step * 1.0001).log10().floor()).clamp(0.0, 6.0) as usize;
        match self.numbers {
            Numbers::Plain if step < 1e-4 => format!("{value:.0e}"),
            Numbers::Plain => format!("{value:.*}", decimals(step)),
            Numbers::Percent => format!("{:.*} %", decimals(step * 100.0), value * 100.0),
            Numbers::Whole => format!("{value:.0}"),
            Numbers::Logarithmic => format!("{value:.0e}"),
        }
    }
}

/// Round numbers, 1, 2 or 5 times a power of ten apart, from at or below `low` to at or above `high`.
pub(super) fn round_numbers(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = if high - low > 1e-12 { (low, high) } else { (low - 0.5e-3, high + 0.5e-3) };
    let rough = (high - low) / 5.0;
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

    #[test]
    fn numbers_are_round_and_enclose_the_values() {
        let rounded =
            |low, high| round_numbers(low, high).iter().map(|t| (t * 1e4).round() / 1e4).collect::<Vec<_>>();
        assert_eq!(rounded(0.03, 0.92), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(rounded(0.981, 0.996), [0.98, 0.985, 0.99, 0.995, 1.0]);
        let flat = round_numbers(0.5, 0.5);
        assert!(flat.len() >= 2 && flat[0] <= 0.5 && flat[flat.len() - 1] >= 0.5);
    }

    #[test]
    fn numbers_are_written_with_as_many_decimals_as_tell_them_apart() {
        let written = |numbers, low, high| {
            let scale = Scale::new(numbers, (low, high));
            scale.ticks.iter().map(|&tick| scale.write(tick)).collect::<Vec<_>>()
        };
        assert_eq!(written(Numbers::Plain, 0.03, 0.92), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(
            written(Numbers::Percent, 0.981, 0.996),
            ["98.0 %", "98.5 %", "99.0 %", "99.5 %", "100.0 %"]
        );
        assert_eq!(written(Numbers::Whole, 1.0, 3.0), ["1", "2", "3"]);
        assert_eq!(written(Numbers::Whole, 1.0, 45.0), ["5", "10", "15", "20", "25", "30", "35", "40", "45"]);
        assert_eq!(written(Numbers::Logarithmic, 2e-5, 0.5), ["1e-5", "1e-4", "1e-3", "1e-2", "1e-1", "1e0"]);
    }

    #[test]
    fn a_chart_without_points_or_with_one_is_drawn() {
        for points in [vec![], vec![(1.0, 0.5)], vec![(1.0, f64::NAN), (2.0, f64::INFINITY)]] {
            let mut drawing = Drawing::new(400.0, 300.0);
            let series = Series { name: "a".into(), colour: INK, points, dots: Dots::Few };
            let (x, y) = (Axis::new("epoch", Numbers::Whole), Axis::new("", Numbers::Logarithmic));
            Chart { title: "t".into(), x, y, series: vec![series] }.draw(
                &mut drawing,
                (0.0, 0.0),
                (300.0, 200.0),
            );
            assert!(!drawing.svg().contains("NaN"), "{}", drawing.svg());
        }
    }
}
