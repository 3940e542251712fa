//! Normalisation.

use cnn_layers::{BatchNorm2d, Momentum, Relu};

use crate::member::{called, subject};
use crate::{Draw, Member, Setting};

fn batch_norm(d: &mut Draw) -> cnn_layers::Result<(BatchNorm2d, [usize; 4])> {
    let image = [d.batch(), d.extent(2), d.extent(1), d.channels()];
    let epsilon = d.pick(&[1e-5, 1e-3]);
    let momentum = d.pick(&[Momentum::Exponential(0.1), Momentum::Cumulative]);
    let mut layer = BatchNorm2d::builder(image[3]).epsilon(epsilon).momentum(momentum).build()?;
    if d.within(0..=3) == 0 {
        layer.freeze();
    }
    Ok((layer, image))
}

pub(crate) fn members() -> Vec<Member> {
    vec![
        Member::new("BatchNorm2d", |d| {
            let (layer, image) = batch_norm(d)?;
            Setting::new(called(layer), [d.tensor(&image)])
        })
        .torch("nn.BatchNorm2d")
        .case("train", || Ok(called(BatchNorm2d::new(3)?)))
        .case("cumulative", || {
            Ok(called(BatchNorm2d::builder(2).epsilon(1e-3).momentum(Momentum::Cumulative).build()?))
        })
        .case("eval", || Ok(called(BatchNorm2d::new(3)?))),
        Member::new("BatchNorm2d, with a residual and ReLU", |d| {
            let (layer, image) = batch_norm(d)?;
            let run = subject(layer, |norm, mut x, cx| {
                let residual = x.remove(1);
                norm.call_add_act(x.remove(0), residual, Relu, cx)
            });
            Setting::new(run, [d.tensor(&image), d.tensor(&image)])
        }),
    ]
}
