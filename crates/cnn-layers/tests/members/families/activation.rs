//! Activations.

use cnn_layers::{
    Approximation, Axis, Elu, Forward, Gelu, HardSigmoid, HardSwish, LeakyRelu, LogSigmoid, LogSoftmax,
    PRelu, Relu, Relu6, Selu, Sigmoid, Silu, Softmax, Softplus, Tanh,
};

use crate::member::called;
use crate::{Draw, Member, Setting};

/// An image or rows of features whose numbers reach past every bend.
fn shape(d: &mut Draw) -> Vec<usize> {
    let image = vec![d.batch(), d.extent(1), d.extent(1), d.channels()];
    if d.within(0..=3) == 0 { vec![image[0] * image[1] * image[2], image[3]] } else { image }
}

/// A member without settings.
fn plain(name: &'static str, torch: &'static str, layer: impl Forward + Copy) -> Member {
    Member::new(name, move |d| {
        let shape = shape(d);
        Setting::new(called(layer), [d.spread(&shape, 4.0)])
    })
    .torch(torch)
    .case("image", move || Ok(called(layer)))
    .case("features", move || Ok(called(layer)))
    .case("vector", move || Ok(called(layer)))
}

/// A member with a number to set, and PyTorch's cases of it.
fn set<L: Forward>(
    name: &'static str,
    torch: &'static str,
    make: fn(&mut Draw) -> cnn_layers::Result<L>,
    cases: [fn() -> cnn_layers::Result<L>; 3],
) -> Member {
    let [default, set, far] = cases;
    Member::new(name, move |d| {
        let (layer, shape) = (make(d)?, shape(d));
        Setting::new(called(layer), [d.spread(&shape, 4.0)])
    })
    .torch(torch)
    .case("default", move || Ok(called(default()?)))
    .case("set", move || Ok(called(set()?)))
    .case("far", move || Ok(called(far()?)))
}

pub(crate) fn members() -> Vec<Member> {
    vec![
        plain("Relu", "nn.ReLU", Relu),
        plain("Relu6", "nn.ReLU6", Relu6),
        plain("Selu", "nn.SELU", Selu),
        plain("Sigmoid", "nn.Sigmoid", Sigmoid),
        plain("LogSigmoid", "nn.LogSigmoid", LogSigmoid),
        plain("Tanh", "nn.Tanh", Tanh),
        plain("Silu", "nn.SiLU", Silu),
        plain("HardSigmoid", "nn.Hardsigmoid", HardSigmoid),
        plain("HardSwish", "nn.Hardswish", HardSwish),
        set(
            "LeakyRelu",
            "nn.LeakyReLU",
            |d| Ok(LeakyRelu::new(d.pick(&[0.01, 0.3, -0.5, 0.0]))),
            [|| Ok(LeakyRelu::default()), || Ok(LeakyRelu::new(0.3)), || Ok(LeakyRelu::new(-0.5))],
        ),
        set(
            "Elu",
            "nn.ELU",
            |d| Ok(Elu::new(d.pick(&[1.0, 0.5, 2.0]))),
            [|| Ok(Elu::default()), || Ok(Elu::new(0.5)), || Ok(Elu::new(2.0))],
        ),
        set(
            "Gelu",
            "nn.GELU",
            |d| Ok(Gelu::new(d.pick(&[Approximation::Exact, Approximation::Tanh]))),
            [|| Ok(Gelu::default()), || Ok(Gelu::new(Approximation::Tanh)), || Ok(Gelu::default())],
        ),
        set(
            "Softplus",
            "nn.Softplus",
            |d| Softplus::new(d.pick(&[1.0, 2.0, -0.5]), d.pick(&[20.0, 1.0])),
            [|| Ok(Softplus::default()), || Softplus::new(2.0, 1.0), || Softplus::new(0.5, 3.0)],
        ),
        Member::new("PRelu", |d| {
            let shape = shape(d);
            let slopes = d.pick(&[1, *shape.last().unwrap_or(&1)]);
            let layer = PRelu::starting_at(slopes, d.pick(&[0.25, -0.5]))?;
            Setting::new(called(layer), [d.tensor(&shape)])
        })
        .torch("nn.PReLU")
        .case("one", || Ok(called(PRelu::new()?)))
        .case("channels", || Ok(called(PRelu::per_channel(3)?)))
        .case("features", || Ok(called(PRelu::per_channel(7)?))),
        Member::new("Softmax", |d| {
            let shape = shape(d);
            let axis = d.pick(&[Axis::Last, Axis::At(0), Axis::At(1)]);
            Ok(Setting::new(called(Softmax::new(axis)), [d.tensor(&shape)])?.mixing(axis == Axis::At(0)))
        })
        .torch("nn.Softmax")
        .case("channels", || Ok(called(Softmax::new(Axis::Last))))
        .case("height", || Ok(called(Softmax::new(Axis::At(1)))))
        .case("features", || Ok(called(Softmax::default()))),
        Member::new("LogSoftmax", |d| {
            let shape = shape(d);
            let axis = d.pick(&[Axis::Last, Axis::At(0), Axis::At(1)]);
            Ok(Setting::new(called(LogSoftmax::new(axis)), [d.tensor(&shape)])?.mixing(axis == Axis::At(0)))
        })
        .torch("nn.LogSoftmax")
        .case("channels", || Ok(called(LogSoftmax::new(Axis::Last))))
        .case("height", || Ok(called(LogSoftmax::new(Axis::At(1)))))
        .case("features", || Ok(called(LogSoftmax::default()))),
    ]
}
