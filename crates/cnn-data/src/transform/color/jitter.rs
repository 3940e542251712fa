//! Brightness, contrast, saturation and hue by drawn factors: torchvision's `ColorJitter`; and gamma likewise.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::levels::check_factor;
use crate::image::Image;
use crate::transform::Transform;
use crate::transform::arguments::{between, check_range};
use crate::transform::functional::{
    adjust_brightness, adjust_contrast, adjust_gamma, adjust_hue, adjust_saturation,
};
use crate::{Error, Result, Sample};

/// How far a factor is drawn from the value that changes nothing. A configuration has one number or two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Jitter {
    /// At most so far to either side; factors stay 0 or more.
    By(f32),
    /// Between two values, the smaller first.
    Between([f32; 2]),
}

impl Default for Jitter {
    fn default() -> Self {
        Self::By(0.0)
    }
}

impl From<f32> for Jitter {
    fn from(by: f32) -> Self {
        Self::By(by)
    }
}

impl From<[f32; 2]> for Jitter {
    fn from(between: [f32; 2]) -> Self {
        Self::Between(between)
    }
}

impl Jitter {
    /// Least and greatest factor about 1.
    fn factors(self) -> [f32; 2] {
        match self {
            Self::By(by) => [(1.0 - by).max(0.0), 1.0 + by],
            Self::Between(range) => range,
        }
    }

    /// Least and greatest part of a turn about 0.
    fn turns(self) -> [f32; 2] {
        match self {
            Self::By(by) => [-by, by],
            Self::Between(range) => range,
        }
    }

    fn check_factors(self, name: &'static str) -> Result<()> {
        match self {
            Self::By(by) => check_factor(name, by),
            Self::Between(range) => check_factors(name, range),
        }
    }

    fn check_turns(self, name: &'static str) -> Result<()> {
        let [least, most] = self.turns();
        if -0.5 <= least && least <= most && most <= 0.5 {
            return Ok(());
        }
        Err(Error::argument(name, self, "at most 0.5, or two numbers from -0.5 to 0.5, the smaller first"))
    }
}

/// An error unless two factors are in order.
fn check_factors(name: &'static str, [least, most]: [f32; 2]) -> Result<()> {
    if 0.0 <= least && least <= most && most.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, [least, most], "two finite numbers, 0 or more, the smaller first"))
}

/// Changes brightness, contrast, saturation and hue by drawn factors, in a drawn order. What is left out stays.
///
/// ```
/// use cnn_data::transform::ColorJitter;
/// let jitter = ColorJitter::new().brightness(0.4).contrast([0.8, 1.5]).hue(0.05);
/// # assert_eq!(jitter.saturation, 0.0.into());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColorJitter {
    /// Factors of [`adjust_brightness`].
    pub brightness: Jitter,
    /// Factors of [`adjust_contrast`].
    pub contrast: Jitter,
    /// Factors of [`adjust_saturation`].
    pub saturation: Jitter,
    /// Parts of a turn of [`adjust_hue`].
    pub hue: Jitter,
}

impl ColorJitter {
    /// A jitter that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How brightness changes.
    #[must_use]
    pub fn brightness(self, brightness: impl Into<Jitter>) -> Self {
        Self { brightness: brightness.into(), ..self }
    }

    /// How contrast changes.
    #[must_use]
    pub fn contrast(self, contrast: impl Into<Jitter>) -> Self {
        Self { contrast: contrast.into(), ..self }
    }

    /// How saturation changes.
    #[must_use]
    pub fn saturation(self, saturation: impl Into<Jitter>) -> Self {
        Self { saturation: saturation.into(), ..self }
    }

    /// How far the hue turns.
    #[must_use]
    pub fn hue(self, hue: impl Into<Jitter>) -> Self {
        Self { hue: hue.into(), ..self }
    }
}

impl Transform for ColorJitter {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        type Adjust = fn(&Image, f32) -> Result<Image>;
        let steps: [(Adjust, [f32; 2], f32); 4] = [
            (adjust_brightness, self.brightness.factors(), 1.0),
            (adjust_contrast, self.contrast.factors(), 1.0),
            (adjust_saturation, self.saturation.factors(), 1.0),
            (adjust_hue, self.hue.turns(), 0.0),
        ];
        let mut image = sample.image;
        for place in key.fold(0).permutation(4) {
            let (adjust, range, neutral) = steps[place];
            if range != [neutral; 2] {
                image = adjust(&image, between(key, place as u64, range))?;
            }
        }
        Ok(Sample { image, ..sample })
    }

    fn check(&self) -> Result<()> {
        self.brightness.check_factors("color-jitter: brightness")?;
        self.contrast.check_factors("color-jitter: contrast")?;
        self.saturation.check_factors("color-jitter: saturation")?;
        self.hue.check_turns("color-jitter: hue")
    }
}

/// Bends the scale of levels by a drawn gamma with a probability: [`adjust_gamma`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomGamma {
    /// Least and greatest gamma.
    pub gamma: [f32; 2],
    /// What the levels are multiplied by.
    pub gain: f32,
    /// How probable the change is.
    pub p: f32,
}

impl Default for RandomGamma {
    fn default() -> Self {
        Self { gamma: [0.8, 1.25], gain: 1.0, p: 0.5 }
    }
}

impl RandomGamma {
    /// Gammas between two values.
    pub fn new(gamma: [f32; 2]) -> Self {
        Self { gamma, ..Self::default() }
    }

    /// What the levels are multiplied by.
    #[must_use]
    pub fn gain(self, gain: f32) -> Self {
        Self { gain, ..self }
    }

    /// How probable the change is.
    #[must_use]
    pub fn p(self, p: f32) -> Self {
        Self { p, ..self }
    }
}

impl Transform for RandomGamma {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        if key.uniform(0) >= self.p {
            return Ok(sample);
        }
        let image = adjust_gamma(&sample.image, between(key, 1, self.gamma), self.gain)?;
        Ok(Sample { image, ..sample })
    }

    fn check(&self) -> Result<()> {
        check_factors("random-gamma: gamma", self.gamma)?;
        check_factor("random-gamma: gain", self.gain)?;
        check_range("random-gamma: p", self.p, 0.0..=1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, Size, Target};

    fn jittered(jitter: &ColorJitter, seed: u64) -> Vec<u8> {
        let image = Image::from_u8(Size::new(1, 2), 3, vec![60, 100, 90, 20, 40, 200]).unwrap();
        let sample = jitter.apply(Sample::new(image, Target::Class(0)), Key::new(seed)).unwrap();
        match sample.image.pixels() {
            Pixels::U8(levels) => levels.clone(),
            Pixels::U16(_) => panic!("8 bits stay 8 bits"),
        }
    }

    #[test]
    fn factors_lie_in_their_range_and_every_order_comes_up() {
        for seed in 0..50 {
            let level = jittered(&ColorJitter::new().brightness([0.5, 1.5]), seed)[0];
            assert!((30..=90).contains(&level), "{level}");
        }
        // With fixed factors only the order is drawn; these four do not commute.
        let fixed = ColorJitter::new()
            .brightness([2.0, 2.0])
            .contrast([0.3, 0.3])
            .saturation([3.0, 3.0])
            .hue([0.2, 0.2]);
        let mut met: Vec<Vec<u8>> = (0..400).map(|seed| jittered(&fixed, seed)).collect();
        met.sort_unstable();
        met.dedup();
        assert!((12..=24).contains(&met.len()), "{} pictures", met.len());
        assert_eq!(jittered(&ColorJitter::new(), 3), [60, 100, 90, 20, 40, 200]);
    }

    #[test]
    fn a_configuration_has_one_number_or_two() {
        let jitter: ColorJitter = serde_json::from_str(r#"{"brightness": 0.4, "hue": [0, 0.1]}"#).unwrap();
        assert_eq!(jitter, ColorJitter::new().brightness(0.4).hue([0.0, 0.1]));
        assert_eq!(jitter.brightness.factors(), [0.6, 1.4]);
        assert_eq!(Jitter::By(3.0).factors(), [0.0, 4.0]);
    }

    #[test]
    fn ranges_out_of_order_are_refused() {
        assert!(ColorJitter::new().brightness([1.2, 0.8]).check().is_err());
        assert!(ColorJitter::new().contrast(-0.1).check().is_err());
        assert!(ColorJitter::new().saturation([0.0, f32::INFINITY]).check().is_err());
        assert!(
            ColorJitter::new().hue(0.6).check().is_err() && ColorJitter::new().hue(f32::NAN).check().is_err()
        );
        assert!(ColorJitter::new().brightness(2.0).hue(0.5).check().is_ok());
        assert!(RandomGamma::new([2.0, 1.0]).check().is_err() && RandomGamma::default().check().is_ok());
    }
}
