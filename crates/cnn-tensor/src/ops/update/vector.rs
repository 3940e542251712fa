//! The loop for `f32`: one pass, cut into pieces for the threads, compiled for each instruction set.

use crate::Result;
use crate::ops::in_place::PIECE;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

pub(super) fn update<const N: usize>(
    parameter: &mut [f32],
    gradient: &[f32],
    state: [&mut [f32]; N],
    element: impl Fn(f32, f32, [f32; N]) -> (f32, [f32; N]) + Copy + Send + Sync,
) -> Result<()> {
    let level = simd::active()?;
    let bytes = (3 + 2 * N) * size_of_val(parameter);
    let mut states = state.map(|state| state.chunks_mut(PIECE));
    let pieces = parameter.chunks_mut(PIECE).zip(gradient.chunks(PIECE)).map(|(parameter, gradient)| {
        let state = states.each_mut().map(|pieces| pieces.next().unwrap_or_default());
        Piece { parameter, gradient, state, element }
    });
    for_each(pieces, bytes, |piece| level.run(piece))
}

struct Piece<'a, E, const N: usize> {
    parameter: &'a mut [f32],
    gradient: &'a [f32],
    state: [&'a mut [f32]; N],
    element: E,
}

impl<E, const N: usize> Kernel for Piece<'_, E, N>
where
    E: Fn(f32, f32, [f32; N]) -> (f32, [f32; N]) + Copy,
{
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        const { assert!(N <= 4, "a rule keeps at most four numbers for an element") };
        let Self { parameter, gradient, state, element } = self;
        let mut state = state.into_iter();
        let [a, b, c, d] = std::array::from_fn(|_| state.next().unwrap_or_default());
        each(parameter, gradient, a, b, c, d, element);
    }
}

/// The state is four arguments and no array: that slices do not overlap, and the loop is to be vector code, the compiler
/// knows of arguments.
#[inline(always)]
fn each<const N: usize>(
    parameter: &mut [f32],
    gradient: &[f32],
    a: &mut [f32],
    b: &mut [f32],
    c: &mut [f32],
    d: &mut [f32],
    element: impl Fn(f32, f32, [f32; N]) -> (f32, [f32; N]),
) {
    let len = parameter.len();
    let of = |k: usize| if k < N { len } else { 0 };
    let (gradient, a, b, c, d) =
        (&gradient[..len], &mut a[..of(0)], &mut b[..of(1)], &mut c[..of(2)], &mut d[..of(3)]);
    for i in 0..len {
        let old = std::array::from_fn(|k| match k {
            0 => a[i],
            1 => b[i],
            2 => c[i],
            _ => d[i],
        });
        let (value, new) = element(parameter[i], gradient[i], old);
        parameter[i] = value;
        for (k, new) in new.into_iter().enumerate() {
            match k {
                0 => a[i] = new,
                1 => b[i] = new,
                2 => c[i] = new,
                _ => d[i] = new,
            }
        }
    }
}
