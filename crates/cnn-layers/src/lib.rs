//! Layers and losses of convolutional networks, and how their parameters are named, started, saved and loaded.
//!
//! A layer is parameters plus calls; gradients come from [`cnn_autograd`]. [`Layer`] is the structure, which
//! `#[derive(Layer)]` writes; [`Forward`] is the computation. The path of a field is the parameter's name and
//! PyTorch's key.
//!
//! ```
//! use cnn_layers::{Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};
//! use cnn_tensor::{DType, Tensor};
//!
//! #[derive(Layer)]
//! struct Net {
//!     conv1: Conv2d,
//!     fc1: Dense,
//! }
//!
//! impl Net {
//!     fn new(key: Key) -> Result<Self> {
//!         Ok(Self {
//!             conv1: Conv2d::builder(1, 4, 3).padding(1).build(key.fold_str("conv1"))?,
//!             fc1: Dense::new(4 * 14 * 14, 10, key.fold_str("fc1"))?,
//!         })
//!     }
//! }
//!
//! impl Forward for Net {
//!     fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
//!         let x = self.conv1.call_act(x, Relu, cx)?.max_pool2d(2)?.flatten()?;
//!         self.fc1.call(x, cx)
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let net = Net::new(Key::new(1))?;
//! let mut cx = Ctx::inference();
//! let images = cx.input(Tensor::zeros(&[2, 28, 28, 1], DType::F32)?);
//! assert_eq!(net.call(images, &mut cx)?.shape(), [2, 10]);
//! let names: Vec<String> = cnn_layers::named_parameters(&net).into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias"]);
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

// The derive macro writes `::cnn_layers`, in this crate too.
extern crate self as cnn_layers;

mod attend;
mod error;
mod freeze;
pub mod gradcheck;
mod hessian;
pub mod init;
mod layer;
mod layers;
mod layout;
mod losses;
mod parameter;
mod sizes;
mod spatial;
mod state_dict;
mod statistics;
pub mod summary;
mod visit;

pub use attend::{QueryKeyValue, Visible};
pub use cnn_autograd::{
    BatchStatistics, Ctx, Gradients, Mode, ParameterId, Place, Recording, Step, Trainable, Var,
};
pub use cnn_derive::Layer;
pub use cnn_tensor::ops::activation::Activation;
pub use cnn_tensor::ops::attention::Causality;
pub use cnn_tensor::ops::dice::Denominator;
pub use cnn_tensor::ops::interpolate::{Corners, Interpolation};
pub use cnn_tensor::ops::loss::Reduction;
pub use cnn_tensor::ops::pad::PaddingMode;
pub use cnn_tensor::ops::pool2d::PaddingCounts;
pub use cnn_tensor::ops::window::{Padding, Padding2d, Rounding, Same};
pub use cnn_tensor::random::Key;
pub use error::{Error, Misfit, Misshapen, Result};
pub use freeze::{freeze, parameters_named, unfreeze};
pub use hessian::hessian_vector_product;
pub use layer::{Forward, Layer, within};
pub use layers::attention::{MultiHeadAttention, MultiHeadAttentionBuilder};
pub use layers::batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm2dBuilder, BatchNormBuilder};
pub use layers::conv_transpose2d::{
    ConvTranspose1d, ConvTranspose1dBuilder, ConvTranspose2d, ConvTranspose2dBuilder,
};
pub use layers::conv1d::{Conv1d, Conv1dBuilder};
pub use layers::conv2d::{Conv2d, Conv2dBuilder};
pub use layers::dense::{Dense, DenseBuilder};
pub use layers::dropout::{DepthMode, Dropout, Dropout1d, Dropout2d, StochasticDepth};
pub use layers::group_norm::{
    GroupNorm, GroupNormBuilder, InstanceNorm, InstanceNorm1d, InstanceNorm2d, InstanceNormBuilder,
};
pub use layers::interpolate::Upsample;
pub use layers::layer_norm::{LayerNorm, LayerNormBuilder};
pub use layers::local_response_norm::{LocalResponseNorm, LocalResponseNormBuilder};
pub use layers::normalisation::Momentum;
pub use layers::pad::{Crop, Pad1d, Pad2d};
pub use layers::parallel::{Join, Parallel};
pub use layers::pool1d::{AdaptiveAvgPool1d, AdaptiveMaxPool1d, AvgPool1d, MaxPool1d, Pool1dBuilder};
pub use layers::pool2d::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MaxPool2d,
    Pool2dBuilder,
};
pub use layers::prelu::PRelu;
pub use layers::recompute::Recompute;
pub use layers::reshape::{Flatten, Permute, Reshape};
pub use layers::residual::Residual;
pub use layers::sequential::Sequential;
pub use layers::shuffle::{ChannelShuffle, PixelShuffle, PixelUnshuffle};
pub use layers::softmax::{Axis, LogSoftmax, Softmax};
pub use layers::squeeze_excite::{SqueezeExcite, SqueezeExciteBuilder};
pub use layers::unary::{
    Approximation, Elu, Gelu, HardSigmoid, HardSwish, LeakyRelu, LogSigmoid, Relu, Relu6, Selu, Sigmoid,
    Silu, Softplus, Tanh,
};
pub use layout::FileLayout;
pub use losses::cross_entropy::{CrossEntropy, cross_entropy};
pub use losses::dice::{Dice, Scores, dice};
pub use losses::loss::{
    BceWithLogits, Focal, Huber, KlDiv, KlTarget, L1, Mse, SmoothL1, bce_with_logits, huber, kl_div, l1, mse,
    sigmoid_focal_loss, smooth_l1,
};
pub use losses::nll::{Nll, nll};
pub use parameter::{Buffer, Parameter};
pub use sizes::{Affine, Bias, Ends, Factors, LastAxes, Pad, PadEnds, Pair, Sides, Tracking};
pub use spatial::{OneAxis, SpatialAxes, TwoAxes};
pub use state_dict::{LoadReport, StateDict, Strictness, load, save};
pub use statistics::fold_statistics;
pub use summary::Summary;
pub use visit::{
    Item, ItemMut, Visitor, VisitorMut, check_unique_paths, convert, for_each_mut, for_each_parameter_mut,
    named_buffers, named_layers, named_parameters, parameter_count, set_trainable,
};
