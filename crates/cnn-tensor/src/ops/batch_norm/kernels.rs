//! The loops inside one piece: each number is read once, taken through the whole formula in registers, and
//! written once.

use std::ops::Range;

use super::moments::Moments;
use crate::ops::activation::Activation;
use crate::ops::channels::{self, Cut, Step, Terms, Width};
use crate::ops::in_place::Source;
use crate::simd::{Isa, Kernel};

/// Groups at the start of a piece whose mean is what the first block is measured from.
const SAMPLE: usize = 16;

/// Adds the moments of a piece of the input.
///
/// A block is measured from the mean of what came before it in the piece, the first from that of its first
/// groups. Where such a centre is far from the block's own mean, the two parts are far apart, so the variance
/// of both together is large, and what rounding takes from a sum of squares is small beside it.
pub(in crate::ops) struct Statistics<'a> {
    pub(in crate::ops) cut: Cut,
    pub(in crate::ops) x: &'a [f32],
    pub(in crate::ops) moments: &'a mut Moments,
}

impl Kernel for Statistics<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { cut, x, moments } = self;
        let [mut mean, mut squares] = [(); 2].map(|()| vec![0.0f64; cut.channels]);
        let mut sums = channels::Sums::new(cut, vec![0.0; cut.group]);
        let mut terms = Spread { x };

        let sample = x.len().min(SAMPLE * cut.group);
        sums.add(isa, 0..sample, &mut terms, [&mut mean, &mut squares]);
        let rows = (sample / cut.channels) as f64;
        mean.iter_mut().for_each(|sum| *sum /= rows);
        sums.centre_on(&mean);

        for start in (0..x.len()).step_by(cut.block) {
            let range = start..x.len().min(start + cut.block);
            let count = (range.len() / cut.channels) as f64;
            if moments.count() > 0.0 {
                sums.centre_on(moments.mean());
            }
            mean.fill(0.0);
            squares.fill(0.0);
            sums.add(isa, range, &mut terms, [&mut mean, &mut squares]);
            for ((mean, squares), &centre) in mean.iter_mut().zip(&mut squares).zip(&sums.centre) {
                let difference = *mean / count;
                let centred = *squares - difference * *mean;
                // Rounding may take it below zero; NaN stays.
                *squares = if centred < 0.0 { 0.0 } else { centred };
                *mean = f64::from(centre) + difference;
            }
            moments.add(count, &mean, &squares);
        }
    }
}

/// The difference from the centre, and its square.
struct Spread<'a> {
    x: &'a [f32],
}

impl<I: Isa> Terms<I> for Spread<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        centres: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let x = width.load::<N>(isa, &self.x[at..]);
        for v in 0..N {
            let difference = isa.sub(x[v], centres[v]);
            sums[0][v] = isa.add(sums[0][v], difference);
            sums[1][v] = isa.fma(difference, difference, sums[1][v]);
        }
    }
}

/// The moments of all pieces.
pub(super) struct Join<'a> {
    pub(super) pieces: &'a [Moments],
    pub(super) channels: usize,
}

impl Kernel for Join<'_> {
    type Output = Moments;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> Moments {
        let mut all = Moments::new(self.channels);
        self.pieces.iter().for_each(|piece| all.join(piece));
        all
    }
}

/// Normalises a piece.
pub(in crate::ops) struct Normalise<'a> {
    pub(in crate::ops) cut: Cut,
    pub(in crate::ops) x: Source<'a, f32>,
    pub(in crate::ops) output: &'a mut [f32],
    /// Centre, scale and shift, repeated over a group.
    pub(in crate::ops) parameters: [&'a [f32]; 3],
    pub(in crate::ops) residual: Option<&'a [f32]>,
    pub(in crate::ops) act: Activation,
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let (cut, len) = (self.cut, self.output.len());
        cut.each_vector(isa, 0..len, &mut self);
    }
}

impl<I: Isa> Step<I> for Normalise<'_> {
    type Columns<const N: usize> = [[I::F32; N]; 3];

    #[inline(always)]
    fn columns<W: Width<I>, const N: usize>(&self, isa: I, width: W, column: usize) -> [[I::F32; N]; 3] {
        let [centre, scale, shift] = self.parameters;
        let centre = width.load(isa, &centre[column..]);
        [centre, width.load(isa, &scale[column..]), width.load(isa, &shift[column..])]
    }

    #[inline(always)]
    fn step<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, columns: &Self::Columns<N>) {
        let target = &mut self.output[at..];
        let x = match self.x {
            Source::InPlace => width.load::<N>(isa, target),
            Source::Other(x) => width.load(isa, &x[at..]),
        };
        let [centre, scale, mut y] = *columns;
        for v in 0..N {
            y[v] = isa.fma(isa.sub(x[v], centre[v]), scale[v], y[v]);
        }
        if let Some(residual) = self.residual {
            let residual = width.load::<N>(isa, &residual[at..]);
            for v in 0..N {
                y[v] = isa.add(y[v], residual[v]);
            }
        }
        for y in &mut y {
            *y = self.act.vector(isa, *y);
        }
        width.store(isa, y, target);
    }
}

/// The gradient of the output, and what takes it back through the activation.
#[derive(Clone, Copy)]
pub(super) struct Gradient<'a> {
    /// The gradient of the output; in place means in the buffer of the result.
    pub(super) grad: Source<'a, f32>,
    /// The output; read only where the activation is not the identity.
    pub(super) output: &'a [f32],
    pub(super) act: Activation,
}

impl Gradient<'_> {
    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self { grad: self.grad.part(range.clone()), output: &self.output[range], act: self.act }
    }

    /// The gradients before the activation from `at` on; `result` is what `grad` may be in the place of.
    #[inline(always)]
    fn vectors<I: Isa, W: Width<I>, const N: usize>(
        &self,
        isa: I,
        width: W,
        at: usize,
        result: &[f32],
    ) -> [I::F32; N] {
        let grad = match self.grad {
            Source::InPlace => width.load(isa, &result[at..]),
            Source::Other(grad) => width.load(isa, &grad[at..]),
        };
        match self.act {
            Activation::Identity => grad,
            act => before(isa, act, width.load(isa, &self.output[at..]), grad),
        }
    }
}

/// Sums a piece of the gradient before the activation, as it is and times the centred input.
pub(in crate::ops) struct Sums<'a> {
    pub(in crate::ops) cut: Cut,
    pub(in crate::ops) x: &'a [f32],
    pub(in crate::ops) grad: Taken<'a>,
    /// The output; read only where the activation is not the identity.
    pub(in crate::ops) output: &'a [f32],
    pub(in crate::ops) act: Activation,
    /// The centre of each channel, repeated over a group.
    pub(in crate::ops) centre: &'a [f32],
    /// Sums of gradients, sums of products; zeros before.
    pub(in crate::ops) sums: &'a mut [Vec<f64>; 2],
}

/// The gradient of the output, as the first pass takes it.
pub(in crate::ops) enum Taken<'a> {
    /// It is read.
    Read(&'a [f32]),
    /// It is replaced by the gradient before the activation.
    Replaced(&'a mut [f32]),
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { cut, x, grad, output, act, centre, sums } = self;
        let total = Total { cut, len: x.len(), centre, sums };
        // A loop for each form: a choice inside would be made for each vector, and not be moved out of so large a loop.
        match (grad, act) {
            (Taken::Read(grad), Activation::Identity) => total.of(isa, &mut Plain { x, grad }),
            (Taken::Read(grad), Activation::Relu) => {
                total.of(isa, &mut Through { x, grad, output, act: Activation::Relu });
            }
            (Taken::Replaced(grad), Activation::Identity) => total.of(isa, &mut Plain { x, grad }),
            (Taken::Replaced(grad), Activation::Relu) => {
                total.of(isa, &mut Replaced { x, grad, output, act: Activation::Relu });
            }
        }
    }
}

/// The sums of a piece of `len` numbers.
struct Total<'a> {
    cut: Cut,
    len: usize,
    centre: &'a [f32],
    sums: &'a mut [Vec<f64>; 2],
}

impl Total<'_> {
    #[inline(always)]
    fn of<I: Isa>(self, isa: I, terms: &mut impl Terms<I>) {
        let Self { cut, len, centre, sums: [grads, products] } = self;
        let mut sums = channels::Sums::new(cut, centre.to_vec());
        for start in (0..len).step_by(cut.block) {
            sums.add(isa, start..len.min(start + cut.block), terms, [grads, products]);
        }
    }
}

/// Gradients before the activation, from those after it.
#[inline(always)]
fn before<I: Isa, const N: usize>(
    isa: I,
    act: Activation,
    output: [I::F32; N],
    mut grad: [I::F32; N],
) -> [I::F32; N] {
    for v in 0..N {
        grad[v] = act.vector_gradient(isa, output[v], grad[v]);
    }
    grad
}

/// Adds gradients, and their products with the centred input.
#[inline(always)]
fn products<I: Isa, const N: usize>(
    isa: I,
    grad: [I::F32; N],
    x: [I::F32; N],
    centres: &[I::F32; N],
    sums: &mut [[I::F32; N]; 2],
) {
    for v in 0..N {
        sums[0][v] = isa.add(sums[0][v], grad[v]);
        sums[1][v] = isa.fma(grad[v], isa.sub(x[v], centres[v]), sums[1][v]);
    }
}

/// The gradient as it is.
struct Plain<'a> {
    x: &'a [f32],
    grad: &'a [f32],
}

impl<I: Isa> Terms<I> for Plain<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        centres: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let grad = width.load(isa, &self.grad[at..]);
        products(isa, grad, width.load(isa, &self.x[at..]), centres, sums);
    }
}

/// The gradient taken back through the activation.
struct Through<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    output: &'a [f32],
    act: Activation,
}

impl<I: Isa> Terms<I> for Through<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        centres: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let grad = width.load(isa, &self.grad[at..]);
        let grad = before(isa, self.act, width.load(isa, &self.output[at..]), grad);
        products(isa, grad, width.load(isa, &self.x[at..]), centres, sums);
    }
}

/// As [`Through`]; what was taken back replaces the gradient.
struct Replaced<'a> {
    x: &'a [f32],
    grad: &'a mut [f32],
    output: &'a [f32],
    act: Activation,
}

impl<I: Isa> Terms<I> for Replaced<'_> {
    #[inline(always)]
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        centres: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    ) {
        let target = &mut self.grad[at..];
        let grad = width.load(isa, target);
        let grad = before(isa, self.act, width.load(isa, &self.output[at..]), grad);
        width.store(isa, grad, target);
        products(isa, grad, width.load(isa, &self.x[at..]), centres, sums);
    }
}

/// The gradient of a piece of the input, through the statistics as well.
pub(super) struct TrainInput<'a> {
    pub(super) cut: Cut,
    pub(super) x: &'a [f32],
    pub(super) gradient: Gradient<'a>,
    pub(super) result: &'a mut [f32],
    /// Centre, scale, slope and mean gradient, repeated over a group.
    pub(super) parameters: [&'a [f32]; 4],
}

impl Kernel for TrainInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let (cut, len) = (self.cut, self.result.len());
        cut.each_vector(isa, 0..len, &mut self);
    }
}

impl<I: Isa> Step<I> for TrainInput<'_> {
    type Columns<const N: usize> = [[I::F32; N]; 4];

    #[inline(always)]
    fn columns<W: Width<I>, const N: usize>(&self, isa: I, width: W, column: usize) -> [[I::F32; N]; 4] {
        let [centre, scale, slope, mean_grad] = self.parameters;
        let centre = width.load(isa, &centre[column..]);
        let scale = width.load(isa, &scale[column..]);
        [centre, scale, width.load(isa, &slope[column..]), width.load(isa, &mean_grad[column..])]
    }

    #[inline(always)]
    fn step<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, columns: &Self::Columns<N>) {
        let [centre, scale, slope, mean_grad] = columns;
        let mut grad = self.gradient.vectors::<I, W, N>(isa, width, at, self.result);
        let x = width.load::<N>(isa, &self.x[at..]);
        for v in 0..N {
            let through = isa.fma(isa.sub(centre[v], x[v]), slope[v], isa.sub(grad[v], mean_grad[v]));
            grad[v] = isa.mul(through, scale[v]);
        }
        width.store(isa, grad, &mut self.result[at..]);
    }
}

/// The gradient of a piece of the input where the statistics are constants.
pub(super) struct EvalInput<'a> {
    pub(super) cut: Cut,
    pub(super) gradient: Gradient<'a>,
    pub(super) result: &'a mut [f32],
    /// The scale of each channel, repeated over a group.
    pub(super) scale: &'a [f32],
    /// Where the gradient before the activation is written.
    pub(super) kept: Option<&'a mut [f32]>,
}

impl Kernel for EvalInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let (cut, len) = (self.cut, self.result.len());
        cut.each_vector(isa, 0..len, &mut self);
    }
}

impl<I: Isa> Step<I> for EvalInput<'_> {
    type Columns<const N: usize> = [I::F32; N];

    #[inline(always)]
    fn columns<W: Width<I>, const N: usize>(&self, isa: I, width: W, column: usize) -> [I::F32; N] {
        width.load(isa, &self.scale[column..])
    }

    #[inline(always)]
    fn step<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, scale: &Self::Columns<N>) {
        let mut grad = self.gradient.vectors::<I, W, N>(isa, width, at, self.result);
        if let Some(kept) = &mut self.kept {
            width.store(isa, grad, &mut kept[at..]);
        }
        for v in 0..N {
            grad[v] = isa.mul(grad[v], scale[v]);
        }
        width.store(isa, grad, &mut self.result[at..]);
    }
}
