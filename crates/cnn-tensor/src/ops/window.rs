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
        for (name, value) in
            [("kernel size", self.kernel), ("stride", self.stride), ("dilation", self.dilation)]
        {
            if value == 0 {
                return Err(Error::argument(op, name, 0, "1 or more"));
            }
        }
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
