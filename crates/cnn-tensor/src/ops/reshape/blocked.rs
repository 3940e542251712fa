//! Permutation by copying runs or transposing tiles.
//!
//! Axes that stay neighbours are merged first. If the innermost axis stays innermost, its rows are copied
//! whole. Otherwise the two innermost axes, the output's and the input's, are walked in tiles that fit the
//! cache, so that neither side is read or written with a long stride for long; those of `f32` are transposed in
//! registers. Where one of the two strides is that of a few numbers, as in shuffles of channels and pixels, its numbers
//! are dealt out instead: that a loop knows the stride makes shuffles of vectors of it.

use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel, choose};
use crate::{Element, Result};

/// Elements of the output in a piece, about.
const PIECE: usize = 1 << 14;

/// Side of a tile.
const TILE: usize = 16;

/// Most numbers that lie between those that a loop with a known stride moves.
const FEW: usize = 8;

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
    let level = simd::active()?;
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
        let last = axes[axes.len() - 1];
        let innermost = axes.iter().position(|axis| axis.from == 1).unwrap_or(axes.len() - 1);
        let rows = axes[innermost];
        if innermost + 1 == axes.len() {
            for [from, to] in Places::new(&axes[..innermost]) {
                output[to..to + last.len].copy_from_slice(&x[from..from + last.len]);
            }
        } else if last.from <= FEW && last.len >= rows.len {
            level.run(Gathered { x, output, axes: &axes });
        } else if rows.to <= FEW {
            level.run(Dealt { x, output, axes: &axes, innermost });
        } else {
            let others: Vec<Axis> =
                axes[..axes.len() - 1].iter().copied().filter(|&axis| axis != rows).collect();
            for [from, to] in Places::new(&others) {
                transpose(&x[from..], &mut output[to..], rows, last);
            }
        }
    })
}

/// Each run of the output from numbers of the input that are a few apart.
struct Gathered<'a, E> {
    x: &'a [E],
    output: &'a mut [E],
    axes: &'a [Axis],
}

impl<E: Element> Kernel for Gathered<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { x, output, axes } = self;
        let (last, others) = (axes[axes.len() - 1], &axes[..axes.len() - 1]);
        choose!(up to 8, last.from, FEW, STRIDE, {
            for [from, to] in Places::new(others) {
                gather::<E, STRIDE>(&x[from..], &mut output[to..to + last.len]);
            }
        });
    }
}

/// `output[i] = x[i * STRIDE]`.
#[inline(always)]
fn gather<E: Element, const STRIDE: usize>(x: &[E], output: &mut [E]) {
    let (rest, whole) = (output.len() - 1, (output.len() - 1) * STRIDE);
    let (most, last) = output.split_at_mut(rest);
    for (y, x) in most.iter_mut().zip(x[..whole].chunks_exact(STRIDE)) {
        *y = x[0];
    }
    last[0] = x[whole];
}

/// Each run of the input to places of the output that are a few apart, together with what goes to those between.
struct Dealt<'a, E> {
    x: &'a [E],
    output: &'a mut [E],
    axes: &'a [Axis],
    /// Which axis runs are along.
    innermost: usize,
}

impl<E: Element> Kernel for Dealt<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { x, output, axes, innermost } = self;
        let (others, rows, between) = (&axes[..innermost], axes[innermost], &axes[innermost + 1..]);
        // The output is dense, so that the axes inside of the run's fill its stride.
        let mut starts = [0; FEW];
        for [from, to] in Places::new(between) {
            starts[to] = from;
        }
        choose!(up to 8, rows.to, FEW, STRIDE, {
            for [from, to] in Places::new(others) {
                let sources = std::array::from_fn(|place| &x[from + starts[place]..][..rows.len]);
                deal::<E, STRIDE>(sources, &mut output[to..to + rows.len * STRIDE]);
            }
        });
    }
}

/// `output[i * STRIDE + s] = sources[s][i]`.
#[inline(always)]
fn deal<E: Element, const STRIDE: usize>(sources: [&[E]; STRIDE], output: &mut [E]) {
    let len = output.len() / STRIDE;
    let sources = sources.map(|source| &source[..len]);
    for (index, output) in output.chunks_exact_mut(STRIDE).enumerate() {
        for place in 0..STRIDE {
            output[place] = sources[place][index];
        }
    }
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

/// The offsets in input and output of every position along some axes.
struct Places<'a> {
    axes: &'a [Axis],
    indices: [usize; crate::MAX_RANK],
    next: Option<[usize; 2]>,
}

impl<'a> Places<'a> {
    fn new(axes: &'a [Axis]) -> Self {
        Self { axes, indices: [0; crate::MAX_RANK], next: Some([0, 0]) }
    }
}

impl Iterator for Places<'_> {
    type Item = [usize; 2];

    #[inline(always)]
    fn next(&mut self) -> Option<[usize; 2]> {
        let place = self.next?;
        let [mut from, mut to] = place;
        self.next = None;
        for (axis, index) in self.axes.iter().zip(&mut self.indices).rev() {
            *index += 1;
            (from, to) = (from + axis.from, to + axis.to);
            if *index < axis.len {
                self.next = Some([from, to]);
                break;
            }
            *index = 0;
            (from, to) = (from - axis.len * axis.from, to - axis.len * axis.to);
        }
        Some(place)
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
