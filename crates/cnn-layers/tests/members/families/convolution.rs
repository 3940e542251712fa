//! Convolutions.

use cnn_layers::{Bias, Conv2d, Conv2dBuilder, Key, Relu};
use cnn_tensor::ops::window::Padding2d;

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

pub(crate) fn members() -> Vec<Member> {
    let key = || Key::new(1);
    vec![
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
