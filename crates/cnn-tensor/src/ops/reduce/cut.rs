//! How a reduction over some axes is laid out, and how it is cut into pieces: functions of the shape alone.
//!
//! Neighbouring axes that are both kept or both reduced are merged. What is innermost then is a block of contiguous
//! *rows* that are added to each other, each with a number for every one of some *columns* that are kept (one column,
//! where the last axis is reduced). Around it lie kept and reduced axes in turn.

use crate::ops::check;
use crate::{Error, Result, Shape};

/// Whether reduced axes stay in the shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// They stay with size 1, so that the result broadcasts against the input.
    Axes,
    /// They go.
    Dropped,
}

/// The shape of a reduction over the axes.
///
/// # Errors
/// [`Error::Shape`] where an axis is out of range or named twice.
pub fn reduced_shape(op: &'static str, dims: &[usize], axes: &[usize], keep: Keep) -> Result<Shape> {
    let mut seen = [false; crate::MAX_RANK];
    for &axis in axes {
        check::axis(op, dims, axis)?;
        if std::mem::replace(&mut seen[axis], true) {
            return Err(Error::shape(op, format!("axes {axes:?} name axis {axis} twice")));
        }
    }
    let left = dims.iter().enumerate().filter_map(|(axis, &dim)| match (seen[axis], keep) {
        (false, _) => Some(dim),
        (true, Keep::Axes) => Some(1),
        (true, Keep::Dropped) => None,
    });
    Shape::new(&left.collect::<Vec<_>>())
}

/// Columns that one piece takes.
pub(super) const COLUMNS: usize = 512;

/// Numbers that are worth a thread's attention.
const PIECE: usize = 1 << 15;

/// Most parts that one reduction is cut into.
const PARTS: usize = 64;

/// The layout of a reduction.
#[derive(Debug)]
pub(super) struct Cut {
    /// Kept axes around the block, innermost first: length and step.
    kept: Vec<[usize; 2]>,
    /// Reduced axes around the block.
    reduced: Vec<[usize; 2]>,
    /// Rows of a block.
    pub(super) rows: usize,
    /// Columns of a block.
    pub(super) columns: usize,
    /// Rows of all blocks of an output.
    pub(super) all_rows: usize,
    /// Outputs, counted without the columns.
    pub(super) outer: usize,
    /// Rows of a part: what a piece of work goes over.
    pub(super) part: usize,
    /// Outputs (without the columns) of a piece.
    pub(super) group: usize,
}

impl Cut {
    /// The axes have been checked; no dimension is 0.
    pub(super) fn new(dims: &[usize], axes: &[usize]) -> Self {
        let mut merged: Vec<(bool, [usize; 2])> = Vec::with_capacity(dims.len());
        let mut step = 1;
        for (axis, &len) in dims.iter().enumerate().rev().filter(|&(_, &len)| len != 1) {
            let reduced = axes.contains(&axis);
            match merged.last_mut() {
                Some((same, axis)) if *same == reduced => axis[0] *= len,
                _ => merged.push((reduced, [len, step])),
            }
            step *= len;
        }
        let mut inner = merged.into_iter().peekable();
        let columns = inner.next_if(|axis| !axis.0).map_or(1, |(_, [len, _])| len);
        let rows = inner.next_if(|axis| axis.0).map_or(1, |(_, [len, _])| len);
        let (reduced, kept): (Vec<_>, Vec<_>) = inner.partition(|axis| axis.0);
        let axes = |axes: Vec<(bool, [usize; 2])>| axes.into_iter().map(|axis| axis.1).collect::<Vec<_>>();
        let (kept, reduced) = (axes(kept), axes(reduced));
        let len = |axes: &[[usize; 2]]| axes.iter().map(|axis| axis[0]).product::<usize>();
        let (outer, all_rows) = (len(&kept), len(&reduced) * rows);

        // What one output is made of decides alone: the order of its sums must not depend on how many others there are.
        let numbers = all_rows * columns.min(COLUMNS);
        let part = all_rows.div_ceil((numbers / PIECE).clamp(1, PARTS));
        let group = (PIECE / numbers).max(1);
        Self { kept, reduced, rows, columns, all_rows, outer, part, group }
    }

    pub(super) fn parts(&self) -> usize {
        self.all_rows.div_ceil(self.part)
    }

    /// Where the numbers of an output begin.
    #[inline(always)]
    pub(super) fn output_start(&self, output: usize) -> usize {
        offset(&self.kept, output)
    }

    /// Where a block of an output begins, counted from [`Cut::output_start`].
    #[inline(always)]
    pub(super) fn block_start(&self, block: usize) -> usize {
        offset(&self.reduced, block)
    }
}

#[inline(always)]
fn offset(axes: &[[usize; 2]], mut index: usize) -> usize {
    let mut at = 0;
    for &[len, step] in axes {
        at += index % len * step;
        index /= len;
    }
    at
}
