//! An operation of one's own: Mish, `x tanh(ln(1 + e^x))` (Misra, arXiv:1908.08681).

use cnn_autograd::{
    Error, Function, Keeps, Output, Purpose, Result, Saved, Wanted, expect_inputs, take_inputs,
};
use cnn_layers::{Ctx, Forward, Layer, Var};
use cnn_tensor::{DType, Float, Spec, Tensor};

/// The operation. Backward reads the input and what forward has computed on the way.
#[derive(Debug)]
struct MishOp;

impl Function for MishOp {
    fn name(&self) -> &'static str {
        "mish"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        if !x.dtype.is_compute() {
            return Err(Error::operation(
                self.name(),
                format!("the input is {}, expected f32 or f64", x.dtype),
            ));
        }
        Ok(x)
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        // `tanh(softplus(x))` of each element.
        Ok(inputs.to_vec())
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        match x.dtype() {
            DType::F64 => forward::<f64>(&x),
            _ => forward::<f32>(&x),
        }
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let grad = match grad.dtype() {
            DType::F64 => backward::<f64>(saved.input(0)?, saved.extra(0)?, grad)?,
            _ => backward::<f32>(saved.input(0)?, saved.extra(0)?, grad)?,
        };
        Ok(vec![Some(grad)])
    }
}

fn forward<F: Float>(x: &Tensor) -> Result<Output> {
    let (mut value, mut gate) = (Tensor::stale(x.shape(), x.dtype())?, Tensor::stale(x.shape(), x.dtype())?);
    let (values, gates) = (value.as_mut_slice::<F>()?, gate.as_mut_slice::<F>()?);
    for ((value, gate), &x) in values.iter_mut().zip(gates).zip(x.as_slice::<F>()?) {
        // ln(1 + e^x), without an e^x that is too large.
        let positive = if x > F::ZERO { x } else { F::ZERO };
        *gate = (positive + (-x.abs()).exp().ln_1p()).tanh();
        *value = x * *gate;
    }
    Ok(Output { value, extras: vec![gate] })
}

/// `gate + x (1 - gate^2) sigmoid(x)`, times the gradient of the output, over which it is written.
fn backward<F: Float>(x: &Tensor, gate: &Tensor, mut grad: Tensor) -> Result<Tensor> {
    let (x, gate) = (x.as_slice::<F>()?, gate.as_slice::<F>()?);
    for ((grad, &x), &gate) in grad.as_mut_slice::<F>()?.iter_mut().zip(x).zip(gate) {
        let small = (-x.abs()).exp();
        let sigmoid = if x > F::ZERO { F::ONE } else { small } / (F::ONE + small);
        *grad = *grad * (gate + x * (F::ONE - gate * gate) * sigmoid);
    }
    Ok(grad)
}

/// The operation as a function of a variable.
///
/// # Errors
/// As [`Var::apply`].
pub fn mish(x: Var) -> Result<Var> {
    Var::apply(MishOp, vec![x])
}

/// The operation as a layer, for a `Sequential`.
#[derive(Debug, Clone, Copy, Layer)]
pub struct Mish;

impl Forward for Mish {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> cnn_layers::Result<Var> {
        Ok(mish(x)?)
    }
}
