//! [`Draw`]: choices of a setting, each a function of a key and of how many came before.

use cnn_layers::{Bias, Key};
use cnn_tensor::Tensor;

/// How large the settings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// So small that each element can be moved in turn.
    Small,
    /// So large that threads share the work.
    Large,
}

/// A source of choices.
pub(crate) struct Draw {
    key: Key,
    drawn: u64,
    scale: Scale,
}

impl Draw {
    pub(crate) fn new(member: &str, number: u64, scale: Scale) -> Self {
        Self { key: Key::new(1).fold_str(member).fold(number), drawn: 0, scale }
    }

    /// A key that nothing else has: for initial values and for random layers.
    pub(crate) fn key(&mut self) -> Key {
        self.drawn += 1;
        self.key.fold(self.drawn)
    }

    /// A number from 0 to below `end`.
    fn below(&mut self, end: usize) -> usize {
        ((self.key().uniform_f64(0) * end as f64) as usize).min(end - 1)
    }

    /// A number of a range, whatever the scale: strides, kernels.
    pub(crate) fn within(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// One of some values.
    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len());
        choices[index].clone()
    }

    /// Whether each element is moved in turn.
    pub(crate) fn is_small(&self) -> bool {
        self.scale == Scale::Small
    }

    pub(crate) fn bias(&mut self) -> Bias {
        self.pick(&[Bias::With, Bias::Without])
    }

    /// Images of a batch: often one.
    pub(crate) fn batch(&mut self) -> usize {
        match self.scale {
            Scale::Small => self.within(1..=3),
            Scale::Large => self.within(7..=9),
        }
    }

    /// Channels or features, often fewer than a vector.
    pub(crate) fn channels(&mut self) -> usize {
        match self.scale {
            Scale::Small => self.within(1..=5),
            Scale::Large => self.within(29..=41),
        }
    }

    /// Height, width or length, of at least `least`.
    pub(crate) fn extent(&mut self, least: usize) -> usize {
        let extent = match self.scale {
            Scale::Small => self.within(1..=6),
            Scale::Large => self.within(29..=37),
        };
        extent.max(least)
    }

    /// `F64` numbers from -1.5 to 1.5 in random order, no two alike and none at zero: the gap between neighbours and the
    /// distance from zero are far larger than the step of a finite difference in tensors of some hundred numbers.
    pub(crate) fn tensor(&mut self, shape: &[usize]) -> Tensor {
        self.spread(shape, 1.5)
    }

    /// [`Draw::tensor`] with numbers from `-reach` to `reach`.
    pub(crate) fn spread(&mut self, shape: &[usize], reach: f64) -> Tensor {
        let (order, jitter) = (self.key(), self.key());
        let len: usize = shape.iter().product();
        let gap = 2.0 * reach / len.max(1) as f64;
        let values = order.permutation(len).into_iter().enumerate().map(|(index, rank)| {
            let middle = (rank as f64 + 0.5) * gap - reach;
            // In f32, so that both precisions have the same numbers.
            f64::from((middle + 0.3 * gap * (jitter.uniform_f64(index as u64) - 0.5) + 0.25 * gap) as f32)
        });
        Tensor::from_slice(shape, &values.collect::<Vec<f64>>()).unwrap()
    }

    /// Labels below `classes`.
    pub(crate) fn labels(&mut self, shape: &[usize], classes: usize) -> Tensor {
        let labels = (0..shape.iter().product::<usize>()).map(|_| self.below(classes) as i64);
        Tensor::from_slice(shape, &labels.collect::<Vec<i64>>()).unwrap()
    }
}
