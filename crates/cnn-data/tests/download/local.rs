//! What is there already, mirrors, and two programs at once.

use cnn_data::Error;
use cnn_data::download::{Downloader, Mirror, Published, Sum};

use super::server::{Answer, Server, refused};
use super::{NAME, contents, fetch, names, read, set};

#[test]
fn what_is_there_with_the_right_sum_is_left_alone() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set")).unwrap();
    std::fs::write(into.path().join("set").join(NAME), contents()).unwrap();
    let told = fetch(&Downloader::new(), &set(&[refused()]), into.path());
    assert!(told.result.unwrap().files.is_empty());
    assert_eq!(told.events, ["already there"]);
    assert_eq!(names(into.path()), ["set"]);
}

#[test]
fn what_is_there_with_another_sum_is_kept_aside_and_only_once_the_file_is_here() {
    let into = tempfile::tempdir().unwrap();
    let folder = into.path().join("set");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(NAME), "mine").unwrap();
    std::fs::write(folder.join("file.bin.old"), "older").unwrap();
    fetch(&Downloader::new(), &set(&[refused()]), into.path()).result.unwrap_err();
    assert_eq!(read(into.path()), b"mine");

    let good = Server::honest(contents());
    let told = fetch(&Downloader::new(), &set(&[good.url()]), into.path());
    told.result.unwrap();
    assert!(told.events.iter().any(|event| event.starts_with("kept") && event.ends_with("file.bin.old2")));
    assert_eq!(read(into.path()), contents());
    assert_eq!(std::fs::read(folder.join("file.bin.old")).unwrap(), b"older");
    assert_eq!(std::fs::read(folder.join("file.bin.old2")).unwrap(), b"mine");
}

#[test]
fn where_only_md5_is_published_it_is_compared_and_told() {
    let into = tempfile::tempdir().unwrap();
    let good = Server::new(|_| Answer::all(b"abc"));
    let mut set = set(&[good.url()]);
    set.files[0].bytes = None;
    set.files[0].sum = Sum::Md5("900150983cd24fb0d6963f7d28e17f72".into());
    let told = fetch(&Downloader::new(), &set, into.path());
    told.result.unwrap();
    assert_eq!(told.events.last().unwrap(), "checked MD5");
}

#[test]
fn a_folder_is_a_mirror_with_or_without_folders_of_the_sets() {
    for below in ["set", ""] {
        let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(from.path().join(below)).unwrap();
        std::fs::write(from.path().join(below).join(NAME), contents()).unwrap();
        let mirror = Mirror::new(from.path().to_str().unwrap()).unwrap();
        // The published origin is not asked.
        let origin = Server::honest(contents());
        let told = fetch(&Downloader::new().mirror(mirror), &set(&[origin.url()]), into.path());
        assert!(told.result.is_ok() && told.failures.is_empty());
        assert_eq!(read(into.path()), contents());
        assert!(origin.paths().is_empty());
    }
}

#[test]
fn a_folder_without_the_file_or_with_another_says_so() {
    let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let downloader = Downloader::new().mirror(Mirror::new(from.path().to_str().unwrap()).unwrap());
    let message = fetch(&downloader, &set(&[]), into.path()).message();
    for place in [from.path().join("set").join(NAME), from.path().join(NAME)] {
        assert!(message.contains(&format!("{}: ", place.display())), "{message}");
    }
    std::fs::write(from.path().join(NAME), "short").unwrap();
    let message = fetch(&downloader, &set(&[]), into.path()).message();
    assert!(message.contains("has 5 bytes, expected 100000"), "{message}");
    assert_eq!(message.lines().count(), 2, "{message}");
    assert!(matches!(Mirror::new("/no/such/folder"), Err(Error::Layout { .. })));
}

#[test]
fn a_server_is_a_mirror_with_or_without_folders_of_the_sets() {
    for (path, asked) in [("/m/set/file.bin", 1), ("/m/file.bin", 2)] {
        let into = tempfile::tempdir().unwrap();
        let server = Server::new(move |asked| match asked.path == path {
            true => Answer::honest(&contents(), asked),
            false => Answer::new("404 Not Found", &[], b""),
        });
        let mirror = Mirror::new(&format!("{}/m/", server.base())).unwrap();
        fetch(&Downloader::new().mirror(mirror), &set(&[refused()]), into.path()).result.unwrap();
        assert_eq!(server.paths().len(), asked);
        assert_eq!(read(into.path()), contents());
    }
}

#[test]
fn of_several_downloads_at_once_one_fetches_and_the_others_find_it_there() {
    let into = tempfile::tempdir().unwrap();
    let server = Server::honest(contents());
    let set = set(&[server.url()]);
    let fetched: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| fetch(&Downloader::new(), &set, into.path()).result.unwrap().files.len()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((fetched, server.paths().len()), (1, 1));
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let told = fetch(&Downloader::new(), &set(&[refused()]), &file);
    assert!(matches!(&told.result, Err(Error::Write { path, .. }) if *path == file), "{:?}", told.result);
}

#[test]
fn names_with_a_folder_in_them_are_refused() {
    let into = tempfile::tempdir().unwrap();
    for name in ["../file", "/file", "a/b", "..", ""] {
        let mut set = set(&[refused()]);
        set.files[0].name = name.into();
        assert!(matches!(fetch(&Downloader::new(), &set, into.path()).result, Err(Error::Argument { .. })));
    }
}

#[test]
fn an_unknown_name_gets_the_known_ones_and_the_closest() {
    let message = Published::named("fashon-mnist").unwrap_err().to_string();
    for word in ["fashon-mnist", "cifar100", "did you mean fashion-mnist?"] {
        assert!(message.contains(word), "{message}");
    }
}
