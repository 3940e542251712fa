//! Gradients by finite differences, to prove a rule: the user's own as well as the built-in ones.
//!
//! In `f64`, each element of each input is moved by a small step both ways; the difference of the outputs,
//! projected on a fixed random direction, is compared with what backward says. The function runs twice over
//! the same variables within one pass, so a rule that only works alone does not get through.

use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use crate::{Ctx, Error, Mode, Recording, Result, Seeded, Var};

/// Settings of [`check_with`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Largest difference allowed, relative to the larger of the gradient's size and one.
    pub tolerance: f64,
    /// Half the distance between the two points of a difference.
    pub step: f64,
}

impl Default for Options {
    /// 1e-6 with steps of 1e-5: the error of a central difference is then about 1e-10.
    fn default() -> Self {
        Self { tolerance: 1e-6, step: 1e-5 }
    }
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Largest relative difference.
    pub worst: f64,
    /// Elements compared.
    pub elements: usize,
}

/// Compares backward with finite differences for every `F64` input of a function.
///
/// Inputs of other types (labels) are constants. The function must be the same each time: a random operation
/// takes a fixed key. Keep inputs away from kinks and ties by more than the step.
///
/// ```
/// use cnn_autograd::gradcheck;
/// use cnn_tensor::Tensor;
/// # fn main() -> cnn_autograd::Result<()> {
/// let a = Tensor::from_slice(&[2], &[0.5f64, -1.0])?;
/// let b = Tensor::from_slice(&[2], &[2.0f64, 3.0])?;
/// gradcheck::check(&[a, b], |mut inputs| {
///     let (b, a) = (inputs.pop().unwrap(), inputs.pop().unwrap());
///     a.clone().mul(b)?.add(a)
/// })?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Gradcheck`] names the input, the element and both values; those of the function.
pub fn check(inputs: &[Tensor], function: impl Fn(Vec<Var>) -> Result<Var>) -> Result<Report> {
    check_with(inputs, Options::default(), function)
}

/// [`check`] with other settings.
///
/// # Errors
/// As [`check`].
pub fn check_with(
    inputs: &[Tensor],
    options: Options,
    function: impl Fn(Vec<Var>) -> Result<Var>,
) -> Result<Report> {
    let twice = |inputs: &[Var]| Ok::<_, Error>([function(inputs.to_vec())?, function(inputs.to_vec())?]);
    let mut cx = Ctx::new(Recording::Gradients, Mode::Train, Key::new(0));
    let variables: Vec<Var> = inputs.iter().map(|input| leaf(&mut cx, input)).collect();
    let gradients = cx.backward_seeded(seeds(&twice(&variables)?)?)?.gradients;

    let mut differences = Differences::new(options);
    for (number, input) in inputs.iter().enumerate() {
        let name = format!("input {number}");
        differences.compare(&name, input, gradients.of(&variables[number]), |moved| {
            let mut point: Vec<Var> = inputs.iter().cloned().map(Var::constant).collect();
            point[number] = Var::constant(moved);
            project(&twice(&point)?)
        })?;
    }
    Ok(differences.report())
}

/// An input of a check as a leaf of its pass: `F64` as a variable, anything else (labels) as a constant.
pub fn leaf(cx: &mut Ctx, input: &Tensor) -> Var {
    if input.dtype() == DType::F64 { cx.variable(input.clone()) } else { cx.input(input.clone()) }
}

/// The comparison of tensors, one after another, with finite differences: what a check of something other than a
/// function of variables is made of, as that of a layer with its parameters.
#[derive(Debug)]
pub struct Differences {
    options: Options,
    report: Report,
}

impl Differences {
    /// Nothing compared yet.
    pub fn new(options: Options) -> Self {
        Self { options, report: Report { worst: 0.0, elements: 0 } }
    }

    /// Compares the gradient that backward claims for an `F64` tensor, none standing for zeros, with the
    /// differences of `at`: [`project`] of the outputs with another tensor in this one's place. Tensors of other types
    /// have no gradient and are passed over.
    ///
    /// # Errors
    /// [`Error::Gradcheck`] with the name, the element and both values; those of `at`.
    pub fn compare<E: From<Error>>(
        &mut self,
        name: &str,
        value: &Tensor,
        claimed: Option<&Tensor>,
        mut at: impl FnMut(Tensor) -> std::result::Result<f64, E>,
    ) -> std::result::Result<(), E> {
        if value.dtype() != DType::F64 {
            return Ok(());
        }
        let Options { tolerance, step } = self.options;
        let claimed = claimed.map(Tensor::to_f64_vec).transpose().map_err(Error::from)?;
        let claimed = claimed.unwrap_or_else(|| vec![0.0; value.len()]);
        for (element, &claimed) in claimed.iter().enumerate() {
            let mut moved_by = |step: f64| {
                let mut moved = value.clone();
                let numbers = moved.as_mut_slice::<f64>().map_err(Error::from)?;
                numbers.get_mut(element).into_iter().for_each(|number| *number += step);
                at(moved)
            };
            let measured = (moved_by(step)? - moved_by(-step)?) / (2.0 * step);
            let error = (claimed - measured).abs() / claimed.abs().max(measured.abs()).max(1.0);
            // A NaN must not pass.
            if !matches!(error.partial_cmp(&tolerance), Some(std::cmp::Ordering::Less)) {
                let problem = format!(
                    "element {element} of {name} {}: backward says {claimed:e}, the finite difference {measured:e}, \
                     relative error {error:.1e}, allowed {tolerance:.1e}",
                    value.shape_value(),
                );
                return Err(Error::Gradcheck { problem }.into());
            }
            let Report { worst, elements } = self.report;
            self.report = Report { worst: worst.max(error), elements: elements + 1 };
        }
        Ok(())
    }

    /// What was compared.
    pub fn report(self) -> Report {
        self.report
    }
}

/// The outputs of a check as one number: the sum of their elements, each weighted by a fixed random number of its own.
///
/// # Errors
/// [`Error::Gradcheck`] for an output that is not `F64`.
pub fn project(outputs: &[Var]) -> Result<f64> {
    let mut sum = 0.0;
    for Seeded { output, seed } in seeds(outputs)? {
        let (values, seed) = (output.value().as_slice::<f64>()?, seed.as_slice::<f64>()?);
        sum += values.iter().zip(seed).map(|(value, weight)| value * weight).sum::<f64>();
    }
    Ok(sum)
}

/// The weights of [`project`], as what arrives at each output on the way back. Two outputs have different ones, so a
/// variable that both use must get the sum of two gradients.
///
/// # Errors
/// As [`project`].
pub fn seeds(outputs: &[Var]) -> Result<Vec<Seeded>> {
    let seeded = outputs.iter().enumerate().map(|(number, output)| {
        if output.dtype() != DType::F64 {
            let problem = format!("the function returns {}, expected f64", output.dtype());
            return Err(Error::Gradcheck { problem });
        }
        let key = Key::new(0x6772_6164).fold(number as u64);
        let weights: Vec<f64> =
            (0..output.value().len() as u64).map(|index| key.uniform_f64(index) + 0.5).collect();
        Ok(Seeded { output: output.clone(), seed: Tensor::from_slice(output.shape(), &weights)? })
    });
    seeded.collect()
}
