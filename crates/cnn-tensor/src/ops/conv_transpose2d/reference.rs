//! Transposed convolution as its definition reads: every pixel is spread over a window of the output.

use super::ConvTranspose2dOptions;
use crate::{Float, Result, Tensor};

/// Calls `visit(input, weight, output)` with the three flat positions of every product.
fn products(
    x: &[usize],
    weight: &[usize],
    output: &[usize],
    options: &ConvTranspose2dOptions,
    mut visit: impl FnMut(usize, usize, usize),
) {
    let ([batch, in_h, in_w, in_c], [k_h, k_w, group_out_c, _]) = (four(x), four(weight));
    let [_, out_h, out_w, out_c] = four(output);
    let ConvTranspose2dOptions { stride, padding, dilation, groups, .. } = *options;
    for n in 0..batch {
        for [y, x] in pairs([in_h, in_w]) {
            for [i, j] in pairs([k_h, k_w]) {
                let row = (y * stride[0] + i * dilation[0]).checked_sub(padding.top).filter(|&at| at < out_h);
                let column =
                    (x * stride[1] + j * dilation[1]).checked_sub(padding.left).filter(|&at| at < out_w);
                let (Some(row), Some(column)) = (row, column) else { continue };
                for [c, k] in pairs([in_c, group_out_c]) {
                    let group = c / (in_c / groups);
                    visit(
                        ((n * in_h + y) * in_w + x) * in_c + c,
                        ((i * k_w + j) * group_out_c + k) * in_c + c,
                        ((n * out_h + row) * out_w + column) * out_c + group * group_out_c + k,
                    );
                }
            }
        }
    }
}

fn four(shape: &[usize]) -> [usize; 4] {
    std::array::from_fn(|axis| shape[axis])
}

fn pairs([rows, columns]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| [row, column]))
}

/// Which of the three tensors is summed.
pub(super) enum Wanted {
    Input,
    Weight,
    Output,
}

/// Fills one of `[input, weight, output]` with the sums of products of the other two.
pub(super) fn sum<F: Float>(
    wanted: &Wanted,
    tensors: &mut [Tensor; 3],
    options: &ConvTranspose2dOptions,
) -> Result<()> {
    let shapes = tensors.each_ref().map(Tensor::shape_value);
    let [mut x, mut weight, mut output] = [&tensors[0], &tensors[1], &tensors[2]]
        .map(Tensor::to_vec::<F>)
        .map(|values| values.unwrap_or_default());
    let index = match wanted {
        Wanted::Input => {
            x.fill(F::ZERO);
            products(&shapes[0], &shapes[1], &shapes[2], options, |i, w, o| x[i] += output[o] * weight[w]);
            0
        }
        Wanted::Weight => {
            weight.fill(F::ZERO);
            products(&shapes[0], &shapes[1], &shapes[2], options, |i, w, o| weight[w] += output[o] * x[i]);
            1
        }
        Wanted::Output => {
            output.fill(F::ZERO);
            products(&shapes[0], &shapes[1], &shapes[2], options, |i, w, o| output[o] += x[i] * weight[w]);
            2
        }
    };
    tensors[index] = Tensor::from_slice(&shapes[index], &[x, weight, output][index])?;
    Ok(())
}
