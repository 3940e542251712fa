//! Pooling.

use cnn_layers::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, Ends,
    GlobalAvgPool2d, GlobalMaxPool2d, MaxPool1d, MaxPool2d, Padding2d, Rounding, Same,
};
use cnn_tensor::ops::pool2d::PaddingCounts;

use crate::member::called;
use crate::{Draw, Member, Setting};

/// Kernel, stride, padding and rounding of a window, and an image that it fits.
struct Windows {
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding2d,
    rounding: Rounding,
    image: [usize; 4],
}

fn windows(d: &mut Draw, dilation: [usize; 2]) -> Windows {
    let kernel = [d.within(1..=4), d.within(1..=3)];
    let stride = [d.within(1..=5), d.within(1..=3)];
    // Less than the window on each side.
    let mut side = |kernel: usize| d.within(0..=kernel - 1);
    let padding = Padding2d {
        top: side(kernel[0]),
        bottom: side(kernel[0]),
        left: side(kernel[1]),
        right: side(kernel[1]),
    };
    let span = |axis: usize| dilation[axis] * (kernel[axis] - 1) + 1;
    let image = [d.batch(), d.extent(span(0)), d.extent(span(1)), d.channels()];
    let rounding = d.pick(&[Rounding::Floor, Rounding::Ceil]);
    Windows { kernel, stride, dilation, padding, rounding, image }
}

pub(crate) fn members() -> Vec<Member> {
    vec![
        Member::new("MaxPool2d", |d| {
            let dilation = [d.within(1..=2), d.within(1..=3)];
            let w = windows(d, dilation);
            let builder = MaxPool2d::builder(w.kernel).stride(w.stride).padding(w.padding);
            let layer = builder.rounding(w.rounding).dilation(w.dilation).build()?;
            Setting::new(called(layer), [d.tensor(&w.image)])
        })
        .torch("nn.MaxPool2d")
        .case("tiles", || Ok(called(MaxPool2d::new(2)?)))
        .case("overlapping", || Ok(called(MaxPool2d::builder(3).stride(2).padding(1).build()?)))
        .case("dilated_ceil", || {
            let builder = MaxPool2d::builder([2, 3]).stride(2).rounding(Rounding::Ceil);
            Ok(called(builder.dilation([2, 1]).build()?))
        }),
        Member::new("AvgPool2d", |d| {
            let w = windows(d, [1, 1]);
            let counts = d.pick(&[PaddingCounts::Included, PaddingCounts::Excluded]);
            let builder = AvgPool2d::builder(w.kernel).stride(w.stride).padding(w.padding);
            let layer = builder.rounding(w.rounding).padding_counts(counts).build()?;
            Setting::new(called(layer), [d.tensor(&w.image)])
        })
        .torch("nn.AvgPool2d")
        .case("tiles", || Ok(called(AvgPool2d::new(2)?)))
        .case("padding_counts", || {
            Ok(called(AvgPool2d::builder(3).stride(2).padding(1).rounding(Rounding::Ceil).build()?))
        })
        .case("padding_left_out", || {
            let builder = AvgPool2d::builder(3).stride(2).padding(1);
            Ok(called(builder.padding_counts(PaddingCounts::Excluded).build()?))
        }),
        Member::new("GlobalAvgPool2d", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            Setting::new(called(GlobalAvgPool2d), [d.tensor(&shape)])
        })
        .torch("nn.AdaptiveAvgPool2d(1)")
        .case("image", || Ok(called(GlobalAvgPool2d)))
        .case("pixel", || Ok(called(GlobalAvgPool2d)))
        .case("row", || Ok(called(GlobalAvgPool2d))),
        Member::new("GlobalMaxPool2d", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            Setting::new(called(GlobalMaxPool2d), [d.tensor(&shape)])
        })
        .torch("nn.AdaptiveMaxPool2d(1)")
        .case("image", || Ok(called(GlobalMaxPool2d)))
        .case("pixel", || Ok(called(GlobalMaxPool2d)))
        .case("row", || Ok(called(GlobalMaxPool2d))),
        Member::new("AdaptiveAvgPool2d", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let layer = AdaptiveAvgPool2d::new([d.within(1..=7), d.within(1..=7)])?;
            Setting::new(called(layer), [d.tensor(&shape)])
        })
        .torch("nn.AdaptiveAvgPool2d")
        .case("divides", || Ok(called(AdaptiveAvgPool2d::new([3, 2])?)))
        .case("overlaps", || Ok(called(AdaptiveAvgPool2d::new([3, 5])?)))
        .case("larger", || Ok(called(AdaptiveAvgPool2d::new(5)?))),
        Member::new("AdaptiveMaxPool2d", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let layer = AdaptiveMaxPool2d::new([d.within(1..=7), d.within(1..=7)])?;
            Setting::new(called(layer), [d.tensor(&shape)])
        })
        .torch("nn.AdaptiveMaxPool2d")
        .case("divides", || Ok(called(AdaptiveMaxPool2d::new([3, 2])?)))
        .case("overlaps", || Ok(called(AdaptiveMaxPool2d::new([3, 5])?)))
        .case("larger", || Ok(called(AdaptiveMaxPool2d::new(5)?))),
        Member::new("AdaptiveAvgPool1d", |d| {
            let shape = [d.batch(), d.extent(1) * d.extent(1), d.channels()];
            Setting::new(called(AdaptiveAvgPool1d::new(d.within(1..=9))?), [d.tensor(&shape)])
        })
        .torch("nn.AdaptiveAvgPool1d")
        .case("divides", || Ok(called(AdaptiveAvgPool1d::new(3)?)))
        .case("overlaps", || Ok(called(AdaptiveAvgPool1d::new(5)?)))
        .case("larger", || Ok(called(AdaptiveAvgPool1d::new(8)?))),
        Member::new("AdaptiveMaxPool1d", |d| {
            let shape = [d.batch(), d.extent(1) * d.extent(1), d.channels()];
            Setting::new(called(AdaptiveMaxPool1d::new(d.within(1..=9))?), [d.tensor(&shape)])
        })
        .torch("nn.AdaptiveMaxPool1d")
        .case("divides", || Ok(called(AdaptiveMaxPool1d::new(3)?)))
        .case("overlaps", || Ok(called(AdaptiveMaxPool1d::new(5)?)))
        .case("larger", || Ok(called(AdaptiveMaxPool1d::new(8)?))),
        Member::new("MaxPool1d", |d| {
            let (kernel, stride, dilation) = (d.within(1..=4), d.within(1..=5), d.within(1..=3));
            let length = (d.extent(1) * d.extent(1)).max(dilation * (kernel - 1) + 1);
            let builder = MaxPool1d::builder(kernel).stride(stride).dilation(dilation);
            let ends = Ends { before: d.within(0..=kernel - 1), after: d.within(0..=kernel - 1) };
            let layer = builder.padding(ends).rounding(d.pick(&[Rounding::Floor, Rounding::Ceil])).build()?;
            let shape = [d.batch(), length, d.channels()];
            Setting::new(called(layer), [d.tensor(&shape)])
        })
        .torch("nn.MaxPool1d")
        .case("tiles", || Ok(called(MaxPool1d::new(2)?)))
        .case("overlapping", || Ok(called(MaxPool1d::builder(3).stride(2).padding(1).build()?)))
        .case("dilated_ceil", || {
            Ok(called(MaxPool1d::builder(2).stride(3).dilation(2).rounding(Rounding::Ceil).build()?))
        }),
        Member::new("AvgPool1d", |d| {
            let (kernel, stride) = (d.within(1..=4), d.within(1..=5));
            let length = (d.extent(1) * d.extent(1)).max(kernel);
            let builder = AvgPool1d::builder(kernel).stride(stride);
            let builder = builder.padding_counts(d.pick(&[PaddingCounts::Included, PaddingCounts::Excluded]));
            let ends = Ends { before: d.within(0..=kernel - 1), after: d.within(0..=kernel - 1) };
            let layer = builder.padding(ends).rounding(d.pick(&[Rounding::Floor, Rounding::Ceil])).build()?;
            let shape = [d.batch(), length, d.channels()];
            Setting::new(called(layer), [d.tensor(&shape)])
        })
        .torch("nn.AvgPool1d")
        .case("tiles", || Ok(called(AvgPool1d::new(2)?)))
        .case("overlapping_ceil", || {
            Ok(called(AvgPool1d::builder(3).stride(2).padding(1).rounding(Rounding::Ceil).build()?))
        })
        .case("padding_left_out", || {
            let builder = AvgPool1d::builder(3).stride(2).padding(1).padding_counts(PaddingCounts::Excluded);
            Ok(called(builder.build()?))
        }),
        Member::new("MaxPool2d, same", |d| {
            let builder = MaxPool2d::builder([d.within(1..=4), d.within(1..=3)])
                .stride([d.within(1..=5), d.within(1..=3)]);
            let layer = builder.padding(d.pick(&[Same::Upper, Same::Lower])).build()?;
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            Setting::new(called(layer), [d.tensor(&shape)])
        }),
        Member::new("AvgPool2d, same", |d| {
            let builder = AvgPool2d::builder([d.within(1..=4), d.within(1..=3)])
                .stride([d.within(1..=5), d.within(1..=3)]);
            let builder = builder.padding_counts(d.pick(&[PaddingCounts::Included, PaddingCounts::Excluded]));
            let layer = builder.padding(d.pick(&[Same::Upper, Same::Lower])).build()?;
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            Setting::new(called(layer), [d.tensor(&shape)])
        }),
    ]
}
