//! Packing the right-hand matrix into panels of two vectors, in the order in which the kernel reads it.

use super::Tile;
use super::rows::Panels;
use crate::{DType, Result, Tensor, parallel};

/// A packed right-hand matrix.
pub(crate) struct PackedColumns {
    data: Tensor,
    panel_step: usize,
    pitch: usize,
}

impl PackedColumns {
    /// The panels.
    ///
    /// # Errors
    /// None in practice: the data is `F32`.
    pub(crate) fn panels(&self) -> Result<Panels<'_>> {
        Ok(Panels { data: self.data.as_slice()?, panel_step: self.panel_step, pitch: self.pitch })
    }
}

/// Packs a matrix of `depth` rows and `columns` columns, whose element `(row, column)` is `source[at(row) + column * step]`.
/// Columns after the last are zero.
pub(crate) fn pack(
    source: &[f32],
    depth: usize,
    columns: usize,
    step: usize,
    tile: Tile,
    at: impl Fn(usize) -> usize + Sync,
) -> Result<PackedColumns> {
    let width = tile.columns;
    let panel_step = depth * width;
    let mut data = Tensor::stale(&[columns.div_ceil(width) * panel_step], DType::F32)?;
    if panel_step > 0 {
        let panels = data.as_mut_slice::<f32>()?.chunks_exact_mut(panel_step).enumerate();
        parallel::for_each(panels, depth * columns, |(panel, target)| {
            let first = panel * width;
            let valid = (columns - first).min(width);
            for (row, target) in target.chunks_exact_mut(width).enumerate() {
                let start = at(row) + first * step;
                if step == 1 {
                    target[..valid].copy_from_slice(&source[start..start + valid]);
                } else {
                    for (column, value) in target[..valid].iter_mut().enumerate() {
                        *value = source[start + column * step];
                    }
                }
                target[valid..].fill(0.0);
            }
        })?;
    }
    Ok(PackedColumns { data, panel_step, pitch: width })
}
