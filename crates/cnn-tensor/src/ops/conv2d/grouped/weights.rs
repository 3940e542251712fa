//! Weight gradient: the sums of neighbouring taps and all members stay in registers while pixels stream past them.
//!
//! For one vector of channels, one row of taps and a few of its taps, a step loads the output gradient of a pixel
//! once and the source under each tap once, and adds the product with the source in each member's order.
//! Pixels at which some of these taps are in the padding are left to steps of one tap.
//!
//! At most [`BLOCK_PIXELS`] pixels, or one row, are summed on their own and then added, so that long sums stay exact.

use std::ops::Range;

use super::super::Geometry;
use super::{BLOCK_PIXELS, first_channel, orders};
use crate::simd::{Isa, Kernel};

/// Taps whose sums are held together, where a row of taps has as many and groups have at most four members.
const TAPS: usize = 3;

/// The sums over some images, for some vectors of channels.
pub(super) struct Slice<'a> {
    /// The convolution.
    pub(super) geometry: &'a Geometry,
    /// All input images.
    pub(super) x: &'a [f32],
    /// All output gradients.
    pub(super) grad: &'a [f32],
    /// Which images.
    pub(super) images: Range<usize>,
    /// Which vectors of channels.
    pub(super) vectors: Range<usize>,
    /// Receives `[vector][k_h][k_w][member][lane]`.
    pub(super) sums: &'a mut [f32],
}

impl Kernel for Slice<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        self.sums.fill(0.0);
        match self.geometry.group_in_c() {
            2 => self.all::<I, 2, TAPS>(isa),
            4 => self.all::<I, 4, TAPS>(isa),
            8 => self.all::<I, 8, 1>(isa),
            members => unreachable!("no sums of {members} members are compiled"),
        }
    }
}

impl Slice<'_> {
    #[inline(always)]
    fn all<I: Isa, const M: usize, const T: usize>(&mut self, isa: I) {
        let &Geometry { batch, in_h, in_w, in_c: channels, out_h, out_w, vertical, horizontal, .. } =
            self.geometry;
        assert!(channels >= I::LANES && self.images.end <= batch);
        assert!(self.x.len() == batch * in_h * in_w * channels);
        assert!(self.grad.len() == batch * out_h * out_w * channels);
        let tap_len = M * I::LANES;
        let vector_len = vertical.kernel * horizontal.kernel * tap_len;
        assert!(self.vectors.end <= channels.div_ceil(I::LANES));
        assert!(self.sums.len() == self.vectors.len() * vector_len);
        let orders = orders(isa, M);
        let orders: &[I::Order; M] = orders[..M].try_into().unwrap_or_else(|_| unreachable!());
        let rows_together = (BLOCK_PIXELS / out_w).max(1);
        for image in self.images.clone() {
            for first_row in (0..out_h).step_by(rows_together) {
                let band = first_row..(first_row + rows_together).min(out_h);
                for (index, vector) in self.vectors.clone().enumerate() {
                    let channel = first_channel(vector, I::LANES, channels);
                    for tap_y in 0..vertical.kernel {
                        let rows = vertical.inside(tap_y, in_h, out_h);
                        let rows = rows.start.max(band.start)..rows.end.min(band.end);
                        if rows.is_empty() {
                            continue;
                        }
                        let y = rows.start * vertical.stride + tap_y * vertical.dilation - vertical.before;
                        let block = Block {
                            x: &self.x[(image * in_h + y) * in_w * channels + channel..],
                            x_row: vertical.stride * in_w * channels,
                            grad: &self.grad[(image * out_h + rows.start) * out_w * channels + channel..],
                            grad_row: out_w * channels,
                            rows: rows.len(),
                            geometry: self.geometry,
                        };
                        let sums = &mut self.sums[index * vector_len..][..vector_len];
                        let sums =
                            &mut sums[tap_y * horizontal.kernel * tap_len..][..horizontal.kernel * tap_len];
                        block.row_of_taps::<I, M, T>(isa, orders, sums);
                    }
                }
            }
        }
    }
}

/// Some rows of output gradients of one image, with the rows of the input under one row of taps.
struct Block<'a> {
    /// From the first of the channels of the first column on.
    x: &'a [f32],
    x_row: usize,
    /// Likewise.
    grad: &'a [f32],
    grad_row: usize,
    rows: usize,
    geometry: &'a Geometry,
}

impl Block<'_> {
    /// Adds the sums of all taps of the row to `sums`, `[tap][member][lane]`.
    #[inline(always)]
    fn row_of_taps<I: Isa, const M: usize, const T: usize>(
        &self,
        isa: I,
        orders: &[I::Order; M],
        sums: &mut [f32],
    ) {
        let &Geometry { in_w, out_w, horizontal, .. } = self.geometry;
        let mut tap = 0;
        while tap < horizontal.kernel {
            let together = if horizontal.kernel - tap >= T { T } else { 1 };
            let inside = |tap: usize| horizontal.inside(tap, in_w, out_w);
            let mut all = inside(tap);
            for tap in tap + 1..tap + together {
                all = all.start.max(inside(tap).start)..all.end.min(inside(tap).end);
            }
            let held = together == T && !all.is_empty();
            let sums = &mut sums[tap * M * I::LANES..];
            if held {
                self.add::<I, M, T>(isa, orders, tap, all.clone(), sums);
            }
            for (index, sums) in sums.chunks_exact_mut(M * I::LANES).take(together).enumerate() {
                let inside = inside(tap + index);
                let rest = if held { [inside.start..all.start, all.end..inside.end] } else { [inside, 0..0] };
                for columns in rest {
                    self.add::<I, M, 1>(isa, orders, tap + index, columns, sums);
                }
            }
            tap += together;
        }
    }

    /// Adds the sums of `T` taps over some columns of the output gradients, at which all of them are inside.
    #[inline(always)]
    fn add<I: Isa, const M: usize, const T: usize>(
        &self,
        isa: I,
        orders: &[I::Order; M],
        tap: usize,
        columns: Range<usize>,
        sums: &mut [f32],
    ) {
        if columns.is_empty() {
            return;
        }
        let &Geometry { in_c: channels, horizontal, .. } = self.geometry;
        let (step, tap_step) = (horizontal.stride * channels, horizontal.dilation * channels);
        let first = columns.start * horizontal.stride + tap * horizontal.dilation - horizontal.before;
        let last = first * channels + (columns.len() - 1) * step + (T - 1) * tap_step;
        assert!(last + (self.rows - 1) * self.x_row + I::LANES <= self.x.len());
        let last = (columns.end - 1) * channels;
        assert!(last + (self.rows - 1) * self.grad_row + I::LANES <= self.grad.len());
        let mut held = [[isa.splat(0.0); M]; T];
        for row in 0..self.rows {
            let mut x = self.x.as_ptr().wrapping_add(row * self.x_row + first * channels);
            let mut grad = self.grad.as_ptr().wrapping_add(row * self.grad_row + columns.start * channels);
            for _ in columns.clone() {
                // SAFETY: the second assertion has shown that the last pixel of the last row ends inside.
                let factor = unsafe { isa.load_at(grad) };
                for (index, held) in held.iter_mut().enumerate() {
                    // SAFETY: the first assertion has shown that the last tap of the last pixel ends inside.
                    let value = unsafe { isa.load_at(x.wrapping_add(index * tap_step)) };
                    for (sum, &order) in held.iter_mut().zip(orders) {
                        *sum = isa.fma(isa.permute(value, order), factor, *sum);
                    }
                }
                x = x.wrapping_add(step);
                grad = grad.wrapping_add(channels);
            }
        }
        let sums = sums[..T * M * I::LANES].as_mut_ptr();
        for (index, held) in held.iter().enumerate() {
            for (member, &held) in held.iter().enumerate() {
                let target = sums.wrapping_add((index * M + member) * I::LANES);
                // SAFETY: the line above the loops made sure of as many vectors.
                let sum = unsafe { isa.load_at(target) };
                // SAFETY: as above.
                unsafe { isa.store_at(isa.add(sum, held), target) };
            }
        }
    }
}
