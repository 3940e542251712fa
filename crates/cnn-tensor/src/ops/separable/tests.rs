//! Any taps at all, against the reference.

use proptest::prelude::*;

use super::{Axis, Separable, Tap};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Tensor};

/// An axis whose elements are made of none to three others, of some weight.
fn axis(input: usize) -> impl Strategy<Value = Axis> {
    let tap = (0..input, -2.0..2.0f64).prop_map(|(from, weight)| Tap { from, weight });
    let taps = prop::collection::vec(prop::collection::vec(tap, 0..4), 1..9);
    taps.prop_map(move |mut taps| {
        taps.iter_mut().for_each(|taps| taps.sort_by_key(|tap| tap.from));
        Axis::new([input, taps.len()], |index| taps[index].clone())
    })
}

fn output(map: &Separable, x: &Tensor, empty: f64) -> Tensor {
    let shape = [x.shape()[0], map.rows.output(), map.columns.output(), x.shape()[3]];
    poison(&shape, x.dtype()).unwrap();
    let mut output = Tensor::stale(&shape, x.dtype()).unwrap();
    map.forward("test", x, empty, &mut output).unwrap();
    output
}

fn back(map: &Separable, grad: &Tensor) -> Tensor {
    let shape = [grad.shape()[0], map.rows.input, map.columns.input, grad.shape()[3]];
    poison(&shape, grad.dtype()).unwrap();
    let mut result = Tensor::stale(&shape, grad.dtype()).unwrap();
    map.backward("test", grad, &mut result).unwrap();
    result
}

/// The map with the absolute values of its weights, of the absolute values of the numbers: the scale of an error.
fn absolute(map: &Separable, x: &Tensor) -> (Separable, Tensor) {
    let of_axis = |axis: &Axis| {
        let mut axis = axis.clone();
        axis.taps.iter_mut().for_each(|tap| tap.weight = tap.weight.abs());
        axis
    };
    let values: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| x.abs()).collect();
    let map = Separable { rows: of_axis(&map.rows), columns: of_axis(&map.columns) };
    (map, Tensor::from_slice(x.shape(), &values).unwrap())
}

#[test]
fn a_transposed_axis_lists_what_each_element_went_into() {
    let taps = [vec![], vec![Tap { from: 2, weight: 0.5 }], vec![Tap::whole(0), Tap::whole(2)]];
    let back = Axis::new([3, 3], |index| taps[index].clone()).transposed();
    assert_eq!(back.of(0), [Tap::whole(2)]);
    assert_eq!(back.of(1), []);
    assert_eq!(back.of(2), [Tap { from: 1, weight: 0.5 }, Tap::whole(2)]);
    assert_eq!(back.transposed(), Axis::new([3, 3], |index| taps[index].clone()));
}

#[test]
fn threads_change_nothing() {
    let halves = |from| [Tap { from, weight: 0.5 }, Tap { from: from + 1, weight: 0.5 }];
    let rows = Axis::new([60, 59], halves);
    let columns = Axis::new([50, 49], halves);
    let map = Separable { rows, columns };
    let x = normal(&[2, 60, 50, 20], 1, DType::F32).unwrap();
    assert_threads_change_nothing("separable", || vec![output(&map, &x, 0.0)]);
    let y = output(&map, &x, 0.0);
    assert_threads_change_nothing("its gradient", || vec![back(&map, &y)]);
}

#[test]
fn the_one_row_of_a_sequence_is_shared_and_whole() {
    let halves = |from| [Tap { from, weight: 0.5 }, Tap { from: from + 1, weight: 0.5 }];
    let map =
        Separable { rows: Axis::new([1, 1], |_| [Tap::whole(0)]), columns: Axis::new([9001, 9000], halves) };
    let x = normal(&[1, 1, 9001, 5], 1, DType::F32).unwrap();
    assert_threads_change_nothing("a sequence", || vec![output(&map, &x, 0.0)]);
    let y = output(&map, &x, 0.0);
    assert_threads_change_nothing("its gradient", || vec![back(&map, &y)]);
    let expected = output(&map, &x.to_dtype(DType::F64).unwrap(), 0.0);
    let (plain, sizes) = absolute(&map, &x);
    assert_close("a sequence", &output(&map, &x, 0.0), &expected, &output(&plain, &sizes, 0.0), 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        (rows, columns) in (1usize..8, 1usize..8).prop_flat_map(|(h, w)| (axis(h), axis(w))),
        (batch, channels) in (1usize..3, prop_oneof![1usize..20, Just(70)]),
        seed in any::<u64>(),
    ) {
        let map = Separable { rows, columns };
        let x = normal(&[batch, map.rows.input, map.columns.input, channels], seed, DType::F32).unwrap();
        let wide = x.to_dtype(DType::F64).unwrap();
        let expected = output(&map, &wide, -3.0);
        let (plain, sizes) = absolute(&map, &x);
        let scale = output(&plain, &sizes, 3.0);
        let grad = normal(expected.shape(), !seed, DType::F32).unwrap();
        let expected_back = back(&map, &grad.to_dtype(DType::F64).unwrap());
        let (plain, sizes) = absolute(&map, &grad);
        let scale_back = back(&plain, &sizes);
        on_each_level(|_| {
            assert_close("forward", &output(&map, &x, -3.0), &expected, &scale, 1e-6);
            assert_close("backward", &back(&map, &grad), &expected_back, &scale_back, 1e-6);
        });
    }

    #[test]
    fn copies_have_the_bits_of_the_reference(
        (size, from) in (1usize..9).prop_flat_map(|size| (
            Just(size),
            prop::collection::vec(prop::option::of(0..size), 1..20),
        )),
        channels in 1usize..6,
        seed in any::<u64>(),
    ) {
        let axis = || Axis::new([size, from.len()], |index| from[index].map(Tap::whole));
        let map = Separable { rows: axis(), columns: axis() };
        let x = normal(&[2, size, size, channels], seed, DType::F32).unwrap();
        let expected = output(&map, &x.to_dtype(DType::F64).unwrap(), -0.5).to_dtype(DType::F32).unwrap();
        prop_assert!(same_bits(&output(&map, &x, -0.5), &expected));
    }
}
