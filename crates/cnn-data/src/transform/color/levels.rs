//! What the colour operations have in common: tables of levels, the arithmetic of torchvision's tensors, and checks.
//!
//! An operation by level is a function of one level. A picture with more levels than there can be different ones goes
//! through a table, so that each level is worked out once; 8 bits make a table of 256.

use crate::image::Image;
use crate::level::Level;
use crate::{Error, Result};

/// Each level by a function of it.
pub(super) fn map_levels<L: Level>(levels: &[L], f: impl Fn(L) -> L) -> Vec<L> {
    map_channels(levels, 1, |_, level| f(level))
}

/// Each level by a function of its channel's number and of it.
pub(super) fn map_channels<L: Level>(levels: &[L], channels: usize, f: impl Fn(usize, L) -> L) -> Vec<L> {
    if levels.len() > channels * L::COUNT {
        let table = |channel| (0..L::COUNT).map(move |index| (channel, L::from_index(index)));
        let tables: Vec<L> =
            (0..channels).flat_map(table).map(|(channel, level)| f(channel, level)).collect();
        return look_up(levels, channels, &tables);
    }
    let pixels = levels.chunks_exact(channels);
    pixels.flat_map(|pixel| pixel.iter().enumerate().map(|(channel, &level)| f(channel, level))).collect()
}

/// Each level's entry in its channel's table, of which there is one after the other.
pub(super) fn look_up<L: Level>(levels: &[L], channels: usize, tables: &[L]) -> Vec<L> {
    let mut target = levels.to_vec();
    // Written out for grey and colour, so that the loop over channels is unrolled.
    match channels {
        1 => replace(&mut target, 1, tables),
        3 => replace(&mut target, 3, tables),
        _ => replace(&mut target, channels, tables),
    }
    target
}

#[inline(always)]
fn replace<L: Level>(levels: &mut [L], channels: usize, tables: &[L]) {
    for pixel in levels.chunks_exact_mut(channels) {
        for (level, table) in pixel.iter_mut().zip(tables.chunks_exact(L::COUNT)) {
            *level = table[level.to_index()];
        }
    }
}

/// `sum + a b`, rounded once to single precision, as PyTorch's vector code rounds `add` with a factor.
///
/// The double-precision product of levels and factors is exact; unlike a fused instruction, this is fast on every
/// processor.
#[inline(always)]
pub(super) fn fused(sum: f32, a: f32, b: f32) -> f32 {
    (f64::from(sum) + f64::from(a) * f64::from(b)) as f32
}

/// The two factors of a blend, `ratio` and `1 - ratio`.
pub(super) fn shares(ratio: f32) -> [f32; 2] {
    [ratio, (1.0 - f64::from(ratio)) as f32]
}

/// `first * ratio + second * (1 - ratio)`, rounded after the first product and after the sum.
#[inline(always)]
pub(super) fn blend(first: f32, second: f32, [ratio, rest]: [f32; 2]) -> f32 {
    fused(first * ratio, rest, second)
}

/// The grey of a colour as torchvision computes it of tensors, before its whole part is taken:
/// `0.2989 R + 0.587 G + 0.114 B`, so that white is just under white.
#[inline(always)]
pub(super) fn grey<L: Level>([red, green, blue]: [L; 3]) -> f32 {
    fused(fused(red.to_f32() * 0.2989, 0.587, green.to_f32()), 0.114, blue.to_f32())
}

/// An error unless a picture is grey or coloured.
pub(super) fn check_channels(operation: &'static str, image: &Image) -> Result<()> {
    match image.channels() {
        1 | 3 => Ok(()),
        met => {
            let problem =
                format!("a picture of {met} channels, expected 1 (grey) or 3 (red, green and blue)");
            Err(Error::image(operation, problem))
        }
    }
}

/// An error unless a factor is a number that is not negative.
pub(super) fn check_factor(name: &'static str, factor: f32) -> Result<()> {
    if factor.is_finite() && factor >= 0.0 {
        return Ok(());
    }
    Err(Error::argument(name, factor, "a finite number, 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_what_the_function_gives() {
        let levels: Vec<u8> = (0..1200).map(|at| (at * 7 % 256) as u8).collect();
        let f = |channel: usize, level: u8| level.wrapping_mul(3).wrapping_add(channel as u8);
        let expected: Vec<u8> = levels.iter().enumerate().map(|(at, &level)| f(at % 3, level)).collect();
        assert_eq!(map_channels(&levels, 3, f), expected);
        assert_eq!(map_channels(&levels[..30], 3, f), expected[..30]);
        let deep: Vec<u16> = (0..70_000u32).map(|at| (at * 31) as u16).collect();
        let expected: Vec<u16> = deep.iter().map(|level| level / 2).collect();
        assert_eq!(map_levels(&deep, |level| level / 2), expected);
    }

    #[test]
    fn grey_is_that_of_tensors_and_not_that_of_pillow() {
        assert_eq!([[0u8; 3], [255; 3], [255, 0, 0]].map(|colour| grey(colour) as u8), [0, 254, 76]);
    }
}
