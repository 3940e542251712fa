//! The dense product against the reference, on every instruction set, and against numbers worked out by hand.

use proptest::prelude::*;

use super::*;
use crate::random::Key;
use crate::simd::Level;
use crate::testing::{assert_close, assert_threads_change_nothing, on_each_level, poison};

/// Numbers in [-1, 1).
fn random(shape: &[usize], key: u64) -> Tensor {
    let key = Key::new(key);
    let values: Vec<f32> =
        (0..Shape::new(shape).unwrap().len()).map(|i| 2.0 * key.uniform(i as u64) - 1.0).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

/// All three products against the f64 reference: |got - expected| <= 1e-5 x (the number of products, each below 1).
/// Outputs are made in memory that holds NaN.
fn check(rows: usize, in_features: usize, out_features: usize) {
    let (x, weight) = (random(&[rows, in_features], 1), random(&[in_features, out_features], 2));
    let (bias, grad) = (random(&[out_features], 3), random(&[rows, out_features], 4));
    let [x64, weight64, bias64, grad64] =
        [&x, &weight, &bias, &grad].map(|t| t.to_dtype(DType::F64).unwrap());
    let geometry = Geometry { rows, in_features, out_features };
    let expected = [
        reference::forward::<f64>(&geometry, &x64, &weight64, Some(&bias64), Activation::Relu).unwrap(),
        reference::grad_input::<f64>(&geometry, &grad64, &weight64).unwrap(),
        reference::grad_weight::<f64>(&geometry, &x64, &grad64).unwrap(),
    ];
    let products = [in_features + 1, out_features, rows];
    let agree = |what: &str, got: [Tensor; 3], tolerance: f64| {
        for ((got, expected), products) in got.iter().zip(&expected).zip(products) {
            let scale = Tensor::full(expected.shape(), products as f64, DType::F64).unwrap();
            let what = format!("{what} {rows}x{in_features}x{out_features}");
            assert_close(&what, &got.to_dtype(DType::F64).unwrap(), expected, &scale, tolerance);
        }
    };
    let double = [
        forward(&x64, &weight64, Some(&bias64), Activation::Relu).unwrap(),
        grad_input(&grad64, &weight64).unwrap(),
        grad_weight(&x64, &grad64).unwrap(),
    ];
    agree("f64", double, 1e-14);
    on_each_level(|level| {
        for shape in [[rows, out_features], [rows, in_features], [in_features, out_features]] {
            poison(&shape, DType::F32).unwrap();
        }
        let got = [
            forward(&x, &weight, Some(&bias), Activation::Relu).unwrap(),
            grad_input(&grad, &weight).unwrap(),
            grad_weight(&x, &grad).unwrap(),
        ];
        agree(level.name(), got, 1e-5);
    });
}

#[test]
fn a_tiny_product_equals_the_sums_done_by_hand() {
    let x = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let weight = Tensor::from_slice(&[2, 1], &[10.0f32, -1.0]).unwrap();
    let bias = Tensor::from_slice(&[1], &[-20.0f32]).unwrap();
    let y = forward(&x, &weight, Some(&bias), Activation::Relu).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 6.0]);
    assert_eq!(grad_input(&y, &weight).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0, 60.0, -6.0]);
    assert_eq!(grad_weight(&x, &y).unwrap().to_vec::<f32>().unwrap(), [18.0, 24.0]);
}

/// Rows, inputs, outputs that reach each algorithm and each way of cutting, with what they add.
const CASES: [(usize, usize, usize); 17] = [
    (5, 7, 3),       // Tails of every size.
    (3, 16, 16),     // Whole vectors.
    (1, 300, 100),   // One row.
    (0, 4, 4),       // Nothing: the gradient of the weight is zero.
    (64, 1100, 64),  // Several parts of the depth.
    (700, 20, 33),   // Several blocks of rows.
    (337, 5, 160),   // Shallow.
    (1, 700, 401),   // One row and a matrix larger than the cache, by parts of the depth.
    (1, 70, 4001),   // The same, by columns.
    (4, 401, 700),   // Dot products, by columns.
    (20, 2000, 60),  // Parts of the depth shared by threads.
    (140, 512, 70),  // Both matrices copied, rows a multiple of a cache set apart.
    (40, 70, 512),   // The right-hand matrix packed for its columns alone.
    (33, 1024, 64),  // Rows copied, no packing.
    (150, 130, 131), // Packed, cut into blocks with tails.
    (3, 600, 500),   // A shallow gradient of a large weight.
    (1000, 3, 2),    // A long sum for few weights.
];

#[test]
fn products_agree_with_the_reference() {
    for (rows, in_features, out_features) in CASES {
        check(rows, in_features, out_features);
    }
}

#[test]
fn the_cases_reach_every_algorithm() {
    use super::cut::Algorithm;
    let mut reached = Vec::new();
    let mut by_depth = [false; 2];
    for (rows, in_features, out_features) in CASES.into_iter().filter(|case| case.0 > 0) {
        let geometry = Geometry { rows, in_features, out_features };
        let (x, weight, grad) = (
            vec![0.0; rows * in_features],
            vec![0.0; in_features * out_features],
            vec![0.0; rows * out_features],
        );
        for product in [
            fast::forward_product(&geometry, &x, &weight, None, Activation::Identity),
            fast::grad_input_product(&geometry, &grad, &weight),
            fast::grad_weight_product(&geometry, &x, &grad),
        ] {
            let parts = product.depth.div_ceil(super::cut::part_of(product.depth));
            for level in Level::available() {
                let tile = crate::gemm::Tile::of(level);
                let algorithm = product.choose(tile);
                reached.push(algorithm);
                by_depth[usize::from(product.cut(algorithm, tile, parts).by_depth)] = true;
            }
        }
    }
    let tiles = |packed, copied| Algorithm::Tiles { packed, copied };
    let all = [tiles(false, false), tiles(false, true), tiles(true, false), tiles(true, true)];
    for algorithm in [Algorithm::Vector, Algorithm::Dots].into_iter().chain(all) {
        assert!(reached.contains(&algorithm), "{algorithm:?}");
    }
    assert_eq!(by_depth, [true; 2]);
}

proptest! {
    #[test]
    fn products_agree_with_the_reference_on_generated_shapes(
        rows in 0usize..40, in_features in 1usize..70, out_features in 1usize..70,
    ) {
        check(rows, in_features, out_features);
    }
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    // Blocks of rows and columns; parts of the depth; one row; dot products.
    for (rows, in_features, out_features) in [(350, 600, 70), (20, 2000, 60), (1, 1200, 700), (3, 700, 1200)]
    {
        let (x, weight) = (random(&[rows, in_features], 1), random(&[in_features, out_features], 2));
        let grad = random(&[rows, out_features], 3);
        let bias = random(&[out_features], 4);
        let of = |pass: &str| format!("{pass} of {rows}x{in_features}x{out_features}");
        assert_threads_change_nothing(&of("forward"), || {
            vec![forward(&x, &weight, Some(&bias), Activation::Relu).unwrap()]
        });
        assert_threads_change_nothing(&of("gradient of the input"), || {
            vec![grad_input(&grad, &weight).unwrap()]
        });
        assert_threads_change_nothing(&of("gradient of the weight"), || {
            vec![grad_weight(&x, &grad).unwrap()]
        });
    }
}

#[test]
fn an_output_does_not_depend_on_its_batch_mates() {
    // Rows alone and in small batches are computed by other algorithms than in large ones.
    for (in_features, out_features) in [(1200, 700), (2000, 60), (600, 70), (512, 512), (30, 10), (1, 5)] {
        let (x, weight) = (random(&[150, in_features], 1), random(&[in_features, out_features], 2));
        let bias = random(&[out_features], 3);
        on_each_level(|level| {
            let output = |x: &Tensor| {
                forward(x, &weight, Some(&bias), Activation::Relu).unwrap().to_vec::<f32>().unwrap()
            };
            let all = output(&x);
            for range in [0..1, 149..150, 7..9, 3..6, 10..27, 60..140] {
                let some = output(&x.narrow(range.clone()).unwrap());
                let expected = &all[range.start * out_features..range.end * out_features];
                assert!(some == expected, "{level} {in_features}x{out_features}: rows {range:?}");
            }
        });
    }
}

#[test]
fn the_widest_work_is_split_and_the_smallest_is_not() {
    let split = |rows, in_features, out_features| {
        let (x, weight) = (random(&[rows, in_features], 1), random(&[in_features, out_features], 2));
        let before = crate::parallel::splits();
        let run = || forward(&x, &weight, None, Activation::Identity).map(drop);
        crate::parallel::with_threads(2, run).unwrap().unwrap();
        crate::parallel::splits() > before
    };
    assert!(split(256, 256, 256) && split(1, 2048, 1000));
    assert!(!split(128, 128, 10) && !split(8, 400, 120));
}

#[test]
fn misfits_are_named() {
    let (x, weight) = (random(&[2, 5], 1), random(&[4, 3], 2));
    assert_eq!(
        forward(&x, &weight, None, Activation::Identity).unwrap_err().to_string(),
        "dense: input [2, 5] has 5 features, the weight [4, 3] takes 4"
    );
    assert!(matches!(grad_input(&x, &weight), Err(Error::Shape { .. })));
    assert!(matches!(grad_weight(&x, &weight), Err(Error::Shape { .. })));
}
