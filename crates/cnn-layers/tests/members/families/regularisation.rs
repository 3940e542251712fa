//! Random layers: proved but for the numbers of another generator.

use cnn_layers::Dropout;

use crate::member::called;
use crate::{Member, Setting};

pub(crate) fn members() -> Vec<Member> {
    vec![Member::new("Dropout", |d| {
        let shape = [d.batch(), d.extent(1), d.extent(1), d.channels()];
        let layer = Dropout::new(d.pick(&[0.0, 0.3, 0.5, 1.0]))?;
        Setting::new(called(layer), [d.tensor(&shape)])
    })]
}
