//! The notation of arrays: operations as methods of [`Tensor`], by reference.
//!
//! Each method is one call of a function in [`ops`](crate::ops), which says what it does, and of which shapes and types;
//! only what a method adds is said here. Operands are left as they are and results are new tensors; the functions take
//! some operands by value and write into their buffers where nobody else holds them, which the layers rely on.
//!
//! The second operand of arithmetic and comparisons is a tensor or a number ([`Operand`]); shapes broadcast. Reductions
//! without axes are over all of them. Nothing is converted: both operands have one element type, and
//! [`Tensor::to_dtype`] is the way from one to another.
//!
//! ```
//! # fn main() -> cnn_tensor::Result<()> {
//! use cnn_tensor::ops::reduce::{Keep, Variance};
//! use cnn_tensor::{DType, Tensor, random::Key};
//!
//! let x = Tensor::normal(&[100, 3], DType::F64, Key::new(1))?.mul(2.0)?.add(5.0)?;
//! // Columns of mean 0 and variance 1.
//! let deviation = x.var_over(&[0], Variance::Unbiased, Keep::Axes)?.sqrt()?;
//! let scaled = x.sub(&x.mean_over(&[0], Keep::Axes)?)?.div(&deviation)?;
//! // Their correlations: a matrix with ones on its diagonal.
//! let correlations = scaled.transpose()?.matmul(&scaled)?.div(99.0)?;
//! let off = correlations.sub(&Tensor::eye(3, DType::F64)?)?;
//! assert!(off.gather(&Tensor::from_rows(&[[0i64], [1], [2]])?, 1)?.abs_max()? < 1e-12);
//! // Rows in which all numbers are above the mean.
//! let above = scaled.gt(0.0)?.all_over(&[1], Keep::Dropped)?;
//! assert_eq!(above.shape(), [100]);
//! # Ok(()) }
//! ```

use std::borrow::Cow;
use std::ops::Range;

use crate::ops::matmul::Transpose;
use crate::ops::reduce::{Keep, Norm, Variance};
use crate::ops::scan::From as ScanFrom;
use crate::ops::sort::{Order, Sorted};
use crate::ops::{
    binary, broadcast, compare, concat, count, flip, gather, matmul, narrow, reduce, reshape, scan, select,
    softmax, sort, unary,
};
use crate::{DType, Error, Result, Tensor};

/// The second operand of arithmetic and comparisons: a tensor, or a number that stands for a tensor of it.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// A tensor, of the first operand's element type.
    Tensor(&'a Tensor),
    /// A number, which takes the first operand's element type; whole numbers and truth values must hold it.
    Number(f64),
}

impl<'a> From<&'a Tensor> for Operand<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<f64> for Operand<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<f32> for Operand<'_> {
    fn from(number: f32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<i32> for Operand<'_> {
    fn from(number: i32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl<'a> Operand<'a> {
    fn of(self, dtype: DType) -> Result<Cow<'a, Tensor>> {
        match self {
            Self::Tensor(tensor) => Ok(Cow::Borrowed(tensor)),
            Self::Number(number) => {
                let tensor = Tensor::full(&[], number, dtype)?;
                // 2.5 among whole numbers is a mistake; among `F32`, a number near 0.1 is meant.
                let whole = !matches!(dtype, DType::F32 | DType::F64 | DType::F16 | DType::BF16);
                // The largest `I64` reads as the double after it, which is none.
                let beyond = dtype == DType::I64 && number >= -(i64::MIN as f64);
                if whole && (beyond || tensor.item()? != number) {
                    let met = format!("{number} beside {dtype}");
                    return Err(Error::argument("operand", "number", met, "one that the element type holds"));
                }
                Ok(Cow::Owned(tensor))
            }
        }
    }
}

/// Methods of one call each: `name(arguments) = function(what they become)`.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident($self:ident $(, $argument:ident: $type:ty)*) -> $result:ty = $call:expr;)+) => {
        /// Operations, as [this notation](crate::array) has them.
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// Those of the function.
                pub fn $name(&$self $(, $argument: $type)*) -> Result<$result> {
                    $call
                }
            )+
        }
    };
}

/// Methods of two operands, the second of which may be a number.
macro_rules! with_operand {
    ($($(#[$doc:meta])* $name:ident = $function:path, $form:ident;)+) => {
        /// Arithmetic and comparisons, as [this notation](crate::array) has them.
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// Those of the function.
                pub fn $name<'a>(&self, other: impl Into<Operand<'a>>) -> Result<Tensor> {
                    let other = other.into().of(self.dtype())?;
                    with_operand!(@ $form, $function, self, &other)
                }
            )+
        }
    };
    (@ by_value, $function:path, $a:expr, $b:expr) => { $function($a.clone(), $b) };
    (@ by_reference, $function:path, $a:expr, $b:expr) => { $function($a, $b) };
}

with_operand! {
    /// `self + other`: [`binary::add`].
    add = binary::add, by_value;
    /// `self - other`: [`binary::sub`].
    sub = binary::sub, by_value;
    /// `self * other`: [`binary::mul`].
    mul = binary::mul, by_value;
    /// `self / other`: [`binary::div`].
    div = binary::div, by_value;
    /// The larger of both: [`binary::maximum`].
    maximum = binary::maximum, by_value;
    /// The smaller of both: [`binary::minimum`].
    minimum = binary::minimum, by_value;
    /// `self` to the power `other`: [`binary::pow`].
    pow = binary::pow, by_value;
    /// Where `self == other`: [`compare::eq`].
    eq = compare::eq, by_reference;
    /// Where `self != other`: [`compare::ne`].
    ne = compare::ne, by_reference;
    /// Where `self < other`: [`compare::lt`].
    lt = compare::lt, by_reference;
    /// Where `self <= other`: [`compare::le`].
    le = compare::le, by_reference;
    /// Where `self > other`: [`compare::gt`].
    gt = compare::gt, by_reference;
    /// Where `self >= other`: [`compare::ge`].
    ge = compare::ge, by_reference;
}

methods! {
    /// `-x`: [`unary::Neg`].
    neg(self) -> Tensor = unary::forward(&unary::Neg, self.clone());
    /// `|x|`: [`unary::Abs`].
    abs(self) -> Tensor = unary::forward(&unary::Abs, self.clone());
    /// `x^2`: [`unary::Square`].
    square(self) -> Tensor = unary::forward(&unary::Square, self.clone());
    /// The square root: [`unary::Sqrt`].
    sqrt(self) -> Tensor = unary::forward(&unary::Sqrt, self.clone());
    /// `e^x`: [`unary::Exp`].
    exp(self) -> Tensor = unary::forward(&unary::Exp, self.clone());
    /// The natural logarithm: [`unary::Ln`].
    ln(self) -> Tensor = unary::forward(&unary::Ln, self.clone());
    /// `1 / x`: [`unary::Reciprocal`].
    reciprocal(self) -> Tensor = unary::forward(&unary::Reciprocal, self.clone());
    /// `x^exponent`: [`unary::Pow`].
    powf(self, exponent: f64) -> Tensor = unary::forward(&unary::Pow(exponent), self.clone());
    /// `min(max(x, least), most)`: [`unary::Clamp`].
    clamp(self, least: f64, most: f64) -> Tensor = unary::forward(&unary::Clamp { least, most }, self.clone());
    /// `max(x, 0)`: [`unary::relu`].
    relu(self) -> Tensor = unary::relu(self.clone());
    /// `1 / (1 + e^-x)`: [`unary::Sigmoid`].
    sigmoid(self) -> Tensor = unary::forward(&unary::Sigmoid, self.clone());
    /// The hyperbolic tangent: [`unary::Tanh`].
    tanh(self) -> Tensor = unary::forward(&unary::Tanh, self.clone());
    /// `e^x` over its sum along an axis: [`softmax::softmax`].
    softmax(self, axis: usize) -> Tensor = softmax::softmax(self.clone(), axis);
    /// The logarithm of [`Tensor::softmax`]: [`softmax::log_softmax`].
    log_softmax(self, axis: usize) -> Tensor = softmax::log_softmax(self.clone(), axis);
    /// Where both hold: [`compare::and`].
    and(self, other: &Tensor) -> Tensor = compare::and(self.clone(), other);
    /// Where either holds: [`compare::or`].
    or(self, other: &Tensor) -> Tensor = compare::or(self.clone(), other);
    /// Where one holds and the other does not: [`compare::xor`].
    xor(self, other: &Tensor) -> Tensor = compare::xor(self.clone(), other);
    /// Where it does not hold: [`compare::not`].
    not(self) -> Tensor = compare::not(self.clone());
    /// `self` where the condition holds, else `other`: [`select::select`].
    select(self, condition: &Tensor, other: &Tensor) -> Tensor = select::select(condition, self, other);

    /// The sum of all elements: [`reduce::sum`].
    sum(self) -> Tensor = reduce::sum(self);
    /// The mean of all elements: [`reduce::mean`].
    mean(self) -> Tensor = reduce::mean(self);
    /// The largest absolute value, as a double; 0 of none.
    abs_max(self) -> f64 = reduce::norm_over(self, &axes(self), Norm::Max, Keep::Dropped)?.item();
    /// The sums over some axes: [`reduce::sum_over`].
    sum_over(self, axes: &[usize], keep: Keep) -> Tensor = reduce::sum_over(self, axes, keep);
    /// The means over some axes: [`reduce::mean_over`].
    mean_over(self, axes: &[usize], keep: Keep) -> Tensor = reduce::mean_over(self, axes, keep);
    /// The variances over some axes: [`reduce::var_over`].
    var_over(self, axes: &[usize], variance: Variance, keep: Keep) -> Tensor =
        reduce::var_over(self, axes, variance, keep);
    /// The products over some axes: [`reduce::prod_over`].
    prod_over(self, axes: &[usize], keep: Keep) -> Tensor = reduce::prod_over(self, axes, keep);
    /// The norms over some axes: [`reduce::norm_over`].
    norm_over(self, axes: &[usize], norm: Norm, keep: Keep) -> Tensor = reduce::norm_over(self, axes, norm, keep);
    /// The largest values over some axes: [`reduce::max_over`].
    max_over(self, axes: &[usize], keep: Keep) -> Tensor = reduce::max_over(self, axes, keep);
    /// The smallest values over some axes: [`reduce::min_over`].
    min_over(self, axes: &[usize], keep: Keep) -> Tensor = reduce::min_over(self, axes, keep);
    /// Where along an axis the largest value is: [`reduce::arg_max_over`].
    arg_max_over(self, axis: usize, keep: Keep) -> Tensor = reduce::arg_max_over(self, axis, keep);
    /// Where along an axis the smallest value is: [`reduce::arg_min_over`].
    arg_min_over(self, axis: usize, keep: Keep) -> Tensor = reduce::arg_min_over(self, axis, keep);
    /// Whether all hold, over some axes: [`reduce::all_over`].
    all_over(self, axes: &[usize], keep: Keep) -> Tensor = reduce::all_over(self, axes, keep);
    /// Whether any holds, over some axes: [`reduce::any_over`].
    any_over(self, axes: &[usize], keep: Keep) -> Tensor = reduce::any_over(self, axes, keep);

    /// The product of matrices: [`matmul::matmul`].
    matmul(self, other: &Tensor) -> Tensor = matmul::matmul(self, other, Transpose::Neither);
    /// The product of matrices, either side transposed without a copy: [`matmul::matmul`].
    matmul_transposed(self, other: &Tensor, transpose: Transpose) -> Tensor =
        matmul::matmul(self, other, transpose);

    /// Repeated along axes of size 1: [`broadcast::to`].
    broadcast_to(self, shape: &[usize]) -> Tensor = broadcast::to(self, shape);
    /// Repeated so often along each axis: [`broadcast::repeat`].
    repeat(self, counts: &[usize]) -> Tensor = broadcast::repeat(self, counts);
    /// The axes in another order: [`reshape::permute`].
    permute(self, axes: &[usize]) -> Tensor = reshape::permute(self, axes);
    /// The last two axes exchanged.
    transpose(self) -> Tensor = transpose(self);
    /// A range of an axis: [`narrow::narrow`]. (A range of the leading axis that shares the buffer is [`Tensor::narrow`].)
    narrow_along(self, axis: usize, range: Range<usize>) -> Tensor = narrow::narrow(self, axis, range);
    /// Parts of these sizes along an axis: [`narrow::split`].
    split(self, sizes: &[usize], axis: usize) -> Vec<Tensor> = narrow::split(self, sizes, axis);
    /// So many parts along an axis: [`narrow::chunk`].
    chunk(self, count: usize, axis: usize) -> Vec<Tensor> = narrow::chunk(self, count, axis);
    /// The order along some axes reversed: [`flip::flip`].
    flip(self, axes: &[usize]) -> Tensor = flip::flip(self, axes);
    /// Moved along an axis, around its end: [`flip::roll`].
    roll(self, shift: i64, axis: usize) -> Tensor = flip::roll(self, shift, axis);

    /// The element at each index along an axis: [`gather::gather`].
    gather(self, indices: &Tensor, axis: usize) -> Tensor = gather::gather(self, indices, axis);
    /// `source` put at the indices along an axis: [`gather::scatter`].
    scatter(self, indices: &Tensor, source: &Tensor, axis: usize) -> Tensor =
        gather::scatter(self.clone(), indices, source, axis);
    /// `source` added at the indices along an axis: [`gather::scatter_add`].
    scatter_add(self, indices: &Tensor, source: &Tensor, axis: usize) -> Tensor =
        gather::scatter_add(self.clone(), indices, source, axis);
    /// The slices across an axis that the indices name: [`gather::index_select`].
    index_select(self, indices: &Tensor, axis: usize) -> Tensor = gather::index_select(self, indices, axis);
    /// `source` added to the slices across an axis that the indices name: [`gather::index_add`].
    index_add(self, indices: &Tensor, source: &Tensor, axis: usize) -> Tensor =
        gather::index_add(self.clone(), indices, source, axis);

    /// The elements along an axis in order: [`sort::sort`].
    sort(self, axis: usize, order: Order) -> Sorted = sort::sort(self, axis, order);
    /// The places of the elements along an axis in order: [`sort::arg_sort`].
    arg_sort(self, axis: usize, order: Order) -> Tensor = sort::arg_sort(self, axis, order);
    /// The first of the elements along an axis in order: [`sort::top_k`].
    top_k(self, count: usize, axis: usize, order: Order) -> Sorted = sort::top_k(self, count, axis, order);
    /// Running sums along an axis: [`scan::cumsum`].
    cumsum(self, axis: usize, from: ScanFrom) -> Tensor = scan::cumsum(self, axis, from);
    /// Each class as a row with a one: [`count::one_hot`].
    one_hot(self, classes: usize, dtype: DType) -> Tensor = count::one_hot(self, classes, dtype);
    /// How often each class occurs: [`count::bin_count`].
    bin_count(self, classes: usize) -> Tensor = count::bin_count(self, classes);
    /// How many numbers are in each of some ranges: [`count::histogram`].
    histogram(self, bins: usize, low: f64, high: f64) -> Tensor = count::histogram(self, bins, low, high);
}

impl Tensor {
    /// The tensors one after the other along an axis: [`concat::concat`].
    ///
    /// # Errors
    /// Those of the function.
    pub fn concat(inputs: &[&Tensor], axis: usize) -> Result<Tensor> {
        concat::concat(inputs, axis)
    }

    /// The tensors along a new axis: [`concat::stack`].
    ///
    /// # Errors
    /// Those of the function.
    pub fn stack(inputs: &[&Tensor], axis: usize) -> Result<Tensor> {
        concat::stack(inputs, axis)
    }
}

/// All axes.
fn axes(x: &Tensor) -> Vec<usize> {
    (0..x.rank()).collect()
}

fn transpose(x: &Tensor) -> Result<Tensor> {
    let mut axes = axes(x);
    match axes.as_mut_slice() {
        [.., rows, columns] => std::mem::swap(rows, columns),
        _ => {
            let problem = format!("input {:?}, expected two axes or more", x.shape());
            return Err(Error::shape("transpose", problem));
        }
    }
    reshape::permute(x, &axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x() -> Tensor {
        Tensor::from_rows(&[[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]).unwrap()
    }

    #[test]
    fn operands_are_tensors_or_numbers_and_stay_as_they_are() {
        let (x, row) = (x(), Tensor::from_slice(&[3], &[10.0f32, 20.0, 30.0]).unwrap());
        assert_eq!(x.add(&row).unwrap().to_vec::<f32>().unwrap(), [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]);
        assert_eq!(
            x.mul(2).unwrap().sub(1.0f32).unwrap().to_vec::<f32>().unwrap(),
            [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
        );
        assert_eq!(x.gt(3.5).unwrap().to_vec::<u8>().unwrap(), [0, 0, 0, 1, 1, 1]);
        assert_eq!(x.neg().unwrap().abs_max().unwrap(), 6.0);
        assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let labels = Tensor::from_slice(&[2], &[1u8, 255]).unwrap();
        assert_eq!(labels.eq(255).unwrap().to_vec::<u8>().unwrap(), [0, 1]);
        let error = labels.lt(256).unwrap_err().to_string();
        assert_eq!(error, "operand: number is 256 beside u8, expected one that the element type holds");
        let whole = Tensor::scalar(i64::MAX).unwrap();
        assert!(whole.eq(9_223_372_036_854_775_808.0).is_err());
        assert!(whole.eq(-9_223_372_036_854_775_808.0).is_ok());
        assert!(matches!(labels.ge(0.5), Err(Error::Argument { .. })));
        let wide = Tensor::zeros(&[3], DType::F64).unwrap();
        assert!(matches!(x.add(&wide), Err(Error::DType { .. })));
    }

    #[test]
    fn functions_of_one_element_leave_it_as_it_is() {
        let x = Tensor::from_slice(&[3], &[4.0f64, 0.25, 1.0]).unwrap();
        let values = |y: Result<Tensor>| y.unwrap().to_vec::<f64>().unwrap();
        assert_eq!(values(x.sqrt()), [2.0, 0.5, 1.0]);
        assert_eq!(values(x.square()), [16.0, 0.0625, 1.0]);
        assert_eq!(values(x.reciprocal()), [0.25, 4.0, 1.0]);
        assert_eq!(values(x.powf(-0.5)), [0.5, 2.0, 1.0]);
        assert_eq!(values(x.neg().unwrap().relu()), [0.0; 3]);
        assert_eq!(values(x.neg().unwrap().abs()), [4.0, 0.25, 1.0]);
        assert_eq!(values(x.clamp(0.5, 2.0)), [2.0, 0.5, 1.0]);
        assert!((x.ln().unwrap().exp().unwrap().sub(&x).unwrap().abs_max().unwrap()) < 1e-14);
        let sum = x.softmax(0).unwrap().sum().unwrap().item().unwrap();
        assert!((sum - 1.0).abs() < 1e-14);
        assert!(
            (x.log_softmax(0).unwrap().exp().unwrap().sum().unwrap().item().unwrap() - 1.0).abs() < 1e-14
        );
        // tanh(x) = 2 sigmoid(2x) - 1.
        let same = x.mul(2).unwrap().sigmoid().unwrap().mul(2).unwrap().sub(1).unwrap();
        assert!(same.sub(&x.tanh().unwrap()).unwrap().abs_max().unwrap() < 1e-14);
        assert_eq!(x.to_vec::<f64>().unwrap(), [4.0, 0.25, 1.0]);
    }

    #[test]
    fn logic_chooses() {
        let x = x();
        let middle = x.ge(2).unwrap().and(&x.le(5).unwrap()).unwrap();
        let y = x.select(&middle, &Tensor::scalar(0.0f32).unwrap()).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 2.0, 3.0, 4.0, 5.0, 0.0]);
        let none = middle.xor(&middle).unwrap();
        assert_eq!(none.or(&none.not().unwrap()).unwrap().to_vec::<u8>().unwrap(), [1; 6]);
    }

    #[test]
    fn matrices_are_transposed_and_multiplied() {
        let x = x();
        let gram = x.matmul_transposed(&x, Transpose::Right).unwrap();
        assert_eq!(gram.to_vec::<f32>().unwrap(), [14.0, 32.0, 32.0, 77.0]);
        let same = x.matmul(&x.transpose().unwrap()).unwrap();
        assert_eq!(same.to_vec::<f32>().unwrap(), gram.to_vec::<f32>().unwrap());
        assert!(matches!(Tensor::scalar(1.0f32).unwrap().transpose(), Err(Error::Shape { .. })));
    }

    #[test]
    fn what_is_picked_sorted_and_counted_is_what_the_functions_give() {
        let x = x();
        let top = x.top_k(1, 1, Order::Descending).unwrap();
        assert_eq!(top.values.to_vec::<f32>().unwrap(), [3.0, 6.0]);
        assert_eq!(x.gather(&top.indices, 1).unwrap().to_vec::<f32>().unwrap(), [3.0, 6.0]);
        let labels = x.arg_max_over(1, Keep::Dropped).unwrap();
        assert_eq!(labels.bin_count(3).unwrap().to_vec::<i64>().unwrap(), [0, 0, 2]);
        assert_eq!(labels.one_hot(3, DType::F32).unwrap().shape(), [2, 3]);
        let halves = Tensor::concat(&[&x, &x.flip(&[0]).unwrap()], 0).unwrap().chunk(2, 0).unwrap();
        assert_eq!(
            halves[1].cumsum(0, ScanFrom::Start).unwrap().to_vec::<f32>().unwrap()[3..],
            [5.0, 7.0, 9.0]
        );
    }
}
