//! [`Tensor`]: a shape, an element type and a shared buffer.
//!
//! Always dense and row-major: what the shape says is what the slice holds. A tensor has no strides.
//! A clone shares the buffer; writing to a shared buffer copies it first. A contiguous range of the leading
//! axis is a tensor without a copy. A tensor may be shape-only: it then has no buffer, and only shape
//! inference works on it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::storage::Buffer;
use crate::{DType, Element, Error, Result, Shape, pool};

/// A dense array of numbers. Images are `[batch, height, width, channels]`.
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    dtype: DType,
    /// First element in the buffer, counted in elements.
    offset: usize,
    buffer: Option<Arc<Buffer>>,
}

/// Shape and element type, without values: what shape inference works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The dimensions.
    pub shape: Shape,
    /// The element type.
    pub dtype: DType,
}

impl Spec {
    /// A shape and an element type.
    pub fn new(shape: Shape, dtype: DType) -> Self {
        Self { shape, dtype }
    }

    /// Bytes that a tensor of this shape and type occupies.
    pub fn bytes(&self) -> usize {
        self.shape.len() * self.dtype.size()
    }
}

impl Tensor {
    /// A tensor whose values are unspecified (but initialised): for outputs that are written whole.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn stale(shape: &[usize], dtype: DType) -> Result<Self> {
        let shape = Shape::new(shape)?;
        let (mut buffer, fresh) = Buffer::new(shape.len() * dtype.size())?;
        if dtype == DType::Bool && !fresh {
            // Only 0 and 1 are truth values, so stale bytes will not do.
            buffer.slice_mut::<u8>(0, shape.len()).fill(0);
        }
        Ok(Self { shape, dtype, offset: 0, buffer: Some(Arc::new(buffer)) })
    }

    /// A tensor of zeros (false).
    ///
    /// # Errors
    /// As [`Tensor::stale`].
    pub fn zeros(shape: &[usize], dtype: DType) -> Result<Self> {
        let shape = Shape::new(shape)?;
        let bytes = shape.len() * dtype.size();
        let (mut buffer, fresh) = Buffer::new(bytes)?;
        if !fresh {
            buffer.slice_mut::<u8>(0, bytes).fill(0);
        }
        Ok(Self { shape, dtype, offset: 0, buffer: Some(Arc::new(buffer)) })
    }

    /// A tensor with every element the value nearest to `value` (for `Bool`: whether it is not zero).
    ///
    /// # Errors
    /// As [`Tensor::stale`].
    pub fn full(shape: &[usize], value: f64, dtype: DType) -> Result<Self> {
        fn fill<E: Element>(tensor: &mut Tensor, value: f64) -> Result<()> {
            tensor.as_mut_slice::<E>()?.fill(E::from_f64(value));
            Ok(())
        }
        let mut tensor = Self::stale(shape, dtype)?;
        match dtype {
            DType::F32 => fill::<f32>(&mut tensor, value)?,
            DType::F64 => fill::<f64>(&mut tensor, value)?,
            DType::BF16 => fill::<half::bf16>(&mut tensor, value)?,
            DType::F16 => fill::<half::f16>(&mut tensor, value)?,
            DType::U8 => fill::<u8>(&mut tensor, value)?,
            DType::I8 => fill::<i8>(&mut tensor, value)?,
            DType::U16 => fill::<u16>(&mut tensor, value)?,
            DType::I32 => fill::<i32>(&mut tensor, value)?,
            DType::I64 => fill::<i64>(&mut tensor, value)?,
            DType::Bool => fill::<u8>(&mut tensor, f64::from(u8::from(value != 0.0)))?,
        }
        Ok(tensor)
    }

    /// A tensor of the given elements in row-major order.
    ///
    /// ```
    /// # fn main() -> cnn_tensor::Result<()> {
    /// let image = cnn_tensor::Tensor::from_slice(&[1, 2, 2, 1], &[0.0f32, 0.5, 0.5, 1.0])?;
    /// assert_eq!(image.shape(), [1, 2, 2, 1]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] where the shape holds another number of elements; as [`Tensor::stale`].
    pub fn from_slice<E: Element>(shape: &[usize], elements: &[E]) -> Result<Self> {
        let shape = Shape::new(shape)?;
        if shape.len() != elements.len() {
            return Err(Error::Length { shape, given: elements.len() });
        }
        let mut tensor = Self::stale(&shape, E::DTYPE)?;
        tensor.as_mut_slice::<E>()?.copy_from_slice(elements);
        Ok(tensor)
    }

    /// A tensor without dimensions that holds one value.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn scalar<E: Element>(value: E) -> Result<Self> {
        Self::from_slice(&[], &[value])
    }

    /// A tensor with a shape and a type but no values, on which only shape inference works.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn shape_only(shape: &[usize], dtype: DType) -> Result<Self> {
        Ok(Self::from(Spec::new(Shape::new(shape)?, dtype)))
    }

    /// A tensor from its elements as little-endian bytes, the form of weight files.
    ///
    /// # Errors
    /// [`Error::Length`] where the number of bytes does not fit; [`Error::Argument`] where a `Bool` is
    /// neither 0 nor 1; as [`Tensor::stale`].
    pub fn from_le_bytes(shape: &[usize], dtype: DType, bytes: &[u8]) -> Result<Self> {
        let shape = Shape::new(shape)?;
        if bytes.len() != shape.len() * dtype.size() {
            return Err(Error::Length { shape, given: bytes.len() / dtype.size() });
        }
        if dtype == DType::Bool && bytes.iter().any(|&byte| byte > 1) {
            return Err(Error::argument("from_le_bytes", "a truth value", "another byte", "0 or 1"));
        }
        let mut tensor = Self::stale(&shape, dtype)?;
        let target = tensor.bytes_mut()?;
        target.copy_from_slice(bytes);
        if cfg!(target_endian = "big") {
            target.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
        }
        Ok(tensor)
    }

    /// The elements as little-endian bytes, the form of weight files.
    ///
    /// # Errors
    /// [`Error::ShapeOnly`].
    pub fn to_le_bytes(&self) -> Result<Cow<'_, [u8]>> {
        let size = self.dtype.size();
        let bytes = self.buffer("to_le_bytes")?.slice::<u8>(self.offset * size, self.shape.len() * size);
        if cfg!(target_endian = "big") {
            let mut copy = bytes.to_vec();
            copy.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            return Ok(Cow::Owned(copy));
        }
        Ok(Cow::Borrowed(bytes))
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The dimensions as a value.
    pub fn shape_value(&self) -> Shape {
        self.shape
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Shape and type.
    pub fn spec(&self) -> Spec {
        Spec { shape: self.shape, dtype: self.dtype }
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.rank()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all elements.
    pub fn bytes(&self) -> usize {
        self.spec().bytes()
    }

    /// Whether the tensor has a shape but no values.
    pub fn is_shape_only(&self) -> bool {
        self.buffer.is_none()
    }

    /// Whether no other tensor shares the buffer, so that writing copies nothing.
    pub fn is_unique(&mut self) -> bool {
        self.buffer.as_mut().is_some_and(|buffer| Arc::get_mut(buffer).is_some())
    }

    /// The elements, in row-major order.
    ///
    /// # Errors
    /// [`Error::DType`] where `E` is not the element type; [`Error::ShapeOnly`].
    pub fn as_slice<E: Element>(&self) -> Result<&[E]> {
        self.check_view::<E>("as_slice")?;
        Ok(self.buffer("as_slice")?.slice(self.offset, self.shape.len()))
    }

    /// The elements, to write; copies them first where another tensor shares the buffer.
    ///
    /// # Errors
    /// As [`Tensor::as_slice`]; [`Error::OutOfMemory`] where a copy is needed.
    pub fn as_mut_slice<E: Element>(&mut self) -> Result<&mut [E]> {
        self.check_view::<E>("as_mut_slice")?;
        self.own()?;
        let (offset, len, spec) = (self.offset, self.shape.len(), self.spec());
        let buffer = self.buffer.as_mut().and_then(Arc::get_mut);
        Ok(buffer.ok_or(Error::ShapeOnly { op: "as_mut_slice", shape: spec.shape })?.slice_mut(offset, len))
    }

    /// A copy of the elements.
    ///
    /// # Errors
    /// As [`Tensor::as_slice`].
    pub fn to_vec<E: Element>(&self) -> Result<Vec<E>> {
        Ok(self.as_slice()?.to_vec())
    }

    /// The only element, as a double.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is exactly one element; [`Error::ShapeOnly`].
    pub fn item(&self) -> Result<f64> {
        if self.len() != 1 {
            return Err(Error::shape(
                "item",
                format!("shape {} holds {} elements, expected one", self.shape, self.len()),
            ));
        }
        Ok(self.to_f64_vec()?[0])
    }

    /// The elements as doubles, whatever their type.
    ///
    /// # Errors
    /// [`Error::ShapeOnly`].
    pub fn to_f64_vec(&self) -> Result<Vec<f64>> {
        fn collect<E: Element>(tensor: &Tensor) -> Result<Vec<f64>> {
            Ok(tensor.as_slice::<E>()?.iter().map(|value| value.to_f64()).collect())
        }
        match self.dtype {
            DType::F32 => collect::<f32>(self),
            DType::F64 => collect::<f64>(self),
            DType::BF16 => collect::<half::bf16>(self),
            DType::F16 => collect::<half::f16>(self),
            DType::U8 | DType::Bool => collect::<u8>(self),
            DType::I8 => collect::<i8>(self),
            DType::U16 => collect::<u16>(self),
            DType::I32 => collect::<i32>(self),
            DType::I64 => collect::<i64>(self),
        }
    }

    /// The same elements in another type: rounded to nearest, integers saturating and losing the fraction.
    /// Shares the buffer where the type is the same. Goes through doubles: exact but for `I64` beyond 2^53.
    ///
    /// # Errors
    /// [`Error::ShapeOnly`], [`Error::OutOfMemory`].
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        fn write<E: Element>(tensor: &mut Tensor, values: &[f64]) -> Result<()> {
            for (target, &value) in tensor.as_mut_slice::<E>()?.iter_mut().zip(values) {
                *target = E::from_f64(value);
            }
            Ok(())
        }
        if dtype == self.dtype {
            return Ok(self.clone());
        }
        if self.is_shape_only() {
            return Ok(Self::from(Spec::new(self.shape, dtype)));
        }
        let values = self.to_f64_vec()?;
        let mut result = Self::stale(&self.shape, dtype)?;
        match dtype {
            DType::F32 => write::<f32>(&mut result, &values)?,
            DType::F64 => write::<f64>(&mut result, &values)?,
            DType::BF16 => write::<half::bf16>(&mut result, &values)?,
            DType::F16 => write::<half::f16>(&mut result, &values)?,
            DType::U8 => write::<u8>(&mut result, &values)?,
            DType::I8 => write::<i8>(&mut result, &values)?,
            DType::U16 => write::<u16>(&mut result, &values)?,
            DType::I32 => write::<i32>(&mut result, &values)?,
            DType::I64 => write::<i64>(&mut result, &values)?,
            DType::Bool => {
                let truth: Vec<f64> = values.iter().map(|&v| f64::from(u8::from(v != 0.0))).collect();
                write::<u8>(&mut result, &truth)?;
            }
        }
        Ok(result)
    }

    /// The same elements under another shape; no copy.
    ///
    /// # Errors
    /// [`Error::Length`] where the new shape holds another number of elements.
    pub fn reshape(mut self, shape: &[usize]) -> Result<Self> {
        let shape = Shape::new(shape)?;
        if shape.len() != self.shape.len() {
            return Err(Error::Length { shape, given: self.shape.len() });
        }
        self.shape = shape;
        Ok(self)
    }

    /// A contiguous range of the leading axis (some images of a batch); no copy.
    ///
    /// # Errors
    /// [`Error::Shape`] for a scalar or a range outside the axis.
    pub fn narrow(&self, range: Range<usize>) -> Result<Self> {
        let (Some(&leading), true) = (self.shape.first(), range.start <= range.end) else {
            return Err(Error::shape("narrow", format!("no range {range:?} in shape {}", self.shape)));
        };
        if range.end > leading {
            return Err(Error::shape(
                "narrow",
                format!("range {range:?} is outside the leading axis of {}", self.shape),
            ));
        }
        let mut dims = self.shape;
        let inner: usize = dims[1..].iter().product();
        dims = Shape::new(&[&[range.len()], &dims[1..]].concat())?;
        Ok(Self {
            shape: dims,
            dtype: self.dtype,
            offset: self.offset + range.start * inner,
            buffer: self.buffer.clone(),
        })
    }

    /// The element type must be one that `op` computes in: `F32` or `F64`.
    ///
    /// # Errors
    /// [`Error::DType`].
    pub fn expect_compute(&self, op: &'static str) -> Result<()> {
        if self.dtype.is_compute() { Ok(()) } else { Err(Error::dtype(op, self.dtype, "f32 or f64")) }
    }

    /// The elements as words of their size, which say nothing about their meaning: to move elements of any type.
    pub(crate) fn words<W: Element>(&self) -> Result<&[W]> {
        assert_eq!(size_of::<W>(), self.dtype.size(), "words of the elements' size");
        Ok(self.buffer("words")?.slice(self.offset, self.shape.len()))
    }

    /// As [`Tensor::words`], to write; what is written are elements of a tensor of the same type.
    pub(crate) fn words_mut<W: Element>(&mut self) -> Result<&mut [W]> {
        assert_eq!(size_of::<W>(), self.dtype.size(), "words of the elements' size");
        self.own()?;
        let (offset, len, shape) = (self.offset, self.shape.len(), self.shape);
        let buffer = self.buffer.as_mut().and_then(Arc::get_mut);
        Ok(buffer.ok_or(Error::ShapeOnly { op: "words_mut", shape })?.slice_mut(offset, len))
    }

    fn check_view<E: Element>(&self, op: &'static str) -> Result<()> {
        if E::views(self.dtype) { Ok(()) } else { Err(Error::dtype(op, self.dtype, E::DTYPE.name())) }
    }

    fn buffer(&self, op: &'static str) -> Result<&Buffer> {
        self.buffer.as_deref().ok_or(Error::ShapeOnly { op, shape: self.shape })
    }

    fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        self.own()?;
        let (start, len) = (self.offset * self.dtype.size(), self.bytes());
        let buffer = self.buffer.as_mut().and_then(Arc::get_mut);
        Ok(buffer.ok_or(Error::ShapeOnly { op: "bytes_mut", shape: self.shape })?.slice_mut(start, len))
    }

    /// Makes this tensor the only holder of its buffer.
    fn own(&mut self) -> Result<()> {
        if self.is_shape_only() || self.is_unique() {
            return Ok(());
        }
        pool::count_copy_on_write();
        let (size, len) = (self.dtype.size(), self.bytes());
        let (mut copy, _) = Buffer::new(len)?;
        copy.slice_mut::<u8>(0, len)
            .copy_from_slice(self.buffer("copy on write")?.slice(self.offset * size, len));
        self.buffer = Some(Arc::new(copy));
        self.offset = 0;
        Ok(())
    }
}

impl From<Spec> for Tensor {
    /// A shape-only tensor.
    fn from(spec: Spec) -> Self {
        Self { shape: spec.shape, dtype: spec.dtype, offset: 0, buffer: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_to_a_shared_buffer_leaves_the_other_tensor_alone() {
        let original = Tensor::from_slice(&[3], &[1.0f32, 2.0, 3.0]).unwrap();
        let mut copy = original.clone();
        copy.as_mut_slice::<f32>().unwrap()[0] = 9.0;
        assert_eq!(original.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(copy.to_vec::<f32>().unwrap(), [9.0, 2.0, 3.0]);
    }

    #[test]
    fn a_range_of_the_leading_axis_shares_the_buffer() {
        let batch = Tensor::from_slice(&[3, 2], &[1i32, 2, 3, 4, 5, 6]).unwrap();
        let mut last = batch.narrow(1..3).unwrap();
        assert_eq!(last.shape(), [2, 2]);
        assert_eq!(last.as_slice::<i32>().unwrap().as_ptr(), batch.as_slice::<i32>().unwrap()[2..].as_ptr());
        last.as_mut_slice::<i32>().unwrap()[0] = 0;
        assert_eq!(batch.to_vec::<i32>().unwrap(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(last.to_vec::<i32>().unwrap(), [0, 4, 5, 6]);
        assert!(matches!(batch.narrow(2..4), Err(Error::Shape { .. })));
    }

    #[test]
    fn buffers_are_aligned_to_a_cache_line() {
        for len in [0, 1, 3, 100, 100_000] {
            let tensor = Tensor::zeros(&[len], DType::F32).unwrap();
            assert_eq!(tensor.as_slice::<f32>().unwrap().as_ptr().addr() % 64, 0);
        }
    }

    #[test]
    fn zeros_are_zero_even_in_a_recycled_buffer() {
        for _ in 0..3 {
            drop(Tensor::full(&[777], 5.0, DType::F32).unwrap());
            assert!(
                Tensor::zeros(&[777], DType::F32)
                    .unwrap()
                    .as_slice::<f32>()
                    .unwrap()
                    .iter()
                    .all(|&v| v == 0.0)
            );
            assert!(
                Tensor::stale(&[777 * 4], DType::Bool)
                    .unwrap()
                    .as_slice::<u8>()
                    .unwrap()
                    .iter()
                    .all(|&v| v < 2)
            );
        }
    }

    #[test]
    fn bytes_round_trip_in_every_type() {
        for dtype in DType::ALL {
            let tensor = Tensor::full(&[2, 3], 1.0, dtype).unwrap();
            let copy = Tensor::from_le_bytes(&[2, 3], dtype, &tensor.to_le_bytes().unwrap()).unwrap();
            assert_eq!(copy.to_f64_vec().unwrap(), [1.0; 6], "{dtype}");
            assert_eq!(tensor.to_dtype(DType::F64).unwrap().to_vec::<f64>().unwrap(), [1.0; 6], "{dtype}");
        }
    }

    #[test]
    fn errors_say_what_was_met() {
        let tensor = Tensor::zeros(&[2, 2], DType::U8).unwrap();
        assert_eq!(
            tensor.as_slice::<f32>().unwrap_err().to_string(),
            "as_slice: element type is u8, expected f32"
        );
        assert_eq!(
            Tensor::from_slice(&[2, 2], &[1.0f32]).unwrap_err().to_string(),
            "1 elements given for shape [2, 2], which holds 4"
        );
        assert!(matches!(Tensor::zeros(&[usize::MAX, 2], DType::U8), Err(Error::TooLarge { .. })));
        assert!(matches!(Tensor::zeros(&[1 << 55], DType::U8), Err(Error::OutOfMemory { .. })));
        let only = Tensor::shape_only(&[1 << 40], DType::F32).unwrap();
        assert!(matches!(only.as_slice::<f32>(), Err(Error::ShapeOnly { .. })));
    }
}
