//! Continuing a picture beyond its sides: torchvision's `Pad`, and the cutting out of parts that lie beyond a side,
//! which is the same: a part of the endless picture that a mode of padding makes.
//!
//! Reflection goes on as often as it is needed, as NumPy's does; torchvision refuses padding that is wider than the
//! picture.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use crate::image::{Image, Size};
use crate::level::{Level, each_depth};
use crate::transform::arguments::{check_fill, setters};
use crate::transform::{Affine, Motion, Transform};
use crate::{Error, Result, Sample};

/// Most padding on each side.
const MOST_PADDING: usize = 4096;

/// How a picture goes on beyond its sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PaddingMode {
    /// With one level.
    #[default]
    Constant,
    /// With its outermost pixels: `a a | a b c | c c`.
    #[serde(alias = "replicate")]
    Edge,
    /// Mirrored about its outermost pixels: `c b | a b c | b a`.
    Reflect,
    /// Mirrored about its sides: `b a | a b c | c b`.
    Symmetric,
}

impl PaddingMode {
    /// Which of the pixels of a line stands at a place that may lie outside it; `None` is the fill.
    fn source(self, at: isize, length: usize) -> Option<usize> {
        let length = length as isize;
        let index = match self {
            _ if (0..length).contains(&at) => at,
            Self::Constant => return None,
            Self::Edge => at.clamp(0, length - 1),
            Self::Reflect => {
                // A line of one pixel has nothing else to reflect.
                let period = (2 * (length - 1)).max(1);
                let at = at.rem_euclid(period);
                at.min(period - at)
            }
            Self::Symmetric => {
                let at = at.rem_euclid(2 * length);
                at.min(2 * length - 1 - at)
            }
        };
        Some(index as usize)
    }
}

/// Pixels at each side. Made from one number for all, from two for left and right, top and bottom, or from four: left,
/// top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Numbers", into = "Numbers")]
pub struct Sides {
    /// Pixels on the left.
    pub left: usize,
    /// Pixels above.
    pub top: usize,
    /// Pixels on the right.
    pub right: usize,
    /// Pixels below.
    pub bottom: usize,
}

/// Sides as a configuration writes them.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number of pixels, two (across, down) or four (left, top, right, bottom)"
)]
enum Numbers {
    One(usize),
    Two([usize; 2]),
    Four([usize; 4]),
}

impl From<Numbers> for Sides {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::One(all) => all.into(),
            Numbers::Two(pair) => pair.into(),
            Numbers::Four(four) => four.into(),
        }
    }
}

impl From<Sides> for Numbers {
    fn from(Sides { left, top, right, bottom }: Sides) -> Self {
        match [left, top, right, bottom] {
            [all, ..] if Sides::from(all) == (Sides { left, top, right, bottom }) => Self::One(all),
            four => Self::Four(four),
        }
    }
}

impl From<usize> for Sides {
    fn from(all: usize) -> Self {
        [all; 4].into()
    }
}

impl From<[usize; 2]> for Sides {
    fn from([across, down]: [usize; 2]) -> Self {
        [across, down, across, down].into()
    }
}

impl From<[usize; 4]> for Sides {
    fn from([left, top, right, bottom]: [usize; 4]) -> Self {
        Self { left, top, right, bottom }
    }
}

impl Sides {
    pub(super) fn check(self, name: &'static str) -> Result<()> {
        if [self.left, self.top, self.right, self.bottom].iter().all(|&side| side <= MOST_PADDING) {
            return Ok(());
        }
        Err(Error::argument(name, self, "0 to 4096 pixels at each side"))
    }
}

/// Pads each side.
///
/// ```
/// use cnn_data::transform::{Pad, PaddingMode};
/// use cnn_data::{Image, Pixels, Size};
/// # fn main() -> cnn_data::Result<()> {
/// let image = Image::from_u8(Size::new(1, 3), 1, vec![1, 2, 3])?;
/// let padded = Pad::new([2, 0]).padding_mode(PaddingMode::Reflect).pad(&image)?;
/// assert_eq!(padded.pixels(), &Pixels::U8(vec![3, 2, 1, 2, 3, 2, 1]));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// Pixels added at each side.
    pub padding: Sides,
    /// Level of constant padding, as a share of white.
    #[serde(default)]
    pub fill: f32,
    /// What is added.
    #[serde(default)]
    pub padding_mode: PaddingMode,
}

impl Pad {
    /// Padding with black: `1`, `[1, 2]` (across, down) or `[1, 2, 3, 4]` (left, top, right, bottom).
    pub fn new(padding: impl Into<Sides>) -> Self {
        Self { padding: padding.into(), fill: 0.0, padding_mode: PaddingMode::Constant }
    }

    /// The padded picture.
    ///
    /// # Errors
    /// [`Error::Argument`] where a side is over 4,096 pixels, or the fill no share.
    pub fn pad(&self, image: &Image) -> Result<Image> {
        self.check()?;
        let window = Window {
            top: -(self.padding.top as isize),
            left: -(self.padding.left as isize),
            size: self.padded(image.size()),
        };
        window.of(image, self.padding_mode, self.fill)
    }

    fn padded(&self, size: Size) -> Size {
        let Sides { left, top, right, bottom } = self.padding;
        Size::new(
            size.height.saturating_add(top).saturating_add(bottom),
            size.width.saturating_add(left).saturating_add(right),
        )
    }
}

setters!(Pad {
    /// Level of constant padding, as a share of white.
    fill: f32,
    /// What is added.
    padding_mode: PaddingMode,
});

impl Transform for Pad {
    fn apply(&self, sample: Sample, _key: Key) -> Result<Sample> {
        Ok(Sample { image: self.pad(&sample.image)?, ..sample })
    }

    fn motion(&self, size: Size, _key: Key) -> Result<Motion> {
        let shift = Affine::translation(self.padding.left as f32, self.padding.top as f32);
        Ok(Motion::affine(shift, self.padded(size)))
    }

    fn check(&self) -> Result<()> {
        self.padding.check("pad: padding")?;
        check_fill("pad: fill", self.fill)
    }
}

/// A part of the plane in which a picture lies: its own pixels start at 0, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) top: isize,
    pub(super) left: isize,
    pub(super) size: Size,
}

impl Window {
    /// What of a picture, continued by a mode, is seen in the window.
    pub(super) fn of(&self, image: &Image, mode: PaddingMode, fill: f32) -> Result<Image> {
        let levels = self.size.pixels().and_then(|pixels| pixels.checked_mul(image.channels()));
        let Some(count) = levels.filter(|&count| count > 0) else {
            let problem = format!("a part of {} pixels, expected at least one and fewer than fit", self.size);
            return Err(Error::image("crop", problem));
        };
        let pixels = each_depth!(image.pixels(), levels => self.view(levels, image, mode, vec![Level::from_share(fill); count]));
        Image::new(self.size, image.channels(), pixels)
    }

    /// Where points of the picture are in the window.
    pub(super) fn motion(&self) -> Motion {
        Motion::affine(Affine::translation(-self.left as f32, -self.top as f32), self.size)
    }

    fn view<L: Level>(&self, levels: &[L], image: &Image, mode: PaddingMode, mut target: Vec<L>) -> Vec<L> {
        let channels = image.channels();
        let row_of = |levels: usize| levels * channels;
        // Columns of the window that the picture itself covers: those are copied together.
        let width = self.size.width as isize;
        let first = (-self.left).clamp(0, width);
        let last = (image.width() as isize - self.left).clamp(first, width);
        let from = row_of((self.left + first).max(0) as usize);
        let covered = row_of(first as usize)..row_of(last as usize);
        let beside: Vec<(usize, usize)> = (0..first)
            .chain(last..width)
            .filter_map(|at| Some((row_of(at as usize), row_of(mode.source(self.left + at, image.width())?))))
            .collect();
        for (row, line) in target.chunks_exact_mut(row_of(self.size.width)).enumerate() {
            let Some(source) = mode.source(self.top + row as isize, image.height()) else { continue };
            let source = &levels[source * row_of(image.width())..][..row_of(image.width())];
            if !covered.is_empty() {
                line[covered.clone()].copy_from_slice(&source[from..from + covered.len()]);
            }
            for &(to, from) in &beside {
                line[to..to + channels].copy_from_slice(&source[from..from + channels]);
            }
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    fn padded(mode: PaddingMode, padding: impl Into<Sides>, levels: &[u8]) -> Vec<u8> {
        let image = Image::from_u8(Size::new(1, levels.len()), 1, levels.to_vec()).unwrap();
        let padded = Pad::new(padding).padding_mode(mode).fill(1.0).pad(&image).unwrap();
        let Pixels::U8(levels) = padded.pixels() else { panic!("8 bits stay 8 bits") };
        levels.clone()
    }

    #[test]
    fn each_mode_goes_on_in_its_way() {
        let levels = [1, 2, 3];
        assert_eq!(padded(PaddingMode::Constant, [2, 0, 1, 0], &levels), [255, 255, 1, 2, 3, 255]);
        assert_eq!(padded(PaddingMode::Edge, [2, 0], &levels), [1, 1, 1, 2, 3, 3, 3]);
        assert_eq!(padded(PaddingMode::Reflect, [2, 0], &levels), [3, 2, 1, 2, 3, 2, 1]);
        assert_eq!(padded(PaddingMode::Symmetric, [2, 0], &levels), [2, 1, 1, 2, 3, 3, 2]);
    }

    #[test]
    fn reflection_goes_on_past_the_picture() {
        assert_eq!(padded(PaddingMode::Reflect, [5, 0, 0, 0], &[1, 2, 3]), [2, 1, 2, 3, 2, 1, 2, 3]);
        assert_eq!(padded(PaddingMode::Symmetric, [5, 0, 0, 0], &[1, 2]), [1, 1, 2, 2, 1, 1, 2]);
        assert_eq!(padded(PaddingMode::Reflect, [2, 1], &[7]), [7; 15]);
    }

    #[test]
    fn windows_beside_the_picture_are_fill_alone() {
        let image = Image::from_u16(Size::new(2, 2), 1, vec![1, 2, 3, 4]).unwrap();
        for (top, left) in [(5, 0), (-5, 0), (0, 5), (0, -5)] {
            let window = Window { top, left, size: Size::new(2, 3) };
            let seen = window.of(&image, PaddingMode::Constant, 1.0).unwrap();
            assert_eq!(seen.pixels(), &Pixels::U16(vec![u16::MAX; 6]));
        }
        assert!(
            Window { top: 0, left: 0, size: Size::new(usize::MAX, 2) }
                .of(&image, PaddingMode::Edge, 0.0)
                .is_err()
        );
    }

    #[test]
    fn sides_are_one_number_two_or_four() {
        let read = |text| serde_json::from_str::<Pad>(text).map(|pad| pad.padding);
        assert_eq!(read(r#"{"padding": 3}"#).unwrap(), 3.into());
        assert_eq!(read(r#"{"padding": [1, 2]}"#).unwrap(), [1, 2, 1, 2].into());
        assert_eq!(read(r#"{"padding": [1, 2, 3, 4]}"#).unwrap(), [1, 2, 3, 4].into());
        assert!(read(r#"{"padding": [1, 2, 3]}"#).unwrap_err().to_string().contains("two (across, down)"));
        assert_eq!(serde_json::to_value(Sides::from(3)).unwrap(), 3);
        assert!(Pad::new(5000).check().is_err());
    }
}
