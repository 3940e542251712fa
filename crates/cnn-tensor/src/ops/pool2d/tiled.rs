//! Backward passes where the windows tile the image: each window writes its own pixels.
//!
//! Numbers of the output's gradient are read once, and nothing is looked up for each pixel.

use super::geometry::{Geometry, Index};
use crate::ops::channels::{Part, Whole, Width};
use crate::simd::{Isa, Kernel};

/// Whether windows lie side by side from the first row and column on, with no row of the image left over.
pub(super) fn is_tiled(g: &Geometry) -> bool {
    [g.rows, g.columns]
        .iter()
        .all(|axis| axis.kernel == axis.stride && axis.dilation == 1 && axis.before == 0)
        && g.rows.kernel.checked_mul(g.out_h) == Some(g.in_h)
        && g.columns.kernel.checked_mul(g.out_w).is_some_and(|covered| covered <= g.in_w)
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
        let (channels, row, k_w) = (g.channels, g.in_w * g.channels, g.columns.kernel);
        for rows in grad_input.chunks_exact_mut(g.rows.kernel * row) {
            for input_row in rows.chunks_exact_mut(row) {
                // Columns that no window covers.
                input_row[g.out_w * k_w * channels..].fill(0.0);
            }
            for out_x in 0..g.out_w {
                let start = out_x * k_w * channels;
                let mut channel = 0;
                let tile = Tile { spread: &spread, row, pixel: channels, k_w };
                while channel + 4 * I::LANES <= channels {
                    tile.write::<I, _, 4>(isa, Whole, from + channel, &mut rows[start + channel..]);
                    channel += 4 * I::LANES;
                }
                while channel + I::LANES <= channels {
                    tile.write::<I, _, 1>(isa, Whole, from + channel, &mut rows[start + channel..]);
                    channel += I::LANES;
                }
                // A single vector may reach into the pixels to the right, which are written later.
                let reach = start + (k_w - 1) * channels + I::LANES;
                if channel == 0 && reach <= row && spread.has(from + I::LANES) {
                    tile.write::<I, _, 1>(isa, Whole, from, &mut rows[start..]);
                } else if channel < channels {
                    tile.write::<I, _, 1>(
                        isa,
                        Part(channels - channel),
                        from + channel,
                        &mut rows[start + channel..],
                    );
                }
                from += channels;
            }
        }
    }
}

/// How windows lie in the rows of the input.
struct Tile<'a, S> {
    spread: &'a S,
    /// Numbers in a row of the input.
    row: usize,
    /// Numbers in a pixel.
    pixel: usize,
    k_w: usize,
}

impl<S> Tile<'_, S> {
    /// Writes the pixels of a window; `rows` begins with its first.
    #[inline(always)]
    fn write<I: Isa, W: Width<I>, const N: usize>(&self, isa: I, width: W, from: usize, rows: &mut [f32])
    where
        S: Spread<I>,
    {
        let window = self.spread.load::<W, N>(isa, width, from);
        let mut tap = 0;
        for row in rows.chunks_mut(self.row) {
            for k_x in 0..self.k_w {
                width.store(isa, self.spread.pixel(isa, &window, tap), &mut row[k_x * self.pixel..]);
                tap += 1;
            }
        }
    }
}
