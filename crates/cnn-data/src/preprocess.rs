//! [`Preprocessing`]: how a picture becomes the model's input. It is recorded in the model file, and is the same
//! for training, for evaluation and for a user's own photograph, so that they cannot disagree.
//!
//! In order: colour to grey where the model has one channel (ITU-R BT.601 luma), resizing by a named mode, grey to
//! colour where the model has three, levels to numbers from 0 to 1 (8 bits by 255, 16 bits by 65,535), then
//! `(x - mean) / std` by channel. Nothing is inverted or stretched in contrast behind the user's back: dark ink on
//! white paper reaches a model of white digits on black as it is.

use std::borrow::Cow;

use cnn_tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::image::{Image, Pixels, Size};
use crate::level::Level;
use crate::resample::ResizeFilter;
use crate::resize::{LONGEST_SIDE, Resize, ResizeMode};
use crate::transform::Transform;
use crate::{Error, Result};

/// Most channels of an input.
const MOST_CHANNELS: usize = 4096;

/// Most numbers that one picture may become.
const MOST_NUMBERS: usize = 1 << 28;

/// What a model expects of its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Preprocessing {
    resize: Resize,
    mean: Vec<f32>,
    std: Vec<f32>,
}

/// The form in files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    height: usize,
    width: usize,
    channels: usize,
    resize: ResizeMode,
    #[serde(default)]
    fill: f32,
    /// Left out where it is bilinear, as in files from before there was a choice.
    #[serde(default, skip_serializing_if = "is_default")]
    interpolation: ResizeFilter,
    mean: Vec<f32>,
    std: Vec<f32>,
}

fn is_default(filter: &ResizeFilter) -> bool {
    *filter == ResizeFilter::default()
}

impl Preprocessing {
    /// Pictures of this size and number of channels, letterboxed on black, as numbers from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Argument`] where a side is not 1 to 32,768 pixels or the picture would be over 2^28 numbers.
    pub fn new(size: Size, channels: usize) -> Result<Self> {
        if channels > MOST_CHANNELS {
            return Err(Error::argument("channels", channels, "1 to 4096"));
        }
        let resize = Resize::new(size, ResizeMode::Letterbox);
        Self { resize, mean: vec![0.0; channels], std: vec![1.0; channels] }.checked()
    }

    /// The same with another way of resizing.
    #[must_use]
    pub fn resize_mode(mut self, mode: ResizeMode) -> Self {
        self.resize.mode = mode;
        self
    }

    /// The same with another filter.
    #[must_use]
    pub fn interpolation(mut self, interpolation: ResizeFilter) -> Self {
        self.resize.interpolation = interpolation;
        self
    }

    /// The same with `(x - mean) / std`, by channel, of numbers from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is not one of each for each channel, or a deviation is not above 0.
    pub fn normalize(self, mean: &[f32], std: &[f32]) -> Result<Self> {
        if mean.len() != self.channels() {
            let expected = format!("one for each of the {} channels", self.channels());
            return Err(Error::argument("mean", mean, expected));
        }
        Self { mean: mean.to_vec(), std: std.to_vec(), ..self }.checked()
    }

    /// Height and width of the model's input.
    pub fn size(&self) -> Size {
        self.resize.size
    }

    /// Channels of the model's input.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// How pictures of other sizes are resized.
    pub fn mode(&self) -> ResizeMode {
        self.resize.mode
    }

    /// How levels between pixels are made.
    pub fn filter(&self) -> ResizeFilter {
        self.resize.interpolation
    }

    /// What is subtracted, by channel.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// What is divided by, by channel.
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// How many numbers a picture becomes: height x width x channels.
    pub fn numbers(&self) -> usize {
        self.size().height * self.size().width * self.channels()
    }

    /// The picture as the model takes it.
    ///
    /// # Shapes
    /// Any size, 1 or 3 channels (or as many as the model has) -> `[height, width, channels]`, `F32`.
    ///
    /// ```
    /// use cnn_data::{Image, Preprocessing, Size};
    /// # fn main() -> cnn_data::Result<()> {
    /// let preprocessing = Preprocessing::new(Size::new(28, 28), 1)?.normalize(&[0.5], &[0.25])?;
    /// let photo = Image::from_u8(Size::new(56, 56), 3, vec![255; 56 * 56 * 3])?;
    /// let input = preprocessing.apply(&photo)?;
    /// assert_eq!(input.shape(), [28, 28, 1]);
    /// assert_eq!(input.to_f64_vec()?[0], 2.0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Image`] where the channels cannot be converted; [`Error::Tensor`].
    pub fn apply(&self, image: &Image) -> Result<Tensor> {
        let Size { height, width } = self.size();
        let mut tensor = Tensor::stale(&[height, width, self.channels()], DType::F32)?;
        self.write(image, tensor.as_mut_slice()?)?;
        Ok(tensor)
    }

    /// [`Preprocessing::apply`] into a place in a batch.
    pub(crate) fn write(&self, image: &Image, target: &mut [f32]) -> Result<()> {
        let image = self.fit(image)?;
        match image.pixels() {
            Pixels::U8(levels) => normalize(levels, &self.mean, &self.std, target),
            Pixels::U16(levels) => normalize(levels, &self.mean, &self.std, target),
        }
        Ok(())
    }

    /// The picture in the model's size and channels. Fewer channels come before resizing, more after it.
    fn fit<'a>(&self, image: &'a Image) -> Result<Cow<'a, Image>> {
        let mut image = Cow::Borrowed(image);
        if image.channels() > self.channels() {
            image = Cow::Owned(image.into_owned().with_channels(self.channels())?);
        }
        if image.size() != self.size() {
            image = Cow::Owned(self.resize.resize(&image)?);
        }
        if image.channels() < self.channels() {
            image = Cow::Owned(image.into_owned().with_channels(self.channels())?);
        }
        Ok(image)
    }

    fn checked(self) -> Result<Self> {
        self.resize.check()?;
        let sides = self.size();
        debug_assert!(
            sides.height <= LONGEST_SIDE && sides.width <= LONGEST_SIDE,
            "the product below cannot overflow"
        );
        let numbers = (sides.height * sides.width).checked_mul(self.channels());
        if numbers.is_none_or(|numbers| !(1..=MOST_NUMBERS).contains(&numbers)) {
            return Err(Error::argument(
                "channels",
                self.channels(),
                "1 or more, and at most 2^28 numbers in all",
            ));
        }
        if self.mean.iter().any(|mean| !mean.is_finite()) {
            return Err(Error::argument("mean", &self.mean, "finite numbers"));
        }
        if self.std.len() != self.channels() || self.std.iter().any(|std| !std.is_normal() || *std <= 0.0) {
            let expected = format!("a number above 0 for each of the {} channels", self.channels());
            return Err(Error::argument("std", &self.std, expected));
        }
        Ok(self)
    }
}

/// `(level / white - mean) / std`, as one multiplication and one addition for each number.
fn normalize<L: Level>(levels: &[L], mean: &[f32], std: &[f32], target: &mut [f32]) {
    let lines = |channel: usize| (1.0 / (L::WHITE * std[channel]), -mean[channel] / std[channel]);
    match mean.len() {
        1 => {
            let (slope, start) = lines(0);
            for (number, level) in target.iter_mut().zip(levels) {
                *number = level.to_f32() * slope + start;
            }
        }
        3 => {
            let channels = [lines(0), lines(1), lines(2)];
            for (numbers, levels) in target.as_chunks_mut::<3>().0.iter_mut().zip(levels.as_chunks::<3>().0) {
                for ((number, level), (slope, start)) in numbers.iter_mut().zip(levels).zip(channels) {
                    *number = level.to_f32() * slope + start;
                }
            }
        }
        count => {
            for (numbers, levels) in target.chunks_exact_mut(count).zip(levels.chunks_exact(count)) {
                for (channel, (number, level)) in numbers.iter_mut().zip(levels).enumerate() {
                    let (slope, start) = lines(channel);
                    *number = level.to_f32() * slope + start;
                }
            }
        }
    }
}

impl TryFrom<Form> for Preprocessing {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self> {
        let size = Size::new(form.height, form.width);
        if form.mean.len() != form.channels {
            return Err(Error::argument(
                "mean",
                &form.mean,
                format!("one for each of the {} channels", form.channels),
            ));
        }
        let resize = Resize { size, mode: form.resize, fill: form.fill, interpolation: form.interpolation };
        Self { resize, mean: form.mean, std: form.std }.checked()
    }
}

impl From<Preprocessing> for Form {
    fn from(from: Preprocessing) -> Self {
        let (size, channels) = (from.size(), from.channels());
        let Resize { mode, fill, interpolation, .. } = from.resize;
        let Size { height, width } = size;
        Self { height, width, channels, resize: mode, fill, interpolation, mean: from.mean, std: from.std }
    }
}
