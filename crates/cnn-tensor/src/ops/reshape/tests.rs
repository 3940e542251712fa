//! Rows by hand, then every type and many shapes against the reference.

use proptest::prelude::*;

use super::{flatten_channels_first, permute, reference, unflatten_channels_first};
use crate::testing::{assert_threads_change_nothing, normal, poison, same_bits};
use crate::{DType, Error, Tensor};

fn count(shape: &[usize]) -> Tensor {
    let values: Vec<i32> = (0..shape.iter().product::<usize>() as i32).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

#[test]
fn a_matrix_is_transposed() {
    let y = permute(&count(&[2, 3]), &[1, 0]).unwrap();
    assert_eq!(y.shape(), [3, 2]);
    assert_eq!(y.to_vec::<i32>().unwrap(), [0, 3, 1, 4, 2, 5]);
}

#[test]
fn an_image_flattens_channel_by_channel() {
    // One image of two rows, one column, three channels.
    let flat = flatten_channels_first(count(&[1, 2, 1, 3])).unwrap();
    assert_eq!(flat.shape(), [1, 6]);
    assert_eq!(flat.to_vec::<i32>().unwrap(), [0, 3, 1, 4, 2, 5]);
    let back = unflatten_channels_first(flat, &[1, 2, 1, 3]).unwrap();
    assert!(same_bits(&back, &count(&[1, 2, 1, 3])));
}

#[test]
fn an_order_that_moves_nothing_shares_the_buffer() {
    for (shape, axes) in [(&[2, 3][..], &[0, 1][..]), (&[1, 5, 1], &[2, 1, 0]), (&[4, 1, 3], &[1, 0, 2])] {
        let x = count(shape);
        let y = permute(&x, axes).unwrap();
        assert_eq!(x.as_slice::<i32>().unwrap().as_ptr(), y.as_slice::<i32>().unwrap().as_ptr());
    }
    let single = flatten_channels_first(count(&[2, 3, 3, 1])).unwrap();
    assert_eq!(single.shape(), [2, 9]);
}

#[test]
fn empty_batches_keep_their_shape() {
    let x = Tensor::zeros(&[0, 2, 2, 3], DType::F32).unwrap();
    assert_eq!(flatten_channels_first(x).unwrap().shape(), [0, 12]);
    assert_eq!(permute(&count(&[2, 0, 3]), &[2, 0, 1]).unwrap().shape(), [3, 2, 0]);
    let scalar = Tensor::scalar(1.0f32).unwrap();
    assert!(same_bits(&permute(&scalar, &[]).unwrap(), &scalar));
}

#[test]
fn what_is_no_order_of_the_axes_is_an_error() {
    for axes in [&[0][..], &[0, 0], &[0, 2], &[0, 1, 2]] {
        assert!(matches!(permute(&count(&[2, 3]), axes), Err(Error::Shape { .. })), "{axes:?}");
    }
    assert!(matches!(flatten_channels_first(count(&[3])), Err(Error::Shape { .. })));
    let error = unflatten_channels_first(count(&[1, 6]), &[1, 2, 2, 2]).unwrap_err();
    assert!(error.to_string().contains("[1, 6]") && error.to_string().contains("[1, 2, 2, 2]"), "{error}");
    let huge = [1, usize::MAX, 2];
    assert!(matches!(unflatten_channels_first(count(&[1, 6]), &huge), Err(Error::TooLarge { .. })));
}

#[test]
fn every_element_type_moves() {
    for dtype in DType::ALL {
        let x = count(&[2, 3, 4]).to_dtype(dtype).unwrap();
        let twice = permute(&permute(&x, &[2, 0, 1]).unwrap(), &[1, 2, 0]).unwrap();
        assert!(same_bits(&twice, &x), "{dtype}");
    }
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[20, 7, 9, 40], 1, DType::F32).unwrap();
    let matrix = normal(&[300, 301], 1, DType::F32).unwrap();
    assert_threads_change_nothing("flatten", || vec![flatten_channels_first(x.clone()).unwrap()]);
    assert_threads_change_nothing("permute", || vec![permute(&matrix, &[1, 0]).unwrap()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_order_of_every_shape_agrees_with_the_reference(
        (dims, axes) in prop::collection::vec(prop_oneof![Just(1usize), 2usize..6, Just(40)], 0..5)
            .prop_flat_map(|dims| {
                let axes: Vec<usize> = (0..dims.len()).collect();
                (Just(dims), Just(axes).prop_shuffle())
            }),
    ) {
        let x = count(&dims);
        poison(&dims, DType::I32).unwrap();
        let y = permute(&x, &axes).unwrap();
        let mut expected = vec![0; x.len()];
        reference::permute(x.as_slice::<i32>().unwrap(), &dims, &axes, &mut expected);
        prop_assert_eq!(y.to_vec::<i32>().unwrap(), expected);
    }
}
