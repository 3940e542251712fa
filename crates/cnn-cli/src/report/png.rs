//! A drawing as PNG.

use std::io::Cursor;

use ab_glyph::OutlineCurve;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::{ImageFormat, RgbImage};
use tiny_skia::{
    Color, FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke,
    Transform,
};

use super::drawing::{Anchor, Drawing, Font, Point, Rgb, Shape};
use super::font;

/// Pixels for one of the drawing, so that lines and letters are sharp on any screen.
const SCALE: f32 = 2.0;

/// Most pixels on a side.
const MOST: f64 = 16_384.0;

pub(super) fn write(drawing: &Drawing) -> Result<Vec<u8>, image::ImageError> {
    let side = |length: f64| (length * f64::from(SCALE)).ceil().clamp(1.0, MOST) as u32;
    let (width, height) = (side(drawing.size.0), side(drawing.size.1));
    let mut paper = Pixmap::new(width, height).ok_or_else(too_large)?;
    paper.fill(Color::WHITE);
    for shape in &drawing.shapes {
        draw(&mut paper, shape);
    }
    let bytes = paper.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let picture = RgbImage::from_raw(width, height, bytes).ok_or_else(too_large)?;
    encode(&picture)
}

/// Pixels as a file.
pub(crate) fn encode(pixels: &RgbImage) -> Result<Vec<u8>, image::ImageError> {
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

/// A PNG file within a page.
pub(crate) fn data_uri(file: &[u8]) -> String {
    format!("data:image/png;base64,{}", BASE64.encode(file))
}

fn too_large() -> image::ImageError {
    image::ImageError::Limits(image::error::LimitError::from_kind(
        image::error::LimitErrorKind::DimensionError,
    ))
}

fn draw(paper: &mut Pixmap, shape: &Shape) {
    let page = Transform::from_scale(SCALE, SCALE);
    match shape {
        Shape::Rectangle { at, size, fill } => {
            let (x, y) = (at.0 as f32, at.1 as f32);
            if let Some(area) = Rect::from_xywh(x, y, size.0 as f32, size.1 as f32) {
                paper.fill_rect(area, &paint(*fill), page, None);
            }
        }
        Shape::Line { points, stroke, width } => {
            let mut path = PathBuilder::new();
            for (place, &(x, y)) in points.iter().enumerate() {
                match place {
                    0 => path.move_to(x as f32, y as f32),
                    _ => path.line_to(x as f32, y as f32),
                }
            }
            let style = Stroke { width: *width as f32, line_join: LineJoin::Round, ..Stroke::default() };
            if let Some(path) = path.finish() {
                paper.stroke_path(&path, &paint(*stroke), &style, page, None);
            }
        }
        Shape::Disc { at, radius, fill } => {
            if let Some(path) = PathBuilder::from_circle(at.0 as f32, at.1 as f32, *radius as f32) {
                paper.fill_path(&path, &paint(*fill), FillRule::Winding, page, None);
            }
        }
        Shape::Text { at, turn, anchor, font, text } => write_text(paper, *at, *turn, *anchor, *font, text),
        Shape::Picture { at, pixels } => place(paper, *at, pixels),
    }
}

fn write_text(paper: &mut Pixmap, at: Point, turn: f64, anchor: Anchor, font: Font, text: &str) {
    let before = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => font::width(text, font) / 2.0,
        Anchor::End => font::width(text, font),
    };
    let place = Transform::from_translate(-before as f32, 0.0)
        .post_rotate(turn as f32)
        .post_translate(at.0 as f32, at.1 as f32)
        .post_scale(SCALE, SCALE);
    for glyph in font::glyphs(text, font) {
        let here = Transform::from_translate(glyph.left as f32, 0.0).post_concat(place);
        let shape = Transform::from_scale(glyph.scale.0, glyph.scale.1).post_concat(here);
        if let Some(path) = outline(&glyph.outline) {
            paper.fill_path(&path, &paint(font.colour), FillRule::Winding, shape, None);
        }
    }
}

fn outline(curves: &[OutlineCurve]) -> Option<Path> {
    let mut path = PathBuilder::new();
    let mut end = None;
    for curve in curves {
        let (from, to) = match curve {
            OutlineCurve::Line(from, to)
            | OutlineCurve::Quad(from, _, to)
            | OutlineCurve::Cubic(from, _, _, to) => (from, to),
        };
        // A new part of the letter begins where the last curve did not end.
        if end != Some((from.x, from.y)) {
            path.close();
            path.move_to(from.x, from.y);
        }
        match curve {
            OutlineCurve::Line(..) => path.line_to(to.x, to.y),
            OutlineCurve::Quad(_, bend, _) => path.quad_to(bend.x, bend.y, to.x, to.y),
            OutlineCurve::Cubic(_, a, b, _) => path.cubic_to(a.x, a.y, b.x, b.y, to.x, to.y),
        }
        end = Some((to.x, to.y));
    }
    path.close();
    path.finish()
}

/// Each pixel of a picture as a square of pixels of the paper.
fn place(paper: &mut Pixmap, at: Point, pixels: &RgbImage) {
    let factor = SCALE as u32;
    let corner = |at: f64| (at * f64::from(SCALE)).round().max(0.0) as u32;
    let (left, top, width, height) = (corner(at.0), corner(at.1), paper.width(), paper.height());
    for y in 0..pixels.height() * factor {
        for x in 0..pixels.width() * factor {
            let (to_x, to_y) = (left + x, top + y);
            let [red, green, blue] = pixels.get_pixel(x / factor, y / factor).0;
            let to = to_y as usize * width as usize + to_x as usize;
            if to_x < width
                && to_y < height
                && let Some(colour) = PremultipliedColorU8::from_rgba(red, green, blue, 255)
                && let Some(pixel) = paper.pixels_mut().get_mut(to)
            {
                *pixel = colour;
            }
        }
    }
}

fn paint(colour: Rgb) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(colour[0], colour[1], colour[2], 255);
    paint
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(drawing: &Drawing) -> RgbImage {
        image::load_from_memory(&drawing.png().unwrap()).unwrap().into_rgb8()
    }

    #[test]
    fn shapes_are_where_they_were_put_and_what_is_past_the_edge_is_left_out() {
        let mut drawing = Drawing::new(20.0, 10.0);
        drawing.rectangle((2.0, 2.0), (4.0, 4.0), [10, 20, 30]);
        drawing.line(&[(0.0, 8.0), (40.0, 8.0)], [200, 0, 0], 2.0);
        drawing.disc((15.0, 3.0), 2.0, [0, 200, 0]);
        drawing.picture((18.0, 0.0), RgbImage::from_pixel(9, 1, image::Rgb([1, 2, 3])));
        let picture = drawn(&drawing);
        assert_eq!((picture.width(), picture.height()), (40, 20));
        let at = |x: u32, y: u32| picture.get_pixel(x, y).0;
        assert_eq!((at(5, 5), at(0, 0), at(20, 16)), ([10, 20, 30], [255; 3], [200, 0, 0]));
        assert_eq!(
            (at(30, 6), at(36, 1), at(39, 0), at(36, 2)),
            ([0, 200, 0], [1, 2, 3], [1, 2, 3], [255; 3])
        );
    }

    #[test]
    fn a_text_stands_on_its_baseline_and_turns_about_its_point() {
        let ink = |drawing: &Drawing| {
            let picture = drawn(drawing);
            let dark = picture.enumerate_pixels().filter(|(.., pixel)| pixel.0[0] < 100);
            let (xs, ys): (Vec<u32>, Vec<u32>) = dark.map(|(x, y, _)| (x, y)).unzip();
            (
                xs.iter().min().copied(),
                xs.iter().max().copied(),
                ys.iter().min().copied(),
                ys.iter().max().copied(),
            )
        };
        let font = Font::normal(12.0, [0; 3]);
        let mut flat = Drawing::new(60.0, 60.0);
        flat.text((30.0, 30.0), Anchor::Start, font, "HH");
        let (Some(left), Some(right), Some(top), Some(bottom)) = ink(&flat) else { panic!("nothing drawn") };
        assert!(
            left >= 60 && right < 60 + 48 && top > 60 - 24 && bottom <= 60,
            "{left} {right} {top} {bottom}"
        );
        let mut turned = Drawing::new(60.0, 60.0);
        turned.turned_text((30.0, 30.0), -90.0, Anchor::Start, font, "HH");
        let (Some(left), Some(right), Some(top), Some(bottom)) = ink(&turned) else {
            panic!("nothing drawn")
        };
        assert!(
            right <= 60 && left > 60 - 24 && bottom <= 60 && top > 60 - 48,
            "{left} {right} {top} {bottom}"
        );
    }
}
