//! Random layers: proved but for the numbers of another generator.

use cnn_layers::{DepthMode, Dropout, Dropout1d, Dropout2d, StochasticDepth};

use crate::member::called;
use crate::{Member, Setting};

pub(crate) fn members() -> Vec<Member> {
    vec![
        Member::new("Dropout", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let layer = Dropout::new(d.pick(&[0.0, 0.3, 0.5, 1.0]))?;
            Setting::new(called(layer), [d.tensor(&shape)])
        }),
        Member::new("Dropout1d", |d| {
            // Longer than images are wide, so that threads share it.
            let shape = [d.batch(), d.extent(1) * d.extent(1), d.channels()];
            let layer = Dropout1d::new(d.pick(&[0.3, 0.0, 0.5, 1.0]))?;
            Setting::new(called(layer), [d.tensor(&shape)])
        }),
        Member::new("Dropout2d", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let layer = Dropout2d::new(d.pick(&[0.3, 0.0, 0.5, 1.0]))?;
            Setting::new(called(layer), [d.tensor(&shape)])
        }),
        Member::new("StochasticDepth", |d| {
            let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
            let probability = d.pick(&[0.3, 0.0, 0.5, 1.0]);
            let layer = StochasticDepth::new(probability, d.pick(&[DepthMode::Row, DepthMode::Batch]))?;
            Setting::new(called(layer), [d.tensor(&shape)])
        }),
    ]
}
