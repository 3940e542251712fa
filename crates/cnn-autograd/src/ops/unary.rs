//! Functions of one element: one rule for the whole family.

use std::fmt::Debug;

use cnn_tensor::ops::unary::{
    self, Abs, Clamp, Elu, Exp, Gelu, GeluTanh, HardSigmoid, HardSwish, Kept, LeakyRelu, Ln, LogSigmoid, Neg,
    Pow, Reciprocal, Relu, Relu6, Scale, Selu, Sigmoid, Silu, Softplus, Sqrt, Square, Tanh, Unary,
};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Any member of [`Unary`]; keeps its input, its output or nothing, as the member says.
#[derive(Debug)]
pub struct Elementwise<U> {
    member: U,
    attributes: Vec<Attribute>,
}

impl<U: Unary + Debug + 'static> Elementwise<U> {
    /// The rule of a member without settings.
    pub fn new(member: U) -> Self {
        Self { member, attributes: Vec::new() }
    }

    /// The rule of a member with settings.
    pub fn with_attributes(member: U, attributes: Vec<Attribute>) -> Self {
        Self { member, attributes }
    }
}

impl<U: Unary + Debug + 'static> Function for Elementwise<U> {
    fn name(&self) -> &'static str {
        U::NAME
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.attributes.clone()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(U::NAME, inputs)?;
        expect_compute(U::NAME, x)?;
        Ok(x)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        match U::KEPT {
            Kept::Input => Keeps::nothing().input(0),
            Kept::Output => Keeps::nothing().output(),
            Kept::Nothing => Keeps::nothing(),
        }
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(U::NAME, inputs)?;
        Ok(unary::forward(&self.member, x)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let kept = match U::KEPT {
            Kept::Input => Some(saved.input(0)?),
            Kept::Output => Some(saved.output()?),
            Kept::Nothing => None,
        };
        Ok(vec![Some(unary::backward(&self.member, kept, grad)?)])
    }
}

/// Methods of the members without settings.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident: $member:expr;)+) => {
        impl Var {
            $($(#[$doc])*
            ///
            /// # Shapes
            /// Any, unchanged.
            ///
            /// # Errors
            /// As [`Var::apply`].
            pub fn $name(self) -> Result<Var> {
                self.unary($member)
            }
            )+
        }
    };
}

methods! {
    /// `max(x, 0)`.
    relu: Relu;
    /// `min(max(x, 0), 6)`.
    relu6: Relu6;
    /// [`Elu`] scaled so that outputs keep mean 0 and variance 1: [`Selu`].
    selu: Selu;
    /// `1 / (1 + e^-x)`.
    sigmoid: Sigmoid;
    /// `ln(1 / (1 + e^-x))`.
    log_sigmoid: LogSigmoid;
    /// The hyperbolic tangent.
    tanh: Tanh;
    /// `x` times its sigmoid: [`Silu`].
    silu: Silu;
    /// `x` times the normal distribution up to `x`: [`Gelu`].
    gelu: Gelu;
    /// [`Var::gelu`] by its approximation with a hyperbolic tangent: [`GeluTanh`].
    gelu_tanh: GeluTanh;
    /// `min(max(x + 3, 0), 6) / 6`.
    hard_sigmoid: HardSigmoid;
    /// `x` times its hard sigmoid.
    hard_swish: HardSwish;
    /// `e^x`.
    exp: Exp;
    /// The natural logarithm.
    ln: Ln;
    /// The square root.
    sqrt: Sqrt;
    /// `x^2`.
    square: Square;
    /// `|x|`; no gradient at 0.
    abs: Abs;
    /// `1 / x`.
    reciprocal: Reciprocal;
}

impl Var {
    /// Every element times `factor`.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn scale(self, factor: f64) -> Result<Var> {
        self.with(Scale(factor), vec![Attribute::new("factor", factor)])
    }

    /// `-x`.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn neg(self) -> Result<Var> {
        self.unary(Neg)
    }

    /// `x` above zero, else `slope * x`.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn leaky_relu(self, slope: f64) -> Result<Var> {
        self.with(LeakyRelu { slope }, vec![Attribute::new("slope", slope)])
    }

    /// `x` above zero, else `alpha * (e^x - 1)`.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn elu(self, alpha: f64) -> Result<Var> {
        self.with(Elu { alpha }, vec![Attribute::new("alpha", alpha)])
    }

    /// `ln(1 + e^(beta x)) / beta`, straight above a threshold: [`Softplus`], whose default is PyTorch's.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn softplus(self, settings: Softplus) -> Result<Var> {
        let Softplus { beta, threshold } = settings;
        self.with(settings, vec![Attribute::new("beta", beta), Attribute::new("threshold", threshold)])
    }

    /// Every element to a power.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn powf(self, exponent: f64) -> Result<Var> {
        self.with(Pow(exponent), vec![Attribute::new("exponent", exponent)])
    }

    /// `min(max(x, least), most)`; no gradient at the bounds.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn clamp(self, least: f64, most: f64) -> Result<Var> {
        let attributes = vec![Attribute::new("least", least), Attribute::new("most", most)];
        self.with(Clamp { least, most }, attributes)
    }

    /// A member of the family, built in or the user's own.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn unary(self, member: impl Unary + Debug + 'static) -> Result<Var> {
        Var::apply(Elementwise::new(member), vec![self])
    }

    fn with(self, member: impl Unary + Debug + 'static, attributes: Vec<Attribute>) -> Result<Var> {
        Var::apply(Elementwise::with_attributes(member, attributes), vec![self])
    }
}
