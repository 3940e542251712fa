//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Options, backward, backward_soft, forward, forward_soft};
use crate::ops::loss::Reduction;
use crate::ops::softmax::softmax;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

fn logits(shape: [usize; 2], values: &[f32]) -> Tensor {
    Tensor::from_slice(&shape, values).unwrap()
}

fn labels(values: &[i64]) -> Tensor {
    Tensor::from_slice(&[values.len()], values).unwrap()
}

fn smoothed(label_smoothing: f64) -> Options<'static> {
    Options { label_smoothing, ..Options::default() }
}

#[test]
fn losses_by_hand() {
    let ln = |x: f64| x.ln();
    let rows: [(&str, &[f32], i64, f64, f64); 5] = [
        ("even odds", &[0.0, 0.0], 1, 0.0, ln(2.0)),
        ("one to three", &[0.0, 3f32.ln()], 0, 0.0, ln(4.0)),
        // 0.9 + 0.05 of the target on the label, 0.05 on the other.
        ("smoothing", &[0.0, 3f32.ln()], 0, 0.1, 0.95 * ln(4.0) + 0.05 * ln(4.0 / 3.0)),
        ("large logits do not overflow", &[1000.0, 999.0], 0, 0.0, ln(1.0 + (-1f64).exp())),
        ("an impossible other class", &[2.0, f32::NEG_INFINITY], 0, 0.0, 0.0),
    ];
    on_each_level(|level| {
        for (name, row, label, smoothing, expected) in rows {
            for dtype in [DType::F32, DType::F64] {
                let x = logits([1, 2], row).to_dtype(dtype).unwrap();
                let loss = forward(&x, &labels(&[label]), &smoothed(smoothing)).unwrap().loss.item().unwrap();
                assert!(
                    (loss - expected).abs() < 3e-7,
                    "{name} in {dtype} on {level}: {loss}, expected {expected}"
                );
            }
        }
    });
}

#[test]
fn nan_and_infinity_reach_the_loss() {
    on_each_level(|_| {
        for row in [[f32::NAN, 1.0], [1.0, f32::NAN], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            let forward = forward(&logits([1, 2], &row), &labels(&[0]), &Options::default()).unwrap();
            assert!(forward.loss.item().unwrap().is_nan(), "{row:?}");
            assert!(forward.probabilities.to_f64_vec().unwrap().iter().any(|p| p.is_nan()), "{row:?}");
        }
        let impossible =
            forward(&logits([1, 2], &[f32::NEG_INFINITY, 0.0]), &labels(&[0]), &Options::default()).unwrap();
        assert_eq!(impossible.loss.item().unwrap(), f64::INFINITY);
    });
}

#[test]
fn the_gradient_is_probability_less_target_over_the_batch() {
    let x = logits([2, 2], &[0.0, 0.0, 0.0, 3f32.ln()]);
    let labels = labels(&[0, 1]);
    on_each_level(|_| {
        let p = forward(&x, &labels, &Options::default()).unwrap().probabilities;
        let back = backward(p, &labels, &Options::default(), &Tensor::scalar(2.0f32).unwrap()).unwrap();
        for (got, expected) in back.to_f64_vec().unwrap().iter().zip([-0.5, 0.5, 0.25, -0.25]) {
            assert!((got - expected).abs() < 1e-6, "{back:?}");
        }
    });
}

/// What the targets are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Hard,
    Soft,
}

/// The loss and its gradient with settings, in both types and on each instruction set.
fn row(
    kind: Kind,
    weighted: bool,
    label_smoothing: f64,
    ignored: Option<i64>,
    reduction: Reduction,
    losses: &[f64],
    gradients: [f64; 12],
) {
    for (dtype, tolerance) in [(DType::F32, 2e-6), (DType::F64, 2e-8)] {
        on_each_level(|level| {
            let of = |shape: &[usize], values: &[f64]| {
                Tensor::from_slice(shape, values).unwrap().to_dtype(dtype).unwrap()
            };
            let x = of(&[2, 2, 3], &[0.5, -1.0, 2.0, 1.5, 0.25, -0.5, 0.0, 3.0, -2.0, -1.0, 0.75, 0.5]);
            let labels = Tensor::from_slice(&[2, 2], &[2i64, 0, 1, 1]).unwrap();
            let shares = of(&[2, 2, 3], &[0.2, 0.3, 0.5, 1.0, 0.0, 0.0, 0.25, 0.75, 0.0, 0.1, 0.1, 0.6]);
            let weights = of(&[3], &[0.5, 2.0, 1.25]);
            let weights = weighted.then_some(&weights);
            let options = Options { label_smoothing, weights, ignored, reduction };
            let grad = match reduction {
                Reduction::None => of(&[2, 2], &[1.0, -2.0, 0.5, 3.0]),
                _ => of(&[], &[1.0]),
            };
            let (loss, back) = match kind {
                Kind::Hard => {
                    let result = forward(&x, &labels, &options).unwrap();
                    (result.loss, backward(result.probabilities, &labels, &options, &grad).unwrap())
                }
                Kind::Soft => {
                    let result = forward_soft(&x, &shares, &options).unwrap();
                    (result.loss, backward_soft(result.probabilities, &shares, &options, &grad).unwrap())
                }
            };
            assert_eq!(loss.len(), losses.len());
            for (got, expected) in [(loss, losses), (back, &gradients)] {
                for (got, expected) in got.to_f64_vec().unwrap().into_iter().zip(expected) {
                    assert!(
                        (got - expected).abs() <= tolerance * (expected.abs() + 1.0),
                        "{kind:?} {options:?}: {got}, expected {expected}, {dtype} on {level}"
                    );
                }
            }
        });
    }
}

// The rows are those of fixtures/cross_entropy.py, by PyTorch 2.15; two images of two pixels are its four rows.
#[rustfmt::skip]
#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    // fixtures/cross_entropy.py 999768b2bf7f82e2, torch 2.15.0+cu132
    row(Kind::Hard, false, 0.0, None, Reduction::Mean, &[0.32934932], [0.04382260, 0.00977814, -0.05360074, -0.07417151, 0.05037571, 0.02379580, 0.01178085, -0.01337522, 0.00159437, 0.02224933, -0.12196393, 0.09971459]);
    row(Kind::Hard, false, 0.0, None, Reduction::Sum, &[1.31739727], [0.17529039, 0.03911257, -0.21440297, -0.29668602, 0.20150283, 0.09518320, 0.04712342, -0.05350088, 0.00637746, 0.08899733, -0.48785571, 0.39885838]);
    row(Kind::Hard, false, 0.0, None, Reduction::None, &[0.24131130, 0.35195186, 0.05498524, 0.66914887], [0.17529039, 0.03911257, -0.21440297, 0.59337205, -0.40300566, -0.19036639, 0.02356171, -0.02675044, 0.00318873, 0.26699200, -1.46356713, 1.19657513]);
    row(Kind::Hard, false, 0.0, Some(1), Reduction::Mean, &[0.29663158], [0.08764520, 0.01955629, -0.10720148, -0.14834301, 0.10075141, 0.04759160, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, false, 0.0, Some(1), Reduction::Sum, &[0.59326316], [0.17529039, 0.03911257, -0.21440297, -0.29668602, 0.20150283, 0.09518320, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, false, 0.0, Some(1), Reduction::None, &[0.24131130, 0.35195186, 0.00000000, 0.00000000], [0.17529039, 0.03911257, -0.21440297, 0.59337205, -0.40300566, -0.19036639, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, false, 0.1, None, Reduction::Mean, &[0.47726598], [0.03548926, 0.00144481, -0.03693407, -0.05750484, 0.04204237, 0.01546247, 0.00344752, 0.00329145, -0.00673897, 0.01391600, -0.10529726, 0.09138126]);
    row(Kind::Hard, false, 0.1, None, Reduction::Sum, &[1.90906394], [0.14195706, 0.00577924, -0.14773630, -0.23001936, 0.16816949, 0.06184986, 0.01379008, 0.01316579, -0.02695587, 0.05566400, -0.42118904, 0.36552504]);
    row(Kind::Hard, false, 0.1, None, Reduction::None, &[0.39131130, 0.46028520, 0.32165190, 0.73581554], [0.14195706, 0.00577924, -0.14773630, 0.46003871, -0.33633899, -0.12369973, 0.00689504, 0.00658289, -0.01347794, 0.16699200, -1.26356713, 1.09657513]);
    row(Kind::Hard, false, 0.1, Some(1), Reduction::Mean, &[0.42579825], [0.07097853, 0.00288962, -0.07386815, -0.11500968, 0.08408475, 0.03092493, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, false, 0.1, Some(1), Reduction::Sum, &[0.85159649], [0.14195706, 0.00577924, -0.14773630, -0.23001936, 0.16816949, 0.06184986, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, false, 0.1, Some(1), Reduction::None, &[0.39131130, 0.46028520, 0.00000000, 0.00000000], [0.14195706, 0.00577924, -0.14773630, 0.46003871, -0.33633899, -0.12369973, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, true, 0.0, None, Reduction::Mean, &[0.33493622], [0.03810661, 0.00850273, -0.04660934, -0.02579878, 0.01752199, 0.00827680, 0.01639075, -0.01860900, 0.00221825, 0.03095559, -0.16968894, 0.13873335]);
    row(Kind::Hard, true, 0.0, None, Reduction::Sum, &[1.92588327], [0.21911299, 0.04889072, -0.26800371, -0.14834301, 0.10075141, 0.04759160, 0.09424683, -0.10700175, 0.01275492, 0.17799467, -0.97571142, 0.79771675]);
    row(Kind::Hard, true, 0.0, None, Reduction::None, &[0.30163912, 0.17597593, 0.10997047, 1.33829775], [0.21911299, 0.04889072, -0.26800371, 0.29668602, -0.20150283, -0.09518320, 0.04712342, -0.05350088, 0.00637746, 0.53398400, -2.92713425, 2.39315025]);
    row(Kind::Hard, true, 0.0, Some(1), Reduction::Mean, &[0.27292289], [0.12520742, 0.02793755, -0.15314498, -0.08476744, 0.05757224, 0.02719520, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, true, 0.0, Some(1), Reduction::Sum, &[0.47761505], [0.21911299, 0.04889072, -0.26800371, -0.14834301, 0.10075141, 0.04759160, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, true, 0.0, Some(1), Reduction::None, &[0.30163912, 0.17597593, 0.00000000, 0.00000000], [0.21911299, 0.04889072, -0.26800371, 0.29668602, -0.20150283, -0.09518320, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, true, 0.1, None, Reduction::Mean, &[0.45000921], [0.03520806, -0.00309147, -0.03211659, -0.01082802, 0.00855608, 0.00227194, 0.01287755, -0.00776624, -0.00511131, 0.02689621, -0.15318068, 0.12628447]);
    row(Kind::Hard, true, 0.1, None, Reduction::Sum, &[2.58755294], [0.20244632, -0.01777595, -0.18467037, -0.06226113, 0.04919746, 0.01306367, 0.07404591, -0.04465586, -0.02939005, 0.15465320, -0.88078891, 0.72613571]);
    row(Kind::Hard, true, 0.1, None, Reduction::None, &[0.52663912, 0.36903899, 0.36417991, 1.32769492], [0.20244632, -0.01777595, -0.18467037, 0.12452226, -0.09839492, -0.02612734, 0.03702296, -0.02232793, -0.01469503, 0.46395960, -2.64236672, 2.17840712]);
    row(Kind::Hard, true, 0.1, Some(1), Reduction::Mean, &[0.51181606], [0.11568361, -0.01015769, -0.10552593, -0.03557779, 0.02811283, 0.00746495, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, true, 0.1, Some(1), Reduction::Sum, &[0.89567811], [0.20244632, -0.01777595, -0.18467037, -0.06226113, 0.04919746, 0.01306367, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Hard, true, 0.1, Some(1), Reduction::None, &[0.52663912, 0.36903899, 0.00000000, 0.00000000], [0.20244632, -0.01777595, -0.18467037, 0.12452226, -0.09839492, -0.02612734, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000, 0.00000000]);
    row(Kind::Soft, false, 0.0, None, Reduction::Mean, &[0.86464187], [-0.00617740, -0.06522186, 0.07139926, -0.07417151, 0.05037571, 0.02379580, -0.05071915, 0.04912478, 0.00159437, -0.00720053, 0.07742886, -0.07022832]);
    row(Kind::Soft, false, 0.0, None, Reduction::Sum, &[3.45856750], [-0.02470961, -0.26088743, 0.28559703, -0.29668602, 0.20150283, 0.09518320, -0.20287658, 0.19649912, 0.00637746, -0.02880213, 0.30971543, -0.28091330]);
    row(Kind::Soft, false, 0.0, None, Reduction::None, &[1.44131130, 0.35195186, 0.80498524, 0.86031910], [-0.02470961, -0.26088743, 0.28559703, 0.59337205, -0.40300566, -0.19036639, -0.10143829, 0.09824956, 0.00318873, -0.08640640, 0.92914630, -0.84273990]);
    row(Kind::Soft, false, 0.1, None, Reduction::Mean, &[0.95902928], [-0.00951074, -0.06605519, 0.07556593, -0.05750484, 0.04204237, 0.01546247, -0.05280248, 0.05954145, -0.00673897, -0.01258888, 0.07415625, -0.06156737]);
    row(Kind::Soft, false, 0.1, None, Reduction::Sum, &[3.83611714], [-0.03804294, -0.26422076, 0.30226370, -0.23001936, 0.16816949, 0.06184986, -0.21120992, 0.23816579, -0.02695587, -0.05035552, 0.29662499, -0.24626947]);
    row(Kind::Soft, false, 0.1, None, Reduction::None, &[1.47131130, 0.46028520, 0.99665190, 0.90786874], [-0.03804294, -0.26422076, 0.30226370, 0.46003871, -0.33633899, -0.12369973, -0.10560496, 0.11908289, -0.01347794, -0.15106656, 0.88987496, -0.73880840]);
    row(Kind::Soft, true, 0.0, None, Reduction::Mean, &[0.96355332], [0.03306494, -0.13704396, 0.10397902, -0.03708575, 0.02518785, 0.01189790, -0.01210611, 0.00951527, 0.00259084, 0.00974933, 0.07803607, -0.08778541]);
    row(Kind::Soft, true, 0.0, None, Reduction::Sum, &[3.85421328], [0.13225977, -0.54817584, 0.41591607, -0.14834301, 0.10075141, 0.04759160, -0.04842445, 0.03806107, 0.01036337, 0.03899733, 0.31214429, -0.35114162]);
    row(Kind::Soft, true, 0.0, None, Reduction::None, &[2.26973747, 0.17597593, 0.46435101, 0.94414887], [0.13225977, -0.54817584, 0.41591607, 0.29668602, -0.20150283, -0.09518320, -0.02421222, 0.01903054, 0.00518169, 0.11699200, 0.93643287, -1.05342487]);
    row(Kind::Soft, true, 0.1, None, Reduction::Mean, &[1.08076249], [0.03106961, -0.13878396, 0.10771436, -0.01556528, 0.01229936, 0.00326592, -0.01358956, 0.02147517, -0.00788561, 0.00738890, 0.06957031, -0.07695921]);
    row(Kind::Soft, true, 0.1, None, Reduction::Sum, &[4.32304995], [0.12427842, -0.55513585, 0.43085743, -0.06226113, 0.04919746, 0.01306367, -0.05435824, 0.08590069, -0.03154245, 0.02955560, 0.27828123, -0.30783683]);
    row(Kind::Soft, true, 0.1, None, Reduction::None, &[2.29792763, 0.36903899, 0.68312239, 0.97296093], [0.12427842, -0.55513585, 0.43085743, 0.12452226, -0.09839492, -0.02612734, -0.02717912, 0.04295035, -0.01577122, 0.08866680, 0.83484370, -0.92351050]);
}

#[test]
fn rows_that_are_all_ignored_have_no_mean_and_no_gradient() {
    let x = logits([2, 3], &[f32::NAN, 1.0, 2.0, 0.0, 0.0, 0.0]);
    let ignored = labels(&[-100, -100]);
    on_each_level(|_| {
        let mut options = Options { ignored: Some(-100), ..Options::default() };
        assert!(forward(&x, &ignored, &options).unwrap().loss.item().unwrap().is_nan());
        options.reduction = Reduction::Sum;
        let result = forward(&x, &ignored, &options).unwrap();
        assert_eq!(result.loss.item().unwrap(), 0.0);
        let grad = Tensor::scalar(1.0f32).unwrap();
        let back = backward(result.probabilities, &ignored, &options, &grad).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), [0.0; 6]);
    });
    let error = forward(&x, &ignored, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("-100 at index 0 of 3 classes"), "{error}");
}

#[test]
fn the_loss_of_an_empty_batch_is_nan() {
    let forward = forward(&logits([0, 3], &[]), &labels(&[]), &Options::default()).unwrap();
    assert!(forward.loss.item().unwrap().is_nan());
    assert_eq!(forward.probabilities.shape(), [0, 3]);
}

#[test]
fn bad_labels_shapes_and_smoothing_are_errors() {
    let x = logits([2, 3], &[0.0; 6]);
    for bad in [3, -1, i64::MAX] {
        let error = forward(&x, &labels(&[0, bad]), &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Argument { name: "label", .. }));
        assert!(error.to_string().contains(&format!("{bad} at index 1")), "{error}");
    }
    assert!(matches!(forward(&x, &labels(&[0]), &Options::default()), Err(Error::Shape { .. })));
    assert!(matches!(forward(&x, &labels(&[0, 1]), &smoothed(1.5)), Err(Error::Argument { .. })));
    assert!(matches!(forward(&x, &labels(&[0, 1]), &smoothed(f64::NAN)), Err(Error::Argument { .. })));
    let weights = Tensor::zeros(&[2], DType::F32).unwrap();
    let weighted = Options { weights: Some(&weights), ..Options::default() };
    assert!(matches!(forward(&x, &labels(&[0, 1]), &weighted), Err(Error::Shape { .. })));
    assert!(matches!(forward_soft(&x, &weights, &Options::default()), Err(Error::Shape { .. })));
    let ignoring = Options { ignored: Some(1), ..Options::default() };
    assert!(matches!(forward_soft(&x, &x, &ignoring), Err(Error::Argument { .. })));
    let nothing = Tensor::zeros(&[2, 0], DType::F32).unwrap();
    assert!(matches!(forward_soft(&nothing, &nothing, &Options::default()), Err(Error::Shape { .. })));
    assert!(matches!(forward(&nothing, &labels(&[1, 1]), &ignoring), Err(Error::Shape { .. })));
    let bytes = labels(&[0, 1]).to_dtype(DType::U8).unwrap();
    assert!(matches!(forward(&x, &bytes, &Options::default()), Err(Error::DType { .. })));
    let p = forward(&x, &labels(&[0, 1]), &Options::default()).unwrap().probabilities;
    assert!(matches!(backward(p, &labels(&[0, 1]), &Options::default(), &x), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[300, 257], 1, DType::F32).unwrap();
    let labels = labels(&(0..300).map(|row| row % 257).collect::<Vec<_>>());
    let options = smoothed(0.1);
    let probabilities = forward(&x, &labels, &options).unwrap().probabilities;
    let grad = Tensor::scalar(1.0f32).unwrap();
    assert_threads_change_nothing("forward", || {
        let forward = forward(&x, &labels, &options).unwrap();
        vec![forward.loss, forward.probabilities]
    });
    assert_threads_change_nothing("backward", || {
        vec![backward(probabilities.clone(), &labels, &options, &grad).unwrap()]
    });
    let each = Options { reduction: Reduction::None, ..options };
    let grads = forward_soft(&x, &probabilities, &each).unwrap().loss;
    assert_threads_change_nothing("soft targets", || {
        let forward = forward_soft(&x, &probabilities, &each).unwrap();
        vec![forward.loss, forward.probabilities]
    });
    assert_threads_change_nothing("gradient of soft targets", || {
        vec![backward_soft(probabilities.clone(), &probabilities, &each, &grads).unwrap()]
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        batch in 1usize..40,
        classes in prop_oneof![1usize..40, Just(1000)],
        smoothing in prop_oneof![Just(0.0), 0.0f64..1.0],
        seed in any::<u64>(),
    ) {
        let x = normal(&[batch, classes], seed, DType::F32).unwrap();
        let labels = labels(&(0..batch).map(|row| ((row * 7) % classes) as i64).collect::<Vec<_>>());
        let wide = forward(&x.to_dtype(DType::F64).unwrap(), &labels, &smoothed(smoothing)).unwrap();
        let one = |shape: &[usize]| Tensor::full(shape, 1.0, DType::F64).unwrap();
        let wide_back =
            backward(wide.probabilities.clone(), &labels, &smoothed(smoothing), &Tensor::scalar(3.0f64).unwrap()).unwrap();
        on_each_level(|_| {
            poison(x.shape(), DType::F32).unwrap();
            let got = forward(&x, &labels, &smoothed(smoothing)).unwrap();
            let loss_scale = Tensor::scalar(wide.loss.item().unwrap().abs() + 1.0).unwrap();
            assert_close("loss", &got.loss, &wide.loss, &loss_scale, 1e-6);
            assert_close("probabilities", &got.probabilities, &wide.probabilities, &wide.probabilities, 2e-6);
            assert!(same_bits(&softmax(x.clone(), 1).unwrap(), &got.probabilities));
            for row in got.probabilities.to_f64_vec().unwrap().chunks(classes) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5);
            }
            let grad = Tensor::scalar(3.0f32).unwrap();
            let back = backward(got.probabilities, &labels, &smoothed(smoothing), &grad).unwrap();
            assert_close("gradient", &back, &wide_back, &one(x.shape()), 2e-6);
        });
    }

    #[test]
    fn every_setting_agrees_with_the_reference_on_every_instruction_set(
        batch in 1usize..20,
        classes in prop_oneof![1usize..40, Just(300)],
        label_smoothing in prop_oneof![Just(0.0), 0.0f64..1.0],
        weighted in any::<bool>(),
        ignored in prop_oneof![Just(None), Just(Some(0i64)), Just(Some(-1))],
        reduction in prop_oneof![Just(Reduction::Mean), Just(Reduction::Sum), Just(Reduction::None)],
        seed in any::<u64>(),
    ) {
        let shape = [batch, classes];
        let x = normal(&shape, seed, DType::F32).unwrap();
        let labels = labels(&(0..batch).map(|row| ((row * 7) % classes) as i64).collect::<Vec<_>>());
        let shares = softmax(normal(&shape, !seed, DType::F32).unwrap(), 1).unwrap();
        let weights = softmax(normal(&[1, classes], seed ^ 3, DType::F32).unwrap(), 1).unwrap();
        let weights = weights.reshape(&[classes]).unwrap();
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        let wide_weights = wide(&weights);
        let options = Options { label_smoothing, weights: weighted.then_some(&weights), ignored, reduction };
        let wide_options = Options { weights: weighted.then_some(&wide_weights), ..options };
        let grad = match reduction {
            Reduction::None => normal(&[batch], seed ^ 4, DType::F32).unwrap(),
            _ => Tensor::scalar(1.5f32).unwrap(),
        };
        let sizes = |x: &Tensor| {
            let sizes: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| x.abs() + 1.0).collect();
            Tensor::from_slice(x.shape(), &sizes).unwrap()
        };
        let hard = forward(&wide(&x), &labels, &wide_options).unwrap();
        let hard_back = backward(hard.probabilities, &labels, &wide_options, &wide(&grad)).unwrap();
        let (options_soft, wide_soft) =
            (Options { ignored: None, ..options }, Options { ignored: None, ..wide_options });
        let soft = forward_soft(&wide(&x), &wide(&shares), &wide_soft).unwrap();
        let soft_back = backward_soft(soft.probabilities, &wide(&shares), &wide_soft, &wide(&grad)).unwrap();
        on_each_level(|_| {
            let got = forward(&x, &labels, &options).unwrap();
            assert_close("loss", &got.loss, &hard.loss, &sizes(&hard.loss), 3e-6);
            let back = backward(got.probabilities, &labels, &options, &grad).unwrap();
            assert_close("gradient", &back, &hard_back, &sizes(&hard_back), 3e-6);
            let got = forward_soft(&x, &shares, &options_soft).unwrap();
            assert_close("soft loss", &got.loss, &soft.loss, &sizes(&soft.loss), 3e-6);
            let back = backward_soft(got.probabilities, &shares, &options_soft, &grad).unwrap();
            assert_close("soft gradient", &back, &soft_back, &sizes(&soft_back), 3e-6);
        });
    }
}
