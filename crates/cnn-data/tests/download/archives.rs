//! Archives: what they unpack to, and that none of them reaches out of its folder.

use std::io::{Cursor, Write};
use std::path::Path;

use cnn_data::download::{Downloader, Form, Limits, Mirror, Published, PublishedFile};
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Told, fetch, names, sha256};

/// A member of a tape: name, kind and contents.
type Member<'a> = (&'a str, u8, &'a [u8]);

const FILE: u8 = b'0';
const HARD_LINK: u8 = b'1';
const SYMBOLIC_LINK: u8 = b'2';
const DEVICE: u8 = b'3';
const FOLDER: u8 = b'5';
const LONG_NAME: u8 = b'L';

/// A tape written byte by byte, since no library writes harmful ones.
fn tar_gz(members: &[Member<'_>]) -> Vec<u8> {
    let mut tape = Vec::new();
    for (name, kind, contents) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        header[156] = *kind;
        header[157..168].copy_from_slice(b"/etc/passwd");
        header[257..263].copy_from_slice(b"ustar\0");
        header[263..265].copy_from_slice(b"00");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tape.extend(header);
        tape.extend_from_slice(contents);
        tape.resize(tape.len().next_multiple_of(512), 0);
    }
    tape.extend([0; 1024]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&tape).unwrap();
    encoder.finish().unwrap()
}

/// A zip whose members are plain files, or symbolic links where the kind says so.
fn zip(members: &[Member<'_>]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, kind, contents) in members {
        let options = SimpleFileOptions::default();
        match *kind {
            SYMBOLIC_LINK => writer.add_symlink(*name, "/etc/passwd", options).unwrap(),
            _ => {
                writer.start_file(*name, options).unwrap();
                writer.write_all(contents).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    TarGz,
    Zip,
}

fn published(kind: Kind, bytes: &[u8]) -> Published {
    let root = "top".to_owned();
    let (name, form) = match kind {
        Kind::TarGz => ("set.tar.gz", Form::TarGz { root }),
        Kind::Zip => ("set.zip", Form::Zip { root }),
    };
    let file = PublishedFile { name: name.into(), urls: vec![], bytes: None, sum: sha256(bytes), form };
    Published { name: "set".into(), files: vec![file] }
}

/// Fetches an archive from a folder beside, under small limits.
fn unpack(kind: Kind, bytes: &[u8], into: &Path) -> Told {
    let from = tempfile::tempdir().unwrap();
    let set = published(kind, bytes);
    std::fs::write(from.path().join(&set.files[0].name), bytes).unwrap();
    let limits = Limits { unpacked_bytes: 100_000, members: 20, ..Limits::default() };
    let downloader = Downloader::new().mirror(Mirror::Folder(from.path().into())).limits(limits);
    fetch(&downloader, &set, into)
}

fn good(kind: Kind) -> Vec<u8> {
    let members: [Member<'_>; 3] = [
        ("top/a.bin", FILE, b"first"),
        ("top/in/b.bin", FILE, b"second"),
        ("elsewhere/c.bin", FILE, b"third"),
    ];
    match kind {
        Kind::TarGz => tar_gz(&[&[("top/", FOLDER, b"" as &[u8])], &members[..]].concat()),
        Kind::Zip => zip(&members),
    }
}

#[test]
fn what_lies_below_the_top_folder_is_unpacked_and_listed_and_the_archive_is_not_kept() {
    for kind in [Kind::TarGz, Kind::Zip] {
        let into = tempfile::tempdir().unwrap();
        let told = unpack(kind, &good(kind), into.path());
        let folder = told.result.unwrap().folder;
        assert_eq!(std::fs::read(folder.join("a.bin")).unwrap(), b"first");
        assert_eq!(std::fs::read(folder.join("in/b.bin")).unwrap(), b"second");
        assert_eq!(names(into.path()), ["set", "set.lock"]);
        assert_eq!(names(&folder).len(), 3, "{:?}", names(&folder));

        let again = unpack(kind, &good(kind), into.path());
        assert_eq!(
            (again.result.unwrap().files.len(), &again.events[..]),
            (0, &["already there".to_owned()][..])
        );
        // A file that was altered since is noticed, and kept.
        std::fs::write(folder.join("a.bin"), "mine").unwrap();
        let again = unpack(kind, &good(kind), into.path());
        assert_eq!(again.result.unwrap().files.len(), 1);
        assert_eq!(std::fs::read(folder.join("a.bin")).unwrap(), b"first");
        assert_eq!(std::fs::read(folder.join("a.bin.old")).unwrap(), b"mine");
    }
}

#[test]
fn what_was_left_of_an_earlier_unpacking_is_in_nobodys_way() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set.tar.gz.unpack")).unwrap();
    std::fs::write(into.path().join("set.tar.gz.unpack/a.bin"), "half").unwrap();
    let told = unpack(Kind::TarGz, &good(Kind::TarGz), into.path());
    assert_eq!(std::fs::read(told.result.unwrap().folder.join("a.bin")).unwrap(), b"first");
}

/// Asserts that an archive is refused and that nothing of it is anywhere.
#[track_caller]
fn refused(kind: Kind, bytes: &[u8], expected: &str) {
    let outer = tempfile::tempdir().unwrap();
    let into = outer.path().join("data");
    let told = unpack(kind, bytes, &into);
    assert!(told.message().contains(expected), "{kind:?}: {}", told.message());
    assert_eq!(names(outer.path()), ["data"]);
    let left = names(&into);
    assert!(left.iter().all(|name| name.ends_with(".part") || name.ends_with(".lock")), "{left:?}");
}

#[test]
fn names_that_lead_out_of_the_folder_refuse_the_archive() {
    for name in ["../evil", "top/../../evil", "/evil", "top/a\\..\\..\\evil", "C:evil", "top/a\u{1}b"] {
        let members: [Member<'_>; 2] = [("top/a.bin", FILE, b"first"), (name, FILE, b"evil")];
        refused(Kind::TarGz, &tar_gz(&members), "leads out of its folder");
        refused(Kind::Zip, &zip(&members), "leads out of its folder");
    }
}

#[test]
fn links_and_devices_refuse_the_archive() {
    for (kind, expected) in [
        (SYMBOLIC_LINK, "top/x, which is a link"),
        (HARD_LINK, "top/x, which is a link"),
        (DEVICE, "top/x, which is a device"),
        (LONG_NAME, "top/x, which is no plain file"),
    ] {
        refused(Kind::TarGz, &tar_gz(&[("top/a", FILE, b"a"), ("top/x", kind, b"")]), expected);
    }
    let linked = zip(&[("top/a", FILE, b"a"), ("top/x", SYMBOLIC_LINK, b"")]);
    refused(Kind::Zip, &linked, "top/x, which is a link or a device");
}

#[test]
fn bombs_end_at_the_limit() {
    let zeros = vec![0; 10_000_000];
    let members: [Member<'_>; 1] = [("top/zeros", FILE, &zeros)];
    let many: Vec<String> = (0..30).map(|index| format!("top/{index}")).collect();
    let many: Vec<Member<'_>> = many.iter().map(|name| (name.as_str(), FILE, b"" as &[u8])).collect();
    for (kind, large, numerous) in
        [(Kind::TarGz, tar_gz(&members), tar_gz(&many)), (Kind::Zip, zip(&members), zip(&many))]
    {
        refused(kind, &large, "more than the limit of 100000 bytes");
        refused(kind, &numerous, "more members than the limit of 20");
    }
    // What is outside of the top folder is not written, and yet not read without end.
    let outside: [Member<'_>; 2] = [("other/zeros", FILE, &zeros), ("top/a", FILE, b"a")];
    refused(Kind::TarGz, &tar_gz(&outside), "set.tar.gz");
}

#[test]
fn archives_that_are_damaged_empty_or_of_another_kind_are_errors() {
    let whole = good(Kind::TarGz);
    refused(Kind::TarGz, &whole[..whole.len() - 40], "set.tar.gz");
    refused(Kind::TarGz, b"no archive", "is no whole tar.gz");
    refused(Kind::Zip, b"no archive", "is no whole zip");
    refused(Kind::TarGz, &tar_gz(&[("other/a", FILE, b"a")]), "has no file below top");
    refused(Kind::Zip, &zip(&[("other/a", FILE, b"a")]), "has no file below top");
    refused(Kind::TarGz, &tar_gz(&[("top/a", FILE, b"a"), ("top/a", FILE, b"b")]), "cannot write");
}
