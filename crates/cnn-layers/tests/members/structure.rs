//! Shapes without values, an empty batch, files, batch mates.

use cnn_layers::{
    Ctx, Key, Mode, Recording, StateDict, Strictness, convert, fold_statistics, for_each_parameter_mut,
};
use cnn_tensor::testing::same_bits;
use cnn_tensor::{DType, Tensor};

use crate::Setting;
use crate::draw::Scale;
use crate::precision::{Results, backward, forward, run};

/// The output for inputs in another's place.
fn output(setting: &Setting, inputs: &[Tensor], cx: &mut Ctx) -> cnn_layers::Result<Tensor> {
    let inputs = inputs.iter().map(|input| cx.input(input.clone())).collect();
    Ok(setting.subject.run(inputs, cx)?.into_value())
}

#[test]
fn what_is_inferred_from_shapes_is_what_is_computed() {
    crate::each_setting(|member, number| {
        for mode in [Mode::Train, Mode::Eval] {
            let mut setting = member.setting(number, Scale::Small)?;
            convert(&mut setting.subject, DType::F64).map_err(|error| error.to_string())?;
            let computed =
                output(&setting, &setting.inputs, &mut Ctx::new(Recording::None, mode, Key::new(1)));
            // Labels and masks keep their values: a network's input is what has no values in a summary.
            let shapes: Vec<Tensor> = setting
                .inputs
                .iter()
                .map(|input| match input.dtype() {
                    DType::F64 => input.spec().into(),
                    _ => input.clone(),
                })
                .collect();
            let inferred = output(&setting, &shapes, &mut Ctx::trace(mode));
            match (computed, inferred) {
                (Ok(computed), Ok(inferred)) if computed.spec() == inferred.spec() => {}
                (computed, inferred) => return Err(format!("computed {computed:?}, inferred {inferred:?}")),
            }
        }
        Ok(())
    });
}

#[test]
fn an_empty_batch_gives_an_empty_output_and_no_gradients() {
    crate::each_setting(|member, number| {
        let mut whole = member.setting(number, Scale::Small)?;
        let mut setting = member.setting(number, Scale::Small)?;
        for input in &mut setting.inputs {
            if input.rank() > 0 {
                *input = input.narrow(0..0).map_err(|error| error.to_string())?;
            }
        }
        for mode in [Mode::Train, Mode::Eval] {
            let of = |setting: &mut Setting| {
                run(setting, DType::F32, mode).map_err(|error| format!("{mode:?}: {error}"))
            };
            let (expected, results) = (of(&mut whole)?, of(&mut setting)?);
            for (place, input) in setting.inputs.iter().enumerate() {
                let gradient = |results: &Results| {
                    let name = format!("grad_input.{place}");
                    results
                        .iter()
                        .find(|(other, _)| *other == name)
                        .map(|(_, tensor)| tensor.shape().to_vec())
                };
                let met = gradient(&results);
                if met != gradient(&expected).map(|_| input.shape().to_vec()) {
                    return Err(format!("{mode:?}: input {place} is {input:?}, its gradient {met:?}"));
                }
            }
            let (_, output) = &results[0];
            // A loss of nothing is a number, or not one.
            if !output.is_empty() && output.rank() > 0 {
                return Err(format!("{mode:?}: the output of no images is {output:?}"));
            }
            for (name, tensor) in results.iter().filter(|(name, _)| name.starts_with("gradient.")) {
                let values = tensor.to_f64_vec().map_err(|error| error.to_string())?;
                if values.iter().any(|&value| value != 0.0) {
                    return Err(format!("{mode:?}: {name} of no images is {tensor:?}"));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_state_dict_brings_back_every_parameter_and_buffer() {
    crate::each_setting(|member, number| {
        let text = |error: cnn_layers::Error| error.to_string();
        let mut trained = member.setting(number, Scale::Small)?;
        // Statistics that have moved, and parameters that are not those of a new layer.
        let pass = forward(&mut trained, DType::F32, Mode::Train).map_err(text)?;
        let (_, step) = backward(&trained, pass).map_err(text)?;
        fold_statistics(&mut trained.subject, &step.statistics).map_err(text)?;
        let mut place = 0;
        for_each_parameter_mut(&mut trained.subject, |_, parameter| {
            place += 1;
            let value = parameter.value_mut();
            let other = cnn_layers::init::uniform(value.shape(), 0.8, Key::new(7).fold(place)).unwrap();
            *value = other.to_dtype(value.dtype()).unwrap();
        });
        let dict = StateDict::of(&trained.subject).map_err(text)?;
        let bytes = dict.to_safetensors(&Default::default()).map_err(text)?;
        let mut fresh = member.setting(number, Scale::Small)?;
        let read = StateDict::from_safetensors(&bytes).map_err(text)?;
        read.load_into(&mut fresh.subject, Strictness::Strict).map_err(text)?;
        let loaded = StateDict::of(&fresh.subject).map_err(text)?;
        for (key, tensor) in dict.iter() {
            if !loaded.get(key).is_some_and(|loaded| same_bits(loaded, tensor)) {
                return Err(format!("{key} is not brought back"));
            }
        }
        // What is in no file would differ here.
        let [expected, met] = [&mut trained, &mut fresh].map(|setting| run(setting, DType::F32, Mode::Eval));
        let (expected, met) = (expected.map_err(text)?, met.map_err(text)?);
        let same = expected.iter().zip(&met).all(|((_, a), (_, b))| same_bits(a, b));
        if same { Ok(()) } else { Err("a file does not bring everything back".into()) }
    });
}

/// Whether each image comes out of the first `count` of a batch as out of the whole.
fn is_alone(setting: &mut Setting, whole: &Tensor, count: usize) -> cnn_layers::Result<bool> {
    let inputs = setting.inputs.clone();
    for input in setting.inputs.iter_mut().filter(|input| input.rank() > 0) {
        *input = input.narrow(0..count)?;
    }
    let first = forward(setting, DType::F32, Mode::Eval)?.output.into_value();
    setting.inputs = inputs;
    // A batch that comes out as rows of something else: so many for each image.
    let rows = whole.shape()[0] / setting.inputs[0].shape()[0];
    Ok(same_bits(&first, &whole.narrow(0..rows * count)?))
}

#[test]
fn what_becomes_of_an_image_does_not_depend_on_its_batch_mates() {
    crate::each_setting(|member, number| {
        for scale in [Scale::Small, Scale::Large] {
            let mut setting = member.setting(number, scale)?;
            // Large settings take time, and few meet each algorithm.
            if setting.mixes || (scale == Scale::Large && !number.is_multiple_of(8)) {
                continue;
            }
            let text = |error: cnn_layers::Error| format!("{scale:?}: {error}");
            let whole = forward(&mut setting, DType::F32, Mode::Eval).map_err(text)?.output.into_value();
            // A loss of all of them is one number.
            if whole.rank() == 0 {
                continue;
            }
            let batch = setting.inputs[0].shape()[0];
            let counts: &[usize] = if scale == Scale::Small { &[1, 2] } else { &[1, batch - 1] };
            for &count in counts.iter().filter(|&&count| count < batch) {
                if !is_alone(&mut setting, &whole, count).map_err(text)? {
                    return Err(format!(
                        "{scale:?}: {count} of {batch} images differ from those of the batch"
                    ));
                }
            }
        }
        Ok(())
    });
}
