//! Layers that move pixels or mix neighbours: padding, cropping, other sizes, shuffles.

use cnn_layers::{
    ChannelShuffle, Corners, Crop, Ends, Interpolation, Pad1d, Pad2d, Padding2d, PaddingMode, PixelShuffle,
    PixelUnshuffle, Upsample,
};

use crate::member::called;
use crate::{Draw, Member, Setting};

fn mode(d: &mut Draw) -> PaddingMode {
    d.pick(&[PaddingMode::ZEROS, PaddingMode::Reflect, PaddingMode::Replicate, PaddingMode::Circular])
}

fn sides(d: &mut Draw) -> Padding2d {
    let mut side = || d.within(0..=3);
    Padding2d { top: side(), bottom: side(), left: side(), right: side() }
}

fn interpolation(d: &mut Draw) -> Interpolation {
    d.pick(&[
        Interpolation::Nearest,
        Interpolation::NearestExact,
        Interpolation::Linear(Corners::OfPixels),
        Interpolation::Linear(Corners::Aligned),
    ])
}

pub(crate) fn members() -> Vec<Member> {
    let around = Padding2d { top: 1, bottom: 2, left: 3, right: 0 };
    let linear = Interpolation::Linear(Corners::OfPixels);
    let aligned = Interpolation::Linear(Corners::Aligned);
    vec![
        Member::new("Pad2d", |d| {
            let layer = Pad2d::new(sides(d), mode(d));
            let image = [d.batch(), d.extent(4), d.extent(4), d.channels()];
            Setting::new(called(layer), [d.tensor(&image)])
        })
        .torch("nn.ZeroPad2d, ConstantPad2d, ReflectionPad2d, ReplicationPad2d, CircularPad2d")
        .case("zeros", move || Ok(called(Pad2d::new(around, PaddingMode::ZEROS))))
        .case("constant", || Ok(called(Pad2d::new(1, PaddingMode::Constant(-2.5)))))
        .case("reflect", move || Ok(called(Pad2d::new(around, PaddingMode::Reflect))))
        .case("replicate", move || Ok(called(Pad2d::new(around, PaddingMode::Replicate))))
        .case("circular", move || Ok(called(Pad2d::new(around, PaddingMode::Circular)))),
        Member::new("Pad1d", |d| {
            let ends = Ends { before: d.within(0..=3), after: d.within(0..=3) };
            let sequence = [d.batch(), (d.extent(1) * d.extent(1)).max(4), d.channels()];
            Setting::new(called(Pad1d::new(ends, mode(d))), [d.tensor(&sequence)])
        })
        .torch("nn.ZeroPad1d, ConstantPad1d, ReflectionPad1d, ReplicationPad1d, CircularPad1d")
        .case("zeros", || Ok(called(Pad1d::new(Ends { before: 1, after: 2 }, PaddingMode::ZEROS))))
        .case("reflect", || Ok(called(Pad1d::new(2, PaddingMode::Reflect))))
        .case("replicate", || Ok(called(Pad1d::new(2, PaddingMode::Replicate))))
        .case("circular", || Ok(called(Pad1d::new(Ends { before: 0, after: 3 }, PaddingMode::Circular)))),
        Member::new("Crop", |d| {
            let image = [d.batch(), d.extent(5), d.extent(5), d.channels()];
            let layer = match d.within(0..=1) {
                0 => {
                    let mut side = || d.within(0..=2);
                    Crop::new(Padding2d { top: side(), bottom: side(), left: side(), right: side() })
                }
                _ => Crop::center([d.within(1..=5), d.within(1..=5)])?,
            };
            Setting::new(called(layer), [d.tensor(&image)])
        })
        .torch("functional.pad with negative sides, torchvision CenterCrop")
        .case("sides", || Ok(called(Crop::new(Padding2d { top: 1, bottom: 0, left: 2, right: 1 }))))
        .case("center", || Ok(called(Crop::center(3)?)))
        .case("sequence", || Ok(called(Crop::new(Padding2d { left: 2, ..Padding2d::default() })))),
        Member::new("Upsample", |d| {
            let image = [d.batch(), d.extent(1).div_ceil(2), d.extent(1).div_ceil(2), d.channels()];
            let layer = match d.within(0..=1) {
                0 => Upsample::to([d.within(1..=9), d.within(1..=9)], interpolation(d))?,
                _ => {
                    let factors = [0, 1].map(|_| d.pick(&[1.0, 1.3, 2.0, 2.4, 3.0]));
                    Upsample::by(factors, interpolation(d))?
                }
            };
            Setting::new(called(layer), [d.tensor(&image)])
        })
        .torch("nn.Upsample")
        .case("nearest_twice", || Ok(called(Upsample::by(2.0, Interpolation::Nearest)?)))
        .case("nearest_size", || Ok(called(Upsample::to([5, 3], Interpolation::Nearest)?)))
        .case("nearest_exact", || Ok(called(Upsample::by([1.5, 2.3], Interpolation::NearestExact)?)))
        .case("linear_twice", move || Ok(called(Upsample::by(2.0, linear)?)))
        .case("linear_factor", move || Ok(called(Upsample::by([1.7, 0.6], linear)?)))
        .case("linear_size", move || Ok(called(Upsample::to([2, 7], linear)?)))
        .case("aligned_factor", move || Ok(called(Upsample::by([1.7, 2.0], aligned)?)))
        .case("aligned_size", move || Ok(called(Upsample::to([1, 7], aligned)?)))
        .case("sequence", move || Ok(called(Upsample::by(2.5, linear)?))),
        Member::new("PixelShuffle", |d| {
            let factor = d.within(1..=3);
            let [height, width] = [d.extent(1), d.extent(1)].map(|size| size.div_ceil(factor));
            let image = [d.batch(), height, width, d.channels() * factor * factor];
            Setting::new(called(PixelShuffle::new(factor)?), [d.tensor(&image)])
        })
        .torch("nn.PixelShuffle")
        .case("twice", || Ok(called(PixelShuffle::new(2)?)))
        .case("three_times", || Ok(called(PixelShuffle::new(3)?)))
        .case("once", || Ok(called(PixelShuffle::new(1)?))),
        Member::new("PixelUnshuffle", |d| {
            let factor = d.within(1..=3);
            let [height, width] = [d.extent(1), d.extent(1)].map(|size| size.div_ceil(factor) * factor);
            let image = [d.batch(), height, width, d.channels()];
            Setting::new(called(PixelUnshuffle::new(factor)?), [d.tensor(&image)])
        })
        .torch("nn.PixelUnshuffle")
        .case("half", || Ok(called(PixelUnshuffle::new(2)?)))
        .case("third", || Ok(called(PixelUnshuffle::new(3)?)))
        .case("once", || Ok(called(PixelUnshuffle::new(1)?))),
        Member::new("ChannelShuffle", |d| {
            let groups = d.within(2..=4);
            let image = [d.batch(), d.extent(1), d.extent(1), d.channels().div_ceil(groups).max(2) * groups];
            Setting::new(called(ChannelShuffle::new(groups)?), [d.tensor(&image)])
        })
        .torch("nn.ChannelShuffle")
        .case("two", || Ok(called(ChannelShuffle::new(2)?)))
        .case("three", || Ok(called(ChannelShuffle::new(3)?)))
        .case("one", || Ok(called(ChannelShuffle::new(1)?))),
    ]
}
