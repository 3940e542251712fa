//! The loops for `f32`: a row in vectors, rows in pieces for the threads. The logarithm of a row's sum is taken in single
//! precision, losses are summed in double.

use super::{Problem, Target};
use crate::Result;
use crate::ops::in_place::Source;
use crate::ops::softmax::rows::{BLOCK, BUFFER, EXP, rows, softmax_rows, sum, sum_of_products};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel, MOST_LANES};

/// The sum of the losses; writes the probabilities, and the loss of each row where there is room for it.
pub(super) fn forward(
    problem: &Problem<'_, f32>,
    logits: &[f32],
    probabilities: &mut [f32],
    each: &mut [f32],
) -> Result<f64> {
    let level = simd::active()?;
    let rows = rows(problem.classes);
    let piece = rows * problem.classes.max(1);
    let mut losses = vec![0.0f64; logits.len().div_ceil(piece)];
    let mut each = each.chunks_mut(rows);
    let pieces: Vec<_> = probabilities
        .chunks_mut(piece)
        .zip(&mut losses)
        .map(|(probabilities, loss)| (probabilities, loss, each.next().unwrap_or_default()))
        .collect();
    for_each(pieces.into_iter().enumerate(), EXP * logits.len(), |(index, (probabilities, loss, each))| {
        let logits = &logits[index * piece..index * piece + probabilities.len()];
        *loss = level.run(Losses { problem, first: index * rows, logits, probabilities, each });
    })?;
    Ok(losses.iter().sum())
}

/// `factors` is one number, or one for each row.
pub(super) fn backward(problem: &Problem<'_, f32>, probabilities: &mut [f32], factors: &[f32]) -> Result<()> {
    let level = simd::active()?;
    let rows = rows(problem.classes);
    let bytes = 2 * size_of_val(probabilities);
    let pieces = probabilities.chunks_mut(rows * problem.classes.max(1)).enumerate();
    for_each(pieces, bytes, |(index, piece)| {
        level.run(Gradients { problem, first: index * rows, piece, factors });
    })
}

/// The losses of the rows of a piece, in all.
struct Losses<'a> {
    problem: &'a Problem<'a, f32>,
    /// Number of the first row.
    first: usize,
    logits: &'a [f32],
    probabilities: &'a mut [f32],
    each: &'a mut [f32],
}

impl Kernel for Losses<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f64 {
        let Self { problem, first, logits, probabilities, each } = self;
        let &Problem { target, weights, smoothing, classes, .. } = problem;
        let (mut total, mut buffer) = (0.0, [0.0; BUFFER]);
        let mut costs = Vec::with_capacity(logits.len() / classes);
        for (rows, x) in probabilities.chunks_mut(I::LANES * classes).zip(logits.chunks(I::LANES * classes)) {
            let shares = softmax_rows(isa, Source::Other(x), rows, classes, &mut buffer);
            let each = shares.most.into_iter().zip(shares.log_sums());
            let rows = x.chunks_exact(classes).zip(each);
            costs.extend(rows.map(|(x, (most, log_sum))| Costs { x, most, log_sum: f64::from(log_sum) }));
        }
        for (row, cost) in costs.iter().enumerate() {
            let x = cost.x;
            let loss = match target {
                Target::Labels { labels, ignored } if Some(labels[first + row]) == ignored => 0.0,
                Target::Labels { labels, .. } => {
                    let label = labels[first + row] as usize;
                    let weight = weights.map_or(1.0, |weights| f64::from(weights[label]));
                    let on_label = (1.0 - smoothing) * weight * cost.of(x[label]);
                    // Without smoothing a class of probability zero must not turn 0 * infinity into NaN.
                    if smoothing > 0.0 { on_label + smoothing * cost.mean(weights) } else { on_label }
                }
                Target::Shares(shares) => {
                    let shares = &shares[(first + row) * classes..(first + row + 1) * classes];
                    let on_truth = (1.0 - smoothing)
                        * match weights {
                            None => cost.weighted(shares),
                            Some(weights) => cost.weighted_twice(shares, weights),
                        };
                    if smoothing > 0.0 { on_truth + smoothing * cost.mean(weights) } else { on_truth }
                }
            };
            if let Some(y) = each.get_mut(row) {
                *y = loss as f32;
            }
            total += loss;
        }
        total
    }
}

/// The negated logarithms of the probabilities of a row.
struct Costs<'a> {
    x: &'a [f32],
    most: f32,
    /// Logarithm of the sum of the exponentials of the differences from `most`.
    log_sum: f64,
}

impl Costs<'_> {
    #[inline(always)]
    fn of(&self, x: f32) -> f64 {
        f64::from(self.most) + self.log_sum - f64::from(x)
    }

    /// Their sum, each times the weight of its class, over the number of classes.
    #[inline(always)]
    fn mean(&self, weights: Option<&[f32]>) -> f64 {
        match weights {
            None => {
                let mean = f64::from(self.most) + sum_of_differences(self.x, self.most) / self.x.len() as f64;
                f64::from(self.most) + self.log_sum - mean
            }
            Some(weights) => self.weighted(weights) / self.x.len() as f64,
        }
    }

    /// Their sum, each times a weight.
    #[inline(always)]
    fn weighted(&self, weights: &[f32]) -> f64 {
        let (most, log_sum) = (self.most, self.log_sum as f32);
        let mut total = 0.0;
        for (x, weights) in self.x.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
            let mut lanes = [0.0f32; MOST_LANES];
            for (x, weights) in x.chunks(MOST_LANES).zip(weights.chunks(MOST_LANES)) {
                for ((lane, &x), &weight) in lanes.iter_mut().zip(x).zip(weights) {
                    *lane += weight * (log_sum - (x - most));
                }
            }
            total += lanes.into_iter().map(f64::from).sum::<f64>();
        }
        total
    }

    /// Their sum, each times two weights.
    #[inline(always)]
    fn weighted_twice(&self, first: &[f32], second: &[f32]) -> f64 {
        let (most, log_sum) = (self.most, self.log_sum as f32);
        let mut total = 0.0;
        for (x, (first, second)) in self.x.chunks(BLOCK).zip(first.chunks(BLOCK).zip(second.chunks(BLOCK))) {
            let mut lanes = [0.0f32; MOST_LANES];
            let weights = first.chunks(MOST_LANES).zip(second.chunks(MOST_LANES));
            for (x, (first, second)) in x.chunks(MOST_LANES).zip(weights) {
                for ((lane, &x), (&first, &second)) in lanes.iter_mut().zip(x).zip(first.iter().zip(second)) {
                    *lane += first * second * (log_sum - (x - most));
                }
            }
            total += lanes.into_iter().map(f64::from).sum::<f64>();
        }
        total
    }
}

/// The sum of the differences from `most`.
#[inline(always)]
fn sum_of_differences(row: &[f32], most: f32) -> f64 {
    let mut sum = 0.0;
    for block in row.chunks(BLOCK) {
        let mut lanes = [0.0f32; MOST_LANES];
        for part in block.chunks(MOST_LANES) {
            lanes.iter_mut().zip(part).for_each(|(lane, x)| *lane += x - most);
        }
        sum += lanes.into_iter().map(f64::from).sum::<f64>();
    }
    sum
}

/// Makes gradients of the probabilities of the rows of a piece.
struct Gradients<'a> {
    problem: &'a Problem<'a, f32>,
    /// Number of the first row.
    first: usize,
    piece: &'a mut [f32],
    factors: &'a [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { problem, first, piece, factors } = self;
        let &Problem { target, weights, total_weight, smoothing, classes } = problem;
        let everywhere = (smoothing / classes as f64) as f32;
        if let (Target::Labels { labels, ignored: None }, None, &[factor]) = (target, weights, factors) {
            // The common case: short rows are one loop.
            for (row, &label) in piece.chunks_exact_mut(classes).zip(&labels[first..]) {
                row[label as usize] -= (1.0 - smoothing) as f32;
            }
            for p in piece {
                *p = (*p - everywhere) * factor;
            }
            return;
        }
        for (row, p) in piece.chunks_exact_mut(classes).enumerate() {
            let row = first + row;
            let factor = if let &[factor] = factors { factor } else { factors[row] };
            match target {
                Target::Labels { labels, ignored } if Some(labels[row]) == ignored => p.fill(0.0),
                Target::Labels { labels, .. } => {
                    let label = labels[row] as usize;
                    let weight = weights.map_or(1.0, |weights| f64::from(weights[label]));
                    let on_label = (1.0 - smoothing) * weight;
                    let all = (on_label + smoothing * total_weight / classes as f64) as f32;
                    match weights {
                        None => {
                            for p in &mut *p {
                                *p = (*p * all - everywhere) * factor;
                            }
                        }
                        Some(weights) => {
                            for (p, &weight) in p.iter_mut().zip(weights) {
                                *p = (*p * all - everywhere * weight) * factor;
                            }
                        }
                    }
                    p[label] -= on_label as f32 * factor;
                }
                Target::Shares(shares) => {
                    let shares = &shares[row * classes..(row + 1) * classes];
                    let on_truth = (1.0 - smoothing) as f32;
                    let sum = match weights {
                        None => sum(isa, shares),
                        Some(weights) => sum_of_products(isa, shares, weights),
                    };
                    let all = (1.0 - smoothing) * sum + smoothing * total_weight / classes as f64;
                    let all = all as f32;
                    match weights {
                        None => {
                            for (p, &share) in p.iter_mut().zip(shares) {
                                *p = (*p * all - (on_truth * share + everywhere)) * factor;
                            }
                        }
                        Some(weights) => {
                            for ((p, &share), &weight) in p.iter_mut().zip(shares).zip(weights) {
                                *p = (*p * all - (on_truth * share + everywhere) * weight) * factor;
                            }
                        }
                    }
                }
            }
        }
    }
}
