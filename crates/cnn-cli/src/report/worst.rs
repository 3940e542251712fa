//! The grid of the worst mistakes: each picture with its true label and what it was taken for.
//!
//! The worst mistake is the one that the network was surest of.

use cnn_data::{Dataset, Image};
use cnn_layers::summary::group;
use cnn_train::Prediction;
use embedded_graphics::mono_font::iso_8859_1::{FONT_8X13, FONT_8X13_BOLD, FONT_10X20};
use embedded_graphics::text::Alignment;

use super::canvas::{Area, Canvas, Rgb};
use super::colour::{BLUE, ORANGE};
use super::confusion::clipped;

/// Pictures shown at most.
const MOST: usize = 36;

/// Five times the 28 pixels of a digit, and the frame.
const TILE: u32 = 142;
const CAPTION: u32 = 40;
const GAP: u32 = 16;
const MARGIN: u32 = 24;
const HEADER: u32 = 64;

const PAPER: Rgb = [255, 255, 255];
const INK: Rgb = [31, 41, 51];
const MUTED: Rgb = [102, 115, 127];
/// Around pictures, so that the edge of a black or white one is seen.
const FRAME: Rgb = [214, 220, 226];

/// The picture as PNG, and how many mistakes it shows.
///
/// `mistakes` come worst first; `total` is the number of images that were classified.
pub(crate) fn picture(
    mistakes: &[Prediction],
    total: u64,
    images: &dyn Dataset,
    classes: &[String],
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let shown = &mistakes[..mistakes.len().min(MOST)];
    let columns = (shown.len() as f64).sqrt().ceil().clamp(3.0, 6.0) as u32;
    let rows = (shown.len() as u32).div_ceil(columns);
    let width = 2 * MARGIN + columns * (TILE + GAP) - GAP;
    let mut canvas = Canvas::new(width, HEADER + rows * (TILE + CAPTION + GAP) + MARGIN, PAPER);

    let title = match (shown.len(), mistakes.len()) {
        (_, 0) => "No mistakes".to_string(),
        (_, 1) => "The only mistake".to_string(),
        (shown, all) if shown == all => format!("All {all} mistakes"),
        (shown, all) => format!("The {shown} worst of {all} mistakes"),
    };
    canvas.write((MARGIN, 16), Alignment::Left, &FONT_10X20, INK, &title);
    let subtitle = format!("in {} images, surest first", group(total));
    canvas.write((MARGIN, 40), Alignment::Left, &FONT_8X13, MUTED, &subtitle);

    for (at, mistake) in (0..).zip(shown) {
        let left = MARGIN + at % columns * (TILE + GAP);
        let top = HEADER + at / columns * (TILE + CAPTION + GAP);
        let image = images.get(mistake.index)?.image;
        draw(&mut canvas, (left, top), &image, mistake, classes);
    }
    Ok(canvas.png()?)
}

fn draw(
    canvas: &mut Canvas,
    (left, top): (u32, u32),
    image: &Image,
    mistake: &Prediction,
    classes: &[String],
) {
    canvas.fill(Area { left, top, width: TILE, height: TILE }, FRAME);
    let inside = Area { left: left + 1, top: top + 1, width: TILE - 2, height: TILE - 2 };
    canvas.fill(inside, [245, 247, 249]);
    canvas.place(image, inside);
    // Long names get a line of their own width: 8 pixels a letter.
    let letters = (TILE / 8) as usize;
    let name = |class: usize, others: usize| {
        clipped(classes.get(class).map_or("?", String::as_str), letters.saturating_sub(others))
    };
    let sure = format!("{:.0}%", (f64::from(mistake.probability) * 100.0).floor());
    let line = |number: u32| top + TILE + 6 + number * 17;
    canvas.write((left, line(0)), Alignment::Left, &FONT_8X13, MUTED, "true");
    canvas.write((left + 5 * 8, line(0)), Alignment::Left, &FONT_8X13_BOLD, BLUE, &name(mistake.label, 5));
    canvas.write((left, line(1)), Alignment::Left, &FONT_8X13, MUTED, "pred");
    let predicted = name(mistake.predicted, 6 + sure.len());
    canvas.write((left + 5 * 8, line(1)), Alignment::Left, &FONT_8X13_BOLD, ORANGE, &predicted);
    canvas.write((left + TILE, line(1)), Alignment::Right, &FONT_8X13, MUTED, &sure);
}

#[cfg(test)]
mod tests {
    use cnn_data::{InMemory, Sample, Size, Target};

    use super::*;

    fn data_set(count: usize) -> InMemory {
        let sample = |index: usize| {
            let levels =
                (0..28 * 28).map(|pixel| if (pixel + index).is_multiple_of(9) { 255 } else { 0 }).collect();
            Sample::new(Image::from_u8(Size::new(28, 28), 1, levels).unwrap(), Target::Class(0))
        };
        InMemory::new((0..count).map(sample).collect())
    }

    fn mistake(index: usize) -> Prediction {
        Prediction { index, label: 0, predicted: 1, probability: 0.97 }
    }

    fn size(png: &[u8]) -> (u32, u32) {
        let image = image::load_from_memory(png).unwrap();
        (image.width(), image.height())
    }

    #[test]
    fn the_grid_grows_with_the_mistakes_up_to_its_most() {
        let data = data_set(50);
        let classes = ["zero".to_string(), "one \u{2192} \u{fc}ber".to_string()];
        let mistakes: Vec<Prediction> = (0..50).map(mistake).collect();
        let sizes: Vec<_> = [1, 30, 50]
            .map(|count| size(&picture(&mistakes[..count], 1000, &data, &classes).unwrap()))
            .into();
        assert!(sizes[0].1 < sizes[1].1 && sizes[1].1 < sizes[2].1, "{sizes:?}");
        assert_eq!(sizes[2].0, 2 * MARGIN + 6 * (TILE + GAP) - GAP);
    }

    #[test]
    fn a_perfect_network_gets_a_picture_too() {
        assert!(picture(&[], 10, &data_set(0), &[]).is_ok());
    }

    #[test]
    fn an_image_that_cannot_be_read_is_an_error() {
        assert!(picture(&[mistake(7)], 10, &data_set(1), &[]).is_err());
    }
}
