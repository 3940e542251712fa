//! Windows of about equal size, as many as are asked for.

use proptest::prelude::*;

use super::check_against_reference;
use crate::ops::pool2d::{
    MaxPooled, Pool2dOptions, Windows, average_backward, average_forward, average_infer, max_backward,
    max_forward, max_infer,
};
use crate::testing::{assert_threads_change_nothing, normal, on_each_level, same_bits};
use crate::{DType, Error, Tensor};

#[test]
fn adaptive_windows_cover_the_image_and_share_pixels_where_sizes_do_not_divide() {
    // torch.nn.AdaptiveMaxPool1d(3) and AdaptiveAvgPool1d(3): windows 0..2, 1..4, 3..5.
    let x = Tensor::from_slice(&[1, 1, 5, 1], &[1.0f32, 5.0, 4.0, 9.0, -1.0]).unwrap();
    let three = Windows::Adaptive([1, 3]);
    on_each_level(|_| {
        for dtype in [DType::F32, DType::F64] {
            let x = x.to_dtype(dtype).unwrap();
            let pooled = max_forward(&x, three).unwrap();
            assert_eq!(pooled.output.to_f64_vec().unwrap(), [5.0, 9.0, 9.0]);
            assert_eq!(pooled.indices.to_vec::<u8>().unwrap(), [1, 2, 0]);
            let grad =
                Tensor::from_slice(&[1, 1, 3, 1], &[6.0, 60.0, 600.0]).unwrap().to_dtype(dtype).unwrap();
            let back = max_backward(&pooled.indices, &grad, x.shape(), three).unwrap();
            assert_eq!(back.to_f64_vec().unwrap(), [0.0, 6.0, 0.0, 660.0, 0.0]);
            let back = average_backward(&grad, x.shape(), three).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(back.to_vec::<f32>().unwrap(), [3.0, 23.0, 20.0, 320.0, 300.0]);
            let average = average_forward(&x, three).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(average.to_vec::<f32>().unwrap(), [3.0, 6.0, 4.0]);
        }
    });
}

#[test]
fn adaptive_windows_may_be_more_than_there_are_pixels_and_where_they_divide_they_are_tiles() {
    let x = Tensor::from_slice(&[1, 1, 2, 1], &[1.0f32, 2.0]).unwrap();
    let more = average_forward(&x, Windows::Adaptive([2, 3])).unwrap();
    assert_eq!(more.shape(), [1, 2, 3, 1]);
    assert_eq!(more.to_vec::<f32>().unwrap(), [1.0, 1.5, 2.0, 1.0, 1.5, 2.0]);
    let x = normal(&[2, 6, 8, 5], 1, DType::F32).unwrap();
    let (tiles, adaptive) = (Pool2dOptions::new([2, 4]), Windows::Adaptive([3, 2]));
    assert!(same_bits(&max_forward(&x, tiles).unwrap().output, &max_forward(&x, adaptive).unwrap().output));
    assert!(same_bits(&average_forward(&x, tiles).unwrap(), &average_forward(&x, adaptive).unwrap()));
    let error = max_infer(x.spec(), Windows::Adaptive([3, 0])).unwrap_err().to_string();
    assert_eq!(error, "adaptive_max_pool2d: output size is 0, expected 1 or more");
    let huge = Windows::Adaptive([usize::MAX, 5]);
    assert!(matches!(average_infer(x.spec(), huge), Err(Error::TooLarge { .. })));
}

#[test]
fn no_numbers_take_no_time_and_no_memory_whatever_their_shape() {
    let huge = Windows::Adaptive([1 << 40, 3]);
    for shape in [[0, 4, 4, 3], [2, 4, 4, 0]] {
        for dtype in [DType::F32, DType::F64] {
            let x = Tensor::zeros(&shape, dtype).unwrap();
            let pooled = max_forward(&x, huge).unwrap();
            assert_eq!(pooled.output.shape(), [shape[0], 1 << 40, 3, shape[3]]);
            assert_eq!(max_backward(&pooled.indices, &pooled.output, &shape, huge).unwrap().shape(), shape);
            let average = average_forward(&x, huge).unwrap();
            assert_eq!(average_backward(&average, &shape, huge).unwrap().shape(), shape);
        }
    }
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[3, 30, 31, 24], 1, DType::F32).unwrap();
    let adaptive = Windows::Adaptive([7, 13]);
    let MaxPooled { output, indices } = max_forward(&x, adaptive).unwrap();
    assert_threads_change_nothing("max", || {
        let MaxPooled { output, indices } = max_forward(&x, adaptive).unwrap();
        vec![output, indices]
    });
    assert_threads_change_nothing("gradient of max", || {
        vec![max_backward(&indices, &output, x.shape(), adaptive).unwrap()]
    });
    assert_threads_change_nothing("average", || vec![average_forward(&x, adaptive).unwrap()]);
    assert_threads_change_nothing("gradient of average", || {
        vec![average_backward(&output, x.shape(), adaptive).unwrap()]
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn adaptive_windows_agree_with_the_reference(
        shape in (1usize..3, 1usize..12, 1usize..12, prop_oneof![1usize..20, Just(70)]),
        output in [1usize..14, 1usize..14],
        seed in any::<u64>(),
    ) {
        check_against_reference(&[shape.0, shape.1, shape.2, shape.3], Windows::Adaptive(output), seed);
    }
}
