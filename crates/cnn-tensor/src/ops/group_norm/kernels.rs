//! The one loop that batch normalisation has not: the gradient of a piece of an image.

use crate::ops::channels::{Cut, Step, Width};
use crate::ops::in_place::Source;
use crate::simd::{Isa, Kernel};

/// `result = grad * scale + (shift - (x - centre) * slope)`.
pub(super) struct Input<'a> {
    pub(super) cut: Cut,
    pub(super) x: &'a [f32],
    /// The gradient of the output; in place means in the buffer of the result.
    pub(super) grad: Source<'a, f32>,
    pub(super) result: &'a mut [f32],
    /// Centre, scale, slope and shift, repeated over a group of columns.
    pub(super) parameters: [&'a [f32]; 4],
}

impl Kernel for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let (cut, len) = (self.cut, self.result.len());
        cut.each_vector(isa, len, &mut self);
    }
}

impl<I: Isa> Step<I> for Input<'_> {
    type Columns<const N: usize> = [[I::F32; N]; 4];

    #[inline(always)]
    fn columns<W: Width<I>, const N: usize>(&self, isa: I, width: W, column: usize) -> [[I::F32; N]; 4] {
        let [centre, scale, slope, shift] = self.parameters;
        let centre = width.load(isa, &centre[column..]);
        let scale = width.load(isa, &scale[column..]);
        [centre, scale, width.load(isa, &slope[column..]), width.load(isa, &shift[column..])]
    }

    #[inline(always)]
    fn step<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, columns: &Self::Columns<N>) {
        let [centre, scale, slope, shift] = columns;
        let target = &mut self.result[at..];
        let mut grad = match self.grad {
            Source::InPlace => width.load::<N>(isa, target),
            Source::Other(grad) => width.load(isa, &grad[at..]),
        };
        let x = width.load::<N>(isa, &self.x[at..]);
        for v in 0..N {
            let taken = isa.fma(isa.sub(centre[v], x[v]), slope[v], shift[v]);
            grad[v] = isa.fma(grad[v], scale[v], taken);
        }
        width.store(isa, grad, target);
    }
}
