//! `#[derive(Layer)]`: the walk over a layer's fields, written by the compiler.
//!
//! Use it through `cnn_layers::Layer`. Each field is a part under its own name, which is also its key in files:
//!
//! ```text
//! #[derive(Layer)]
//! struct Block {
//!     conv1: Conv2d,
//!     #[layer(rename = "downsample.0")]
//!     shortcut: Option<Conv2d>,
//!     #[layer(flatten)]
//!     body: Sequential,
//!     #[layer(buffer)]
//!     anchors: Tensor,
//!     #[layer(skip)]
//!     stride: usize,
//! }
//! ```
//!
//! * `rename = ".."`: another name, dots allowed.
//! * `flatten`: the field's parts appear without a segment for the field.
//! * `buffer`: the field is a plain `Tensor` that files hold and training does not change.
//! * `skip`: the field holds no parameters.

#![forbid(unsafe_code)]

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Writes `impl Layer`; see the crate's page for the attributes of fields.
#[proc_macro_derive(Layer, attributes(layer))]
pub fn derive_layer(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::layer(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
