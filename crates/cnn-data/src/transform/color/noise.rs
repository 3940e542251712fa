//! Noise: torchvision's `GaussianNoise`; salt and pepper; speckle, which grows with the level.
//!
//! Every level has a number of its own in the key's stream, so the noise does not depend on what else is drawn.

use cnn_tensor::random::{Key, unit};
use serde::{Deserialize, Serialize};

use super::levels::check_factor;
use crate::image::Pixels;
use crate::level::Level;
use crate::transform::Transform;
use crate::transform::arguments::check_range;
use crate::{Error, Result, Sample};

/// Adds a normally distributed number to each level. Levels that pass black or white become it.
///
/// As in torchvision of 8 bits, the whole part of the number is added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaussianNoise {
    /// Mean of the numbers, as a share of white.
    pub mean: f32,
    /// Their standard deviation, as a share of white.
    pub sigma: f32,
}

impl Default for GaussianNoise {
    fn default() -> Self {
        Self { mean: 0.0, sigma: 0.1 }
    }
}

impl GaussianNoise {
    /// Noise of a standard deviation, of mean 0.
    pub fn new(sigma: f32) -> Self {
        Self { sigma, ..Self::default() }
    }

    /// Mean of the noise, as a share of white.
    #[must_use]
    pub fn mean(self, mean: f32) -> Self {
        Self { mean, ..self }
    }
}

impl Transform for GaussianNoise {
    fn apply(&self, mut sample: Sample, key: Key) -> Result<Sample> {
        fn add<L: Level>(levels: &mut [L], noise: &GaussianNoise, key: Key) {
            let (mean, sigma) = (noise.mean * L::WHITE, noise.sigma * L::WHITE);
            each_normal(levels, key, |level, number| {
                L::truncate(level.to_f32() + (mean + number * sigma).trunc())
            });
        }
        match sample.image.pixels_mut() {
            Pixels::U8(levels) => add(levels, self, key),
            Pixels::U16(levels) => add(levels, self, key),
        }
        Ok(sample)
    }

    fn check(&self) -> Result<()> {
        check_mean("gaussian-noise: mean", self.mean)?;
        check_factor("gaussian-noise: sigma", self.sigma)
    }
}

/// Multiplies each level by 1 plus a normally distributed number, so that dark parts stay quiet: `l + l n`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeckleNoise {
    /// Mean of the numbers.
    pub mean: f32,
    /// Their standard deviation.
    pub sigma: f32,
}

impl Default for SpeckleNoise {
    fn default() -> Self {
        Self { mean: 0.0, sigma: 0.1 }
    }
}

impl SpeckleNoise {
    /// Noise of a standard deviation, of mean 0.
    pub fn new(sigma: f32) -> Self {
        Self { sigma, ..Self::default() }
    }

    /// Mean of the numbers.
    #[must_use]
    pub fn mean(self, mean: f32) -> Self {
        Self { mean, ..self }
    }
}

impl Transform for SpeckleNoise {
    fn apply(&self, mut sample: Sample, key: Key) -> Result<Sample> {
        fn multiply<L: Level>(levels: &mut [L], noise: &SpeckleNoise, key: Key) {
            each_normal(levels, key, |level, number| {
                let own = level.to_f32();
                L::from_f32(own + own * (noise.mean + number * noise.sigma))
            });
        }
        match sample.image.pixels_mut() {
            Pixels::U8(levels) => multiply(levels, self, key),
            Pixels::U16(levels) => multiply(levels, self, key),
        }
        Ok(sample)
    }

    fn check(&self) -> Result<()> {
        check_mean("speckle-noise: mean", self.mean)?;
        check_factor("speckle-noise: sigma", self.sigma)
    }
}

/// Turns pixels, with all their channels, white or black.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SaltAndPepper {
    /// How probable it is that a pixel turns.
    pub amount: f32,
    /// Share of the turned pixels that turn white.
    pub salt: f32,
}

impl Default for SaltAndPepper {
    fn default() -> Self {
        Self { amount: 0.05, salt: 0.5 }
    }
}

impl SaltAndPepper {
    /// As much salt as pepper.
    pub fn new(amount: f32) -> Self {
        Self { amount, ..Self::default() }
    }

    /// Share of the turned pixels that turn white.
    #[must_use]
    pub fn salt(self, salt: f32) -> Self {
        Self { salt, ..self }
    }
}

impl Transform for SaltAndPepper {
    fn apply(&self, mut sample: Sample, key: Key) -> Result<Sample> {
        fn strew<L: Level>(levels: &mut [L], channels: usize, noise: &SaltAndPepper, key: Key) {
            let white = L::from_share(1.0);
            for (pair, block) in levels.chunks_mut(2 * channels).zip(0..) {
                let words = key.block(block);
                for (pixel, words) in pair.chunks_mut(channels).zip(words.chunks_exact(2)) {
                    if unit(words[0]) < noise.amount {
                        pixel.fill(if unit(words[1]) < noise.salt { white } else { L::default() });
                    }
                }
            }
        }
        let channels = sample.image.channels();
        match sample.image.pixels_mut() {
            Pixels::U8(levels) => strew(levels, channels, self, key),
            Pixels::U16(levels) => strew(levels, channels, self, key),
        }
        Ok(sample)
    }

    fn check(&self) -> Result<()> {
        check_range("salt-and-pepper: amount", self.amount, 0.0..=1.0)?;
        check_range("salt-and-pepper: salt", self.salt, 0.0..=1.0)
    }
}

/// Each level by a function of it and of a number from the standard normal distribution.
fn each_normal<L: Level>(levels: &mut [L], key: Key, f: impl Fn(L, f32) -> L) {
    for (four, block) in levels.chunks_mut(4).zip(0..) {
        for (level, number) in four.iter_mut().zip(normals(key.block(block))) {
            *level = f(*level, number);
        }
    }
}

/// Four numbers from the standard normal distribution (Box and Muller, 1958), two of each pair of words.
fn normals(words: [u32; 4]) -> [f32; 4] {
    let pair = |radius: u32, angle: u32| {
        // From 2^-24 on, so that the logarithm is finite.
        let radius = (-2.0 * (unit(radius) + 1.0 / 16_777_216.0).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * unit(angle)).sin_cos();
        [radius * cos, radius * sin]
    };
    let ([a, b], [c, d]) = (pair(words[0], words[1]), pair(words[2], words[3]));
    [a, b, c, d]
}

fn check_mean(name: &'static str, mean: f32) -> Result<()> {
    if mean.is_finite() { Ok(()) } else { Err(Error::argument(name, mean, "a finite number")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, Size, Target};

    fn noisy(transform: &dyn Transform, level: u16) -> Vec<f64> {
        let image = Image::from_u16(Size::new(100, 133), 3, vec![level; 39_900]).unwrap();
        let sample = transform.apply(Sample::new(image, Target::Class(0)), Key::new(5)).unwrap();
        match sample.image.pixels() {
            Pixels::U16(levels) => levels.iter().map(|&level| f64::from(level)).collect(),
            Pixels::U8(_) => panic!("16 bits stay 16 bits"),
        }
    }

    fn mean_and_deviation(levels: &[f64]) -> [f64; 2] {
        let count = levels.len() as f64;
        let mean = levels.iter().sum::<f64>() / count;
        [mean, (levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / count).sqrt()]
    }

    #[test]
    fn noise_has_the_mean_and_the_deviation_that_it_is_given() {
        let [mean, deviation] = mean_and_deviation(&noisy(&GaussianNoise::new(0.01).mean(0.1), 20_000));
        assert!((mean - 26_553.5).abs() < 15.0 && (deviation - 655.4).abs() < 10.0, "{mean} {deviation}");
        let [mean, deviation] = mean_and_deviation(&noisy(&SpeckleNoise::new(0.1), 20_000));
        assert!((mean - 20_000.0).abs() < 40.0 && (deviation - 2000.0).abs() < 30.0, "{mean} {deviation}");
        assert!(noisy(&SpeckleNoise::new(0.5), 0).iter().all(|&level| level == 0.0));
        // Neighbours are not alike.
        let levels = noisy(&GaussianNoise::new(0.01), 20_000);
        let product: f64 = levels.windows(2).map(|w| (w[0] - 20_000.0) * (w[1] - 20_000.0)).sum();
        assert!((product / levels.len() as f64 / 655.4f64.powi(2)).abs() < 0.02);
    }

    #[test]
    fn noise_of_small_numbers_adds_nothing_and_large_ones_end_at_black_and_white() {
        let image = Image::from_u8(Size::new(10, 10), 1, vec![128; 100]).unwrap();
        let levels = |transform: GaussianNoise| {
            let sample = Sample::new(image.clone(), Target::Class(0));
            transform.apply(sample, Key::new(2)).unwrap().image.pixels().clone()
        };
        assert_eq!(levels(GaussianNoise::new(0.0).mean(-0.003)), Pixels::U8(vec![128; 100]));
        let Pixels::U8(ends) = levels(GaussianNoise::new(1e6)) else { panic!("8 bits") };
        assert!(
            ends.iter().all(|&level| level == 0 || level == 255) && ends.contains(&0) && ends.contains(&255)
        );
    }

    #[test]
    fn salt_and_pepper_turn_whole_pixels_in_their_shares() {
        let levels = noisy(&SaltAndPepper::new(0.2).salt(0.75), 7);
        let pixels: Vec<&[f64]> = levels.chunks(3).collect();
        assert!(pixels.iter().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
        let count = |level: f64| pixels.iter().filter(|pixel| pixel[0] == level).count();
        let (white, black) = (count(65_535.0), count(0.0));
        assert!((1850..2150).contains(&white) && (550..780).contains(&black), "{white} {black}");
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        assert!(GaussianNoise::new(-0.1).check().is_err());
        assert!(GaussianNoise::default().mean(f32::NAN).check().is_err());
        assert!(SpeckleNoise::new(f32::INFINITY).check().is_err());
        assert!(SaltAndPepper::new(1.1).check().is_err() && SaltAndPepper::default().check().is_ok());
    }
}
