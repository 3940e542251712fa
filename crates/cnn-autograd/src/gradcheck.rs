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
    // Two runs with two directions: a variable that is used twice gets the sum of both gradients.
    let twice = |inputs: &[Var]| Ok::<_, Error>([function(inputs.to_vec())?, function(inputs.to_vec())?]);
    let project = |inputs: &[Var]| -> Result<f64> {
        let mut sum = 0.0;
        for (run, output) in twice(inputs)?.into_iter().enumerate() {
            let direction = direction(&output, run)?.to_vec::<f64>()?;
            let values = output.value().to_vec::<f64>()?;
            sum += values.iter().zip(&direction).map(|(value, weight)| value * weight).sum::<f64>();
        }
        Ok(sum)
    };

    let mut cx = Ctx::new(Recording::Gradients, Mode::Train, Key::new(0));
    let variables: Vec<Var> =
        inputs
            .iter()
            .map(|input| {
                if input.dtype() == DType::F64 { cx.variable(input.clone()) } else { cx.input(input.clone()) }
            })
            .collect();
    let seeded = twice(&variables)?.into_iter().enumerate().map(|(run, output)| {
        let seed = direction(&output, run)?;
        Ok(Seeded { output, seed })
    });
    let gradients = cx.backward_seeded(seeded.collect::<Result<_>>()?)?.gradients;

    let mut report = Report { worst: 0.0, elements: 0 };
    for (number, input) in inputs.iter().enumerate().filter(|(_, input)| input.dtype() == DType::F64) {
        let gradient = gradients.of(&variables[number]).map(Tensor::to_vec::<f64>).transpose()?;
        let gradient = gradient.unwrap_or_else(|| vec![0.0; input.len()]);
        for (element, &claimed) in gradient.iter().enumerate() {
            let at = |step: f64| -> Result<f64> {
                let mut moved = input.clone();
                moved.as_mut_slice::<f64>()?[element] += step;
                let mut point: Vec<Var> = inputs.iter().cloned().map(Var::constant).collect();
                point[number] = Var::constant(moved);
                project(&point)
            };
            let measured = (at(options.step)? - at(-options.step)?) / (2.0 * options.step);
            let error = (claimed - measured).abs() / claimed.abs().max(measured.abs()).max(1.0);
            // A NaN must not pass.
            if !matches!(error.partial_cmp(&options.tolerance), Some(std::cmp::Ordering::Less)) {
                return Err(Error::Gradcheck {
                    problem: format!(
                        "element {element} of input {number} {}: backward says {claimed:e}, the finite difference \
                         {measured:e}, relative error {error:.1e}, allowed {:.1e}",
                        input.shape_value(),
                        options.tolerance
                    ),
                });
            }
            report = Report { worst: report.worst.max(error), elements: report.elements + 1 };
        }
    }
    Ok(report)
}

/// A fixed random direction of the output's shape, different for each run.
fn direction(output: &Var, run: usize) -> Result<Tensor> {
    let key = Key::new(0x6772_6164).fold(run as u64);
    let values: Vec<f64> = (0..output.value().len() as u64).map(|i| key.uniform_f64(i) + 0.5).collect();
    if output.dtype() != DType::F64 {
        let problem = format!("the function returns {}, expected f64", output.dtype());
        return Err(Error::Gradcheck { problem });
    }
    Ok(Tensor::from_slice(output.shape(), &values)?)
}
