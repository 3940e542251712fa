//! The weights of a convolution as panels of two vectors of columns, row after row in the order in which the register
//! tile takes them.

use std::ops::Range;

use crate::gemm::patches::Panel;
use crate::gemm::{PackPanels, Tile};
use crate::simd::{Isa, Kernel, Level};
use crate::{DType, Result, Tensor, parallel};

/// Which way the channels of a tap are summed.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    /// Over input channels.
    Forward,
    /// Over output channels.
    Input,
}

/// The panels of all groups: for each group and each panel of its columns, the taps in turn, each a matrix from summed
/// channels to columns.
pub(super) struct Panels<'a> {
    /// `[tap][input channel of a group][output channel]`.
    pub(super) weight: &'a [f32],
    /// The taps that are summed.
    pub(super) taps: Vec<usize>,
    pub(super) direction: Direction,
    pub(super) groups: usize,
    /// Channels that are summed, and those that come out, of one group.
    pub(super) channels: [usize; 2],
    pub(super) level: Level,
}

impl Panels<'_> {
    fn width(&self) -> usize {
        Tile::of(self.level).columns
    }

    fn in_group(&self) -> usize {
        self.channels[1].div_ceil(self.width())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.groups * self.in_group()
    }

    /// Numbers of one.
    pub(super) fn len(&self) -> usize {
        self.taps.len() * self.channels[0] * self.width()
    }

    /// The group of panel `index`.
    pub(super) fn group(&self, index: usize) -> usize {
        index / self.in_group()
    }

    /// The columns of panel `index`, counted through all groups.
    pub(super) fn columns(&self, index: usize) -> Range<usize> {
        let columns = self.channels[1];
        let first = index % self.in_group() * self.width();
        let group = self.group(index) * columns;
        group + first..group + columns.min(first + self.width())
    }

    /// All of them.
    pub(super) fn pack_all(&self) -> Result<Packed> {
        let len = self.len();
        let mut numbers = Tensor::stale(&[self.count() * len], DType::F32)?;
        let mut finite = vec![true; self.count()];
        if len > 0 {
            let targets = numbers.as_mut_slice::<f32>()?.chunks_exact_mut(len);
            let targets = targets.zip(&mut finite).enumerate();
            parallel::for_each(targets, self.weight.len(), |(index, (target, finite))| {
                *finite = self.pack(index, target).finite;
            })?;
        }
        Ok(Packed { numbers, finite, pitch: self.width() })
    }

    /// Writes panel `index`.
    pub(super) fn pack<'t>(&self, index: usize, target: &'t mut [f32]) -> Panel<'t> {
        let ([depth, columns], range) = (self.channels, self.columns(index));
        let group = self.group(index);
        for (tap, target) in self.taps.iter().zip(target.chunks_exact_mut((depth * self.width()).max(1))) {
            match self.direction {
                Direction::Forward => {
                    let pitch = self.groups * columns;
                    let source = &self.weight[tap * depth * pitch + range.start..];
                    let at = |row| row * pitch;
                    self.level.run(PackPanels { source, at, step: 1, depth, columns: range.len(), target });
                }
                Direction::Input => {
                    let step = self.groups * depth;
                    let first = range.start - group * columns;
                    let source = &self.weight[(tap * columns + first) * step + group * depth..];
                    let at = |row| row;
                    self.level.run(PackPanels { source, at, step, depth, columns: range.len(), target });
                }
            }
        }
        Panel { finite: self.level.run(AllFinite(target)), data: target, pitch: self.width() }
    }
}

/// All panels, one after the other.
pub(super) struct Packed {
    numbers: Tensor,
    /// For each panel, whether all its numbers are finite.
    finite: Vec<bool>,
    /// Numbers in a row of a panel.
    pitch: usize,
}

impl Packed {
    /// Each of them.
    pub(super) fn panels(&self) -> Result<Vec<Panel<'_>>> {
        let numbers = self.numbers.as_slice::<f32>()?;
        let len = numbers.len() / self.finite.len();
        let panel =
            |(index, &finite)| Panel { data: &numbers[index * len..][..len], pitch: self.pitch, finite };
        Ok(self.finite.iter().enumerate().map(panel).collect())
    }
}

/// Whether all numbers are finite: zero times any other is not zero.
struct AllFinite<'a>(&'a [f32]);

impl Kernel for AllFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> bool {
        let mut sums = [0.0f32; 64];
        let (blocks, rest) = self.0.as_chunks::<64>();
        for block in blocks {
            sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += 0.0 * x);
        }
        rest.iter().chain(&sums).map(|x| 0.0 * x).sum::<f32>() == 0.0
    }
}
