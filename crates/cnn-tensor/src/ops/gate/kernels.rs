//! The loops inside one part of the images.

use crate::ops::channels::{self, Step, Terms, Width};
use crate::ops::images::Images;
use crate::ops::in_place::Source;
use crate::simd::{Isa, Kernel};

/// Multiplies a part by the factors of its channels.
pub(super) struct Scale<'a> {
    pub(super) images: Images,
    /// Number of the part's first element.
    pub(super) first: usize,
    pub(super) x: Source<'a, f32>,
    pub(super) output: &'a mut [f32],
    /// Those of all images.
    pub(super) factors: &'a [f32],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { images, first, x, output, factors } = self;
        let mut walk = images.walk(first, output.len(), [factors]);
        while let Some(range) = walk.next() {
            let [factors] = walk.parameters();
            images.cut.each_vector(isa, range, &mut Scaled { x, output, factors });
        }
    }
}

/// Numbers times the factors of an image.
struct Scaled<'a> {
    x: Source<'a, f32>,
    output: &'a mut [f32],
    /// Repeated over a group of columns.
    factors: &'a [f32],
}

impl<I: Isa> Step<I> for Scaled<'_> {
    type Columns<const N: usize> = [I::F32; N];

    #[inline(always)]
    fn columns<W: Width<I>, const N: usize>(&self, isa: I, width: W, column: usize) -> [I::F32; N] {
        width.load(isa, &self.factors[column..])
    }

    #[inline(always)]
    fn step<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, factors: &[I::F32; N]) {
        let target = &mut self.output[at..];
        let mut x = match self.x {
            Source::InPlace => width.load::<N>(isa, target),
            Source::Other(x) => width.load(isa, &x[at..]),
        };
        for v in 0..N {
            x[v] = isa.mul(x[v], factors[v]);
        }
        width.store(isa, x, target);
    }
}

/// Adds the products of a part of the input and of the gradient to the sums of their channels, and multiplies the
/// gradient by the factors where there is a result.
pub(super) struct Products<'a> {
    pub(super) images: Images,
    /// Number of the part's first element.
    pub(super) first: usize,
    pub(super) x: &'a [f32],
    pub(super) grad: Gradient<'a>,
    /// Those of each piece of the part; zeros before.
    pub(super) sums: &'a mut [f64],
}

/// The gradient of the output, and where that of the input goes: its products with the factors of all images.
pub(super) enum Gradient<'a> {
    /// Nowhere.
    Read(&'a [f32]),
    /// To another slice.
    Written { grad: &'a [f32], factors: &'a [f32], result: &'a mut [f32] },
    /// To its own place.
    Replaced { grad: &'a mut [f32], factors: &'a [f32] },
}

impl Gradient<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Read(grad) | Self::Written { grad, .. } => grad.len(),
            Self::Replaced { grad, .. } => grad.len(),
        }
    }
}

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { images, first, x, grad, sums } = self;
        // A loop for each form: a choice inside would be made for each vector.
        match grad {
            Gradient::Read(grad) => add(isa, images, [first, x.len()], [], sums, &mut Read { x, grad }),
            Gradient::Written { grad, factors, result } => {
                add(isa, images, [first, x.len()], [factors], sums, &mut Written { x, grad, result });
            }
            Gradient::Replaced { grad, factors } => {
                add(isa, images, [first, x.len()], [factors], sums, &mut Replaced { x, grad });
            }
        }
    }
}

/// Adds the terms of the part that begins with number `first` and has `len`.
#[inline(always)]
fn add<I: Isa, const N: usize>(
    isa: I,
    images: Images,
    [first, len]: [usize; 2],
    factors: [&[f32]; N],
    totals: &mut [f64],
    terms: &mut impl Terms<I>,
) {
    let cut = images.cut;
    let mut sums = channels::Sums::new(cut, vec![0.0; cut.group]);
    let mut walk = images.walk(first, len, factors);
    let mut totals = totals.chunks_exact_mut(cut.channels);
    while let (Some(range), Some(totals)) = (walk.next(), totals.next()) {
        for factors in walk.parameters() {
            sums.centre[..factors.len()].copy_from_slice(factors);
        }
        for start in range.clone().step_by(cut.block) {
            sums.add(isa, start..range.end.min(start + cut.block), terms, [&mut *totals, &mut []]);
        }
    }
}

/// Products alone.
struct Read<'a> {
    x: &'a [f32],
    grad: &'a [f32],
}

/// Products, and the gradient of the input.
struct Written<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    result: &'a mut [f32],
}

/// Products, and the gradient of the input in the place of the output's.
struct Replaced<'a> {
    x: &'a [f32],
    grad: &'a mut [f32],
}

#[inline(always)]
fn products<I: Isa, const N: usize>(isa: I, x: [I::F32; N], grad: [I::F32; N], sums: &mut [[I::F32; N]; 2]) {
    for v in 0..N {
        sums[0][v] = isa.fma(x[v], grad[v], sums[0][v]);
    }
}

#[inline(always)]
fn scaled<I: Isa, const N: usize>(isa: I, mut grad: [I::F32; N], factors: &[I::F32; N]) -> [I::F32; N] {
    for v in 0..N {
        grad[v] = isa.mul(grad[v], factors[v]);
    }
    grad
}

impl<I: Isa> Terms<I> for Read<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        _factors: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let x = width.load::<N>(isa, &self.x[at..]);
        products(isa, x, width.load(isa, &self.grad[at..]), sums);
    }
}

impl<I: Isa> Terms<I> for Written<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        factors: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let x = width.load::<N>(isa, &self.x[at..]);
        let grad = width.load::<N>(isa, &self.grad[at..]);
        products(isa, x, grad, sums);
        width.store(isa, scaled(isa, grad, factors), &mut self.result[at..]);
    }
}

impl<I: Isa> Terms<I> for Replaced<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        factors: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let x = width.load::<N>(isa, &self.x[at..]);
        let target = &mut self.grad[at..];
        let grad = width.load::<N>(isa, target);
        products(isa, x, grad, sums);
        width.store(isa, scaled(isa, grad, factors), target);
    }
}
