//! Figures against scikit-learn's on the same made-up data; then the edges.

use std::collections::BTreeMap;

use cnn_autograd::random::Key;

use super::curves::{average_precision, roc_auc, thresholds};
use super::*;
use crate::Error;

fn score(image: usize, class: usize) -> usize {
    (image * 37 + class * 53 + image * image * class * 11) % 13
}

fn probabilities(images: usize, classes: usize) -> Probabilities {
    let row = |image: usize| {
        let scores: Vec<f64> = (0..classes).map(|class| (score(image, class) + 1) as f64).collect();
        let sum: f64 = scores.iter().sum();
        scores.into_iter().map(move |score| score / sum)
    };
    let truths = (0..images).map(|image| (image * 7 + image / 3) % classes).collect();
    Probabilities::new(classes, (0..images).flat_map(row).collect(), truths).unwrap()
}

fn confusion(probabilities: &Probabilities) -> ConfusionMatrix {
    let mut matrix = ConfusionMatrix::new(probabilities.classes());
    for (row, truth) in probabilities.iter() {
        let best =
            row.iter().enumerate().fold(0, |best, (class, p)| if *p > row[best] { class } else { best });
        matrix.add(truth, best).unwrap();
    }
    matrix
}

/// Every figure, under the names of `fixtures/metrics.py`.
fn figures() -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let mut add =
        |name: &str, value: f64| assert!(found.insert(name.to_owned(), value).is_none(), "{name} twice");
    for (name, images, classes) in [("four", 40, 4), ("two", 30, 2)] {
        let p = probabilities(images, classes);
        let matrix = confusion(&p);
        add(&format!("{name} accuracy"), p.accuracy());
        add(&format!("{name} balanced accuracy"), matrix.balanced_accuracy());
        add(&format!("{name} matthews"), matrix.matthews());
        add(&format!("{name} kappa"), matrix.kappa(KappaWeights::Uniform));
        add(&format!("{name} quadratic kappa"), matrix.kappa(KappaWeights::Quadratic));
        let class = matrix.per_class()[1];
        let one = Averaged { precision: class.precision, recall: class.recall, f1: class.f1 };
        for (of, scores) in
            [("macro", matrix.macro_average()), ("weighted", matrix.weighted_average()), ("class 1", one)]
        {
            add(&format!("{name} {of} precision"), scores.precision);
            add(&format!("{name} {of} recall"), scores.recall);
            add(&format!("{name} {of} f1"), scores.f1);
        }
        add(&format!("{name} log loss"), p.log_loss());
        add(&format!("{name} brier"), p.brier());
        add(&format!("{name} calibration"), p.calibration_error(15));
        add(&format!("{name} roc auc"), p.roc_auc().unwrap().unwrap());
        add(&format!("{name} average precision"), p.average_precision().unwrap().unwrap());
    }
    let pairs = || (0..40).flat_map(|image| (0..4).map(move |class| (image, class)));
    let scores = pairs().map(|(image, class)| score(image, class) as f64 / 12.0).collect();
    let truths = pairs().map(|(image, class)| (image * 5 + class * 3 + image / 7) % 3 == 0).collect();
    let multi = MultiLabel::new(4, scores, truths).unwrap();
    add("multi exact match", multi.exact_match(0.5));
    add("multi hamming", multi.hamming_loss(0.5));
    for (of, scores) in [("macro", multi.macro_average(0.5)), ("micro", multi.micro_average(0.5))] {
        add(&format!("multi {of} precision"), scores.precision);
        add(&format!("multi {of} recall"), scores.recall);
        add(&format!("multi {of} f1"), scores.f1);
    }
    add("multi roc auc", multi.roc_auc().unwrap().unwrap());
    add("multi average precision", multi.average_precision().unwrap().unwrap());
    let numbers: Vec<(f64, f64)> =
        (0..25).map(|i| ((i * 17 % 11) as f64 / 3.0, (i * 13 % 7) as f64 / 2.0)).collect();
    let Regression { mae, rmse, r2 } = Regression::of(&numbers).unwrap();
    add("mae", mae);
    add("rmse", rmse);
    add("r2", r2);
    found
}

#[test]
#[rustfmt::skip]
fn figures_are_scikit_learns() {
    let figures = figures();
    let mut left: std::collections::BTreeSet<&String> = figures.keys().collect();
    let mut row = |name: &str, expected: f64| {
        let met = figures.get(name).unwrap_or_else(|| panic!("no figure {name}"));
        assert!((met - expected).abs() < 1e-12, "{name}: {met} instead of {expected}");
        left.remove(&name.to_owned());
    };
    // fixtures/metrics.py 611b53bc1d90445d, torch 2.15.0+cu132
    row("four accuracy", 0.15);
    row("four balanced accuracy", 0.17857142857142855);
    row("four matthews", -0.16900589822682935);
    row("four kappa", -0.16538131962296498);
    row("four quadratic kappa", -0.21076233183856496);
    row("four macro precision", 0.11858974358974358);
    row("four macro recall", 0.17857142857142855);
    row("four macro f1", 0.13846153846153847);
    row("four weighted precision", 0.11217948717948718);
    row("four weighted recall", 0.15);
    row("four weighted f1", 0.12384615384615386);
    row("four class 1 precision", 0.0);
    row("four class 1 recall", 0.0);
    row("four class 1 f1", 0.0);
    row("four log loss", 1.7190534565548774);
    row("four brier", 0.8757542537412452);
    row("four calibration", 0.27146255695128996);
    row("four roc auc", 0.4105127579392285);
    row("four average precision", 0.24284734057152238);
    row("two accuracy", 0.5);
    row("two balanced accuracy", 0.42500000000000004);
    row("two matthews", -0.1543033499620919);
    row("two kappa", -0.15384615384615374);
    row("two quadratic kappa", -0.15384615384615374);
    row("two macro precision", 0.42063492063492064);
    row("two macro recall", 0.42500000000000004);
    row("two macro f1", 0.42233632862644416);
    row("two weighted precision", 0.4867724867724868);
    row("two weighted recall", 0.5);
    row("two weighted f1", 0.49293966623876767);
    row("two class 1 precision", 0.2222222222222222);
    row("two class 1 recall", 0.2);
    row("two class 1 f1", 0.21052631578947367);
    row("two log loss", 0.769527553265465);
    row("two brier", 0.5693489852427055);
    row("two calibration", 0.23973778636822118);
    row("two roc auc", 0.47000000000000003);
    row("two average precision", 0.33341741686993404);
    row("multi exact match", 0.1);
    row("multi hamming", 0.49375);
    row("multi macro precision", 0.4392857142857143);
    row("multi macro recall", 0.5588235294117647);
    row("multi macro f1", 0.4845149776035834);
    row("multi micro precision", 0.4367816091954023);
    row("multi micro recall", 0.5588235294117647);
    row("multi micro f1", 0.49032258064516127);
    row("multi roc auc", 0.5022378516624041);
    row("multi average precision", 0.4428425290882039);
    row("mae", 1.2933333333333334);
    row("rmse", 1.5811388300841898);
    row("r2", -1.3443360840210055);
    assert!(left.is_empty(), "no rows for {left:?}");
}

#[test]
fn areas_by_hand() {
    // Of four pairs of one positive and one negative, three are in order.
    let scored = [(0.9, true), (0.8, false), (0.7, true), (0.1, false)];
    assert_eq!(roc_auc(&scored).unwrap(), Some(0.75));
    assert_eq!(average_precision(&scored).unwrap(), Some((1.0 + 2.0 / 3.0) / 2.0));
    // All alike: a coin.
    assert_eq!(roc_auc(&[(0.5, true), (0.5, false), (0.5, false)]).unwrap(), Some(0.5));
    assert_eq!(roc_auc(&[(0.5, true)]).unwrap(), None);
    assert_eq!(average_precision(&[(0.5, false)]).unwrap(), None);
    assert_eq!((roc_auc(&[]).unwrap(), thresholds(&[]).unwrap().len()), (None, 1));
    assert!(matches!(roc_auc(&[(f64::NAN, true)]), Err(Error::Argument { .. })));
}

#[test]
fn the_order_of_equal_scores_does_not_count() {
    let forth = [(0.5, true), (0.5, false), (0.2, true), (0.2, false), (0.9, false)];
    let mut back = forth;
    back.reverse();
    assert_eq!(roc_auc(&forth).unwrap(), roc_auc(&back).unwrap());
    assert_eq!(average_precision(&forth).unwrap(), average_precision(&back).unwrap());
}

#[test]
fn what_chance_would_do_is_worth_nothing() {
    let mut matrix = ConfusionMatrix::new(2);
    for (truth, predicted) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        matrix.add(truth, predicted).unwrap();
    }
    assert_eq!((matrix.matthews(), matrix.kappa(KappaWeights::Uniform)), (0.0, 0.0));
    // One class alone says nothing, and no images are no reason to divide by zero.
    let mut alone = ConfusionMatrix::new(3);
    assert_eq!(
        (alone.balanced_accuracy(), alone.matthews(), alone.kappa(KappaWeights::Uniform)),
        (0.0, 0.0, 0.0)
    );
    alone.add(2, 2).unwrap();
    assert_eq!((alone.balanced_accuracy(), alone.matthews(), alone.macro_average().f1), (1.0, 0.0, 1.0));
    // Two grades off costs four times as much as one.
    let off = |predicted| {
        let mut matrix = ConfusionMatrix::new(3);
        for (truth, predicted) in [(0, 0), (1, 1), (2, 2), (0, predicted)] {
            matrix.add(truth, predicted).unwrap();
        }
        matrix.kappa(KappaWeights::Quadratic)
    };
    assert!(off(1) > off(2));
}

#[test]
fn as_many_classes_as_a_file_may_claim_cost_little() {
    let mut matrix = ConfusionMatrix::new(usize::MAX);
    matrix.add(3, 3).unwrap();
    matrix.add(usize::MAX - 1, 2).unwrap();
    assert!(matrix.per_class().len() <= 1 << 20);
    assert!(matrix.balanced_accuracy().is_finite());
}

#[test]
fn a_perfect_and_a_wrong_network() {
    let perfect = Probabilities::new(2, vec![1.0, 0.0, 0.0, 1.0], vec![0, 1]).unwrap();
    assert_eq!((perfect.accuracy(), perfect.brier(), perfect.calibration_error(15)), (1.0, 0.0, 0.0));
    assert!(perfect.log_loss() < 1e-6);
    let wrong = Probabilities::new(2, vec![1.0, 0.0, 0.0, 1.0], vec![1, 0]).unwrap();
    assert_eq!(
        (wrong.accuracy(), wrong.top_k(2), wrong.brier(), wrong.calibration_error(15)),
        (0.0, 1.0, 2.0, 1.0)
    );
    assert!(wrong.log_loss().is_finite() && wrong.log_loss() > 15.0);
    let none = Probabilities::new(3, vec![], vec![]).unwrap();
    assert_eq!((none.accuracy(), none.log_loss(), none.roc_auc().unwrap()), (0.0, 0.0, None));
}

#[test]
fn what_does_not_fit_is_an_error() {
    for (classes, rows, truths) in [
        (2, vec![0.5; 3], vec![0]),
        (2, vec![1.5, 0.5], vec![0]),
        (2, vec![f64::NAN, 0.5], vec![0]),
        (2, vec![0.5; 2], vec![2]),
        (usize::MAX, vec![], vec![0, 0]),
    ] {
        assert!(matches!(Probabilities::new(classes, rows, truths), Err(Error::Argument { .. })));
    }
    assert!(matches!(MultiLabel::new(0, vec![], vec![]), Err(Error::Argument { .. })));
    assert!(matches!(MultiLabel::new(2, vec![0.5; 3], vec![true; 3]), Err(Error::Argument { .. })));
    assert!(matches!(Regression::of(&[]), Err(Error::Argument { .. })));
}

#[test]
fn r2_of_truths_that_do_not_vary_follows_scikit_learn() {
    assert_eq!(Regression::of(&[(2.0, 2.0), (2.0, 2.0)]).unwrap().r2, 1.0);
    assert_eq!(Regression::of(&[(1.0, 2.0), (3.0, 2.0)]).unwrap().r2, 0.0);
}

#[test]
fn an_interval_holds_the_figure_narrows_with_more_images_and_is_the_same_for_a_key() {
    let share =
        |chosen: &[usize]| Some(chosen.iter().filter(|&&i| i % 4 != 0).count() as f64 / chosen.len() as f64);
    let of = |images, seed| bootstrap(images, 500, Key::new(seed), share).unwrap().unwrap();
    let (few, many) = (of(40, 1), of(4000, 1));
    assert_eq!((few.value, many.value), (0.75, 0.75));
    for interval in [few, many] {
        assert!(interval.low < interval.value && interval.value < interval.high, "{interval:?}");
    }
    // The normal interval of a share of 0.75 of 4,000 is 0.0134 either way.
    assert!((many.high - many.low - 2.0 * 0.0134).abs() < 0.003, "{many:?}");
    assert_eq!(of(40, 1), few);
    assert_ne!(of(40, 2), few);
    assert_eq!(bootstrap(0, 10, Key::new(1), share).unwrap(), None);
    assert!(matches!(bootstrap(4, 0, Key::new(1), share), Err(Error::Argument { .. })));
}

#[test]
fn scores_are_the_single_figures_with_intervals_around_them() {
    for (images, classes) in [(40, 4), (30, 2), (60, 8)] {
        let p = probabilities(images, classes);
        let matrix = confusion(&p);
        let scores = Scores::of(&p, Key::new(1)).unwrap();
        let near = |met: Option<Interval>, expected: f64| {
            let met = met.unwrap();
            assert!((met.value - expected).abs() < 1e-12, "{met:?} instead of {expected}");
            assert!(met.low <= met.value && met.value <= met.high || met.value < 0.05, "{met:?}");
            assert!(met.low < met.high, "{met:?}");
        };
        near(scores.accuracy, p.accuracy());
        near(scores.balanced_accuracy, matrix.balanced_accuracy());
        near(scores.macro_f1, matrix.macro_average().f1);
        near(scores.matthews, matrix.matthews());
        near(scores.kappa, matrix.kappa(KappaWeights::Uniform));
        near(scores.quadratic_kappa, matrix.kappa(KappaWeights::Quadratic));
        near(scores.roc_auc, p.roc_auc().unwrap().unwrap());
        near(scores.average_precision, p.average_precision().unwrap().unwrap());
        near(scores.log_loss, p.log_loss());
        near(scores.brier, p.brier());
        assert!((scores.calibration_error.unwrap().value - p.calibration_error(15)).abs() < 1e-12);
        assert_eq!(scores.top_5.map(|interval| interval.value), (classes > 6).then(|| p.top_k(5)));
        assert_eq!(Scores::of(&p, Key::new(1)).unwrap(), scores);
    }
    let none = Probabilities::new(3, vec![], vec![]).unwrap();
    assert_eq!(Scores::of(&none, Key::new(1)).unwrap(), Scores::default());
}

#[test]
fn the_temperature_undoes_what_made_a_network_too_sure() {
    let key = Key::new(3);
    let (classes, images) = (4, 4000);
    let logits = |image: usize| {
        (0..classes).map(move |class| 3.0 * f64::from(key.fold(image as u64).uniform(class as u64)))
    };
    let softmax = |logits: Vec<f64>| {
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        logits.into_iter().map(move |logit| logit.exp() / sum).collect::<Vec<f64>>()
    };
    // The truth is drawn by the honest probabilities.
    let truth = |image: usize| {
        let mut left = f64::from(key.fold_str("truth").uniform(image as u64));
        let drawn = softmax(logits(image).collect()).iter().position(|p| {
            left -= p;
            left < 0.0
        });
        drawn.unwrap_or(classes - 1)
    };
    let truths: Vec<usize> = (0..images).map(truth).collect();
    let at = |factor: f64| {
        let rows = (0..images).flat_map(|image| softmax(logits(image).map(|logit| factor * logit).collect()));
        Probabilities::new(classes, rows.collect(), truths.clone()).unwrap()
    };
    let honest = at(1.0).temperature();
    assert!((honest - 1.0).abs() < 0.08, "{honest}");
    for factor in [0.4, 3.0] {
        let found = at(factor).temperature();
        assert!((found / honest - factor).abs() < 1e-3 * factor, "{found} for {factor}");
        let mended = at(factor).at_temperature(found).unwrap();
        assert!((mended.log_loss() - at(1.0 / honest).log_loss()).abs() < 1e-6);
        assert!(mended.calibration_error(15) < at(factor).calibration_error(15));
        assert_eq!(mended.accuracy(), at(1.0).accuracy());
    }
    assert_eq!(Probabilities::new(2, vec![], vec![]).unwrap().temperature(), 1.0);
    // A network that is always right and never sure is made as sure as the range allows.
    let right = Probabilities::new(2, vec![0.6, 0.4, 0.4, 0.6], vec![0, 1]).unwrap();
    assert!((right.temperature() - 0.05).abs() < 1e-3);
    assert!(right.at_temperature(0.0).is_err());
}
