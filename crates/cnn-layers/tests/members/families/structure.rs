//! The dense layer, and layers that move or join what others make.

use cnn_layers::{BatchNorm2d, Bias, Conv2d, Dense, Flatten, Key, Relu, Sequential};

use crate::member::{called, subject};
use crate::{Draw, Member, Setting};

/// A batch of images, rows or vectors, of the same number of elements.
fn merged(d: &mut Draw, channels: usize) -> Vec<usize> {
    let [batch, height, width] = [d.batch(), d.extent(1), d.extent(1)];
    d.pick(&[
        vec![batch, height, width, channels],
        vec![batch, height * width, channels],
        vec![batch * height * width, channels],
    ])
}

fn dense(d: &mut Draw) -> cnn_layers::Result<(Dense, Vec<usize>)> {
    let [inputs, outputs] = [d.channels(), d.channels()];
    let shape = merged(d, inputs);
    Ok((Dense::builder(inputs, outputs).bias(d.bias()).build(d.key())?, shape))
}

fn sequential() -> cnn_layers::Result<Sequential> {
    let layers = Sequential::new().then(Conv2d::new(2, 3, 3, Key::new(1))?).then(BatchNorm2d::new(3)?);
    Ok(layers.then(Flatten).then(Dense::new(12, 4, Key::new(2))?))
}

pub(crate) fn members() -> Vec<Member> {
    let key = || Key::new(1);
    vec![
        Member::new("Dense", |d| {
            let (layer, shape) = dense(d)?;
            Setting::new(called(layer), [d.tensor(&shape)])
        })
        .torch("nn.Linear")
        .case("square", move || Ok(called(Dense::new(3, 3, key())?)))
        .case("leading_axes", move || Ok(called(Dense::new(4, 2, key())?)))
        .case("no_bias", move || Ok(called(Dense::builder(5, 7).bias(Bias::Without).build(key())?))),
        Member::new("Dense, with ReLU", |d| {
            let (layer, shape) = dense(d)?;
            let run = subject(layer, |dense, mut x, cx| dense.call_act(x.remove(0), Relu, cx));
            Setting::new(run, [d.tensor(&shape)])
        }),
        Member::new("Flatten", |d| {
            let channels = d.channels();
            let shape = merged(d, channels);
            Setting::new(called(Flatten), [d.tensor(&shape)])
        })
        .torch("nn.Flatten")
        .case("image", || Ok(called(Flatten)))
        .case("row", || Ok(called(Flatten)))
        .case("features", || Ok(called(Flatten))),
        Member::new("Sequential", |d| {
            let [inputs, hidden, outputs] = [d.channels(), d.channels(), d.channels()];
            let layers = Sequential::new()
                .then(Conv2d::builder(inputs, hidden, 3).padding(1).build(d.key())?)
                .then(Relu)
                .then(Conv2d::new(hidden, outputs, 1, d.key())?);
            let image = [d.batch(), d.extent(1), d.extent(1), inputs];
            Setting::new(called(layers), [d.tensor(&image)])
        })
        .torch("nn.Sequential")
        .case("image", || Ok(called(sequential()?)))
        .case("features", move || {
            Ok(called(Sequential::new().then(Dense::new(3, 4, key())?).then(Dense::new(4, 2, key())?)))
        })
        .case("nothing", || Ok(called(Sequential::new()))),
    ]
}
