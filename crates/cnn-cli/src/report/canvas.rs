//! A buffer of pixels that `embedded-graphics` writes letters on, saved as PNG.

use std::convert::Infallible;
use std::io::Cursor;

use cnn_data::{Image, Pixels};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::{ImageFormat, RgbImage};

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// A picture in the making.
pub(crate) struct Canvas {
    pixels: RgbImage,
}

/// The corner at the top left and the size of a part of the canvas, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Canvas {
    /// A canvas of one colour.
    pub(crate) fn new(width: u32, height: u32, fill: Rgb) -> Self {
        Self { pixels: RgbImage::from_pixel(width, height, image::Rgb(fill)) }
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Area {
        Area { left: 0, top: 0, width: self.pixels.width(), height: self.pixels.height() }
    }

    /// Fills an area; what lies outside the canvas is left out.
    pub(crate) fn fill(&mut self, area: Area, colour: Rgb) {
        for y in area.top..(area.top + area.height).min(self.pixels.height()) {
            for x in area.left..(area.left + area.width).min(self.pixels.width()) {
                self.pixels.put_pixel(x, y, image::Rgb(colour));
            }
        }
    }

    /// Writes a line of text whose top left corner, or top middle, is at the point.
    pub(crate) fn write(
        &mut self,
        (x, y): (u32, u32),
        alignment: Alignment,
        font: &MonoFont<'_>,
        colour: Rgb,
        text: &str,
    ) {
        let character = MonoTextStyle::new(font, Rgb888::new(colour[0], colour[1], colour[2]));
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
        let Ok(_) = Text::with_text_style(text, Point::new(x as i32, y as i32), character, style).draw(self);
    }

    /// Draws an image into an area, as large as it fits, in its proportions and in the middle.
    ///
    /// Enlarging by a whole factor keeps pixels square and sharp, which small digits need; anything else takes
    /// the mean over what a pixel covers.
    pub(crate) fn place(&mut self, image: &Image, area: Area) {
        let (width, height) = (image.width() as u32, image.height() as u32);
        let whole = (area.width / width).min(area.height / height);
        let (shown_width, shown_height) = if whole >= 1 {
            (width * whole, height * whole)
        } else {
            let scale =
                (f64::from(area.width) / f64::from(width)).min(f64::from(area.height) / f64::from(height));
            let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
            (scaled(width), scaled(height))
        };
        let left = area.left + area.width.saturating_sub(shown_width) / 2;
        let top = area.top + area.height.saturating_sub(shown_height) / 2;
        let range = |at: u32, shown: u32, length: u32| {
            let first = (u64::from(at) * u64::from(length) / u64::from(shown)) as u32;
            let last = (u64::from(at + 1) * u64::from(length)).div_ceil(u64::from(shown)) as u32;
            first..last.max(first + 1).min(length)
        };
        for y in 0..shown_height {
            let rows = range(y, shown_height, height);
            for x in 0..shown_width {
                let colour = mean_colour(image, rows.clone(), range(x, shown_width, width));
                if left + x < self.pixels.width() && top + y < self.pixels.height() {
                    self.pixels.put_pixel(left + x, top + y, image::Rgb(colour));
                }
            }
        }
    }

    /// The finished file.
    pub(crate) fn png(&self) -> Result<Vec<u8>, image::ImageError> {
        let mut file = Cursor::new(Vec::new());
        self.pixels.write_to(&mut file, ImageFormat::Png)?;
        Ok(file.into_inner())
    }
}

/// The mean over a part of an image, grey where it has fewer than three channels.
fn mean_colour(image: &Image, rows: std::ops::Range<u32>, columns: std::ops::Range<u32>) -> Rgb {
    let channels = image.channels();
    let count = rows.len() as u64 * columns.len() as u64;
    let mut sums = [0u64; 3];
    for y in rows {
        for x in columns.clone() {
            let at = (y as usize * image.width() + x as usize) * channels;
            for (part, sum) in sums.iter_mut().enumerate() {
                *sum += level(image, at + if channels >= 3 { part } else { 0 });
            }
        }
    }
    sums.map(|sum| (sum / count.max(1)) as u8)
}

/// A level of the image in 8 bits.
fn level(image: &Image, at: usize) -> u64 {
    match image.pixels() {
        Pixels::U8(levels) => levels.get(at).map_or(0, |&level| u64::from(level)),
        Pixels::U16(levels) => levels.get(at).map_or(0, |&level| u64::from(level >> 8)),
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.pixels.width(), self.pixels.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else { continue };
            if let Some(pixel) = self.pixels.get_pixel_mut_checked(x, y) {
                *pixel = image::Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: usize, width: usize, levels: Vec<u8>) -> Image {
        Image::from_u8(cnn_data::Size::new(height, width), 1, levels).unwrap()
    }

    #[test]
    fn a_small_image_is_enlarged_by_a_whole_factor_and_stays_sharp() {
        let mut canvas = Canvas::new(7, 4, [9, 9, 9]);
        canvas.place(&image(1, 2, vec![0, 255]), Area { left: 0, top: 0, width: 7, height: 4 });
        let row: Vec<u8> = (0..7).map(|x| canvas.pixels.get_pixel(x, 1).0[0]).collect();
        assert_eq!(row, [0, 0, 0, 255, 255, 255, 9]);
        assert_eq!((0..4).map(|y| canvas.pixels.get_pixel(0, y).0[0]).collect::<Vec<_>>(), [0, 0, 0, 9]);
    }

    #[test]
    fn a_large_image_is_averaged() {
        let mut canvas = Canvas::new(2, 1, [9, 9, 9]);
        canvas.place(
            &image(2, 4, vec![0, 100, 7, 7, 100, 200, 7, 7]),
            Area { left: 0, top: 0, width: 2, height: 1 },
        );
        assert_eq!(canvas.pixels.get_pixel(0, 0).0, [100, 100, 100]);
        assert_eq!(canvas.pixels.get_pixel(1, 0).0, [7, 7, 7]);
    }

    #[test]
    fn what_is_drawn_past_the_edge_is_left_out() {
        let mut canvas = Canvas::new(3, 3, [0, 0, 0]);
        let font = &embedded_graphics::mono_font::ascii::FONT_6X10;
        canvas.write((1, 1), Alignment::Center, font, [255; 3], "wide");
        canvas.fill(Area { left: 2, top: 2, width: 9, height: 9 }, [1, 2, 3]);
        assert_eq!(canvas.pixels.get_pixel(2, 2).0, [1, 2, 3]);
        assert_eq!(&canvas.png().unwrap()[1..4], b"PNG");
    }
}
