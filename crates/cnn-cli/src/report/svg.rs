//! A drawing as SVG: numbers kept short, texts escaped, pictures as PNG within the file.

use std::fmt::Write;

use super::colour::hex;
use super::drawing::{Anchor, Drawing, Font, Point, Shape, Weight};
use super::png;

pub(super) fn write(drawing: &Drawing) -> String {
    let (width, height) = (short(drawing.size.0), short(drawing.size.1));
    let mut file = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for shape in &drawing.shapes {
        // Writing to a string does not fail.
        let _ = writeln!(file, "{}", element(shape));
    }
    file.push_str("</svg>\n");
    file
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Rectangle { at, size, fill } => {
            let [x, y, width, height] = [at.0, at.1, size.0, size.1].map(short);
            format!(r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{}"/>"#, hex(*fill))
        }
        Shape::Line { points, stroke, width } => {
            let points: Vec<String> =
                points.iter().map(|&(x, y)| format!("{},{}", short(x), short(y))).collect();
            format!(
                r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="{}" stroke-linejoin="round"/>"#,
                points.join(" "),
                hex(*stroke),
                short(*width)
            )
        }
        Shape::Disc { at, radius, fill } => {
            let [x, y, radius] = [at.0, at.1, *radius].map(short);
            format!(r#"<circle cx="{x}" cy="{y}" r="{radius}" fill="{}"/>"#, hex(*fill))
        }
        Shape::Text { at, turn, anchor, font, text } => words(*at, *turn, *anchor, *font, text),
        Shape::Picture { at, pixels } => {
            let [x, y] = [at.0, at.1].map(short);
            let (width, height) = pixels.dimensions();
            // A picture of pixels that are there can be encoded.
            let file = png::encode(pixels).map(|file| png::data_uri(&file)).unwrap_or_default();
            format!(
                r#"<image x="{x}" y="{y}" width="{width}" height="{height}" style="image-rendering:pixelated" href="{file}"/>"#
            )
        }
    }
}

fn words((x, y): Point, turn: f64, anchor: Anchor, font: Font, text: &str) -> String {
    let (x, y) = (short(x), short(y));
    let turn = if turn == 0.0 { String::new() } else { format!(r#" transform="rotate({turn} {x} {y})""#) };
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let weight = match font.weight {
        Weight::Normal => "",
        Weight::Bold => r#" font-weight="600""#,
    };
    format!(
        r#"<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{}" fill="{}"{weight}{turn}>{}</text>"#,
        short(font.size),
        hex(font.colour),
        escape(text)
    )
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
        let mut drawing = Drawing::new(100.0, 50.5);
        drawing.text((1.0, 2.126), Anchor::Middle, Font::normal(12.0, [0; 3]), "a<b & \"c\"\u{1b}");
        let file = drawing.svg();
        assert!(file.contains(r#"viewBox="0 0 100 50.5""#), "{file}");
        assert!(file.contains(r#"x="1" y="2.13""#), "{file}");
        assert!(file.contains("a&lt;b &amp; &quot;c&quot;\u{FFFD}</text>"), "{file}");
    }

    #[test]
    fn a_picture_is_within_the_file() {
        let mut drawing = Drawing::new(10.0, 10.0);
        drawing.picture((1.0, 2.0), image::RgbImage::new(3, 4));
        let file = drawing.svg();
        assert!(file.contains(r#"<image x="1" y="2" width="3" height="4""#), "{file}");
        assert!(file.contains("data:image/png;base64,iVBORw0KGgo"), "{file}");
    }
}
