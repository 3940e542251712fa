//! Candle as an engine: its CPU backend.

mod conv;
mod networks;

use candle_core::{Result, Tensor};
use peer_common::{Job, Network, serve};

/// Why nothing is expected to fail while it is timed.
const AGAIN: &str = "what was computed once can be computed again";

fn main() -> std::io::Result<()> {
    serve("candle 0.11", |work, _threads| match work["kind"].as_str() {
        Some("train") => train(&Network::of(work)?),
        Some("infer") => networks::infer(&Network::of(work)?).map_err(|error| error.to_string()),
        Some("conv") => conv::job(&peer_common::Conv::forward_of(work)?),
        _ => Err("networks and convolutions only".into()),
    })
}

/// Training steps, unless their gradients are known to be wrong: max-pooling's backward multiplies by the share of the
/// window that holds the greatest value, which is a quarter here.
fn train(work: &Network) -> std::result::Result<Job, String> {
    if work.stages().is_none() {
        return Err("the gradient of max-pooling is a quarter of what it should be".into());
    }
    networks::train(work).map_err(|error| error.to_string())
}

/// The numbers of a tensor, in the order of its axes.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
