//! Losses.

use cnn_layers::{CrossEntropy, Result};

use crate::member::{Subject, function};
use crate::{Member, Setting};

fn cross_entropy(loss: CrossEntropy) -> Subject {
    function(move |mut inputs| {
        let labels = inputs.remove(1);
        loss.loss(inputs.remove(0), labels.value())
    })
}

pub(crate) fn members() -> Vec<Member> {
    vec![
        Member::new("CrossEntropy", |d| {
            let (rows, classes) = (d.batch() * d.extent(1), d.channels());
            let loss = CrossEntropy::smoothed(d.pick(&[0.0, 0.1, 1.0]))?;
            Setting::new(cross_entropy(loss), [d.tensor(&[rows, classes]), d.labels(&[rows], classes)])
        })
        .torch("nn.CrossEntropyLoss")
        .case("plain", || Ok(cross_entropy(CrossEntropy::new())))
        .case("smoothed", || Ok(cross_entropy(CrossEntropy::smoothed(0.1)?)))
        .case("one_row", || -> Result<Subject> { Ok(cross_entropy(CrossEntropy::new())) }),
    ]
}
