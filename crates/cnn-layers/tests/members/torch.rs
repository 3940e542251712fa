//! What PyTorch computes: outputs, gradients of inputs and parameters, buffers after the step.
//!
//! `fixtures/members/<family>.py` computes in `f64` and writes `<family>.safetensors`; here the case of the same name
//! gets the same parameters and inputs and computes in `f64` too, so a difference is another formula, not rounding.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cnn_autograd::Seeded;
use cnn_layers::{
    Ctx, Error, Key, Mode, Recording, Result, StateDict, Strictness, convert, fold_statistics,
    named_parameters,
};
use cnn_tensor::testing::same_bits;
use cnn_tensor::{DType, Tensor};
use sha2::{Digest, Sha256};

use crate::precision::{Results, compare};
use crate::{Subject, families};

/// What storing in `f32` loses, of the largest number of a tensor, and a little more.
const TOLERANCE: f64 = 5e-7;

/// The tensors of a case, by name.
type Case = BTreeMap<String, Tensor>;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/members")
}

/// The tensors of each case of a family, by their name in it.
fn fixture(folder: &Path, family: &str) -> std::result::Result<BTreeMap<String, Case>, String> {
    let read = |name: String| std::fs::read(folder.join(&name)).map_err(|error| format!("{name}: {error}"));
    let bytes = read(format!("{family}.safetensors"))?;
    let dict = StateDict::from_safetensors(&bytes).map_err(|error| format!("{family}: {error}"))?;
    let mut script = read(format!("{family}.py"))?;
    script.extend(read("common.py".into())?);
    script.extend(read("../stored.py".into())?);
    let hash: String = Sha256::digest(script).iter().map(|byte| format!("{byte:02x}")).collect();
    if dict.metadata().get("script_sha256") != Some(&hash) {
        return Err(format!("{family}: the script has changed since the file was written; run it again"));
    }
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (key, tensor) in dict.iter() {
        let (case, name) = key.split_once('/').ok_or_else(|| format!("{family}: {key} is of no case"))?;
        cases.entry(case.to_owned()).or_default().insert(name.to_owned(), tensor.clone());
    }
    Ok(cases)
}

/// Tensors whose name starts with a prefix, without it.
fn part<'a>(case: &'a Case, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Tensor)> {
    case.iter().filter_map(move |(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)))
}

/// What the subject makes of a case, under the names of the fixture.
fn met(subject: &mut Subject, case: &Case) -> Result<Results> {
    convert(subject, DType::F64)?;
    let mut state = StateDict::default();
    for (key, tensor) in part(case, "state.") {
        state.insert(key, tensor.clone());
    }
    state.load_into(subject, Strictness::Strict)?;
    // What would be written is what was read: PyTorch loads it with `strict=True`.
    for (key, written) in StateDict::of(subject)?.iter() {
        let read = state.get(key).map(|tensor| tensor.to_dtype(written.dtype())).transpose()?;
        if !read.is_some_and(|read| same_bits(&read, written)) {
            return Err(Error::Layer(format!("{key} is written in another layout than it was read in")));
        }
    }
    let train = case["train"].item()? != 0.0;
    let mode = if train { Mode::Train } else { Mode::Eval };
    let mut cx = Ctx::new(Recording::Gradients, mode, Key::new(1));
    let mut inputs = Vec::new();
    for (_, input) in part(case, "input.") {
        let is_number = input.dtype().is_compute();
        inputs.push(if is_number {
            cx.variable(input.to_dtype(DType::F64)?)
        } else {
            cx.input(input.clone())
        });
    }
    let output = subject.run(inputs.clone(), &mut cx)?;
    let mut results = vec![("output".to_owned(), output.value().clone())];
    let step = if output.is_tracked() {
        let seed = case["seed"].to_dtype(DType::F64)?;
        cx.backward_seeded(vec![Seeded { output, seed }])?
    } else {
        cx.finish()
    };
    for (number, input) in inputs.iter().enumerate() {
        let gradient = step.gradients.of(input);
        results.extend(gradient.map(|gradient| (format!("grad_input.{number}"), gradient.clone())));
    }
    for (path, parameter) in named_parameters(subject) {
        if let Some(gradient) = step.gradients.get(parameter.id()) {
            results.push((format!("gradient.{path}"), parameter.layout().to_file(gradient)?));
        }
    }
    if train {
        let parameters: BTreeSet<String> =
            named_parameters(subject).into_iter().map(|(path, _)| path).collect();
        fold_statistics(subject, &step.statistics)?;
        for (path, buffer) in StateDict::of(subject)?.iter().filter(|(path, _)| !parameters.contains(*path)) {
            results.push((format!("after.{path}"), buffer.clone()));
        }
    }
    results.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(results)
}

/// What is wrong between a folder of fixtures and the members.
fn problems(folder: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for &(family, members) in families::FAMILIES {
        let fixture = match fixture(folder, family) {
            Ok(fixture) => fixture,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let mut here = BTreeSet::new();
        for member in members() {
            if member.torch.is_some() && member.cases.len() < 3 {
                problems.push(format!("{}: {} cases, expected 3 or more", member.name, member.cases.len()));
            }
            for (name, make) in &member.cases {
                let name = format!("{}.{name}", member.type_name());
                if let Some(case) = fixture.get(&name) {
                    let result = make().and_then(|mut subject| met(&mut subject, case));
                    let result = result.map_err(|error| error.to_string());
                    if let Err(problem) = result.and_then(|met| compare(&met, &expected(case), TOLERANCE)) {
                        problems.push(format!("{name}: {problem}"));
                    }
                }
                here.insert(name);
            }
        }
        let there: BTreeSet<String> = fixture.into_keys().collect();
        for name in here.symmetric_difference(&there) {
            problems.push(format!("{name}: in one of families/{family}.rs and {family}.safetensors alone"));
        }
    }
    problems
}

/// What PyTorch made of a case.
fn expected(case: &Case) -> Results {
    let kinds = ["output", "grad_input.", "gradient.", "after."];
    let named = kinds.into_iter().flat_map(|kind| {
        part(case, kind).map(move |(rest, tensor)| (kind.to_owned() + rest, tensor.clone()))
    });
    let mut expected: Results = named.collect();
    expected.sort_by(|(a, _), (b, _)| a.cmp(b));
    expected
}

#[test]
fn outputs_gradients_and_buffers_are_those_of_pytorch() {
    let problems = problems(&folder());
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_fixture_that_is_gone_and_one_of_another_script_are_found() {
    let copy = tempfile::tempdir().unwrap();
    let members = copy.path().join("members");
    crate::copy_files(&folder(), &members);
    std::fs::copy(folder().join("../stored.py"), copy.path().join("stored.py")).unwrap();
    assert_eq!(problems(&members), Vec::<String>::new());
    std::fs::remove_file(members.join("pooling.safetensors")).unwrap();
    let found = problems(&members);
    assert!(matches!(&found[..], [one] if one.starts_with("pooling.safetensors: ")), "{found:?}");

    crate::copy_files(&folder(), &members);
    let script = members.join("losses.py");
    std::fs::write(&script, std::fs::read_to_string(&script).unwrap() + "\n").unwrap();
    let found = problems(&members);
    assert!(matches!(&found[..], [one] if one.starts_with("losses: the script has changed")), "{found:?}");
}
