//! Activations that a kernel applies while it writes its output.
//!
//! Only functions whose derivative can be read off the output are here, so that the input need not be kept.

use super::unary::{Relu, Unary};
use crate::simd::Isa;
use crate::{Float, Result, Tensor};

/// What is applied to each element of an output before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(x, 0)`; NaN stays NaN, as in PyTorch.
    Relu,
}

impl Activation {
    /// Lower-case name, as in a graph.
    pub const fn name(self) -> &'static str {
        match self {
            Activation::Identity => "identity",
            Activation::Relu => "relu",
        }
    }

    /// The function of one number.
    #[inline(always)]
    pub(crate) fn value<F: Float>(self, x: F) -> F {
        match self {
            Activation::Identity => x,
            Activation::Relu => Relu.value(x),
        }
    }

    /// The gradient before the function, from the gradient after it and the function's output.
    #[inline(always)]
    pub(crate) fn gradient<F: Float>(self, output: F, grad: F) -> F {
        match self {
            Activation::Identity => grad,
            Activation::Relu => Relu.gradient(output, grad),
        }
    }

    /// The function of each lane; the bits of [`Activation::value`].
    #[inline(always)]
    pub(crate) fn vector<I: Isa>(self, isa: I, x: I::F32) -> I::F32 {
        match self {
            Activation::Identity => x,
            Activation::Relu => isa.relu(x),
        }
    }

    /// The gradient of each lane, from the output and the gradient after the function; the bits of
    /// [`Activation::gradient`].
    #[inline(always)]
    pub(crate) fn vector_gradient<I: Isa>(self, isa: I, output: I::F32, grad: I::F32) -> I::F32 {
        match self {
            Activation::Identity => grad,
            // Less than the smallest number above zero is not above zero; the comparison is false for NaN, which passes.
            Activation::Relu => isa.select_gt(isa.splat(SMALLEST), output, isa.splat(0.0), grad),
        }
    }
}

/// The smallest number above zero.
const SMALLEST: f32 = f32::from_bits(1);

/// Gradient before the activation, from the gradient after it and the activation's output.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the shapes differ.
pub fn backward(activation: Activation, output: &Tensor, grad: Tensor) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(grad),
        Activation::Relu => super::unary::backward(&Relu, Some(output), grad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Kernel, map_in_place};
    use crate::testing::on_each_level;

    const ALL: [Activation; 2] = [Activation::Identity, Activation::Relu];

    #[test]
    fn the_gradient_passes_where_the_output_is_positive() {
        let output = Tensor::from_slice(&[4], &[0.0f32, 2.0, 0.0, 1.0]).unwrap();
        let grad = || Tensor::from_slice(&[4], &[5.0f32, 6.0, -7.0, -8.0]).unwrap();
        let through = |activation| backward(activation, &output, grad()).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(through(Activation::Relu), [0.0, 6.0, 0.0, -8.0]);
        assert_eq!(through(Activation::Identity), [5.0, 6.0, -7.0, -8.0]);
    }

    #[test]
    fn one_number_and_a_vector_of_numbers_give_the_same_bits() {
        struct Vectors<'a>(Activation, &'a mut [f32]);
        impl Kernel for Vectors<'_> {
            type Output = ();

            #[inline(always)]
            fn run<I: Isa>(self, isa: I) {
                map_in_place(isa, self.1, |x| self.0.vector(isa, x));
            }
        }
        let values =
            [-1.5, -0.0, 0.0, 2.5, f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-40, -1e-40];
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        for activation in ALL {
            let expected = values.map(|x| activation.value(x));
            on_each_level(|level| {
                // All vectors full, and all but the last.
                for len in 1..=values.len() {
                    let mut got = values[..len].to_vec();
                    level.run(Vectors(activation, &mut got));
                    assert_eq!(bits(&got), bits(&expected[..len]), "{activation:?} on {level}");
                }
            });
        }
        assert_eq!(bits(&values.map(|x| Activation::Relu.value(x))[1..5]), bits(&values[1..5]));
    }

    #[test]
    fn the_gradient_of_one_number_and_of_a_vector_have_the_same_bits() {
        struct Vectors<'a>(Activation, [&'a [f32]; 2], &'a mut [f32]);
        impl Kernel for Vectors<'_> {
            type Output = ();

            #[inline(always)]
            fn run<I: Isa>(self, isa: I) {
                let Self(activation, [outputs, grads], result) = self;
                for ((result, &output), &grad) in result.iter_mut().zip(outputs).zip(grads) {
                    let lanes = activation.vector_gradient(isa, isa.splat(output), isa.splat(grad));
                    isa.store_partial(lanes, std::slice::from_mut(result));
                }
            }
        }
        let outputs = [-0.0, 0.0, 2.5, f32::NAN, -f32::NAN, f32::INFINITY, 1e-45, 1e-40, 1.0, -1.0];
        let grads = [1.0, f32::NAN, -3.0, 4.0, f32::INFINITY, f32::NAN, 5.0, -0.0, -0.0, 7.0];
        for activation in ALL {
            on_each_level(|level| {
                let mut got = [9.0; 10];
                level.run(Vectors(activation, [&outputs, &grads], &mut got));
                for (index, got) in got.iter().enumerate() {
                    let expected = activation.gradient(outputs[index], grads[index]);
                    assert_eq!(got.to_bits(), expected.to_bits(), "{activation:?} {index} on {level}");
                }
            });
        }
    }

    #[test]
    fn the_gradient_of_one_number_is_that_of_tensors() {
        let outputs = [0.0f32, -0.0, 2.0, f32::NAN, f32::INFINITY];
        let grads = [1.0f32, f32::INFINITY, f32::NAN, -3.0, -0.0];
        for activation in ALL {
            let [output, grad] = [outputs, grads].map(|values| Tensor::from_slice(&[5], &values).unwrap());
            let back = backward(activation, &output, grad).unwrap();
            for (index, &back) in back.as_slice::<f32>().unwrap().iter().enumerate() {
                assert_eq!(activation.gradient(outputs[index], grads[index]).to_bits(), back.to_bits());
            }
        }
    }
}
