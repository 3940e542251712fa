//! Activations.

use cnn_layers::Relu;

use crate::member::called;
use crate::{Member, Setting};

pub(crate) fn members() -> Vec<Member> {
    vec![
        Member::new("Relu", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            Setting::new(called(Relu), [d.tensor(&shape)])
        })
        .torch("nn.ReLU")
        .case("image", || Ok(called(Relu)))
        .case("features", || Ok(called(Relu)))
        .case("vector", || Ok(called(Relu))),
    ]
}
