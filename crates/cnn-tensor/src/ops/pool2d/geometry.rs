//! The sizes of one pooling call, validated once.

use std::ops::Range;

use super::{PaddingCounts, Pool2dOptions};
use crate::ops::window::Window;
use crate::simd::{Isa, MOST_LANES};
use crate::{DType, Element, Error, Result, Shape, Spec, Tensor};

/// Positions of maxima are carried as single-precision floats, which hold all whole numbers up to here.
const MOST_TAPS: usize = 1 << 23;

/// Sizes and windows of one call. Every window covers at least one element of the padded image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) in_h: usize,
    pub(super) in_w: usize,
    pub(super) channels: usize,
    pub(super) out_h: usize,
    pub(super) out_w: usize,
    pub(super) rows: Window,
    pub(super) columns: Window,
    padding_counts: PaddingCounts,
}

impl Geometry {
    /// Of max-pooling, which tells the positions in a window apart.
    pub(super) fn max(op: &'static str, input: &[usize], options: &Pool2dOptions) -> Result<Self> {
        let kernel = options.kernel;
        if kernel[0].checked_mul(kernel[1]).is_none_or(|taps| taps > MOST_TAPS) {
            return Err(Error::argument(op, "kernel", format!("{kernel:?}"), "at most 2^23 taps"));
        }
        Self::new(op, input, options)
    }

    /// Of average pooling.
    pub(super) fn average(op: &'static str, input: &[usize], options: &Pool2dOptions) -> Result<Self> {
        if options.dilation != [1, 1] {
            let met = format!("{:?}", options.dilation);
            return Err(Error::argument(op, "dilation", met, "1: averages have none"));
        }
        Self::new(op, input, options)
    }

    pub(super) fn new(op: &'static str, input: &[usize], options: &Pool2dOptions) -> Result<Self> {
        let &[batch, in_h, in_w, channels] = input else {
            return Err(Error::shape(
                op,
                format!("input {input:?}, expected [batch, height, width, channels]"),
            ));
        };
        let Pool2dOptions { kernel, stride, padding, dilation, rounding, padding_counts } = *options;
        let window = |axis: usize, before, after| {
            let [kernel, stride, dilation] = [kernel[axis], stride[axis], dilation[axis]];
            Window { kernel, stride, dilation, before, after, rounding }
        };
        let rows = window(0, padding.top, padding.bottom);
        let columns = window(1, padding.left, padding.right);
        for (window, input) in [(&rows, in_h), (&columns, in_w)] {
            if input == 0 {
                return Err(Error::shape(
                    op,
                    format!("input {:?} has no pixels", [batch, in_h, in_w, channels]),
                ));
            }
            let extent = window.kernel.saturating_sub(1).saturating_mul(window.dilation).saturating_add(1);
            let most = window.before.max(window.after);
            if most >= extent {
                return Err(Error::argument(op, "padding", most, "less than the extent of the window"));
            }
        }
        let (out_h, out_w) = (rows.output_size(op, in_h)?, columns.output_size(op, in_w)?);
        Ok(Self { batch, in_h, in_w, channels, out_h, out_w, rows, columns, padding_counts })
    }

    pub(super) fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.out_h, self.out_w, self.channels]
    }

    pub(super) fn output_spec(&self, dtype: DType) -> Result<Spec> {
        Ok(Spec::new(Shape::new(&self.output_shape())?, dtype))
    }

    /// `tensor` must have the output's shape.
    pub(super) fn expect_output(&self, op: &'static str, name: &str, tensor: &Tensor) -> Result<()> {
        if tensor.shape() == self.output_shape() {
            return Ok(());
        }
        let (met, expected) = (tensor.shape(), self.output_shape());
        Err(Error::shape(op, format!("{name} {met:?} does not have the shape of the output {expected:?}")))
    }

    /// The number that the sum over the window at (`out_y`, `out_x`) is divided by.
    pub(super) fn divisor(&self, out_y: usize, out_x: usize) -> f64 {
        let [rows, columns] = match self.padding_counts {
            PaddingCounts::Included => {
                [padded_len(&self.rows, out_y, self.in_h), padded_len(&self.columns, out_x, self.in_w)]
            }
            PaddingCounts::Excluded => {
                [taps(&self.rows, out_y, self.in_h).len(), taps(&self.columns, out_x, self.in_w).len()]
            }
        };
        // Sizes that differ much from the image's are mostly padding; their product need not be a `usize`.
        rows as f64 * columns as f64
    }
}

/// The taps of window `index` that read inside an axis of `input` elements.
#[inline(always)]
pub(super) fn taps(window: &Window, index: usize, input: usize) -> Range<usize> {
    let start = index * window.stride;
    let extent = (window.kernel - 1) * window.dilation + 1;
    if start >= window.before && start + extent <= input + window.before {
        // Most windows are inside, and divisions would cost more than a small window itself.
        return 0..window.kernel;
    }
    let first = window.before.saturating_sub(start).div_ceil(window.dilation);
    let end = (input + window.before).saturating_sub(start).div_ceil(window.dilation).min(window.kernel);
    first.min(end)..end
}

/// Calls `work(index, tap)` for every window (of `output`) that reads element `at` of an axis, and the tap that
/// does, in order of the windows.
pub(super) fn for_each_reader(window: &Window, output: usize, at: usize, mut work: impl FnMut(usize, usize)) {
    let reach = at + window.before;
    let first = reach.saturating_sub((window.kernel - 1) * window.dilation).div_ceil(window.stride);
    for index in first..output.min(reach / window.stride + 1) {
        let distance = reach - index * window.stride;
        if distance.is_multiple_of(window.dilation) {
            work(index, distance / window.dilation);
        }
    }
}

/// Elements of the padded axis that window `index` covers; a window of `Rounding::Ceil` may reach past its end.
fn padded_len(window: &Window, index: usize, input: usize) -> usize {
    window.kernel.min(input + window.before + window.after - index * window.stride)
}

/// The integer that holds a position in a window.
pub(super) trait Index: Element {
    fn from_tap(tap: usize) -> Self;
    /// `None` for what is no position in any window.
    fn to_tap(self) -> Option<usize>;
    /// As many positions as the slice holds, at most a vector, as whole numbers; what further lanes hold does not
    /// matter, and what is no position becomes no position.
    fn load<I: Isa>(isa: I, source: &[Self]) -> I::F32;
    /// Writes as many positions as the slice holds, at most a vector.
    fn store<I: Isa>(isa: I, taps: I::F32, target: &mut [Self]);
}

impl Index for u8 {
    #[inline(always)]
    fn from_tap(tap: usize) -> Self {
        tap as u8
    }

    #[inline(always)]
    fn to_tap(self) -> Option<usize> {
        Some(usize::from(self))
    }

    #[inline(always)]
    fn load<I: Isa>(isa: I, source: &[Self]) -> I::F32 {
        isa.load_bytes(source)
    }

    #[inline(always)]
    fn store<I: Isa>(isa: I, taps: I::F32, target: &mut [Self]) {
        isa.store_bytes(taps, target);
    }
}

impl Index for i32 {
    #[inline(always)]
    fn from_tap(tap: usize) -> Self {
        tap as i32
    }

    #[inline(always)]
    fn to_tap(self) -> Option<usize> {
        usize::try_from(self).ok()
    }

    #[inline(always)]
    fn load<I: Isa>(isa: I, source: &[Self]) -> I::F32 {
        let mut numbers = [0.0f32; MOST_LANES];
        numbers.iter_mut().zip(source).for_each(|(number, &index)| *number = index as f32);
        isa.load(&numbers)
    }

    #[inline(always)]
    fn store<I: Isa>(isa: I, taps: I::F32, target: &mut [Self]) {
        let mut numbers = [0.0f32; MOST_LANES];
        isa.store(taps, &mut numbers);
        target.iter_mut().zip(&numbers[..I::LANES]).for_each(|(index, &tap)| *index = tap as i32);
    }
}
