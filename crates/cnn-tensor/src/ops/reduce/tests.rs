//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{
    Keep, Norm, Variance, all_over, any_over, arg_max, arg_max_over, arg_min_over, extreme_over_backward,
    is_finite, l2_over_backward, max_abs_difference, max_over, mean, mean_over, min_over, norm_over,
    prod_over, sum, sum_leading, sum_over, var_over,
};
use crate::ops::broadcast::reference::place;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const NAN: f32 = f32::NAN;
const INFINITY: f32 = f32::INFINITY;

fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

#[test]
fn small_sums_by_hand() {
    let x = tensor(&[2, 1, 3], &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    on_each_level(|_| {
        assert_eq!(sum(&x).unwrap().item().unwrap(), 66.0);
        assert_eq!(mean(&x).unwrap().item().unwrap(), 11.0);
        assert_eq!(sum_leading(&x).unwrap().to_vec::<f32>().unwrap(), [11.0, 22.0, 33.0]);
    });
    assert_eq!(sum(&x).unwrap().shape(), [0usize; 0]);
}

#[test]
fn nothing_sums_to_zero_and_has_no_mean() {
    let x = Tensor::zeros(&[0, 3], DType::F32).unwrap();
    assert_eq!(sum(&x).unwrap().item().unwrap(), 0.0);
    assert!(mean(&x).unwrap().item().unwrap().is_nan());
    assert_eq!(sum_leading(&x).unwrap().to_vec::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(arg_max(&x).unwrap().shape(), [0]);
    assert_eq!(sum_leading(&Tensor::zeros(&[3, 0], DType::F32).unwrap()).unwrap().shape(), [0]);
}

#[test]
fn arg_max_takes_the_first_of_equals_and_nan_above_all() {
    let rows: [(&[f32], i64); 7] = [
        (&[1.0, 3.0, 2.0], 1),
        (&[3.0, 3.0, 3.0], 0),
        (&[0.0, -0.0, -1.0], 0),
        (&[-0.0, 0.0, -1.0], 0),
        (&[-INFINITY, -INFINITY, -INFINITY], 0),
        (&[INFINITY, NAN, 2.0], 1),
        (&[1.0, NAN, NAN], 1),
    ];
    on_each_level(|level| {
        for (row, expected) in rows {
            let x = tensor(&[1, 3], row);
            assert_eq!(arg_max(&x).unwrap().to_vec::<i64>().unwrap(), [expected], "{row:?} on {level}");
            let x = x.to_dtype(DType::F64).unwrap();
            assert_eq!(arg_max(&x).unwrap().to_vec::<i64>().unwrap(), [expected], "{row:?}");
        }
    });
}

#[test]
fn one_nan_or_infinity_anywhere_is_found() {
    on_each_level(|_| {
        for at in [0, 1, 15, 16, 4999] {
            for bad in [NAN, INFINITY, -INFINITY] {
                let mut x = normal(&[5000], 1, DType::F32).unwrap();
                assert!(is_finite(&x).unwrap());
                x.as_mut_slice::<f32>().unwrap()[at] = bad;
                assert!(!is_finite(&x).unwrap());
                assert!(!is_finite(&x.to_dtype(DType::F64).unwrap()).unwrap());
            }
        }
    });
}

#[test]
fn the_largest_difference_is_found_and_nan_is_the_largest() {
    on_each_level(|_| {
        let a = normal(&[3000], 1, DType::F32).unwrap();
        let mut b = a.clone();
        assert_eq!(max_abs_difference(&a, &b).unwrap(), 0.0);
        b.as_mut_slice::<f32>().unwrap()[2999] += 4.0;
        assert!((max_abs_difference(&a, &b).unwrap() - 4.0).abs() < 1e-6);
        b.as_mut_slice::<f32>().unwrap()[7] = NAN;
        assert!(max_abs_difference(&a, &b).unwrap().is_nan());
    });
    let error = max_abs_difference(&tensor(&[1], &[0.0]), &tensor(&[2], &[0.0; 2])).unwrap_err();
    assert_eq!(error.to_string(), "max_abs_difference: left [1] and right [2] differ, expected one shape");
}

#[test]
fn scalars_empty_axes_and_whole_numbers_are_errors() {
    let scalar = Tensor::scalar(1.0f32).unwrap();
    assert!(matches!(sum_leading(&scalar), Err(Error::Shape { .. })));
    assert!(matches!(arg_max(&scalar), Err(Error::Shape { .. })));
    assert!(matches!(arg_max(&tensor(&[2, 0], &[])), Err(Error::Shape { .. })));
    assert!(matches!(sum(&Tensor::zeros(&[2], DType::I64).unwrap()), Err(Error::DType { .. })));
}

#[test]
fn threads_change_nothing() {
    for shape in [[50_001, 3], [997, 130]] {
        let x = normal(&shape, 1, DType::F32).unwrap();
        assert_threads_change_nothing("sum", || vec![sum(&x).unwrap()]);
        assert_threads_change_nothing("mean", || vec![mean(&x).unwrap()]);
        assert_threads_change_nothing("sum_leading", || vec![sum_leading(&x).unwrap()]);
        assert_threads_change_nothing("arg_max", || vec![arg_max(&x).unwrap()]);
    }
}

#[test]
fn small_reductions_over_axes_by_hand() {
    let x = tensor(&[2, 3], &[1.0, 2.0, 6.0, 5.0, -7.0, 2.0]);
    let values = |y: crate::Result<Tensor>| y.unwrap().to_vec::<f32>().unwrap();
    let places = |y: crate::Result<Tensor>| y.unwrap().to_vec::<i64>().unwrap();
    on_each_level(|_| {
        assert_eq!(values(sum_over(&x, &[0], Keep::Dropped)), [6.0, -5.0, 8.0]);
        assert_eq!(values(mean_over(&x, &[1], Keep::Dropped)), [3.0, 0.0]);
        assert_eq!(values(max_over(&x, &[0], Keep::Dropped)), [5.0, 2.0, 6.0]);
        assert_eq!(values(min_over(&x, &[1], Keep::Dropped)), [1.0, -7.0]);
        assert_eq!(values(prod_over(&x, &[1], Keep::Dropped)), [12.0, -70.0]);
        assert_eq!(values(var_over(&x, &[1], Variance::Unbiased, Keep::Dropped)), [7.0, 39.0]);
        assert_eq!(values(var_over(&x, &[1], Variance::Biased, Keep::Dropped)), [14.0 / 3.0, 26.0]);
        assert_eq!(values(norm_over(&x, &[0], Norm::L1, Keep::Dropped)), [6.0, 9.0, 8.0]);
        assert_eq!(values(norm_over(&x, &[0, 1], Norm::Max, Keep::Dropped)), [7.0]);
        assert_eq!(values(norm_over(&x, &[1], Norm::L2, Keep::Dropped)), [41.0f32.sqrt(), 78.0f32.sqrt()]);
        assert_eq!(places(arg_max_over(&x, 0, Keep::Dropped)), [1, 0, 0]);
        assert_eq!(places(arg_min_over(&x, 1, Keep::Dropped)), [0, 1]);
    });
    assert_eq!(sum_over(&x, &[1], Keep::Axes).unwrap().shape(), [2, 1]);
    assert_eq!(sum_over(&x, &[1, 0], Keep::Dropped).unwrap().shape(), [0usize; 0]);
    assert_eq!(values(sum_over(&x, &[], Keep::Dropped)), x.to_vec::<f32>().unwrap());
    assert_eq!(arg_max_over(&x, 1, Keep::Axes).unwrap().shape(), [2, 1]);
}

#[test]
fn truth_values_are_all_or_any() {
    let x = Tensor::from_slice(&[2, 3], &[1u8, 0, 1, 1, 1, 1]).unwrap().to_dtype(DType::Bool).unwrap();
    let truths = |y: crate::Result<Tensor>| y.unwrap().to_vec::<u8>().unwrap();
    assert_eq!(truths(all_over(&x, &[1], Keep::Dropped)), [0, 1]);
    assert_eq!(truths(all_over(&x, &[0], Keep::Dropped)), [1, 0, 1]);
    assert_eq!(truths(any_over(&x, &[0, 1], Keep::Dropped)), [1]);
    let none = Tensor::zeros(&[0, 2], DType::Bool).unwrap();
    assert_eq!(truths(all_over(&none, &[0], Keep::Dropped)), [1, 1]);
    assert_eq!(truths(any_over(&none, &[0], Keep::Dropped)), [0, 0]);
    assert_eq!(any_over(&x, &[0], Keep::Axes).unwrap().dtype(), DType::Bool);
    assert!(matches!(all_over(&tensor(&[1], &[1.0]), &[0], Keep::Axes), Err(Error::DType { .. })));
}

#[test]
fn nan_is_an_extreme_and_the_first_of_equals_is_found() {
    // Columns 0 to 2, each beside 80 others, so that vectors are full.
    let mut x = tensor(&[3, 83], &[0.0; 249]);
    let values = x.as_mut_slice::<f32>().unwrap();
    for (row, numbers) in [[1.0, NAN, 3.0], [NAN, 2.0, 3.0], [NAN, 5.0, -INFINITY]].into_iter().enumerate() {
        values[row * 83..][..3].copy_from_slice(&numbers);
    }
    on_each_level(|_| {
        let most = max_over(&x, &[0], Keep::Dropped).unwrap().to_vec::<f32>().unwrap();
        assert!(most[0].is_nan() && most[1].is_nan() && most[2] == 3.0);
        let least = min_over(&x, &[0], Keep::Dropped).unwrap().to_vec::<f32>().unwrap();
        assert!(least[0].is_nan() && least[1].is_nan() && least[2] == -INFINITY);
        assert!(max_over(&x, &[0, 1], Keep::Dropped).unwrap().item().unwrap().is_nan());
        assert_eq!(arg_max_over(&x, 0, Keep::Dropped).unwrap().to_vec::<i64>().unwrap()[..4], [1, 0, 0, 0]);
        assert_eq!(arg_min_over(&x, 0, Keep::Dropped).unwrap().to_vec::<i64>().unwrap()[..4], [1, 0, 2, 0]);
        assert_eq!(arg_min_over(&x, 1, Keep::Dropped).unwrap().to_vec::<i64>().unwrap(), [1, 0, 0]);
    });
}

#[test]
fn reductions_over_nothing_are_as_in_pytorch() {
    let none = Tensor::zeros(&[0, 2], DType::F32).unwrap();
    let values = |y: crate::Result<Tensor>| y.unwrap().to_vec::<f32>().unwrap();
    assert_eq!(values(sum_over(&none, &[0], Keep::Dropped)), [0.0; 2]);
    assert_eq!(values(prod_over(&none, &[0], Keep::Dropped)), [1.0; 2]);
    assert_eq!(values(norm_over(&none, &[0], Norm::L2, Keep::Dropped)), [0.0; 2]);
    assert!(values(mean_over(&none, &[0], Keep::Dropped)).iter().all(|value| value.is_nan()));
    assert!(
        values(var_over(&none, &[0], Variance::Unbiased, Keep::Dropped)).iter().all(|value| value.is_nan())
    );
    assert!(
        var_over(&tensor(&[1], &[2.0]), &[0], Variance::Unbiased, Keep::Dropped)
            .unwrap()
            .item()
            .unwrap()
            .is_nan()
    );
    assert!(matches!(max_over(&none, &[0], Keep::Dropped), Err(Error::Shape { .. })));
    assert_eq!(max_over(&none, &[1], Keep::Dropped).unwrap().shape(), [0]);
    assert!(matches!(arg_min_over(&none, 0, Keep::Dropped), Err(Error::Shape { .. })));
}

#[test]
fn wrong_axes_are_errors() {
    let x = tensor(&[2, 3], &[0.0; 6]);
    let error = sum_over(&x, &[2], Keep::Axes).unwrap_err();
    assert_eq!(error.to_string(), "sum: axis 2 of shape [2, 3], which has 2 axes");
    let error = mean_over(&x, &[1, 1], Keep::Axes).unwrap_err();
    assert_eq!(error.to_string(), "mean: axes [1, 1] name axis 1 twice");
    assert!(matches!(arg_max_over(&x, 7, Keep::Axes), Err(Error::Shape { .. })));
    let whole = Tensor::zeros(&[2], DType::I64).unwrap();
    assert!(matches!(var_over(&whole, &[0], Variance::Biased, Keep::Axes), Err(Error::DType { .. })));
    assert!(matches!(arg_max_over(&whole, 0, Keep::Axes), Err(Error::DType { .. })));
}

#[test]
fn ties_share_the_gradient_of_the_largest() {
    let x = tensor(&[2, 3], &[4.0, 4.0, 1.0, 2.0, 3.0, 9.0]);
    let most = max_over(&x, &[1], Keep::Dropped).unwrap();
    let back = extreme_over_backward(&x, &most, tensor(&[2], &[1.0, 5.0]), &[1]).unwrap();
    assert_eq!(back.to_vec::<f32>().unwrap(), [0.5, 0.5, 0.0, 0.0, 0.0, 5.0]);
}

#[test]
fn the_gradient_of_a_norm_is_the_direction_and_zero_at_zero() {
    let x = tensor(&[2, 2], &[3.0, 4.0, 0.0, 0.0]);
    let norms = norm_over(&x, &[1], Norm::L2, Keep::Dropped).unwrap();
    let back = l2_over_backward(&x, &norms, tensor(&[2], &[10.0, 10.0]), &[1]).unwrap();
    assert_eq!(back.to_vec::<f32>().unwrap(), [6.0, 8.0, 0.0, 0.0]);
}

/// Shapes that are cut into pieces and parts, in each of the ways.
fn large_cases() -> [(Vec<usize>, Vec<usize>); 7] {
    [
        (vec![50, 40, 60], vec![1]),
        (vec![50, 40, 60], vec![0, 2]),
        (vec![50_001, 3], vec![0]),
        (vec![3, 50_001], vec![1]),
        (vec![70, 2000], vec![0]),
        (vec![2, 5, 30_000], vec![0, 1]),
        (vec![3, 30_001, 2], vec![1]),
    ]
}

#[test]
fn large_reductions_agree_with_plain_loops() {
    for (shape, axes) in large_cases() {
        let mut x = normal(&shape, 1, DType::F32).unwrap();
        x.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|x| *x += 3.0);
        let values = gathered(&x, &axes);
        let kept = super::reduced_shape("test", &shape, &axes, Keep::Axes).unwrap();
        let of = |f: &dyn Fn(&[f64]) -> f64| {
            Tensor::from_slice(&kept, &values.iter().map(|values| f(values)).collect::<Vec<_>>()).unwrap()
        };
        let sums = of(&|v| v.iter().sum());
        let sizes = of(&|v| v.iter().map(|x| x.abs()).sum());
        let variances = of(&|v| {
            let mean = v.iter().sum::<f64>() / v.len() as f64;
            v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64
        });
        let most = of(&|v| v.iter().copied().fold(f64::MIN, f64::max));
        on_each_level(|_| {
            let what = format!("{shape:?} over {axes:?}");
            assert_close(&what, &sum_over(&x, &axes, Keep::Axes).unwrap(), &sums, &sizes, 1e-6);
            let got = var_over(&x, &axes, Variance::Biased, Keep::Axes).unwrap();
            assert_close(&what, &got, &variances, &variances, 1e-5);
            assert_close(&what, &max_over(&x, &axes, Keep::Axes).unwrap(), &most, &most, 0.0);
        });
    }
}

#[test]
fn an_image_is_reduced_as_it_is_without_its_batch_mates() {
    // Large enough to be cut by itself, with columns to the end, in the middle and none.
    for (shape, axes) in
        [([16, 100, 100, 24], [1, 2].as_slice()), ([16, 90, 80, 70], &[2, 3]), ([16, 3, 40_000, 1], &[2])]
    {
        let x = normal(&shape, 1, DType::F32).unwrap();
        let one = x.narrow(5..6).unwrap();
        let of = |x: &Tensor| {
            let norm = norm_over(x, axes, Norm::L2, Keep::Axes).unwrap();
            vec![
                sum_over(x, axes, Keep::Axes).unwrap(),
                mean_over(x, axes, Keep::Axes).unwrap(),
                var_over(x, axes, Variance::Biased, Keep::Axes).unwrap(),
                norm,
            ]
        };
        for (alone, all) in of(&one).iter().zip(of(&x)) {
            assert!(same_bits(alone, &all.narrow(5..6).unwrap()), "{shape:?} over {axes:?}");
        }
    }
}

#[test]
fn threads_change_no_reduction_over_axes() {
    for (shape, axes) in large_cases() {
        let x = normal(&shape, 1, DType::F32).unwrap();
        assert_threads_change_nothing(&format!("sum {shape:?} {axes:?}"), || {
            vec![sum_over(&x, &axes, Keep::Dropped).unwrap()]
        });
        assert_threads_change_nothing("var", || {
            vec![var_over(&x, &axes, Variance::Unbiased, Keep::Dropped).unwrap()]
        });
        assert_threads_change_nothing("max", || vec![max_over(&x, &axes, Keep::Dropped).unwrap()]);
    }
    let x = normal(&[300, 40, 20], 1, DType::F32).unwrap();
    for axis in 0..3 {
        assert_threads_change_nothing("places", || vec![arg_max_over(&x, axis, Keep::Dropped).unwrap()]);
    }
}

/// The values that become each output, in order.
fn gathered(x: &Tensor, axes: &[usize]) -> Vec<Vec<f64>> {
    let shape = super::reduced_shape("test", x.shape(), axes, Keep::Axes).unwrap();
    let mut values = vec![Vec::new(); shape.len()];
    for (at, value) in x.to_f64_vec().unwrap().into_iter().enumerate() {
        values[place(at, x.shape(), &shape)].push(value);
    }
    values
}

#[test]
fn a_long_row_has_the_first_of_its_extremes_whatever_part_they_are_in() {
    let len = 200_000;
    let place = |values: &[(usize, f32)]| {
        let mut row = vec![0.0; 2 * len];
        values.iter().for_each(|&(at, value)| row[len + at] = value);
        let x = tensor(&[2, len], &row);
        let both = [arg_max_over(&x, 1, Keep::Dropped), arg_min_over(&x, 1, Keep::Dropped)];
        both.map(|places| places.unwrap().to_vec::<i64>().unwrap())
    };
    on_each_level(|_| {
        let far = len - 1;
        assert_eq!(place(&[(70_000, 3.0), (150_000, 3.0), (far, -1.0)]), [[0, 70_000], [0, far as i64]]);
        assert_eq!(place(&[(5, 3.0), (far, NAN)]), [[0, far as i64]; 2]);
        assert_eq!(place(&[(90_000, NAN), (far, NAN), (far - 1, INFINITY)]), [[0, 90_000]; 2]);
        assert_eq!(place(&[]), [[0, 0]; 2]);
    });
    for shape in [&[2, len][..], &[len, 2], &[40_000, 3, 2], &[2, 300, 700]] {
        let x = normal(shape, 1, DType::F32).unwrap();
        for axis in [1, shape.len() - 1] {
            assert_threads_change_nothing("places", || vec![arg_max_over(&x, axis, Keep::Dropped).unwrap()]);
        }
    }
}

#[test]
fn blocks_of_few_columns_have_places_of_their_own() {
    let x = normal(&[40_000, 3, 2], 1, DType::F32).unwrap();
    let values = x.to_vec::<f32>().unwrap();
    let largest = |at: usize| {
        let of = |row: usize| values[at / 2 * 6 + row * 2 + at % 2];
        (0..3).fold(0, |best, row| if of(row) > of(best) { row } else { best }) as i64
    };
    let expected: Vec<i64> = (0..80_000).map(largest).collect();
    on_each_level(|_| {
        assert_eq!(arg_max_over(&x, 1, Keep::Dropped).unwrap().to_vec::<i64>().unwrap(), expected);
    });
}

#[test]
fn a_mean_far_from_zero_costs_the_variance_nothing() {
    // Numbers around 1e6, which single precision tells apart by 1 / 16, and around zero, which need no care.
    let far: Vec<f32> = (0..100).map(|at| 1e6 + 0.0625 * (at % 2) as f32).collect();
    let near: Vec<f32> = (0..100).map(|at| (at % 2) as f32).collect();
    let even = tensor(&[2, 100], &[far.clone(), near].concat());
    let odd = tensor(&[2, 100], &[far.clone(), far.iter().map(|x| 1e6 - x).collect()].concat());
    let values = |x: crate::Result<Tensor>| x.unwrap().to_f64_vec().unwrap();
    let biased = |x: &Tensor| values(var_over(x, &[1], Variance::Biased, Keep::Dropped));
    on_each_level(|_| {
        assert_eq!(biased(&even), [0.0009765625, 0.25]);
        assert_eq!(biased(&odd), [0.0009765625, 0.0009765625]);
        assert_eq!(biased(&tensor(&[1, 3], &[1e7; 3])), [0.0]);
        // One mean that asks for care changes no bits of the others.
        assert_eq!(biased(&even.narrow(1..2).unwrap())[0].to_bits(), biased(&even)[1].to_bits());
        let down = values(var_over(&even.transpose().unwrap(), &[0], Variance::Unbiased, Keep::Dropped));
        assert!((down[0] - 0.0009765625 * 100.0 / 99.0).abs() < 1e-9, "{down:?}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// Leading, trailing and middle axes, narrow and wide, against plain loops over the values of each output.
    #[test]
    fn reductions_over_axes_agree_with_plain_loops(
        dims in prop::collection::vec(prop_oneof![Just(1usize), 2usize..5, Just(9), Just(70), Just(600)], 1..5),
        chosen in any::<[bool; 4]>(),
        seed in any::<u64>(),
    ) {
        let mut dims = dims;
        while dims.iter().product::<usize>() > 12_000 {
            dims.pop();
        }
        let axes: Vec<usize> = (0..dims.len()).filter(|&axis| chosen[axis]).collect();
        let mut x = normal(&dims, seed, DType::F32).unwrap();
        x.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|x| *x += 3.0);
        let values = gathered(&x, &axes);
        let shape = super::reduced_shape("test", &dims, &axes, Keep::Axes).unwrap();
        let of = |f: &dyn Fn(&[f64]) -> f64| {
            Tensor::from_slice(&shape, &values.iter().map(|values| f(values)).collect::<Vec<_>>()).unwrap()
        };
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let squares = |v: &[f64]| v.iter().map(|x| (x - mean(v)).powi(2)).sum::<f64>();
        let sizes = of(&|v| v.iter().map(|x| x.abs()).sum());
        type Over<'a> = (&'a str, Tensor, Tensor, Box<dyn Fn(&Tensor) -> crate::Result<Tensor> + 'a>);
        let axes = &axes;
        let checks: Vec<Over> = vec![
            ("sum", of(&|v| v.iter().sum()), sizes.clone(), Box::new(|x| sum_over(x, axes, Keep::Axes))),
            ("mean", of(&mean), of(&mean), Box::new(|x| mean_over(x, axes, Keep::Axes))),
            ("var", of(&|v| squares(v) / v.len() as f64), of(&|v| squares(v) / v.len() as f64 + 1e-6),
             Box::new(|x| var_over(x, axes, Variance::Biased, Keep::Axes))),
            ("L1", sizes.clone(), sizes.clone(), Box::new(|x| norm_over(x, axes, Norm::L1, Keep::Axes))),
            ("L2", of(&|v| v.iter().map(|x| x * x).sum::<f64>().sqrt()), sizes.clone(),
             Box::new(|x| norm_over(x, axes, Norm::L2, Keep::Axes))),
            ("max", of(&|v| v.iter().copied().fold(f64::MIN, f64::max)), sizes.clone(),
             Box::new(|x| max_over(x, axes, Keep::Axes))),
            ("min", of(&|v| v.iter().copied().fold(f64::MAX, f64::min)), sizes.clone(),
             Box::new(|x| min_over(x, axes, Keep::Axes))),
        ];
        for (name, expected, scale, over) in &checks {
            on_each_level(|_| {
                poison(&shape, DType::F32).unwrap();
                assert_close(name, &over(&x).unwrap(), expected, scale, 1e-6);
            });
            assert_close(name, &over(&x.to_dtype(DType::F64).unwrap()).unwrap(), expected, scale, 1e-12);
        }
        for axis in 0..dims.len() {
            let values = gathered(&x, &[axis]);
            let first = |better: fn(f64, f64) -> bool| -> Vec<i64> {
                let place = |v: &Vec<f64>| (0..v.len()).fold(0, |best, at| if better(v[at], v[best]) { at } else { best });
                values.iter().map(|v| place(v) as i64).collect()
            };
            on_each_level(|_| {
                let most = arg_max_over(&x, axis, Keep::Axes).unwrap();
                assert_eq!(most.to_vec::<i64>().unwrap(), first(|a, b| a > b));
                let least = arg_min_over(&x, axis, Keep::Axes).unwrap();
                assert_eq!(least.to_vec::<i64>().unwrap(), first(|a, b| a < b));
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Narrow, ragged and wide channels; the mean is far from zero, so that rounding has something to lose.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        rows in 0usize..400,
        channels in prop_oneof![1usize..20, Just(100), Just(257)],
        seed in any::<u64>(),
    ) {
        let mut x = normal(&[rows, channels], seed, DType::F32).unwrap();
        x.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|x| *x += 10.0);
        let wide = x.to_dtype(DType::F64).unwrap();
        let sizes: Vec<f64> = wide.to_f64_vec().unwrap().iter().map(|x| x.abs()).collect();
        let sizes = Tensor::from_slice(&[rows, channels], &sizes).unwrap();
        on_each_level(|_| {
            poison(&[channels], DType::F32).unwrap();
            let scale = sum(&sizes).unwrap();
            assert_close("sum", &sum(&x).unwrap(), &sum(&wide).unwrap(), &scale, 1e-6);
            let got = sum_leading(&x).unwrap();
            assert_close("sum_leading", &got, &sum_leading(&wide).unwrap(), &sum_leading(&sizes).unwrap(), 1e-6);
            assert!(same_bits(&arg_max(&x).unwrap(), &arg_max(&wide).unwrap()));
        });
    }
}
