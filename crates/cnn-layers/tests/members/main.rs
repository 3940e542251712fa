//! The proof of every layer and every loss, by one machine.
//!
//! A [`Member`] is a public type of `cnn-layers` together with a way to draw settings of it from a key, as odd as forward
//! accepts: strides over the kernel, one-sided padding, groups, a batch of one. The machine takes [`SETTINGS`] of each
//! and proves, in the files of this folder:
//!
//! - `gradients`: backward against finite differences in `f64`, for inputs and parameters, a variable used twice;
//! - `precision`: `f32` forward and backward against `f64`, on each instruction set;
//! - `threads`: the same bits with 1, 2 and 3 threads, on inputs so large that the work is split;
//! - `structure`: shapes without values, an empty batch, a state dict there and back;
//! - `torch`: what PyTorch computes, where it has the member: `fixtures/members/<family>.py` writes the values.
//!
//! To add a member, add it to a file of `families/`, with three cases for PyTorch there and in the script of the same
//! name; a new family is one line in `families/mod.rs`. A public type without a member fails the suite.

mod draw;
mod families;
mod gradients;
mod member;
mod precision;
mod structure;
mod threads;
mod torch;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use draw::Draw;
pub(crate) use member::{Member, Setting, Subject};

/// Settings that are drawn of each member.
const SETTINGS: u64 = 24;

/// Calls `check` with each member and reports all that fail.
fn each_member(check: impl Fn(&Member) -> Result<(), String>) {
    let failures: Vec<String> = families::members()
        .iter()
        .filter_map(|member| check(member).err().map(|problem| format!("{}: {problem}", member.name)))
        .collect();
    assert!(failures.is_empty(), "{} members fail\n{}", failures.len(), failures.join("\n"));
}

/// Calls `check` with each drawn setting of each member, by its number, and reports the first that fails of each member.
fn each_setting(check: impl Fn(&Member, u64) -> Result<(), String>) {
    each_member(|member| {
        (0..SETTINGS).try_for_each(|number| {
            check(member, number).map_err(|problem| format!("setting {number}: {problem}"))
        })
    });
}

/// Public types of the files under a folder, but for builders: what they make is proved. Of a type with parameters
/// it is the names of its forms that are public: `pub type BatchNorm2d = BatchNorm<..>`.
fn public_types(folder: PathBuf) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for line in source.lines().map(str::trim_start) {
                let struct_or_form =
                    line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub type "));
                let Some(rest) = struct_or_form else { continue };
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
                if !rest[name.len()..].starts_with('<') && !name.ends_with("Builder") {
                    found.insert(name);
                }
            }
        }
    }
    found
}

/// Types under a source folder without a member, and members of types that are gone.
fn mismatches(source: &Path, members: &[Member]) -> Vec<String> {
    let public: BTreeSet<String> =
        ["layers", "losses"].into_iter().flat_map(|folder| public_types(source.join(folder))).collect();
    let members: BTreeSet<String> = members.iter().map(|member| member.type_name().to_owned()).collect();
    let missing = public.difference(&members).map(|name| format!("{name} has no member in families/"));
    let gone = members.difference(&public).map(|name| format!("{name} is a member and no public type"));
    missing.chain(gone).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn every_public_layer_and_loss_is_a_member() {
    assert_eq!(mismatches(&source(), &families::members()), Vec::<String>::new());
}

#[test]
fn a_layer_without_a_member_is_found_and_so_is_a_member_without_a_layer() {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["layers", "losses"] {
        copy_files(&source().join(folder), &copy.path().join(folder));
    }
    assert!(mismatches(copy.path(), &families::members()).is_empty());
    fs::write(copy.path().join("layers/unproved.rs"), "pub struct Unproved;\n").unwrap();
    assert_eq!(mismatches(copy.path(), &families::members()), ["Unproved has no member in families/"]);
    fs::remove_file(copy.path().join("layers/unproved.rs")).unwrap();
    fs::remove_file(copy.path().join("layers/dense.rs")).unwrap();
    assert_eq!(mismatches(copy.path(), &families::members()), ["Dense is a member and no public type"]);
    let mut fewer = families::members();
    fewer.retain(|member| member.type_name() != "Conv2d");
    assert_eq!(mismatches(&source(), &fewer), ["Conv2d has no member in families/"]);
}

/// Copies the files of a folder and of those in it.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_files(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}
