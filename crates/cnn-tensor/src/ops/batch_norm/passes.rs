//! The passes over memory for `f32`: two forward, two backward, each in the pieces of [`Cut`].
//!
//! Statistics: each block of the input gives its own mean and, while it is still in the cache, its sum of
//! squared differences from that mean; blocks and then pieces are joined in double precision. No uncentred
//! squares are summed, so a mean that is large beside the deviation costs no accuracy.

use super::kernels::{EvalInput, Gradient, Normalise, Statistics, Sums, TrainInput};
use super::moments::Moments;
use crate::Result;
use crate::ops::activation::Activation;
use crate::ops::channels::Cut;
use crate::ops::in_place::Source;
use crate::parallel::for_each;
use crate::simd;

/// The moments of each channel.
pub(super) fn statistics(x: &[f32], channels: usize) -> Result<Moments> {
    let level = simd::active()?;
    let cut = Cut::new(x.len() / channels.max(1), channels);
    let mut pieces = vec![Moments::new(channels); cut.pieces];
    for_each(pieces.iter_mut().zip(x.chunks(cut.piece)), size_of_val(x), |(moments, x)| {
        level.run(Statistics { cut, x, moments });
    })?;
    Ok(pieces.iter().fold(Moments::new(channels), Moments::join))
}

/// `output = act((x - centre) * scale + shift [+ residual])`, with one centre, scale and shift for each channel.
pub(super) fn normalise(
    x: Source<'_, f32>,
    output: &mut [f32],
    [centre, scale, shift]: [&[f32]; 3],
    residual: Option<&[f32]>,
    act: Activation,
) -> Result<()> {
    let level = simd::active()?;
    let cut = Cut::new(output.len() / centre.len().max(1), centre.len());
    let parameters = [centre, scale, shift].map(|values| cut.repeat(values));
    let bytes = size_of_val(output) * if residual.is_some() { 3 } else { 2 };
    for_each(output.chunks_mut(cut.piece).enumerate(), bytes, |(piece, output)| {
        let range = piece * cut.piece..piece * cut.piece + output.len();
        let (x, residual) = (x.part(range.clone()), residual.map(|residual| &residual[range]));
        level.run(Normalise { cut, x, output, parameters: &parameters, residual, act });
    })
}

/// For each channel the sums of `g * (x - centre)` and of `g`, where `g` is the gradient before the
/// activation; `g` is also written to `kept` where it is wanted.
pub(super) fn sums(
    x: &[f32],
    gradient: Gradient<'_>,
    centre: &[f32],
    kept: Option<&mut [f32]>,
) -> Result<[Vec<f64>; 2]> {
    let level = simd::active()?;
    let channels = centre.len();
    let cut = Cut::new(x.len() / channels.max(1), channels);
    let centre = cut.repeat(centre);
    let mut kept = kept.map(|kept| kept.chunks_mut(cut.piece));
    let mut pieces: Vec<_> = x
        .chunks(cut.piece)
        .enumerate()
        .map(|(piece, x)| {
            let gradient = gradient.part(piece * cut.piece..piece * cut.piece + x.len());
            (x, gradient, kept.as_mut().and_then(Iterator::next), [(); 2].map(|()| vec![0.0; channels]))
        })
        .collect();
    for_each(pieces.iter_mut(), 3 * size_of_val(x), |(x, gradient, kept, sums)| {
        level.run(Sums { cut, x, gradient: *gradient, centre: &centre, kept: kept.as_deref_mut(), sums });
    })?;
    let mut totals = [(); 2].map(|()| vec![0.0; channels]);
    for (_, _, _, sums) in &pieces {
        for (total, sum) in totals.iter_mut().flatten().zip(sums.iter().flatten()) {
            *total += sum;
        }
    }
    Ok(totals)
}

/// `result = (g - mean_grad - (x - centre) * slope) * scale`, with one of each for each channel.
pub(super) fn train_input(
    x: &[f32],
    gradient: Gradient<'_>,
    result: &mut [f32],
    parameters: [&[f32]; 4],
) -> Result<()> {
    let level = simd::active()?;
    let channels = parameters[0].len();
    let cut = Cut::new(x.len() / channels.max(1), channels);
    let parameters = parameters.map(|values| cut.repeat(values));
    for_each(
        result.chunks_mut(cut.piece).zip(x.chunks(cut.piece)).enumerate(),
        4 * size_of_val(x),
        |(piece, (result, x))| {
            let gradient = gradient.part(piece * cut.piece..piece * cut.piece + x.len());
            level.run(TrainInput { cut, x, gradient, result, parameters: &parameters });
        },
    )
}

/// `result = g * scale`, with one scale for each channel.
pub(super) fn eval_input(gradient: Gradient<'_>, result: &mut [f32], scale: &[f32]) -> Result<()> {
    let level = simd::active()?;
    let cut = Cut::new(result.len() / scale.len().max(1), scale.len());
    let scale = cut.repeat(scale);
    let bytes = 3 * size_of_val(result);
    for_each(result.chunks_mut(cut.piece).enumerate(), bytes, |(piece, result)| {
        let gradient = gradient.part(piece * cut.piece..piece * cut.piece + result.len());
        level.run(EvalInput { cut, gradient, result, scale: &scale });
    })
}
