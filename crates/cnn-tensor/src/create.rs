//! Tensors from nothing but a rule: ranges, constants, random numbers.
//!
//! Whatever the type, values are those of doubles, rounded to nearest; integers saturate and lose the fraction.
//! Random numbers are functions of a [`Key`] and of their place, so that they depend on neither threads nor history.

use crate::dtype::by_dtype;
use crate::ops::in_place::PIECE;
use crate::parallel::for_each;
use crate::random::{Key, unit};
use crate::{DType, Element, Error, Result, Tensor};

/// Operations that a random number costs, about.
const DRAW: usize = 32;

impl Tensor {
    /// A tensor of what a function says for each place, counted in row-major order (for `Bool`: whether it is not zero).
    ///
    /// ```
    /// # fn main() -> cnn_tensor::Result<()> {
    /// use cnn_tensor::{DType, Tensor};
    /// let squares = Tensor::from_fn(&[4], DType::I64, |at| (at * at) as f64)?;
    /// assert_eq!(squares.to_vec::<i64>()?, [0, 1, 4, 9]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::stale`].
    pub fn from_fn(shape: &[usize], dtype: DType, value: impl Fn(usize) -> f64) -> Result<Tensor> {
        let mut tensor = Tensor::stale(shape, dtype)?;
        let value = |at| match dtype {
            DType::Bool => f64::from(u8::from(value(at) != 0.0)),
            _ => value(at),
        };
        by_dtype!(dtype, E => {
            let elements = tensor.as_mut_slice::<E>()?.iter_mut().enumerate();
            elements.for_each(|(at, y)| *y = E::from_f64(value(at)));
        });
        Ok(tensor)
    }

    /// A matrix of rows of equal length.
    ///
    /// ```
    /// # fn main() -> cnn_tensor::Result<()> {
    /// let x = cnn_tensor::Tensor::from_rows(&[[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]])?;
    /// assert_eq!(x.shape(), [3, 2]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where lengths differ; as [`Tensor::stale`].
    pub fn from_rows<E: Element, R: AsRef<[E]>>(rows: &[R]) -> Result<Tensor> {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut tensor = Tensor::stale(&[rows.len(), columns], E::DTYPE)?;
        let elements = tensor.as_mut_slice::<E>()?;
        for (index, row) in rows.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != columns {
                let problem = format!("row {index} has {} elements, row 0 has {columns}", row.len());
                return Err(Error::shape("from_rows", problem));
            }
            elements[index * columns..][..columns].copy_from_slice(row);
        }
        Ok(tensor)
    }

    /// A tensor of ones (true).
    ///
    /// # Errors
    /// As [`Tensor::stale`].
    pub fn ones(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::full(shape, 1.0, dtype)
    }

    /// Zeros of the shape and type of this tensor.
    ///
    /// # Errors
    /// As [`Tensor::stale`].
    pub fn zeros_like(&self) -> Result<Tensor> {
        Tensor::zeros(self.shape(), self.dtype())
    }

    /// A constant of the shape and type of this tensor.
    ///
    /// # Errors
    /// As [`Tensor::stale`].
    pub fn full_like(&self, value: f64) -> Result<Tensor> {
        Tensor::full(self.shape(), value, self.dtype())
    }

    /// The numbers from `start`, `step` apart, before `end`; none where `end` is behind.
    ///
    /// ```
    /// # fn main() -> cnn_tensor::Result<()> {
    /// use cnn_tensor::{DType, Tensor};
    /// assert_eq!(Tensor::arange(0.0, 5.0, 2.0, DType::I64)?.to_vec::<i64>()?, [0, 2, 4]);
    /// assert_eq!(Tensor::arange(1.0, 0.0, -0.5, DType::F32)?.to_vec::<f32>()?, [1.0, 0.5]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] where `step` is 0 or a number is not finite, or there would be more than 2^53 numbers; as
    /// [`Tensor::stale`].
    pub fn arange(start: f64, end: f64, step: f64, dtype: DType) -> Result<Tensor> {
        const MOST: f64 = (1u64 << 53) as f64;
        let len = ((end - start) / step).ceil().max(0.0);
        if !(start.is_finite() && end.is_finite() && step.is_finite() && step != 0.0 && len <= MOST) {
            let met = format!("{start} to {end} by {step}");
            return Err(Error::argument("arange", "range", met, "finite numbers, a step that is not 0"));
        }
        Tensor::from_fn(&[len as usize], dtype, |at| start + at as f64 * step)
    }

    /// `count` numbers at equal distances, the first `start` and the last `end`.
    ///
    /// # Errors
    /// [`Error::Argument`] where an end is not finite; as [`Tensor::stale`].
    pub fn linspace(start: f64, end: f64, count: usize, dtype: DType) -> Result<Tensor> {
        if !(start.is_finite() && end.is_finite()) {
            let met = format!("{start} to {end}");
            return Err(Error::argument("linspace", "range", met, "finite numbers"));
        }
        let last = count.saturating_sub(1).max(1);
        let step = end / last as f64 - start / last as f64;
        // Each half is counted from its own end, which then is met exactly.
        Tensor::from_fn(&[count], dtype, |at| match at <= last / 2 {
            true => start + at as f64 * step,
            false => end - (last - at) as f64 * step,
        })
    }

    /// The identity matrix of so many rows.
    ///
    /// # Errors
    /// As [`Tensor::stale`].
    pub fn eye(rows: usize, dtype: DType) -> Result<Tensor> {
        Tensor::from_fn(&[rows, rows], dtype, |at| f64::from(u8::from(at.is_multiple_of(rows + 1))))
    }

    /// Random numbers, uniform in [0, 1): number `i` is [`Key::uniform`] or [`Key::uniform_f64`] of `i`.
    ///
    /// # Errors
    /// [`Error::DType`] unless `F32` or `F64`; as [`Tensor::stale`].
    pub fn uniform(shape: &[usize], dtype: DType, key: Key) -> Result<Tensor> {
        let mut tensor = expect_random("uniform", shape, dtype)?;
        let cost = tensor.len().saturating_mul(DRAW);
        if dtype == DType::F64 {
            draw(&mut tensor, cost, |at| key.uniform_f64(at))?;
            return Ok(tensor);
        }
        // A block of the generator is four numbers, and a piece is whole blocks.
        let pieces = tensor.as_mut_slice::<f32>()?.chunks_mut(PIECE).enumerate();
        for_each(pieces, cost, |(piece, numbers)| {
            let first = (piece * PIECE / 4) as u64;
            for (numbers, block) in numbers.chunks_mut(4).zip(first..) {
                numbers.iter_mut().zip(key.block(block)).for_each(|(y, word)| *y = unit(word));
            }
        })?;
        Ok(tensor)
    }

    /// Random numbers from the standard normal distribution: number `i` is [`Key::normal`] or [`Key::normal_f64`] of `i`.
    ///
    /// ```
    /// # fn main() -> cnn_tensor::Result<()> {
    /// use cnn_tensor::{DType, Tensor, random::Key};
    /// let x = Tensor::normal(&[2, 3], DType::F32, Key::new(1))?;
    /// assert_eq!(x.to_vec::<f32>()?[4], Key::new(1).normal(4));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::uniform`].
    pub fn normal(shape: &[usize], dtype: DType, key: Key) -> Result<Tensor> {
        let mut tensor = expect_random("normal", shape, dtype)?;
        let cost = tensor.len().saturating_mul(DRAW);
        match dtype {
            DType::F64 => draw(&mut tensor, cost, |at| key.normal_f64(at))?,
            _ => draw(&mut tensor, cost, |at| key.normal(at))?,
        }
        Ok(tensor)
    }
}

fn expect_random(op: &'static str, shape: &[usize], dtype: DType) -> Result<Tensor> {
    if !dtype.is_compute() {
        return Err(Error::dtype(op, dtype, "f32 or f64"));
    }
    Tensor::stale(shape, dtype)
}

fn draw<E: Element>(tensor: &mut Tensor, cost: usize, number: impl Fn(u64) -> E + Sync) -> Result<()> {
    for_each(tensor.as_mut_slice::<E>()?.chunks_mut(PIECE).enumerate(), cost, |(piece, numbers)| {
        let first = (piece * PIECE) as u64;
        numbers.iter_mut().zip(first..).for_each(|(y, at)| *y = number(at));
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_threads_change_nothing;

    fn values(x: Result<Tensor>) -> Vec<f64> {
        x.unwrap().to_f64_vec().unwrap()
    }

    #[test]
    fn ranges_end_before_their_end_and_both_ends_of_a_line_are_met() {
        assert_eq!(values(Tensor::arange(2.0, 8.0, 2.0, DType::U8)), [2.0, 4.0, 6.0]);
        assert_eq!(values(Tensor::arange(0.0, 1.0, 0.25, DType::F64)), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!(values(Tensor::arange(0.0, -1.0, 1.0, DType::F32)), [0.0; 0]);
        assert_eq!(values(Tensor::linspace(-1.0, 1.0, 5, DType::F32)), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(values(Tensor::linspace(3.0, 7.0, 1, DType::F32)), [3.0]);
        assert_eq!(values(Tensor::linspace(3.0, 7.0, 0, DType::F32)), [0.0; 0]);
        let ends = values(Tensor::linspace(0.1, 0.7, 100, DType::F64));
        assert_eq!((ends[0], ends[99]), (0.1, 0.7));
        let wide = values(Tensor::linspace(f64::MIN, f64::MAX, 3, DType::F64));
        assert_eq!(wide, [f64::MIN, 0.0, f64::MAX]);
    }

    #[test]
    fn constants_have_the_type_that_is_asked_for() {
        for dtype in DType::ALL {
            assert_eq!(values(Tensor::eye(2, dtype)), [1.0, 0.0, 0.0, 1.0], "{dtype}");
            assert_eq!(values(Tensor::ones(&[2], dtype)), [1.0, 1.0]);
            let twos = values(Tensor::from_fn(&[2], dtype, |at| 2.0 * at as f64));
            assert_eq!(twos[1], if dtype == DType::Bool { 1.0 } else { 2.0 });
        }
        let x = Tensor::zeros(&[2, 1], DType::U16).unwrap();
        assert_eq!(x.full_like(7.0).unwrap().to_vec::<u16>().unwrap(), [7, 7]);
        assert_eq!(x.zeros_like().unwrap().spec(), x.spec());
        assert_eq!(Tensor::eye(0, DType::F32).unwrap().shape(), [0, 0]);
    }

    #[test]
    fn rows_have_one_length() {
        assert_eq!(
            Tensor::from_rows(&[vec![1i8, 2], vec![3, 4]]).unwrap().to_vec::<i8>().unwrap(),
            [1, 2, 3, 4]
        );
        assert_eq!(Tensor::from_rows::<f32, [f32; 2]>(&[]).unwrap().shape(), [0, 0]);
        let error = Tensor::from_rows(&[vec![1i8, 2], vec![3]]).unwrap_err().to_string();
        assert_eq!(error, "from_rows: row 1 has 1 elements, row 0 has 2");
    }

    #[test]
    fn ranges_without_end_are_errors() {
        for (start, end, step) in
            [(0.0, 1.0, 0.0), (0.0, f64::INFINITY, 1.0), (f64::NAN, 1.0, 1.0), (0.0, 1.0, 1e-300)]
        {
            assert!(matches!(Tensor::arange(start, end, step, DType::F32), Err(Error::Argument { .. })));
        }
        assert!(matches!(Tensor::linspace(0.0, f64::NAN, 3, DType::F32), Err(Error::Argument { .. })));
        assert!(Tensor::arange(0.0, 9e15, 1.0, DType::F64).is_err());
        assert!(matches!(Tensor::uniform(&[2], DType::I64, Key::new(1)), Err(Error::DType { .. })));
    }

    #[test]
    fn random_numbers_are_those_of_the_key_at_their_place() {
        let key = Key::new(5);
        let uniform = Tensor::uniform(&[7, 11], DType::F32, key).unwrap().to_vec::<f32>().unwrap();
        let wide = Tensor::uniform(&[77], DType::F64, key).unwrap().to_vec::<f64>().unwrap();
        let normal = Tensor::normal(&[77], DType::F64, key).unwrap().to_vec::<f64>().unwrap();
        for at in 0..77u64 {
            assert_eq!(uniform[at as usize], key.uniform(at));
            assert_eq!(wide[at as usize], key.uniform_f64(at));
            assert_eq!(normal[at as usize] as f32, key.normal(at));
        }
    }

    #[test]
    fn threads_change_nothing() {
        let shape = [50_001];
        assert_threads_change_nothing("uniform", || {
            vec![Tensor::uniform(&shape, DType::F32, Key::new(1)).unwrap()]
        });
        assert_threads_change_nothing("normal", || {
            vec![Tensor::normal(&shape, DType::F32, Key::new(1)).unwrap()]
        });
    }
}
