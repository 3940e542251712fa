//! Multi-head attention (Vaswani et al., arXiv:1706.03762).

use cnn_autograd::ops::attention::KeysAndValues;
use cnn_autograd::{Ctx, Mode, Var};
use cnn_tensor::DType;
use cnn_tensor::Tensor;
use cnn_tensor::ops::attention::{Dropout, Options};
use cnn_tensor::random::Key;

use crate::attend::{QueryKeyValue, Visible};
use crate::init::{Fans, Initializer, XavierUniform};
use crate::layer::within;
use crate::sizes::Bias;
use crate::visit::for_each_parameter_mut;
use crate::{Dense, Error, FileLayout, Forward, Layer, Parameter, Result};

/// Attention in several heads between projections of its inputs, as `torch.nn.MultiheadAttention` with
/// `batch_first=True`. Called with one input, the input attends to itself. Keys and values have the channels of the
/// queries: PyTorch's `kdim`, `vdim`, `add_bias_kv` and `add_zero_attn` are not here.
///
/// # Shapes
/// `[batch, length, embed_dim]`, unchanged. `in_proj_weight` is `[embed_dim, 3 * embed_dim]` in memory and
/// `[3 * embed_dim, embed_dim]` in files: queries, keys, values.
///
/// Starts as PyTorch does: the projection of the inputs Xavier uniform, that of the output uniform within
/// `1 / sqrt(embed_dim)`, biases 0. Unlike PyTorch's, a mask of truth values is true where a query sees a key, as in
/// `torch.nn.functional.scaled_dot_product_attention`; and the weights are not returned.
///
/// ```
/// use cnn_layers::{Ctx, Forward, Key, MultiHeadAttention, Result, Visible};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let attention = MultiHeadAttention::new(8, 2, Key::new(1))?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::full(&[2, 5, 8], 0.5, DType::F32)?);
/// assert_eq!(attention.call(x.clone(), &mut cx)?.shape(), [2, 5, 8]);
/// assert_eq!(attention.call_visible(x, &Visible::causal(), &mut cx)?.shape(), [2, 5, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct MultiHeadAttention {
    in_proj_weight: Parameter,
    in_proj_bias: Option<Parameter>,
    out_proj: Dense,
    #[layer(skip)]
    embed_dim: usize,
    #[layer(skip)]
    heads: usize,
    #[layer(skip)]
    dropout: f64,
}

impl MultiHeadAttention {
    /// With biases, without dropout.
    ///
    /// # Errors
    /// As [`MultiHeadAttentionBuilder::build`].
    pub fn new(embed_dim: usize, heads: usize, key: Key) -> Result<Self> {
        Self::builder(embed_dim, heads).build(key)
    }

    /// With further settings.
    pub fn builder(embed_dim: usize, heads: usize) -> MultiHeadAttentionBuilder {
        MultiHeadAttentionBuilder { embed_dim, heads, bias: Bias::With, dropout: 0.0 }
    }

    /// [`Forward::call`], where each query sees what it is said to see.
    ///
    /// # Errors
    /// Where the inputs do not fit, with the layer's path.
    pub fn call_visible(&self, x: Var, visible: &Visible, cx: &mut Ctx) -> Result<Var> {
        within(self, cx, |cx| self.run(x, visible, cx))
    }

    /// Attention of some inputs to others: cross-attention.
    ///
    /// # Errors
    /// Where the inputs do not fit, with the layer's path.
    pub fn call_qkv(&self, inputs: QueryKeyValue, visible: &Visible, cx: &mut Ctx) -> Result<Var> {
        within(self, cx, |cx| self.run_apart(inputs, visible, cx))
    }

    fn run(&self, x: Var, visible: &Visible, cx: &mut Ctx) -> Result<Var> {
        self.expect(&x)?;
        let (weight, bias) = self.projection(cx)?;
        let options = self.options(visible, cx);
        let output = x.dense(weight, bias)?.packed_attention(visible.mask.clone(), options)?;
        self.out_proj.call(output, cx)
    }

    fn run_apart(&self, inputs: QueryKeyValue, visible: &Visible, cx: &mut Ctx) -> Result<Var> {
        let (weight, bias) = self.projection(cx)?;
        let project = |x: Var, third: usize| -> Result<Var> {
            self.expect(&x)?;
            let range = third * self.embed_dim..(third + 1) * self.embed_dim;
            let bias = bias.clone().map(|bias| bias.narrow_along(0, range.clone())).transpose()?;
            Ok(x.dense(weight.clone().narrow_along(1, range)?, bias)?)
        };
        let QueryKeyValue { query, key, value } = inputs;
        let (query, keys, values) = (project(query, 0)?, project(key, 1)?, project(value, 2)?);
        let options = self.options(visible, cx);
        let output = query.attention(KeysAndValues { keys, values }, visible.mask.clone(), options)?;
        self.out_proj.call(output, cx)
    }

    fn projection(&self, cx: &mut Ctx) -> Result<(Var, Option<Var>)> {
        let weight = self.in_proj_weight.var(cx)?;
        Ok((weight, self.in_proj_bias.as_ref().map(|bias| bias.var(cx)).transpose()?))
    }

    fn expect(&self, x: &Var) -> Result<()> {
        if matches!(*x.shape(), [_, _, channels] if channels == self.embed_dim) {
            return Ok(());
        }
        let problem = format!("input {:?} should be [batch, length, {}]", x.shape(), self.embed_dim);
        Err(cnn_tensor::Error::shape("attention", problem).into())
    }

    fn options(&self, visible: &Visible, cx: &mut Ctx) -> Options {
        let drops = cx.mode() == Mode::Train && self.dropout > 0.0;
        let dropout = drops.then(|| Dropout { probability: self.dropout, key: cx.random_key() });
        Options { causality: visible.causality, dropout, ..Options::new(self.heads) }
    }
}

impl Forward for MultiHeadAttention {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, &Visible::default(), cx)
    }
}

/// Settings of a [`MultiHeadAttention`].
#[derive(Debug, Clone, Copy)]
pub struct MultiHeadAttentionBuilder {
    embed_dim: usize,
    heads: usize,
    bias: Bias,
    dropout: f64,
}

impl MultiHeadAttentionBuilder {
    /// Whether the projections have biases.
    #[must_use]
    pub fn bias(mut self, bias: Bias) -> Self {
        self.bias = bias;
        self
    }

    /// How likely a weight is dropped in train mode.
    #[must_use]
    pub fn dropout(mut self, probability: f64) -> Self {
        self.dropout = probability;
        self
    }

    /// The layer, with PyTorch's starting values.
    ///
    /// # Errors
    /// [`Error::Argument`] for no channels, heads that do not divide them, and a probability outside 0 to 1; out of
    /// memory.
    pub fn build(self, key: Key) -> Result<MultiHeadAttention> {
        let Self { embed_dim, heads, bias, dropout } = self;
        const LAYER: &str = "MultiHeadAttention";
        let Some(features) = embed_dim.checked_mul(3).filter(|&features| features > 0) else {
            return Err(Error::argument(
                LAYER,
                "embed_dim",
                embed_dim,
                "1 or more, of which three can be held",
            ));
        };
        if heads == 0 || !embed_dim.is_multiple_of(heads) {
            return Err(Error::argument(LAYER, "heads", heads, format!("a divisor of {embed_dim}")));
        }
        if !(0.0..=1.0).contains(&dropout) {
            return Err(Error::argument(LAYER, "dropout", dropout, "0 to 1"));
        }
        let fans = Fans { fan_in: embed_dim, fan_out: features };
        let weight =
            XavierUniform::default().tensor(&[embed_dim, features], fans, key.fold_str("in_proj_weight"))?;
        let in_proj_bias = match bias {
            Bias::With => Some(Parameter::new(Tensor::zeros(&[features], DType::F32)?, FileLayout::AsIs)),
            Bias::Without => None,
        };
        let mut out_proj = Dense::builder(embed_dim, embed_dim).bias(bias).build(key.fold_str("out_proj"))?;
        let zeros = Tensor::zeros(&[embed_dim], DType::F32)?;
        for_each_parameter_mut(&mut out_proj, |path, parameter| {
            if path == "bias" {
                *parameter.value_mut() = zeros.clone();
            }
        });
        Ok(MultiHeadAttention {
            in_proj_weight: Parameter::new(weight, FileLayout::Matrix),
            in_proj_bias,
            out_proj,
            embed_dim,
            heads,
            dropout,
        })
    }
}
