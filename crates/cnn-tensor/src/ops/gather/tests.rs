//! Rows by hand, then generated shapes against single places.

use proptest::prelude::*;

use super::{gather, index_add, index_select, infer_gather, scatter, scatter_add};
use crate::random::Key;
use crate::testing::{assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

fn indices(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

/// Indices below `bound`.
fn some_indices(shape: &[usize], bound: usize, seed: u64) -> Tensor {
    let key = Key::new(seed);
    let len = shape.iter().product::<usize>() as u64;
    let values: Vec<i64> = (0..len).map(|at| key.below(at, bound as u64) as i64).collect();
    indices(shape, &values)
}

#[test]
fn elements_are_picked_along_each_axis() {
    let x = Tensor::from_slice(&[2, 3], &[10i32, 11, 12, 20, 21, 22]).unwrap();
    let y = gather(&x, &indices(&[2, 2], &[2, 0, 1, 1]), 1).unwrap();
    assert_eq!((y.shape(), y.to_vec::<i32>().unwrap()), (&[2, 2][..], vec![12, 10, 21, 21]));
    let y = gather(&x, &indices(&[1, 3], &[1, 0, 1]), 0).unwrap();
    assert_eq!(y.to_vec::<i32>().unwrap(), [20, 11, 22]);
    assert_eq!(gather(&x, &indices(&[2, 0], &[]), 1).unwrap().shape(), [2, 0]);
}

#[test]
fn elements_are_put_and_the_last_of_one_place_stays() {
    let x = Tensor::from_slice(&[2, 3], &[0u8; 6]).unwrap();
    let source = Tensor::from_slice(&[2, 2], &[1u8, 2, 3, 4]).unwrap();
    let y = scatter(x.clone(), &indices(&[2, 2], &[2, 0, 1, 1]), &source, 1).unwrap();
    assert_eq!(y.to_vec::<u8>().unwrap(), [2, 0, 1, 0, 4, 0]);
    assert_eq!(x.to_vec::<u8>().unwrap(), [0; 6]);
}

#[test]
fn elements_of_one_place_add_up() {
    let x = Tensor::full(&[3], 10.0, DType::F32).unwrap();
    let source = Tensor::from_slice(&[4], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let y = scatter_add(x, &indices(&[4], &[2, 0, 2, 2]), &source, 0).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [12.0, 10.0, 18.0]);
}

#[test]
fn slices_are_picked_and_added() {
    let x = Tensor::from_slice(&[2, 3], &[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let columns = indices(&[4], &[2, 0, 2, 2]);
    let y = index_select(&x, &columns, 1).unwrap();
    assert_eq!(y.to_vec::<f64>().unwrap(), [3.0, 1.0, 3.0, 3.0, 6.0, 4.0, 6.0, 6.0]);
    let back = index_add(Tensor::zeros(&[2, 3], DType::F64).unwrap(), &columns, &y, 1).unwrap();
    assert_eq!(back.to_vec::<f64>().unwrap(), [1.0, 0.0, 9.0, 4.0, 0.0, 18.0]);
    assert_eq!(index_select(&x, &indices(&[0], &[]), 0).unwrap().shape(), [0, 3]);
}

#[test]
fn an_index_out_of_range_is_named() {
    let x = Tensor::zeros(&[2, 3], DType::F32).unwrap();
    let error = index_select(&x, &indices(&[3], &[0, 1, 2]), 0).unwrap_err().to_string();
    assert_eq!(
        error,
        "index_select: index is 2 at 2 of [3], where the axis has 2, expected 0 to the size of the axis, exclusive"
    );
    let negative = indices(&[2, 1], &[0, -1]);
    assert!(matches!(gather(&x, &negative, 1), Err(Error::Argument { .. })));
    let source = Tensor::zeros(&[2, 1], DType::F32).unwrap();
    assert!(matches!(scatter(x.clone(), &negative, &source, 1), Err(Error::Argument { .. })));
    let none = Tensor::zeros(&[0], DType::F32).unwrap();
    assert!(matches!(index_select(&none, &indices(&[1], &[0]), 0), Err(Error::Argument { .. })));
}

#[test]
fn misfits_are_errors() {
    let x = Tensor::zeros(&[2, 3], DType::F32).unwrap();
    let error = gather(&x, &indices(&[1, 1], &[0]), 1).unwrap_err().to_string();
    assert_eq!(error, "gather: input [2, 3] and indices [1, 1] may differ along axis 1 only");
    assert!(matches!(gather(&x, &indices(&[2], &[0, 0]), 1), Err(Error::Shape { .. })));
    assert!(matches!(gather(&x, &indices(&[2, 1], &[0, 0]), 2), Err(Error::Shape { .. })));
    assert!(matches!(index_select(&x, &indices(&[1, 1], &[0]), 1), Err(Error::Shape { .. })));
    let bytes = Tensor::zeros(&[2, 1], DType::U8).unwrap();
    assert!(matches!(gather(&x, &bytes, 1), Err(Error::DType { .. })));
    let at = indices(&[2, 1], &[0, 0]);
    assert!(matches!(scatter(x.clone(), &at, &bytes, 1), Err(Error::DType { .. })));
    assert!(matches!(scatter(x.clone(), &at, &x, 1), Err(Error::Shape { .. })));
    assert!(matches!(scatter_add(bytes.clone(), &at, &bytes, 1), Err(Error::DType { .. })));
    // Of indices without values only the shape is checked.
    let unknown = Tensor::shape_only(&[2, 5], DType::I64).unwrap();
    assert_eq!(infer_gather(x.spec(), &unknown, 1).unwrap().shape, [2, 5]);
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[500, 3, 40], 1, DType::F32).unwrap();
    let (each, rows) = (some_indices(&[500, 7, 40], 3, 2), some_indices(&[2000], 500, 3));
    let picked = gather(&x, &each, 1).unwrap();
    assert!(same_bits(&scatter(x.clone(), &each, &picked, 1).unwrap(), &x));
    let own = rows.to_vec::<i64>().unwrap();
    let selected = index_select(&x, &rows, 0).unwrap();
    for at in [0, 700, 1999] {
        let row = own[at] as usize;
        assert!(same_bits(&selected.narrow(at..at + 1).unwrap(), &x.narrow(row..row + 1).unwrap()));
    }
    let threads = |what: &str, work: &dyn Fn() -> Tensor| {
        assert_threads_change_nothing(what, || vec![work()]);
    };
    threads("gather", &|| gather(&x, &each, 1).unwrap());
    threads("scatter", &|| scatter(x.clone(), &each, &picked, 1).unwrap());
    threads("scatter_add", &|| scatter_add(x.clone(), &each, &picked, 1).unwrap());
    threads("index_select", &|| index_select(&x, &rows, 0).unwrap());
    threads("index_add", &|| index_add(x.clone(), &rows, &selected, 0).unwrap());
    // One block, whose columns are shared out.
    let (x, each) = (normal(&[300, 1000], 1, DType::F32).unwrap(), some_indices(&[400, 1000], 300, 2));
    let picked = gather(&x, &each, 0).unwrap();
    threads("scatter along the first axis", &|| scatter(x.clone(), &each, &picked, 0).unwrap());
    threads("scatter_add along the first axis", &|| scatter_add(x.clone(), &each, &picked, 0).unwrap());
    // Blocks of few numbers.
    let (x, few) = (normal(&[20_000, 3], 1, DType::F32).unwrap(), some_indices(&[5], 3, 3));
    let selected = index_select(&x, &few, 1).unwrap();
    threads("index_select of columns", &|| index_select(&x, &few, 1).unwrap());
    threads("index_add of columns", &|| index_add(x.clone(), &few, &selected, 1).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn each_element_goes_to_its_place(
        (before, behind, count) in prop_oneof![
            8 => (0usize..5, prop_oneof![Just(1usize), 0usize..9], 0usize..12),
            // Enough blocks for several pieces; enough columns to share them out.
            1 => (Just(3000usize), 1usize..3, 3usize..12),
            1 => (1usize..3, Just(2100usize), 16usize..20),
        ],
        len in 1usize..9,
        which in 0usize..10, seed in any::<u64>(),
    ) {
        let dtype = DType::ALL[which];
        let x = normal(&[before, len, behind], seed, DType::F32).unwrap().to_dtype(dtype).unwrap();
        let each = some_indices(&[before, count, behind], len, seed);
        poison(each.shape(), dtype).unwrap();
        let picked = gather(&x, &each, 1).unwrap();
        let places = each.to_vec::<i64>().unwrap();
        let (values, got) = (x.to_f64_vec().unwrap(), picked.to_f64_vec().unwrap());
        let from = |at: usize| {
            let (outer, column) = (at / (count * behind), at % behind);
            (outer * len + places[at] as usize) * behind + column
        };
        for (at, &value) in got.iter().enumerate() {
            prop_assert_eq!(value, values[from(at)]);
        }
        // What was picked, put back, changes nothing.
        prop_assert!(same_bits(&scatter(x.clone(), &each, &picked, 1).unwrap(), &x));

        let rows = some_indices(&[count], len, !seed);
        let selected = index_select(&x, &rows, 1).unwrap();
        let wide = rows.clone().reshape(&[1, count, 1]).unwrap();
        let wide = crate::ops::broadcast::to(&wide, &[before, count, behind]).unwrap();
        prop_assert!(same_bits(&selected, &gather(&x, &wide, 1).unwrap()));

        let source = normal(each.shape(), seed, DType::F64).unwrap();
        let mut sums = vec![0.0; x.len()];
        for (at, value) in source.to_f64_vec().unwrap().into_iter().enumerate() {
            sums[from(at)] += value;
        }
        let zeros = Tensor::zeros(x.shape(), DType::F64).unwrap();
        let expected = Tensor::from_slice(x.shape(), &sums).unwrap();
        on_each_level(|_| {
            assert!(same_bits(&scatter_add(zeros.clone(), &each, &source, 1).unwrap(), &expected));
            let slices = index_add(zeros.clone(), &rows, &source, 1).unwrap();
            assert!(same_bits(&slices, &scatter_add(zeros.clone(), &wide, &source, 1).unwrap()));
        });
    }
}
