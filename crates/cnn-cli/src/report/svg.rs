//! A small writer of SVG: the few shapes that the plots need, with numbers kept short.
//!
//! Text is escaped, colours are literals of this crate. Styles beyond fill, stroke and font size are
//! deliberately not here.

use std::fmt::Write;

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
    pub(crate) colour: &'static str,
    pub(crate) weight: Weight,
}

/// The thickness of letters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Weight {
    Normal,
    Bold,
}

impl Font {
    /// Plain text.
    pub(crate) fn normal(size: f64, colour: &'static str) -> Self {
        Self { size, colour, weight: Weight::Normal }
    }

    /// Text of a heading.
    pub(crate) fn bold(size: f64, colour: &'static str) -> Self {
        Self { size, colour, weight: Weight::Bold }
    }
}

/// A point of the drawing: right, then down, in pixels.
pub(crate) type Point = (f64, f64);

/// A drawing in the making.
pub(crate) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

impl Svg {
    /// A white drawing.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { body: String::new(), width, height };
        svg.rectangle((0.0, 0.0), (width, height), "#ffffff");
        svg
    }

    /// A filled rectangle.
    pub(crate) fn rectangle(&mut self, (x, y): Point, (width, height): Point, fill: &str) {
        let (x, y, width, height) = (short(x), short(y), short(width), short(height));
        self.add(format_args!(r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"/>"#));
    }

    /// Straight lines through the points.
    pub(crate) fn line(&mut self, points: &[Point], stroke: &str, width: f64) {
        let points: Vec<String> = points.iter().map(|&(x, y)| format!("{},{}", short(x), short(y))).collect();
        self.add(format_args!(
            r#"<polyline points="{}" fill="none" stroke="{stroke}" stroke-width="{}" stroke-linejoin="round"/>"#,
            points.join(" "),
            short(width)
        ));
    }

    /// A filled disc.
    pub(crate) fn disc(&mut self, (x, y): Point, radius: f64, fill: &str) {
        let (x, y, radius) = (short(x), short(y), short(radius));
        self.add(format_args!(r#"<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"/>"#));
    }

    /// A line of text whose baseline is at the point.
    pub(crate) fn text(&mut self, at: Point, anchor: Anchor, font: Font, text: &str) {
        self.turned_text(at, 0.0, anchor, font, text);
    }

    /// A line of text, turned clockwise about the point by an angle in degrees.
    pub(crate) fn turned_text(&mut self, (x, y): Point, angle: f64, anchor: Anchor, font: Font, text: &str) {
        let (x, y) = (short(x), short(y));
        let turn =
            if angle == 0.0 { String::new() } else { format!(r#" transform="rotate({angle} {x} {y})""#) };
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = match font.weight {
            Weight::Normal => "",
            Weight::Bold => r#" font-weight="600""#,
        };
        self.add(format_args!(
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{}" fill="{}"{weight}{turn}>{}</text>"#,
            short(font.size),
            font.colour,
            escape(text)
        ));
    }

    /// The finished file.
    pub(crate) fn finish(self) -> String {
        let (width, height) = (short(self.width), short(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\">\n\
             {}</svg>\n",
            self.body
        )
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// A number with at most two decimals and no needless ones.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Text without what XML takes for its own, or does not allow.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character if character.is_control() => escaped.push('\u{FFFD}'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_text_is_escaped() {
        let mut svg = Svg::new(100.0, 50.5);
        svg.text((1.0, 2.126), Anchor::Middle, Font::normal(12.0, "#000"), "a<b & \"c\"\u{1b}");
        let file = svg.finish();
        assert!(file.contains(r#"viewBox="0 0 100 50.5""#), "{file}");
        assert!(file.contains(r#"x="1" y="2.13""#), "{file}");
        assert!(file.contains("a&lt;b &amp; &quot;c&quot;\u{FFFD}</text>"), "{file}");
    }
}
