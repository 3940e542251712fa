//! The passes over memory for `f32`: two forward, two backward, each in the pieces of [`Cut`].
//!
//! Statistics: blocks of the input give sums of differences from a centre near their mean, and of the squares
//! of these; blocks and then pieces are joined in double precision. No uncentred squares are summed, so a mean
//! that is large beside the deviation costs no accuracy.

use super::kernels::{EvalInput, Gradient, Join, Normalise, Statistics, Sums, Taken, TrainInput};
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
    Ok(level.run(Join { pieces: &pieces, channels }))
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
    let repeated = [centre, scale, shift].map(|values| cut.repeat(values));
    let parameters = repeated.each_ref().map(Vec::as_slice);
    let bytes = size_of_val(output) * if residual.is_some() { 3 } else { 2 };
    for_each(output.chunks_mut(cut.piece).enumerate(), bytes, |(piece, output)| {
        let range = piece * cut.piece..piece * cut.piece + output.len();
        let (x, residual) = (x.part(range.clone()), residual.map(|residual| &residual[range]));
        level.run(Normalise { cut, x, output, parameters, residual, act });
    })
}

/// For each channel the sums of `g` and of `g * (x - centre)`, where `g` is the gradient before the
/// activation, which [`Taken::Replaced`] takes to the place of the gradient of the output.
pub(super) fn sums(
    x: &[f32],
    grad: Taken<'_>,
    output: &[f32],
    act: Activation,
    centre: &[f32],
) -> Result<[Vec<f64>; 2]> {
    let level = simd::active()?;
    let channels = centre.len();
    let cut = Cut::new(x.len() / channels.max(1), channels);
    let centre = cut.repeat(centre);
    let grads: Vec<Taken<'_>> = match grad {
        Taken::Read(grad) => grad.chunks(cut.piece).map(Taken::Read).collect(),
        Taken::Replaced(grad) => grad.chunks_mut(cut.piece).map(Taken::Replaced).collect(),
    };
    let mut pieces = vec![[(); 2].map(|()| vec![0.0; channels]); cut.pieces];
    let parts = x.chunks(cut.piece).zip(output.chunks(cut.piece)).zip(grads);
    for_each(pieces.iter_mut().zip(parts), 3 * size_of_val(x), |(sums, ((x, output), grad))| {
        level.run(Sums { cut, x, grad, output, act, centre: &centre, sums });
    })?;
    let mut totals = [(); 2].map(|()| vec![0.0; channels]);
    for sums in &pieces {
        for (totals, sums) in totals.iter_mut().zip(sums) {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
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
    let repeated = parameters.map(|values| cut.repeat(values));
    let parameters = repeated.each_ref().map(Vec::as_slice);
    for_each(
        result.chunks_mut(cut.piece).zip(x.chunks(cut.piece)).enumerate(),
        4 * size_of_val(x),
        |(piece, (result, x))| {
            let gradient = gradient.part(piece * cut.piece..piece * cut.piece + x.len());
            level.run(TrainInput { cut, x, gradient, result, parameters });
        },
    )
}

/// `result = g * scale`, with one scale for each channel; `g` is also written to `kept` where it is wanted.
pub(super) fn eval_input(
    gradient: Gradient<'_>,
    result: &mut [f32],
    scale: &[f32],
    kept: Option<&mut [f32]>,
) -> Result<()> {
    let level = simd::active()?;
    let cut = Cut::new(result.len() / scale.len().max(1), scale.len());
    let scale = cut.repeat(scale);
    let bytes = 3 * size_of_val(result);
    let part = |piece: usize, len| gradient.part(piece * cut.piece..piece * cut.piece + len);
    let pieces = result.chunks_mut(cut.piece).enumerate();
    match kept {
        None => for_each(pieces, bytes, |(piece, result)| {
            let gradient = part(piece, result.len());
            level.run(EvalInput { cut, gradient, result, scale: &scale, kept: None });
        }),
        Some(kept) => for_each(pieces.zip(kept.chunks_mut(cut.piece)), bytes, |((piece, result), kept)| {
            let gradient = part(piece, result.len());
            level.run(EvalInput { cut, gradient, result, scale: &scale, kept: Some(kept) });
        }),
    }
}
