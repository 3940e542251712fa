//! Blurring: torchvision's `GaussianBlur`, and the blur of a camera that moves.
//!
//! Both are weighted means of shifted pictures. Beyond the rim the picture is reflected, without the rim's own pixels
//! twice, as often as it takes. The Gaussian one goes along rows, then along columns.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use crate::image::{Image, Size};
use crate::level::{Level, each_depth};
use crate::transform::Transform;
use crate::transform::arguments::{between, check_pair, check_range};
use crate::{Error, Result, Sample};

/// Longest kernel and longest motion, in pixels.
const LONGEST: usize = 1023;

/// A shift of the picture by `down` rows and `across` columns, and its weight in the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tap {
    down: isize,
    across: isize,
    weight: f32,
}

/// The picture blurred by a Gaussian of `sigma` pixels, cut off beyond a kernel of `kernel_size` pixels.
///
/// The weight at a distance of `d` pixels is in proportion to `exp(-d^2 / (2 sigma^2))`.
///
/// # Errors
/// [`Error::Argument`] unless the kernel's sides are odd and at most 1023, and sigma's over 0.
pub fn gaussian_blur(image: &Image, kernel_size: Size, sigma: f32) -> Result<Image> {
    check_kernel("gaussian_blur: kernel_size", kernel_size)?;
    check_sigma("gaussian_blur: sigma", [sigma; 2])?;
    let rows: Vec<Tap> = weights(kernel_size.width, sigma)
        .into_iter()
        .map(|(across, weight)| Tap { down: 0, across, weight })
        .collect();
    let columns: Vec<Tap> = weights(kernel_size.height, sigma)
        .into_iter()
        .map(|(down, weight)| Tap { down, across: 0, weight })
        .collect();
    blend(image, &[rows, columns])
}

/// Distances and weights of a kernel of one dimension; the weights' sum is 1.
fn weights(length: usize, sigma: f32) -> Vec<(isize, f32)> {
    let half = (length / 2) as isize;
    let bell = |distance: isize| (-0.5 * (distance as f64 / f64::from(sigma)).powi(2)).exp();
    let sum: f64 = (-half..=half).map(bell).sum();
    (-half..=half).map(|distance| (distance, (bell(distance) / sum) as f32)).collect()
}

fn check_kernel(name: &'static str, kernel_size: Size) -> Result<()> {
    let sides = [kernel_size.height, kernel_size.width];
    if sides.iter().all(|side| side % 2 == 1 && *side <= LONGEST) {
        return Ok(());
    }
    Err(Error::argument(name, sides, "odd numbers of 1 to 1023"))
}

fn check_sigma(name: &'static str, [least, most]: [f32; 2]) -> Result<()> {
    if 0.0 < least && least <= most && most.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, [least, most], "finite numbers over 0, the smaller first"))
}

/// The picture as a camera sees it that moves by `length` pixels at an angle in degrees, 0 to the right and 90 down.
///
/// It is the mean of `n`, the least whole number not below `length`, pictures shifted by
/// `(i / (n - 1) - 1 / 2) (length - 1)` pixels in that direction, for `i` from 0 to `n - 1`, each sampled bilinearly.
/// A length of 1 changes nothing.
///
/// # Errors
/// [`Error::Argument`] unless the length is 1 to 1023 and the angle finite.
pub fn motion_blur(image: &Image, length: f32, angle: f32) -> Result<Image> {
    check_range("motion_blur: length", length, 1.0..=LONGEST as f32)?;
    if !angle.is_finite() {
        return Err(Error::argument("motion_blur: angle", angle, "a finite number of degrees"));
    }
    blend(image, &[path(length, angle)])
}

/// The shifts of a motion, each one's weight spread over the four whole shifts about it.
fn path(length: f32, angle: f32) -> Vec<Tap> {
    let (sin, cos) = f64::from(angle).to_radians().sin_cos();
    let pictures = length.ceil() as usize;
    let mut taps: Vec<Tap> = Vec::new();
    for picture in 0..pictures {
        let place = if pictures > 1 { picture as f64 / (pictures - 1) as f64 - 0.5 } else { 0.0 };
        let along = place * (f64::from(length) - 1.0);
        // Sines of right angles are not quite whole; shifts that are whole to 2^-20 of a pixel are meant to be.
        let exact = |shift: f64| (shift * 1_048_576.0).round() / 1_048_576.0;
        let (x, y) = (exact(along * cos), exact(along * sin));
        let (part_x, part_y) = (x - x.floor(), y - y.floor());
        for (row, share_y) in [(0, 1.0 - part_y), (1, part_y)] {
            for (column, share_x) in [(0, 1.0 - part_x), (1, part_x)] {
                let weight = (share_x * share_y / pictures as f64) as f32;
                let (down, across) = (y.floor() as isize + row, x.floor() as isize + column);
                match taps.iter_mut().find(|tap| (tap.down, tap.across) == (down, across)) {
                    Some(tap) => tap.weight += weight,
                    None if weight > 0.0 => taps.push(Tap { down, across, weight }),
                    None => {}
                }
            }
        }
    }
    taps
}

/// The picture after one weighted mean of shifts after the other.
fn blend(image: &Image, passes: &[Vec<Tap>]) -> Result<Image> {
    let (size, channels) = (image.size(), image.channels());
    let pixels = each_depth!(image.pixels(), levels => {
        let plain: Vec<f32> = levels.iter().map(|level| level.to_f32()).collect();
        let blended = passes.iter().fold(plain, |levels, taps| pass(&levels, size, channels, taps));
        blended.into_iter().map(Level::from_f32).collect()
    });
    Image::new(size, channels, pixels)
}

/// The weighted mean of shifted pictures.
fn pass(levels: &[f32], size: Size, channels: usize, taps: &[Tap]) -> Vec<f32> {
    let margin = taps.iter().map(|tap| tap.across.unsigned_abs()).max().unwrap_or(0);
    let wide = widened(levels, size, channels, margin);
    let pitch = (size.width + 2 * margin) * channels;
    let mut target = vec![0.0; levels.len()];
    for (row, line) in target.chunks_exact_mut(size.width * channels).enumerate() {
        for tap in taps {
            let start = reflected(row as isize + tap.down, size.height) * pitch
                + margin.saturating_add_signed(tap.across) * channels;
            for (sum, level) in line.iter_mut().zip(&wide[start..]) {
                *sum += level * tap.weight;
            }
        }
    }
    target
}

/// The picture with `margin` reflected columns on each side.
fn widened(levels: &[f32], size: Size, channels: usize, margin: usize) -> Vec<f32> {
    let mut wide = Vec::with_capacity(levels.len() + 2 * margin * channels * size.height);
    let places = -(margin as isize)..(size.width + margin) as isize;
    for line in levels.chunks_exact(size.width * channels) {
        for place in places.clone() {
            let from = reflected(place, size.width) * channels;
            wide.extend_from_slice(&line[from..from + channels]);
        }
    }
    wide
}

/// The index of `0..length` that a place beyond it shows.
fn reflected(place: isize, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length - 1);
    let within = place.rem_euclid(period as isize) as usize;
    within.min(period - within)
}

/// Blurs by a Gaussian whose sigma is drawn: [`gaussian_blur`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianBlur {
    /// Height and width of the kernel in pixels: odd numbers.
    pub kernel_size: Size,
    /// Least and greatest sigma, in pixels.
    #[serde(default = "usual_sigma")]
    pub sigma: [f32; 2],
}

fn usual_sigma() -> [f32; 2] {
    [0.1, 2.0]
}

impl GaussianBlur {
    /// A square kernel, with sigmas of 0.1 to 2.
    pub fn new(kernel_size: usize) -> Self {
        Self { kernel_size: Size::new(kernel_size, kernel_size), sigma: usual_sigma() }
    }

    /// Least and greatest sigma, in pixels.
    #[must_use]
    pub fn sigma(self, sigma: [f32; 2]) -> Self {
        Self { sigma, ..self }
    }
}

impl Transform for GaussianBlur {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let image = gaussian_blur(&sample.image, self.kernel_size, between(key, 0, self.sigma))?;
        Ok(Sample { image, ..sample })
    }

    fn check(&self) -> Result<()> {
        check_kernel("gaussian-blur: kernel_size", self.kernel_size)?;
        check_sigma("gaussian-blur: sigma", self.sigma)
    }
}

/// Blurs as a moving camera does, by a drawn length at a drawn angle: [`motion_blur`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MotionBlur {
    /// Least and greatest way of the camera, in pixels.
    pub length: [f32; 2],
    /// Least and greatest angle in degrees, 0 to the right and 90 down.
    pub angle: [f32; 2],
}

impl Default for MotionBlur {
    fn default() -> Self {
        Self { length: [3.0, 7.0], angle: [0.0, 180.0] }
    }
}

impl MotionBlur {
    /// Motions of a length between two values, in any direction.
    pub fn new(length: [f32; 2]) -> Self {
        Self { length, ..Self::default() }
    }

    /// Least and greatest angle in degrees.
    #[must_use]
    pub fn angle(self, angle: [f32; 2]) -> Self {
        Self { angle, ..self }
    }
}

impl Transform for MotionBlur {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let [length, angle] = [between(key, 0, self.length), between(key, 1, self.angle)];
        Ok(Sample { image: motion_blur(&sample.image, length, angle)?, ..sample })
    }

    fn check(&self) -> Result<()> {
        check_pair("motion-blur: length", self.length, 1.0..=LONGEST as f32)?;
        check_pair("motion-blur: angle", self.angle, -360.0..=360.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    fn levels(image: Result<Image>) -> Vec<u8> {
        match image.unwrap().pixels() {
            Pixels::U8(levels) => levels.clone(),
            Pixels::U16(_) => panic!("8 bits stay 8 bits"),
        }
    }

    /// A dot of 120 in the middle of 5 by 5 pixels.
    fn dot() -> Image {
        let mut levels = vec![0; 25];
        levels[12] = 120;
        Image::from_u8(Size::new(5, 5), 1, levels).unwrap()
    }

    fn place(levels: &[u8]) -> Vec<(usize, u8)> {
        levels.iter().copied().enumerate().filter(|&(_, level)| level > 0).collect()
    }

    #[test]
    fn a_moving_camera_draws_a_dot_into_a_line() {
        assert_eq!(place(&levels(motion_blur(&dot(), 3.0, 0.0))), [(11, 40), (12, 40), (13, 40)]);
        assert_eq!(place(&levels(motion_blur(&dot(), 3.0, 90.0))), [(7, 40), (12, 40), (17, 40)]);
        assert_eq!(motion_blur(&dot(), 1.0, 33.0).unwrap(), dot());
        // Down and to the right: the corners of the line are on that diagonal.
        let diagonal = levels(motion_blur(&dot(), 3.0, 45.0));
        assert!(diagonal[6] > 0 && diagonal[18] > 0 && diagonal[8] == 0 && diagonal[16] == 0);
        // Between two pixels: half of the first and last picture falls on each.
        assert_eq!(place(&levels(motion_blur(&dot(), 2.0, 0.0))), [(11, 30), (12, 60), (13, 30)]);
    }

    #[test]
    fn kernels_longer_than_the_picture_reflect_again_and_again() {
        let image = Image::from_u8(Size::new(1, 2), 3, vec![10, 20, 30, 10, 20, 30]).unwrap();
        assert_eq!(gaussian_blur(&image, Size::new(9, 9), 3.0).unwrap(), image);
        assert_eq!(motion_blur(&image, 700.0, 77.0).unwrap(), image);
        assert_eq!([-3, -2, -1, 0, 1, 2, 3, 4, 5].map(|at| reflected(at, 3)), [1, 2, 1, 0, 1, 2, 1, 0, 1]);
    }

    #[test]
    fn deep_levels_blur_as_deep_levels() {
        let image = Image::from_u16(Size::new(1, 3), 1, vec![0, 60_000, 0]).unwrap();
        let Pixels::U16(met) = gaussian_blur(&image, Size::new(1, 3), 1.0).unwrap().pixels().clone() else {
            panic!("16 bits stay 16 bits")
        };
        // The middle weight is 1 / (1 + 2 exp(-1/2)); the rim meets the bright pixel twice.
        assert_eq!(met, [32_888, 27_112, 32_888]);
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        let message = gaussian_blur(&dot(), Size::new(4, 3), 1.0).unwrap_err().to_string();
        assert_eq!(message, "gaussian_blur: kernel_size is [4, 3], expected odd numbers of 1 to 1023");
        assert!(GaussianBlur::new(3).sigma([0.0, 1.0]).check().is_err());
        assert!(GaussianBlur::new(1025).check().is_err() && GaussianBlur::new(5).check().is_ok());
        assert!(MotionBlur::new([0.0, 3.0]).check().is_err() && MotionBlur::default().check().is_ok());
        assert!(motion_blur(&dot(), 2.0, f32::NAN).is_err() && motion_blur(&dot(), f32::NAN, 0.0).is_err());
    }
}
