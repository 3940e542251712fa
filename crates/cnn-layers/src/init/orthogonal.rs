//! Weights that keep lengths and angles, and weights that change nothing.

use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use super::{Fans, Gain, Initializer};
use crate::{Error, Result};

/// A matrix whose rows or columns, whichever are fewer, are orthogonal to each other and of the length that the gain is. Saxe et al.,
/// arXiv:1312.6120; `orthogonal_` of `torch.nn.init`.
///
/// PyTorch flattens a weight `[out, ..]` to a matrix of `out` rows. Here the last axis is what its first is there (the
/// outputs of a convolution or a dense layer, the inputs of a transposed one), so the filters of a weight `[.., out]`
/// are orthogonal if there are no more of them than numbers in one. As there, the matrix is the orthogonal factor of a
/// normal one whose triangular factor has a positive diagonal, so that each is equally likely.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Orthogonal {
    /// Length of the rows or columns.
    pub gain: Gain,
}

impl Initializer for Orthogonal {
    fn tensor(&self, shape: &[usize], _fans: Fans, key: Key) -> Result<Tensor> {
        let &[ref leading @ .., out] = shape else {
            return Err(two_axes("Orthogonal", shape));
        };
        if leading.is_empty() {
            return Err(two_axes("Orthogonal", shape));
        }
        let mut weight = Tensor::zeros(shape, DType::F32)?;
        if weight.is_empty() {
            return Ok(weight);
        }
        let filter = weight.len() / out;
        let (count, len) = (out.min(filter), out.max(filter));
        let vectors = orthonormal(count, len, key);
        let gain = self.gain.value();
        let values = weight.as_mut_slice::<f32>()?;
        for (index, vector) in vectors.chunks_exact(len).enumerate() {
            for (place, &value) in vector.iter().enumerate() {
                // Vector `index` is a column, the filter of an output, or a row.
                let at = if out <= filter { place * out + index } else { index * out + place };
                values[at] = (gain * value) as f32;
            }
        }
        Ok(weight)
    }
}

/// Vectors of length one that are orthogonal to each other, one after the other: normal ones, each less its part along
/// those before (Gram and Schmidt), which is taken off twice to lose nothing to rounding.
fn orthonormal(count: usize, len: usize, key: Key) -> Vec<f64> {
    let mut vectors: Vec<f64> = (0..(count * len) as u64).map(|index| f64::from(key.normal(index))).collect();
    for index in 0..count {
        let (before, rest) = vectors.split_at_mut(index * len);
        let vector = &mut rest[..len];
        for _ in 0..2 {
            for other in before.chunks_exact(len) {
                let share = dot(vector, other);
                vector.iter_mut().zip(other).for_each(|(x, other)| *x -= share * other);
            }
        }
        let length = dot(vector, vector).sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vectors
}

/// The sum of the products, in several sums side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 16;
    let mut lanes = [0.0; LANES];
    let (first, second) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = first.remainder().iter().zip(second.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in first.zip(second) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// A convolution that leaves an image as it is: one in the middle of the window from each channel to the one of the same
/// number in its group, zeros elsewhere. `dirac_` of `torch.nn.init`, and `eye_` for a dense weight.
///
/// # Shapes
/// `[window.., in / groups, out]`. The middle of an even window is its second half's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dirac {
    /// Groups of the convolution, each of which is the identity.
    pub groups: usize,
}

impl Default for Dirac {
    /// One group.
    fn default() -> Self {
        Self { groups: 1 }
    }
}

impl Initializer for Dirac {
    fn tensor(&self, shape: &[usize], _fans: Fans, _key: Key) -> Result<Tensor> {
        let &[ref window @ .., in_group, out] = shape else {
            return Err(two_axes("Dirac", shape));
        };
        if self.groups == 0 || out % self.groups != 0 {
            let expected = format!("a number that divides the {out} outputs");
            return Err(Error::argument("Dirac", "groups", self.groups, expected));
        }
        let mut weight = Tensor::zeros(shape, DType::F32)?;
        if weight.is_empty() {
            return Ok(weight);
        }
        let middle = window.iter().fold(0, |place, &size| place * size + size / 2);
        let out_group = out / self.groups;
        let values = weight.as_mut_slice::<f32>()?;
        for group in 0..self.groups {
            for channel in 0..in_group.min(out_group) {
                values[(middle * in_group + channel) * out + group * out_group + channel] = 1.0;
            }
        }
        Ok(weight)
    }
}

fn two_axes(initializer: &'static str, shape: &[usize]) -> Error {
    Error::argument(initializer, "shape", format!("{shape:?}"), "two axes or more")
}

#[cfg(test)]
mod tests {
    use cnn_autograd::{Ctx, Recording};

    use super::*;
    use crate::{Conv2d, Forward, Mode};

    const FANS: Fans = Fans { fan_in: 1, fan_out: 1 };

    /// The products of the columns (or rows) with each other.
    fn gram(weight: &Tensor) -> (usize, Vec<f64>) {
        let out = *weight.shape().last().unwrap();
        let filter = weight.len() / out;
        let values = weight.to_f64_vec().unwrap();
        let at = |vector: usize, place: usize| {
            if out <= filter { values[place * out + vector] } else { values[vector * out + place] }
        };
        let (count, len) = (out.min(filter), out.max(filter));
        let product = |a: usize, b: usize| (0..len).map(|place| at(a, place) * at(b, place)).sum();
        (count, (0..count * count).map(|index| product(index / count, index % count)).collect())
    }

    #[test]
    fn fewer_filters_than_numbers_are_orthogonal_and_so_are_fewer_numbers_than_filters() {
        for shape in
            [vec![7, 7], vec![3, 2, 5, 11], vec![3, 3, 2, 40], vec![5, 1], vec![1, 5], vec![3, 33, 20]]
        {
            let gain = 1.5;
            let weight = Orthogonal { gain: Gain::Of(gain) }.tensor(&shape, FANS, Key::new(4)).unwrap();
            let (count, gram) = gram(&weight);
            for (index, product) in gram.into_iter().enumerate() {
                let expected = if index / count == index % count { gain * gain } else { 0.0 };
                assert!((product - expected).abs() < 1e-6, "{shape:?}: {product}, expected {expected}");
            }
        }
    }

    #[test]
    fn orthogonal_matrices_have_no_preferred_sign() {
        // Without a rule for the signs the first number would always be of one sign.
        let first = |seed| {
            Orthogonal::default().tensor(&[6, 6], FANS, Key::new(seed)).unwrap().to_f64_vec().unwrap()[0]
        };
        let positive = (0..200).filter(|&seed| first(seed) > 0.0).count();
        assert!((70..130).contains(&positive), "{positive} of 200");
    }

    #[test]
    fn a_dirac_convolution_leaves_an_image_as_it_is() {
        for (channels, kernel, groups) in [(3, 3, 1), (4, 5, 2), (4, 1, 4)] {
            let builder = Conv2d::builder(channels, channels, kernel).padding(kernel / 2).groups(groups);
            let conv = builder.bias(crate::Bias::Without).build_with(&Dirac { groups }, Key::new(1)).unwrap();
            let image: Vec<f32> = (0..2 * 6 * 5 * channels).map(|i| i as f32).collect();
            let image = Tensor::from_slice(&[2, 6, 5, channels], &image).unwrap();
            let mut cx = Ctx::new(Recording::None, Mode::Eval, Key::new(1));
            let x = cx.input(image.clone());
            let y = conv.call(x, &mut cx).unwrap();
            assert_eq!(y.value().to_vec::<f32>().unwrap(), image.to_vec::<f32>().unwrap());
        }
        let eye = Dirac::default().tensor(&[2, 3], FANS, Key::new(1)).unwrap();
        assert_eq!(eye.to_vec::<f32>().unwrap(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn shapes_without_two_axes_and_groups_that_do_not_divide_are_refused() {
        for shape in [&[][..], &[5][..]] {
            assert!(matches!(
                Orthogonal::default().tensor(shape, FANS, Key::new(1)),
                Err(Error::Argument { .. })
            ));
            assert!(matches!(Dirac::default().tensor(shape, FANS, Key::new(1)), Err(Error::Argument { .. })));
        }
        for groups in [0, 4] {
            assert!(matches!(
                Dirac { groups }.tensor(&[2, 3], FANS, Key::new(1)),
                Err(Error::Argument { .. })
            ));
        }
        assert!(Orthogonal::default().tensor(&[0, 3], FANS, Key::new(1)).unwrap().is_empty());
    }
}
