//! Dropout (Srivastava et al., 2014), inverted: what is kept is scaled up, so that evaluation does nothing. What is dropped
//! together may be a number, a channel of an example (Tompson et al., arXiv:1411.4280), an example or all (stochastic
//! depth, Huang et al., arXiv:1603.09382).
//!
//! The mask is a pure function of the key and the element's index. Nothing has to be saved: the same call on
//! the gradient, with the same key, is the backward pass.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::in_place::map;
use crate::ops::{check, gate};
use crate::random::{Key, unit};
use crate::{DType, Error, Result, Spec, Tensor};

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
    infer(Unit::Element, x.spec(), probability)?;
    let mask = Mask::new(probability, key);
    match x.dtype() {
        _ if probability == 0.0 || x.is_empty() => Ok(x),
        DType::F32 => map(x, |x, output| vector::dropout(x, output, mask)),
        _ => map(x, |x, output| {
            reference::dropout::<f64>(x, output, mask);
            Ok(())
        }),
    }
}

/// What is dropped or kept together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Each number by itself.
    Element,
    /// Each channel, which is the last axis, of each example, which is the first.
    Channel,
    /// Each example.
    Example,
    /// Everything.
    Batch,
}

impl Unit {
    /// Lower-case name, as in a graph.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Channel => "channel",
            Self::Example => "example",
            Self::Batch => "batch",
        }
    }
}

/// [`dropout`] of whole units: unit `i`, counted in the order of memory (channels of the first example, of the second, ..),
/// is kept where number `i` of the key's stream is at least `probability`.
///
/// # Shapes
/// `[batch, .., channels]` for channels, `[batch, ..]` for examples, any for the others.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::dropout::{Unit, dropout_of}, random::Key};
/// let x = Tensor::from_slice(&[1, 3, 2], &[1.0f32; 6])?;
/// let y = dropout_of(Unit::Channel, x, 0.5, Key::new(1))?.to_vec::<f32>()?;
/// assert!(y[0] == y[2] && y[2] == y[4] && y[1] == y[3] && y[3] == y[5]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`dropout`]; [`Error::Shape`] where there are no such axes.
pub fn dropout_of(unit: Unit, x: Tensor, probability: f64, key: Key) -> Result<Tensor> {
    infer(unit, x.spec(), probability)?;
    if probability == 0.0 || x.is_empty() {
        return Ok(x);
    }
    let (examples, channels) = (x.shape().first(), x.shape().last());
    let (examples, channels) = match (unit, examples, channels) {
        (Unit::Element, ..) => return dropout(x, probability, key),
        (Unit::Channel, Some(&examples), Some(&channels)) => (examples, channels),
        (Unit::Example, Some(&examples), _) => (examples, 1),
        _ => (1, 1),
    };
    let mask = Mask::new(probability, key);
    let mut factors = Tensor::stale(&[examples, channels], x.dtype())?;
    match x.dtype() {
        DType::F32 => mask.factors(0, factors.as_mut_slice()?),
        _ => {
            let factors = factors.as_mut_slice::<f64>()?.iter_mut();
            factors.zip(0..).for_each(|(factor, index)| *factor = mask.factor(index));
        }
    }
    gate::scale(gate::Geometry { pixels: x.len() / examples / channels, channels }, &factors, x)
}

/// Shape and type of the output, which are those of the input.
///
/// # Errors
/// As [`dropout_of`].
pub fn infer(unit: Unit, x: Spec, probability: f64) -> Result<Spec> {
    if !(0.0..=1.0).contains(&probability) {
        return Err(Error::argument("dropout", "probability", probability, "0 to 1"));
    }
    if !x.dtype.is_compute() {
        return Err(check::not_compute("dropout", x.dtype));
    }
    let (least, expected) = match unit {
        Unit::Element | Unit::Batch => (0, "[..]"),
        Unit::Channel => (2, "[batch, .., channels]"),
        Unit::Example => (1, "[batch, ..]"),
    };
    if x.shape.rank() < least {
        return Err(Error::shape("dropout", format!("input {}, expected {expected}", x.shape)));
    }
    Ok(x)
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
