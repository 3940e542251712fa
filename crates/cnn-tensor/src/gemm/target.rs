//! A row-major matrix that is written in parts: windows of rows and columns that never overlap.
//!
//! The columns of a window are not contiguous in memory, so no slice can stand for it. A [`Target`] starts as a whole
//! slice and is only ever cut in two, so each number belongs to one window, and windows may be written by
//! different threads.

use std::marker::PhantomData;

/// A window of a matrix of `f32`, to write. Like `&mut [f32]`, nobody else can reach its numbers.
pub(crate) struct Target<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    /// Distance between the starts of neighbouring rows.
    pitch: usize,
    numbers: PhantomData<&'a mut [f32]>,
}

// SAFETY: a target is the only way to its numbers, as a `&mut [f32]` is, and those may move between threads.
unsafe impl Send for Target<'_> {}

impl<'a> Target<'a> {
    /// The whole matrix.
    pub(crate) fn new(numbers: &'a mut [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(Some(numbers.len()), rows.checked_mul(columns), "the matrix fills its slice");
        Self { start: numbers.as_mut_ptr(), rows, columns, pitch: columns, numbers: PhantomData }
    }

    /// The window's number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The window's number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Where `row` begins: the start of `columns()` numbers that only this window reaches.
    pub(crate) fn row_start(&mut self, row: usize) -> *mut f32 {
        debug_assert!(row < self.rows);
        self.start.wrapping_add(row * self.pitch)
    }

    /// One row.
    pub(crate) fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows);
        let start = self.row_start(row);
        // SAFETY: the row lies inside the slice that the matrix was made of, only this window reaches its columns,
        // and this borrow keeps the window.
        unsafe { std::slice::from_raw_parts_mut(start, self.columns) }
    }

    /// The same window for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Target<'_> {
        Target { numbers: PhantomData, ..*self }
    }

    /// The rows before `row`, and the others.
    pub(crate) fn split_rows(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows);
        let after = self.start.wrapping_add(row * self.pitch);
        (Self { rows: row, ..self }, Self { start: after, rows: self.rows - row, ..self })
    }

    /// The columns before `column`, and the others.
    pub(crate) fn split_columns(self, column: usize) -> (Self, Self) {
        assert!(column <= self.columns);
        let after = self.start.wrapping_add(column);
        (Self { columns: column, ..self }, Self { start: after, columns: self.columns - column, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_matrix_once() {
        let mut numbers = [0.0f32; 15];
        let (top, mut bottom) = Target::new(&mut numbers, 3, 5).split_rows(1);
        let (mut left, mut right) = top.split_columns(2);
        assert_eq!((left.rows(), left.columns(), right.columns(), bottom.rows()), (1, 2, 3, 2));
        left.row(0).fill(1.0);
        right.row(0).fill(2.0);
        bottom.row(0).fill(3.0);
        let (mut left, mut right) = bottom.reborrow().split_columns(4);
        left.row(1).fill(4.0);
        right.row(1).fill(5.0);
        assert_eq!(numbers, [1., 1., 2., 2., 2., 3., 3., 3., 3., 3., 4., 4., 4., 4., 5.]);
    }

    #[test]
    fn an_empty_window_is_allowed() {
        let (mut none, all) = Target::new(&mut [], 0, 7).split_columns(0);
        assert_eq!((none.columns(), all.columns(), all.rows()), (0, 7, 0));
        assert_eq!(none.reborrow().rows(), 0);
    }
}
