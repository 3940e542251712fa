//! Cutting a part out: torchvision's `crop`, `CenterCrop` and `RandomCrop`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::pad::{PaddingMode, Sides, Window};
use crate::image::{Image, Size};
use crate::transform::arguments::{check_fill, check_size, setters};
use crate::transform::{Motion, Transform};
use crate::{Error, Result, Sample};

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rectangle {
    /// Its first row.
    pub top: usize,
    /// Its first column.
    pub left: usize,
    /// Its size.
    pub size: Size,
}

impl Rectangle {
    /// A part whose first pixel is in row `top` and column `left`.
    pub fn new(top: usize, left: usize, size: Size) -> Self {
        Self { top, left, size }
    }

    /// Whether a picture of a size has all of it.
    pub(super) fn lies_in(&self, size: Size) -> bool {
        let fits = |start: usize, length: usize, whole: usize| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        fits(self.top, self.size.height, size.height) && fits(self.left, self.size.width, size.width)
    }

    pub(super) fn window(&self) -> Window {
        Window { top: self.top as isize, left: self.left as isize, size: self.size }
    }
}

/// A part of the picture.
///
/// # Errors
/// [`Error::Image`] where the part has no pixels or does not lie inside.
pub fn crop(image: &Image, part: Rectangle) -> Result<Image> {
    if !part.lies_in(image.size()) {
        let problem = format!(
            "a part of {} pixels from row {} and column {} on does not lie in a picture of {}",
            part.size,
            part.top,
            part.left,
            image.size()
        );
        return Err(Error::image("crop", problem));
    }
    part.window().of(image, PaddingMode::Constant, 0.0)
}

/// The middle of the picture; black beside it where the picture is smaller. See [`CenterCrop`].
///
/// # Errors
/// [`Error::Argument`] where the size has no pixels or a side over 32,768.
pub fn center_crop(image: &Image, size: Size) -> Result<Image> {
    check_size("center-crop: size", size)?;
    centred(image.size(), size).of(image, PaddingMode::Constant, 0.0)
}

/// Cuts out the middle. Where the picture is smaller, black is added at both sides, an odd pixel of it on the right
/// and below; where it is larger, half a pixel is rounded to the even column and row, as torchvision does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// The size that results.
    pub size: Size,
}

impl CenterCrop {
    /// The middle of this size.
    pub fn new(size: Size) -> Self {
        Self { size }
    }
}

impl Transform for CenterCrop {
    fn apply(&self, sample: Sample, _key: Key) -> Result<Sample> {
        Ok(Sample { image: center_crop(&sample.image, self.size)?, ..sample })
    }

    fn motion(&self, size: Size, _key: Key) -> Result<Motion> {
        Ok(centred(size, self.size).motion())
    }

    fn check(&self) -> Result<()> {
        check_size("center-crop: size", self.size)
    }
}

/// The window of a size about the middle of a picture.
fn centred(whole: Size, part: Size) -> Window {
    let start = |whole: usize, part: usize| match whole.checked_sub(part) {
        // Half a pixel goes to the even place.
        Some(free) => (free / 2 + usize::from(free % 4 == 3)) as isize,
        None => -(((part - whole) / 2) as isize),
    };
    Window { top: start(whole.height, part.height), left: start(whole.width, part.width), size: part }
}

/// Pads each side, then cuts out a part whose place is drawn; all places are equally likely.
///
/// ```
/// use cnn_data::transform::{PaddingMode, RandomCrop};
/// use cnn_data::Size;
/// let crop = RandomCrop::new(Size::new(32, 32)).padding(4).padding_mode(PaddingMode::Reflect);
/// # assert_eq!(crop.padding.left, 4);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomCrop {
    /// Size of the part; the picture's own where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Pixels added at each side.
    pub padding: Sides,
    /// Whether a padded picture that is still smaller than the part is padded further: on both sides, by what is
    /// missing. Otherwise it is an error.
    pub pad_if_needed: bool,
    /// Level of constant padding, as a share of white.
    pub fill: f32,
    /// What is added.
    pub padding_mode: PaddingMode,
}

impl RandomCrop {
    /// A part of this size, without padding.
    pub fn new(size: Size) -> Self {
        Self { size: Some(size), ..Self::default() }
    }

    /// Pixels added at each side: `1`, `[1, 2]` (across, down) or `[1, 2, 3, 4]` (left, top, right, bottom).
    #[must_use]
    pub fn padding(self, padding: impl Into<Sides>) -> Self {
        Self { padding: padding.into(), ..self }
    }

    /// Pads pictures that are smaller than the part on both sides, by what is missing.
    #[must_use]
    pub fn pad_if_needed(self) -> Self {
        Self { pad_if_needed: true, ..self }
    }

    /// The part that a key draws.
    fn draw(&self, size: Size, key: Key) -> Result<Window> {
        self.check()?;
        let part = self.size.unwrap_or(size);
        let Sides { left, top, right, bottom } = self.padding;
        let place = |index: u64, whole: usize, [before, after]: [usize; 2], part: usize| {
            let missing = part.saturating_sub(whole + before + after);
            if missing > 0 && !self.pad_if_needed {
                return None;
            }
            let free = (whole + before + after + 2 * missing) - part;
            Some(key.below(index, free as u64 + 1) as isize - (before + missing) as isize)
        };
        let (Some(top), Some(left)) = (
            place(0, size.height, [top, bottom], part.height),
            place(1, size.width, [left, right], part.width),
        ) else {
            let problem = format!(
                "a picture of {size} pixels with {left} + {right} columns and {top} + {bottom} rows of padding is \
                 smaller than the part of {part}: resize first, pad more, or set pad_if_needed"
            );
            return Err(Error::image("random-crop", problem));
        };
        Ok(Window { top, left, size: part })
    }
}

setters!(RandomCrop {
    /// Level of constant padding, as a share of white.
    fill: f32,
    /// What is added.
    padding_mode: PaddingMode,
});

impl Transform for RandomCrop {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        // The padding itself is never made.
        let window = self.draw(sample.image.size(), key)?;
        Ok(Sample { image: window.of(&sample.image, self.padding_mode, self.fill)?, ..sample })
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        Ok(self.draw(size, key)?.motion())
    }

    fn check(&self) -> Result<()> {
        self.padding.check("random-crop: padding")?;
        if let Some(size) = self.size {
            check_size("random-crop: size", size)?;
        }
        check_fill("random-crop: fill", self.fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, Target};

    fn run(transform: &RandomCrop, image: &Image, seed: u64) -> Result<Image> {
        Ok(transform.apply(Sample::new(image.clone(), Target::Class(0)), Key::new(seed))?.image)
    }

    fn levels(image: &Image) -> Vec<u8> {
        let Pixels::U8(levels) = image.pixels() else { panic!("8 bits stay 8 bits") };
        levels.clone()
    }

    /// All that some keys give, once each.
    fn met(transform: &RandomCrop, image: &Image) -> Vec<Vec<u8>> {
        let mut met: Vec<_> = (0..300).map(|seed| levels(&run(transform, image, seed).unwrap())).collect();
        met.sort();
        met.dedup();
        met
    }

    #[test]
    fn every_place_of_the_padded_picture_comes_up_and_no_other() {
        let image = Image::from_u8(Size::new(1, 2), 1, vec![1, 2]).unwrap();
        let own_size = RandomCrop { padding: 1.into(), ..RandomCrop::default() };
        assert_eq!(met(&own_size, &image), [[0, 0], [0, 1], [1, 2], [2, 0]]);
        let reflected = own_size.padding([1, 0]).padding_mode(PaddingMode::Reflect);
        assert_eq!(met(&reflected, &image), [[1, 2], [2, 1]]);
    }

    #[test]
    fn a_part_without_padding_lies_inside() {
        let image = Image::from_u8(Size::new(4, 4), 1, (1..=16).collect()).unwrap();
        for seed in 0..50 {
            let part = levels(&run(&RandomCrop::new(Size::new(2, 3)), &image, seed).unwrap());
            assert_eq!(part, [0, 1, 2, 4, 5, 6].map(|step| part[0] + step));
        }
    }

    #[test]
    fn a_part_larger_than_the_picture_is_an_error_unless_padding_is_wanted() {
        let image = Image::from_u8(Size::new(2, 2), 1, vec![9; 4]).unwrap();
        let transform = RandomCrop::new(Size::new(5, 2)).padding(1);
        let message = run(&transform, &image, 1).unwrap_err().to_string();
        assert!(message.starts_with("random-crop: a picture of 2x2 pixels with 1 + 1 columns"), "{message}");
        let padded = transform.pad_if_needed();
        for seed in 0..20 {
            let part = run(&padded, &image, seed).unwrap();
            assert_eq!(part.size(), Size::new(5, 2));
            // One row is missing and added on both sides, so that there are two places, both with both rows.
            assert!(levels(&part).contains(&9));
        }
    }

    #[test]
    fn the_middle_is_that_of_torchvision() {
        let start = |whole, part| centred(Size::new(whole, 9), Size::new(part, 9)).top;
        // int(round((whole - part) / 2.0)) in Python.
        assert_eq!(
            [(5, 5), (5, 4), (5, 3), (5, 2), (6, 1), (8, 1)].map(|(w, p)| start(w, p)),
            [0, 0, 1, 2, 2, 4]
        );
        assert_eq!([(3, 4), (3, 5), (2, 5)].map(|(w, p)| start(w, p)), [0, -1, -1]);
    }

    #[test]
    fn parts_outside_are_errors() {
        let image = Image::from_u8(Size::new(2, 3), 1, (0..6).collect()).unwrap();
        assert_eq!(levels(&crop(&image, Rectangle::new(1, 1, Size::new(1, 2))).unwrap()), [4, 5]);
        for part in [
            Rectangle::new(1, 0, Size::new(2, 1)),
            Rectangle::new(0, 0, Size::new(0, 1)),
            Rectangle::new(0, usize::MAX, Size::new(1, 2)),
        ] {
            assert!(crop(&image, part).unwrap_err().to_string().contains("a picture of 2x3"));
        }
        assert!(center_crop(&image, Size::new(0, 1)).is_err());
    }
}
