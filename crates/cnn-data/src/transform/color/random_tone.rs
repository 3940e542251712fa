//! The operations on the scale of levels and on sharpness, each with a probability: torchvision's `RandomInvert`,
//! `RandomPosterize`, `RandomSolarize`, `RandomAutocontrast`, `RandomEqualize` and `RandomAdjustSharpness`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::levels::check_factor;
use super::tone::{check_bits, check_threshold};
use crate::transform::Transform;
use crate::transform::arguments::check_range;
use crate::transform::functional::{adjust_sharpness, autocontrast, equalize, invert, posterize, solarize};
use crate::{Result, Sample};

/// An operation with a probability, and with the argument that it takes, if any.
macro_rules! with_probability {
    (
        $(#[$about:meta])*
        $name:ident, $kind:literal, $operation:path
        $(, $(#[$meaning:meta])* $argument:ident: $type:ty, $check:path)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$meaning])* pub $argument: $type,)?
            /// How probable it is.
            #[serde(default = "half")]
            pub p: f32,
        }

        impl $name {
            /// Every other picture, on average.
            pub fn new($($argument: $type)?) -> Self {
                Self { $($argument,)? p: half() }
            }

            /// How probable it is.
            #[must_use]
            pub fn p(mut self, p: f32) -> Self {
                self.p = p;
                self
            }
        }

        impl Transform for $name {
            fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
                if key.uniform(0) >= self.p {
                    return Ok(sample);
                }
                Ok(Sample { image: $operation(&sample.image $(, self.$argument)?)?, ..sample })
            }

            fn check(&self) -> Result<()> {
                $($check(concat!($kind, ": ", stringify!($argument)), self.$argument)?;)?
                check_range(concat!($kind, ": p"), self.p, 0.0..=1.0)
            }
        }
    };
}

fn half() -> f32 {
    0.5
}

with_probability!(
    /// Exchanges white and black with a probability: [`invert`].
    RandomInvert, "random-invert", invert
);

with_probability!(
    /// Keeps the highest bits of each level with a probability: [`posterize`].
    RandomPosterize, "random-posterize", posterize,
    /// How many bits are kept, 0 to 8.
    bits: u32, check_bits
);

with_probability!(
    /// Inverts the levels from a threshold on with a probability: [`solarize`].
    RandomSolarize, "random-solarize", solarize,
    /// The lowest level that is inverted, in levels of 8 bits.
    threshold: f32, check_threshold
);

with_probability!(
    /// Stretches each channel from black to white with a probability: [`autocontrast`].
    RandomAutocontrast, "random-autocontrast", autocontrast
);

with_probability!(
    /// Makes the histogram of each channel even with a probability: [`equalize`].
    RandomEqualize, "random-equalize", equalize
);

with_probability!(
    /// Sharpens or smooths with a probability: [`adjust_sharpness`].
    RandomAdjustSharpness, "random-adjust-sharpness", adjust_sharpness,
    /// 0 smooths, 1 changes nothing, 2 sharpens.
    sharpness_factor: f32, check_factor
);

macro_rules! default_is_new {
    ($($name:ident),*) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        })*
    };
}

default_is_new!(RandomInvert, RandomAutocontrast, RandomEqualize);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, Pixels, Size, Target};

    #[test]
    fn a_share_of_the_pictures_is_changed() {
        let image = Image::from_u8(Size::new(1, 1), 1, vec![7]).unwrap();
        let transform = RandomInvert::new().p(0.25);
        let changed = (0..1000)
            .filter(|&seed| {
                let sample = Sample::new(image.clone(), Target::Class(0));
                transform.apply(sample, Key::new(seed)).unwrap().image.pixels() == &Pixels::U8(vec![248])
            })
            .count();
        assert!((190..310).contains(&changed), "{changed}");
    }

    #[test]
    fn arguments_out_of_range_are_refused_by_name() {
        let message = RandomPosterize::new(9).check().unwrap_err().to_string();
        assert_eq!(message, "random-posterize: bits is 9, expected 0 to 8");
        assert!(RandomSolarize::new(300.0).check().is_err());
        assert!(RandomAdjustSharpness::new(-1.0).check().is_err());
        assert!(RandomEqualize::new().p(1.5).check().is_err());
    }

    #[test]
    fn arguments_without_a_default_have_to_be_given() {
        assert!(serde_json::from_str::<RandomPosterize>("{}").is_err());
        let read: RandomPosterize = serde_json::from_str(r#"{"bits": 3}"#).unwrap();
        assert_eq!(read, RandomPosterize::new(3));
        assert_eq!(serde_json::from_str::<RandomInvert>("{}").unwrap(), RandomInvert::default());
    }
}
