//! Pictures in rows, each with its caption: what the network was given, and what it made of it.

use cnn_data::{Dataset, Image};
use cnn_train::Prediction;
use image::RgbImage;

use super::colour::{BLUE, EMPTY, FRAME, INK, MUTED, ORANGE};
use super::drawing::{Anchor, Drawing, Font, Rgb, fitted, width_of};
use super::thumbnail::thumbnail;

/// Pictures shown at most.
pub(crate) const MOST: usize = 36;

/// Five times the 28 pixels of a digit, and the frame.
const TILE: f64 = 142.0;
const GAP: f64 = 16.0;
const MARGIN: f64 = 24.0;
const HEADER: f64 = 68.0;
const LINE: f64 = 17.0;

/// A picture with its caption: lines of a word, what it says, and what stands at the end of the line.
pub(crate) struct Tile {
    picture: RgbImage,
    lines: Vec<Line>,
}

struct Line {
    word: &'static str,
    text: String,
    colour: Rgb,
    end: String,
}

impl Tile {
    /// A picture and its class.
    pub(crate) fn labelled(image: &Image, class: &str) -> Self {
        let line = Line { word: "", text: class.into(), colour: INK, end: String::new() };
        Self { picture: thumbnail(image, TILE as u32 - 2), lines: vec![line] }
    }

    /// A picture, what it shows and what it was taken for.
    pub(crate) fn judged(image: &Image, prediction: &Prediction, classes: &[String]) -> Self {
        let name = |class: usize| classes.get(class).map_or("?", String::as_str).to_owned();
        let sure = format!("{:.0} %", (f64::from(prediction.probability) * 100.0).floor());
        let colour = if prediction.is_correct() { BLUE } else { ORANGE };
        let truth = Line { word: "true", text: name(prediction.label), colour: BLUE, end: String::new() };
        let taken = Line { word: "pred", text: name(prediction.predicted), colour, end: sure };
        Self { picture: thumbnail(image, TILE as u32 - 2), lines: vec![truth, taken] }
    }
}

/// The pictures of predictions; at most [`MOST`] are read.
pub(crate) fn tiles(
    predictions: &[Prediction],
    images: &dyn Dataset,
    classes: &[String],
) -> cnn_data::Result<Vec<Tile>> {
    let shown = predictions.iter().take(MOST);
    shown
        .map(|prediction| Ok(Tile::judged(&images.get(prediction.index)?.image, prediction, classes)))
        .collect()
}

/// The drawing.
pub(crate) fn picture(title: &str, subtitle: &str, tiles: Vec<Tile>) -> Drawing {
    let columns = (tiles.len() as f64).sqrt().ceil().clamp(3.0, 6.0) as usize;
    let lines = tiles.iter().map(|tile| tile.lines.len()).max().unwrap_or(0);
    let (across, down) = (TILE + GAP, TILE + 8.0 + LINE * lines as f64 + GAP);
    let rows = tiles.len().div_ceil(columns);
    let width = 2.0 * MARGIN + columns as f64 * across - GAP;
    let mut drawing = Drawing::new(width, HEADER + rows as f64 * down + MARGIN - GAP);
    let (heading, below) = (Font::bold(18.0, INK), Font::normal(13.0, MUTED));
    drawing.text((MARGIN, 32.0), Anchor::Start, heading, &fitted(title, heading, width - 2.0 * MARGIN));
    drawing.text((MARGIN, 52.0), Anchor::Start, below, &fitted(subtitle, below, width - 2.0 * MARGIN));
    for (place, tile) in tiles.into_iter().enumerate() {
        let (column, row) = (place % columns, place / columns);
        draw(&mut drawing, MARGIN + column as f64 * across, HEADER + row as f64 * down, tile);
    }
    drawing
}

fn draw(drawing: &mut Drawing, left: f64, top: f64, tile: Tile) {
    drawing.rectangle((left, top), (TILE, TILE), FRAME);
    drawing.rectangle((left + 1.0, top + 1.0), (TILE - 2.0, TILE - 2.0), EMPTY);
    let (width, height) = tile.picture.dimensions();
    let middle = |length: u32| ((TILE - f64::from(length)) / 2.0).floor();
    drawing.picture((left + middle(width), top + middle(height)), tile.picture);
    for (number, line) in (1..).zip(tile.lines) {
        let y = top + TILE + 4.0 + LINE * f64::from(number) - 3.0;
        let (muted, strong) = (Font::normal(12.0, MUTED), Font::bold(12.0, line.colour));
        let word = if line.word.is_empty() { 0.0 } else { 34.0 };
        let end = if line.end.is_empty() { 0.0 } else { width_of(&line.end, muted) + 6.0 };
        drawing.text((left, y), Anchor::Start, muted, line.word);
        let text = fitted(&line.text, strong, TILE - word - end);
        drawing.text((left + word, y), Anchor::Start, strong, &text);
        drawing.text((left + TILE, y), Anchor::End, muted, &line.end);
    }
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

    #[test]
    fn the_grid_grows_with_the_pictures_up_to_its_most() {
        let data = data_set(50);
        let classes = ["zero".to_string(), "one \u{2192} \u{fc}ber".to_string()];
        let mistakes: Vec<Prediction> = (0..50).map(mistake).collect();
        let height =
            |count: usize| picture("t", "s", tiles(&mistakes[..count], &data, &classes).unwrap()).size.1;
        assert!(height(1) < height(30) && height(30) < height(36) && height(36) == height(50));
        let drawn = picture("t", "s", tiles(&mistakes[..1], &data, &classes).unwrap());
        assert!(drawn.svg().contains(">97 %<"));
        assert_eq!(&drawn.png().unwrap()[1..4], b"PNG");
    }

    #[test]
    fn no_pictures_are_a_grid_too() {
        assert!(picture("No mistakes", "", tiles(&[], &data_set(0), &[]).unwrap()).png().is_ok());
    }

    #[test]
    fn an_image_that_cannot_be_read_is_an_error() {
        assert!(tiles(&[mistake(7)], &data_set(1), &[]).is_err());
    }
}
