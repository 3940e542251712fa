//! Sliding windows: padding, rounding, and the one formula for the size of an output.
//!
//! Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (arXiv:1603.07285).
//!
//! Not differentiable: it computes sizes.

use crate::{Error, Result};

/// Rows and columns added around an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Padding2d {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns on the left.
    pub left: usize,
    /// Columns on the right.
    pub right: usize,
}

impl Padding2d {
    /// `vertical` rows above and below, `horizontal` columns left and right.
    pub const fn symmetric(vertical: usize, horizontal: usize) -> Self {
        Self { top: vertical, bottom: vertical, left: horizontal, right: horizontal }
    }

    /// The same amount on all four sides.
    pub const fn all(amount: usize) -> Self {
        Self::symmetric(amount, amount)
    }
}

/// Padding that depends on the size of the input: just enough for an output of `ceil(input / stride)`, as in TensorFlow
/// and ONNX. Of an odd number of zeros, the names say which end gets one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Same {
    /// The end: TensorFlow's `SAME`, ONNX's `SAME_UPPER`, PyTorch's `padding="same"`.
    Upper,
    /// The beginning: ONNX's `SAME_LOWER`.
    Lower,
}

/// How much is added around an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Padding {
    /// This much on each side.
    Sides(Padding2d),
    /// As much as keeps sizes.
    Same(Same),
}

impl Padding {
    /// The padding around an image of `input` rows and columns for windows of this kernel, stride and dilation, each
    /// `[vertical, horizontal]`.
    ///
    /// # Errors
    /// As [`Window::same`].
    pub fn around(
        self,
        op: &'static str,
        input: [usize; 2],
        [kernel, stride, dilation]: [[usize; 2]; 3],
    ) -> Result<Padding2d> {
        let same = match self {
            Self::Sides(sides) => return Ok(sides),
            Self::Same(same) => same,
        };
        let axis = |axis: usize| {
            let [kernel, stride, dilation] = [kernel, stride, dilation].map(|sizes| sizes[axis]);
            let rounding = Rounding::Floor;
            let window = Window { kernel, stride, dilation, before: 0, after: 0, rounding };
            window.same(op, input[axis], same)
        };
        let ([top, bottom], [left, right]) = (axis(0)?, axis(1)?);
        Ok(Padding2d { top, bottom, left, right })
    }
}

/// What happens to a window that does not fit whole at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rounding {
    /// It is left out.
    #[default]
    Floor,
    /// It is kept, unless it starts in the end padding (as in PyTorch).
    Ceil,
}

/// A window along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Taps of the window.
    pub kernel: usize,
    /// Distance between the starts of neighbouring windows.
    pub stride: usize,
    /// Distance between neighbouring taps.
    pub dilation: usize,
    /// Padding before the first element.
    pub before: usize,
    /// Padding after the last element.
    pub after: usize,
    /// What happens at the end.
    pub rounding: Rounding,
}

impl Window {
    /// Number of windows over `input` elements:
    /// `(input + before + after - dilation * (kernel - 1) - 1) / stride + 1`, rounded as asked.
    ///
    /// # Errors
    /// [`Error::Argument`] where kernel, stride or dilation is zero; [`Error::Shape`] where the window is larger
    /// than the padded input or a size overflows.
    pub fn output_size(&self, op: &'static str, input: usize) -> Result<usize> {
        self.check_positive(op)?;
        let padded = input.checked_add(self.before).and_then(|size| size.checked_add(self.after));
        let (Some(padded), Some(extent)) = (padded, self.extent()) else {
            return Err(Error::shape(op, format!("sizes overflow: {self:?} over {input} elements")));
        };
        if padded > isize::MAX as usize / 4 || extent > padded {
            return Err(Error::shape(
                op,
                format!(
                    "a window of {extent} (kernel {}, dilation {}) does not fit an input of {input} padded to {padded}",
                    self.kernel, self.dilation
                ),
            ));
        }
        let steps = padded - extent;
        Ok(1 + match self.rounding {
            Rounding::Floor => steps / self.stride,
            Rounding::Ceil => {
                let windows = steps.div_ceil(self.stride);
                windows.saturating_sub(usize::from(windows * self.stride >= input + self.before))
            }
        })
    }

    /// Size of the output of the transposed window over `input` elements, of which padding takes some away:
    /// `(input - 1) * stride - before - after + dilation * (kernel - 1) + output_padding + 1`.
    ///
    /// # Errors
    /// As [`Window::output_size`]; [`Error::Shape`] where nothing is left.
    pub fn transposed_size(&self, op: &'static str, input: usize, output_padding: usize) -> Result<usize> {
        self.check_positive(op)?;
        let last = input.checked_sub(1).and_then(|last| last.checked_mul(self.stride));
        let whole = last.zip(self.extent()).and_then(|(last, extent)| last.checked_add(extent));
        let whole = whole.and_then(|whole| whole.checked_add(output_padding));
        let taken = self.before.checked_add(self.after);
        let (Some(whole), Some(taken)) = (whole, taken) else {
            return Err(Error::shape(op, format!("sizes overflow: {self:?} over {input} elements")));
        };
        match whole.checked_sub(taken) {
            Some(size) if size > 0 => Ok(size),
            _ => Err(Error::shape(
                op,
                format!("nothing is left of an output of {whole} without its padding of {taken}"),
            )),
        }
    }

    /// The padding before and after `input` elements, whatever this window's own, with which there are
    /// `ceil(input / stride)` windows: `max((windows - 1) * stride + extent - input, 0)` in all.
    ///
    /// # Errors
    /// [`Error::Argument`] where kernel, stride or dilation is zero; [`Error::Shape`] where a size overflows.
    pub fn same(&self, op: &'static str, input: usize, same: Same) -> Result<[usize; 2]> {
        self.check_positive(op)?;
        let last = (input.div_ceil(self.stride).saturating_sub(1)).checked_mul(self.stride);
        let reach = last.zip(self.extent()).and_then(|(last, extent)| last.checked_add(extent));
        let Some(reach) = reach else {
            return Err(Error::shape(op, format!("sizes overflow: {self:?} over {input} elements")));
        };
        let total = reach.saturating_sub(input);
        let (less, more) = (total / 2, total.div_ceil(2));
        Ok(match same {
            Same::Upper => [less, more],
            Same::Lower => [more, less],
        })
    }

    fn check_positive(&self, op: &'static str) -> Result<()> {
        for (name, value) in
            [("kernel size", self.kernel), ("stride", self.stride), ("dilation", self.dilation)]
        {
            if value == 0 {
                return Err(Error::argument(op, name, 0, "1 or more"));
            }
        }
        Ok(())
    }

    /// Elements from the first tap to the last: `dilation * (kernel - 1) + 1`; `None` where that overflows or there
    /// is no tap.
    pub fn extent(&self) -> Option<usize> {
        self.kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }

    /// The element that tap `tap` of window `index` reads, or `None` in the padding of an axis of `input` elements.
    #[inline]
    pub(crate) fn position(&self, index: usize, tap: usize, input: usize) -> Option<usize> {
        (index * self.stride + tap * self.dilation).checked_sub(self.before).filter(|&at| at < input)
    }

    /// The range of windows (of `output`) at which `tap` reads inside an axis of `input` elements.
    pub(crate) fn inside(&self, tap: usize, input: usize, output: usize) -> std::ops::Range<usize> {
        let shift = tap * self.dilation;
        let start = self.before.saturating_sub(shift).div_ceil(self.stride);
        let end = (input + self.before).saturating_sub(shift).div_ceil(self.stride).min(output);
        start.min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kernel: usize, stride: usize, dilation: usize, before: usize, after: usize) -> Window {
        Window { kernel, stride, dilation, before, after, rounding: Rounding::Floor }
    }

    #[test]
    fn sizes_follow_the_formula() {
        assert_eq!(window(3, 1, 1, 1, 1).output_size("t", 28).unwrap(), 28);
        assert_eq!(window(5, 1, 1, 0, 0).output_size("t", 28).unwrap(), 24);
        assert_eq!(window(3, 2, 1, 1, 1).output_size("t", 28).unwrap(), 14);
        assert_eq!(window(3, 2, 2, 0, 1).output_size("t", 9).unwrap(), 3);
        let ceil = Window { rounding: Rounding::Ceil, ..window(2, 2, 1, 0, 0) };
        assert_eq!(ceil.output_size("t", 5).unwrap(), 3);
        // PyTorch leaves out the window that would start in the end padding.
        let ceil = Window { rounding: Rounding::Ceil, ..window(1, 2, 1, 0, 1) };
        assert_eq!(ceil.output_size("t", 2).unwrap(), 1);
    }

    #[test]
    fn a_window_that_does_not_fit_is_an_error() {
        assert!(matches!(window(4, 1, 1, 0, 0).output_size("t", 3), Err(Error::Shape { .. })));
        assert!(matches!(window(3, 0, 1, 0, 0).output_size("t", 3), Err(Error::Argument { .. })));
        assert!(matches!(
            window(usize::MAX, 1, usize::MAX, 0, 0).output_size("t", 3),
            Err(Error::Shape { .. })
        ));
    }

    #[test]
    fn a_transposed_size_is_undone_by_the_window() {
        for (kernel, stride, dilation) in [(1, 1, 1), (3, 2, 1), (2, 3, 2), (4, 4, 1)] {
            for (before, after) in [(0, 0), (1, 0), (1, 1)] {
                let window = window(kernel, stride, dilation, before, after);
                for input in 3..7 {
                    for output_padding in 0..stride {
                        let size = window.transposed_size("t", input, output_padding).unwrap();
                        assert_eq!(window.output_size("t", size).unwrap(), input);
                    }
                }
            }
        }
        assert!(matches!(window(1, 1, 1, 1, 1).transposed_size("t", 2, 0), Err(Error::Shape { .. })));
        assert!(matches!(
            window(1, 9, 1, 0, 0).transposed_size("t", usize::MAX, 0),
            Err(Error::Shape { .. })
        ));
    }

    #[test]
    fn same_padding_with_an_even_kernel_or_a_stride_is_asymmetric() {
        // TensorFlow: 5 elements, kernel 2: none before, one after.
        assert_eq!(window(2, 1, 1, 0, 0).same("t", 5, Same::Upper).unwrap(), [0, 1]);
        assert_eq!(window(2, 1, 1, 0, 0).same("t", 5, Same::Lower).unwrap(), [1, 0]);
        // ResNet's first convolution over 224 pixels: two before, three after, unlike PyTorch's 3 and 3.
        assert_eq!(window(7, 2, 1, 0, 0).same("t", 224, Same::Upper).unwrap(), [2, 3]);
        assert_eq!(window(3, 1, 2, 9, 9).same("t", 5, Same::Upper).unwrap(), [2, 2]);
        // A stride beyond the kernel needs none, where windows reach the end.
        assert_eq!(window(1, 3, 1, 0, 0).same("t", 5, Same::Upper).unwrap(), [0, 0]);
        assert!(matches!(window(2, 0, 1, 0, 0).same("t", 5, Same::Upper), Err(Error::Argument { .. })));
        let huge = window(usize::MAX, 1, 2, 0, 0);
        assert!(matches!(huge.same("t", 5, Same::Upper), Err(Error::Shape { .. })));
    }

    #[test]
    fn same_padding_gives_one_window_for_each_step_that_begins_in_the_input() {
        for (kernel, stride, dilation) in [(1, 1, 1), (3, 1, 1), (2, 3, 1), (5, 2, 3), (4, 7, 2)] {
            for input in 1usize..30 {
                for same in [Same::Upper, Same::Lower] {
                    let plain = window(kernel, stride, dilation, 0, 0);
                    let [before, after] = plain.same("t", input, same).unwrap();
                    let padded = Window { before, after, ..plain };
                    assert_eq!(padded.output_size("t", input).unwrap(), input.div_ceil(stride));
                    assert!(before.abs_diff(after) <= 1);
                }
            }
        }
    }

    #[test]
    fn the_range_inside_agrees_with_each_position() {
        for (kernel, stride, dilation, before, after) in
            [(3, 1, 1, 1, 1), (3, 2, 1, 1, 0), (2, 3, 2, 4, 5), (5, 1, 3, 2, 9), (1, 4, 1, 0, 0)]
        {
            for input in 1..20 {
                let window = window(kernel, stride, dilation, before, after);
                let Ok(output) = window.output_size("t", input) else { continue };
                for tap in 0..kernel {
                    let inside = window.inside(tap, input, output);
                    for index in 0..output {
                        assert_eq!(inside.contains(&index), window.position(index, tap, input).is_some());
                    }
                }
            }
        }
    }
}
