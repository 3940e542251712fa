//! Elements picked and put by index.
//!
//! [`gather`], [`scatter`] and [`scatter_add`] have an index for each element; [`index_select`] and [`index_add`] have
//! one for each slice across an axis, which is moved or added whole. Indices are `I64`, counted from 0. Where several
//! go to one place, they do so in the order of the indices: the last of those that are put stays, and sums have the
//! same bits whatever the threads.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::dtype::by_size;
use crate::ops::check;
use crate::ops::strips::{self, Strip};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};
use crate::{DType, Error, Float, Result, Shape, Spec, Tensor};

/// Words that one thread moves at a time, about.
const PIECE: usize = 1 << 14;

/// Parts of a target to which threads add, each of which goes through all indices.
const PARTS: usize = 16;

/// Most rows of a target for each row of indices whose columns threads share: to list them is work too.
const MOST_ROWS: usize = 8;

/// Shape and type of [`gather`]; what is known of the indices is checked.
///
/// # Errors
/// As [`gather`].
pub fn infer_gather(x: Spec, indices: &Tensor, axis: usize) -> Result<Spec> {
    expect_beside("gather", &x.shape, indices, axis)?;
    expect_inside("gather", indices, x.shape[axis])?;
    Ok(Spec::new(indices.shape_value(), x.dtype))
}

/// Shape and type of [`index_select`]; what is known of the indices is checked.
///
/// # Errors
/// As [`index_select`].
pub fn infer_index_select(x: Spec, indices: &Tensor, axis: usize) -> Result<Spec> {
    const OP: &str = "index_select";
    check::axis(OP, &x.shape, axis)?;
    let &[count] = indices.shape() else {
        return Err(Error::shape(OP, format!("indices {:?}, expected one axis", indices.shape())));
    };
    expect_inside(OP, indices, x.shape[axis])?;
    let mut dims = x.shape.to_vec();
    dims[axis] = count;
    Ok(Spec::new(Shape::new(&dims)?, x.dtype))
}

/// Shape and type of [`scatter_add`]; what is known of the indices is checked.
///
/// # Errors
/// As [`scatter_add`].
pub fn infer_scatter_add(x: Spec, indices: &Tensor, source: Spec, axis: usize) -> Result<Spec> {
    const OP: &str = "scatter_add";
    let expected = Spec::new(indices.shape_value(), x.dtype);
    expect_beside(OP, &x.shape, indices, axis)?;
    expect_inside(OP, indices, x.shape[axis])?;
    expect_added(OP, x, source, expected)
}

/// Shape and type of [`index_add`]; what is known of the indices is checked.
///
/// # Errors
/// As [`index_add`].
pub fn infer_index_add(x: Spec, indices: &Tensor, source: Spec, axis: usize) -> Result<Spec> {
    expect_added("index_add", x, source, infer_index_select(x, indices, axis)?)
}

/// What is added must be numbers of this shape.
fn expect_added(op: &'static str, x: Spec, source: Spec, expected: Spec) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(check::not_compute(op, x.dtype));
    }
    if source == expected {
        return Ok(x);
    }
    let problem = format!(
        "the source is {} {}, expected {} {}",
        source.dtype, source.shape, expected.dtype, expected.shape
    );
    Err(Error::shape(op, problem))
}

/// The element of `x` at each index along the axis; its other places are the index's own. For two axes and axis 1:
/// `output[i][j] = x[i][indices[i][j]]`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::gather::gather};
/// let scores = Tensor::from_slice(&[2, 3], &[0.1f32, 0.7, 0.2, 0.5, 0.3, 0.2])?;
/// let labels = Tensor::from_slice(&[2, 1], &[1i64, 0])?;
/// assert_eq!(gather(&scores, &labels, 1)?.to_vec::<f32>()?, [0.7, 0.5]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// `indices` have the sizes of `x` but along the axis (PyTorch also takes fewer; narrow `x` there). The output has the
/// shape of the indices.
///
/// # Errors
/// [`Error::Shape`] where they have not; [`Error::Argument`] names an index out of range; [`Error::DType`] unless indices
/// are `I64`.
pub fn gather(x: &Tensor, indices: &Tensor, axis: usize) -> Result<Tensor> {
    let output = infer_gather(x.spec(), indices, axis)?;
    let [len, inner] = along(x.shape(), axis);
    let count = indices.shape()[axis];
    let places = indices.as_slice::<i64>()?;
    let mut result = Tensor::stale(&output.shape, x.dtype())?;
    if result.is_empty() {
        return Ok(result);
    }
    let rows = (PIECE / inner).max(1);
    let bytes = 2 * result.bytes();
    by_size!(x.dtype(), W => {
        let x = x.words::<W>()?;
        let pieces = result.words_mut::<W>()?.chunks_mut(rows * inner).zip(places.chunks(rows * inner));
        for_each(pieces.enumerate(), bytes, |(piece, (target, places))| {
            for Run { block, lines, .. } in runs(piece * rows, target.len() / inner, count) {
                let x = &x[block * len * inner..][..len * inner];
                let numbers = lines.start * inner..lines.end * inner;
                let (target, places) = (&mut target[numbers.clone()], &places[numbers]);
                for (target, places) in target.chunks_exact_mut(inner).zip(places.chunks_exact(inner)) {
                    for (column, (y, &place)) in target.iter_mut().zip(places).enumerate() {
                        *y = x[place as usize * inner + column];
                    }
                }
            }
        })?;
    });
    Ok(result)
}

/// `x` with the elements of `source` put at the indices along the axis, the inverse of [`gather`]:
/// `x[i][indices[i][j]] = source[i][j]`. Of several that go to one place, the last stays.
///
/// # Shapes
/// `source` has the shape of the indices, which have the sizes of `x` but along the axis.
///
/// # Errors
/// As [`gather`]; [`Error::DType`] where the types differ.
pub fn scatter(mut x: Tensor, indices: &Tensor, source: &Tensor, axis: usize) -> Result<Tensor> {
    expect_source("scatter", &x, indices, source, axis)?;
    let geometry = Scatter::new(x.shape(), indices, axis);
    let places = indices.as_slice::<i64>()?;
    let bytes = 2 * source.bytes();
    by_size!(x.dtype(), W => {
        geometry.run(x.words_mut::<W>()?, places, source.words::<W>()?, bytes, |y: &mut W, value| *y = value)?;
    });
    Ok(x)
}

/// As [`scatter`], but the elements are added to what is there, one after the other in their own precision:
/// `x[i][indices[i][j]] += source[i][j]`.
///
/// # Errors
/// As [`scatter`]; [`Error::DType`] unless `F32` or `F64`.
pub fn scatter_add(mut x: Tensor, indices: &Tensor, source: &Tensor, axis: usize) -> Result<Tensor> {
    infer_scatter_add(x.spec(), indices, source.spec(), axis)?;
    let geometry = Scatter::new(x.shape(), indices, axis);
    let places = indices.as_slice::<i64>()?;
    let bytes = 2 * source.bytes();
    match x.dtype() {
        DType::F32 => {
            geometry.run(x.as_mut_slice::<f32>()?, places, source.as_slice()?, bytes, |y, v| *y += v)?
        }
        _ => geometry.run(x.as_mut_slice::<f64>()?, places, source.as_slice()?, bytes, |y, v| *y += v)?,
    }
    Ok(x)
}

/// The slices of `x` across the axis that the indices name, in their order; an index may come several times.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::gather::index_select};
/// let x = Tensor::from_slice(&[3, 2], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let rows = Tensor::from_slice(&[2], &[2i64, 0])?;
/// assert_eq!(index_select(&x, &rows, 0)?.to_vec::<f32>()?, [5.0, 6.0, 1.0, 2.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// `indices` is `[n]`; the output has `n` along the axis and else the sizes of `x`.
///
/// # Errors
/// [`Error::Shape`], [`Error::Argument`] naming an index out of range, [`Error::DType`] unless indices are `I64`.
pub fn index_select(x: &Tensor, indices: &Tensor, axis: usize) -> Result<Tensor> {
    let output = infer_index_select(x.spec(), indices, axis)?;
    let [len, inner] = along(x.shape(), axis);
    let places = indices.as_slice::<i64>()?;
    let mut result = Tensor::stale(&output.shape, x.dtype())?;
    if result.is_empty() {
        return Ok(result);
    }
    let rows = (PIECE / inner).max(1);
    let bytes = 2 * result.bytes();
    by_size!(x.dtype(), W => {
        let x = x.words::<W>()?;
        let pieces = result.words_mut::<W>()?.chunks_mut(rows * inner).enumerate();
        for_each(pieces, bytes, |(piece, target)| {
            for Run { block, first, lines } in runs(piece * rows, target.len() / inner, places.len()) {
                let x = &x[block * len * inner..][..len * inner];
                let target = &mut target[lines.start * inner..lines.end * inner];
                let places = &places[first..];
                if inner == 1 {
                    target.iter_mut().zip(places).for_each(|(y, &place)| *y = x[place as usize]);
                    continue;
                }
                for (target, &place) in target.chunks_exact_mut(inner).zip(places) {
                    target.copy_from_slice(&x[place as usize * inner..][..inner]);
                }
            }
        })?;
    });
    Ok(result)
}

/// `x` with the slices of `source` added to those across the axis that the indices name, one after the other in their own
/// precision: the gradient of [`index_select`].
///
/// # Shapes
/// `source` is what [`index_select`] makes of the shape of `x`.
///
/// # Errors
/// As [`index_select`]; [`Error::DType`] unless `F32` or `F64`.
pub fn index_add(mut x: Tensor, indices: &Tensor, source: &Tensor, axis: usize) -> Result<Tensor> {
    infer_index_add(x.spec(), indices, source.spec(), axis)?;
    let [len, inner] = along(x.shape(), axis);
    let places = indices.as_slice::<i64>()?;
    match x.dtype() {
        DType::F32 => add_slices(x.as_mut_slice::<f32>()?, places, source.as_slice()?, len, inner)?,
        _ => add_slices(x.as_mut_slice::<f64>()?, places, source.as_slice()?, len, inner)?,
    }
    Ok(x)
}

/// Size along the axis, and elements behind each place of it.
fn along(dims: &[usize], axis: usize) -> [usize; 2] {
    [dims[axis], dims[axis + 1..].iter().product()]
}

/// Lines of a piece that lie in one block before the axis.
struct Run {
    block: usize,
    /// Which of the block's lines the first is.
    first: usize,
    /// Which of the piece's lines they are.
    lines: Range<usize>,
}

/// The runs of so many lines from number `first` on, where a block has `count` lines.
fn runs(first: usize, lines: usize, count: usize) -> impl Iterator<Item = Run> {
    let end = first + lines;
    (first / count..end.div_ceil(count)).map(move |block| {
        let start = first.max(block * count);
        let lines = start - first..end.min((block + 1) * count) - first;
        Run { block, first: start - block * count, lines }
    })
}

/// Indices must be `I64` and have the sizes of `dims` but along the axis.
fn expect_beside(op: &'static str, dims: &[usize], indices: &Tensor, axis: usize) -> Result<()> {
    check::axis(op, dims, axis)?;
    let met = indices.shape();
    if met.len() == dims.len() && (0..dims.len()).all(|at| at == axis || met[at] == dims[at]) {
        return check::dtype(op, indices, DType::I64);
    }
    let problem = format!("input {dims:?} and indices {met:?} may differ along axis {axis} only");
    Err(Error::shape(op, problem))
}

fn expect_source(op: &'static str, x: &Tensor, indices: &Tensor, source: &Tensor, axis: usize) -> Result<()> {
    expect_beside(op, x.shape(), indices, axis)?;
    check::same_shape(op, ("indices", indices), ("source", source))?;
    check::dtype(op, source, x.dtype())?;
    expect_inside(op, indices, x.shape()[axis])
}

/// Every index must be below `len`, as far as indices are known.
fn expect_inside(op: &'static str, indices: &Tensor, len: usize) -> Result<()> {
    check::dtype(op, indices, DType::I64)?;
    if indices.is_shape_only() {
        return Ok(());
    }
    let places = indices.as_slice::<i64>()?;
    // A negative index is a large one without its sign.
    match places.iter().position(|&place| place as u64 >= len as u64) {
        None => Ok(()),
        Some(at) => {
            let met = format!("{} at {at} of {:?}, where the axis has {len}", places[at], indices.shape());
            Err(Error::argument(op, "index", met, "0 to the size of the axis, exclusive"))
        }
    }
}

/// How elements are put at their places.
struct Scatter {
    len: usize,
    inner: usize,
    /// Indices along the axis.
    count: usize,
}

impl Scatter {
    fn new(dims: &[usize], indices: &Tensor, axis: usize) -> Self {
        let [len, inner] = along(dims, axis);
        Self { len, inner, count: indices.shape()[axis] }
    }

    /// Calls `put` for each element, in order; what goes to one place is on one thread.
    fn run<E: Copy + Send + Sync>(
        &self,
        target: &mut [E],
        places: &[i64],
        source: &[E],
        bytes: usize,
        put: impl Fn(&mut E, E) + Sync,
    ) -> Result<()> {
        let Self { len, inner, count } = *self;
        if source.is_empty() {
            return Ok(());
        }
        let block = count * inner;
        // Few blocks, and few rows beside the indices: the columns behind the axis are shared out.
        let width = strips::width(target.len() / (len * inner), [count, inner]);
        if let Some(width) = width.filter(|_| len <= MOST_ROWS * count) {
            let blocks = target.chunks_mut(len * inner).zip(places.chunks(block).zip(source.chunks(block)));
            let pieces: Vec<_> = blocks
                .flat_map(|(target, block)| {
                    strips::of(target, inner, width).into_iter().map(move |strip| (strip, block))
                })
                .collect();
            return for_each(pieces.into_iter(), bytes, |(Strip { first, mut rows }, (places, source))| {
                for (places, source) in places.chunks_exact(inner).zip(source.chunks_exact(inner)) {
                    for (column, (&place, &value)) in
                        places[first..].iter().zip(&source[first..]).take(width).enumerate()
                    {
                        put(&mut rows[place as usize][column], value);
                    }
                }
            });
        }
        let outer = (PIECE / block).max(1);
        let pieces = target.chunks_mut(outer * len * inner);
        let pieces = pieces.zip(places.chunks(outer * block).zip(source.chunks(outer * block)));
        for_each(pieces, bytes, |(target, (places, source))| {
            let blocks = places.chunks_exact(block).zip(source.chunks_exact(block));
            for (target, (places, source)) in target.chunks_exact_mut(len * inner).zip(blocks) {
                for (places, source) in places.chunks_exact(inner).zip(source.chunks_exact(inner)) {
                    for (column, (&place, &value)) in places.iter().zip(source).enumerate() {
                        put(&mut target[place as usize * inner + column], value);
                    }
                }
            }
        })
    }
}

/// Adds slices of `inner` numbers. The rows of the target are cut into parts, so that each row has one writer.
fn add_slices<F: Float>(
    target: &mut [F],
    places: &[i64],
    source: &[F],
    len: usize,
    inner: usize,
) -> Result<()> {
    let level = simd::active()?;
    if source.is_empty() {
        return Ok(());
    }
    // As many rows as make parts worth the walk through the indices; or some whole blocks.
    let rows = len.div_ceil(PARTS).max(PIECE.div_ceil(inner)).min(len);
    let some = if rows == len { (PIECE / (len.max(places.len()) * inner)).max(1) } else { 1 };
    let blocks = target.chunks_mut(some * len * inner).zip(source.chunks(some * places.len() * inner));
    let parts: Vec<_> = blocks
        .flat_map(|(target, source)| {
            let parts = target.chunks_mut(some * rows * inner).enumerate();
            parts.map(move |(part, target)| (part * rows, target, source))
        })
        .collect();
    for_each(parts.into_iter(), 2 * size_of_val(source), |(first, target, source)| {
        let blocks = target.chunks_mut(rows * inner).zip(source.chunks(places.len() * inner));
        for (target, source) in blocks {
            level.run(AddSlices { first, target, places, source, inner });
        }
    })
}

struct AddSlices<'a, F> {
    /// Row of the first slice of the target.
    first: usize,
    target: &'a mut [F],
    places: &'a [i64],
    source: &'a [F],
    inner: usize,
}

impl<F: Float> Kernel for AddSlices<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { first, target, places, source, inner } = self;
        let rows = target.len() / inner;
        if inner == 1 {
            for (&place, &x) in places.iter().zip(source) {
                if let Some(y) = target.get_mut((place as usize).wrapping_sub(first)) {
                    *y += x;
                }
            }
            return;
        }
        for (&place, source) in places.iter().zip(source.chunks_exact(inner)) {
            let row = (place as usize).wrapping_sub(first);
            if row < rows {
                let target = &mut target[row * inner..][..inner];
                target.iter_mut().zip(source).for_each(|(y, &x)| *y += x);
            }
        }
    }
}
