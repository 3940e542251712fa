//! Resizing, as a named choice of what happens to the shape of the picture.
//!
//! What happens to the levels is another choice, a [`ResizeFilter`]; levels of 16 bits stay levels of 16 bits.

use std::ops::Range;

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use crate::image::{Image, Size};
use crate::level::{Level, each_depth};
use crate::resample::{ResizeFilter, resample};
use crate::transform::{Affine, Motion, Transform};
use crate::{Error, Result, Sample};

/// Longest side that a picture is resized to.
pub(crate) const LONGEST_SIDE: usize = 1 << 15;

/// How a picture of one shape becomes one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResizeMode {
    /// The whole picture, in its own proportions, centred; the rest is filled. Nothing is lost.
    #[default]
    Letterbox,
    /// The largest centred part that has the target's proportions. What lies outside is lost.
    CenterCrop,
    /// The whole picture, stretched to the target's proportions.
    Stretch,
}

impl ResizeMode {
    /// As a configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Letterbox => "letterbox",
            Self::CenterCrop => "center-crop",
            Self::Stretch => "stretch",
        }
    }
}

/// Brings pictures to one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// The size that results.
    pub size: Size,
    /// What happens to the proportions.
    #[serde(default)]
    pub mode: ResizeMode,
    /// Level beside a letterboxed picture, as a share of white.
    #[serde(default)]
    pub fill: f32,
    /// How levels between pixels are made.
    #[serde(default)]
    pub interpolation: ResizeFilter,
}

impl Resize {
    /// Resizing to `size`, bilinear, with black beside a letterboxed picture.
    pub fn new(size: Size, mode: ResizeMode) -> Self {
        Self { size, mode, fill: 0.0, interpolation: ResizeFilter::default() }
    }

    /// The same with another filter.
    #[must_use]
    pub fn interpolation(self, interpolation: ResizeFilter) -> Self {
        Self { interpolation, ..self }
    }

    /// The resized picture.
    ///
    /// # Errors
    /// [`Error::Argument`] where the target has no pixels or a side over 32,768.
    pub fn resize(&self, image: &Image) -> Result<Image> {
        self.check()?;
        let (from, to) = (image.size(), self.size);
        if from == to {
            return Ok(image.clone());
        }
        match self.mode {
            ResizeMode::Stretch => resample(image, to, self.interpolation),
            ResizeMode::CenterCrop => {
                let part = largest_within(to, from);
                let (rows, columns) = (centred(part.height, from.height), centred(part.width, from.width));
                resample(&cut(image, rows, columns)?, to, self.interpolation)
            }
            ResizeMode::Letterbox => {
                let inner = resample(image, largest_within(from, to), self.interpolation)?;
                place(&inner, to, self.fill)
            }
        }
    }
}

impl Transform for Resize {
    fn apply(&self, sample: Sample, _key: Key) -> Result<Sample> {
        Ok(Sample { image: self.resize(&sample.image)?, ..sample })
    }

    fn motion(&self, from: Size, _key: Key) -> Result<Motion> {
        let to = self.size;
        if from.height == 0 || from.width == 0 {
            return Err(Error::image("resize", format!("a picture of {from} pixels, expected at least one")));
        }
        let stretch = |from: Size, to: Size| {
            Affine::stretch(to.width as f32 / from.width as f32, to.height as f32 / from.height as f32)
        };
        // Where the middle part of one size lies in another, from the picture's first pixel on.
        let middle = |part: Size, whole: Size| {
            let start = |part: usize, whole: usize| centred(part, whole).start as f32;
            [start(part.width, whole.width), start(part.height, whole.height)]
        };
        let map = match self.mode {
            ResizeMode::Stretch => stretch(from, to),
            ResizeMode::CenterCrop => {
                let part = largest_within(to, from);
                let [left, top] = middle(part, from);
                Affine::translation(-left, -top).then(&stretch(part, to))
            }
            ResizeMode::Letterbox => {
                let inner = largest_within(from, to);
                let [left, top] = middle(inner, to);
                stretch(from, inner).then(&Affine::translation(left, top))
            }
        };
        Ok(Motion::affine(map, to))
    }

    fn check(&self) -> Result<()> {
        let Size { height, width } = self.size;
        if !(1..=LONGEST_SIDE).contains(&height) || !(1..=LONGEST_SIDE).contains(&width) {
            return Err(Error::argument("resize: size", self.size, "sides of 1 to 32768 pixels"));
        }
        if !(0.0..=1.0).contains(&self.fill) {
            return Err(Error::argument("resize: fill", self.fill, "a share of white from 0 to 1"));
        }
        Ok(())
    }
}

/// The largest size of the proportions of `shape` that fits into `frame`, rounded to whole pixels, at least 1x1.
fn largest_within(shape: Size, frame: Size) -> Size {
    let ratio = (frame.height as f64 / shape.height as f64).min(frame.width as f64 / shape.width as f64);
    let side = |length: usize, most: usize| ((length as f64 * ratio).round() as usize).clamp(1, most);
    Size::new(side(shape.height, frame.height), side(shape.width, frame.width))
}

/// The middle `part` of `whole`; an odd pixel stays at the end.
fn centred(part: usize, whole: usize) -> Range<usize> {
    let start = (whole - part) / 2;
    start..start + part
}

/// The given rows and columns of a picture, which must lie inside it.
pub(crate) fn cut(image: &Image, rows: Range<usize>, columns: Range<usize>) -> Result<Image> {
    let (row, first) = (image.width() * image.channels(), columns.start * image.channels());
    let last = columns.end * image.channels();
    let pixels = each_depth!(image.pixels(), levels => {
        levels.chunks_exact(row).take(rows.end).skip(rows.start).flat_map(|line| &line[first..last]).copied().collect()
    });
    Image::new(Size::new(rows.len(), columns.len()), image.channels(), pixels)
}

/// A picture in the middle of a larger one of a single level.
fn place(inner: &Image, size: Size, fill: f32) -> Result<Image> {
    fn place<L: Level>(levels: &[L], inner: &Image, size: Size, fill: f32) -> Vec<L> {
        let channels = inner.channels();
        let mut canvas = vec![L::from_share(fill); size.height * size.width * channels];
        let (rows, columns) = (centred(inner.height(), size.height), centred(inner.width(), size.width));
        let lines = canvas.chunks_exact_mut(size.width * channels).skip(rows.start);
        for (line, from) in lines.zip(levels.chunks_exact(inner.width() * channels)) {
            line[columns.start * channels..columns.end * channels].copy_from_slice(from);
        }
        canvas
    }
    Image::new(
        size,
        inner.channels(),
        each_depth!(inner.pixels(), levels => place(levels, inner, size, fill)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    fn grey(size: Size, levels: &[u8]) -> Image {
        Image::from_u8(size, 1, levels.to_vec()).unwrap()
    }

    #[test]
    fn letterbox_keeps_the_whole_picture_in_its_proportions() {
        let wide = grey(Size::new(1, 3), &[10, 20, 30]);
        let resized = Resize::new(Size::new(4, 3), ResizeMode::Letterbox).resize(&wide).unwrap();
        assert_eq!(resized.pixels(), &Pixels::U8(vec![0, 0, 0, 10, 20, 30, 0, 0, 0, 0, 0, 0]));
        let filled = Resize { fill: 1.0, ..Resize::new(Size::new(3, 3), ResizeMode::Letterbox) };
        let filled = filled.resize(&wide).unwrap();
        assert_eq!(filled.pixels(), &Pixels::U8(vec![255, 255, 255, 10, 20, 30, 255, 255, 255]));
    }

    #[test]
    fn centre_crop_keeps_the_middle() {
        let wide = grey(Size::new(1, 5), &[10, 20, 30, 40, 50]);
        let resized = Resize::new(Size::new(2, 2), ResizeMode::CenterCrop).resize(&wide).unwrap();
        assert_eq!(resized.pixels(), &Pixels::U8(vec![30; 4]));
    }

    #[test]
    fn stretching_to_half_the_size_is_antialiased() {
        let stripes = grey(Size::new(4, 8), &[0, 200].repeat(16));
        let resized = Resize::new(Size::new(2, 4), ResizeMode::Stretch).resize(&stripes).unwrap();
        let Pixels::U8(levels) = resized.pixels() else { panic!("8 bits stay 8 bits") };
        assert!(levels.iter().all(|&level| (70..=130).contains(&level)), "{levels:?}");
    }

    #[test]
    fn sixteen_bits_and_other_channel_counts_stay_what_they_are() {
        let deep = Image::from_u16(Size::new(2, 2), 1, vec![1000; 4]).unwrap();
        let resized = Resize::new(Size::new(3, 3), ResizeMode::Stretch).resize(&deep).unwrap();
        assert_eq!(resized.pixels(), &Pixels::U16(vec![1000; 9]));
        let five = Image::from_u8(Size::new(1, 1), 5, vec![1, 2, 3, 4, 5]).unwrap();
        let resized = Resize::new(Size::new(2, 1), ResizeMode::Stretch).resize(&five).unwrap();
        assert_eq!(resized.pixels(), &Pixels::U8(vec![1, 2, 3, 4, 5, 1, 2, 3, 4, 5]));
    }

    #[test]
    fn extreme_shapes_neither_fail_nor_need_much_memory() {
        let line = Image::from_u8(Size::new(1, 60_000), 3, vec![7; 180_000]).unwrap();
        for mode in [ResizeMode::Letterbox, ResizeMode::CenterCrop, ResizeMode::Stretch] {
            let resized = Resize::new(Size::new(500, 500), mode).resize(&line).unwrap();
            assert_eq!((resized.size(), resized.channels()), (Size::new(500, 500), 3));
        }
        assert!(Resize::new(Size::new(0, 5), ResizeMode::Stretch).resize(&line).is_err());
        assert!(Resize::new(Size::new(40_000, 5), ResizeMode::Stretch).resize(&line).is_err());
    }
}
