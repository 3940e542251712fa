//! The plain loops over `[n, y, x, c]`: the oracle, and the path of `f64`.

use super::geometry::{Geometry, Index};
use crate::Float;

pub(super) fn max<F: Float, I: Index>(g: &Geometry, x: &[F], output: &mut [F], indices: &mut [I]) {
    for_each_output(g, |at, [n, out_y, out_x, c]| {
        let mut best = F::NEG_INFINITY;
        let mut best_tap = None;
        for_each_tap(g, out_y, out_x, |tap, y, x_at| {
            let value = x[((n * g.in_h + y) * g.in_w + x_at) * g.channels + c];
            if best_tap.is_none() || value > best || value.is_nan() {
                best = value;
                best_tap = Some(tap);
            }
        });
        output[at] = best;
        indices[at] = I::from_tap(best_tap.unwrap_or(0));
    });
}

pub(super) fn max_backward<F: Float, I: Index>(
    g: &Geometry,
    indices: &[I],
    grad_output: &[F],
    grad_input: &mut [F],
) {
    grad_input.fill(F::ZERO);
    for_each_output(g, |at, [n, out_y, out_x, c]| {
        let window = g.rows.kernel() * g.columns.kernel();
        let Some(tap) = indices[at].to_tap().filter(|&tap| tap < window) else { return };
        let y = g.rows.position(out_y, tap / g.columns.kernel(), g.in_h);
        let x = g.columns.position(out_x, tap % g.columns.kernel(), g.in_w);
        if let (Some(y), Some(x)) = (y, x) {
            grad_input[((n * g.in_h + y) * g.in_w + x) * g.channels + c] += grad_output[at];
        }
    });
}

pub(super) fn average<F: Float>(g: &Geometry, x: &[F], output: &mut [F]) {
    for_each_output(g, |at, [n, out_y, out_x, c]| {
        let mut sum = F::ZERO;
        for_each_tap(g, out_y, out_x, |_, y, x_at| {
            sum += x[((n * g.in_h + y) * g.in_w + x_at) * g.channels + c];
        });
        output[at] = sum / F::from_f64(g.divisor(out_y, out_x));
    });
}

pub(super) fn average_backward<F: Float>(g: &Geometry, grad_output: &[F], grad_input: &mut [F]) {
    grad_input.fill(F::ZERO);
    for_each_output(g, |at, [n, out_y, out_x, c]| {
        let share = grad_output[at] / F::from_f64(g.divisor(out_y, out_x));
        for_each_tap(g, out_y, out_x, |_, y, x| {
            grad_input[((n * g.in_h + y) * g.in_w + x) * g.channels + c] += share;
        });
    });
}

fn for_each_output(g: &Geometry, mut work: impl FnMut(usize, [usize; 4])) {
    if g.batch == 0 || g.channels == 0 {
        // The sizes of an image of no numbers may be any at all.
        return;
    }
    let mut at = 0;
    for n in 0..g.batch {
        for out_y in 0..g.out_h {
            for out_x in 0..g.out_w {
                for c in 0..g.channels {
                    work(at, [n, out_y, out_x, c]);
                    at += 1;
                }
            }
        }
    }
}

/// The taps of a window that read inside the image: number of the tap, row and column of the image.
fn for_each_tap(g: &Geometry, out_y: usize, out_x: usize, mut work: impl FnMut(usize, usize, usize)) {
    for k_y in 0..g.rows.kernel() {
        for k_x in 0..g.columns.kernel() {
            let y = g.rows.position(out_y, k_y, g.in_h);
            if let (Some(y), Some(x)) = (y, g.columns.position(out_x, k_x, g.in_w)) {
                work(k_y * g.columns.kernel() + k_x, y, x);
            }
        }
    }
}
