//! The plain loops over `[n, y, x, c]`: the oracle, and the path of `f64`. The gradient is scattered here.

use super::{Separable, Tap};
use crate::Float;

pub(super) fn forward<F: Float>(map: &Separable, channels: usize, x: &[F], empty: F, output: &mut [F]) {
    let nothing = |[y, x]: [usize; 2]| map.rows.of(y).is_empty() || map.columns.of(x).is_empty();
    let pixels = [map.rows.output(), map.columns.output()];
    for (at, target) in output.iter_mut().enumerate() {
        let pixel = at / channels;
        let position = [pixel / pixels[1] % pixels[0], pixel % pixels[1]];
        // A copy of negative zero stays one: only negative zero adds nothing to it.
        *target = if nothing(position) { empty } else { -F::ZERO };
    }
    for_each_product(map, channels, output.len(), |from, to, weight| {
        output[to] += F::from_f64(weight) * x[from];
    });
}

pub(super) fn backward<F: Float>(map: &Separable, channels: usize, grad_output: &[F], grad_input: &mut [F]) {
    grad_input.fill(F::ZERO);
    for_each_product(map, channels, grad_output.len(), |from, to, weight| {
        grad_input[from] += F::from_f64(weight) * grad_output[to];
    });
}

/// Calls `work` with the place in the input, the place in the output, of `len` numbers, and the weight of every product.
fn for_each_product(map: &Separable, channels: usize, len: usize, mut work: impl FnMut(usize, usize, f64)) {
    let Separable { rows, columns } = map;
    let [in_h, in_w, out_h, out_w] = [rows.input, columns.input, rows.output(), columns.output()];
    let image = out_h * out_w * channels;
    for n in 0..len.checked_div(image).unwrap_or(0) {
        for out_y in 0..out_h {
            for out_x in 0..out_w {
                for &Tap { from: y, weight: of_row } in rows.of(out_y) {
                    for &Tap { from: x, weight: of_column } in columns.of(out_x) {
                        for c in 0..channels {
                            let from = ((n * in_h + y) * in_w + x) * channels + c;
                            let to = ((n * out_h + out_y) * out_w + out_x) * channels + c;
                            work(from, to, of_row * of_column);
                        }
                    }
                }
            }
        }
    }
}
