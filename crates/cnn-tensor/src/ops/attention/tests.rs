//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Causality, Dropout, Gradients, Inputs, Options, Wanted, backward, forward};
use crate::random::Key;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const ALL: Wanted = Wanted { query: true, key: true, value: true };

/// Queries, keys, values, the gradient of the output, and perhaps a mask.
#[derive(Clone)]
struct Case {
    query: Tensor,
    key: Tensor,
    value: Tensor,
    grad: Tensor,
    mask: Option<Tensor>,
    options: Options,
}

/// Sizes of a case.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    head_size: usize,
    value_size: usize,
}

impl Case {
    fn new(sizes: Sizes, seed: u64) -> Self {
        let Sizes { batch, queries, keys, heads, head_size, value_size } = sizes;
        let random =
            |rows, channels, n| normal(&[batch, rows, channels], seed.wrapping_add(n), DType::F32).unwrap();
        Self {
            query: random(queries, heads * head_size, 0),
            key: random(keys, heads * head_size, 1),
            value: random(keys, heads * value_size, 2),
            grad: random(queries, heads * value_size, 3),
            mask: None,
            options: Options::new(heads),
        }
    }

    fn map(&self, change: impl Fn(&Tensor) -> Tensor) -> Self {
        let mask = self
            .mask
            .as_ref()
            .map(|mask| if mask.dtype() == DType::Bool { mask.clone() } else { change(mask) });
        let [query, key, value, grad] = [&self.query, &self.key, &self.value, &self.grad].map(change);
        Self { query, key, value, grad, mask, options: self.options }
    }

    fn wide(&self) -> Self {
        self.map(|x| x.to_dtype(DType::F64).unwrap())
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs::Apart { query: &self.query, key: &self.key, value: &self.value }
    }

    fn forward(&self) -> Tensor {
        forward(self.inputs(), self.mask.as_ref(), &self.options).unwrap()
    }

    fn backward(&self, wanted: Wanted) -> [Option<Tensor>; 3] {
        match backward(self.inputs(), self.mask.as_ref(), &self.options, wanted, &self.grad).unwrap() {
            Gradients::Apart { query, key, value } => [query, key, value],
            Gradients::Packed(_) => panic!("inputs apart have gradients apart"),
        }
    }

    /// Sums of the absolute values of what each number of output and gradients is made of: the same sums over absolute
    /// values, with the weights as they are, and a gradient of a weight counted with all that it is a difference of.
    fn scales(&self) -> [Tensor; 4] {
        let size = |x: &Tensor| (x.shape()[1], x.shape()[2]);
        let ((queries, features), (keys, values)) = (size(&self.query), size(&self.value));
        let (batch, heads) = (self.query.shape()[0], self.options.heads);
        let (d, dv) = (features / heads, values / heads);
        let [q, k, v, g] = [&self.query, &self.key, &self.value, &self.grad].map(|x| x.to_f64_vec().unwrap());
        // With the unit matrix for values the output is the weights.
        let one = |b: usize, h: usize| -> Vec<f64> {
            let cut = |x: &Tensor, rows: usize, c: usize| {
                let all = x.to_f64_vec().unwrap();
                let head = (0..rows)
                    .flat_map(|r| all[(b * rows + r) * heads * c + h * c..][..c].to_vec())
                    .collect::<Vec<f64>>();
                Tensor::from_slice(&[1, rows, c], &head).unwrap()
            };
            let unit: Vec<f64> =
                (0..keys * keys).map(|i| f64::from(u8::from(i / keys == i % keys))).collect();
            let unit = Tensor::from_slice(&[1, keys, keys], &unit).unwrap();
            let mask = self.mask.as_ref().map(|mask| {
                let [mb, mh, mq, mk] = match *mask.shape() {
                    [q, k] => [1, 1, q, k],
                    [b, h, q, k] => [b, h, q, k],
                    _ => panic!("a mask of another rank"),
                };
                let first = (if mb == 1 { 0 } else { b }) * mh + if mh == 1 { 0 } else { h };
                mask.clone()
                    .reshape(&[mb * mh, mq, mk])
                    .unwrap()
                    .narrow(first..first + 1)
                    .unwrap()
                    .reshape(&[1, 1, mq, mk])
                    .unwrap()
            });
            let scale = Some(self.options.scale.unwrap_or(1.0 / (d as f64).sqrt()));
            let options = Options { heads: 1, scale, dropout: None, ..self.options };
            let (query, key) = (cut(&self.query, queries, d), cut(&self.key, keys, d));
            let inputs = Inputs::Apart { query: &query, key: &key, value: &unit };
            forward(inputs, mask.as_ref(), &options).unwrap().to_f64_vec().unwrap()
        };
        let scale = self.options.scale.unwrap_or(1.0 / (d as f64).sqrt()).abs();
        let kept = self.options.dropout.map_or(1.0, |dropout| 1.0 / (1.0 - dropout.probability));
        let [mut out, mut of_q, mut of_k, mut of_v] =
            [g.len(), q.len(), k.len(), v.len()].map(|len| vec![0.0; len]);
        for (b, h) in (0..batch).flat_map(|b| (0..heads).map(move |h| (b, h))) {
            let weights = one(b, h);
            for i in 0..queries {
                let row = (b * queries + i) * heads + h;
                let weights = &weights[i * keys..][..keys];
                // An error of a score is a relative error of its weight, so the products of queries and keys count too.
                let products = |j: usize| {
                    let key_row = (b * keys + j) * heads + h;
                    (0..d).map(|c| (q[row * d + c] * k[key_row * d + c]).abs()).sum::<f64>() * scale
                };
                let amplified = 1.0 + (0..keys).map(products).fold(0.0, f64::max);
                let weights: Vec<f64> = weights.iter().map(|weight| weight * amplified).collect();
                let grads: Vec<f64> = (0..keys)
                    .map(|j| {
                        (0..dv)
                            .map(|c| (g[row * dv + c] * v[((b * keys + j) * heads + h) * dv + c]).abs())
                            .sum::<f64>()
                            * kept
                    })
                    .collect();
                let share: f64 = grads.iter().zip(&weights).map(|(grad, weight)| grad * weight).sum();
                for j in 0..keys {
                    let key_row = (b * keys + j) * heads + h;
                    let score = weights[j] * (grads[j] + share) * scale;
                    for c in 0..d {
                        of_q[row * d + c] += score * k[key_row * d + c].abs();
                        of_k[key_row * d + c] += score * q[row * d + c].abs();
                    }
                    for c in 0..dv {
                        out[row * dv + c] += kept * weights[j] * v[key_row * dv + c].abs();
                        of_v[key_row * dv + c] += kept * weights[j] * g[row * dv + c].abs();
                    }
                }
            }
        }
        let like = |x: &Tensor, values: Vec<f64>| Tensor::from_slice(x.shape(), &values).unwrap();
        [like(&self.grad, out), like(&self.query, of_q), like(&self.key, of_k), like(&self.value, of_v)]
    }
}

/// The `f32` path against the `f64` one on each instruction set.
fn compare(what: &str, case: &Case) {
    let wide = case.wide();
    let (expected, expected_back, scales) = (wide.forward(), wide.backward(ALL), wide.scales());
    on_each_level(|level| {
        let what = format!("{what} on {level}");
        for x in [&case.query, &case.key, &case.value, &case.grad] {
            poison(x.shape(), DType::F32).unwrap();
        }
        assert_close(&what, &case.forward(), &expected, &scales[0], 1e-5);
        let back = case.backward(ALL);
        let names = ["grad_query", "grad_key", "grad_value"];
        for (((got, expected), scale), name) in back.iter().zip(&expected_back).zip(&scales[1..]).zip(names) {
            let (got, expected) = (got.as_ref().unwrap(), expected.as_ref().unwrap());
            assert_close(&format!("{what} {name}"), got, expected, scale, 1e-5);
        }
    });
}

#[test]
fn a_small_case_by_hand() {
    // Scores 0 and ln 3 give weights of a quarter and three quarters; the first query sees both keys alike.
    let f64s = |shape: &[usize], values: &[f64]| Tensor::from_slice(shape, values).unwrap();
    let case = Case {
        query: f64s(&[1, 2, 1], &[0.0, 1.0]),
        key: f64s(&[1, 2, 1], &[0.0, 3f64.ln()]),
        value: f64s(&[1, 2, 2], &[8.0, 0.0, 16.0, 4.0]),
        grad: f64s(&[1, 2, 2], &[0.0, 0.0, 1.0, 0.0]),
        mask: None,
        options: Options { scale: Some(1.0), ..Options::new(1) },
    };
    let expected = f64s(&[1, 2, 2], &[12.0, 2.0, 14.0, 3.0]);
    // The gradient of the second weight is 16 - 14 and that of the first 8 - 14, each times its weight.
    let (three_quarters, ln_3) = (0.75 * 2.0, 3f64.ln());
    let back = [
        f64s(&[1, 2, 1], &[0.0, three_quarters * ln_3]),
        f64s(&[1, 2, 1], &[0.25 * -6.0, three_quarters]),
        f64s(&[1, 2, 2], &[0.25, 0.0, 0.75, 0.0]),
    ];
    for dtype in [DType::F32, DType::F64] {
        let case = case.map(|x| x.to_dtype(dtype).unwrap());
        on_each_level(|_| {
            let scale = Tensor::full(&[1, 2, 2], 16.0, DType::F64).unwrap();
            assert_close("output", &case.forward(), &expected, &scale, 1e-6);
            for (got, expected) in case.backward(ALL).iter().zip(&back) {
                let scale = Tensor::full(expected.shape(), 16.0, DType::F64).unwrap();
                assert_close("gradient", got.as_ref().unwrap(), expected, &scale, 1e-6);
            }
        });
    }
}

#[test]
fn packed_inputs_are_thirds_of_the_channels() {
    let sizes = Sizes { batch: 3, queries: 19, keys: 19, heads: 2, head_size: 5, value_size: 5 };
    let mut case = Case::new(sizes, 1);
    case.options.causality = Causality::Causal;
    for case in [case.wide(), case] {
        let columns =
            |x: &Tensor| x.to_f64_vec().unwrap().chunks(10).map(<[f64]>::to_vec).collect::<Vec<_>>();
        let together = |parts: [&Tensor; 3]| {
            let [q, k, v] = parts.map(columns);
            let rows = q.into_iter().zip(k).zip(v).flat_map(|((q, k), v)| [q, k, v].concat());
            let packed = Tensor::from_slice(&[3, 19, 30], &rows.collect::<Vec<f64>>()).unwrap();
            packed.to_dtype(case.query.dtype()).unwrap()
        };
        let packed = together([&case.query, &case.key, &case.value]);
        on_each_level(|_| {
            let inputs = Inputs::Packed(&packed);
            assert!(same_bits(&forward(inputs, None, &case.options).unwrap(), &case.forward()));
            let Gradients::Packed(got) = backward(inputs, None, &case.options, ALL, &case.grad).unwrap()
            else {
                panic!("packed inputs have packed gradients");
            };
            let [query, key, value] = case.backward(ALL).map(Option::unwrap);
            let expected = together([&query, &key, &value]);
            let scale = Tensor::full(expected.shape(), 1e-30, DType::F64).unwrap();
            assert_close("packed gradient", &got, &expected, &scale, 1e-5);
        });
    }
}

#[test]
fn a_causal_query_does_not_see_what_comes_after_it() {
    for (queries, keys) in [(9, 9), (300, 300), (5, 12), (12, 5)] {
        let sizes = Sizes { batch: 2, queries, keys, heads: 2, head_size: 3, value_size: 4 };
        let mut case = Case::new(sizes, 2);
        case.options.causality = Causality::Causal;
        on_each_level(|_| {
            let before = case.forward().to_f64_vec().unwrap();
            let mut changed = case.clone();
            // The last key and value of each image.
            for (x, channels) in [(&mut changed.key, 6), (&mut changed.value, 8)] {
                for image in x.as_mut_slice::<f32>().unwrap().chunks_mut(keys * channels) {
                    image[(keys - 1) * channels..].fill(9.0);
                }
            }
            let after = changed.forward().to_f64_vec().unwrap();
            for (index, (before, after)) in before.iter().zip(&after).enumerate() {
                let query = index / 8 % queries;
                assert_eq!(before == after, query < keys - 1, "{queries} x {keys}: query {query}");
            }
        });
        compare(&format!("causal {queries} x {keys}"), &case);
    }
}

#[test]
fn masks_of_truth_values_and_of_numbers_are_shared_by_what_they_have_one_of() {
    let sizes = Sizes { batch: 2, queries: 7, keys: 11, heads: 3, head_size: 2, value_size: 5 };
    for shape in [&[7, 11][..], &[1, 11], &[2, 1, 1, 11], &[1, 3, 7, 11], &[2, 3, 7, 11], &[1, 1, 1, 11]] {
        let numbers = normal(shape, 5, DType::F32).unwrap();
        let seen = numbers.to_f64_vec().unwrap().iter().map(|&x| u8::from(x > -0.3)).collect::<Vec<_>>();
        let seen = Tensor::from_le_bytes(shape, DType::Bool, &seen).unwrap();
        for mask in [numbers, seen] {
            let case = Case { mask: Some(mask), ..Case::new(sizes, 3) };
            compare(&format!("mask {shape:?}"), &case);
            let mut causal = case.clone();
            causal.options.causality = Causality::Causal;
            compare(&format!("causal with a mask {shape:?}"), &causal);
        }
    }
    // By hand: of the values 1, 2, 4 the first query sees the first and the last, the second all.
    let ones = Tensor::full(&[1, 2, 1], 0.0, DType::F32).unwrap();
    let key = Tensor::full(&[1, 3, 1], 1.0, DType::F32).unwrap();
    let value = Tensor::from_slice(&[1, 3, 1], &[1.0f32, 2.0, 4.0]).unwrap();
    let mask = Tensor::from_le_bytes(&[2, 3], DType::Bool, &[1, 0, 1, 1, 1, 1]).unwrap();
    let inputs = Inputs::Apart { query: &ones, key: &key, value: &value };
    let output = forward(inputs, Some(&mask), &Options::new(1)).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(output[0], 2.5);
    assert!((output[1] - 7.0 / 3.0).abs() < 1e-6);
}

#[test]
fn a_query_that_sees_nothing_gets_zeros_and_gives_no_gradient() {
    let sizes = Sizes { batch: 1, queries: 3, keys: 20, heads: 1, head_size: 2, value_size: 2 };
    let mut seen = vec![1u8; 60];
    seen[20..40].fill(0);
    let mask = Tensor::from_le_bytes(&[3, 20], DType::Bool, &seen).unwrap();
    let added: Vec<f32> = seen.iter().map(|&seen| if seen == 1 { 0.0 } else { f32::NEG_INFINITY }).collect();
    for mask in [mask, Tensor::from_slice(&[3, 20], &added).unwrap()] {
        let case = Case { mask: Some(mask), ..Case::new(sizes, 1) };
        for case in [case.wide(), case] {
            on_each_level(|_| {
                let output = case.forward().to_f64_vec().unwrap();
                assert!(output[2..4] == [0.0; 2] && output[0] != 0.0 && output.iter().all(|y| y.is_finite()));
                let [query, key, _] = case.backward(ALL).map(|x| x.unwrap().to_f64_vec().unwrap());
                assert!(query[2..4] == [0.0; 2] && key.iter().all(|x| x.is_finite()));
            });
        }
    }
}

#[test]
fn nan_and_infinite_scores_reach_their_own_query_alone() {
    for bad in [f32::NAN, f32::INFINITY] {
        let sizes = Sizes { batch: 1, queries: 5, keys: 18, heads: 1, head_size: 2, value_size: 2 };
        let mut case = Case::new(sizes, 1);
        case.query.as_mut_slice::<f32>().unwrap()[4] = bad;
        for case in [case.wide(), case] {
            on_each_level(|_| {
                for (index, y) in case.forward().to_f64_vec().unwrap().into_iter().enumerate() {
                    assert_eq!(y.is_nan(), index / 2 == 2, "{bad} {index}");
                }
            });
        }
    }
}

#[test]
fn dropped_weights_are_those_of_the_key_forward_and_backward() {
    let sizes = Sizes { batch: 2, queries: 6, keys: 21, heads: 2, head_size: 3, value_size: 2 };
    for (probability, causality) in [(0.3, Causality::All), (0.6, Causality::Causal), (0.0, Causality::All)] {
        let mut case = Case::new(sizes, 4);
        let dropout = Dropout { probability, key: Key::new(9) };
        case.options = Options { dropout: Some(dropout), causality, ..case.options };
        compare(&format!("dropout of {probability}"), &case);
        let without = Options { dropout: None, ..case.options };
        let plain = forward(case.inputs(), None, &without).unwrap();
        assert_eq!(same_bits(&plain, &case.forward()), probability == 0.0);
    }
    // With weights of one half each, the output is what is kept of each value, doubled.
    let key = Key::new(3);
    let [q, k] = [1, 2].map(|rows| Tensor::zeros(&[1, rows, 1], DType::F32).unwrap());
    let value = Tensor::from_slice(&[1, 2, 1], &[1.0f32, 10.0]).unwrap();
    let options = Options { dropout: Some(Dropout { probability: 0.5, key }), ..Options::new(1) };
    let inputs = Inputs::Apart { query: &q, key: &k, value: &value };
    let kept = |index| if key.uniform(index) >= 0.5 { 1.0 } else { 0.0 };
    assert_eq!(forward(inputs, None, &options).unwrap().item().unwrap(), kept(0) + 10.0 * kept(1));
}

#[test]
fn an_image_does_not_depend_on_its_batch_mates() {
    let sizes = Sizes { batch: 4, queries: 70, keys: 70, heads: 3, head_size: 8, value_size: 8 };
    let case = Case::new(sizes, 1);
    let one = case.map(|x| x.narrow(2..3).unwrap());
    assert!(same_bits(&one.forward(), &case.forward().narrow(2..3).unwrap()));
}

#[test]
fn a_gradient_does_not_depend_on_which_others_are_wanted() {
    let sizes = Sizes { batch: 2, queries: 40, keys: 33, heads: 2, head_size: 7, value_size: 3 };
    let case = Case::new(sizes, 1);
    for case in [case.wide(), case] {
        let all = case.backward(ALL);
        for number in 0..8 {
            let wanted = Wanted { query: number & 1 > 0, key: number & 2 > 0, value: number & 4 > 0 };
            let parts = [wanted.query, wanted.key, wanted.value];
            for ((some, all), wanted) in case.backward(wanted).iter().zip(&all).zip(parts) {
                assert_eq!(some.is_some(), wanted);
                assert!(some.as_ref().is_none_or(|some| same_bits(some, all.as_ref().unwrap())));
            }
        }
    }
}

#[test]
fn nothing_to_attend_to_is_zero_and_an_empty_batch_is_empty() {
    for (batch, queries, keys) in [(0, 3, 4), (2, 0, 4), (2, 3, 0), (2, 0, 0)] {
        let sizes = Sizes { batch, queries, keys, heads: 2, head_size: 3, value_size: 1 };
        let case = Case::new(sizes, 1);
        for case in [case.wide(), case] {
            let output = case.forward();
            assert_eq!(output.shape(), [batch, queries, 2]);
            assert!(output.to_f64_vec().unwrap().iter().all(|&y| y == 0.0));
            for (gradient, x) in case.backward(ALL).iter().zip([&case.query, &case.key, &case.value]) {
                let gradient = gradient.as_ref().unwrap();
                assert_eq!(gradient.shape(), x.shape());
                assert!(gradient.to_f64_vec().unwrap().iter().all(|&y| y == 0.0));
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let sizes = Sizes { batch: 2, queries: 3, keys: 4, heads: 2, head_size: 3, value_size: 1 };
    let case = Case::new(sizes, 1);
    let refused = |case: &Case| forward(case.inputs(), case.mask.as_ref(), &case.options).unwrap_err();
    let with = |options: Options| refused(&Case { options, ..case.clone() });
    for heads in [0, 4, usize::MAX] {
        assert!(matches!(with(Options::new(heads)), Error::Argument { name: "heads", .. }));
    }
    assert_eq!(
        with(Options::new(3)).to_string(),
        "attention: heads is 3 for 6 channels of queries and 2 of values, expected a divisor of the channels, of which \
         there are some"
    );
    let dropout = Some(Dropout { probability: 1.5, key: Key::new(1) });
    let error = with(Options { dropout, ..case.options });
    assert!(matches!(error, Error::Argument { name: "probability", .. }));
    let error = with(Options { scale: Some(f64::NAN), ..case.options });
    assert!(matches!(error, Error::Argument { name: "scale", .. }));
    let error = refused(&Case { key: case.value.clone(), ..case.clone() }).to_string();
    assert!(error.contains("queries [2, 3, 6], keys [2, 4, 2] and values [2, 4, 2] differ"), "{error}");
    let flat = case.query.clone().reshape(&[6, 6]).unwrap();
    assert!(matches!(refused(&Case { query: flat, ..case.clone() }), Error::Shape { .. }));
    let double = case.key.to_dtype(DType::F64).unwrap();
    assert!(matches!(refused(&Case { key: double, ..case.clone() }), Error::DType { .. }));
    for (shape, dtype) in
        [(&[4, 3][..], DType::Bool), (&[3, 1], DType::F32), (&[2, 4], DType::F32), (&[4], DType::F32)]
    {
        let mask = Some(Tensor::zeros(shape, dtype).unwrap());
        let error = refused(&Case { mask, ..case.clone() }).to_string();
        assert!(error.contains("expected [3, 4] or [2, 2, 3, 4]"), "{error}");
    }
    let mask = Some(Tensor::zeros(&[3, 4], DType::U8).unwrap());
    assert!(matches!(refused(&Case { mask, ..case.clone() }), Error::DType { .. }));
    let odd = Tensor::zeros(&[1, 2, 10], DType::F32).unwrap();
    assert!(matches!(forward(Inputs::Packed(&odd), None, &case.options), Err(Error::Shape { .. })));
    let back = backward(case.inputs(), None, &case.options, ALL, &case.query);
    assert!(matches!(back, Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    for (queries, keys, causality) in [(150, 150, Causality::All), (260, 90, Causality::Causal)] {
        let sizes = Sizes { batch: 2, queries, keys, heads: 3, head_size: 16, value_size: 16 };
        let mut case = Case::new(sizes, 1);
        case.options.causality = causality;
        assert_threads_change_nothing("forward", || vec![case.forward()]);
        assert_threads_change_nothing("backward", || case.backward(ALL).map(Option::unwrap).into());
    }
}

#[test]
fn many_keys_and_wide_heads_are_summed_in_parts() {
    let sizes = Sizes { batch: 1, queries: 20, keys: 1300, heads: 1, head_size: 500, value_size: 20 };
    compare("many keys", &Case::new(sizes, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Heads narrower and wider than a vector, one query and several blocks of them.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        batch in 1usize..3,
        queries in prop_oneof![1usize..20, Just(140)],
        keys in prop_oneof![1usize..40, Just(150)],
        heads in 1usize..4,
        head_size in prop_oneof![1usize..9, Just(32), Just(37)],
        value_size in prop_oneof![1usize..9, Just(32), Just(37)],
        causal in any::<bool>(),
        scale in prop_oneof![Just(None), (-1.0f64..1.0).prop_map(Some)],
        seed in any::<u64>(),
    ) {
        let sizes = Sizes { batch, queries, keys, heads, head_size, value_size };
        let mut case = Case::new(sizes, seed);
        let causality = if causal { Causality::Causal } else { Causality::All };
        case.options = Options { causality, scale, ..case.options };
        compare(&format!("{sizes:?} {causality:?}"), &case);
    }
}
