//! Folders as they are met: without permission, with links in a circle, with names that are no UTF-8. Each is named, in
//! an error of what needs the whole data set and as a finding of the check, and nothing hangs.
#![cfg(unix)]
#![expect(clippy::print_stderr, reason = "a test that could not run says so")]

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use cnn_data::check::{CheckOptions, Finding, Kind, check};
use cnn_data::sources::{Folder, FolderOptions};
use cnn_data::split::Items;
use cnn_data::{Dataset, Result, Split};

fn picture(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let level = path.as_os_str().as_bytes().iter().fold(0, |sum: u8, byte| sum.wrapping_mul(31) ^ byte);
    let pixel = |x: u32, y: u32| image::Luma([level.wrapping_add((x * x * 7 + y * 31) as u8)]);
    image::GrayImage::from_fn(24, 24, pixel).save_with_format(path, image::ImageFormat::Png).unwrap();
}

fn open(root: &Path) -> Result<Folder> {
    Folder::open(root, Split::Train, &FolderOptions::default())
}

fn finding(root: &Path, kind: Kind) -> Finding {
    let report = check(root, &CheckOptions::default()).unwrap();
    report.finding(kind).unwrap_or_else(|| panic!("{kind:?} among {:#?}", report.findings)).clone()
}

/// Whether this user may do anything; if so, the test of this name has run as a user who may not.
fn is_superuser(shut: &Path, test: &str) -> bool {
    const INNER: &str = "CNN_TEST_AS_NOBODY";
    const NOBODY: u32 = 65534;
    if fs::read_dir(shut).is_err() {
        return false;
    }
    if std::env::var_os(INNER).is_some() {
        eprintln!("skipped: this user may read what nobody may");
        return true;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    match again.args([test, "--exact"]).env(INNER, "1").current_dir("/").uid(NOBODY).status() {
        Ok(status) => assert!(status.success(), "{test} as another user"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            eprintln!("skipped: another user may not run this program");
        }
        Err(error) => panic!("{error}"),
    }
    true
}

#[test]
fn a_folder_without_permission_is_named() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("open/1.png"));
    let shut = root.path().join("shut");
    picture(&shut.join("1.png"));
    let allow = |mode| fs::set_permissions(&shut, Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    if is_superuser(&shut, "a_folder_without_permission_is_named") {
        return allow(0o755);
    }
    // Nothing, or the names of files that cannot be looked at.
    for mode in [0o000, 0o600] {
        allow(mode);
        let messages = [
            open(root.path()).map(drop).unwrap_err().to_string(),
            Items::open(root.path()).map(drop).unwrap_err().to_string(),
        ];
        let found = finding(root.path(), Kind::Unreadable).cases.remove(0);
        allow(0o755);
        for message in messages {
            assert!(message.contains("shut") && message.contains("ermission denied"), "{message}");
        }
        assert!(found.files[0].starts_with("shut") && found.detail.contains("ermission denied"), "{found:?}");
    }
    assert!(open(root.path()).is_ok());
}

#[test]
fn links_in_a_circle_are_found() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("a/1.png"));
    picture(&root.path().join("b/1.png"));
    symlink("2.png", root.path().join("a/2.png")).unwrap();
    symlink("..", root.path().join("b/up")).unwrap();
    assert_eq!(finding(root.path(), Kind::Unreadable).cases[0].files, ["a/2.png"]);
    assert_eq!(finding(root.path(), Kind::Misplaced).cases[0].files, ["b/up"]);
}

#[test]
fn a_link_to_a_picture_is_that_picture() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("a/1.png"));
    fs::create_dir(root.path().join("b")).unwrap();
    symlink("../a/1.png", root.path().join("b/1.png")).unwrap();
    assert_eq!(open(root.path()).unwrap().len(), 2);
    assert_eq!(finding(root.path(), Kind::DuplicatesAcrossClasses).cases[0].files, ["a/1.png", "b/1.png"]);
}

#[test]
fn names_that_are_no_utf8_are_read_as_files_and_refused_as_classes() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("a/1.png"));
    picture(&root.path().join("a").join(OsStr::from_bytes(b"caf\xe9.png")));
    picture(&root.path().join("b/1.png"));
    let folder = open(root.path()).unwrap();
    assert_eq!(folder.len(), 3);
    (0..3).for_each(|index| drop(folder.get(index).unwrap()));
    let report = check(root.path(), &CheckOptions::default()).unwrap();
    assert_eq!((report.pictures, report.errors()), (3, 0), "{:#?}", report.findings);
    // A table is UTF-8.
    let message = Items::open(root.path()).unwrap_err().to_string();
    assert!(message.contains("UTF-8") && message.contains("caf"), "{message}");

    picture(&root.path().join(OsStr::from_bytes(b"h\xfcte")).join("1.png"));
    assert!(open(root.path()).unwrap_err().to_string().contains("the name is not UTF-8"));
    assert!(finding(root.path(), Kind::Layout).cases[0].detail.contains("not UTF-8"));
}
