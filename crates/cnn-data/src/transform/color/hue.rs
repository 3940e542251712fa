//! Turning the hue of a picture: torchvision's `functional.adjust_hue`, with its results for tensors of 8 bits.
//!
//! Colours go to hue, saturation and value (Smith, SIGGRAPH 1978) and back in single precision, operation by operation
//! as torchvision's tensors do, because the whole part that is taken at the end shows every rounding.

use super::adjust::from_unit;
use super::levels::check_channels;
use crate::image::Image;
use crate::level::{Level, each_depth};
use crate::{Error, Result};

/// The picture with its hues turned by `factor` of the circle, -0.5 to 0.5. A grey picture stays as it is.
///
/// # Errors
/// [`Error::Image`] unless it has 1 or 3 channels; [`Error::Argument`] where the factor is out of range.
pub fn adjust_hue(image: &Image, factor: f32) -> Result<Image> {
    check_channels("adjust_hue", image)?;
    if !(-0.5..=0.5).contains(&factor) {
        return Err(Error::argument("adjust_hue: factor", factor, "-0.5 to 0.5"));
    }
    if image.channels() == 1 {
        return Ok(image.clone());
    }
    let pixels = each_depth!(image.pixels(), levels => turn(levels, factor));
    Image::new(image.size(), 3, pixels)
}

fn turn<L: Level>(levels: &[L], factor: f32) -> Vec<L> {
    let mut target = levels.to_vec();
    for colour in target.as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = to_hsv(colour.map(|level| level.to_f32() * (1.0 / L::WHITE)));
        let turned = hue + factor;
        *colour = to_rgb([turned - turned.floor(), saturation, value]).map(from_unit);
    }
    target
}

/// Hue, saturation and value, each from 0 to 1, of a colour of such shares.
#[inline(always)]
fn to_hsv([red, green, blue]: [f32; 3]) -> [f32; 3] {
    let value = red.max(green).max(blue);
    let range = value - red.min(green).min(blue);
    // Without a hue there is nothing to divide, and nothing that depends on what it would be.
    let (most, spread) = if range == 0.0 { (1.0, 1.0) } else { (value, range) };
    let [from_red, from_green, from_blue] = [red, green, blue].map(|share| (value - share) / spread);
    let sixths = if value == red {
        from_blue - from_green
    } else if value == green {
        from_red + 2.0 - from_blue
    } else {
        from_green + 4.0 - from_red
    };
    let turned = sixths * (1.0 / 6.0) + 1.0;
    [turned - turned.floor(), range / most, value]
}

/// The colour of a hue, a saturation and a value.
#[inline(always)]
fn to_rgb([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    let sixths = hue * 6.0;
    let sector = sixths.floor();
    let within = saturation * (sixths - sector);
    let without = 1.0 - saturation;
    let falling = ((1.0 - within) * value).clamp(0.0, 1.0);
    let rising = ((within + without) * value).clamp(0.0, 1.0);
    let least = (without * value).clamp(0.0, 1.0);
    match sector as u8 {
        1 => [falling, value, least],
        2 => [least, value, rising],
        3 => [least, falling, value],
        4 => [rising, least, value],
        5 => [value, least, falling],
        // A hue of just under 1 may round to a whole turn, which is none.
        _ => [value, rising, least],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, Size};

    #[test]
    fn a_third_of_a_turn_takes_red_to_green_and_grey_to_itself() {
        let image = Image::from_u8(Size::new(1, 3), 3, vec![255, 0, 0, 9, 9, 9, 0, 255, 0]).unwrap();
        let turned = adjust_hue(&image, 1.0 / 3.0).unwrap();
        assert_eq!(turned.pixels(), &Pixels::U8(vec![0, 255, 0, 9, 9, 9, 0, 0, 255]));
        assert!(adjust_hue(&image, 0.6).is_err() && adjust_hue(&image, f32::NAN).is_err());
        let grey = Image::from_u16(Size::new(1, 1), 1, vec![700]).unwrap();
        assert_eq!(adjust_hue(&grey, 0.5).unwrap(), grey);
    }

    #[test]
    fn on_16_bits_no_turn_loses_at_most_a_level() {
        let levels: Vec<u16> = (0..3000u32).map(|at| (at * at * 77) as u16).collect();
        let image = Image::from_u16(Size::new(10, 100), 3, levels.clone()).unwrap();
        let Pixels::U16(met) = adjust_hue(&image, 0.0).unwrap().pixels().clone() else { panic!("16 bits") };
        assert!(met.iter().zip(&levels).all(|(met, level)| met.abs_diff(*level) <= 1));
    }
}
