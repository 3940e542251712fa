//! The proof of every layer and every loss, by one machine.
//!
//! A [`Member`] is a public type of `cnn-layers` together with a way to draw settings of it from a key, as odd as forward
//! accepts: strides over the kernel, one-sided padding, groups, a batch of one. The machine takes [`SETTINGS`] of each
//! and proves, in the files of this folder:
//!
//! - `gradients`: backward against finite differences in `f64`, for inputs and parameters, a variable used twice;
//! - `precision`: `f32` forward and backward against `f64`, on each instruction set;
//! - `threads`: the same bits with 1, 2 and 3 threads, on inputs so large that the work is split, forward and backward;
//! - `structure`: shapes without values, an empty batch, a state dict there and back, an image with and without its
//!   batch mates;
//! - `table`: the page of what there is;
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
mod table;
mod threads;
mod torch;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use draw::Draw;
pub(crate) use member::{Member, Setting, Subject};

/// Settings that are drawn of each member.
const SETTINGS: u64 = 20;

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

/// Layers and losses that the crate exports: the types of its `pub use` lines, but for builders, whose layers are
/// proved, for choices (`enum`, `trait`), and for generic types that are exported under names of their own.
fn public_types(source: &Path) -> BTreeSet<String> {
    let mut code = Vec::new();
    for folder in ["layers", "losses"] {
        read_code(&source.join(folder), &mut code);
    }
    let code = code.concat();
    let is_a = |keyword: &str, name: &str| {
        code.match_indices(&format!("pub {keyword} {name}")).any(|(at, found)| {
            !code[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    };
    let is_choice = |name: &str| ["enum", "trait"].iter().any(|keyword| is_a(keyword, name));
    let has_names = |name: &str| code.contains(&format!("= {name}<"));
    let library = fs::read_to_string(source.join("lib.rs")).unwrap();
    let exports = library.split(';').map(str::trim_start).filter_map(|item| {
        item.strip_prefix("pub use layers::").or_else(|| item.strip_prefix("pub use losses::"))
    });
    let names = exports.flat_map(|path| path.split([':', '{', '}', ',']).map(str::trim));
    let types = names.filter(|name| name.starts_with(char::is_uppercase) && !name.ends_with("Builder"));
    types.filter(|name| !is_choice(name) && !has_names(name)).map(ToOwned::to_owned).collect()
}

/// The texts of the files of a folder and of those in it.
fn read_code(folder: &Path, code: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_code(&path, code);
        } else {
            code.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// Exported types without a member, and members of types that are gone. A member whose name begins with a small letter
/// is a function.
fn mismatches(source: &Path, members: &[Member]) -> Vec<String> {
    let public = public_types(source);
    let members: BTreeSet<String> = members.iter().map(|member| member.type_name().to_owned()).collect();
    let missing = public.difference(&members).map(|name| format!("{name} has no member in families/"));
    let gone = members.difference(&public).filter(|name| name.starts_with(char::is_uppercase));
    let gone = gone.map(|name| format!("{name} is a member and not exported"));
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
    copy_files(&source(), copy.path());
    assert_eq!(mismatches(copy.path(), &families::members()), Vec::<String>::new());
    let library = copy.path().join("lib.rs");
    let exports = fs::read_to_string(&library).unwrap();
    fs::write(&library, exports.clone() + "pub use layers::unproved::{Choice, Unproved, UnprovedBuilder};\n")
        .unwrap();
    fs::write(copy.path().join("layers/unproved.rs"), "pub enum Choice {}\npub struct Unproved;\n").unwrap();
    assert_eq!(mismatches(copy.path(), &families::members()), ["Unproved has no member in families/"]);
    fs::write(&library, exports.replace("pub use layers::dense::{Dense, ", "pub use layers::dense::{"))
        .unwrap();
    assert_eq!(mismatches(copy.path(), &families::members()), ["Dense is a member and not exported"]);
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
