//! Convolutional networks by name, and the file in which a trained one travels.
//!
//! Each architecture is a file that reads like the table of its paper: nothing but layers.
//! [`build`] makes one by name. A [`ModelFile`] is one `.safetensors` file that holds the weights under PyTorch's
//! keys and, in its metadata, everything that a prediction needs besides.

#![forbid(unsafe_code)]

mod about;
mod arguments;
mod digit_net;
mod error;
mod lenet5;
mod mnist_cnn;
mod model_file;
mod registry;
mod resnet;
mod resnet9;

pub use about::{About, FORMAT_VERSION, Task};
pub use arguments::Arguments;
pub use digit_net::DigitNet;
pub use error::{Error, Result};
pub use lenet5::LeNet5;
pub use mnist_cnn::MnistCnn;
pub use model_file::ModelFile;
pub use registry::{ARCHITECTURES, Architecture, build, skeleton};
pub use resnet::{Depth, ResNet};
pub use resnet9::ResNet9;
