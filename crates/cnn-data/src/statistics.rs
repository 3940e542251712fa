//! Mean and standard deviation of a data set's levels by channel, to normalise by.
//!
//! Sums are whole numbers, so the result does not depend on the order of the samples.

use crate::image::Pixels;
use crate::level::Level;
use crate::{Dataset, Error, Result};

/// Mean and standard deviation by channel, of levels as numbers from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The mean of each channel.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel (over all pixels, biased).
    pub std: Vec<f32>,
}

impl Statistics {
    /// Measures at most `most` samples, spread evenly over the data set. Give it the training set, without what is
    /// held out.
    ///
    /// A grey picture among colour ones counts three times, a colour picture among grey ones by its luma.
    ///
    /// # Errors
    /// [`Error::Argument`] where there are no samples or no channels; as [`Dataset::get`].
    pub fn measure(dataset: &(impl Dataset + ?Sized), channels: usize, most: usize) -> Result<Self> {
        let samples = dataset.len().min(most);
        if samples == 0 || channels == 0 {
            return Err(Error::argument("samples and channels", (samples, channels), "1 or more of each"));
        }
        let mut sums = vec![Sums::default(); channels];
        for sample in 0..samples {
            // The quotient is below the length, and so is the product's type wide enough.
            let index = (sample as u128 * dataset.len() as u128 / samples as u128) as usize;
            let image =
                dataset.get(index)?.image.with_channels(channels).map_err(|error| error.at_sample(index))?;
            match image.pixels() {
                // 257 brings 8 bits to the range of 16: 255 x 257 is 65,535.
                Pixels::U8(levels) => add(&mut sums, levels, 257),
                Pixels::U16(levels) => add(&mut sums, levels, 1),
            }
        }
        let (mean, std) = sums.iter().map(Sums::moments).unzip();
        Ok(Self { mean, std })
    }
}

/// Sums over one channel, in units of 16 bits.
#[derive(Debug, Clone, Default)]
struct Sums {
    count: u128,
    first: u128,
    second: u128,
}

impl Sums {
    fn moments(&self) -> (f32, f32) {
        let white = f64::from(u16::WHITE);
        let count = self.count as f64;
        let mean = self.first as f64 / count;
        // Exact in whole numbers up to here: n times the sum of squares is at least the square of the sum.
        let spread = (self.count * self.second).saturating_sub(self.first * self.first) as f64;
        ((mean / white) as f32, (spread.sqrt() / count / white) as f32)
    }
}

fn add<L: Level + Into<u64>>(sums: &mut [Sums], levels: &[L], unit: u64) {
    let channels = sums.len();
    for (channel, sums) in sums.iter_mut().enumerate() {
        let (mut first, mut second) = (0u64, 0u128);
        for &level in levels.iter().skip(channel).step_by(channels) {
            let level = level.into() * unit;
            first += level;
            second += u128::from(level * level);
        }
        sums.count += (levels.len() / channels) as u128;
        sums.first += u128::from(first);
        sums.second += second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, InMemory, Sample, Size, Target};

    #[test]
    fn half_black_half_white_has_mean_and_deviation_one_half() {
        let colour = Image::from_u8(Size::new(1, 2), 3, vec![0, 0, 255, 255, 0, 255]).unwrap();
        let deep = Image::from_u16(Size::new(1, 2), 3, vec![0, 0, 65535, 65535, 0, 65535]).unwrap();
        let samples = [colour, deep].map(|image| Sample::new(image, Target::Class(0))).to_vec();
        let statistics = Statistics::measure(&InMemory::new(samples), 3, 10).unwrap();
        assert_eq!(statistics, Statistics { mean: vec![0.5, 0.0, 1.0], std: vec![0.5, 0.0, 0.0] });
    }
}
