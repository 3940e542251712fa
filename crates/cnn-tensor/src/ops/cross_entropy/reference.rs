//! The plain loops: the oracle, and the path of `f64`.

use super::{Problem, Target};
use crate::Float;
use crate::ops::softmax::maximum;

/// The sum of the losses; writes the probabilities, and the loss of each row where there is room for it.
pub(super) fn forward<F: Float>(
    problem: &Problem<'_, F>,
    logits: &[F],
    probabilities: &mut [F],
    each: &mut [F],
) -> F {
    let classes = problem.classes.max(1);
    let mut total = F::ZERO;
    let rows = logits.chunks_exact(classes).zip(probabilities.chunks_exact_mut(classes));
    for (row, (x, p)) in rows.enumerate() {
        let most = maximum(x);
        let sum: F = x.iter().map(|&x| (x - most).exp()).sum();
        let mut loss = F::ZERO;
        for (class, (p, &x)) in p.iter_mut().zip(x).enumerate() {
            *p = (x - most).exp() / sum;
            let share = problem.share(row, class);
            // Without smoothing a class of probability zero must not turn 0 * infinity into NaN.
            if share != F::ZERO || matches!(problem.target, Target::Shares(_)) {
                loss += share * (sum.ln() - (x - most));
            }
        }
        if let Some(y) = each.get_mut(row) {
            *y = loss;
        }
        total += loss;
    }
    total
}

/// `factors` is one number, or one for each row.
pub(super) fn backward<F: Float>(problem: &Problem<'_, F>, probabilities: &mut [F], factors: &[F]) {
    for (row, p) in probabilities.chunks_exact_mut(problem.classes.max(1)).enumerate() {
        let all: F = (0..p.len()).map(|class| problem.share(row, class)).sum();
        let ignored = problem.is_ignored(row);
        for (class, p) in p.iter_mut().enumerate() {
            let difference = (*p * all - problem.share(row, class)) * factors[row % factors.len()];
            *p = if ignored { F::ZERO } else { difference };
        }
    }
}

impl<F: Float> Problem<'_, F> {
    fn is_ignored(&self, row: usize) -> bool {
        matches!(self.target, Target::Labels { labels, ignored } if Some(labels[row]) == ignored)
    }

    /// What the negated logarithm of the probability of a class is multiplied by.
    fn share(&self, row: usize, class: usize) -> F {
        if self.is_ignored(row) {
            return F::ZERO;
        }
        let [on_truth, everywhere] =
            [1.0 - self.smoothing, self.smoothing / self.classes as f64].map(F::from_f64);
        let share = match self.target {
            Target::Labels { labels, .. } if labels[row] as usize == class => on_truth + everywhere,
            Target::Labels { .. } => everywhere,
            Target::Shares(shares) => on_truth * shares[row * self.classes + class] + everywhere,
        };
        self.weights.map_or(share, |weights| share * weights[class])
    }
}
