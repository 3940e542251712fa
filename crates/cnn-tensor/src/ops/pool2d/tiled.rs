//! Backward passes where the windows tile the image: each window writes its own pixels.
//!
//! Numbers of the output's gradient are read once, and nothing is looked up for each pixel.

use super::geometry::{Along, Geometry, Index};
use crate::ops::channels::{Pixel, Width};
use crate::simd::{Isa, Kernel};

/// Whether windows lie side by side from the first row and column on, with no row of the image left over.
pub(super) fn is_tiled(g: &Geometry) -> bool {
    let (Along::Sliding(rows), Along::Sliding(columns)) = (g.rows, g.columns) else { return false };
    [rows, columns].iter().all(|axis| axis.kernel == axis.stride && axis.dilation == 1 && axis.before == 0)
        && rows.kernel.checked_mul(g.out_h) == Some(g.in_h)
        && columns.kernel.checked_mul(g.out_w).is_some_and(|covered| covered <= g.in_w)
}

/// What the vectors of a window's gradient become in each of its pixels.
pub(super) trait Spread<I: Isa> {
    /// What the pixels are made of, from the numbers of the output from `at` on.
    fn load<W: Width<I>, const N: usize>(&self, isa: I, width: W, at: usize) -> [[I::F32; N]; 2];
    /// Whether the output has so many numbers.
    fn has(&self, len: usize) -> bool;
    /// The gradient of pixel `tap`.
    fn pixel<const N: usize>(&self, isa: I, window: &[[I::F32; N]; 2], tap: usize) -> [I::F32; N];
}

/// Each gradient where its maximum was.
pub(super) struct Maxima<'a, T> {
    pub(super) indices: &'a [T],
    pub(super) grad_output: &'a [f32],
}

impl<I: Isa, T: Index> Spread<I> for Maxima<'_, T> {
    #[inline(always)]
    fn load<W: Width<I>, const N: usize>(&self, isa: I, width: W, at: usize) -> [[I::F32; N]; 2] {
        let grads = width.load::<N>(isa, &self.grad_output[at..]);
        let lanes = width.lanes();
        let indices = &self.indices[at..][..(N - 1) * I::LANES + lanes];
        let mut taps = [isa.splat(0.0); N];
        for v in 0..N {
            taps[v] = T::load(isa, &indices[v * I::LANES..][..lanes]);
        }
        [grads, taps]
    }

    #[inline(always)]
    fn has(&self, len: usize) -> bool {
        len <= self.grad_output.len()
    }

    #[inline(always)]
    fn pixel<const N: usize>(&self, isa: I, [grads, taps]: &[[I::F32; N]; 2], tap: usize) -> [I::F32; N] {
        let tap = isa.splat(tap as f32);
        let mut pixel = [isa.splat(0.0); N];
        for v in 0..N {
            // Added to zero, as where windows overlap: a zero that passes is positive.
            pixel[v] = isa.add(pixel[v], isa.select_equal(taps[v], tap, grads[v], pixel[v]));
        }
        pixel
    }
}

/// An equal share of each gradient everywhere.
pub(super) struct Means<'a> {
    pub(super) grad_output: &'a [f32],
    pub(super) share: f32,
}

impl<I: Isa> Spread<I> for Means<'_> {
    #[inline(always)]
    fn load<W: Width<I>, const N: usize>(&self, isa: I, width: W, at: usize) -> [[I::F32; N]; 2] {
        let mut grads = width.load::<N>(isa, &self.grad_output[at..]);
        for grad in &mut grads {
            // Added to zero, as above.
            *grad = isa.fma(*grad, isa.splat(self.share), isa.splat(0.0));
        }
        [grads, grads]
    }

    #[inline(always)]
    fn has(&self, len: usize) -> bool {
        len <= self.grad_output.len()
    }

    #[inline(always)]
    fn pixel<const N: usize>(&self, _isa: I, window: &[[I::F32; N]; 2], _tap: usize) -> [I::F32; N] {
        window[0]
    }
}

/// The gradient of the input under some rows of windows.
pub(super) struct TiledBack<'a, S> {
    pub(super) g: &'a Geometry,
    pub(super) spread: S,
    pub(super) grad_input: &'a mut [f32],
    /// First number of the first row of windows in the output.
    pub(super) from: usize,
}

/// A kernel for each way to spread.
macro_rules! tiled {
    ([$($generics:tt)*] $spread:ty) => {
        impl<$($generics)*> Kernel for TiledBack<'_, $spread> {
            type Output = ();

            #[inline(always)]
            fn run<I: Isa>(self, isa: I) {
                self.rows(isa);
            }
        }
    };
}

tiled!([T: Index] Maxima<'_, T>);
tiled!([] Means<'_>);

impl<S> TiledBack<'_, S> {
    #[inline(always)]
    fn rows<I: Isa>(self, isa: I)
    where
        S: Spread<I>,
    {
        let Self { g, spread, grad_input, mut from } = self;
        let (channels, row) = (g.channels, g.in_w * g.channels);
        let width = g.columns.kernel() * channels;
        let covered = g.out_w * width;
        for rows in grad_input.chunks_exact_mut(g.rows.kernel() * row) {
            for input_row in rows.chunks_exact_mut(row) {
                input_row[covered..].fill(0.0);
            }
            for start in (0..covered).step_by(width) {
                let rows = &mut rows[start..];
                let mut tile =
                    Tile { spread: &spread, rows, row, channels, width, covered: covered - start, from };
                tile.work(isa, channels);
                from += channels;
            }
        }
    }
}

/// One window: its pixels, and the numbers of the output that they are made of.
struct Tile<'a, S> {
    spread: &'a S,
    /// From the first pixel on.
    rows: &'a mut [f32],
    /// Numbers in a row of the input.
    row: usize,
    /// Numbers in a pixel.
    channels: usize,
    /// Numbers in a row of the window.
    width: usize,
    /// Numbers in a row from the first pixel on that this window and those after it cover.
    covered: usize,
    /// First number in the output.
    from: usize,
}

impl<I: Isa, S: Spread<I>> Pixel<I> for Tile<'_, S> {
    #[inline(always)]
    fn vectors<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, channel: usize) {
        let window = self.spread.load::<W, N>(isa, width, self.from + channel);
        let mut tap = 0;
        for row in self.rows.chunks_mut(self.row) {
            for pixel in (0..self.width).step_by(self.channels) {
                width.store(isa, self.spread.pixel(isa, &window, tap), &mut row[pixel + channel..]);
                tap += 1;
            }
        }
    }

    /// From the first channel on, a vector reaches into pixels to the right, which are written later.
    #[inline(always)]
    fn has_room(&self, channel: usize) -> bool {
        let reach = self.width - self.channels + I::LANES;
        channel == 0 && reach <= self.covered && self.spread.has(self.from + I::LANES)
    }
}
