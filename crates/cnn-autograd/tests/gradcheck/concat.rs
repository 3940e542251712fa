//! Joining two and three variables, one of them twice.

use cnn_autograd::Var;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for setting in 0..24 {
        let key = Key::new(setting);
        let dims: Vec<usize> =
            (0..1 + key.below(0, 3)).map(|axis| 1 + key.below(1 + axis, 3) as usize).collect();
        let axis = key.below(8, dims.len() as u64) as usize;
        let mut other = dims.clone();
        other[axis] = key.below(9, 4) as usize;
        check("concat", &[random(&dims, setting), random(&other, setting + 1)], |v| {
            let joined = Var::concat(vec![v[0].clone(), v[1].clone(), v[0].clone()], axis)?;
            joined.clone().mul(joined)
        });
        check("stack", &[random(&dims, setting), random(&dims, setting + 1)], |v| {
            let joined = Var::stack(v, axis)?;
            joined.clone().mul(joined)
        });
    }
}

#[test]
fn gradients_of_joining_agree_with_differences() {
    cases();
}

#[test]
fn nothing_to_join_is_an_error() {
    assert!(Var::concat(Vec::new(), 0).is_err());
    assert!(Var::stack(Vec::new(), 0).is_err());
    let [a, b] = [random(&[2], 1), random(&[3], 2)].map(Var::constant);
    let error = Var::stack(vec![a, b], 0).unwrap_err().to_string();
    assert_eq!(error, "stack: inputs [[2], [3]] along axis 0, expected one shape that has room for it");
}
