//! Burn as an engine: its backend Flex, the one for the CPU that needs nothing but Rust.

#![recursion_limit = "256"]

mod conv;
mod networks;

use burn::tensor::{Device, Tensor};
use peer_common::{Job, Network, numbers, serve};
use serde_json::Value;

fn main() -> std::io::Result<()> {
    serve("burn 0.22 (flex)", |work: &Value, _threads| match work["kind"].as_str() {
        Some("train") => networks::train(&Network::of(work)?).map(job),
        Some("infer") => networks::infer(&Network::of(work)?).map(job),
        Some("conv") => Ok(conv::job(&peer_common::Conv::forward_of(work)?)),
        _ => Err("networks and convolutions only".into()),
    })
}

/// A job without outputs that are compared, which has run once.
fn job(mut compute: Box<dyn FnMut()>) -> Job {
    compute();
    Job { compute, outputs: Vec::new() }
}

/// The numbers of a stream.
fn tensor<const D: usize>(stream: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let flat: Tensor<1> = Tensor::from_floats(numbers(stream, shape.iter().product()).as_slice(), device);
    flat.reshape(shape)
}
