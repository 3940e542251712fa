//! The loops inside one part of the images: those of batch normalisation for each image, and the gradient, which batch
//! normalisation has not.

use crate::ops::activation::Activation;
use crate::ops::batch_norm::kernels::{Normalise, Statistics, Sums, Taken};
use crate::ops::batch_norm::moments::Moments;
use crate::ops::channels::{Step, Width};
use crate::ops::images::Images;
use crate::ops::in_place::Source;
use crate::simd::{Isa, Kernel};

/// Adds the moments of each piece of a part.
pub(super) struct Means<'a> {
    pub(super) images: Images,
    /// Number of the part's first element.
    pub(super) first: usize,
    pub(super) x: &'a [f32],
    pub(super) moments: &'a mut [Moments],
}

impl Kernel for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { images, first, x, moments } = self;
        let mut walk = images.walk(first, x.len(), []);
        let mut moments = moments.iter_mut();
        while let (Some(range), Some(moments)) = (walk.next(), moments.next()) {
            Statistics { cut: images.cut, x: &x[range], moments }.run(isa);
        }
    }
}

/// Normalises a part.
pub(super) struct Outputs<'a> {
    pub(super) images: Images,
    /// Number of the part's first element.
    pub(super) first: usize,
    pub(super) x: &'a [f32],
    pub(super) output: &'a mut [f32],
    /// Centre, scale and shift of all images.
    pub(super) parameters: [&'a [f32]; 3],
}

impl Kernel for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { images, first, x, output, parameters } = self;
        let (x, act) = (Source::Other(x), Activation::Identity);
        let mut walk = images.walk(first, output.len(), parameters);
        while let Some(range) = walk.next() {
            let (cut, parameters, output) = (images.cut, walk.parameters(), &mut *output);
            let mut step = Normalise { cut, x, output, parameters, residual: None, act };
            cut.each_vector(isa, range, &mut step);
        }
    }
}

/// Sums the gradient of each piece of a part, as it is and times the centred input.
pub(super) struct Totals<'a> {
    pub(super) images: Images,
    /// Number of the part's first element.
    pub(super) first: usize,
    pub(super) x: &'a [f32],
    pub(super) grad: &'a [f32],
    /// The means of the groups of all images.
    pub(super) means: &'a [f64],
    /// Groups of an image.
    pub(super) groups: usize,
    /// For each piece the sums of its channels, then of the products.
    pub(super) sums: &'a mut [f64],
}

impl Kernel for Totals<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { images, first, x, grad, means, groups, sums } = self;
        let (cut, act, channels) = (images.cut, Activation::Identity, images.cut.channels);
        let mut both = [(); 2].map(|()| vec![0.0; channels]);
        let mut centre = vec![0.0; channels];
        let mut walk = images.walk(first, x.len(), []);
        let mut pieces = sums.chunks_exact_mut(2 * channels);
        while let (Some(range), Some(piece)) = (walk.next(), pieces.next()) {
            let means = &means[walk.image() * groups..][..groups];
            for (centre, &mean) in centre.chunks_exact_mut(channels / groups).zip(means) {
                centre.fill(mean as f32);
            }
            both.iter_mut().for_each(|sums| sums.fill(0.0));
            let (x, grad) = (&x[range.clone()], Taken::Read(&grad[range]));
            let centre = &cut.repeat(&centre);
            Sums { cut, x, grad, output: &[], act, centre, sums: &mut both }.run(isa);
            let (grads, products) = piece.split_at_mut(channels);
            grads.copy_from_slice(&both[0]);
            products.copy_from_slice(&both[1]);
        }
    }
}

/// The gradient of a part of the input.
pub(super) struct Inputs<'a> {
    pub(super) images: Images,
    /// Number of the part's first element.
    pub(super) first: usize,
    pub(super) x: &'a [f32],
    /// The gradient of the output; in place means in the buffer of the result.
    pub(super) grad: Source<'a, f32>,
    pub(super) result: &'a mut [f32],
    /// Centre, scale, slope and shift of all images.
    pub(super) parameters: [&'a [f32]; 4],
}

impl Kernel for Inputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { images, first, x, grad, result, parameters } = self;
        let mut walk = images.walk(first, x.len(), parameters);
        while let Some(range) = walk.next() {
            let mut step = Input { x, grad, result: &mut *result, parameters: walk.parameters() };
            images.cut.each_vector(isa, range, &mut step);
        }
    }
}

/// `result = grad * scale + (shift - (x - centre) * slope)`.
struct Input<'a> {
    x: &'a [f32],
    grad: Source<'a, f32>,
    result: &'a mut [f32],
    /// Repeated over a group of columns.
    parameters: [&'a [f32]; 4],
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
