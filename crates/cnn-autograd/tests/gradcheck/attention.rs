//! Attention in one head and several, causal and masked, with weights dropped, whichever gradients are wanted.

use cnn_autograd::Var;
use cnn_autograd::ops::attention::KeysAndValues;
use cnn_tensor::ops::attention::{Causality, Dropout, Options};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use crate::{check, random};

/// A mask of numbers, of truth values, or none; each query sees some key but perhaps the first.
fn mask(kind: u64, [batch, heads, queries, keys]: [usize; 4], seed: u64) -> Option<Tensor> {
    let shapes = [vec![queries, keys], vec![batch, 1, 1, keys], vec![1, heads, queries, keys]];
    let shape = &shapes[seed as usize % 3];
    match kind {
        0 => None,
        1 => Some(random(shape, seed + 7)),
        _ => {
            let numbers = random(shape, seed + 8).to_f64_vec().unwrap();
            let seen: Vec<u8> = numbers.iter().map(|&x| u8::from(x > -0.4)).collect();
            Some(Tensor::from_le_bytes(shape, DType::Bool, &seen).unwrap())
        }
    }
}

pub(crate) fn cases() {
    let key = Key::new(0x6174);
    for setting in 0..24 {
        let size = |number: u64, bound: u64| 1 + key.fold(setting).below(number, bound) as usize;
        let (batch, heads, queries, keys) = (size(0, 2), size(1, 3), size(2, 4), size(3, 5));
        let (head_size, value_size) = (size(4, 3), size(5, 3));
        let causality = if size(6, 2) == 1 { Causality::All } else { Causality::Causal };
        let dropout = (size(7, 3) == 1).then(|| Dropout { probability: 0.4, key: key.fold(setting + 100) });
        let scale = (size(8, 2) == 1).then_some(1.3);
        let options = Options { heads, causality, scale, dropout };
        let seed = 10 * setting;
        let all = [
            random(&[batch, queries, heads * head_size], seed),
            random(&[batch, keys, heads * head_size], seed + 1),
            random(&[batch, keys, heads * value_size], seed + 2),
        ];
        let kind = setting % 3;
        let choice = 1 + setting as usize % 7;
        for choice in [7, choice] {
            let varies = |input: usize| choice & (1 << input) != 0;
            let wanted: Vec<Tensor> = (0..3).filter(|&i| varies(i)).map(|i| all[i].clone()).collect();
            let case =
                format!("{options:?}, {queries} queries, {keys} keys, mask {kind}, of which vary {choice:b}");
            check(&case, &wanted, |variables| {
                let mut variables = variables.into_iter();
                let mut input = |index: usize| match varies(index) {
                    true => variables.next().unwrap(),
                    false => Var::constant(all[index].clone()),
                };
                let (query, keys_of, values) = (input(0), input(1), input(2));
                let mask = mask(kind, [batch, heads, queries, keys], seed);
                query.attention(KeysAndValues { keys: keys_of, values }, mask, options)
            });
        }
        let packed = random(&[batch, queries, 3 * heads * head_size], seed + 3);
        check(&format!("packed, {options:?}, mask {kind}"), &[packed], |mut x| {
            let mask = mask(kind, [batch, heads, queries, queries], seed);
            x.remove(0).packed_attention(mask, options)
        });
    }
    check("queries that are their own keys and values", &[random(&[2, 3, 4], 1)], |mut x| {
        let x = x.remove(0);
        x.clone().attention(KeysAndValues { keys: x.clone(), values: x }, None, Options::new(2))
    });
}

#[test]
fn gradients_of_attention_agree_with_differences() {
    cases();
}

#[test]
fn shapes_that_do_not_fit_are_refused_before_anything_is_computed() {
    let error = Var::constant(random(&[1, 2, 6], 1)).packed_attention(None, Options::new(4)).unwrap_err();
    assert!(error.to_string().contains("heads is 4 for 2 channels"), "{error}");
    let mask = Some(random(&[3, 3], 2));
    let error = Var::constant(random(&[1, 2, 6], 1)).packed_attention(mask, Options::new(1)).unwrap_err();
    assert!(error.to_string().contains("mask [3, 3], expected [2, 2]"), "{error}");
}
