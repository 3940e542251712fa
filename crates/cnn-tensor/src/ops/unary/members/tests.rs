//! Every member at its kinks and at special values against PyTorch, and on every instruction set against `f64`.

use proptest::prelude::*;

use super::super::{Kept, Unary, backward, forward};
use super::*;
use crate::testing::{assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Tensor};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Where the rows were taken.
const POINTS: [f64; 12] = [-7.0, -3.0, -0.5, 0.0, 0.25, 3.0, 6.0, 6.5, -INF, -0.0, INF, NAN];

/// Values and gradients of a member at the points, in both types and on each instruction set.
fn row<U: Unary>(member: U, values: [f64; 12], gradients: [f64; 12]) {
    let agree = |what: &str, got: &Tensor, expected: [f64; 12], tolerance: f64| {
        for ((got, expected), x) in got.to_f64_vec().unwrap().into_iter().zip(expected).zip(POINTS) {
            let near = (got - expected).abs() <= tolerance * (expected.abs() + 0.1);
            let sign = got != 0.0 || expected != 0.0 || got.is_sign_negative() == expected.is_sign_negative();
            let same = (got.is_nan() && expected.is_nan()) || (got == expected && sign);
            assert!(same || (near && sign), "{what} of {} at {x} is {got}, expected {expected}", U::NAME);
        }
    };
    // PyTorch takes 1 / 6 in single precision for the gradient of the hard sigmoid.
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 5e-8)] {
        on_each_level(|_| {
            let x = Tensor::from_slice(&[12], &POINTS).unwrap().to_dtype(dtype).unwrap();
            let y = forward(&member, x.clone()).unwrap();
            agree("value", &y, values, tolerance);
            let ones = Tensor::full(&[12], 1.0, dtype).unwrap();
            let back = backward(&member, kept::<U>(&x, &y), ones).unwrap();
            agree("gradient", &back, gradients, tolerance);
        });
    }
}

fn kept<'a, U: Unary>(x: &'a Tensor, y: &'a Tensor) -> Option<&'a Tensor> {
    match U::KEPT {
        Kept::Input => Some(x),
        Kept::Output => Some(y),
        Kept::Nothing => None,
    }
}

// The rows are those of fixtures/unary.py, by PyTorch 2.15.
#[rustfmt::skip]
#[expect(clippy::approx_constant, reason = "rows are as the script prints them")]
#[test]
fn values_and_gradients_are_those_of_pytorch() {
    // fixtures/unary.py 8a55bbe05c2a2c92, torch 2.15.0+cu132
    row(Relu, [0.0, 0.0, 0.0, 0.0, 0.25, 3.0, 6.0, 6.5, 0.0, -0.0, INF, NAN], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    row(Relu6, [0.0, 0.0, 0.0, 0.0, 0.25, 3.0, 6.0, 6.0, 0.0, -0.0, 6.0, NAN], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    row(LeakyRelu { slope: 0.01 }, [-0.07, -0.03, -0.005, 0.0, 0.25, 3.0, 6.0, 6.5, -INF, -0.0, INF, NAN], [0.01, 0.01, 0.01, 0.01, 1.0, 1.0, 1.0, 1.0, 0.01, 0.01, 1.0, 0.01]);
    row(Clamp { least: -3.0, most: 3.0 }, [-3.0, -3.0, -0.5, 0.0, 0.25, 3.0, 3.0, 3.0, -3.0, -0.0, 3.0, NAN], [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    row(HardSigmoid, [0.0, 0.0, 0.416666667, 0.5, 0.541666667, 1.0, 1.0, 1.0, 0.0, 0.5, 1.0, NAN], [0.0, 0.0, 0.166666672, 0.166666672, 0.166666672, 0.0, 0.0, 0.0, 0.0, 0.166666672, 0.0, 0.0]);
    row(HardSwish, [-0.0, -0.0, -0.208333333, 0.0, 0.135416667, 3.0, 6.0, 6.5, NAN, -0.0, INF, NAN], [0.0, 0.0, 0.333333333, 0.5, 0.583333333, 1.0, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0]);
    row(Elu { alpha: 1.5 }, [-1.49863218, -1.4253194, -0.59020401, 0.0, 0.25, 3.0, 6.0, 6.5, -1.5, -0.0, INF, NAN], [0.00136782295, 0.0746806026, 0.90979599, 1.5, 1.0, 1.0, 1.0, 1.0, 0.0, 1.5, 1.0, 1.0]);
    row(Selu, [-1.75649616, -1.67056873, -0.691758188, 0.0, 0.262675247, 3.15210296, 6.30420592, 6.82955642, -1.75809934, -0.0, INF, NAN], [0.00160317908, 0.0875306121, 1.06634115, 1.75809934, 1.05070099, 1.05070099, 1.05070099, 1.05070099, 0.0, 1.75809934, 1.05070099, 1.05070099]);
    row(Softplus { beta: 2.0, threshold: 12.5 }, [4.15764187e-7, 0.00123784257, 0.156630844, 0.34657359, 0.487038492, 3.00123784, 6.00000307, 6.5, 0.0, 0.34657359, INF, NAN], [8.31528028e-7, 0.00247262316, 0.268941421, 0.5, 0.622459331, 0.997527377, 0.999993856, 1.0, 0.0, 0.5, 1.0, NAN]);
    row(LogSigmoid, [-7.00091147, -3.04858735, -0.974076984, -0.693147181, -0.57593942, -0.0485873516, -0.00247568514, -0.00150231016, -INF, -0.693147181, 0.0, NAN], [0.999088949, 0.952574127, 0.622459331, 0.5, 0.437823499, 0.0474258732, 0.00247262316, 0.00150118226, 1.0, 0.5, 0.0, NAN]);
    row(Sigmoid, [0.000911051194, 0.0474258732, 0.377540669, 0.5, 0.562176501, 0.952574127, 0.997527377, 0.998498818, 0.0, 0.5, 1.0, NAN], [0.00091022118, 0.0451766597, 0.235003712, 0.25, 0.246134083, 0.0451766597, 0.00246650929, 0.00149892871, 0.0, 0.25, 0.0, NAN]);
    row(Tanh, [-0.999998337, -0.995054754, -0.462117157, 0.0, 0.244918662, 0.995054754, 0.999987712, 0.999995479, -1.0, -0.0, 1.0, NAN], [3.32610934e-6, 0.00986603717, 0.786447733, 1.0, 0.940014849, 0.00986603717, 2.45765474e-5, 9.04127676e-6, 0.0, 1.0, 0.0, NAN]);
    row(Silu, [-0.00637735836, -0.14227762, -0.188770334, 0.0, 0.140544125, 2.85772238, 5.98516426, 6.49024232, NAN, -0.0, INF, NAN], [-0.00546049707, -0.088104106, 0.260038813, 0.5, 0.623710022, 1.08810411, 1.01232643, 1.00824185, NAN, 0.5, NAN, NAN]);
    row(Gelu, [-8.95866714e-12, -0.00404969409, -0.154268769, 0.0, 0.149676581, 2.99595031, 5.99999999, 6.5, NAN, -0.0, INF, NAN], [-6.26632333e-11, -0.0119456472, 0.132504875, 0.5, 0.695373355, 1.01194565, 1.00000004, 1.0, NAN, 0.5, NAN, NAN]);
    row(GeluTanh, [-2.33146835e-15, -0.00363739208, -0.15428599, 0.0, 0.149675351, 2.99636261, 6.0, 6.5, NAN, -0.0, INF, NAN], [-2.78425582e-14, -0.0115841666, 0.132630096, 0.5, 0.695354095, 1.01158417, 1.0, 1.0, NAN, 0.5, NAN, NAN]);
    row(Scale(-1.5), [10.5, 4.5, 0.75, -0.0, -0.375, -4.5, -9.0, -9.75, INF, 0.0, -INF, NAN], [-1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5]);
    row(Neg, [7.0, 3.0, 0.5, -0.0, -0.25, -3.0, -6.0, -6.5, INF, 0.0, -INF, NAN], [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
    row(Abs, [7.0, 3.0, 0.5, 0.0, 0.25, 3.0, 6.0, 6.5, INF, 0.0, INF, NAN], [-1.0, -1.0, -1.0, 0.0, 1.0, 1.0, 1.0, 1.0, -1.0, 0.0, 1.0, 0.0]);
    row(Square, [49.0, 9.0, 0.25, 0.0, 0.0625, 9.0, 36.0, 42.25, INF, 0.0, INF, NAN], [-14.0, -6.0, -1.0, 0.0, 0.5, 6.0, 12.0, 13.0, -INF, -0.0, INF, NAN]);
    row(Sqrt, [NAN, NAN, NAN, 0.0, 0.5, 1.73205081, 2.44948974, 2.54950976, NAN, -0.0, INF, NAN], [NAN, NAN, NAN, INF, 1.0, 0.288675135, 0.204124145, 0.196116135, NAN, -INF, 0.0, NAN]);
    row(Reciprocal, [-0.142857143, -0.333333333, -2.0, INF, 4.0, 0.333333333, 0.166666667, 0.153846154, -0.0, -INF, 0.0, NAN], [-0.0204081633, -0.111111111, -4.0, -INF, -16.0, -0.111111111, -0.0277777778, -0.0236686391, -0.0, -INF, -0.0, NAN]);
    row(Exp, [0.000911881966, 0.0497870684, 0.60653066, 1.0, 1.28402542, 20.0855369, 403.428793, 665.141633, 0.0, 1.0, INF, NAN], [0.000911881966, 0.0497870684, 0.60653066, 1.0, 1.28402542, 20.0855369, 403.428793, 665.141633, 0.0, 1.0, INF, NAN]);
    row(Ln, [NAN, NAN, NAN, -INF, -1.38629436, 1.09861229, 1.79175947, 1.87180218, NAN, -INF, INF, NAN], [-0.142857143, -0.333333333, -2.0, INF, 4.0, 0.333333333, 0.166666667, 0.153846154, -0.0, -INF, 0.0, NAN]);
    row(Pow(3.0), [-343.0, -27.0, -0.125, 0.0, 0.015625, 27.0, 216.0, 274.625, -INF, -0.0, INF, NAN], [147.0, 27.0, 0.75, 0.0, 0.1875, 27.0, 108.0, 126.75, INF, 0.0, INF, NAN]);
    row(Pow(2.5), [NAN, NAN, NAN, 0.0, 0.03125, 15.5884573, 88.1816307, 107.716787, INF, 0.0, INF, NAN], [NAN, NAN, NAN, 0.0, 0.3125, 12.9903811, 36.7423461, 41.4295335, INF, 0.0, INF, NAN]);
    row(Pow(0.0), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn where_the_bounds_are_swapped_a_clamp_gives_the_upper_one() {
    let x = Tensor::from_slice(&[3], &[-5.0f32, 0.0, 5.0]).unwrap();
    let y = forward(&Clamp { least: 2.0, most: -2.0 }, x).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [-2.0; 3]);
}

/// Forward and backward on every instruction set: near `f64`, and the same bits everywhere.
fn check<U: Unary>(member: &U, x: &Tensor, grad: &Tensor) {
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let expected = forward(member, wide(x)).unwrap();
    let expected_back = backward(member, kept::<U>(&wide(x), &expected), wide(grad)).unwrap();
    let near = |what: &str, got: &Tensor, expected: &Tensor, factor: f64| {
        let (got, expected) = (got.to_f64_vec().unwrap(), expected.to_f64_vec().unwrap());
        for ((got, expected), x) in got.into_iter().zip(expected).zip(x.to_f64_vec().unwrap()) {
            // Values are sums of terms of the size of the input at most.
            let scale = expected.abs() + factor * (1.0 + x.abs());
            let same = (got.is_nan() && expected.is_nan()) || got == expected;
            assert!(
                same || (got - expected).abs() <= 2e-6 * scale,
                "{what} of {} at {x} is {got}, expected {expected}",
                U::NAME
            );
        }
    };
    let mut first: Option<[Tensor; 2]> = None;
    on_each_level(|level| {
        poison(x.shape(), DType::F32).unwrap();
        let y = forward(member, x.clone()).unwrap();
        near("value", &y, &expected, 1.0);
        poison(x.shape(), DType::F32).unwrap();
        let back = backward(member, kept::<U>(x, &y), grad.clone()).unwrap();
        let largest = grad.to_f64_vec().unwrap().into_iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        near("gradient", &back, &expected_back, largest);
        let [first_y, first_back] = first.get_or_insert_with(|| [y.clone(), back.clone()]);
        assert!(same_bits(first_y, &y) && same_bits(first_back, &back), "{} on {level}", U::NAME);
    });
}

/// Calls `check` for every member, those that want positive numbers with the sizes of the numbers.
fn check_all(x: &Tensor, grad: &Tensor) {
    let sizes = forward(&Abs, x.clone()).unwrap();
    macro_rules! all {
        ($x:expr, $($member:expr),+) => { $(check(&$member, $x, grad);)+ };
    }
    all!(
        x,
        Relu,
        Relu6,
        LeakyRelu { slope: 0.01 },
        Clamp { least: -0.5, most: 2.0 },
        HardSigmoid,
        HardSwish,
        Elu { alpha: 1.5 },
        Selu,
        Softplus::default(),
        Softplus { beta: -0.5, threshold: 1.0 },
        LogSigmoid,
        Sigmoid,
        Tanh,
        Silu,
        Gelu,
        GeluTanh,
        Scale(-1.5),
        Neg,
        Abs,
        Square,
        Exp,
        Pow(3.0),
        Pow(0.0)
    );
    all!(&sizes, Sqrt, Reciprocal, Ln, Pow(2.5), Pow(-0.5));
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[100_003], 1, DType::F32).unwrap();
    assert_threads_change_nothing("gelu", || vec![forward(&Gelu, x.clone()).unwrap()]);
    assert_threads_change_nothing("gradient of gelu", || vec![backward(&Gelu, Some(&x), x.clone()).unwrap()]);
    assert_threads_change_nothing("sigmoid", || vec![forward(&Sigmoid, x.clone()).unwrap()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_instruction_set_agrees_with_double_precision_and_with_the_others(
        len in 0usize..70,
        seed in any::<u64>(),
        // A normal number here is under 6.7, and e^80 a number.
        size in prop_oneof![Just(1.0f64), Just(0.01), Just(12.0)],
    ) {
        let x = forward(&Scale(size), normal(&[len], seed, DType::F32).unwrap()).unwrap();
        check_all(&x, &normal(&[len], !seed, DType::F32).unwrap());
    }
}
