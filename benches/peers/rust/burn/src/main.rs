//! Burn as an engine: its backend Flex, the one for the CPU that needs nothing but Rust.

#![recursion_limit = "256"]

mod conv;
mod networks;
mod weights;

use burn::tensor::{Device, Tensor};
use peer_common::{Network, numbers, serve};
use serde_json::Value;

fn main() -> std::io::Result<()> {
    serve("burn 0.22 (flex)", |work: &Value, _threads| match work["kind"].as_str() {
        Some("train") => networks::train(&Network::of(work)?),
        Some("infer") => networks::infer(&Network::of(work)?),
        Some("conv") => Ok(conv::job(&peer_common::Conv::forward_of(work)?)),
        _ => Err("networks and convolutions only".into()),
    })
}

/// The numbers of a stream.
fn tensor<const D: usize>(stream: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let flat: Tensor<1> = Tensor::from_floats(numbers(stream, shape.iter().product()).as_slice(), device);
    flat.reshape(shape)
}

/// The numbers of a tensor, in the order of its axes.
fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the tensors are of single precision")
}
