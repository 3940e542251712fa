//! What a user may write for a data set, where it is looked for, and what is said when it is not there.

use std::fs;
use std::path::Path;

use cnn_data::BadSamples;
use cnn_data::sources::FolderOptions;
use cnn_data::{Classes, DataLocation, Dataset, Error, Places, Split};
use cnn_tensor::{Tensor, npy};

fn idx(shape: &[u32], elements: &[u8]) -> Vec<u8> {
    let header = [0, 0, 8, shape.len() as u8];
    header
        .into_iter()
        .chain(shape.iter().flat_map(|size| size.to_be_bytes()))
        .chain(elements.iter().copied())
        .collect()
}

fn write_set(folder: &Path, labels: &[u8]) {
    let count = labels.len() as u32;
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("train-images-idx3-ubyte"), idx(&[count, 1, 1], labels)).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte"), idx(&[count], labels)).unwrap();
}

#[test]
fn a_name_is_found_in_the_first_place_that_has_it() {
    let root = tempfile::tempdir().unwrap();
    let [first, second, third] = ["first", "second", "third"].map(|name| root.path().join(name));
    fs::create_dir_all(first.join("fashion-mnist")).unwrap();
    write_set(&second.join("fashion-mnist"), &[1]);
    write_set(&third.join("fashion-mnist"), &[1]);
    let places = Places::new().place("--data-dir", Some(first)).place("CNN_DATA", Some(second.clone()));
    let places = places.place("the cache", Some(third));
    let location = DataLocation::resolve("fashion-mnist", &places).unwrap();
    assert_eq!(location.path(), second.join("fashion-mnist"));
    assert_eq!((location.name(), location.splits().unwrap()), ("fashion-mnist", vec![Split::Train]));
    let opened = location.open(Split::Train, &FolderOptions::default()).unwrap();
    assert_eq!(opened.dataset.classes().unwrap().name(9), Some("Ankle boot"));
}

#[test]
fn a_name_that_is_nowhere_names_all_places() {
    let places = Places::new().place("--data-dir", None).place("./data", Some("data".into()));
    let message = DataLocation::resolve("cifar10", &places).unwrap_err().to_string();
    let expected = "data set cifar10 was not found; looked in --data-dir (not set), data/cifar10 (./data): \
                    put its files into one of them, or write `cifar10:DIR`";
    assert_eq!(message, expected);
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let message = DataLocation::resolve("mnits", &Places::new()).unwrap_err().to_string();
    let expected = "unknown data set mnits: it is no folder, and the known names are \
                    mnist, fashion-mnist, kmnist, emnist-byclass, emnist-bymerge, emnist-balanced, \
                    emnist-letters, emnist-digits, emnist-mnist, qmnist, cifar10, cifar100, cifar100-coarse, \
                    idx, table, medmnist, npy (did you mean mnist?)";
    assert_eq!(message, expected);
    assert!(matches!(DataLocation::resolve("imagenet:/x", &Places::new()), Err(Error::UnknownName { .. })));
    let message = DataLocation::resolve("/no/such/photos", &Places::new()).unwrap_err().to_string();
    assert_eq!(message, "/no/such/photos: there is no such folder");
    assert!(
        DataLocation::resolve("idx", &Places::new()).unwrap_err().to_string().contains("write `idx:DIR`")
    );
    let message = DataLocation::resolve("mnist:/no/such/folder", &Places::new()).unwrap_err().to_string();
    assert_eq!(message, "/no/such/folder: is no folder, expected the one with the files of mnist");
}

#[test]
fn a_name_with_a_place_reads_from_there_and_classes_are_matched_by_name() {
    let root = tempfile::tempdir().unwrap();
    write_set(root.path(), &[2, 0, 2]);
    let location = DataLocation::resolve(&format!("idx:{}", root.path().display()), &Places::new()).unwrap();
    let open = |names: &[&str]| {
        let classes = Some(Classes::in_order(names.iter().copied()).unwrap());
        location.open(Split::Train, &FolderOptions { classes, ..FolderOptions::default() })
    };
    let targets =
        |dataset: &dyn Dataset| (0..3).map(|index| dataset.target(index).unwrap()).collect::<Vec<_>>();
    let turned = open(&["0", "2", "7"]).unwrap().dataset;
    assert_eq!(targets(&*turned), [1, 0, 1].map(cnn_data::Target::Class));
    let error = open(&["0", "1"]).err().unwrap();
    assert!(matches!(&error, Error::UnknownClass { names, .. } if names == &["2"]), "{error}");
}

#[test]
fn anything_else_is_a_folder_of_pictures() {
    let root = tempfile::tempdir().unwrap();
    let set = root.path().join("flowers");
    fs::create_dir_all(set.join("rose")).unwrap();
    image::GrayImage::new(3, 3).save(set.join("rose/1.png")).unwrap();
    let location = DataLocation::resolve(set.to_str().unwrap(), &Places::new()).unwrap();
    assert_eq!((location.name(), location.splits().unwrap()), ("flowers", vec![Split::Train]));
    let opened = location.open(Split::Train, &FolderOptions::default()).unwrap();
    assert_eq!((opened.dataset.len(), opened.skipped.len()), (1, 0));
}

#[test]
fn tables_and_arrays_are_told_by_their_ending_or_their_name() {
    let root = tempfile::tempdir().unwrap();
    let table = root.path().join("labels.csv");
    fs::write(&table, "path,label,split\n1.png,x,train\n2.png,x,test\nno.png,x,train\n").unwrap();
    for name in ["1.png", "2.png"] {
        image::GrayImage::new(3, 3).save(root.path().join(name)).unwrap();
    }
    let skip = FolderOptions { bad_files: BadSamples::Skip, ..FolderOptions::default() };
    for text in [table.display().to_string(), format!("table:{}", table.display())] {
        let location = DataLocation::resolve(&text, &Places::new()).unwrap();
        assert_eq!(
            (location.name(), location.splits().unwrap()),
            ("labels", vec![Split::Train, Split::Test])
        );
        let opened = location.open(Split::Train, &skip).unwrap();
        assert_eq!((opened.dataset.len(), opened.skipped.len()), (1, 1));
    }
    let image = Tensor::from_slice(&[2, 1, 1], &[7u8, 8]).unwrap();
    let label = Tensor::from_slice(&[2, 1], &[1u8, 0]).unwrap();
    for (name, tensor) in [("train_images.npy", &image), ("train_labels.npy", &label)] {
        npy::save(root.path().join(name), tensor).unwrap();
    }
    let at = |name: &str| root.path().join(name).display().to_string();
    for text in [
        format!("npy:{},{}", at("train_images.npy"), at("train_labels.npy")),
        format!("npy:{}", root.path().display()),
        format!("medmnist:{}", root.path().display()),
    ] {
        let location = DataLocation::resolve(&text, &Places::new()).unwrap();
        assert_eq!(location.splits().unwrap(), [Split::Train], "{text}");
        let classes = Some(Classes::in_order(["1", "0"]).unwrap());
        let opened = location.open(Split::Train, &FolderOptions { classes, ..FolderOptions::default() });
        assert_eq!(opened.unwrap().dataset.target(0).unwrap(), cnn_data::Target::Class(0));
        assert!(matches!(location.open(Split::Test, &skip), Err(Error::NoSplit { .. })), "{text}");
    }
    for (text, expected) in [
        ("table".to_owned(), "write `table:FILE.csv`"),
        ("medmnist".to_owned(), "write `medmnist:FILE.npz`"),
        (format!("npy:{}", at("train_images.npy")), "two files with a comma"),
        (at("1.png"), "is a file, expected a folder of pictures, a table"),
        ("cifar100:/no/such/place".to_owned(), "or their `.tar.gz` archive"),
    ] {
        let message = DataLocation::resolve(&text, &Places::new()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
