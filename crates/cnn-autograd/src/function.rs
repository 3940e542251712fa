//! [`Function`], the one trait of every operation, and the small types that it speaks.
//!
//! An operation says what shape it makes, what backward needs to keep, how to compute forward and backward.
//! It keeps no books: recording, accumulation and the checks of counts and shapes are done once, elsewhere.

use std::fmt;

use cnn_tensor::{Spec, Tensor};

use crate::{Attribute, Error, Result};

/// A differentiable operation: the extension point. A user's own has the standing of a built-in one.
///
/// ```
/// use cnn_autograd::{Error, Function, Keeps, Output, Purpose, Result, Saved, Var, Wanted, take_inputs};
/// use cnn_tensor::{Spec, Tensor, ops};
///
/// /// y = x^2.
/// #[derive(Debug)]
/// struct Square;
///
/// impl Function for Square {
///     fn name(&self) -> &'static str {
///         "square"
///     }
///     fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
///         let [x] = cnn_autograd::expect_inputs("square", inputs)?;
///         Ok(x)
///     }
///     fn keeps(&self, _wanted: &Wanted) -> Keeps {
///         Keeps::nothing().input(0)
///     }
///     fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
///         let [x] = take_inputs("square", inputs)?;
///         Ok(ops::binary::mul(x.clone(), &x)?.into())
///     }
///     fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
///         let twice = ops::unary::scale(grad, 2.0)?;
///         Ok(vec![Some(ops::binary::mul(twice, saved.input(0)?)?)])
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let x = Tensor::from_slice(&[3], &[1.0f64, -2.0, 0.5])?;
/// cnn_autograd::gradcheck::check(&[x], |x| Var::apply(Square, x))?;
/// # Ok(()) }
/// ```
pub trait Function: fmt::Debug + 'static {
    /// Name in lower case, as errors, the graph and exported files show it.
    fn name(&self) -> &'static str;

    /// The settings of the operation.
    fn attributes(&self) -> Vec<Attribute> {
        Vec::new()
    }

    /// Shape and type of the output; shape inference only. Always called before [`Function::forward`], so
    /// this is where inputs are refused.
    ///
    /// # Errors
    /// Where the operation does not take inputs of these shapes or types.
    fn infer(&self, inputs: &[Spec]) -> Result<Spec>;

    /// Multiplications with an addition that forward does (convolution and matrix product only).
    fn multiply_adds(&self, inputs: &[Spec]) -> u64 {
        let _ = inputs;
        0
    }

    /// Which inputs, and whether the output, backward reads to compute the gradients that are wanted.
    fn keeps(&self, wanted: &Wanted) -> Keeps {
        let _ = wanted;
        Keeps::nothing()
    }

    /// Shapes and types of [`Output::extras`].
    ///
    /// # Errors
    /// As [`Function::infer`].
    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let _ = inputs;
        Ok(Vec::new())
    }

    /// Where the buffers of the output and of the gradient come from.
    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        let _ = inputs;
        Buffers::default()
    }

    /// Computes the output. Inputs come by value: the buffer of an input that nobody else holds may be reused.
    ///
    /// # Errors
    /// Where a kernel fails.
    fn forward(&self, inputs: Vec<Tensor>, purpose: Purpose) -> Result<Output>;

    /// The gradient for each input, in order; `None` for those that [`Saved::wants`] says nobody asked for.
    /// `grad` is the gradient of the output, and has its shape.
    ///
    /// # Errors
    /// Where a kernel fails.
    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>>;
}

/// Why forward runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Only the value counts: extras that only backward reads may be left out.
    Value,
    /// Backward will follow.
    Gradient,
}

/// Where an operation's buffers come from: what the estimate of memory needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Buffers {
    /// The output's.
    pub output: Buffer,
    /// The input whose gradient is written over the gradient of the output, if one is.
    pub gradient: Option<usize>,
}

impl Buffers {
    /// Forward and backward write over what they are given, where nobody else holds it.
    pub fn in_place(input: usize) -> Self {
        Self { output: Buffer::TakesOver(input), gradient: Some(input) }
    }

    /// Output and gradient are the same elements under another shape.
    pub fn shared(input: usize) -> Self {
        Self { output: Buffer::Shares(input), gradient: Some(input) }
    }
}

/// Where the buffer of an output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Buffer {
    /// Forward asks for a new one.
    #[default]
    New,
    /// Forward writes over this input where nobody else holds it, else asks for a new one.
    TakesOver(usize),
    /// The output is this input under another shape.
    Shares(usize),
}

/// What forward computes.
#[derive(Debug)]
pub struct Output {
    /// The output itself.
    pub value: Tensor,
    /// Further results that backward reads, as the positions of maxima.
    pub extras: Vec<Tensor>,
}

impl From<Tensor> for Output {
    fn from(value: Tensor) -> Self {
        Self { value, extras: Vec::new() }
    }
}

/// Which inputs of an operation want a gradient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Vec<bool>);

impl Wanted {
    pub(crate) fn new(inputs: impl IntoIterator<Item = bool>) -> Self {
        Self(inputs.into_iter().collect())
    }

    /// Whether this input wants a gradient.
    pub fn input(&self, index: usize) -> bool {
        self.0.get(index).copied().unwrap_or(false)
    }

    pub(crate) fn any(&self) -> bool {
        self.0.contains(&true)
    }
}

/// What backward reads of an operation's inputs and output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeps {
    inputs: Vec<usize>,
    output: bool,
}

impl Keeps {
    /// Neither inputs nor output.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// This input too.
    #[must_use]
    pub fn input(mut self, index: usize) -> Self {
        self.inputs.push(index);
        self
    }

    /// This input too, if the condition holds: usually, that the gradient which needs it is wanted.
    #[must_use]
    pub fn input_if(self, index: usize, condition: bool) -> Self {
        if condition { self.input(index) } else { self }
    }

    /// The output too.
    #[must_use]
    pub fn output(mut self) -> Self {
        self.output = true;
        self
    }

    /// The output too, if the condition holds.
    #[must_use]
    pub fn output_if(self, condition: bool) -> Self {
        if condition { self.output() } else { self }
    }

    pub(crate) fn keeps_input(&self, index: usize) -> bool {
        self.inputs.contains(&index)
    }

    pub(crate) fn keeps_output(&self) -> bool {
        self.output
    }
}

/// What was kept for backward, and what it is to compute.
#[derive(Debug, Clone)]
pub struct Saved {
    pub(crate) op: &'static str,
    pub(crate) inputs: Vec<Option<Tensor>>,
    pub(crate) output: Option<Tensor>,
    pub(crate) extras: Vec<Tensor>,
    pub(crate) input_specs: Vec<Spec>,
    pub(crate) output_spec: Spec,
    pub(crate) wanted: Wanted,
}

impl Saved {
    /// Whether the gradient of this input was asked for.
    pub fn wants(&self, index: usize) -> bool {
        self.wanted.input(index)
    }

    /// The gradient that `compute` gives if it was asked for.
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn if_wanted(
        &self,
        index: usize,
        compute: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Option<Tensor>> {
        if self.wants(index) { Ok(Some(compute()?)) } else { Ok(None) }
    }

    /// How many inputs the operation had.
    pub fn input_count(&self) -> usize {
        self.input_specs.len()
    }

    /// An input that [`Function::keeps`] named.
    ///
    /// # Errors
    /// [`Error::Rule`] where it did not.
    pub fn input(&self, index: usize) -> Result<&Tensor> {
        let input = self.inputs.get(index).and_then(Option::as_ref);
        input.ok_or_else(|| self.not_kept(&format!("input {index}")))
    }

    /// The input itself, which may then be the only holder of its buffer.
    ///
    /// # Errors
    /// As [`Saved::input`].
    pub fn take_input(&mut self, index: usize) -> Result<Tensor> {
        let input = self.inputs.get_mut(index).and_then(Option::take);
        input.ok_or_else(|| self.not_kept(&format!("input {index}")))
    }

    /// The output, where [`Function::keeps`] named it.
    ///
    /// # Errors
    /// [`Error::Rule`] where it did not.
    pub fn output(&self) -> Result<&Tensor> {
        self.output.as_ref().ok_or_else(|| self.not_kept("the output"))
    }

    /// A tensor of [`Output::extras`].
    ///
    /// # Errors
    /// [`Error::Rule`] where forward made fewer.
    pub fn extra(&self, index: usize) -> Result<&Tensor> {
        self.extras.get(index).ok_or_else(|| self.not_kept(&format!("extra {index}")))
    }

    /// The extra itself, which may then be the only holder of its buffer.
    ///
    /// # Errors
    /// As [`Saved::extra`].
    pub fn take_extra(&mut self, index: usize) -> Result<Tensor> {
        if index < self.extras.len() {
            let spec = self.extras[index].spec();
            Ok(std::mem::replace(&mut self.extras[index], spec.into()))
        } else {
            Err(self.not_kept(&format!("extra {index}")))
        }
    }

    /// Shape and type of an input, kept or not.
    ///
    /// # Errors
    /// [`Error::Rule`] where there is no such input.
    pub fn input_spec(&self, index: usize) -> Result<Spec> {
        let spec = self.input_specs.get(index).copied();
        spec.ok_or_else(|| Error::rule(self.op, format!("it has no input {index}")))
    }

    /// Shape and type of the output.
    pub fn output_spec(&self) -> Spec {
        self.output_spec
    }

    /// Shapes and types alone.
    pub(crate) fn forgotten(self) -> Self {
        let inputs = vec![None; self.inputs.len()];
        Self { inputs, output: None, extras: Vec::new(), ..self }
    }

    fn not_kept(&self, what: &str) -> Error {
        Error::rule(self.op, format!("backward reads {what}, which forward did not keep"))
    }
}

/// The inputs' shapes and types, if there are exactly `N` of them.
///
/// # Errors
/// [`Error::Inputs`].
pub fn expect_inputs<const N: usize>(op: &'static str, inputs: &[Spec]) -> Result<[Spec; N]> {
    inputs.try_into().map_err(|_| Error::Inputs { op, met: inputs.len(), expected: N.to_string() })
}

/// The inputs themselves, if there are exactly `N` of them.
///
/// # Errors
/// [`Error::Inputs`].
pub fn take_inputs<const N: usize>(op: &'static str, inputs: Vec<Tensor>) -> Result<[Tensor; N]> {
    inputs.try_into().map_err(|inputs: Vec<Tensor>| Error::Inputs {
        op,
        met: inputs.len(),
        expected: N.to_string(),
    })
}
