//! The sizes of one pooling call, validated once.

use std::ops::Range;

use super::{PaddingCounts, Pool2dOptions, Windows};
use crate::ops::check;
use crate::ops::window::{Rounding, Window};
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
    pub(super) rows: Along,
    pub(super) columns: Along,
    padding_counts: PaddingCounts,
}

impl Geometry {
    /// Of max-pooling, which tells the positions in a window apart.
    pub(super) fn max(op: &'static str, input: &[usize], windows: Windows) -> Result<Self> {
        let geometry = Self::new(op, input, windows)?;
        let kernel = [geometry.rows.kernel(), geometry.columns.kernel()];
        if kernel[0].checked_mul(kernel[1]).is_none_or(|taps| taps > MOST_TAPS) {
            return Err(Error::argument(op, "kernel", format!("{kernel:?}"), "at most 2^23 taps"));
        }
        Ok(geometry)
    }

    /// Of average pooling.
    pub(super) fn average(op: &'static str, input: &[usize], windows: Windows) -> Result<Self> {
        match windows {
            Windows::Sliding(Pool2dOptions { dilation, .. }) if dilation != [1, 1] => {
                Err(Error::argument(op, "dilation", format!("{dilation:?}"), "1: averages have none"))
            }
            windows => Self::new(op, input, windows),
        }
    }

    pub(super) fn new(op: &'static str, input: &[usize], windows: Windows) -> Result<Self> {
        let [batch, in_h, in_w, channels] = check::pixels(op, input)?;
        let (rows, columns, padding_counts) = match windows {
            Windows::Sliding(options) => {
                let Pool2dOptions { kernel, stride, padding, dilation, rounding, padding_counts } = options;
                let window = |axis: usize, before, after| {
                    let [kernel, stride, dilation] = [kernel[axis], stride[axis], dilation[axis]];
                    Window { kernel, stride, dilation, before, after, rounding }
                };
                let rows = Along::sliding(op, window(0, padding.top, padding.bottom))?;
                (rows, Along::sliding(op, window(1, padding.left, padding.right))?, padding_counts)
            }
            Windows::Adaptive(output) => {
                let rows = Along::adaptive(op, in_h, output[0])?;
                (rows, Along::adaptive(op, in_w, output[1])?, PaddingCounts::default())
            }
        };
        let (out_h, out_w) = (rows.output_size(op, in_h)?, columns.output_size(op, in_w)?);
        Ok(Self { batch, in_h, in_w, channels, out_h, out_w, rows, columns, padding_counts })
    }

    /// Type of the positions in a window.
    pub(super) fn index_dtype(&self) -> DType {
        let taps = self.rows.kernel().saturating_mul(self.columns.kernel());
        if taps <= 256 { DType::U8 } else { DType::I32 }
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
        let axes = [(&self.rows, out_y, self.in_h), (&self.columns, out_x, self.in_w)];
        let [rows, columns] = axes.map(|(axis, index, input)| match (axis, self.padding_counts) {
            (Along::Sliding(window), PaddingCounts::Included) => padded_len(window, index, input),
            _ => axis.taps(index, input).1.len(),
        });
        // Sizes that differ much from the image's are mostly padding; their product need not be a `usize`.
        rows as f64 * columns as f64
    }
}

/// The windows along one axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Along {
    /// Of one size, a stride apart.
    Sliding(Window),
    /// Of about equal size, without gaps, `output` of them over `input` elements, of which it is no divisor.
    Adaptive { input: usize, output: usize },
}

impl Along {
    fn sliding(op: &'static str, window: Window) -> Result<Self> {
        let extent = window.kernel.saturating_sub(1).saturating_mul(window.dilation).saturating_add(1);
        let most = window.before.max(window.after);
        if most >= extent {
            return Err(Error::argument(op, "padding", most, "less than the extent of the window"));
        }
        Ok(Self::Sliding(window))
    }

    /// Windows that tile the axis where that is possible.
    fn adaptive(op: &'static str, input: usize, output: usize) -> Result<Self> {
        if output == 0 {
            return Err(Error::argument(op, "output size", 0, "1 or more"));
        }
        if !input.is_multiple_of(output) {
            return Ok(Self::Adaptive { input, output });
        }
        let kernel = input / output;
        let rounding = Rounding::Floor;
        Ok(Self::Sliding(Window { kernel, stride: kernel, dilation: 1, before: 0, after: 0, rounding }))
    }

    fn output_size(&self, op: &'static str, input: usize) -> Result<usize> {
        match self {
            Self::Sliding(window) => window.output_size(op, input),
            Self::Adaptive { output, .. } => Ok(*output),
        }
    }

    /// Most taps of a window.
    #[inline(always)]
    pub(super) fn kernel(&self) -> usize {
        match self {
            Self::Sliding(window) => window.kernel,
            // Both ends of a window may share their element with its neighbours.
            Self::Adaptive { input, output } => (input / output).saturating_add(2),
        }
    }

    /// Distance between neighbouring taps.
    #[inline(always)]
    pub(super) fn dilation(&self) -> usize {
        match self {
            Self::Sliding(window) => window.dilation,
            Self::Adaptive { .. } => 1,
        }
    }

    /// Distance between neighbouring windows, at most.
    pub(super) fn stride(&self) -> usize {
        match self {
            Self::Sliding(window) => window.stride,
            Self::Adaptive { input, output } => input.div_ceil(*output),
        }
    }

    /// The taps of window `index` that read inside an axis of `input` elements, and what the first of them reads.
    #[inline(always)]
    pub(super) fn taps(&self, index: usize, input: usize) -> (usize, Range<usize>) {
        match self {
            Self::Sliding(window) => {
                let taps = taps(window, index, input);
                let first = index * window.stride + taps.start * window.dilation;
                (first.saturating_sub(window.before), taps)
            }
            Self::Adaptive { input, output } => {
                let start = fraction(index, *input, *output).0;
                (start, 0..fraction(index + 1, *input, *output).1 - start)
            }
        }
    }

    /// The element that tap `tap` of window `index` reads, or `None` outside an axis of `input` elements.
    pub(super) fn position(&self, index: usize, tap: usize, input: usize) -> Option<usize> {
        match self {
            Self::Sliding(window) => window.position(index, tap, input),
            Self::Adaptive { .. } => {
                let (start, taps) = self.taps(index, input);
                taps.contains(&tap).then_some(start + tap)
            }
        }
    }

    /// Calls `work(index, tap)` for every window (of `output`) that reads element `at`, and the tap that does, in order
    /// of the windows.
    pub(super) fn for_each_reader(&self, output: usize, at: usize, mut work: impl FnMut(usize, usize)) {
        match self {
            Self::Sliding(window) => for_each_reader(window, output, at, work),
            Self::Adaptive { input, output } => {
                let (first, end) = (fraction(at, *output, *input).0, fraction(at + 1, *output, *input).1);
                for index in first..end {
                    work(index, at - fraction(index, *input, *output).0);
                }
            }
        }
    }
}

/// `index * size / parts`, rounded down and up.
fn fraction(index: usize, size: usize, parts: usize) -> (usize, usize) {
    // Of at most `parts` parts, so that it is at most `size`.
    let (product, parts) = (index as u128 * size as u128, parts as u128);
    ((product / parts) as usize, product.div_ceil(parts) as usize)
}

/// The taps of window `index` that read inside an axis of `input` elements.
#[inline(always)]
fn taps(window: &Window, index: usize, input: usize) -> Range<usize> {
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

fn for_each_reader(window: &Window, output: usize, at: usize, mut work: impl FnMut(usize, usize)) {
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
