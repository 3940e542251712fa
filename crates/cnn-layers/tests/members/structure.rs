//! Shapes without values, an empty batch, files.

use cnn_layers::{Ctx, Key, Mode, Recording, StateDict, Strictness, convert, for_each_parameter_mut};
use cnn_tensor::testing::same_bits;
use cnn_tensor::{DType, Tensor};

use crate::Setting;
use crate::draw::Scale;
use crate::precision::run;

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
fn an_empty_batch_gives_an_empty_output_or_an_error() {
    crate::each_setting(|member, number| {
        let mut setting = member.setting(number, Scale::Small)?;
        for input in &mut setting.inputs {
            if input.rank() > 0 {
                *input = input.narrow(0..0).map_err(|error| error.to_string())?;
            }
        }
        for mode in [Mode::Train, Mode::Eval] {
            // An error is an answer, a panic is not.
            if let Ok(results) = run(&mut setting, DType::F32, mode, None) {
                for (name, tensor) in results.iter().filter(|(name, _)| name.starts_with("gradient.")) {
                    let values = tensor.to_f64_vec().map_err(|error| error.to_string())?;
                    if values.iter().any(|&value| value != 0.0) {
                        return Err(format!("{mode:?}: {name} of no images is {tensor:?}"));
                    }
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
        let mut setting = member.setting(number, Scale::Small)?;
        let before = run(&mut setting, DType::F32, Mode::Eval, None).map_err(text)?;
        let dict = StateDict::of(&setting.subject).map_err(text)?;
        let bytes = dict.to_safetensors(&Default::default()).map_err(text)?;
        for_each_parameter_mut(&mut setting.subject, |_, parameter| {
            let spec = parameter.value().spec();
            *parameter.value_mut() = Tensor::full(&spec.shape, 7.0, spec.dtype).unwrap();
        });
        let read = StateDict::from_safetensors(&bytes).map_err(text)?;
        read.load_into(&mut setting.subject, Strictness::Strict).map_err(text)?;
        let after = run(&mut setting, DType::F32, Mode::Eval, None).map_err(text)?;
        let same = before.iter().zip(&after).all(|((_, a), (_, b))| same_bits(a, b));
        if same { Ok(()) } else { Err("a file does not bring everything back".into()) }
    });
}
