//! Sums along contiguous rows: blocks of a row in several vectors of single precision, blocks added in double
//! precision. How a row is summed depends on its length only.

use crate::ops::channels::{Part, Whole, Width};
use crate::simd::Isa;

/// Vectors that are summed side by side.
const VECTORS: usize = 4;

/// Numbers whose terms are summed in single precision: few additions in each lane.
const BLOCK: usize = 1 << 11;

/// What the numbers of a row add to `T` sums.
pub(crate) trait RowTerms<I: Isa, const T: usize> {
    /// Adds the terms of the `N` vectors from `at` on. Lanes that `width` leaves out have to add zero.
    fn add<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, sums: &mut [[I::F32; N]; T]);
}

/// The sums over a row of `len` numbers.
#[inline(always)]
pub(crate) fn sum_row<I: Isa, const T: usize>(
    isa: I,
    len: usize,
    terms: &mut impl RowTerms<I, T>,
) -> [f64; T] {
    let mut totals = [0.0; T];
    let mut at = 0;
    while at < len {
        let end = len.min(at + BLOCK);
        let mut many = [[isa.splat(0.0); VECTORS]; T];
        while at + VECTORS * I::LANES <= end {
            terms.add(isa, Whole, at, &mut many);
            at += VECTORS * I::LANES;
        }
        let mut one = [[isa.splat(0.0); 1]; T];
        for (one, many) in one.iter_mut().zip(&many) {
            one[0] = isa.add(isa.add(many[0], many[1]), isa.add(many[2], many[3]));
        }
        while at + I::LANES <= end {
            terms.add(isa, Whole, at, &mut one);
            at += I::LANES;
        }
        if at < end {
            terms.add(isa, Part(end - at), at, &mut one);
            at = end;
        }
        for (total, one) in totals.iter_mut().zip(&one) {
            *total += f64::from(isa.sum(one[0]));
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Kernel;
    use crate::testing::on_each_level;

    /// The number, and its difference from three squared.
    struct Two<'a>(&'a [f32]);

    impl<I: Isa> RowTerms<I, 2> for Two<'_> {
        #[inline(always)]
        fn add<W: Width<I>, const N: usize>(
            &mut self,
            isa: I,
            width: W,
            at: usize,
            sums: &mut [[I::F32; N]; 2],
        ) {
            let x = width.load::<N>(isa, &self.0[at..]);
            let three = width.splat(isa, 3.0);
            for v in 0..N {
                let difference = isa.sub(x[v], three);
                sums[0][v] = isa.add(sums[0][v], x[v]);
                sums[1][v] = isa.fma(difference, difference, sums[1][v]);
            }
        }
    }

    impl Kernel for Two<'_> {
        type Output = [f64; 2];

        #[inline(always)]
        fn run<I: Isa>(mut self, isa: I) -> [f64; 2] {
            sum_row(isa, self.0.len(), &mut self)
        }
    }

    #[test]
    fn every_length_is_summed_once_and_nothing_behind_it() {
        for len in (0..200).chain([BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 70]) {
            // Small whole numbers, whose sums are exact.
            let x: Vec<f32> = (0..len).map(|index| (index % 7) as f32).collect();
            let sum = x.iter().copied().map(f64::from).sum::<f64>();
            let squares = x.iter().map(|&x| (f64::from(x) - 3.0).powi(2)).sum::<f64>();
            on_each_level(|level| assert_eq!(level.run(Two(&x)), [sum, squares], "{len} on {level}"));
        }
    }
}
