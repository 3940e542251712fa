//! Pictures that look the same though their bytes differ: recompressed, resized, a little brighter or darker.
//!
//! Candidates are found by a hash of 64 bits, the signs of the lowest frequencies of a 32x32 thumbnail against their
//! median (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010). Two hashes that differ
//! in at most 7 bits agree in one of their 8 bytes, so that only pictures with a byte in common are compared.
//! A second look at the thumbnails keeps those out that share light and background alone: they have to agree as a
//! whole, and also in what differs from its surroundings.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::look::luma;
use crate::{Image, Resize, ResizeMode, Result, Size};

const SIDE: usize = 32;

/// Bits in which the hashes of candidates differ at most: fewer than there are bytes.
const MOST_BITS: u32 = 7;

/// Least correlation of the thumbnails.
const LEAST_WHOLE: f64 = 0.985;

/// Least correlation of their details.
const LEAST_DETAIL: f64 = 0.93;

/// Details below this deviation, in levels, say nothing: rounding makes as much.
const FAINT: f64 = 0.7;

/// Shapes differ by at most this factor.
const MOST_SHAPE: f64 = 1.05;

/// A grey picture of 32x32 with its hash.
#[derive(Debug)]
pub(super) struct Thumbnail {
    levels: Box<[u8; SIDE * SIDE]>,
    hash: u64,
    shape: f64,
}

impl Thumbnail {
    pub(super) fn of(grey: &Image) -> Result<Self> {
        let small = Resize::new(Size::new(SIDE, SIDE), ResizeMode::Stretch).resize(grey)?;
        let mut levels = Box::new([0; SIDE * SIDE]);
        levels.iter_mut().zip(luma(&small)).for_each(|(to, from)| *to = *from);
        let hash = hash(&levels);
        Ok(Self { levels, hash, shape: grey.width() as f64 / grey.height() as f64 })
    }

    fn looks_like(&self, other: &Self) -> bool {
        let shapes = self.shape / other.shape;
        if !(1.0 / MOST_SHAPE..=MOST_SHAPE).contains(&shapes) {
            return false;
        }
        let values = |of: &Self| of.levels.map(f64::from);
        let (a, b) = (values(self), values(other));
        let (da, db) = (details(&a), details(&b));
        correlation(&a, &b).0 >= LEAST_WHOLE && {
            let (alike, least) = correlation(&da, &db);
            least >= FAINT && alike >= LEAST_DETAIL
        }
    }
}

/// Groups of pictures of which each looks the same as another one of its group, by their places, in order.
pub(super) fn groups(thumbnails: &[(usize, &Thumbnail)]) -> Vec<Vec<usize>> {
    // Each picture that looks like another points to an earlier one of its group, or to itself if it is the first.
    let mut earlier = BTreeMap::new();
    fn first(earlier: &BTreeMap<usize, usize>, mut at: usize) -> usize {
        while let Some(&next) = earlier.get(&at).filter(|&&next| next != at) {
            at = next;
        }
        at
    }
    for (a, b) in pairs(thumbnails) {
        let [one, other] = [a, b].map(|at| first(&earlier, at));
        let [one, other] = [one.min(other), one.max(other)];
        earlier.extend([(one, one), (other, one)]);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &at in earlier.keys() {
        groups.entry(first(&earlier, at)).or_default().push(at);
    }
    groups.into_values().collect()
}

/// Pairs of thumbnails that look the same, by their places, in order.
fn pairs(thumbnails: &[(usize, &Thumbnail)]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for byte in 0..8 {
        let of = |hash: u64, byte: u32| (hash >> (8 * byte)) as u8;
        let mut order: Vec<usize> = (0..thumbnails.len()).collect();
        order.sort_by_key(|&at| of(thumbnails[at].1.hash, byte));
        for bucket in
            order.chunk_by(|&a, &b| of(thumbnails[a].1.hash, byte) == of(thumbnails[b].1.hash, byte))
        {
            for (place, &a) in bucket.iter().enumerate() {
                for &b in &bucket[place + 1..] {
                    let (first, second) = (thumbnails[a].1, thumbnails[b].1);
                    let differing = first.hash ^ second.hash;
                    // A pair that agrees in several bytes is met in the first of them alone.
                    let earlier = (0..byte).any(|earlier| of(differing, earlier) == 0);
                    if differing.count_ones() <= MOST_BITS && !earlier && first.looks_like(second) {
                        found.push((
                            thumbnails[a].0.min(thumbnails[b].0),
                            thumbnails[a].0.max(thumbnails[b].0),
                        ));
                    }
                }
            }
        }
    }
    found.sort_unstable();
    found
}

/// Cosines of the lowest frequencies but the zeroth.
static COSINES: LazyLock<[[f64; SIDE]; 8]> = LazyLock::new(|| {
    std::array::from_fn(|frequency| {
        std::array::from_fn(|at| {
            ((2 * at + 1) as f64 * (frequency + 1) as f64 * std::f64::consts::PI / (2 * SIDE) as f64).cos()
        })
    })
});

fn hash(levels: &[u8; SIDE * SIDE]) -> u64 {
    let rows: Vec<[f64; 8]> = (levels.chunks_exact(SIDE))
        .map(|row| {
            std::array::from_fn(|frequency| {
                row.iter().zip(&COSINES[frequency]).map(|(&level, cosine)| f64::from(level) * cosine).sum()
            })
        })
        .collect();
    let waves: [f64; 64] = std::array::from_fn(|at| {
        rows.iter().zip(&COSINES[at / 8]).map(|(row, cosine)| row[at % 8] * cosine).sum()
    });
    let mut sorted = waves;
    sorted.sort_unstable_by(f64::total_cmp);
    let median = (sorted[31] + sorted[32]) / 2.0;
    waves.iter().enumerate().fold(0, |hash, (bit, &wave)| hash | u64::from(wave > median) << bit)
}

/// Each level less the mean of the 5x5 around it.
fn details(levels: &[f64; SIDE * SIDE]) -> [f64; SIDE * SIDE] {
    std::array::from_fn(|at| {
        let (y, x) = (at / SIDE, at % SIDE);
        let (rows, columns) =
            (y.saturating_sub(2)..(y + 3).min(SIDE), x.saturating_sub(2)..(x + 3).min(SIDE));
        let count = (rows.len() * columns.len()) as f64;
        let sum: f64 = rows.map(|y| levels[y * SIDE..][columns.clone()].iter().sum::<f64>()).sum();
        levels[at] - sum / count
    })
}

/// Correlation, and the smaller of the standard deviations.
fn correlation(a: &[f64; SIDE * SIDE], b: &[f64; SIDE * SIDE]) -> (f64, f64) {
    let count = (SIDE * SIDE) as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |a: &[f64], mean_a: f64, b: &[f64], mean_b: f64| {
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / count
    };
    let (deviation_a, deviation_b) =
        (product(a, mean_a, a, mean_a).sqrt(), product(b, mean_b, b, mean_b).sqrt());
    let scale = deviation_a * deviation_b;
    let alike = if scale > 0.0 { product(a, mean_a, b, mean_b) / scale } else { 0.0 };
    (alike, deviation_a.min(deviation_b))
}
