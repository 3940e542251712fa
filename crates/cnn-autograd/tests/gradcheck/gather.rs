//! Elements and slices picked by index, some of them several times.

use cnn_autograd::Var;
use cnn_tensor::Tensor;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for setting in 0..24 {
        let key = Key::new(setting);
        let dims: Vec<usize> =
            (0..1 + key.below(0, 3)).map(|axis| 1 + key.below(1 + axis, 3) as usize).collect();
        let axis = key.below(8, dims.len() as u64) as usize;
        let mut picked = dims.clone();
        picked[axis] = 1 + key.below(9, 4) as usize;
        let indices = |shape: &[usize]| {
            let len = shape.iter().product::<usize>() as u64;
            let values: Vec<i64> =
                (0..len).map(|at| key.fold(1).below(at, dims[axis] as u64) as i64).collect();
            Tensor::from_slice(shape, &values).unwrap()
        };
        let (each, slices) = (indices(&picked), indices(&picked[axis..=axis]));
        check("gather", &[random(&dims, setting)], |mut v| {
            let y = v.remove(0).gather(&each, axis)?;
            y.clone().mul(y)
        });
        check("index_select", &[random(&dims, setting)], |mut v| {
            let y = v.remove(0).index_select(&slices, axis)?;
            y.clone().mul(y)
        });
        let source = random(&picked, setting + 1);
        check("scatter_add", &[random(&dims, setting), source.clone()], |mut v| {
            let source = v.remove(1);
            let y = v.remove(0).scatter_add(&each, source, axis)?;
            y.clone().mul(y)
        });
        check("index_add", &[random(&dims, setting), source], |mut v| {
            let source = v.remove(1);
            let y = v.remove(0).index_add(&slices, source, axis)?;
            y.clone().mul(y)
        });
    }
    let rows = Tensor::from_slice(&[2], &[1i64, 1]).unwrap();
    check("a variable added to itself", &[random(&[2, 3], 1)], |mut v| {
        let x = v.remove(0);
        x.clone().index_add(&rows, x, 0)
    });
}

#[test]
fn gradients_of_picking_agree_with_differences() {
    cases();
}

#[test]
fn an_index_out_of_range_is_refused_before_anything_is_computed() {
    let x = Var::constant(Tensor::from(random(&[2, 3], 1).spec()));
    let indices = Tensor::from_slice(&[2], &[0i64, 3]).unwrap();
    let error = x.index_select(&indices, 1).unwrap_err().to_string();
    assert!(error.starts_with("index_select: index is 3 at 1 of [2]"), "{error}");
}
