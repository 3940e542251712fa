//! What servers do wrong, and what becomes of it.

use std::time::Duration;

use cnn_data::Error;
use cnn_data::download::{Downloader, Limits};

use super::server::{Answer, Server, refused};
use super::{NAME, contents, fetch, names, once, read, set, set_without_length};

#[test]
fn origins_are_tried_in_turn_and_each_failure_is_told() {
    let into = tempfile::tempdir().unwrap();
    let broken = Server::new(|_| Answer::new("500 Internal Server Error", &[], b"sorry"));
    let good = Server::honest(contents());
    let urls = [broken.url(), refused(), good.url()];
    let told = fetch(&Downloader::new(), &set(&urls), into.path());
    assert_eq!(told.result.as_ref().unwrap().files, [NAME]);
    assert_eq!(read(into.path()), contents());
    assert_eq!(told.failures.len(), 2);
    assert!(told.failures[0].starts_with(&format!("{}: the server answers 500", urls[0])));
    assert!(told.failures[1].starts_with(&urls[1]) && told.failures[1].contains("refused"));
    assert_eq!(told.events, ["started at 0", "checked SHA-256"]);
    assert_eq!(names(&into.path().join("set")), [NAME]);
}

#[test]
fn where_every_origin_fails_the_error_names_all_of_them() {
    let into = tempfile::tempdir().unwrap();
    let absent = Server::new(|_| Answer::new("404 Not Found", &["Content-Length: 0".into()], b""));
    let urls = [absent.url(), refused()];
    let told = fetch(&Downloader::new(), &set(&urls), into.path());
    let message = told.message();
    assert!(message.contains("file.bin could not be fetched:"), "{message}");
    assert!(message.contains(&format!("{}: the server answers 404", urls[0])), "{message}");
    assert!(message.contains(&urls[1]) && message.contains("refused"), "{message}");
    assert!(!message.contains("kept"), "{message}");
    assert!(names(&into.path().join("set")).is_empty());
}

#[test]
fn a_server_that_stalls_is_given_up_and_what_arrived_is_kept_for_the_next() {
    let into = tempfile::tempdir().unwrap();
    let stalling = Server::new(|_| Answer::all(&contents()).cut(60_000).stalling());
    let limits = Limits { stall: Duration::from_millis(200), ..once() };
    let told = fetch(&Downloader::new().limits(limits), &set(&[stalling.url()]), into.path());
    assert!(told.message().contains("no answer for 200ms"), "{}", told.message());

    let part = into.path().join("set").join("file.bin.part");
    let here = std::fs::metadata(&part).map_or(0, |found| found.len() as usize);
    assert_eq!(told.message().contains("the same command goes on from there"), here > 0);
    let good = Server::honest(contents());
    fetch(&Downloader::new(), &set(&[good.url()]), into.path()).result.unwrap();
    assert_eq!(good.ranges(), [Some(here).filter(|&here| here > 0)]);
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let into = tempfile::tempdir().unwrap();
    // A listener whose connections nobody takes.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{NAME}", listener.local_addr().unwrap());
    let limits = Limits { stall: Duration::from_millis(50), ..once() };
    let told = fetch(&Downloader::new().limits(limits), &set(&[url]), into.path());
    assert!(told.message().contains("no answer for 50ms"), "{}", told.message());
}

#[test]
fn a_transfer_that_breaks_off_goes_on_where_it_ended() {
    let into = tempfile::tempdir().unwrap();
    let breaking = Server::new(|asked| Answer::honest(&contents(), asked).cut(40_000));
    let told = fetch(&Downloader::new(), &set(&[breaking.url()]), into.path());
    told.result.unwrap();
    assert_eq!(breaking.ranges(), [None, Some(40_000), Some(80_000)]);
    assert_eq!(told.failures.len(), 2);
    assert!(told.failures[0].contains("after 40000 of 100000 bytes"), "{:?}", told.failures);
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_transfer_that_always_breaks_off_ends_and_the_next_origin_goes_on() {
    let into = tempfile::tempdir().unwrap();
    let breaking = Server::new(|asked| Answer::honest(&contents(), asked).cut(1_000));
    let good = Server::honest(contents());
    let limits = Limits { resumptions: 2, ..Limits::default() };
    let told = fetch(&Downloader::new().limits(limits), &set(&[breaking.url(), good.url()]), into.path());
    told.result.unwrap();
    assert_eq!((breaking.ranges().len(), good.ranges()), (3, vec![Some(3_000)]));
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_length_other_than_the_published_one_is_refused_before_a_byte_is_kept() {
    for length in [99_999, 100_001] {
        let into = tempfile::tempdir().unwrap();
        let lying = Server::new(move |_| Answer::of_length(length, &contents()));
        let told = fetch(&Downloader::new().limits(once()), &set(&[lying.url()]), into.path());
        let expected = format!("the file there has {length} bytes, expected 100000");
        assert!(told.message().contains(&expected), "{}", told.message());
        assert!(names(&into.path().join("set")).is_empty());
    }
}

#[test]
fn a_length_that_is_not_published_and_wrong_is_found_by_the_sum_or_the_end() {
    for (length, expected) in [(50_000, "SHA-256 of its 50000 bytes is"), (200_000, "after 100000 of 200000")]
    {
        let into = tempfile::tempdir().unwrap();
        let lying = Server::new(move |_| Answer::of_length(length, &contents()));
        let set = set_without_length(&[lying.url()]);
        let told = fetch(&Downloader::new().limits(once()), &set, into.path());
        assert!(told.message().contains(expected), "{}", told.message());
    }
}

#[test]
fn more_than_a_file_may_have_is_not_taken() {
    let endless = Server::new(|_| Answer::new("200 OK", &[], &contents().repeat(3)));
    let limits = Limits { file_bytes: 150_000, ..once() };
    for (set, expected) in [
        (set(&[endless.url()]), "sends more than the 100000 bytes"),
        (set_without_length(&[endless.url()]), "sends more than the 150000 bytes"),
    ] {
        let into = tempfile::tempdir().unwrap();
        let told = fetch(&Downloader::new().limits(limits.clone()), &set, into.path());
        assert!(told.message().contains(expected), "{}", told.message());
        assert!(names(&into.path().join("set")).is_empty());
    }
    let announced = Server::new(|_| Answer::all(&contents().repeat(3)));
    let into = tempfile::tempdir().unwrap();
    let set = set_without_length(&[announced.url()]);
    let told = fetch(&Downloader::new().limits(limits), &set, into.path());
    assert!(told.message().contains("has 300000 bytes, more than the limit of 150000"), "{}", told.message());
}

#[test]
fn a_redirection_is_followed_with_its_range() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set")).unwrap();
    std::fs::write(into.path().join("set/file.bin.part"), &contents()[..30_000]).unwrap();
    let server = Server::new(|asked| match asked.path.as_str() {
        "/file.bin" => Answer::redirect("deeper/file.bin?a=b"),
        _ => Answer::honest(&contents(), asked),
    });
    let told = fetch(&Downloader::new(), &set(&[server.url()]), into.path());
    told.result.unwrap();
    assert_eq!(server.paths(), ["/file.bin", "/deeper/file.bin?a=b"]);
    assert_eq!(server.ranges(), [Some(30_000), Some(30_000)]);
    assert_eq!(told.events[0], "started at 30000");
    assert_eq!(read(into.path()), contents());
}

#[test]
fn redirections_without_end_or_out_of_http_are_not_followed() {
    for (to, expected) in [
        ("/file.bin", "redirects more than 5 times"),
        ("file:///etc/passwd", "expected a URL of http or https"),
    ] {
        let into = tempfile::tempdir().unwrap();
        let server = Server::new(move |_| Answer::redirect(to));
        let told = fetch(&Downloader::new(), &set(&[server.url()]), into.path());
        assert!(told.message().contains(expected), "{}", told.message());
        assert!(server.paths().len() <= 6);
    }
}

#[test]
fn a_server_that_knows_no_ranges_sends_everything_again() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set")).unwrap();
    std::fs::write(into.path().join("set/file.bin.part"), vec![7; 30_000]).unwrap();
    let server = Server::new(|_| Answer::all(&contents()));
    let told = fetch(&Downloader::new(), &set(&[server.url()]), into.path());
    told.result.unwrap();
    assert_eq!((server.ranges(), &told.events[0]), (vec![Some(30_000)], &"started at 0".to_owned()));
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_part_of_another_file_is_noticed_and_the_transfer_begins_again() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set")).unwrap();
    std::fs::write(into.path().join("set/file.bin.part"), vec![7; 30_000]).unwrap();
    let server = Server::honest(contents());
    let told = fetch(&Downloader::new(), &set(&[server.url()]), into.path());
    told.result.unwrap();
    assert_eq!(server.ranges(), [Some(30_000), None]);
    assert!(told.failures[0].contains("SHA-256 of its 100000 bytes is"), "{:?}", told.failures);
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_part_that_is_longer_than_the_file_there_is_dropped() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set")).unwrap();
    std::fs::write(into.path().join("set/file.bin.part"), vec![7; 130_000]).unwrap();
    let server = Server::honest(contents());
    fetch(&Downloader::new(), &set_without_length(&[server.url()]), into.path()).result.unwrap();
    // The range was beyond the end.
    assert_eq!(server.ranges(), [Some(130_000), None]);
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_part_that_is_whole_needs_no_server() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set")).unwrap();
    std::fs::write(into.path().join("set/file.bin.part"), contents()).unwrap();
    let told = fetch(&Downloader::new(), &set(&[refused()]), into.path());
    told.result.unwrap();
    assert_eq!(told.events, ["checked SHA-256"]);
    assert_eq!(names(&into.path().join("set")), [NAME]);
}

#[test]
fn a_range_that_begins_elsewhere_is_not_believed() {
    let into = tempfile::tempdir().unwrap();
    std::fs::create_dir(into.path().join("set")).unwrap();
    std::fs::write(into.path().join("set/file.bin.part"), &contents()[..30_000]).unwrap();
    let server = Server::new(|asked| match asked.from {
        Some(_) => Answer::new(
            "206 Partial Content",
            &["Content-Range: bytes 10-99999/100000".into(), "Content-Length: 99990".into()],
            &contents()[10..],
        ),
        None => Answer::all(&contents()),
    });
    fetch(&Downloader::new(), &set(&[server.url()]), into.path()).result.unwrap();
    assert_eq!(server.ranges(), [Some(30_000), None]);
    assert_eq!(read(into.path()), contents());
}

#[test]
fn a_wrong_file_of_the_right_length_is_deleted_and_the_next_origin_tried() {
    let wrong = Server::new(|_| Answer::all(&vec![1; 100_000]));
    let good = Server::honest(contents());
    let into = tempfile::tempdir().unwrap();
    let told = fetch(&Downloader::new(), &set(&[wrong.url(), good.url()]), into.path());
    told.result.unwrap();
    assert_eq!(good.ranges(), [None]);
    assert_eq!(read(into.path()), contents());

    let into = tempfile::tempdir().unwrap();
    let told = fetch(&Downloader::new(), &set(&[wrong.url()]), into.path());
    let message = told.message();
    assert!(message.contains("expected") && message.contains("what arrived was deleted"), "{message}");
    assert!(names(&into.path().join("set")).is_empty());
    assert!(matches!(told.result, Err(Error::Download { kept: None, .. })));
}
