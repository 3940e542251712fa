//! Element types: which exist at run time ([`DType`]) and which Rust types hold them ([`Element`]).
//!
//! `F32` and `F64` compute; the others store. `Bool` is held as one byte, 0 or 1, and read as `u8`.

use std::fmt;

use half::{bf16, f16};

use crate::math;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// IEEE single precision: what networks compute in.
    F32,
    /// IEEE double precision: what gradients are checked in.
    F64,
    /// bfloat16, storage only.
    BF16,
    /// IEEE half precision, storage only.
    F16,
    /// Unsigned byte: images as they are decoded.
    U8,
    /// Signed byte.
    I8,
    /// Unsigned 16 bits: X-rays and other deep images.
    U16,
    /// Signed 32 bits.
    I32,
    /// Signed 64 bits: labels and counters.
    I64,
    /// Truth values, one byte each, 0 or 1.
    Bool,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 10] = [
        DType::F32,
        DType::F64,
        DType::BF16,
        DType::F16,
        DType::U8,
        DType::I8,
        DType::U16,
        DType::I32,
        DType::I64,
        DType::Bool,
    ];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::BF16 | DType::F16 | DType::U16 => 2,
            DType::U8 | DType::I8 | DType::Bool => 1,
        }
    }

    /// Lower-case name, as in `f32`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::BF16 => "bf16",
            DType::F16 => "f16",
            DType::U8 => "u8",
            DType::I8 => "i8",
            DType::U16 => "u16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::Bool => "bool",
        }
    }

    /// Whether arithmetic and gradients exist in this type.
    pub const fn is_compute(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The body with `$element` the Rust type that holds the elements of `$dtype`.
macro_rules! by_dtype {
    ($dtype:expr, $element:ident => $body:expr) => {
        by_dtype!(@ $dtype, $element, $body, F32 f32, F64 f64, BF16 half::bf16, F16 half::f16, U8 u8, I8 i8, U16 u16,
            I32 i32, I64 i64, Bool u8)
    };
    (@ $dtype:expr, $element:ident, $body:expr, $($name:ident $type:ty),+) => {
        match $dtype {
            $($crate::DType::$name => {
                type $element = $type;
                $body
            })+
        }
    };
}
pub(crate) use by_dtype;

/// The body with `$word` a type of the size of the elements of `$dtype`: to move elements without reading them
/// ([`Tensor::words`](crate::Tensor)).
macro_rules! by_size {
    ($dtype:expr, $word:ident => $body:expr) => {
        match $dtype.size() {
            1 => {
                type $word = u8;
                $body
            }
            2 => {
                type $word = u16;
                $body
            }
            4 => {
                type $word = i32;
                $body
            }
            _ => {
                type $word = i64;
                $body
            }
        }
    };
}
pub(crate) use by_size;

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that can view a tensor's elements. Sealed.
///
/// # Safety
/// Storage makes slices of the type out of bytes, and bytes out of slices. So every bit pattern of the type's
/// size is a value of it; it has no padding and no interior mutability; its size is that of
/// [`Element::DTYPE`] and of every type that [`Element::views`] accepts, and its alignment is at most its
/// size.
pub unsafe trait Element:
    sealed::Sealed + Copy + Default + PartialOrd + Send + Sync + fmt::Debug + 'static
{
    /// The element type it is stored as.
    const DTYPE: DType;

    /// Whether a tensor of `dtype` may be viewed as this type.
    fn views(dtype: DType) -> bool {
        dtype == Self::DTYPE
    }

    /// Nearest value of this type; integers saturate and lose the fraction.
    fn from_f64(value: f64) -> Self;

    /// The value as a double; exact but for `I64` beyond 2^53.
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($type:ty, $dtype:ident, $from:expr, $to:expr) => {
        impl sealed::Sealed for $type {}
        // SAFETY: a plain number of the element type's size (asserted below), whose every bit pattern is a value.
        unsafe impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            #[inline]
            fn from_f64(value: f64) -> Self {
                $from(value)
            }
            #[inline]
            fn to_f64(self) -> f64 {
                $to(self)
            }
        }
        const _: () =
            assert!(size_of::<$type>() == DType::$dtype.size() && align_of::<$type>() <= size_of::<$type>());
    };
}

element!(f32, F32, |v: f64| v as f32, f64::from);
element!(f64, F64, |v: f64| v, |v: f64| v);
element!(bf16, BF16, bf16::from_f64, bf16::to_f64);
element!(f16, F16, f16::from_f64, f16::to_f64);
element!(i8, I8, |v: f64| v as i8, f64::from);
element!(u16, U16, |v: f64| v as u16, f64::from);
element!(i32, I32, |v: f64| v as i32, f64::from);
element!(i64, I64, |v: f64| v as i64, |v: i64| v as f64);

impl sealed::Sealed for u8 {}
// SAFETY: every byte is a value of `u8`, and both types that it views have elements of one byte.
unsafe impl Element for u8 {
    const DTYPE: DType = DType::U8;

    fn views(dtype: DType) -> bool {
        matches!(dtype, DType::U8 | DType::Bool)
    }

    #[inline]
    fn from_f64(value: f64) -> Self {
        value as u8
    }

    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

/// The types that references and f64 paths are generic over: `f32` and `f64`.
///
/// The elementary functions of `f32` have no branches, so that loops of them become vector code, and the same bits on
/// every instruction set. Over all of `f32` they are off by at most so many units in the last place: `exp`, and
/// `exp_falling` of what is not above zero, 1.01, `exp_m1` 1.65, `ln` 0.8, `ln_1p` 1.5, `tanh` 2.4, `normal_cdf` 6.5, `normal_density` 2. Only
/// [`Float::powf`] is a call of the standard library for each number; those of `f64` are its own all, but for
/// `normal_cdf` and its derivative, which it lacks.
pub trait Float:
    Element
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::MulAssign
    + std::iter::Sum
{
    /// Additive identity.
    const ZERO: Self;
    /// Multiplicative identity.
    const ONE: Self;
    /// Negative infinity, the start of a maximum.
    const NEG_INFINITY: Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// e to the power of the value.
    fn exp(self) -> Self;
    /// e to the power of a value that is not above zero; of others it says nothing.
    fn exp_falling(self) -> Self;
    /// e to the power of the value, less one; exact near zero too.
    fn exp_m1(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Natural logarithm of the value and one; exact near zero too.
    fn ln_1p(self) -> Self;
    /// The value to a power.
    fn powf(self, exponent: Self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The normal distribution function, `(1 + erf(x / sqrt 2)) / 2`.
    fn normal_cdf(self) -> Self;
    /// The derivative of [`Float::normal_cdf`], `exp(-x^2 / 2) / sqrt(2 pi)`.
    fn normal_density(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Whether the value is not a number.
    fn is_nan(self) -> bool;
}

macro_rules! float {
    ($type:ty, $($name:ident => $function:expr),+) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = <$type>::NEG_INFINITY;
            $(#[inline(always)]
            fn $name(self) -> Self {
                $function(self)
            })+
            #[inline]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline]
            fn powf(self, exponent: Self) -> Self {
                self.powf(exponent)
            }
            #[inline]
            fn abs(self) -> Self {
                self.abs()
            }
            #[inline]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }
    };
}

float!(
    f32, exp => math::exp, exp_falling => math::exp_falling, exp_m1 => math::exp_m1, ln => math::ln, ln_1p => math::ln_1p, tanh => math::tanh,
    normal_cdf => math::normal_cdf, normal_density => math::normal_density
);
float!(
    f64, exp => f64::exp, exp_falling => f64::exp, exp_m1 => f64::exp_m1, ln => f64::ln, ln_1p => f64::ln_1p, tanh => f64::tanh,
    normal_cdf => math::normal_cdf_f64, normal_density => math::normal_density_f64
);
