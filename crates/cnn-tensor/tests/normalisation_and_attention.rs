//! Normalisations and attention called with whatever arguments: each gives a tensor or an error, and none panics.

mod shapes;

use cnn_tensor::ops::attention::{self, Causality, Dropout, Inputs, Options};
use cnn_tensor::ops::{gate, group_norm, layer_norm, local_response_norm, normalize};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};
use proptest::prelude::*;
use shapes::dims;

/// A tensor of such axes, mostly of `f32`; sometimes without values.
fn tensor() -> impl Strategy<Value = Tensor> {
    (dims(), any::<u64>(), 0usize..24).prop_map(|(dims, seed, kind)| of(&dims, seed, kind))
}

fn of(dims: &[usize], seed: u64, kind: usize) -> Tensor {
    let dtype = DType::ALL.get(kind).copied().unwrap_or(DType::F32);
    if kind == 23 {
        return Tensor::shape_only(dims, dtype).unwrap();
    }
    Tensor::normal(dims, DType::F64, Key::new(seed)).unwrap().to_dtype(dtype).unwrap()
}

/// Three tensors and more: of one shape, of shapes of a family, or of any.
fn family() -> impl Strategy<Value = [Tensor; 4]> {
    let mixed = [tensor(), tensor(), tensor(), tensor()];
    let like = (tensor(), any::<u64>(), 0usize..24).prop_map(|(x, seed, kind)| {
        let others = [1, 2, 3].map(|n| of(x.shape(), seed.wrapping_add(n), kind));
        let [a, b, c] = others;
        [x, a, b, c]
    });
    let sequences = ([0usize..3, 0usize..4, 0usize..4, 1usize..3], any::<u64>()).prop_map(
        |([batch, queries, keys, channels], seed)| {
            let new = |rows, n| of(&[batch, rows, 2 * channels], seed.wrapping_add(n), 22);
            [new(queries, 0), new(keys, 1), new(keys, 2), new(queries, 3)]
        },
    );
    prop_oneof![mixed, like, sequences]
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0usize..5, 1 => Just(usize::MAX), 1 => Just(1 << 60)]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -1.0..2.0f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 2 => Just(1e-5), 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_normalisation_panics(
        tensors in family(), per_channel in [tensor(), tensor()], statistics in [tensor(), tensor()], groups in size(),
        epsilon in number(), other in number(), axes in size(), parts in 0usize..8,
    ) {
        let [x, grad, a, b] = &tensors;
        let [weight, bias] = &per_channel;
        let dims = x.shape();
        let normalized = &dims[dims.len().saturating_sub(axes)..];
        let weight = [None, Some(weight), Some(a)][parts % 3];
        let bias = [None, Some(bias), Some(b)][parts / 3];
        let wanted = layer_norm::Wanted { input: parts % 2 == 0, affine: parts < 6 };
        let affine = layer_norm::Affine { weight, bias, epsilon };
        let wide = statistics.each_ref().map(|x| x.to_dtype(DType::F64).unwrap());
        for normalized in [normalized, weight.map_or(&[][..], |weight| weight.shape())] {
            let forward = layer_norm::forward(x, normalized, affine);
            let made = forward.as_ref().ok().map(|forward| [&forward.mean, &forward.inverse_deviation]);
            for [mean, inverse_deviation] in made.into_iter().chain([[&wide[0], &wide[1]], [&statistics[0], a]]) {
                let saved = layer_norm::Saved { x, weight, mean, inverse_deviation };
                let _ = layer_norm::backward(saved, wanted, grad.clone());
            }
        }
        let forward = group_norm::forward(x, groups, affine);
        let made = forward.as_ref().ok().map(|forward| [&forward.mean, &forward.inverse_deviation]);
        for [mean, inverse_deviation] in made.into_iter().chain([[&wide[0], &wide[1]], [&statistics[0], a]]) {
            let saved = group_norm::Saved { x, weight, mean, inverse_deviation };
            let _ = group_norm::backward(saved, wanted, grad.clone());
            let _ = group_norm::averages(mean, inverse_deviation, epsilon, axes);
        }
        let options = local_response_norm::Options { size: groups, alpha: epsilon, beta: other, k: 1.0 };
        let _ = local_response_norm::forward(x.clone(), &options);
        let _ = local_response_norm::backward(x, &options, grad.clone());
        let _ = normalize::forward(x.clone(), axes, epsilon);
        let _ = normalize::backward(x, axes, epsilon, grad.clone());
        for factors in [a, weight.unwrap_or(b)] {
            let _ = gate::forward(x.clone(), factors);
            let wanted = gate::Wanted { input: wanted.input, factors: wanted.affine };
            let _ = gate::backward(x, factors, wanted, grad.clone());
        }
    }

    #[test]
    fn no_attention_panics(
        tensors in family(), mask in tensor(), heads in size(), scale in number(), probability in number(),
        choice in 0usize..64,
    ) {
        let [query, key, value, grad] = &tensors;
        let with = |bit: usize| choice & (1 << bit) != 0;
        let options = Options {
            heads,
            causality: if with(0) { Causality::Causal } else { Causality::All },
            scale: with(1).then_some(scale),
            dropout: with(2).then(|| Dropout { probability, key: Key::new(1) }),
        };
        let fits = |kind| match (query.shape(), key.shape()) {
            (&[_, queries, _], &[_, keys, _]) if queries.max(keys) < 10 => of(&[queries, keys], 1, kind),
            _ => mask.clone(),
        };
        let truth = DType::ALL.iter().position(|&dtype| dtype == DType::Bool).unwrap();
        let mask = [None, Some(mask.clone()), Some(fits(22)), Some(fits(truth))][choice % 4].clone();
        let wanted = attention::Wanted { query: with(3), key: with(4), value: with(5) };
        for inputs in [Inputs::Apart { query, key, value }, Inputs::Packed(query)] {
            let output = attention::forward(inputs, mask.as_ref(), &options);
            for grad in output.as_ref().into_iter().chain([grad]) {
                let _ = attention::backward(inputs, mask.as_ref(), &options, wanted, grad);
            }
        }
    }
}
