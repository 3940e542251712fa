//! Every rule against finite differences in `f64`. A file of `src/ops` without a file here fails the suite, and so
//! does a rule that no case runs.

mod activation;
mod affine;
mod attention;
mod batch_norm;
mod binary;
mod broadcast;
mod concat;
mod conv2d;
mod conv_transpose2d;
mod cross_entropy;
mod dense;
mod dice;
mod dropout;
mod flip;
mod gate;
mod gather;
mod group_norm;
mod interpolate;
mod layer_norm;
mod local_response_norm;
mod loss;
mod matmul;
mod narrow;
mod nll;
mod normalize;
mod pad;
mod pool2d;
mod prelu;
mod reduce;
mod reshape;
mod scan;
mod select;
mod shuffle;
mod softmax;
mod unary;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cnn_autograd::{Ctx, Mode, Result, Var, gradcheck};
use cnn_tensor::ops::window::Padding2d;
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

/// The cases of each file, by its name.
const STEMS: &[(&str, fn())] = &[
    ("activation", activation::cases),
    ("attention", attention::cases),
    ("batch_norm", batch_norm::cases),
    ("binary", binary::cases),
    ("broadcast", broadcast::cases),
    ("concat", concat::cases),
    ("conv2d", conv2d::cases),
    ("conv_transpose2d", conv_transpose2d::cases),
    ("cross_entropy", cross_entropy::cases),
    ("dense", dense::cases),
    ("dice", dice::cases),
    ("dropout", dropout::cases),
    ("flip", flip::cases),
    ("gate", gate::cases),
    ("gather", gather::cases),
    ("group_norm", group_norm::cases),
    ("interpolate", interpolate::cases),
    ("layer_norm", layer_norm::cases),
    ("local_response_norm", local_response_norm::cases),
    ("loss", loss::cases),
    ("matmul", matmul::cases),
    ("narrow", narrow::cases),
    ("nll", nll::cases),
    ("pad", pad::cases),
    ("normalize", normalize::cases),
    ("pool2d", pool2d::cases),
    ("prelu", prelu::cases),
    ("reduce", reduce::cases),
    ("reshape", reshape::cases),
    ("scan", scan::cases),
    ("select", select::cases),
    ("shuffle", shuffle::cases),
    ("softmax", softmax::cases),
    ("unary", unary::cases),
];

thread_local! {
    /// Names of the operations that were checked on this thread.
    static CHECKED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Numbers in -1 to 1, none nearer to zero than 0.01: away from the kink of ReLU.
fn random(shape: &[usize], seed: u64) -> Tensor {
    let key = Key::new(seed);
    let values: Vec<f64> = (0..shape.iter().product::<usize>() as u64)
        .map(|index| {
            let value = 2.0 * key.uniform_f64(index) - 1.0;
            if value.abs() < 0.01 { value + 0.02 } else { value }
        })
        .collect();
    Tensor::from_slice(shape, &values).unwrap()
}

/// Generated settings: numbers drawn one after the other from a key.
struct Draw {
    key: Key,
    index: u64,
}

impl Draw {
    fn new(seed: u64) -> Self {
        Self { key: Key::new(seed), index: 0 }
    }

    /// A number from `range`.
    fn size(&mut self, range: std::ops::Range<usize>) -> usize {
        self.index += 1;
        range.start + self.key.below(self.index, range.len() as u64) as usize
    }

    /// Two numbers from `range`.
    fn pair(&mut self, range: std::ops::Range<usize>) -> [usize; 2] {
        [self.size(range.clone()), self.size(range)]
    }

    /// Up to `most` at each side.
    fn sides(&mut self, most: usize) -> Padding2d {
        let ([top, bottom], [left, right]) = (self.pair(0..most + 1), self.pair(0..most + 1));
        Padding2d { top, bottom, left, right }
    }
}

/// Numbers of which no two are nearer than 0.01: without ties.
fn distinct(shape: &[usize], seed: u64) -> Tensor {
    let order = Key::new(seed).permutation(shape.iter().product());
    let values: Vec<f64> = order.into_iter().map(|rank| 0.01 * rank as f64).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

/// A shape of up to three axes of one to three elements.
fn some_shape(key: Key) -> Vec<usize> {
    (0..key.below(0, 4)).map(|axis| 1 + key.below(1 + axis, 3) as usize).collect()
}

/// Two shapes that broadcast to one: both have axes of size 1 where the other has not, and the second may be shorter.
fn some_shapes(key: Key) -> [Vec<usize>; 2] {
    let whole = some_shape(key);
    let some = |which: u64| -> Vec<usize> {
        let one = |axis: usize| key.fold(1).below(axis as u64, 3) == which;
        whole.iter().enumerate().map(|(axis, &dim)| if one(axis) { 1 } else { dim }).collect()
    };
    let mut second = some(1);
    while key.below(9, 2) == 0 && second.first() == Some(&1) {
        second.remove(0);
    }
    [some(0), second]
}

/// Some of the axes of a shape.
fn some_axes(key: Key, rank: usize) -> Vec<usize> {
    (0..rank).filter(|&axis| key.fold(2).below(axis as u64, 2) == 0).collect()
}

/// Checks one function, on shape-only tensors too, and notes which operations it is made of.
fn check(case: &str, inputs: &[Tensor], function: impl Fn(Vec<Var>) -> Result<Var>) {
    let report = gradcheck::check(inputs, &function).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert!(report.elements > 0, "{case} compares nothing");

    let mut cx = Ctx::trace(Mode::Train);
    let specs: Vec<Var> = inputs.iter().map(|input| cx.variable(Tensor::from(input.spec()))).collect();
    let inferred = function(specs).unwrap_or_else(|error| panic!("{case}, shapes only: {error}"));
    let computed = function(inputs.iter().cloned().map(Var::constant).collect()).unwrap();
    assert_eq!(inferred.spec(), computed.spec(), "{case}: what is inferred is not what is computed");
    let graph = cx.graph(&[&inferred]).unwrap();
    CHECKED
        .with_borrow_mut(|checked| checked.extend(graph.operations().map(|(_, operation)| operation.name)));
}

/// The names of a file's rules, where they are written out: in `fn name`, one or one for each choice, or as `NAME`.
fn names(source: &str) -> impl Iterator<Item = &str> {
    let bodies = source.split("fn name(&self) -> &'static str {").skip(1);
    let bodies = bodies.filter_map(|body| body.split("\n    }").next());
    let constants =
        source.split("const NAME: &'static str =").skip(1).filter_map(|rest| rest.split(';').next());
    bodies.chain(constants).flat_map(|text| text.split('"').skip(1).step_by(2))
}

/// What is wrong between a folder of rules and the cases.
fn problems(ops: &Path, stems: &[(&str, fn())]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(ops).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if stem == "mod" {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let rules =
            source.lines().filter(|line| line.starts_with("impl") && line.contains("Function for ")).count();
        if let Some((_, cases)) = stems.iter().find(|(name, _)| *name == stem) {
            CHECKED.take();
            cases();
            let checked = CHECKED.take();
            if checked.len() < rules {
                problems.push(format!("{stem}.rs has {rules} rules, its cases run {checked:?}"));
            }
            let unchecked: Vec<&str> = names(&source).filter(|name| !checked.contains(name)).collect();
            if !unchecked.is_empty() {
                problems.push(format!("{stem}.rs has rules that no case of its own runs: {unchecked:?}"));
            }
        } else {
            problems.push(format!("{stem}.rs has no cases in tests/gradcheck"));
        }
        found.insert(stem);
    }
    let gone = stems.iter().filter(|(stem, _)| !found.contains(*stem));
    problems.extend(gone.map(|(stem, _)| format!("there are cases for {stem}.rs, which is gone")));
    problems
}

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops")
}

#[test]
fn every_file_of_rules_has_its_cases_and_every_rule_is_run() {
    assert_eq!(problems(&ops(), STEMS), Vec::<String>::new());
}

#[test]
fn a_rule_without_cases_is_found_and_so_are_cases_without_a_rule() {
    let copy = tempfile::tempdir().unwrap();
    let stem = |name: &str| copy.path().join(name).with_extension("rs");
    let dense = |name: &str| STEMS.iter().copied().filter(|(stem, _)| *stem == name).collect::<Vec<_>>();
    std::fs::copy(ops().join("dense.rs"), stem("dense")).unwrap();
    assert!(problems(copy.path(), &dense("dense")).is_empty());
    assert_eq!(problems(copy.path(), &[]), ["dense.rs has no cases in tests/gradcheck"]);

    let source = std::fs::read_to_string(stem("dense")).unwrap();
    std::fs::write(stem("dense"), source + "\nimpl Function for Unchecked {}\n").unwrap();
    let found = problems(copy.path(), &dense("dense"));
    assert!(matches!(&found[..], [one] if one.starts_with("dense.rs has 2 rules")), "{found:?}");

    let source = std::fs::read_to_string(ops().join("dense.rs")).unwrap();
    let other = source.replacen("        \"dense\"", "        \"denser\"", 1);
    assert_ne!(source, other);
    std::fs::write(stem("dense"), other).unwrap();
    let found = problems(copy.path(), &dense("dense"));
    assert_eq!(found, ["dense.rs has rules that no case of its own runs: [\"denser\"]"]);

    std::fs::remove_file(stem("dense")).unwrap();
    let found = problems(copy.path(), &dense("dense"));
    assert_eq!(found, ["there are cases for dense.rs, which is gone"]);
}

#[test]
fn a_wrong_rule_is_found() {
    use cnn_autograd::{Error, Function, Output, Purpose, Saved, expect_inputs, take_inputs};
    use cnn_tensor::{Spec, ops::unary};

    /// y = 2 x, with a gradient that is off by a thousandth of a percent.
    #[derive(Debug)]
    struct Wrong;
    impl Function for Wrong {
        fn name(&self) -> &'static str {
            "wrong"
        }
        fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
            let [x] = expect_inputs("wrong", inputs)?;
            Ok(x)
        }
        fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
            let [x] = take_inputs("wrong", inputs)?;
            Ok(unary::scale(x, 2.0)?.into())
        }
        fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
            Ok(vec![Some(unary::scale(grad, 2.00002)?)])
        }
    }

    let error = gradcheck::check(&[random(&[3], 1)], |x| Var::apply(Wrong, x)).unwrap_err();
    assert!(matches!(error, Error::Gradcheck { .. }), "{error}");
}

#[test]
fn a_gradient_that_is_not_a_number_is_found() {
    let result = gradcheck::check(&[Tensor::full(&[2], f64::NAN, DType::F64).unwrap()], |mut x| {
        let x = x.remove(0);
        x.clone().mul(x)
    });
    assert!(result.is_err());
}
