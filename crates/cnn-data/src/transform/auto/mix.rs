//! AugMix: Hendrycks, Mu, Cubuk, Zoph, Gilmer and Lakshminarayanan (ICLR 2020), as torchvision has it.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::space::{MIX, Magnitude, PARTIAL_MIX};
use crate::image::{Image, Pixels, Size};
use crate::level::Level;
use crate::transform::arguments::{check_fill, check_range, setters};
use crate::transform::shares::dirichlet;
use crate::transform::{Interpolation, Motion, Sampling, Transform};
use crate::{Error, Result, Sample};

/// Steps of the scale of magnitudes.
const BINS: usize = 10;

/// Most chains, and most operations of one.
const MOST: usize = 100;

/// Blends a picture with several chains of operations on it, by drawn shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugMix {
    /// How strong operations may be, 1 to 10.
    pub severity: usize,
    /// How many chains.
    pub mixture_width: usize,
    /// How many operations a chain has; drawn from 1 to 3 where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain_depth: Option<usize>,
    /// Parameter of the distributions of the shares; the smaller, the less equal they are.
    pub alpha: f32,
    /// Whether brightness, colour, contrast and sharpness are among the operations.
    pub all_ops: bool,
    /// How levels between pixels are made.
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl Default for AugMix {
    fn default() -> Self {
        Self {
            severity: 3,
            mixture_width: 3,
            chain_depth: None,
            alpha: 1.0,
            all_ops: true,
            interpolation: Interpolation::Bilinear,
            fill: 0.0,
        }
    }
}

impl AugMix {
    /// Three chains of 1 to 3 operations of severity 3.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations a chain has.
    #[must_use]
    pub fn chain_depth(self, chain_depth: usize) -> Self {
        Self { chain_depth: Some(chain_depth), ..self }
    }

    /// The picture after the chain of a key.
    fn chain(&self, image: &Image, key: Key) -> Result<Image> {
        let space = if self.all_ops { &MIX } else { &PARTIAL_MIX };
        let depth = self.chain_depth.map_or_else(|| 1 + key.below(0, 3), |depth| depth as u64);
        let sampling = Sampling { interpolation: self.interpolation, fill: self.fill };
        let mut image = image.clone();
        for place in 0..depth {
            let key = key.fold(place);
            let index = key.below(2, self.severity as u64) as usize;
            let operation = space.draw(Magnitude { index, bins: BINS }, image.size(), key);
            image = operation.apply(&image, sampling)?;
        }
        Ok(image)
    }
}

setters!(AugMix {
    /// How strong operations may be, 1 to 10.
    severity: usize,
    /// How many chains.
    mixture_width: usize,
    /// Parameter of the distributions of the shares.
    alpha: f32,
    /// Whether brightness, colour, contrast and sharpness are among the operations.
    all_ops: bool,
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

impl Transform for AugMix {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        self.check()?;
        let alpha = f64::from(self.alpha);
        let of_both = dirichlet(key.fold(0), alpha, 2);
        let of_chains = dirichlet(key.fold(1), alpha, self.mixture_width);
        let original = sample.image;
        let mut sums = vec![0.0f32; original.pixels().len()];
        add(&mut sums, &original, of_both[0] as f32);
        for (share, place) in of_chains.into_iter().zip(2..) {
            let chained = self.chain(&original, key.fold(place))?;
            add(&mut sums, &chained, (share * of_both[1]) as f32);
        }
        let (size, channels) = (original.size(), original.channels());
        let pixels = match original.pixels() {
            Pixels::U8(_) => Pixels::U8(sums.into_iter().map(Level::truncate).collect()),
            Pixels::U16(_) => Pixels::U16(sums.into_iter().map(Level::truncate).collect()),
        };
        Ok(Sample { image: Image::new(size, channels, pixels)?, ..sample })
    }

    fn motion(&self, _size: Size, _key: Key) -> Result<Motion> {
        let problem =
            "the pictures that it blends are moved differently, so a point has no one place in the result";
        Err(Error::image("aug-mix", problem))
    }

    fn check(&self) -> Result<()> {
        let counts = [
            ("aug-mix: severity", self.severity, BINS, "1 to 10"),
            ("aug-mix: mixture_width", self.mixture_width, MOST, "1 to 100"),
            ("aug-mix: chain_depth", self.chain_depth.unwrap_or(1), MOST, "1 to 100"),
        ];
        for (name, met, most, expected) in counts {
            if !(1..=most).contains(&met) {
                return Err(Error::argument(name, met, expected));
            }
        }
        check_range("aug-mix: alpha", self.alpha, 0.001..=1000.0)?;
        check_fill("aug-mix: fill", self.fill)
    }
}

/// Adds a picture's levels times its share.
fn add(sums: &mut [f32], image: &Image, share: f32) {
    fn each<L: Level>(sums: &mut [f32], levels: &[L], share: f32) {
        sums.iter_mut().zip(levels).for_each(|(sum, level)| *sum += level.to_f32() * share);
    }
    match image.pixels() {
        Pixels::U8(levels) => each(sums, levels, share),
        Pixels::U16(levels) => each(sums, levels, share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn mixed(transform: &AugMix, seed: u64) -> Result<Vec<u8>> {
        let image = Image::from_u8(Size::new(9, 9), 1, (0..81).map(|at| 40 + at).collect()).unwrap();
        let after = transform.apply(Sample::new(image, Target::Class(0)), Key::new(seed))?.image;
        match after.pixels() {
            Pixels::U8(levels) => Ok(levels.clone()),
            Pixels::U16(_) => panic!("8 bits stay 8 bits"),
        }
    }

    #[test]
    fn a_mixture_lies_between_the_picture_and_its_chains() {
        let own: Vec<u8> = (0..81).map(|at| 40 + at).collect();
        let mut changed = 0;
        for seed in 0..40 {
            let levels = mixed(&AugMix::new(), seed).unwrap();
            assert_eq!(levels, mixed(&AugMix::new(), seed).unwrap());
            changed += usize::from(levels.iter().zip(&own).any(|(met, own)| met.abs_diff(*own) > 3));
        }
        assert!(changed > 25, "{changed}");
    }

    #[test]
    fn arguments_out_of_range_and_points_are_refused() {
        assert_eq!(
            AugMix::new().severity(11).check().unwrap_err().to_string(),
            "aug-mix: severity is 11, expected 1 to 10"
        );
        assert!(mixed(&AugMix::new().severity(0), 1).is_err());
        assert!(
            AugMix::new().mixture_width(0).check().is_err() && AugMix::new().chain_depth(0).check().is_err()
        );
        assert!(AugMix::new().alpha(0.0).check().is_err() && AugMix::new().alpha(f32::NAN).check().is_err());
        assert!(AugMix::new().motion(Size::new(3, 3), Key::new(1)).is_err());
        assert!(mixed(&AugMix::new().chain_depth(2).all_ops(false).severity(10).mixture_width(1), 4).is_ok());
    }
}
