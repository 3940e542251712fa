//! Rows times a panel of columns. See the chapter in [`super`].

use std::ops::Range;

use crate::ops::activation::Activation;
use crate::simd::{Isa, Kernel};
use crate::{DType, Error, Result, Tensor};

/// Table entry of a segment that lies in the padding.
const PADDING: i32 = -1;

/// Where the rows of every tile begin in the input and in the output. Checked when it is built, so that the kernel
/// may trust it. Its memory comes from the pool, like a tensor's.
pub(crate) struct RowTable {
    size: RowTableSize,
    inputs: Tensor,
    outputs: Tensor,
}

/// The sizes of a [`RowTable`].
#[derive(Clone, Copy)]
pub(crate) struct RowTableSize {
    /// Name of the operation, for errors.
    pub(crate) op: &'static str,
    /// Rows of the register tile.
    pub(crate) tile_rows: usize,
    /// Rows in all.
    pub(crate) rows: usize,
    /// Segments of each row.
    pub(crate) segments: usize,
    /// Numbers readable from each segment's start.
    pub(crate) reach: usize,
    /// Length of the input that offsets point into.
    pub(crate) input_len: usize,
}

impl RowTable {
    /// Builds the table from `input(row, segment)`, `None` for padding, and `output(row)`.
    ///
    /// # Errors
    /// [`Error::Shape`] where an offset does not fit 31 bits; [`Error::OutOfMemory`].
    pub(crate) fn new(
        size: RowTableSize,
        input: impl Fn(usize, usize) -> Option<usize>,
        output: impl Fn(usize) -> usize,
    ) -> Result<Self> {
        let RowTableSize { op, tile_rows, rows, segments, reach, input_len } = size;
        let narrow = |offset: usize| {
            let problem = || Error::shape(op, "one image (or row) has more than 2^31 numbers");
            i32::try_from(offset).map_err(|_| problem())
        };
        let mut inputs = Tensor::stale(&[rows.div_ceil(tile_rows), segments, tile_rows], DType::I32)?;
        for (index, entry) in inputs.as_mut_slice::<i32>()?.iter_mut().enumerate() {
            let (tile, segment) = (index / (segments * tile_rows), index / tile_rows % segments);
            // Rows after the last repeat it.
            let row = (tile * tile_rows + index % tile_rows).min(rows - 1);
            *entry = match input(row, segment) {
                None => PADDING,
                Some(offset) => {
                    assert!(offset + reach <= input_len, "row table reads outside its input");
                    narrow(offset)?
                }
            };
        }
        let mut outputs = Tensor::stale(&[rows], DType::I32)?;
        for (row, entry) in outputs.as_mut_slice::<i32>()?.iter_mut().enumerate() {
            *entry = narrow(output(row))?;
        }
        Ok(Self { size, inputs, outputs })
    }

    /// The table as the kernel reads it.
    ///
    /// # Errors
    /// None in practice: the entries are `I32`.
    pub(crate) fn rows(&self) -> Result<Rows<'_>> {
        Ok(Rows { size: self.size, inputs: self.inputs.as_slice()?, outputs: self.outputs.as_slice()? })
    }

    /// Segments of each row.
    pub(crate) fn segments(&self) -> usize {
        self.size.segments
    }
}

/// A [`RowTable`], borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    size: RowTableSize,
    /// `[tile][segment][row]`.
    inputs: &'a [i32],
    /// One for each row.
    outputs: &'a [i32],
}

impl Rows<'_> {
    /// Number of tiles.
    pub(crate) fn tiles(&self) -> usize {
        self.size.rows.div_ceil(self.size.tile_rows)
    }

    /// The rows that some tiles cover.
    pub(crate) fn of_tiles(&self, tiles: Range<usize>) -> Range<usize> {
        tiles.start * self.size.tile_rows..(tiles.end * self.size.tile_rows).min(self.size.rows)
    }
}

/// Columns of the right-hand matrix, in panels of two vectors.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    /// The numbers.
    pub(crate) data: &'a [f32],
    /// Distance between the first numbers of neighbouring panels.
    pub(crate) panel_step: usize,
    /// Distance between neighbouring rows of a panel.
    pub(crate) pitch: usize,
}

/// What a sum starts from.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zero.
    Zero,
    /// One number for each column.
    Bias(&'a [f32]),
    /// What the output holds: the sum over an earlier part of the depth.
    Output,
}

/// Some tiles of rows times all columns of some panels.
pub(crate) struct RowBlock<'a> {
    /// Where rows are.
    pub(crate) table: Rows<'a>,
    /// Which tiles.
    pub(crate) tiles: Range<usize>,
    /// What the table's input offsets point into.
    pub(crate) input: &'a [f32],
    /// Added to each input offset: first channel of a group, or start of a part of the depth.
    pub(crate) input_shift: usize,
    /// Numbers of each segment that are multiplied.
    pub(crate) depth: usize,
    /// At least `depth` zeros, read in the padding.
    pub(crate) zeros: &'a [f32],
    /// The right-hand matrix: `segments * depth` rows.
    pub(crate) panels: Panels<'a>,
    /// Columns in all.
    pub(crate) columns: usize,
    /// What the sums start from.
    pub(crate) start: Start<'a>,
    /// Applied before storing.
    pub(crate) activation: Activation,
    /// Where the sums go.
    pub(crate) output: &'a mut [f32],
    /// Position that `output[0]` has among the table's output offsets.
    pub(crate) output_base: usize,
    /// Added to each output offset: first channel of a group.
    pub(crate) output_shift: usize,
}

impl Kernel for RowBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        self.check::<I>();
        let width = 2 * I::LANES;
        for panel in 0..self.columns.div_ceil(width) {
            let columns = (self.columns - panel * width).min(width);
            for tile in self.tiles.clone() {
                let rows = self.table.of_tiles(tile..tile + 1).len();
                if columns > I::LANES {
                    // SAFETY: `check` has shown that the table, the panels and the output are inside their slices for
                    // every tile and panel of this block; `rows` and `columns` are those of this tile and panel.
                    unsafe { sized::<I, 2>(isa, &mut self, tile, rows, panel, columns) };
                } else {
                    // SAFETY: as above; the panel's columns fit one vector.
                    unsafe { sized::<I, 1>(isa, &mut self, tile, rows, panel, columns) };
                }
            }
        }
    }
}

impl RowBlock<'_> {
    fn check<I: Isa>(&self) {
        let RowTableSize { tile_rows, segments, reach, input_len, .. } = self.table.size;
        assert!(tile_rows == I::ROWS && self.tiles.end <= self.table.tiles());
        let read = self.input_shift.checked_add(self.depth);
        assert!(self.input.len() == input_len && read.is_some_and(|read| read <= reach));
        assert!(self.zeros.len() >= self.depth && self.columns > 0);
        let outputs = &self.table.outputs[self.table.of_tiles(self.tiles.clone())];
        let end = |&offset: &i32| {
            let start = usize::try_from(offset).ok()?.checked_sub(self.output_base)?;
            start.checked_add(self.output_shift)?.checked_add(self.columns)
        };
        assert!(outputs.iter().all(|offset| end(offset).is_some_and(|end| end <= self.output.len())));
        // Each panel's last row is read in whole vectors: two for every panel but the last.
        let width = 2 * I::LANES;
        let last_panel = (self.columns - 1) / width;
        let last_row = (segments * self.depth).checked_sub(1);
        let panel_end = |panel: usize, columns: usize| {
            let Some(row) = last_row else { return Some(0) };
            let start = panel.checked_mul(self.panels.panel_step)?;
            start.checked_add(row.checked_mul(self.panels.pitch)?)?.checked_add(columns)
        };
        let inside = |end: Option<usize>| end.is_some_and(|end| end <= self.panels.data.len());
        assert!(inside(panel_end(
            last_panel,
            (self.columns - last_panel * width).next_multiple_of(I::LANES)
        )));
        assert!(last_panel == 0 || inside(panel_end(last_panel - 1, width)));
        if let Start::Bias(bias) = self.start {
            assert!(bias.len() >= self.columns);
        }
    }
}

/// Chooses the smallest compiled number of rows that holds the tile's.
///
/// # Safety
/// As [`multiply`].
#[inline(always)]
unsafe fn sized<I: Isa, const V: usize>(
    isa: I,
    block: &mut RowBlock<'_>,
    tile: usize,
    rows: usize,
    panel: usize,
    columns: usize,
) {
    macro_rules! choose {
        ($($size:literal),+) => {
            $(if I::ROWS >= $size && rows <= $size {
                // SAFETY: passed on from the caller.
                return unsafe { multiply::<I, $size, V>(isa, block, tile, rows, panel, columns) };
            })+
        };
    }
    choose!(1, 2, 4, 6, 8, 10, 12, 14);
    unreachable!("no tile of {rows} rows is compiled for {}", I::NAME);
}

/// One register tile: `M` rows by `V` vectors, of which `rows` and `columns` are stored.
///
/// # Safety
/// [`RowBlock::check`] has passed; `tile` and `panel` are in the block; `M <= I::ROWS`, `rows <= M` are the
/// tile's rows and `columns <= V * LANES` the panel's columns.
#[inline(always)]
unsafe fn multiply<I: Isa, const M: usize, const V: usize>(
    isa: I,
    block: &mut RowBlock<'_>,
    tile: usize,
    rows: usize,
    panel: usize,
    columns: usize,
) {
    let (segments, depth, pitch) = (block.table.size.segments, block.depth, block.panels.pitch);
    let width = 2 * I::LANES;
    let mut weights = block.panels.data.as_ptr().wrapping_add(panel * block.panels.panel_step);
    let lanes: [usize; V] = std::array::from_fn(|vector| (columns - vector * I::LANES).min(I::LANES));
    let outputs = &block.table.outputs[tile * I::ROWS..][..rows];
    let target = block.output.as_mut_ptr().wrapping_add(block.output_shift + panel * width);
    let base = block.output_base;

    // `sums` is indexed by constants alone, else it would live in memory: `each_row` repeats its body for every row,
    // since the compiler gives up unrolling a body of this size.
    let mut sums = [[isa.splat(0.0); V]; M];
    match block.start {
        Start::Zero => {}
        Start::Bias(bias) => {
            let bias = &bias[panel * width..];
            for vector in 0..V {
                let start = isa.load_partial(&bias[vector * I::LANES..][..lanes[vector]]);
                for row in &mut sums {
                    row[vector] = start;
                }
            }
        }
        // A later part of the depth is summed on its own and then added: long sums stay exact to the last digits.
        Start::Output => {}
    }

    let offsets = &block.table.inputs[tile * segments * I::ROWS..][..segments * I::ROWS];
    let input = block.input.as_ptr().wrapping_add(block.input_shift);
    let zeros = block.zeros.as_ptr();
    for offsets in offsets.chunks_exact(I::ROWS) {
        let mut starts = [zeros; M];
        for row in 0..M {
            // The smallest compiled size may exceed the tile's rows, never the table's.
            let offset = offsets[row];
            starts[row] = if offset == PADDING { zeros } else { input.wrapping_add(offset as usize) };
        }
        for step in 0..depth {
            let mut columns = [isa.splat(0.0); V];
            for (vector, column) in columns.iter_mut().enumerate() {
                // SAFETY: `check` has shown that the panel's last row ends inside the data.
                *column = unsafe { isa.load_at(weights.wrapping_add(vector * I::LANES)) };
            }
            weights = weights.wrapping_add(pitch);
            for row in 0..M {
                // SAFETY: the table guarantees `reach >= depth` numbers from each offset, the zeros are as many.
                let value = isa.splat(unsafe { *starts[row].wrapping_add(step) });
                for vector in 0..V {
                    sums[row][vector] = isa.fma(value, columns[vector], sums[row][vector]);
                }
            }
        }
    }

    each_row!(M, ROW, {
        if let Some(&offset) = outputs.get(ROW) {
            let target = target.wrapping_add(offset as usize - base);
            for vector in 0..V {
                let target = target.wrapping_add(vector * I::LANES);
                let mut sum = sums[ROW][vector];
                if let Start::Output = block.start {
                    // SAFETY: `check` has shown that the row's columns lie inside the output.
                    sum = isa.add(unsafe { isa.load_partial_at(target, lanes[vector]) }, sum);
                }
                let sum = block.activation.vector(isa, sum);
                // SAFETY: as above.
                unsafe { isa.store_partial_at(sum, target, lanes[vector]) };
            }
        }
    });
}
