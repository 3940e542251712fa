//! Folders of pictures: classes by name, splits, and every bad file listed.

use std::fs;
use std::path::Path;

use cnn_data::sources::{Folder, FolderOptions};
use cnn_data::{BadSamples, Classes, Dataset, Error, Size, Split, Target};

/// Writes a grey PNG file of one level, two rows high and as wide as the level says.
fn picture(path: &Path, level: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::from_pixel(u32::from(level), 2, image::Luma([level]))
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
}

fn open(root: &Path, split: Split) -> cnn_data::Result<Folder> {
    Folder::open(root, split, &FolderOptions::default())
}

#[test]
fn folders_are_classes_in_the_order_of_their_names() {
    let root = tempfile::tempdir().unwrap();
    for (name, level) in
        [("dog/1.png", 3), ("cat/b.png", 2), ("cat/a", 1), ("10/x.jpg", 4), (".git/x.png", 5)]
    {
        picture(&root.path().join(name), level);
    }
    fs::write(root.path().join("cat/.DS_Store"), "x").unwrap();
    fs::write(root.path().join("LICENSE"), "x").unwrap();
    let folder = open(root.path(), Split::Train).unwrap();
    assert_eq!(folder.classes().unwrap().names(), ["10", "cat", "dog"]);
    let samples: Vec<_> = (0..folder.len()).map(|index| folder.get(index).unwrap()).collect();
    let met: Vec<_> = samples.iter().map(|sample| (sample.target.clone(), sample.image.width())).collect();
    let expected = [(0, 4), (1, 1), (1, 2), (2, 3)].map(|(class, width)| (Target::Class(class), width));
    assert_eq!(met, expected);
    assert_eq!(samples[0].image.size(), Size::new(2, 4));
    assert_eq!(folder.path(3).unwrap(), root.path().join("dog/1.png"));
    assert_eq!(Folder::splits(root.path()).unwrap(), [Split::Train]);
    let message = open(root.path(), Split::Validation).unwrap_err().to_string();
    assert!(message.ends_with("has no validation split; hold some of the training set out"), "{message}");
}

#[test]
fn splits_lie_side_by_side_and_take_the_classes_of_the_training_set() {
    let root = tempfile::tempdir().unwrap();
    for name in
        ["train/b/1.png", "train/a/1.png", "train/c/1.png", "valid/b/1.png", "test/c/1.png", "test/b/2.png"]
    {
        picture(&root.path().join(name), 1);
    }
    assert_eq!(Folder::splits(root.path()).unwrap(), Split::ALL);
    let train = open(root.path(), Split::Train).unwrap();
    let options = FolderOptions { classes: train.classes().cloned(), ..FolderOptions::default() };
    let test = Folder::open(root.path(), Split::Test, &options).unwrap();
    assert_eq!(
        (0..2).map(|index| test.target(index).unwrap()).collect::<Vec<_>>(),
        [Target::Class(1), Target::Class(2)]
    );
    let validation = Folder::open(root.path(), Split::Validation, &options).unwrap();
    assert_eq!(validation.target(0).unwrap(), Target::Class(1));
}

#[test]
fn a_class_that_the_training_set_has_not_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("train/a/1.png"), 1);
    picture(&root.path().join("test/A/1.png"), 1);
    let options =
        FolderOptions { classes: Some(Classes::sorted(["a"]).unwrap()), ..FolderOptions::default() };
    let error = Folder::open(root.path(), Split::Test, &options).unwrap_err();
    let Error::UnknownClass { names, known, .. } = error else { panic!("{error}") };
    assert_eq!((names, known), (vec!["A".to_owned()], vec!["a".to_owned()]));
}

#[test]
fn all_bad_files_are_listed_or_skipped() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a/1.png", "a/2.png", "a/3.png", "b/1.png"] {
        picture(&root.path().join(name), 9);
    }
    let whole = fs::read(root.path().join("a/1.png")).unwrap();
    fs::write(root.path().join("a/2.png"), &whole[..whole.len() - 9]).unwrap();
    fs::write(root.path().join("b/notes.txt"), "hello").unwrap();
    fs::write(root.path().join("b/empty.jpg"), "").unwrap();
    fs::create_dir(root.path().join("b/more")).unwrap();
    let message = open(root.path(), Split::Train).unwrap_err().to_string();
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 6, "{message}");
    assert_eq!(lines[0], "4 files cannot be used:");
    assert!(lines[1].ends_with("2.png: the PNG data ends before its last chunk: the file is cut short"));
    assert!(lines[2].ends_with("empty.jpg: the file is empty"));
    assert!(lines[3].contains("more: is a folder"));
    assert!(
        lines[4].ends_with("notes.txt: is no image; JPEG, PNG, BMP, GIF, TIFF, WebP and PNM can be read")
    );

    let skip = FolderOptions { bad_files: BadSamples::Skip, ..FolderOptions::default() };
    let folder = Folder::open(root.path(), Split::Train, &skip).unwrap();
    assert_eq!((folder.len(), folder.skipped().len()), (3, 4));
    assert!((0..3).all(|index| folder.get(index).is_ok()));
}

#[test]
fn layouts_that_cannot_be_meant_are_explained() {
    let root = tempfile::tempdir().unwrap();
    let message = |root: &Path| open(root, Split::Train).unwrap_err().to_string();
    assert!(message(root.path()).contains("has no folders; expected one folder of pictures for each class"));
    assert!(message(&root.path().join("nowhere")).starts_with("cannot read "));
    picture(&root.path().join("a/1.png"), 1);
    fs::create_dir(root.path().join("b")).unwrap();
    assert!(message(root.path()).contains("1 class folder without pictures: b"));
    picture(&root.path().join("forgotten.PNG"), 1);
    assert!(message(root.path()).contains("lies beside the class folders"));
    fs::write(root.path().join("train-images-idx3-ubyte"), "x").unwrap();
    assert!(message(root.path()).contains("holds IDX files; write `mnist:DIR`"));
}

#[test]
fn a_file_that_vanishes_later_is_named_when_it_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("a/1.png"), 1);
    let folder = open(root.path(), Split::Train).unwrap();
    fs::remove_file(root.path().join("a/1.png")).unwrap();
    assert!(folder.get(0).unwrap_err().to_string().contains("1.png"));
    assert!(matches!(folder.get(1), Err(Error::Argument { .. })));
}

#[test]
fn classes_that_differ_only_in_case_are_named() {
    let root = tempfile::tempdir().unwrap();
    for name in ["Cat/1.png", "cat/1.png", "dog/1.png"] {
        picture(&root.path().join(name), 1);
    }
    if fs::read_dir(root.path()).unwrap().count() == 3 {
        let message = open(root.path(), Split::Train).unwrap_err().to_string();
        assert!(message.contains("the classes Cat and cat differ only in case"), "{message}");
    }
}

#[test]
fn a_forgotten_picture_is_told_by_its_ending_whatever_its_format() {
    for name in ["x.webp", "x.TIFF", "x.ppm", "x.gif", "x.bmp"] {
        let root = tempfile::tempdir().unwrap();
        picture(&root.path().join("a/1.png"), 1);
        picture(&root.path().join(name), 1);
        let message = open(root.path(), Split::Train).unwrap_err().to_string();
        assert!(message.contains("lies beside the class folders"), "{message}");
    }
}

#[test]
fn a_class_whose_only_pictures_are_skipped_is_empty() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a/1.png", "b/1.png", "c/1.png", "c/2.png"] {
        picture(&root.path().join(name), 1);
    }
    fs::write(root.path().join("b/1.png"), "no picture").unwrap();
    fs::write(root.path().join("c/1.png"), "no picture").unwrap();
    let skip = FolderOptions { bad_files: BadSamples::Skip, ..FolderOptions::default() };
    let message = Folder::open(root.path(), Split::Train, &skip).unwrap_err().to_string();
    assert!(message.ends_with("1 class folder without pictures: b"), "{message}");
    picture(&root.path().join("b/2.png"), 1);
    let folder = Folder::open(root.path(), Split::Train, &skip).unwrap();
    let targets: Vec<_> = (0..folder.len()).map(|index| folder.target(index).unwrap()).collect();
    assert_eq!(targets, [0, 1, 2].map(Target::Class));
    assert!(folder.path(2).unwrap().ends_with("c/2.png"));
}

#[test]
fn thousands_of_classes_open_in_one_pass_and_messages_name_a_few() {
    let slow = std::env::var_os("CNN_SLOW_TESTS").is_some_and(|value| value == "1");
    let count = if slow { 100_000 } else { 500 };
    let root = tempfile::tempdir().unwrap();
    let first = root.path().join("00000/1.png");
    picture(&first, 1);
    for class in 1..count {
        let folder = root.path().join(format!("{class:05}"));
        fs::create_dir(&folder).unwrap();
        // A link where the system allows as many, to spare the disk.
        fs::hard_link(&first, folder.join("1.png"))
            .or_else(|_| fs::copy(&first, folder.join("1.png")).map(|_| ()))
            .unwrap();
    }
    let folder = open(root.path(), Split::Train).unwrap();
    assert_eq!((folder.len(), folder.classes().unwrap().len()), (count, count));
    assert_eq!(folder.target(count - 1).unwrap(), Target::Class(count - 1));
    let options =
        FolderOptions { classes: Some(Classes::sorted(["a"]).unwrap()), ..FolderOptions::default() };
    let message = Folder::open(root.path(), Split::Train, &options).unwrap_err().to_string();
    assert!(message.len() < 1000 && message.contains(&format!("and {} more", count - 20)), "{message}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_in_a_circle_are_bad_files_and_no_endless_walk() {
        let root = tempfile::tempdir().unwrap();
        picture(&root.path().join("a/1.png"), 1);
        symlink(root.path(), root.path().join("a/up")).unwrap();
        symlink("round", root.path().join("a/round")).unwrap();
        symlink("nowhere", root.path().join("a/nowhere.png")).unwrap();
        symlink("circle", root.path().join("circle")).unwrap();
        let message = open(root.path(), Split::Train).unwrap_err().to_string();
        assert!(message.starts_with("3 files cannot be used:"), "{message}");
        assert!(
            message.contains("a/up: is a folder") && message.contains("a/round: cannot be read"),
            "{message}"
        );
        let skip = FolderOptions { bad_files: BadSamples::Skip, ..FolderOptions::default() };
        assert_eq!(Folder::open(root.path(), Split::Train, &skip).unwrap().len(), 1);
    }

    #[test]
    fn a_linked_class_folder_is_a_class() {
        let [root, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        picture(&root.path().join("a/1.png"), 1);
        picture(&elsewhere.path().join("2.png"), 2);
        symlink(elsewhere.path(), root.path().join("b")).unwrap();
        assert_eq!(open(root.path(), Split::Train).unwrap().classes().unwrap().names(), ["a", "b"]);
    }
}
