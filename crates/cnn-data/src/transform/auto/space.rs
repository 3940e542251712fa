//! Spaces: which operations an augmentation has, and how strong each is at each of its magnitudes.
//!
//! A magnitude is a number of a scale of `bins` even steps. The scales are those of torchvision, computed in single
//! precision from the nearer end as PyTorch's `linspace` does.

use cnn_tensor::random::Key;

use super::Operation;
use crate::image::Size;

/// An operation without its strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
    Invert,
}

/// The operations of an augmentation, and their strengths at the greatest magnitude.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) names: &'static [Name],
    shear: f32,
    translation: Translation,
    /// In degrees.
    rotation: f32,
    /// Of brightness, colour, contrast and sharpness.
    change: f32,
    /// Bits kept at the least magnitude, and how many fewer at the greatest.
    bits: [f32; 2],
}

/// The greatest shift.
#[derive(Debug)]
enum Translation {
    /// Of the width or height.
    Share(f64),
    Pixels(f64),
}

use Name::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Identity, Invert, Posterize, Rotate, Sharpness,
    ShearX, ShearY, Solarize, TranslateX, TranslateY,
};

/// RandAugment's; AutoAugment has the same scales.
pub(super) const RAND: Space = Space {
    names: &[
        Identity,
        ShearX,
        ShearY,
        TranslateX,
        TranslateY,
        Rotate,
        Brightness,
        Color,
        Contrast,
        Sharpness,
        Posterize,
        Solarize,
        AutoContrast,
        Equalize,
    ],
    shear: 0.3,
    translation: Translation::Share(150.0 / 331.0),
    rotation: 30.0,
    change: 0.9,
    bits: [8.0, 4.0],
};

/// TrivialAugment's.
pub(super) const WIDE: Space = Space {
    shear: 0.99,
    translation: Translation::Pixels(32.0),
    rotation: 135.0,
    change: 0.99,
    bits: [8.0, 6.0],
    ..RAND
};

/// AugMix's with all its operations.
pub(super) const MIX: Space = Space {
    names: &[
        ShearX,
        ShearY,
        TranslateX,
        TranslateY,
        Rotate,
        Posterize,
        Solarize,
        AutoContrast,
        Equalize,
        Brightness,
        Color,
        Contrast,
        Sharpness,
    ],
    translation: Translation::Share(1.0 / 3.0),
    bits: [4.0, 4.0],
    ..RAND
};

/// AugMix's without those that the corrupted test sets of its paper use.
pub(super) const PARTIAL_MIX: Space = Space {
    names: &[ShearX, ShearY, TranslateX, TranslateY, Rotate, Posterize, Solarize, AutoContrast, Equalize],
    ..MIX
};

/// A magnitude: number `index` of `bins`, which are 2 or more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Magnitude {
    pub(super) index: usize,
    pub(super) bins: usize,
}

impl Magnitude {
    /// Its place on a scale between two values.
    fn between(self, start: f32, end: f32) -> f32 {
        let steps = self.bins - 1;
        let step = (end - start) / steps as f32;
        if self.index < self.bins / 2 {
            start + step * self.index as f32
        } else {
            end - step * (steps - self.index) as f32
        }
    }
}

impl Space {
    /// An operation at a magnitude for pictures of a size; strengths that have a sign get one of `key`'s first word.
    pub(super) fn operation(&self, name: Name, magnitude: Magnitude, size: Size, key: Key) -> Operation {
        let signed = |most: f32| {
            let strength = magnitude.between(0.0, most);
            if key.uniform(0) < 0.5 { -strength } else { strength }
        };
        let shift = |side: usize| match self.translation {
            Translation::Share(share) => signed((share * side as f64) as f32),
            Translation::Pixels(pixels) => signed(pixels as f32),
        };
        match name {
            Identity => Operation::Identity,
            ShearX => Operation::ShearX(signed(self.shear)),
            ShearY => Operation::ShearY(signed(self.shear)),
            TranslateX => Operation::TranslateX(shift(size.width)),
            TranslateY => Operation::TranslateY(shift(size.height)),
            Rotate => Operation::Rotate(signed(self.rotation)),
            Brightness => Operation::Brightness(signed(self.change)),
            Color => Operation::Color(signed(self.change)),
            Contrast => Operation::Contrast(signed(self.change)),
            Sharpness => Operation::Sharpness(signed(self.change)),
            Posterize => {
                let [most, fewer] = self.bits;
                let step = (magnitude.bins - 1) as f32 / fewer;
                Operation::Posterize((most - magnitude.index as f32 / step).round_ties_even() as u32)
            }
            Solarize => Operation::Solarize(magnitude.between(1.0, 0.0)),
            AutoContrast => Operation::AutoContrast,
            Equalize => Operation::Equalize,
            Invert => Operation::Invert,
        }
    }

    /// An operation, each equally likely, at a magnitude.
    pub(super) fn draw(&self, magnitude: Magnitude, size: Size, key: Key) -> Operation {
        let name = self.names[key.below(1, self.names.len() as u64) as usize];
        self.operation(name, magnitude, size, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of a strength, without its sign.
    fn strength(space: &Space, name: Name, index: usize, bins: usize) -> f32 {
        match space.operation(name, Magnitude { index, bins }, Size::new(200, 331), Key::new(1)) {
            Operation::ShearX(by)
            | Operation::TranslateX(by)
            | Operation::TranslateY(by)
            | Operation::Rotate(by)
            | Operation::Color(by)
            | Operation::Solarize(by) => by.abs(),
            Operation::Posterize(bits) => bits as f32,
            other => panic!("{other:?}"),
        }
    }

    // torchvision 0.29: each class's _AUGMENTATION_SPACE[name][0](bins, 200, 331)[index].
    #[test]
    fn scales_are_those_of_torchvision() {
        let rows = [
            (&RAND, ShearX, 9, 31, 0.09),
            (&RAND, TranslateX, 9, 31, 45.0),
            (&RAND, TranslateY, 30, 31, 90.634_44),
            (&RAND, Rotate, 9, 10, 30.0),
            (&RAND, Posterize, 8, 10, 4.0),
            (&RAND, Posterize, 9, 31, 7.0),
            (&RAND, Solarize, 5, 10, 0.444_444_4),
            (&WIDE, Color, 30, 31, 0.99),
            (&WIDE, TranslateX, 15, 31, 16.0),
            (&WIDE, Posterize, 30, 31, 2.0),
            (&MIX, TranslateX, 2, 10, 24.518_518),
            (&MIX, Posterize, 9, 10, 0.0),
            (&PARTIAL_MIX, Posterize, 1, 10, 4.0),
        ];
        for (space, name, index, bins, expected) in rows {
            let met = strength(space, name, index, bins);
            assert!(
                (met - expected).abs() <= 1e-6 * expected,
                "{name:?} {index} of {bins}: {met} {expected}"
            );
        }
    }
}
