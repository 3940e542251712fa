//! For each row and column of the input, the windows that read it: a backward pass gathers, so that no two
//! pieces write to one place, and a pixel is written once, whatever the overlap of the windows.

use super::geometry::{Along, Geometry};

/// A row or column of windows that reads: where its numbers begin beside those of the first, and its share in the
/// number of the tap or of the window.
pub(super) type Reader = (usize, usize);

/// The windows that read each row and each column of the input.
pub(super) struct Readers {
    rows: Axis,
    columns: Axis,
}

/// The windows that read each element of an axis.
struct Axis {
    /// All of them, in order of the elements.
    readers: Vec<Reader>,
    /// Where those of an element begin; one more at the end.
    starts: Vec<usize>,
}

impl Axis {
    fn new(along: &Along, [input, output]: [usize; 2], reader: impl Fn(usize, usize) -> Reader) -> Self {
        let mut readers = Vec::with_capacity(input);
        let mut starts = Vec::with_capacity(input + 1);
        for at in 0..input {
            starts.push(readers.len());
            along.for_each_reader(output, at, |index, tap| readers.push(reader(index, tap)));
        }
        starts.push(readers.len());
        Self { readers, starts }
    }

    #[inline(always)]
    fn of(&self, at: usize) -> &[Reader] {
        &self.readers[self.starts[at]..self.starts[at + 1]]
    }
}

impl Readers {
    /// With, for each reader, its first number and its tap: the sums of a row's and a column's are those of a window.
    pub(super) fn with_taps(g: &Geometry) -> Self {
        let row = g.out_w * g.channels;
        Self {
            rows: Axis::new(&g.rows, [g.in_h, g.out_h], |index, tap| (index * row, tap * g.columns.kernel())),
            columns: Axis::new(&g.columns, [g.in_w, g.out_w], |index, tap| (index * g.channels, tap)),
        }
    }

    /// With, for each reader, its first number and its own: the sums of a row's and a column's are those of a window.
    pub(super) fn with_windows(g: &Geometry) -> Self {
        let row = g.out_w * g.channels;
        Self {
            rows: Axis::new(&g.rows, [g.in_h, g.out_h], |index, _| (index * row, index * g.out_w)),
            columns: Axis::new(&g.columns, [g.in_w, g.out_w], |index, _| (index * g.channels, index)),
        }
    }

    #[inline(always)]
    pub(super) fn of_row(&self, y: usize) -> &[Reader] {
        self.rows.of(y)
    }

    #[inline(always)]
    pub(super) fn of_column(&self, x: usize) -> &[Reader] {
        self.columns.of(x)
    }
}
