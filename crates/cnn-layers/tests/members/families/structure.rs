//! The dense layer, and layers that move or join what others make.

use cnn_layers::{
    BatchNorm2d, Bias, Conv2d, Dense, Flatten, Join, Key, Parallel, Permute, Recompute, Relu, Reshape,
    Residual, Sequential,
};

use crate::member::{Pass, called, subject};
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
    Ok(layers.then(Flatten).then(Dense::new(18, 4, Key::new(2))?))
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
        Member::new("Residual", |d| {
            let image = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let conv =
                |inputs, outputs, d: &mut Draw| Conv2d::builder(inputs, outputs, 3).padding(1).build(d.key());
            let residual = if d.within(0..=1) == 0 {
                Residual::new(conv(image[3], image[3], d)?)
            } else {
                let outputs = d.channels();
                let body = conv(image[3], outputs, d)?;
                Residual::new(body).shortcut(Conv2d::new(image[3], outputs, 1, d.key())?)
            };
            let residual = if d.within(0..=1) == 0 { residual } else { residual.activation(Relu) };
            Setting::new(called(residual), [d.tensor(&image)])
        }),
        Member::new("Parallel", |d| {
            let image = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let (outputs, join) = (d.channels(), d.pick(&[Join::Concat, Join::Sum, Join::Product]));
            let mut parallel = Parallel::new(join);
            for _ in 0..d.within(1..=3) {
                let outputs = if join == Join::Concat { d.channels() } else { outputs };
                parallel = parallel.branch(Conv2d::new(image[3], outputs, 1, d.key())?);
            }
            Setting::new(called(parallel), [d.tensor(&image)])
        }),
        Member::new("Recompute", |d| {
            let [inputs, hidden, outputs] = [d.channels(), d.channels(), d.channels()];
            let layers = Sequential::new()
                .then(Conv2d::builder(inputs, hidden, 3).padding(1).build(d.key())?)
                .then(Relu)
                .then(Recompute::new(Conv2d::new(hidden, outputs, 1, d.key())?));
            let image = [d.batch(), d.extent(1), d.extent(1), inputs];
            Setting::new(called(Recompute::new(layers)), [d.tensor(&image)])
        }),
        Member::new("Reshape", |d| {
            let image = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let [_, height, width, channels] = image;
            let shape = d.pick(&[
                vec![height * width * channels],
                vec![width, channels, height],
                vec![height, width * channels],
            ]);
            Setting::new(called(Reshape::new(&shape)?), [d.tensor(&image)])
        })
        .alone(Pass::Forward, "it moves nothing")
        .alone(Pass::Backward, "it moves nothing"),
        Member::new("Permute", |d| {
            let image = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let axes = d.pick(&[[0, 3, 1, 2], [3, 2, 1, 0], [1, 0, 2, 3], [0, 2, 1, 3]]);
            Ok(Setting::new(called(Permute::new(&axes)?), [d.tensor(&image)])?.mixing(axes[0] != 0))
        })
        .torch("torch.permute")
        .case("channels_first", || Ok(called(Permute::new(&[0, 3, 1, 2])?)))
        .case("turned", || Ok(called(Permute::new(&[3, 2, 1, 0])?)))
        .case("sequence", || Ok(called(Permute::new(&[0, 2, 1])?))),
    ]
}
