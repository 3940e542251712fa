//! Attention: of queries to keys, and of an image to its channels.

use cnn_layers::{
    Bias, HardSigmoid, Key, MultiHeadAttention, PRelu, QueryKeyValue, Result, Silu, SqueezeExcite, Tanh,
    Visible,
};
use cnn_tensor::{DType, Tensor};

use crate::member::{called, subject};
use crate::{Draw, Member, Setting, Subject};

/// A layer and its number of channels.
fn attention(d: &mut Draw) -> Result<(MultiHeadAttention, usize)> {
    let (heads, size) = (d.within(1..=2), d.channels());
    // There are about as many parameters as the square of the channels, and each is moved in turn.
    let size = if size > 5 { size } else { 1 + size / 2 };
    let builder =
        MultiHeadAttention::builder(heads * size, heads).bias(d.bias()).dropout(d.pick(&[0.0, 0.3]));
    Ok((builder.build(d.key())?, heads * size))
}

fn seen(d: &mut Draw, queries: usize, keys: usize) -> Tensor {
    let numbers = d.tensor(&[queries, keys]).to_f64_vec().unwrap();
    let seen: Vec<u8> = numbers.iter().map(|&number| u8::from(number > -0.7)).collect();
    Tensor::from_le_bytes(&[queries, keys], DType::Bool, &seen).unwrap()
}

fn visible(d: &mut Draw, queries: usize, keys: usize) -> Visible {
    match d.within(0..=2) {
        0 => Visible::default(),
        1 => Visible::causal(),
        _ => Visible::masked(seen(d, queries, keys)),
    }
}

/// The layer with three inputs.
fn crossed(layer: MultiHeadAttention, visible: Visible) -> Subject {
    subject(layer, move |layer, inputs, cx| {
        let Ok([query, key, value]) = <[_; 3]>::try_from(inputs) else { panic!("three inputs") };
        layer.call_qkv(QueryKeyValue { query, key, value }, &visible, cx)
    })
}

fn squeeze_excite(d: &mut Draw) -> Result<(SqueezeExcite, usize)> {
    let channels = d.channels();
    let builder = SqueezeExcite::builder(channels, d.within(1..=4));
    let builder = match d.within(0..=2) {
        0 => builder.activation(Silu),
        1 => builder.activation(Tanh),
        // A ReLU.
        _ => builder,
    };
    let builder = if d.within(0..=1) == 0 { builder.gate(HardSigmoid) } else { builder };
    Ok((builder.build(d.key())?, channels))
}

pub(crate) fn members() -> Vec<Member> {
    let key = || Key::new(1);
    vec![
        Member::new("MultiHeadAttention", |d| {
            let (layer, channels) = attention(d)?;
            let (batch, length) = (d.batch(), d.extent(1));
            let visible = visible(d, length, length);
            let run = subject(layer, move |layer, mut x, cx| layer.call_visible(x.remove(0), &visible, cx));
            Setting::new(run, [d.tensor(&[batch, length, channels])])
        })
        .torch("nn.MultiheadAttention")
        .case("self", move || Ok(called(MultiHeadAttention::new(6, 2, key())?)))
        .case("no_bias", move || {
            Ok(called(MultiHeadAttention::builder(4, 4).bias(Bias::Without).build(key())?))
        })
        .case("causal", move || {
            let layer = MultiHeadAttention::new(6, 3, key())?;
            Ok(subject(layer, |layer, mut x, cx| layer.call_visible(x.remove(0), &Visible::causal(), cx)))
        }),
        Member::new("MultiHeadAttention, of some inputs to others", |d| {
            let (layer, channels) = attention(d)?;
            let (batch, queries, keys) = (d.batch(), d.extent(1), d.extent(1));
            let visible = visible(d, queries, keys);
            let inputs = [queries, keys, keys].map(|length| d.tensor(&[batch, length, channels]));
            Setting::new(crossed(layer, visible), inputs)
        })
        .torch("nn.MultiheadAttention")
        .case("cross", move || Ok(crossed(MultiHeadAttention::new(6, 2, key())?, Visible::default())))
        .case("padded_keys", move || {
            // The mask of the script: the second image has two keys less.
            let seen = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0];
            let mask = Tensor::from_le_bytes(&[2, 1, 1, 5], DType::Bool, &seen)?;
            Ok(crossed(MultiHeadAttention::new(4, 2, key())?, Visible::masked(mask)))
        })
        .case("added", move || {
            let numbers: Vec<f64> = (0..12).map(|index| f64::from(index) / 4.0 - 1.0).collect();
            let mask = Tensor::from_slice(&[3, 4], &numbers)?;
            Ok(crossed(MultiHeadAttention::new(4, 1, key())?, Visible::masked(mask)))
        }),
        Member::new("SqueezeExcite", |d| {
            let (layer, channels) = squeeze_excite(d)?;
            let image = [d.batch(), d.extent(1), d.extent(1), channels];
            Setting::new(called(layer), [d.tensor(&image)])
        })
        .torch("torchvision.ops.SqueezeExcitation")
        .case("default", move || Ok(called(SqueezeExcite::new(6, 3, key())?)))
        .case("efficient", move || {
            Ok(called(SqueezeExcite::builder(5, 2).activation(Silu).gate(HardSigmoid).build(key())?))
        })
        .case("learnt", move || {
            let builder = SqueezeExcite::builder(3, 4).activation(PRelu::per_channel(4)?);
            Ok(called(builder.build(key())?))
        }),
    ]
}
