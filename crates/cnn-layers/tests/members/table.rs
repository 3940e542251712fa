//! `docs/operations.md`: what there is, what PyTorch calls it, what it runs on and how closely it is proved.
//!
//! Written from the members and the sources by `CNN_WRITE_DOCS=1 cargo test -p cnn-layers --test members table`; the test
//! fails where the file is not what would be written.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use cnn_layers::{Ctx, Mode};
use cnn_tensor::DType;

use crate::draw::Scale;
use crate::precision::run;
use crate::{Member, SETTINGS, families};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A text with code marks around it.
fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Operations that settings of a member run, and what has gradients.
fn traits(member: &Member) -> (BTreeSet<&'static str>, BTreeSet<String>) {
    let (mut operations, mut gradients) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..SETTINGS {
        let mut setting = member.setting(number, Scale::Small).unwrap();
        for (name, _) in run(&mut setting, DType::F32, Mode::Train).unwrap() {
            match name.split_once('.') {
                Some(("gradient", path)) => {
                    // Members of containers are named by their index.
                    gradients.insert(path.rsplit('.').next().unwrap_or(path).to_owned());
                }
                Some(_) => drop(gradients.insert("input".to_owned())),
                None => {}
            }
        }
        cnn_layers::convert(&mut setting.subject, DType::F64).unwrap();
        for mode in [Mode::Train, Mode::Eval] {
            let mut cx = Ctx::trace(mode);
            let inputs = setting.inputs.iter().map(|input| cx.input(input.clone())).collect();
            let output = setting.subject.run(inputs, &mut cx).unwrap();
            if let Ok(graph) = cx.graph(&[&output]) {
                operations.extend(graph.operations().map(|(_, operation)| operation.name));
            }
        }
    }
    (operations, gradients)
}

fn layers(text: &mut String) {
    *text += "| here | PyTorch | operations | gradients of | error in `f32` |\n|---|---|---|---|---|\n";
    for member in families::members() {
        let (operations, gradients) = traits(&member);
        let (name, way) = member.name.split_once(", ").map_or((member.name, None), |(a, b)| (a, Some(b)));
        let name = way.map_or_else(|| code(name), |way| format!("`{name}`, {way}"));
        let operations: Vec<String> = operations.into_iter().map(code).collect();
        let gradients: Vec<String> = gradients.into_iter().collect();
        writeln!(
            text,
            "| {name} | {} | {} | {} | {:.0e} |",
            member.torch.map(code).unwrap_or_default(),
            operations.join(", "),
            gradients.join(", "),
            member.tolerance,
        )
        .unwrap();
    }
}

/// Names of the methods that a file of rules gives to `Var`.
fn methods(source: &str) -> Vec<String> {
    let inside = source.split_once("\nimpl Var {").map_or("", |(_, inside)| inside);
    let written = inside.lines().filter_map(|line| line.strip_prefix("    pub fn "));
    // Members of a family stand as `name: Member;` in the call of a macro.
    let family = source.split_once("\nmethods! {").and_then(|(_, rest)| rest.split_once("\n}"));
    let members = family.map_or("", |(members, _)| members).lines().map(str::trim);
    let members = members.filter(|line| line.ends_with(';') && !line.starts_with("//"));
    members.chain(written).map(|line| line.split(['(', '<', ':']).next().unwrap_or(line).to_owned()).collect()
}

/// The fast paths of an operation: the files of its folder that are not of the frame around them.
fn kernels(stem: &str) -> Vec<String> {
    const FRAME: [&str; 4] = ["mod", "reference", "tests", "geometry"];
    let folder = root().join("crates/cnn-tensor/src/ops").join(stem);
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !FRAME.contains(&name.as_str()))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn operations(text: &mut String) {
    *text += "| methods of `Var` | tensors | files beside the reference |\n|---|---|---|\n";
    let folder = root().join("crates/cnn-autograd/src/ops");
    let mut stems: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|stem| stem != "mod")
        .collect();
    stems.sort();
    for stem in stems {
        let source = fs::read_to_string(folder.join(format!("{stem}.rs"))).unwrap();
        let methods: Vec<String> = methods(&source).iter().map(|name| code(name)).collect();
        let kernels: Vec<String> = kernels(&stem).iter().map(|name| code(name)).collect();
        let place = root().join("crates/cnn-tensor/src/ops").join(&stem);
        let path = if place.is_dir() { stem.clone() } else { format!("{stem}.rs") };
        writeln!(
            text,
            "| {} | [{stem}](../crates/cnn-tensor/src/ops/{path}) | {} |",
            methods.join(", "),
            kernels.join(", ")
        )
        .unwrap();
    }
}

fn page() -> String {
    let mut text = String::from(
        "# Operations\n\n\
         What there is, what PyTorch calls it, and how it is proved.\n\
         Generated from the proofs themselves; `CNN_WRITE_DOCS=1 cargo test -p cnn-layers --test members table` writes it.\n\n\
         ## Layers and losses\n\n",
    );
    write!(
        text,
        "Each has a backward pass for every setting that forward accepts.\n\
         For {SETTINGS} drawn settings of each, gradients are compared with finite differences in `f64` (relative error under 1e-6), \
         and `f32` forward and backward with `f64` on each instruction set, where the error is bounded by the last column, of the \
         largest number of a tensor.\n\
         Where PyTorch has it, outputs, gradients and buffers are PyTorch's to the precision of the numbers that are stored.\n\n"
    )
    .unwrap();
    layers(&mut text);
    text += "\n## Operations on variables\n\n\
             Each rule is compared with finite differences.\n\
             The kernels are compared with their reference in `f64` on each instruction set: an error is under 1e-5 of the sum of \
             the absolute values of the terms that a number is made of, unless the tests beside a kernel say otherwise.\n\n";
    operations(&mut text);
    text
}

#[test]
fn the_table_of_operations_is_up_to_date() {
    let path = root().join("docs/operations.md");
    let page = page();
    if std::env::var_os("CNN_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let differs = page.lines().zip(there.lines()).find(|(page, there)| page != there);
    assert!(
        page == there,
        "docs/operations.md is not what the sources give, first at {differs:?}; write it with CNN_WRITE_DOCS=1"
    );
}
