//! The layers, one file for each operation of `cnn_tensor::ops` that they call, under the same name.

pub(crate) mod attention;
pub(crate) mod batch_norm;
pub(crate) mod conv1d;
pub(crate) mod conv2d;
pub(crate) mod conv_transpose2d;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod group_norm;
pub(crate) mod interpolate;
pub(crate) mod layer_norm;
pub(crate) mod local_response_norm;
pub(crate) mod normalisation;
pub(crate) mod pad;
pub(crate) mod parallel;
pub(crate) mod pool1d;
pub(crate) mod pool2d;
pub(crate) mod prelu;
pub(crate) mod recompute;
pub(crate) mod reshape;
pub(crate) mod residual;
pub(crate) mod sequential;
pub(crate) mod shuffle;
pub(crate) mod softmax;
pub(crate) mod squeeze_excite;
pub(crate) mod unary;
