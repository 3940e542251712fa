//! One axis of a depthwise or grouped pass: which elements of the source each element of the target is a sum over.
//!
//! Strides and dilations are taken apart into phases: targets at equal distances whose sums all have the same
//! taps. Within a phase the source of target `i` and tap `k` is `source + (i * stride + k) * pitch`, so that a
//! kernel knows one form only: neighbouring targets share their sources unless the stride is as large as the kernel.
//! A convolution with stride `s` and dilation `d` has `d / gcd(s, d)` phases of stride `s / gcd(s, d)` and pitch
//! `d`; its transpose has `s * d / gcd(s, d)` phases, all of stride 1.

use std::ops::Range;

use crate::ops::window::Window;

/// An axis, all phases.
pub(super) struct Axis {
    /// Elements of the source.
    pub(super) sources: usize,
    /// Distance between the targets of a phase.
    pub(super) step: usize,
    /// The phase of the targets `0, step, ..`, of `1, 1 + step, ..`, and so on.
    pub(super) phases: Vec<Phase>,
}

/// Targets that have the same taps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phase {
    /// Targets.
    pub(super) count: usize,
    /// Number of taps.
    pub(super) taps: usize,
    /// The tap with the first source.
    pub(super) tap: usize,
    /// From a tap to the one with the next source.
    pub(super) tap_step: isize,
    /// Source of the first target and tap; outside the axis where it is in the padding.
    pub(super) source: isize,
    /// Distance between the sources of neighbouring taps.
    pub(super) pitch: usize,
    /// Distance between the first sources of neighbouring targets, in pitches.
    pub(super) stride: usize,
}

impl Axis {
    /// From the input to the output of a convolution.
    pub(super) fn forward(window: &Window, input: usize, output: usize) -> Self {
        let &Window { kernel, stride, dilation, before, .. } = window;
        let common = greatest_common_divisor(stride, dilation);
        // A step past the last target never takes place.
        let step = (dilation / common).min(output);
        let phase = |first: usize| Phase {
            count: (output - first).div_ceil(step),
            taps: kernel,
            tap: 0,
            tap_step: 1,
            source: (first * stride) as isize - before as isize,
            pitch: dilation,
            stride: stride / common,
        };
        Self { sources: input, step, phases: (0..step).map(phase).collect() }
    }

    /// From the output to the input of a convolution.
    pub(super) fn transposed(window: &Window, input: usize, output: usize) -> Self {
        let &Window { kernel, stride, dilation, before, .. } = window;
        let common = greatest_common_divisor(stride, dilation);
        let (tap_step, pitch) = (stride / common, dilation / common);
        let step = stride.saturating_mul(pitch).min(input);
        let phase = |first: usize| {
            // Tap t takes input x from output (x + before - t * dilation) / stride, where that is whole.
            let distance = |tap: usize| (first + before) as isize - (tap * dilation) as isize;
            let whole = |tap: &usize| distance(*tap) % stride as isize == 0;
            let taps = match (0..tap_step.min(kernel)).find(whole) {
                Some(tap) => (kernel - tap).div_ceil(tap_step),
                None => 0,
            };
            let tap = (0..kernel).rev().find(whole).unwrap_or(0);
            Phase {
                count: (input - first).div_ceil(step),
                taps,
                tap,
                tap_step: -(tap_step as isize),
                source: distance(tap) / stride as isize,
                pitch,
                stride: 1,
            }
        };
        Self { sources: output, step, phases: (0..step).map(phase).collect() }
    }

    /// The phase of a target, and its place there.
    pub(super) fn find(&self, target: usize) -> (&Phase, usize) {
        (&self.phases[target % self.step], target / self.step)
    }
}

impl Phase {
    /// Source of a target's tap 0, perhaps in the padding.
    pub(super) fn start(&self, target: usize) -> isize {
        self.source + (target * self.stride * self.pitch) as isize
    }

    /// Which of the pitches from `start` on, among the first `count`, lie inside an axis of `sources` elements.
    pub(super) fn inside(&self, start: isize, count: usize, sources: usize) -> Range<usize> {
        let pitches = |distance: isize| usize::try_from(distance).unwrap_or(0).div_ceil(self.pitch);
        let end = pitches(sources as isize - start).min(count);
        pitches(-start).min(end)..end
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::window::Rounding;

    /// The taps of each target with their sources, without phases.
    fn sources(axis: &Axis, targets: usize) -> Vec<Vec<(usize, usize)>> {
        let of = |target: usize| {
            let (phase, index) = axis.find(target);
            assert!(index < phase.count);
            let start = phase.start(index);
            let inside = phase.inside(start, phase.taps, axis.sources);
            let mut taps: Vec<_> = inside
                .map(|k| {
                    let tap = phase.tap as isize + k as isize * phase.tap_step;
                    (tap as usize, (start + (k * phase.pitch) as isize) as usize)
                })
                .collect();
            taps.sort_unstable();
            taps
        };
        (0..targets).map(of).collect()
    }

    #[test]
    fn phases_hold_the_taps_that_the_window_has() {
        for (kernel, stride, dilation) in [
            (3, 1, 1),
            (3, 2, 1),
            (4, 2, 2),
            (3, 1, 2),
            (5, 3, 2),
            (2, 4, 6),
            (3, 6, 4),
            (1, 5, 1),
            (7, 2, 3),
        ] {
            for (before, after) in [(0, 0), (1, 1), (4, 0), (0, 7), (20, 3)] {
                for input in 1..24 {
                    let window =
                        Window { kernel, stride, dilation, before, after, rounding: Rounding::Floor };
                    let Ok(output) = window.output_size("t", input) else { continue };
                    let mut expected = vec![Vec::new(); output];
                    let mut transposed = vec![Vec::new(); input];
                    for (target, expected) in expected.iter_mut().enumerate() {
                        for tap in 0..kernel {
                            if let Some(source) = window.position(target, tap, input) {
                                expected.push((tap, source));
                                transposed[source].push((tap, target));
                            }
                        }
                    }
                    transposed.iter_mut().for_each(|taps| taps.sort_unstable());
                    assert_eq!(sources(&Axis::forward(&window, input, output), output), expected);
                    let axis = Axis::transposed(&window, input, output);
                    assert!(axis.phases.iter().all(|phase| phase.stride == 1));
                    assert_eq!(sources(&axis, input), transposed);
                }
            }
        }
    }
}
