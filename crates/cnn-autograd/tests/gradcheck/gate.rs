//! Images and their factors, whichever gradients are wanted.

use cnn_autograd::Var;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    let key = Key::new(0x6761);
    for setting in 0..24 {
        let size = |number: u64, bound: u64| 1 + key.fold(setting).below(number, bound) as usize;
        let spatial = (1..size(0, 3)).map(|axis| size(10 + axis as u64, 3));
        let mut shape: Vec<usize> = [size(1, 3)].into_iter().chain(spatial).collect();
        shape.push(size(2, 4));
        let mut between = vec![1; if setting % 2 == 0 { 0 } else { shape.len() - 2 }];
        between.insert(0, shape[0]);
        between.push(shape[shape.len() - 1]);
        let (x, factors) = (random(&shape, setting), random(&between, setting + 50));
        let case = format!("{shape:?} and {between:?}");
        check(&case, &[x.clone(), factors.clone()], |mut v| {
            let factors = v.remove(1);
            v.remove(0).gate(factors)
        });
        check(&format!("{case}, images"), std::slice::from_ref(&x), |mut v| {
            v.remove(0).gate(Var::constant(factors.clone()))
        });
        check(&format!("{case}, factors"), std::slice::from_ref(&factors), |mut v| {
            Var::constant(x.clone()).gate(v.remove(0))
        });
    }
}

#[test]
fn gradients_of_gate_agree_with_differences() {
    cases();
}
