//! Candle as an engine: its CPU backend.

mod conv;
mod networks;

use candle_core::{Result, Tensor};
use peer_common::{Job, Network, serve};

fn main() -> std::io::Result<()> {
    serve("candle 0.11", |work, _threads| match work["kind"].as_str() {
        Some("train") => job(networks::train(&Network::of(work)?)),
        Some("infer") => job(networks::infer(&Network::of(work)?)),
        Some("conv") => conv::job(&peer_common::Conv::forward_of(work)?),
        _ => Err("networks and convolutions only".into()),
    })
}

/// A job without outputs that are compared, which has run once.
fn job(compute: Result<impl FnMut() -> Result<()> + 'static>) -> std::result::Result<Job, String> {
    let mut compute = compute.map_err(|error| error.to_string())?;
    compute().map_err(|error| error.to_string())?;
    let again = move || compute().expect("what was computed once can be computed again");
    Ok(Job { compute: Box::new(again), outputs: Vec::new() })
}

/// The numbers of a tensor, in the order of its axes.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
