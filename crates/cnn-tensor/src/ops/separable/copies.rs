//! Maps that only move pixels: neighbours that stay neighbours are copied in one run.

use super::{Axis, Separable};
use crate::Result;
use crate::parallel::for_each;

/// Numbers of the output in a piece, about.
const PIECE: usize = 1 << 14;

/// Numbers of a row of the output that are neighbours in the input too, or in no input.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    /// First number in a row of the input.
    from: Option<usize>,
    len: usize,
}

/// What the rows of the output are copies of.
pub(super) struct Copies {
    /// The row of the input.
    rows: Vec<Option<usize>>,
    /// The same in each row.
    runs: Vec<Run>,
    /// Rows of an image of the input.
    in_h: usize,
    /// Numbers in a row of the input.
    in_row: usize,
    /// Numbers in a row of the output.
    out_row: usize,
}

/// The only element that each is made of; `None` if one is more than a copy.
fn sources(axis: &Axis) -> Option<Vec<Option<usize>>> {
    let source = |index| match axis.of(index) {
        [] => Some(None),
        [tap] if tap.weight == 1.0 => Some(Some(tap.from)),
        _ => None,
    };
    (0..axis.output()).map(source).collect()
}

impl Copies {
    /// `None` if the map is more than copies.
    pub(super) fn new(map: &Separable, channels: usize) -> Option<Self> {
        let rows = sources(&map.rows)?;
        let mut runs: Vec<Run> = Vec::new();
        for source in sources(&map.columns)? {
            let from = source.map(|column| column * channels);
            match runs.last_mut() {
                Some(run) if run.from.map(|start| start + run.len) == from => run.len += channels,
                _ => runs.push(Run { from, len: channels }),
            }
        }
        let (in_row, out_row) = (map.columns.input * channels, map.columns.output() * channels);
        Some(Self { rows, runs, in_h: map.rows.input, in_row, out_row })
    }

    pub(super) fn run(&self, x: &[f32], empty: f32, output: &mut [f32]) -> Result<()> {
        if self.out_row == 0 {
            return Ok(());
        }
        let rows = (PIECE / self.out_row).max(1);
        let bytes = 2 * size_of_val(output);
        for_each(output.chunks_mut(rows * self.out_row).enumerate(), bytes, |(piece, output)| {
            self.rows(piece * rows, x, empty, output);
        })
    }

    /// Some rows from number `first` on, counted over all images.
    fn rows(&self, first: usize, x: &[f32], empty: f32, output: &mut [f32]) {
        let image = self.in_h * self.in_row;
        let mut before = None;
        for index in 0..output.len() / self.out_row {
            let [n, y] = [(first + index) / self.rows.len(), (first + index) % self.rows.len()];
            let source = self.rows[y].map(|row| n * image + row * self.in_row);
            let start = index * self.out_row;
            if before == Some(source) {
                // Whole rows are quicker to copy than their runs.
                output.copy_within(start - self.out_row..start, start);
                continue;
            }
            before = Some(source);
            let mut row = &mut output[start..start + self.out_row];
            let Some(source) = source else {
                row.fill(empty);
                continue;
            };
            let source = &x[source..source + self.in_row];
            for run in &self.runs {
                let (target, rest) = row.split_at_mut(run.len);
                match run.from {
                    Some(from) => target.copy_from_slice(&source[from..from + run.len]),
                    None => target.fill(empty),
                }
                row = rest;
            }
        }
    }
}
