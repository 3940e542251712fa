//! Dropout (Srivastava et al., 2014), inverted: what is kept is scaled up, so that evaluation does nothing.
//!
//! The mask is a pure function of the key and the element's index. Nothing has to be saved: the same call on
//! the gradient, with the same key, is the backward pass.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::in_place::map;
use crate::random::{Key, unit};
use crate::{DType, Error, Result, Tensor};

/// `x * mask / (1 - probability)`, where each element of the mask is 0 with `probability` and 1 otherwise.
///
/// Element `i` is kept where number `i` of the key's stream ([`Key::uniform`]) is at least `probability`.
/// With probability 1 everything is dropped. A dropped NaN or infinity gives NaN, as in PyTorch.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::dropout::dropout, random::Key};
/// let x = Tensor::from_slice(&[4], &[1.0f32; 4])?;
/// let y = dropout(x, 0.5, Key::new(1))?;
/// assert!(y.to_vec::<f32>()?.iter().all(|&y| y == 0.0 || y == 2.0));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Argument`] unless the probability is from 0 to 1; [`Error::DType`] unless `F32` or `F64`.
pub fn dropout(x: Tensor, probability: f64, key: Key) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&probability) {
        return Err(Error::argument("dropout", "probability", probability, "0 to 1"));
    }
    if !x.dtype().is_compute() {
        return Err(check::not_compute("dropout", x.dtype()));
    }
    let mask = Mask::new(probability, key);
    match x.dtype() {
        _ if probability == 0.0 => Ok(x),
        DType::F32 => map(x, |x, output| vector::dropout(x, output, mask)),
        _ => map(x, |x, output| {
            reference::dropout::<f64>(x, output, mask);
            Ok(())
        }),
    }
}

/// What is kept, and by how much it grows.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Mask {
    key: Key,
    /// Uniform numbers below this drop their element.
    threshold: f32,
    /// Factor of the elements that are kept.
    factor: f64,
}

impl Mask {
    pub(in crate::ops) fn new(probability: f64, key: Key) -> Self {
        let factor = if probability < 1.0 { 1.0 / (1.0 - probability) } else { 0.0 };
        Self { key, threshold: probability as f32, factor }
    }

    /// What element `index` is multiplied by.
    pub(in crate::ops) fn factor(&self, index: u64) -> f64 {
        if self.key.uniform(index) >= self.threshold { self.factor } else { 0.0 }
    }

    /// What the elements from `first` on are multiplied by.
    #[inline(always)]
    pub(in crate::ops) fn factors(&self, first: u64, factors: &mut [f32]) {
        let kept = self.factor as f32;
        let mut index = first;
        let mut rest = factors;
        while !rest.is_empty() {
            let words = self.key.block(index / 4);
            let words = &words[(index % 4) as usize..];
            let (some, others) = rest.split_at_mut(words.len().min(rest.len()));
            for (factor, &word) in some.iter_mut().zip(words) {
                *factor = if unit(word) >= self.threshold { kept } else { 0.0 };
            }
            index = index.wrapping_add(some.len() as u64);
            rest = others;
        }
    }
}
