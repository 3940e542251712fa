//! The parts of a user's own have the standing of the built-in ones: gradients, paths, summary, files, training.

use cnn_autograd::gradcheck;
use cnn_layers::gradcheck as layers;
use cnn_layers::init::{Fans, Initializer};
use cnn_layers::{
    Ctx, Forward, Key, Mode, Result, Sequential, StateDict, Strictness, Summary, Var, cross_entropy,
    fold_statistics, for_each_parameter_mut, named_parameters,
};
use cnn_tensor::ops::{binary, unary};
use cnn_tensor::{DType, Tensor};
use outside::filters::Gabor;
use outside::loss::symmetric_cross_entropy;
use outside::mish::{Mish, mish};
use outside::network::Net;
use outside::scale::LayerScale;

fn numbers(shape: &[usize], seed: u64, dtype: DType) -> Tensor {
    let key = Key::new(seed);
    let values: Vec<f32> =
        (0..shape.iter().product::<usize>() as u64).map(|index| key.normal(index)).collect();
    Tensor::from_slice(shape, &values).unwrap().to_dtype(dtype).unwrap()
}

fn labels() -> Tensor {
    Tensor::from_slice(&[4], &[2i64, 0, 1, 2]).unwrap()
}

#[test]
fn the_rule_of_an_operation_agrees_with_differences() {
    let x = unary::scale(numbers(&[3, 7], 1, DType::F64), 3.0).unwrap();
    let report = gradcheck::check(&[x], |mut x| mish(x.remove(0))).unwrap();
    assert_eq!(report.elements, 21);
    // Far from zero: x to the right, nothing to the left.
    let x = Tensor::from_slice(&[2], &[200.0f32, -200.0]).unwrap();
    assert_eq!(mish(Var::constant(x)).unwrap().value().to_vec::<f32>().unwrap(), [200.0, -0.0]);
}

#[test]
fn the_gradients_of_layers_agree_with_differences() {
    let mut scale = LayerScale::new(3, 0.5).unwrap();
    let x = numbers(&[2, 4, 3], 2, DType::F64);
    let report =
        layers::check(&mut scale, &[x], Mode::Train, |scale, mut x, cx| scale.call(x.remove(0), cx)).unwrap();
    assert_eq!(report.elements, 24 + 3);

    let mut net = Net::new(2, 3, Key::new(3)).unwrap();
    let images = numbers(&[4, 6, 5, 2], 4, DType::F64);
    let report = layers::check(&mut net, &[images, labels()], Mode::Train, |net, mut inputs, cx| {
        let labels = inputs.remove(1);
        symmetric_cross_entropy(net.call(inputs.remove(0), cx)?, labels.value(), 1.0, 0.5)
    });
    assert!(report.unwrap().elements > 1000);
}

#[test]
fn a_loss_is_the_formula_of_its_paper() {
    let logits = Var::constant(Tensor::from_slice(&[1, 2], &[0.0f64, 0.0]).unwrap());
    let label = Tensor::from_slice(&[1], &[1i64]).unwrap();
    let loss = symmetric_cross_entropy(logits, &label, 0.1, 1.0).unwrap();
    // Half of the probability is not at the label, where the logarithm of the target is -4.
    assert!((loss.value().item().unwrap() - (0.1 * 2f64.ln() + 4.0 * 0.5)).abs() < 1e-12);
}

#[test]
fn an_initialiser_sets_the_length_of_each_filter() {
    let fans = Fans { fan_in: 75, fan_out: 1 };
    let weight = Gabor.tensor(&[5, 5, 3, 4], fans, Key::new(1)).unwrap().to_f64_vec().unwrap();
    for out in 0..4 {
        let squares: f64 = weight.iter().skip(out).step_by(4).map(|value| value * value).sum();
        assert!((squares - 2.0).abs() < 1e-5, "{squares}");
    }
    let error = Gabor.tensor(&[3, 4], fans, Key::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "Gabor: shape is [3, 4], expected [k_h, k_w, in_c, out_c]");
}

#[test]
fn the_summary_and_the_errors_name_the_parts() {
    let net = Net::new(3, 5, Key::new(1)).unwrap();
    let summary = Summary::of(&net, &[2, 32, 32, 3]).unwrap();
    let row = |layer: &str, operation: &str| {
        let mut rows = summary.rows.iter();
        rows.any(|row| row.layer == layer && row.operation == operation)
    };
    assert!(
        row("blocks.1", "mish") && row("blocks.0.scale", "mul") && row("blocks.1.deep.1", "conv2d"),
        "{summary}"
    );
    assert_eq!(
        summary.parameters,
        named_parameters(&net).iter().map(|(_, p)| p.value().len()).sum::<usize>()
    );

    let wrong = Sequential::new().then(Mish).then(LayerScale::new(4, 1.0).unwrap());
    let call = |layer: &dyn Forward, x: Tensor| {
        let mut cx = Ctx::inference();
        let x = cx.input(x);
        layer.call(x, &mut cx).map(Var::into_value)
    };
    let error = call(&wrong, numbers(&[2, 3], 1, DType::F32)).unwrap_err();
    assert_eq!(error.to_string(), "1: the input [2, 3] should have 4 channels");
    let error = call(&wrong, Tensor::zeros(&[2, 4], DType::I64).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "0: mish: the input is i64, expected f32 or f64");
}

#[test]
fn a_network_trains_and_comes_back_from_a_file() -> Result<()> {
    let mut net = Net::new(2, 3, Key::new(5))?;
    let images = numbers(&[4, 12, 10, 2], 6, DType::F32);
    let pass = |net: &Net, step: u64| -> Result<_> {
        let mut cx = Ctx::training(Key::new(9).fold(step));
        let x = cx.input(images.clone());
        let loss = symmetric_cross_entropy(net.call(x, &mut cx)?, &labels(), 1.0, 0.1)?;
        let value = loss.value().item()?;
        Ok((value, cx.backward(loss)?))
    };
    let (first, _) = pass(&net, 0)?;
    for step in 0..60 {
        let (_, applied) = pass(&net, step)?;
        for_each_parameter_mut(&mut net, |_, parameter| {
            let gradient = applied.gradients.get(parameter.id()).unwrap().clone();
            let change = unary::scale(gradient, -0.3).unwrap();
            *parameter.value_mut() = binary::add(change, parameter.value()).unwrap();
        });
        fold_statistics(&mut net, &applied.statistics)?;
    }
    let (last, _) = pass(&net, 0)?;
    assert!(last < 0.5 * first, "{first} to {last}");

    let bytes = StateDict::of(&net)?.to_safetensors(&Default::default())?;
    let mut other = Net::new(2, 3, Key::new(77))?;
    StateDict::from_safetensors(&bytes)?.load_into(&mut other, Strictness::Strict)?;
    let loss = |net: &Net| -> Result<f64> {
        let mut cx = Ctx::inference();
        let x = cx.input(images.clone());
        Ok(cross_entropy(net.call(x, &mut cx)?, &labels())?.value().item()?)
    };
    assert_eq!(loss(&net)?, loss(&other)?);
    Ok(())
}
