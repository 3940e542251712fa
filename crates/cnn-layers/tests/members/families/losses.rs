//! Losses.

use cnn_layers::{
    BceWithLogits, CrossEntropy, Denominator, Dice, Focal, Huber, KlDiv, KlTarget, L1, Mse, Nll, Reduction,
    Result, Scores, SmoothL1, Var,
};
use cnn_tensor::Tensor;

use crate::member::{Subject, function};
use crate::{Draw, Member, Setting};

/// A weight for each of four classes, as in the script.
const WEIGHTS: [f64; 4] = [0.5, 2.0, 1.25, 0.75];

const REDUCTIONS: [Reduction; 4] = [Reduction::Mean, Reduction::Sum, Reduction::BatchMean, Reduction::None];

/// A loss of two variables.
fn pair(loss: impl Fn(Var, Var) -> Result<Var> + Send + Sync + 'static) -> Subject {
    function(move |mut inputs| {
        let target = inputs.remove(1);
        loss(inputs.remove(0), target)
    })
}

fn cross_entropy(loss: CrossEntropy) -> Subject {
    pair(move |logits, labels| loss.loss(logits, labels.value()))
}

fn nll(loss: Nll) -> Subject {
    pair(move |logarithms, labels| loss.loss(logarithms, labels.value()))
}

/// An image, often without height or width.
fn shape(d: &mut Draw) -> [usize; 4] {
    [d.batch(), d.extent(1), d.extent(1), d.channels()]
}

/// Numbers from 0.1 to 0.9.
fn shares(d: &mut Draw, shape: &[usize]) -> Tensor {
    let numbers = d.spread(shape, 0.4).to_vec::<f64>().unwrap();
    // In f32, so that both precisions have the same numbers.
    let shares: Vec<f64> = numbers.iter().map(|number| f64::from((0.5 + number) as f32)).collect();
    Tensor::from_slice(shape, &shares).unwrap()
}

/// Weights of so many classes, and of none.
fn weights(d: &mut Draw, classes: usize) -> Option<Vec<f64>> {
    (d.within(0..=1) == 1).then(|| shares(d, &[classes]).to_vec::<f64>().unwrap())
}

/// A loss of two variables, of any type.
type Distance = Box<dyn Fn(Var, Var) -> Result<Var> + Send + Sync>;

/// A member whose two sides are numbers of any size.
fn distance(name: &'static str, torch: &'static str, make: fn(f64, Reduction) -> Result<Distance>) -> Member {
    let case = move |reduction| move || Ok(pair(make(0.7, reduction)?));
    Member::new(name, move |d| {
        let (loss, shape) = (make(d.pick(&[0.7, 1.0, 0.2]), d.pick(&REDUCTIONS))?, shape(d));
        Setting::new(pair(loss), [d.tensor(&shape), d.tensor(&shape)])
    })
    .torch(torch)
    .case("mean", case(Reduction::Mean))
    .case("sum", case(Reduction::Sum))
    .case("none", case(Reduction::None))
}

fn classifiers() -> Vec<Member> {
    vec![
        Member::new("CrossEntropy", |d| {
            let shape = shape(d);
            let [rows, classes] = [&shape[..3], &shape[3..]];
            let mut loss = CrossEntropy::new()
                .with_label_smoothing(d.pick(&[0.0, 0.1, 1.0]))?
                .with_reduction(d.pick(&REDUCTIONS));
            if let Some(weights) = weights(d, classes[0]) {
                loss = loss.with_weights(&weights)?;
            }
            let mut labels = d.labels(rows, classes[0]);
            if d.within(0..=2) == 0 {
                // Never all of them, so that a mean is one.
                labels.as_mut_slice::<i64>()?.iter_mut().skip(1).step_by(3).for_each(|label| *label = -100);
                loss = loss.ignoring(-100);
            }
            Setting::new(cross_entropy(loss), [d.tensor(&shape), labels])
        })
        .torch("nn.CrossEntropyLoss")
        .case("plain", || Ok(cross_entropy(CrossEntropy::new())))
        .case("smoothed", || Ok(cross_entropy(CrossEntropy::new().with_label_smoothing(0.1)?)))
        .case("one_row", || -> Result<Subject> { Ok(cross_entropy(CrossEntropy::new())) })
        .case("weighted_image", || {
            Ok(cross_entropy(
                CrossEntropy::new().with_label_smoothing(0.2)?.with_weights(&WEIGHTS)?.ignoring(3),
            ))
        })
        .case("each", || Ok(cross_entropy(CrossEntropy::new().ignoring(1).with_reduction(Reduction::None))))
        .case("soft", || {
            let loss = CrossEntropy::new().with_label_smoothing(0.1)?.with_weights(&WEIGHTS)?;
            Ok(pair(move |logits, targets| loss.soft_loss(logits, targets.value())))
        }),
        Member::new("CrossEntropy, soft", |d| {
            let shape = shape(d);
            let mut loss = CrossEntropy::new()
                .with_label_smoothing(d.pick(&[0.0, 0.1]))?
                .with_reduction(d.pick(&REDUCTIONS));
            if let Some(weights) = weights(d, shape[3]) {
                loss = loss.with_weights(&weights)?;
            }
            let targets = shares(d, &shape);
            let subject = function(move |mut inputs| {
                let logits = inputs.remove(0);
                // The batch may be cut down to none.
                let targets = targets.narrow(0..logits.shape()[0])?.to_dtype(logits.dtype())?;
                loss.soft_loss(logits, &targets)
            });
            Setting::new(subject, [d.tensor(&shape)])
        }),
        Member::new("Nll", |d| {
            let shape = shape(d);
            let mut loss = Nll::new().with_reduction(d.pick(&REDUCTIONS));
            if let Some(weights) = weights(d, shape[3]) {
                loss = loss.with_weights(&weights)?;
            }
            let mut labels = d.labels(&shape[..3], shape[3]);
            if d.within(0..=2) == 0 {
                labels.as_mut_slice::<i64>()?.iter_mut().skip(1).step_by(3).for_each(|label| *label = 255);
                loss = loss.ignoring(255);
            }
            Setting::new(nll(loss), [d.tensor(&shape), labels])
        })
        .torch("nn.NLLLoss")
        .case("plain", || Ok(nll(Nll::new())))
        .case("weighted_image", || Ok(nll(Nll::new().with_weights(&WEIGHTS)?.ignoring(2))))
        .case("each", || Ok(nll(Nll::new().with_weights(&WEIGHTS)?.with_reduction(Reduction::None)))),
    ]
}

fn of_shares() -> Vec<Member> {
    vec![
        Member::new("KlDiv", |d| {
            let (target, shape) = (d.pick(&[KlTarget::Probabilities, KlTarget::Logarithms]), shape(d));
            let loss = KlDiv::new(target).with_reduction(d.pick(&REDUCTIONS));
            let subject = pair(move |prediction, target| loss.loss(prediction, target));
            Setting::new(subject, [d.tensor(&shape), shares(d, &shape)])
        })
        .torch("nn.KLDivLoss")
        .case("mean", || Ok(pair(|prediction, target| KlDiv::default().loss(prediction, target))))
        .case("batch_mean", || {
            let loss = KlDiv::default().with_reduction(Reduction::BatchMean);
            Ok(pair(move |prediction, target| loss.loss(prediction, target)))
        })
        .case("logarithms", || {
            let loss = KlDiv::new(KlTarget::Logarithms).with_reduction(Reduction::Sum);
            Ok(pair(move |prediction, target| loss.loss(prediction, target)))
        }),
        Member::new("BceWithLogits", |d| {
            let shape = shape(d);
            let mut loss = BceWithLogits::new().with_reduction(d.pick(&REDUCTIONS));
            if let Some(weights) = weights(d, shape[3]) {
                loss = loss.with_positive_weights(&weights)?;
            }
            let weight = (d.within(0..=1) == 1).then(|| shares(d, &shape));
            let subject = pair(move |logits, target| {
                // The batch may be cut down, to none.
                let rows = 0..logits.shape()[0];
                let weight = weight.as_ref().map(|weight| weight.narrow(rows)?.to_dtype(logits.dtype()));
                match weight.transpose()? {
                    Some(weight) => loss.clone().with_weight(weight).loss(logits, target),
                    None => loss.loss(logits, target),
                }
            });
            Setting::new(subject, [d.tensor(&shape), shares(d, &shape)])
        })
        .torch("nn.BCEWithLogitsLoss")
        .case("mean", || Ok(pair(|logits, target| BceWithLogits::new().loss(logits, target))))
        .case("positive", || {
            let loss = BceWithLogits::new().with_positive_weights(&WEIGHTS)?;
            Ok(pair(move |logits, target| loss.loss(logits, target)))
        })
        .case("weighted", || {
            Ok(function(move |mut inputs| {
                let weight = inputs.remove(2).into_value();
                let loss = BceWithLogits::new().with_positive_weights(&WEIGHTS)?.with_weight(weight);
                let target = inputs.remove(1);
                loss.with_reduction(Reduction::None).loss(inputs.remove(0), target)
            }))
        }),
        Member::new("Focal", |d| {
            let (alpha, gamma) = (d.pick(&[Some(0.25), Some(0.7), None]), d.pick(&[2.0, 0.0, 1.0, 1.5]));
            let loss = Focal::new().with_alpha(alpha).with_gamma(gamma)?.with_reduction(d.pick(&REDUCTIONS));
            let shape = shape(d);
            let subject = pair(move |logits, target| loss.loss(logits, target));
            Setting::new(subject, [d.tensor(&shape), shares(d, &shape)])
        })
        .torch("torchvision.ops.sigmoid_focal_loss")
        .case("each", || Ok(pair(|logits, target| Focal::new().loss(logits, target))))
        .case("mean", || {
            let loss = Focal::new().with_alpha(None).with_gamma(1.5)?.with_reduction(Reduction::Mean);
            Ok(pair(move |logits, target| loss.loss(logits, target)))
        })
        .case("sum", || {
            let loss = Focal::new().with_alpha(Some(0.6)).with_gamma(0.0)?.with_reduction(Reduction::Sum);
            Ok(pair(move |logits, target| loss.loss(logits, target)))
        }),
        Member::new("Dice", |d| {
            let denominator = d.pick(&[Denominator::Sums, Denominator::Squares]);
            let loss = Dice::new().with_smoothing(d.pick(&[1.0, 0.5]))?.with_denominator(denominator);
            let loss = loss
                .with_reduction(d.pick(&REDUCTIONS))
                .with_scores(d.pick(&[Scores::Probabilities, Scores::Logits]));
            let shape = shape(d);
            let subject = pair(move |prediction, target| loss.loss(prediction, target));
            Setting::new(subject, [shares(d, &shape), shares(d, &shape)])
        })
        .case("mean", || Ok(pair(|prediction, target| Dice::new().loss(prediction, target))))
        .case("squares", || {
            let loss = Dice::new().with_smoothing(0.5)?.with_denominator(Denominator::Squares);
            let loss = loss.with_reduction(Reduction::None);
            Ok(pair(move |prediction, target| loss.loss(prediction, target)))
        })
        .case("logits", || {
            let loss =
                Dice::new().with_scores(Scores::Logits).with_smoothing(0.0)?.with_reduction(Reduction::Sum);
            Ok(pair(move |prediction, target| loss.loss(prediction, target)))
        }),
    ]
}

pub(crate) fn members() -> Vec<Member> {
    let distances = [
        distance("Mse", "nn.MSELoss", |_, reduction| {
            let loss = Mse::new().with_reduction(reduction);
            Ok(Box::new(move |prediction, target| loss.loss(prediction, target)))
        }),
        distance("L1", "nn.L1Loss", |_, reduction| {
            let loss = L1::new().with_reduction(reduction);
            Ok(Box::new(move |prediction, target| loss.loss(prediction, target)))
        }),
        distance("SmoothL1", "nn.SmoothL1Loss", |beta, reduction| {
            let loss = SmoothL1::new(beta)?.with_reduction(reduction);
            Ok(Box::new(move |prediction, target| loss.loss(prediction, target)))
        }),
        distance("Huber", "nn.HuberLoss", |delta, reduction| {
            let loss = Huber::new(delta)?.with_reduction(reduction);
            Ok(Box::new(move |prediction, target| loss.loss(prediction, target)))
        }),
    ];
    classifiers().into_iter().chain(distances).chain(of_shares()).collect()
}
