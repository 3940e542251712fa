//! Array operations called with whatever arguments: each gives a tensor or an error, and none panics.

mod shapes;

use cnn_tensor::ops::matmul::Transpose;
use cnn_tensor::ops::reduce::{Keep, Norm, Variance};
use cnn_tensor::ops::scan::From as ScanFrom;
use cnn_tensor::ops::select::{Side, select_backward};
use cnn_tensor::ops::sort::Order;
use cnn_tensor::ops::{binary, broadcast, matmul, narrow, reduce};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor, npy};
use proptest::prelude::*;
use shapes::dims;

/// A tensor of any type and of such axes; sometimes without values.
fn tensor() -> impl Strategy<Value = Tensor> {
    (dims(), 0usize..10, any::<u64>(), 0u8..8).prop_map(|(dims, dtype, seed, only)| {
        let dtype = DType::ALL[dtype];
        if only == 0 {
            return Tensor::shape_only(&dims, dtype).unwrap();
        }
        let numbers = Tensor::normal(&dims, DType::F64, Key::new(seed)).unwrap();
        numbers.mul(2).unwrap().to_dtype(dtype).unwrap()
    })
}

/// A number that may be a size, or far from one: small ones, and those at which sums and products overflow.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0usize..5, 1 => Just(usize::MAX), 1 => Just(1 << 60), 1 => Just(isize::MAX as usize)]
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(size(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_operation_of_two_tensors_panics(a in tensor(), b in tensor(), c in tensor(), shape in sizes(), which in 0usize..4) {
        let all = [Tensor::add, Tensor::sub, Tensor::mul, Tensor::div, Tensor::maximum, Tensor::minimum, Tensor::pow];
        for operation in all {
            let _ = operation(&a, &b);
            let _ = operation(&a, &a);
        }
        for comparison in [Tensor::eq, Tensor::ne, Tensor::lt, Tensor::le, Tensor::gt, Tensor::ge] {
            let _ = comparison(&a, &b);
            let _ = comparison(&a, &a);
        }
        for logic in [Tensor::and, Tensor::or, Tensor::xor] {
            let _ = logic(&a, &b);
        }
        let truth = b.to_dtype(DType::Bool).unwrap();
        for condition in [&truth, &b] {
            let _ = a.select(condition, &c);
            let _ = select_backward(condition, &a, Side::No, &shape);
        }
        let transpose = [Transpose::Neither, Transpose::Left, Transpose::Right, Transpose::Both][which];
        let _ = a.matmul_transposed(&b, transpose);
        let _ = a.matmul_transposed(&a, transpose);
        let _ = matmul::backward_left(&a, &b, transpose, &shape);
        let _ = matmul::backward_right(&a, &b, transpose, c.shape());
        let _ = binary::extreme_backward(&a, &b, &c, binary::Extreme::Maximum);
        let _ = binary::pow_backward_exponent(&a, &b, &c);
        let _ = Tensor::concat(&[&a, &b, &c], which);
        let _ = Tensor::stack(&[&a, &a, &b], which);
        let _ = Tensor::stack(&[&a, &a], which);
        let _ = npy::to_bytes(&a).and_then(|bytes| npy::from_bytes(&bytes));
        let _ = format!("{a} {b:?} {c:.2}");
    }

    #[test]
    fn no_operation_of_axes_panics(x in tensor(), g in tensor(), axes in sizes(), axis in size(), count in size(), kept in any::<bool>()) {
        let keep = if kept { Keep::Axes } else { Keep::Dropped };
        let _ = x.sum_over(&axes, keep);
        let _ = x.mean_over(&axes, keep);
        let _ = x.prod_over(&axes, keep);
        let _ = x.max_over(&axes, keep);
        let _ = x.min_over(&axes, keep);
        let _ = x.all_over(&axes, keep);
        let _ = x.any_over(&axes, keep);
        for variance in [Variance::Biased, Variance::Unbiased] {
            let _ = x.var_over(&axes, variance, keep);
            let _ = reduce::var_over_backward(&x, g.clone(), &axes, variance);
        }
        for norm in [Norm::L1, Norm::L2, Norm::Max] {
            let _ = x.norm_over(&axes, norm, keep);
        }
        let _ = reduce::extreme_over_backward(&x, &g, g.clone(), &axes);
        let _ = x.arg_max_over(axis, keep);
        let _ = x.arg_min_over(axis, keep);
        let _ = x.permute(&axes);
        let _ = x.transpose();
        let _ = x.flip(&axes);
        let _ = x.roll(count as i64, axis);
        let _ = x.narrow_along(axis, count..count.saturating_add(1));
        let _ = narrow::narrow_backward(&g, axis, 0..count, &axes);
        let _ = x.split(&axes, axis);
        let _ = x.chunk(count, axis);
        for order in [Order::Ascending, Order::Descending] {
            let _ = x.sort(axis, order);
            let _ = x.top_k(count, axis, order);
        }
        let _ = x.cumsum(axis, ScanFrom::End);
    }

    #[test]
    fn no_shape_and_no_index_panics(x in tensor(), y in tensor(), shape in sizes(), axis in 0usize..5, classes in size()) {
        let _ = x.broadcast_to(&shape);
        let _ = broadcast::sum_to(x.clone(), &shape);
        let _ = x.repeat(&shape);
        let indices = y.to_dtype(DType::I64).unwrap();
        for indices in [&indices, &y] {
            let _ = x.gather(indices, axis);
            let _ = x.index_select(indices, axis);
            let _ = x.scatter(indices, &y, axis);
            let _ = x.scatter_add(indices, &x, axis);
            let _ = x.index_add(indices, &x, axis);
            let _ = indices.one_hot(classes, x.dtype());
            let _ = indices.bin_count(classes);
        }
        let _ = x.histogram(classes, -1.0, 1.0);
    }

    #[test]
    fn no_rule_of_making_panics(shape in sizes(), start in any::<f64>(), end in any::<f64>(), step in any::<f64>(), which in 0usize..10) {
        let dtype = DType::ALL[which];
        // What a range of any numbers holds may fill the memory of the machine; a short one is made instead.
        let far = (end - start) / step;
        if !(far > 1e4 && far < 1e16) {
            let _ = Tensor::arange(start, end, step, dtype);
        }
        let _ = Tensor::linspace(start, end, shape.first().map_or(0, |&size| size % 1000), dtype);
        let _ = Tensor::from_rows(&shape.iter().map(|&size| vec![0u8; size % 10]).collect::<Vec<_>>());
        if let [rows, ..] = shape[..] {
            let _ = Tensor::eye(rows, dtype);
        }
        let _ = Tensor::uniform(&shape, dtype, Key::new(1));
        let _ = Tensor::normal(&shape, dtype, Key::new(1));
    }
}
