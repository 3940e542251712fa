//! `f32` against `f64`, forward and backward, on each instruction set.
//!
//! The kernels themselves are held to the sum of the products that each number is made of, where they are written; a
//! layer is held to the largest number of a tensor, whatever it is made of.

use cnn_layers::{Ctx, Key, Mode, Recording, Step, Var, convert, named_parameters};
use cnn_tensor::testing::on_each_level;
use cnn_tensor::{DType, Tensor};

use crate::draw::Scale;
use crate::{Member, Setting};

/// The output, the gradients of the inputs that have one, and those of the parameters, by name.
pub(crate) type Results = Vec<(String, Tensor)>;

/// A forward pass that has run.
pub(crate) struct Pass {
    cx: Ctx,
    inputs: Vec<Var>,
    pub(crate) output: Var,
}

/// Runs a setting forward in one precision.
pub(crate) fn forward(setting: &mut Setting, dtype: DType, mode: Mode) -> cnn_layers::Result<Pass> {
    convert(&mut setting.subject, dtype)?;
    let mut cx = Ctx::new(Recording::Gradients, mode, Key::new(3));
    let mut inputs = Vec::new();
    for input in &setting.inputs {
        let is_number = input.dtype().is_compute();
        inputs.push(if is_number { cx.variable(input.to_dtype(dtype)?) } else { cx.input(input.clone()) });
    }
    let output = setting.subject.run(inputs.clone(), &mut cx)?;
    Ok(Pass { cx, inputs, output })
}

/// Goes back over a pass: the gradients, and the statistics of the pass.
pub(crate) fn backward(setting: &Setting, pass: Pass) -> cnn_layers::Result<(Results, Step)> {
    let Pass { cx, inputs, output } = pass;
    let mut results = Vec::new();
    if !output.is_tracked() {
        return Ok((results, cx.finish()));
    }
    let key = Key::new(5);
    let weights = (0..output.value().len() as u64).map(|index| key.uniform(index) + 0.5);
    let seed =
        Tensor::from_slice(output.shape(), &weights.collect::<Vec<f32>>())?.to_dtype(output.dtype())?;
    let step = cx.backward_seeded(vec![cnn_autograd::Seeded { output, seed }])?;
    for (number, input) in inputs.iter().enumerate() {
        let gradient = step.gradients.of(input);
        results.extend(gradient.map(|gradient| (format!("grad_input.{number}"), gradient.clone())));
    }
    for (path, parameter) in named_parameters(&setting.subject) {
        if let Some(gradient) = step.gradients.get(parameter.id()) {
            results.push((format!("gradient.{path}"), parameter.layout().to_file(gradient)?));
        }
    }
    Ok((results, step))
}

/// Runs a setting forward and backward in one precision.
pub(crate) fn run(setting: &mut Setting, dtype: DType, mode: Mode) -> cnn_layers::Result<Results> {
    let pass = forward(setting, dtype, mode)?;
    let mut results = vec![("output".to_owned(), pass.output.value().clone())];
    results.extend(backward(setting, pass)?.0);
    Ok(results)
}

/// The largest absolute value.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// The largest difference of two tensors, of the largest number that is expected, which counts as `floor` where it is
/// less.
fn difference(met: &Tensor, expected: &Tensor, floor: f64) -> Result<f64, String> {
    if met.shape() != expected.shape() {
        return Err(format!("is {:?}, expected {:?}", met.shape(), expected.shape()));
    }
    let [met, expected] = [met, expected].map(|tensor| tensor.to_f64_vec().unwrap());
    let off = met.iter().zip(&expected).map(|(met, expected)| {
        let difference = (met - expected).abs();
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    let most = off.fold(0.0, f64::max);
    Ok(if most == 0.0 { 0.0 } else { most / largest(&expected).max(floor) })
}

/// Compares results by name and value. Where all of a tensor's numbers cancel, as the gradients of a bias before a batch
/// norm do, rounding is what is left: it is held to a thousandth of the largest number of all tensors and of one, which
/// is about the size of inputs and seeds.
pub(crate) fn compare(met: &Results, expected: &Results, tolerance: f64) -> Result<(), String> {
    let names = |results: &Results| results.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(met) != names(expected) {
        return Err(format!("has {:?}, expected {:?}", names(met), names(expected)));
    }
    let all = expected.iter().map(|(_, tensor)| largest(&tensor.to_f64_vec().unwrap()));
    let floor = 1e-3 * all.fold(1.0, f64::max);
    for ((name, met), (_, expected)) in met.iter().zip(expected) {
        let off = difference(met, expected, floor).map_err(|problem| format!("{name} {problem}"))?;
        if off > tolerance {
            return Err(format!("{name} is off by {off:.1e} of its largest number, allowed {tolerance:.1e}"));
        }
    }
    Ok(())
}

fn agrees(member: &Member, number: u64) -> Result<(), String> {
    for mode in [Mode::Train, Mode::Eval] {
        let text = |error: cnn_layers::Error| format!("{mode:?}: {error}");
        let expected = run(&mut member.setting(number, Scale::Small)?, DType::F64, mode).map_err(text)?;
        let mut result = Ok(());
        on_each_level(|level| {
            if result.is_ok() {
                result = member
                    .setting(number, Scale::Small)
                    .and_then(|mut setting| run(&mut setting, DType::F32, mode).map_err(text))
                    .and_then(|met| compare(&met, &expected, member.tolerance))
                    .map_err(|problem| format!("{mode:?} on {level}: {problem}"));
            }
        });
        result?;
    }
    Ok(())
}

#[test]
fn single_precision_agrees_with_double_on_each_instruction_set() {
    crate::each_setting(agrees);
}
