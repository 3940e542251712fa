//! A drawing: shapes on white paper, written as SVG for a page and as PNG for everything else.
//!
//! Both are the same picture, but for the letters: a page has fonts of its own, a PNG has DejaVu Sans, by which texts are
//! measured. Styles beyond fill, stroke and font size are deliberately not here.

use image::RgbImage;

use super::{font, png, svg};

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// A place on the drawing, or a size: right, then down, in pixels.
pub(crate) type Point = (f64, f64);

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    pub(crate) size: f64,
    pub(crate) colour: Rgb,
    pub(crate) weight: Weight,
}

/// The thickness of letters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Weight {
    Normal,
    Bold,
}

impl Font {
    /// Letters of the common thickness.
    pub(crate) fn normal(size: f64, colour: Rgb) -> Self {
        Self { size, colour, weight: Weight::Normal }
    }

    /// Thick letters.
    pub(crate) fn bold(size: f64, colour: Rgb) -> Self {
        Self { size, colour, weight: Weight::Bold }
    }
}

/// What a drawing is made of. Later shapes cover earlier ones.
pub(super) enum Shape {
    Rectangle {
        at: Point,
        size: Point,
        fill: Rgb,
    },
    Line {
        points: Vec<Point>,
        stroke: Rgb,
        width: f64,
    },
    Disc {
        at: Point,
        radius: f64,
        fill: Rgb,
    },
    /// `at` is on the baseline; `turn` is clockwise about it, in degrees.
    Text {
        at: Point,
        turn: f64,
        anchor: Anchor,
        font: Font,
        text: String,
    },
    /// A picture in its own pixels.
    Picture {
        at: Point,
        pixels: RgbImage,
    },
}

/// A drawing in the making.
pub(crate) struct Drawing {
    pub(super) size: Point,
    pub(super) shapes: Vec<Shape>,
}

impl Drawing {
    /// A white drawing.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { size: (width, height), shapes: Vec::new() }
    }

    /// A filled rectangle.
    pub(crate) fn rectangle(&mut self, at: Point, size: Point, fill: Rgb) {
        self.shapes.push(Shape::Rectangle { at, size, fill });
    }

    /// Straight lines through the points.
    pub(crate) fn line(&mut self, points: &[Point], stroke: Rgb, width: f64) {
        self.shapes.push(Shape::Line { points: points.to_vec(), stroke, width });
    }

    /// A filled disc.
    pub(crate) fn disc(&mut self, at: Point, radius: f64, fill: Rgb) {
        self.shapes.push(Shape::Disc { at, radius, fill });
    }

    /// A line of text whose baseline is at the point.
    pub(crate) fn text(&mut self, at: Point, anchor: Anchor, font: Font, text: &str) {
        self.turned_text(at, 0.0, anchor, font, text);
    }

    /// A line of text, turned clockwise about the point by an angle in degrees.
    pub(crate) fn turned_text(&mut self, at: Point, turn: f64, anchor: Anchor, font: Font, text: &str) {
        self.shapes.push(Shape::Text { at, turn, anchor, font, text: text.to_owned() });
    }

    /// A picture whose top left corner is at the point, pixel for pixel.
    pub(crate) fn picture(&mut self, at: Point, pixels: RgbImage) {
        self.shapes.push(Shape::Picture { at, pixels });
    }

    /// As SVG.
    pub(crate) fn svg(&self) -> String {
        svg::write(self)
    }

    /// As PNG, with two pixels for one of the drawing.
    pub(crate) fn png(&self) -> Result<Vec<u8>, image::ImageError> {
        png::write(self)
    }
}

/// How wide a text is, in pixels of the drawing.
pub(crate) fn width_of(text: &str, font: Font) -> f64 {
    font::width(text, font)
}

/// As much of a text as is no wider than this; an ellipsis stands for what is missing.
pub(crate) fn fitted(text: &str, font: Font, most: f64) -> String {
    if width_of(text, font) <= most {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        let shown = format!("{}\u{2026}", kept.trim_end());
        if width_of(&shown, font) <= most {
            return shown;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_what_fits() {
        let font = Font::normal(12.0, [0; 3]);
        assert_eq!(fitted("cat", font, 100.0), "cat");
        let cut = fitted("a very long name of a class", font, 60.0);
        assert!(
            cut.starts_with("a ve") && cut.ends_with('\u{2026}') && width_of(&cut, font) <= 60.0,
            "{cut}"
        );
        assert_eq!(fitted("cat", font, 1.0), "");
        assert!(width_of("mm", Font::bold(12.0, [0; 3])) > width_of("mm", font));
    }
}
