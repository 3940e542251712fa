//! Convolutions.

use cnn_layers::{
    Bias, Conv1d, Conv1dBuilder, Conv2d, Conv2dBuilder, ConvTranspose1d, ConvTranspose1dBuilder,
    ConvTranspose2d, ConvTranspose2dBuilder, Ctx, Ends, Forward, Key, Padding2d, PaddingMode, Relu, Result,
    Same, Var, convert,
};
use cnn_tensor::{DType, Tensor};

use crate::member::{called, subject};
use crate::{Draw, Member, Setting};

/// Settings of a convolution of images, and an input that it takes.
fn conv2d(d: &mut Draw) -> (Conv2dBuilder, [usize; 4]) {
    let groups = d.pick(&[1, 1, 2, 3]);
    let [in_group, out_group] = [d.channels().div_ceil(groups), d.channels().div_ceil(groups)];
    // One input channel in each of many groups is a kernel of its own.
    let [in_c, out_c] = if d.within(0..=3) == 0 {
        let channels = d.channels();
        [channels, channels * d.within(1..=2)]
    } else {
        [in_group * groups, out_group * groups]
    };
    let groups = if out_c % in_c == 0 && in_c != in_group * groups { in_c } else { groups };
    let groups = if in_c % groups == 0 && out_c % groups == 0 { groups } else { 1 };
    let kernel = [d.within(1..=4), d.within(1..=3)];
    let dilation = [d.within(1..=2), d.within(1..=3)];
    let stride = [d.within(1..=5), d.within(1..=3)];
    let mut side = || d.within(0..=2);
    let padding = Padding2d { top: side(), bottom: side(), left: side(), right: side() };
    let span = |axis: usize| dilation[axis] * (kernel[axis] - 1) + 1;
    let [least_h, least_w] = [
        span(0).saturating_sub(padding.top + padding.bottom),
        span(1).saturating_sub(padding.left + padding.right),
    ];
    let image = [d.batch(), d.extent(least_h), d.extent(least_w), in_c];
    let builder = Conv2d::builder(in_c, out_c, kernel).stride(stride).padding(padding).dilation(dilation);
    (builder.groups(groups).bias(d.bias()), image)
}

/// A setting of a layer with ReLU, none of whose sums is so near to zero that the step of a difference crosses the kink.
fn with_relu<L: Forward + Clone>(
    d: &mut Draw,
    make: impl Fn(&mut Draw) -> Result<(L, Tensor)>,
    run: impl Fn(&L, Vec<Var>, &mut Ctx) -> Result<Var> + Copy + Send + Sync + 'static,
) -> Result<Setting> {
    loop {
        let (layer, x) = make(d)?;
        let mut double = layer.clone();
        convert(&mut double, DType::F64)?;
        let is_near = |sum: f64| sum.abs() < 1e-4;
        // Large settings have too many sums, and no differences.
        if !d.is_small()
            || !double
                .call(Var::constant(x.clone()), &mut Ctx::inference())?
                .value()
                .to_f64_vec()?
                .into_iter()
                .any(is_near)
        {
            return Setting::new(subject(layer, run), [x]);
        }
    }
}

/// A padding mode other than zeros.
fn mode(d: &mut Draw) -> PaddingMode {
    d.pick(&[PaddingMode::Constant(0.5), PaddingMode::Reflect, PaddingMode::Replicate, PaddingMode::Circular])
}

/// Settings of a convolution of sequences, and an input that it takes.
fn conv1d(d: &mut Draw) -> (Conv1dBuilder, [usize; 3]) {
    let groups = d.pick(&[1, 1, 2, 3]);
    let [in_c, out_c] = [d.channels().div_ceil(groups) * groups, d.channels().div_ceil(groups) * groups];
    let (kernel, stride, dilation) = (d.within(1..=4), d.within(1..=5), d.within(1..=3));
    let length = (d.extent(1) * d.extent(1)).max(dilation * (kernel - 1) + 1);
    let builder = Conv1d::builder(in_c, out_c, kernel).stride(stride).dilation(dilation).groups(groups);
    let builder = match d.within(0..=3) {
        0 => builder.padding(d.pick(&[Same::Upper, Same::Lower])),
        1 => builder.padding(d.within(0..=2)),
        _ => builder.padding(Ends { before: d.within(0..=2), after: d.within(0..=2) }),
    };
    (builder.bias(d.bias()), [d.batch(), length, in_c])
}

/// Settings of a transposed convolution of images, and an input that it takes.
fn conv_transpose2d(d: &mut Draw) -> (ConvTranspose2dBuilder, [usize; 4]) {
    let groups = d.pick(&[1, 1, 2, 3]);
    let [in_c, out_c] = [d.channels().div_ceil(groups) * groups, d.channels().div_ceil(groups) * groups];
    let kernel = [d.within(1..=4), d.within(1..=3)];
    let (dilation, stride) = ([d.within(1..=2), d.within(1..=3)], [d.within(1..=3), d.within(1..=3)]);
    let output_padding = [0, 1].map(|axis| d.within(0..=stride[axis].max(dilation[axis]) - 1));
    let mut side = || d.within(0..=1);
    let padding = Padding2d { top: side(), bottom: side(), left: side(), right: side() };
    // More rows and columns than padding takes away.
    let image = [d.batch(), d.extent(3), d.extent(3), in_c];
    let builder = ConvTranspose2d::builder(in_c, out_c, kernel).stride(stride).padding(padding);
    (builder.dilation(dilation).output_padding(output_padding).groups(groups).bias(d.bias()), image)
}

/// Settings of a transposed convolution of sequences, and an input that it takes.
fn conv_transpose1d(d: &mut Draw) -> (ConvTranspose1dBuilder, [usize; 3]) {
    let groups = d.pick(&[1, 1, 2, 3]);
    let [in_c, out_c] = [d.channels().div_ceil(groups) * groups, d.channels().div_ceil(groups) * groups];
    let (kernel, stride, dilation) = (d.within(1..=4), d.within(1..=4), d.within(1..=3));
    let builder =
        ConvTranspose1d::builder(in_c, out_c, kernel).stride(stride).dilation(dilation).groups(groups);
    let builder = builder.output_padding(d.within(0..=stride.max(dilation) - 1));
    let padding = Ends { before: d.within(0..=1), after: d.within(0..=1) };
    let sequence = [d.batch(), (d.extent(1) * d.extent(1)).max(3), in_c];
    (builder.padding(padding).bias(d.bias()), sequence)
}

pub(crate) fn members() -> Vec<Member> {
    let key = || Key::new(1);
    vec![
        Member::new("Conv1d", |d| {
            let (builder, sequence) = conv1d(d);
            Setting::new(called(builder.build(d.key())?), [d.tensor(&sequence)])
        })
        .torch("nn.Conv1d")
        .case("padded", move || Ok(called(Conv1d::builder(3, 4, 3).padding(1).build(key())?)))
        .case("same", move || Ok(called(Conv1d::builder(2, 3, 4).padding(Same::Upper).build(key())?)))
        .case("grouped_strided_dilated", move || {
            let builder = Conv1d::builder(4, 6, 3).groups(2).stride(2).dilation(2).bias(Bias::Without);
            Ok(called(builder.build(key())?))
        })
        .case("circular", move || {
            let builder = Conv1d::builder(2, 3, 3).padding(2).padding_mode(PaddingMode::Circular);
            Ok(called(builder.build(key())?))
        }),
        Member::new("Conv1d, with ReLU", |d| {
            let make = |d: &mut Draw| {
                let (builder, sequence) = conv1d(d);
                Ok((builder.build(d.key())?, d.tensor(&sequence)))
            };
            with_relu(d, make, |conv, mut x, cx| conv.call_act(x.remove(0), Relu, cx))
        }),
        Member::new("ConvTranspose2d", |d| {
            let (builder, image) = conv_transpose2d(d);
            Setting::new(called(builder.build(d.key())?), [d.tensor(&image)])
        })
        .torch("nn.ConvTranspose2d")
        .case("doubling", move || {
            let builder = ConvTranspose2d::builder(3, 4, 3).stride(2).padding(1).output_padding(1);
            Ok(called(builder.build(key())?))
        })
        .case("strided_dilated", move || {
            let builder =
                ConvTranspose2d::builder(2, 3, [3, 2]).stride([2, 1]).dilation([1, 3]).padding([0, 1]);
            Ok(called(builder.output_padding([0, 2]).build(key())?))
        })
        .case("grouped", move || {
            let builder = ConvTranspose2d::builder(4, 6, 2).stride(2).groups(2).bias(Bias::Without);
            Ok(called(builder.build(key())?))
        })
        .case("depthwise", move || {
            Ok(called(ConvTranspose2d::builder(3, 3, 3).stride(2).padding(1).groups(3).build(key())?))
        }),
        Member::new("ConvTranspose2d, with ReLU", |d| {
            let make = |d: &mut Draw| {
                let (builder, image) = conv_transpose2d(d);
                Ok((builder.build(d.key())?, d.tensor(&image)))
            };
            with_relu(d, make, |conv, mut x, cx| conv.call_act(x.remove(0), Relu, cx))
        }),
        Member::new("ConvTranspose1d, with ReLU", |d| {
            let make = |d: &mut Draw| {
                let (builder, sequence) = conv_transpose1d(d);
                Ok((builder.build(d.key())?, d.tensor(&sequence)))
            };
            with_relu(d, make, |conv, mut x, cx| conv.call_act(x.remove(0), Relu, cx))
        }),
        Member::new("ConvTranspose1d", |d| {
            let (builder, sequence) = conv_transpose1d(d);
            Setting::new(called(builder.build(d.key())?), [d.tensor(&sequence)])
        })
        .torch("nn.ConvTranspose1d")
        .case("doubling", move || {
            Ok(called(ConvTranspose1d::builder(3, 4, 4).stride(2).padding(1).build(key())?))
        })
        .case("grouped", move || {
            let builder = ConvTranspose1d::builder(4, 6, 3).stride(3).output_padding(2).groups(2);
            Ok(called(builder.bias(Bias::Without).build(key())?))
        })
        .case("dilated", move || Ok(called(ConvTranspose1d::builder(2, 3, 3).dilation(2).build(key())?))),
        Member::new("Conv2d, same", |d| {
            let [in_c, out_c] = [d.channels(), d.channels()];
            let builder = Conv2d::builder(in_c, out_c, [d.within(1..=4), d.within(1..=5)]);
            let builder = builder
                .stride([d.within(1..=5), d.within(1..=3)])
                .dilation([d.within(1..=2), d.within(1..=3)]);
            let layer = builder.padding(d.pick(&[Same::Upper, Same::Lower])).build(d.key())?;
            let image = [d.batch(), d.extent(1), d.extent(1), in_c];
            Setting::new(called(layer), [d.tensor(&image)])
        })
        .torch("nn.Conv2d(padding='same')")
        .case("same", move || {
            Ok(called(Conv2d::builder(2, 3, [2, 5]).dilation([3, 1]).padding(Same::Upper).build(key())?))
        })
        .case("same_strided", move || {
            Ok(called(Conv2d::builder(2, 3, [3, 4]).stride([2, 3]).padding(Same::Upper).build(key())?))
        })
        .case("same_lower", move || {
            Ok(called(Conv2d::builder(2, 3, [3, 4]).stride([2, 3]).padding(Same::Lower).build(key())?))
        }),
        Member::new("Conv2d, padding modes", |d| {
            let [in_c, out_c] = [d.channels(), d.channels()];
            let builder = Conv2d::builder(in_c, out_c, [d.within(1..=3), d.within(1..=4)]);
            let builder = builder.stride([d.within(1..=3), d.within(1..=2)]).padding_mode(mode(d));
            let mut side = || d.within(0..=2);
            let padding = Padding2d { top: side(), bottom: side(), left: side(), right: side() };
            let layer = builder.padding(padding).build(d.key())?;
            let image = [d.batch(), d.extent(4), d.extent(4), in_c];
            Setting::new(called(layer), [d.tensor(&image)])
        })
        .torch("nn.Conv2d(padding_mode=..)")
        .case("reflect", move || {
            Ok(called(
                Conv2d::builder(2, 3, 3).padding([1, 2]).padding_mode(PaddingMode::Reflect).build(key())?,
            ))
        })
        .case("replicate", move || {
            Ok(called(
                Conv2d::builder(2, 3, 3).padding([3, 1]).padding_mode(PaddingMode::Replicate).build(key())?,
            ))
        })
        .case("circular", move || {
            let builder = Conv2d::builder(2, 3, 3).padding([2, 1]).padding_mode(PaddingMode::Circular);
            Ok(called(builder.stride(2).build(key())?))
        }),
        Member::new("Conv2d", |d| {
            let (builder, image) = conv2d(d);
            Setting::new(called(builder.build(d.key())?), [d.tensor(&image)])
        })
        .torch("nn.Conv2d")
        .case("padded", move || Ok(called(Conv2d::builder(3, 4, 3).padding(1).build(key())?)))
        .case("strided_dilated", move || {
            let builder = Conv2d::builder(2, 3, [3, 2]).stride([2, 1]).dilation([1, 2]).padding([0, 1]);
            Ok(called(builder.build(key())?))
        })
        .case("grouped", move || {
            Ok(called(Conv2d::builder(4, 6, 3).groups(2).bias(Bias::Without).build(key())?))
        })
        .case("depthwise", move || {
            Ok(called(Conv2d::builder(3, 3, 3).stride(2).padding(1).groups(3).build(key())?))
        }),
        Member::new("Conv2d, with ReLU", |d| {
            let (builder, image) = conv2d(d);
            let layer = builder.build(d.key())?;
            let run = subject(layer, |conv, mut x, cx| conv.call_act(x.remove(0), Relu, cx));
            Setting::new(run, [d.tensor(&image)])
        }),
    ]
}
