//! Normalisation.

use cnn_layers::{
    Affine, BatchNorm, BatchNorm1d, BatchNorm2d, Bias, GroupNorm, InstanceNorm, InstanceNorm1d,
    InstanceNorm2d, LayerNorm, LocalResponseNorm, Momentum, Relu, Result, SpatialAxes, Tracking,
};

use crate::member::{called, subject};
use crate::{Draw, Member, Setting};

fn affine(d: &mut Draw) -> Affine {
    d.pick(&[Affine::With, Affine::Without])
}

fn tracking(d: &mut Draw) -> Tracking {
    d.pick(&[Tracking::With, Tracking::Without])
}

/// Of two numbers that share their statistics nearly no gradient is left, only rounding: there are six or more.
fn image(d: &mut Draw) -> Vec<usize> {
    vec![d.batch(), d.extent(3), d.extent(2), d.channels()]
}

fn sequence(d: &mut Draw) -> Vec<usize> {
    vec![d.batch(), 4 * d.extent(2), d.channels()]
}

/// Sequences, or as many rows as make statistics.
fn sequence_or_rows(d: &mut Draw) -> Vec<usize> {
    let [batch, length, channels] = [d.batch(), d.extent(2), d.channels()];
    d.pick(&[vec![batch, 4 * length, channels], vec![batch * 8 * length, channels]])
}

/// A layer, and whether it normalises by the batch in eval mode too.
fn batch_norm<A: SpatialAxes>(d: &mut Draw, shape: &[usize]) -> Result<(BatchNorm<A>, bool)> {
    let epsilon = d.pick(&[1e-5, 1e-3]);
    let momentum = d.pick(&[Momentum::Exponential(0.1), Momentum::Cumulative]);
    let builder = BatchNorm::builder(shape[shape.len() - 1]).epsilon(epsilon).momentum(momentum);
    let (affine, tracking) = (affine(d), tracking(d));
    let mut layer = builder.affine(affine).tracking(tracking).build()?;
    if d.within(0..=3) == 0 {
        layer.freeze();
    }
    Ok((layer, tracking == Tracking::Without))
}

fn instance_norm<A: SpatialAxes>(d: &mut Draw, shape: &[usize]) -> Result<InstanceNorm<A>> {
    let builder = InstanceNorm::builder(shape[shape.len() - 1]).epsilon(d.pick(&[1e-5, 1e-3]));
    builder.affine(affine(d)).tracking(tracking(d)).build()
}

pub(crate) fn members() -> Vec<Member> {
    vec![
        Member::new("BatchNorm1d", |d| {
            let shape = sequence_or_rows(d);
            let (layer, mixes) = batch_norm::<cnn_layers::OneAxis>(d, &shape)?;
            Ok(Setting::new(called(layer), [d.tensor(&shape)])?.mixing(mixes))
        })
        .torch("nn.BatchNorm1d")
        .case("rows", || Ok(called(BatchNorm1d::new(3)?)))
        .case("sequences", || Ok(called(BatchNorm1d::builder(3).affine(Affine::Without).build()?)))
        .case("untracked_eval", || Ok(called(BatchNorm1d::builder(2).tracking(Tracking::Without).build()?))),
        Member::new("BatchNorm2d", |d| {
            let shape = image(d);
            let (layer, mixes) = batch_norm::<cnn_layers::TwoAxes>(d, &shape)?;
            Ok(Setting::new(called(layer), [d.tensor(&shape)])?.mixing(mixes))
        })
        .torch("nn.BatchNorm2d")
        .case("train", || Ok(called(BatchNorm2d::new(3)?)))
        .case("cumulative", || {
            Ok(called(BatchNorm2d::builder(2).epsilon(1e-3).momentum(Momentum::Cumulative).build()?))
        })
        .case("eval", || Ok(called(BatchNorm2d::new(3)?)))
        .case("plain_eval", || Ok(called(BatchNorm2d::builder(3).affine(Affine::Without).build()?))),
        Member::new("BatchNorm2d, with a residual and ReLU", |d| {
            let shape = image(d);
            let (layer, mixes) = batch_norm::<cnn_layers::TwoAxes>(d, &shape)?;
            let run = subject(layer, |norm, mut x, cx| {
                let residual = x.remove(1);
                norm.call_add_act(x.remove(0), residual, Relu, cx)
            });
            Ok(Setting::new(run, [d.tensor(&shape), d.tensor(&shape)])?.mixing(mixes))
        }),
        Member::new("BatchNorm2d, with ReLU", |d| {
            let shape = image(d);
            let (layer, mixes) = batch_norm::<cnn_layers::TwoAxes>(d, &shape)?;
            let run = subject(layer, |norm, mut x, cx| norm.call_act(x.remove(0), Relu, cx));
            Ok(Setting::new(run, [d.tensor(&shape)])?.mixing(mixes))
        }),
        Member::new("GroupNorm", |d| {
            let (groups, width) = (d.within(1..=3), d.channels());
            let mut shape = image(d);
            if d.within(0..=1) == 0 {
                shape[1] *= shape.remove(2);
            }
            shape.pop();
            shape.push(groups * width);
            let builder = GroupNorm::builder(groups, groups * width).epsilon(d.pick(&[1e-5, 1e-3]));
            Setting::new(called(builder.affine(affine(d)).build()?), [d.tensor(&shape)])
        })
        .torch("nn.GroupNorm")
        .case("two_groups", || Ok(called(GroupNorm::new(2, 6)?)))
        .case("plain", || Ok(called(GroupNorm::builder(1, 3).epsilon(1e-3).affine(Affine::Without).build()?)))
        .case("rows", || Ok(called(GroupNorm::new(2, 4)?))),
        Member::new("InstanceNorm1d", |d| {
            let shape = sequence(d);
            Setting::new(called(instance_norm::<cnn_layers::OneAxis>(d, &shape)?), [d.tensor(&shape)])
        })
        .torch("nn.InstanceNorm1d")
        .case("plain", || Ok(called(InstanceNorm1d::new(3)?)))
        .case("affine", || Ok(called(InstanceNorm1d::builder(2).affine(Affine::With).build()?)))
        .case("tracked", || {
            let builder = InstanceNorm1d::builder(2).affine(Affine::With).tracking(Tracking::With);
            Ok(called(builder.momentum(Momentum::Exponential(0.3)).build()?))
        }),
        Member::new("InstanceNorm2d", |d| {
            let shape = image(d);
            Setting::new(called(instance_norm::<cnn_layers::TwoAxes>(d, &shape)?), [d.tensor(&shape)])
        })
        .torch("nn.InstanceNorm2d")
        .case("plain", || Ok(called(InstanceNorm2d::new(3)?)))
        .case("tracked", || Ok(called(InstanceNorm2d::builder(3).tracking(Tracking::With).build()?)))
        .case("tracked_eval", || {
            let builder = InstanceNorm2d::builder(2).affine(Affine::With).tracking(Tracking::With);
            Ok(called(builder.build()?))
        }),
        Member::new("LayerNorm", |d| {
            let mut shape = image(d);
            if d.within(0..=1) == 0 {
                shape.remove(2);
            }
            let axes = d.within(1..=shape.len() - 1);
            let last = shape.len() - 1;
            shape[last] += 5;
            let builder = LayerNorm::builder(&shape[shape.len() - axes..]).epsilon(d.pick(&[1e-5, 1e-3]));
            let layer = builder.affine(affine(d)).bias(d.bias()).build()?;
            Setting::new(called(layer), [d.tensor(&shape)])
        })
        .torch("nn.LayerNorm")
        .case("tokens", || Ok(called(LayerNorm::new(6)?)))
        .case("images", || Ok(called(LayerNorm::new([4, 5, 3])?)))
        .case("no_bias", || Ok(called(LayerNorm::builder(5).epsilon(1e-3).bias(Bias::Without).build()?)))
        .case("plain", || Ok(called(LayerNorm::builder([2, 3]).affine(Affine::Without).build()?))),
        Member::new("LocalResponseNorm", |d| {
            let shape = image(d);
            let (alpha, beta) = (d.pick(&[1e-4, 2.0]), d.pick(&[0.75, 0.5, 1.0]));
            let builder = LocalResponseNorm::builder(d.within(1..=7)).alpha(alpha).beta(beta);
            Setting::new(called(builder.k(d.pick(&[1.0, 2.0])).build()?), [d.tensor(&shape)])
        })
        .torch("nn.LocalResponseNorm")
        .case("odd", || Ok(called(LocalResponseNorm::builder(3).alpha(1.0).build()?)))
        .case("even", || Ok(called(LocalResponseNorm::builder(4).alpha(0.5).beta(0.6).k(2.0).build()?)))
        .case("wide", || Ok(called(LocalResponseNorm::builder(9).alpha(2.0).build()?))),
    ]
}
