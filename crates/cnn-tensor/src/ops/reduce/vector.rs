//! The loops for `f32`: blocks summed in many lanes of single precision, blocks added in double precision.

use crate::Result;
use crate::ops::channels::{Cut, Sums, Terms, Width};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// Running sums of a block, as many as fill several vectors of any instruction set.
const LANES: usize = 64;

/// Numbers whose sum is taken in single precision: few additions in each lane, so that the error stays at a few roundings.
const BLOCK: usize = LANES * 32;

/// Numbers that one thread takes at a time, a multiple of the block.
const PIECE: usize = BLOCK * 16;

pub(super) fn sum(x: &[f32]) -> Result<f64> {
    let level = simd::active()?;
    let mut sums = vec![0.0; x.len().div_ceil(PIECE)];
    for_each(sums.iter_mut().zip(x.chunks(PIECE)), size_of_val(x), |(sum, x)| *sum = level.run(Sum { x }))?;
    Ok(sums.iter().fold(0.0, |total, sum| total + sum))
}

pub(super) fn sum_leading(x: &[f32], output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let channels = output.len();
    if channels == 0 {
        return Ok(());
    }
    let cut = Cut::new(x.len() / channels, channels);
    let mut partial = vec![0.0f64; cut.pieces * channels];
    for_each(partial.chunks_mut(channels).zip(x.chunks(cut.piece)), size_of_val(x), |(sums, x)| {
        level.run(SumLeading { cut, x, sums });
    })?;
    let mut parts = partial.chunks_exact_mut(channels);
    let Some(total) = parts.next() else {
        output.fill(0.0);
        return Ok(());
    };
    for part in parts {
        total.iter_mut().zip(part).for_each(|(sum, part)| *sum += *part);
    }
    output.iter_mut().zip(total).for_each(|(y, sum)| *y = *sum as f32);
    Ok(())
}

pub(super) fn is_finite(x: &[f32]) -> Result<bool> {
    let level = simd::active()?;
    let mut all = vec![true; x.len().div_ceil(PIECE)];
    for_each(all.iter_mut().zip(x.chunks(PIECE)), size_of_val(x), |(all, x)| {
        *all = level.run(IsFinite { x })
    })?;
    Ok(all.into_iter().all(|finite| finite))
}

pub(super) fn max_abs_difference(a: &[f32], b: &[f32]) -> Result<f64> {
    let level = simd::active()?;
    let mut most = vec![0.0f32; a.len().div_ceil(PIECE)];
    let pieces = most.iter_mut().zip(a.chunks(PIECE).zip(b.chunks(PIECE)));
    for_each(pieces, 2 * size_of_val(a), |(most, (a, b))| *most = level.run(MaxAbsDifference { a, b }))?;
    Ok(f64::from(most.into_iter().fold(0.0, larger)))
}

/// The larger of two numbers, or NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}

struct Sum<'a> {
    x: &'a [f32],
}

impl Kernel for Sum<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> f64 {
        let mut total = 0.0;
        for block in self.x.chunks(BLOCK) {
            let mut lanes = [0.0f32; LANES];
            let rows = block.chunks_exact(LANES);
            let rest = rows.remainder();
            for row in rows {
                for (sum, x) in lanes.iter_mut().zip(row) {
                    *sum += x;
                }
            }
            for (sum, x) in lanes.iter_mut().zip(rest) {
                *sum += x;
            }
            total += lanes.iter().copied().map(f64::from).sum::<f64>();
        }
        total
    }
}

struct SumLeading<'a> {
    cut: Cut,
    x: &'a [f32],
    sums: &'a mut [f64],
}

impl Kernel for SumLeading<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { cut, x, sums } = self;
        let mut columns = Sums::new(cut, vec![0.0; cut.group]);
        for start in (0..x.len()).step_by(cut.block) {
            let range = start..x.len().min(start + cut.block);
            columns.add(isa, range, &mut Numbers { x }, [sums, &mut []]);
        }
    }
}

/// The number itself; the second sum stays zero.
struct Numbers<'a> {
    x: &'a [f32],
}

impl<I: Isa> Terms<I> for Numbers<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        _centres: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let x = width.load::<N>(isa, &self.x[at..]);
        for v in 0..N {
            sums[0][v] = isa.add(sums[0][v], x[v]);
        }
    }
}

struct IsFinite<'a> {
    x: &'a [f32],
}

impl Kernel for IsFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> bool {
        // No early exit inside a block: the common case reads everything, and in vectors.
        self.x.chunks(BLOCK).all(|block| block.iter().fold(true, |all, x| all & x.is_finite()))
    }
}

struct MaxAbsDifference<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for MaxAbsDifference<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> f32 {
        let mut lanes = [0.0f32; LANES];
        for (a, b) in self.a.chunks(LANES).zip(self.b.chunks(LANES)) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane = larger(*lane, (a - b).abs());
            }
        }
        lanes.into_iter().fold(0.0, larger)
    }
}
