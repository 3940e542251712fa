//! Intervals by resampling (Efron, 1979): how much a figure owes to which images happened to be in the test set.

use cnn_autograd::random::Key;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A figure and the range in which it lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure of the images as they are.
    pub value: f64,
    /// The 2.5 % quantile over resamples.
    pub low: f64,
    /// The 97.5 % quantile over resamples.
    pub high: f64,
}

/// How many resamples are usual for a 95 % interval.
pub const RESAMPLES: usize = 1000;

/// A figure of `images` images and its 95 % interval, by percentiles over `resamples` sets of as many images drawn with
/// replacement. `figure` is given the chosen images' numbers in rising order, first all of them; resamples for which it has no
/// value are left out. The same key gives the same interval.
///
/// ```
/// use cnn_autograd::random::Key;
/// use cnn_train::metrics::bootstrap;
/// let right = [true, true, true, false, true, true, false, true];
/// let accuracy = |chosen: &[usize]| Some(chosen.iter().filter(|&&i| right[i]).count() as f64 / chosen.len() as f64);
/// let interval = bootstrap(right.len(), 1000, Key::new(1), accuracy)?.unwrap();
/// assert_eq!(interval.value, 0.75);
/// assert!(interval.low < 0.75 && interval.high > 0.75);
/// # Ok::<(), cnn_train::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] without resamples.
pub fn bootstrap(
    images: usize,
    resamples: usize,
    key: Key,
    figure: impl Fn(&[usize]) -> Option<f64>,
) -> Result<Option<Interval>> {
    let mut chosen: Vec<usize> = Vec::with_capacity(images);
    let each = |counts: &[u32]| {
        chosen.clear();
        for (image, &count) in counts.iter().enumerate() {
            chosen.extend(std::iter::repeat_n(image, count as usize));
        }
        [figure(&chosen)]
    };
    let [interval] = intervals(images, resamples, key, each)?;
    Ok(interval)
}

/// [`bootstrap`] of several figures at once, which are given how often each image was drawn: once each, first.
pub(super) fn intervals<const N: usize>(
    images: usize,
    resamples: usize,
    key: Key,
    mut figures: impl FnMut(&[u32]) -> [Option<f64>; N],
) -> Result<[Option<Interval>; N]> {
    if resamples == 0 {
        return Err(Error::argument("resamples", 0, "1 or more, 1000 say"));
    }
    if images == 0 {
        return Ok([None; N]);
    }
    let mut counts = vec![1u32; images];
    let found = figures(&counts);
    let mut all: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(resamples));
    for resample in 0..resamples as u64 {
        let key = key.fold(resample);
        counts.fill(0);
        for draw in 0..images as u64 {
            counts[key.below(draw, images as u64) as usize] += 1;
        }
        for (values, value) in all.iter_mut().zip(figures(&counts)) {
            values.extend(value.filter(|value| value.is_finite()));
        }
    }
    let mut values = all.into_iter();
    Ok(found.map(|value| {
        let mut sorted = values.next().unwrap_or_default();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (quantile(&sorted, 0.025), quantile(&sorted, 0.975));
        value.map(|value| Interval { value, low: low.unwrap_or(value), high: high.unwrap_or(value) })
    }))
}

/// The quantile of sorted values, linear between two of them.
fn quantile(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}
