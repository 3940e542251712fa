//! `cnn-tensor` alone, as an array library: softmax regression with its gradient by hand, on points of three kinds.
//!
//! `cargo run --manifest-path tests/outside/Cargo.toml --example regression`

use cnn_tensor::ops::matmul::Transpose;
use cnn_tensor::ops::reduce::Keep;
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Result, Tensor};

const KINDS: usize = 3;
const EACH: usize = 200;

fn main() -> Result<()> {
    let (x, labels) = points(Key::new(1))?;
    let targets = labels.one_hot(KINDS, DType::F64)?;
    let count = x.shape()[0] as f64;

    let mut weights = Tensor::zeros(&[3, KINDS], DType::F64)?;
    for step in 0..=300 {
        let probabilities = x.matmul(&weights)?.softmax(1)?;
        if step % 100 == 0 {
            let right = probabilities.arg_max_over(1, Keep::Dropped)?.eq(&labels)?;
            let accuracy = right.to_dtype(DType::F64)?.mean()?.item()?;
            let loss = probabilities.ln()?.mul(&targets)?.sum()?.div(-count)?.item()?;
            println!("step {step:3}: loss {loss:.3}, {:.1} % right", 100.0 * accuracy);
        }
        // The gradient of the mean cross-entropy: x^T (probabilities - targets) / n.
        let gradient = x.matmul_transposed(&probabilities.sub(&targets)?, Transpose::Left)?.div(count)?;
        weights = weights.sub(&gradient.mul(0.5)?)?;
    }
    println!("weights, {weights:.2}");
    Ok(())
}

/// Points `[n, 3]` of a plane, with a one for the bias, in three clouds; and which cloud each is of.
fn points(key: Key) -> Result<(Tensor, Tensor)> {
    let middles = Tensor::from_rows(&[[0.0f64, 2.0], [1.7, -1.0], [-1.7, -1.0]])?;
    let labels = Tensor::from_fn(&[KINDS * EACH], DType::I64, |index| (index / EACH) as f64)?;
    let spread = Tensor::normal(&[KINDS * EACH, 2], DType::F64, key)?;
    let plane = middles.index_select(&labels, 0)?.add(&spread)?;
    let ones = Tensor::ones(&[KINDS * EACH, 1], DType::F64)?;
    Ok((Tensor::concat(&[&plane, &ones], 1)?, labels))
}
