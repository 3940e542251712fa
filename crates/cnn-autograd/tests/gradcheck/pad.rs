//! Padding in each mode, on all sides and on one, and cropping.

use std::slice::from_ref;

use cnn_tensor::ops::pad::PaddingMode;
use cnn_tensor::ops::window::Padding2d;

use crate::{Draw, check, random};

pub(crate) fn cases() {
    let modes =
        [PaddingMode::Constant(0.5), PaddingMode::Reflect, PaddingMode::Replicate, PaddingMode::Circular];
    for seed in 0..24 {
        let mut draw = Draw::new(seed);
        let mode = modes[seed as usize % modes.len()];
        let image = [draw.size(1..3), draw.size(1..5), draw.size(1..5), draw.size(1..4)];
        let Padding2d { top, bottom, left, right } = draw.sides(5);
        let most = |size: usize| match mode {
            PaddingMode::Reflect => size - 1,
            PaddingMode::Circular => size,
            _ => usize::MAX,
        };
        let [of_rows, of_columns] = [most(image[1]), most(image[2])];
        let sides = Padding2d {
            top: top.min(of_rows),
            bottom: bottom.min(of_rows),
            left: left.min(of_columns),
            right: right.min(of_columns),
        };
        check(&format!("{mode:?}, {sides:?}"), &[random(&image, seed)], |mut x| x.remove(0).pad(sides, mode));
        let image = [image[0], image[1] + top + bottom, image[2] + left + right, image[3]];
        let sides = Padding2d { top, bottom, left, right };
        check(&format!("crop, {sides:?}"), from_ref(&random(&image, seed)), |mut x| x.remove(0).crop(sides));
    }
}

#[test]
fn gradients_of_padding_agree_with_differences() {
    cases();
}
