//! Permutation by copying runs or transposing tiles.
//!
//! Axes that stay neighbours are merged first. If the innermost axis stays innermost, its rows are copied
//! whole. Otherwise the two innermost axes, the output's and the input's, are walked in tiles that fit the
//! cache, so that neither side is read or written with a long stride for long; those of `f32` are transposed in
//! registers.

use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};
use crate::{Element, Result};

/// Elements of the output in a piece, about.
const PIECE: usize = 1 << 14;

/// Side of a tile.
const TILE: usize = 16;

/// One axis of the output.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    len: usize,
    /// Distance in the input between neighbours along it.
    from: usize,
    /// Distance in the output.
    to: usize,
}

/// Permutes elements of any type.
pub(super) fn permute<E: Element>(x: &[E], dims: &[usize], axes: &[usize], output: &mut [E]) -> Result<()> {
    permute_with(x, dims, axes, output, transpose)
}

/// Permutes `f32`, with tiles in registers.
pub(super) fn permute_f32(x: &[f32], dims: &[usize], axes: &[usize], output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    permute_with(x, dims, axes, output, |x, output, rows, columns| {
        level.run(Tiles { x, output, rows, columns });
    })
}

fn permute_with<E: Element>(
    x: &[E],
    dims: &[usize],
    axes: &[usize],
    output: &mut [E],
    transpose: impl Fn(&[E], &mut [E], Axis, Axis) + Sync,
) -> Result<()> {
    let axes = merged(dims, axes);
    let Some((&outer, inner)) = axes.split_first() else {
        output.copy_from_slice(x);
        return Ok(());
    };
    let steps = (PIECE / outer.to.max(1)).max(1);
    let bytes = 2 * size_of_val(output);
    for_each(output.chunks_mut(steps * outer.to).enumerate(), bytes, |(piece, output)| {
        let part = Axis { len: output.len() / outer.to, ..outer };
        let x = &x[piece * steps * outer.from..];
        let axes = [&[part], inner].concat();
        let innermost = axes.iter().position(|axis| axis.from == 1);
        match innermost {
            Some(at) if at + 1 < axes.len() => {
                let (rows, columns) = (axes[at], axes[axes.len() - 1]);
                let others: Vec<Axis> =
                    axes[..axes.len() - 1].iter().copied().filter(|&axis| axis != rows).collect();
                for_each_offset(&others, [0, 0], &mut |[from, to]| {
                    transpose(&x[from..], &mut output[to..], rows, columns)
                });
            }
            _ => {
                let run = axes[axes.len() - 1].len;
                for_each_offset(&axes[..axes.len() - 1], [0, 0], &mut |[from, to]| {
                    output[to..to + run].copy_from_slice(&x[from..from + run]);
                });
            }
        }
    })
}

/// The axes of the output from the outermost, without those of one element, neighbours that move together
/// as one.
fn merged(dims: &[usize], axes: &[usize]) -> Vec<Axis> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    let mut result: Vec<Axis> = Vec::with_capacity(axes.len());
    for &axis in axes.iter().filter(|&&axis| dims[axis] != 1) {
        let (len, from) = (dims[axis], strides[axis]);
        match result.last_mut() {
            Some(last) if last.from == from * len => *last = Axis { len: last.len * len, from, to: 0 },
            _ => result.push(Axis { len, from, to: 0 }),
        }
    }
    let mut to = 1;
    for axis in result.iter_mut().rev() {
        axis.to = to;
        to *= axis.len;
    }
    result
}

/// Calls `work` with the offsets in input and output of every position along `axes`.
fn for_each_offset(axes: &[Axis], [from, to]: [usize; 2], work: &mut impl FnMut([usize; 2])) {
    match axes.split_first() {
        None => work([from, to]),
        Some((axis, inner)) => {
            for index in 0..axis.len {
                for_each_offset(inner, [from + index * axis.from, to + index * axis.to], work);
            }
        }
    }
}

/// Copies a matrix whose `rows` are contiguous in the input and whose `columns` are contiguous in the output.
fn transpose<E: Element>(x: &[E], output: &mut [E], rows: Axis, columns: Axis) {
    for row in (0..rows.len).step_by(TILE) {
        for column in (0..columns.len).step_by(TILE) {
            let tile_columns = TILE.min(columns.len - column);
            for row in row..rows.len.min(row + TILE) {
                let target = &mut output[row * rows.to + column..][..tile_columns];
                let source = x[row + column * columns.from..].iter().step_by(columns.from);
                target.iter_mut().zip(source).for_each(|(target, &value)| *target = value);
            }
        }
    }
}

/// As [`transpose`], of `f32`.
struct Tiles<'a> {
    x: &'a [f32],
    output: &'a mut [f32],
    rows: Axis,
    columns: Axis,
}

impl Kernel for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { x, output, rows, columns } = self;
        if rows.len < I::LANES || columns.len < I::LANES {
            transpose(x, output, rows, columns);
            return;
        }
        for row in tiles::<I>(rows.len) {
            for column in tiles::<I>(columns.len) {
                let source = &x[column * columns.from + row..][..(I::LANES - 1) * columns.from + I::LANES];
                let target = &mut output[row * rows.to + column..][..(I::LANES - 1) * rows.to + I::LANES];
                // SAFETY: both slices reach from the first number of the first of LANES rows, which are the pitch
                // apart, to the last number of the last; a shared and an exclusive slice do not overlap.
                unsafe { isa.transpose_at(source.as_ptr(), columns.from, target.as_mut_ptr(), rows.to) };
            }
        }
    }
}

/// Where tiles begin along an axis of at least a vector; the last may overlap the one before.
#[inline(always)]
fn tiles<I: Isa>(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(I::LANES).map(move |start| start.min(len - I::LANES))
}
