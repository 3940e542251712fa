//! MNIST's kin in small files made here: names of files, turned pictures, first labels, columns of labels, archives.

use std::fs;
use std::io::Write;
use std::path::Path;

use cnn_data::sources::FolderOptions;
use cnn_data::{DataLocation, Dataset, Error, Pixels, Places, Split, Target};
use flate2::Compression;
use flate2::write::GzEncoder;

/// An IDX file of a type.
fn idx(code: u8, shape: &[u32], elements: &[u8]) -> Vec<u8> {
    let sizes = shape.iter().flat_map(|size| size.to_be_bytes());
    [0, 0, code, shape.len() as u8].into_iter().chain(sizes).chain(elements.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open(name: &str, place: &Path, split: Split) -> cnn_data::Result<std::sync::Arc<dyn Dataset>> {
    let places = Places::new().place("here", Some(place.to_owned()));
    Ok(DataLocation::resolve(name, &places)?.open(split, &FolderOptions::default())?.dataset)
}

fn levels(dataset: &dyn Dataset, index: usize) -> Vec<u8> {
    match dataset.get(index).unwrap().image.pixels() {
        Pixels::U8(levels) => levels.clone(),
        Pixels::U16(_) => panic!("8 bits"),
    }
}

#[test]
fn letters_of_emnist_are_turned_upright_and_counted_from_zero() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("EMNIST/raw");
    fs::create_dir_all(&folder).unwrap();
    let write = |labels: &[u8]| {
        let pictures = [1, 2, 3, 4, 5, 6, 7, 8];
        fs::write(folder.join("emnist-letters-train-images-idx3-ubyte"), idx(8, &[2, 2, 2], &pictures))
            .unwrap();
        let labels = gzip(&idx(8, &[2], labels));
        fs::write(folder.join("emnist-letters-train-labels-idx1-ubyte.gz"), labels).unwrap();
    };
    write(&[1, 26]);
    let letters = open("emnist-letters", root.path(), Split::Train).unwrap();
    assert_eq!((levels(&*letters, 0), levels(&*letters, 1)), (vec![1, 3, 2, 4], vec![5, 7, 6, 8]));
    assert_eq!(
        (letters.target(0).unwrap(), letters.target(1).unwrap()),
        (Target::Class(0), Target::Class(25))
    );
    assert_eq!(letters.classes().unwrap().name(25), Some("z"));
    assert!(matches!(open("emnist-digits", root.path(), Split::Train), Err(Error::NotFound { .. })));
    write(&[0, 26]);
    let message = open("emnist-letters", root.path(), Split::Train).err().unwrap().to_string();
    assert!(message.ends_with("label 0 of picture 0 is below 1"), "{message}");
    write(&[1, 27]);
    let message = open("emnist-letters", root.path(), Split::Train).err().unwrap().to_string();
    assert!(message.contains("label 26 of picture 1 is not below the 26 classes"), "{message}");
}

#[test]
fn the_class_is_the_first_of_the_eight_numbers_of_qmnist() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("qmnist");
    fs::create_dir(&folder).unwrap();
    let write = |columns: u32, first: &[i32]| {
        let rows =
            first.iter().flat_map(|&first| (0..columns).map(move |at| if at == 0 { first } else { 999 }));
        let numbers: Vec<u8> = rows.flat_map(i32::to_be_bytes).collect();
        let labels = idx(12, &[first.len() as u32, columns], &numbers);
        fs::write(folder.join("qmnist-test-labels-idx2-int"), labels).unwrap();
        let pictures = idx(8, &[2, 1, 1], &[3, 4]);
        fs::write(folder.join("qmnist-test-images-idx3-ubyte.gz"), gzip(&pictures)).unwrap();
    };
    write(8, &[7, 2]);
    let test = open("qmnist", root.path(), Split::Test).unwrap();
    assert_eq!((test.target(0).unwrap(), test.target(1).unwrap()), (Target::Class(7), Target::Class(2)));
    assert_eq!(levels(&*test, 1), [4]);
    let problem = || open("qmnist", root.path(), Split::Test).err().unwrap().to_string();
    write(8, &[-1, 2]);
    assert!(problem().ends_with("label -1 of picture 0 is below 0"), "{}", problem());
    write(7, &[1, 2]);
    assert!(problem().contains("labels of shape [2, 7] for 2 images, expected [2, 8]"), "{}", problem());
}

#[test]
fn kmnist_has_names_of_its_own_and_labels_of_other_types_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("kmnist");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("train-images-idx3-ubyte"), idx(8, &[1, 1, 1], &[3])).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte"), idx(8, &[1], &[9])).unwrap();
    let train = open("kmnist", root.path(), Split::Train).unwrap();
    assert_eq!(train.classes().unwrap().name(9), Some("wo"));
    assert!(matches!(open("kmnist", root.path(), Split::Validation), Err(Error::NoSplit { .. })));
    fs::write(folder.join("train-labels-idx1-ubyte"), idx(12, &[1], &[0, 0, 0, 9])).unwrap();
    let message = open("kmnist", root.path(), Split::Train).err().unwrap().to_string();
    assert!(
        message.ends_with("the labels are whole numbers of 32 bits, expected unsigned bytes"),
        "{message}"
    );
    fs::write(folder.join("train-images-idx3-ubyte"), idx(13, &[1, 1, 1], &[0; 4])).unwrap();
    let message = open("kmnist", root.path(), Split::Train).err().unwrap().to_string();
    assert!(message.ends_with("the pictures are numbers of 32 bits, expected unsigned bytes"), "{message}");
}

#[test]
fn cifar_is_read_from_its_archive_without_unpacking_it() {
    let root = tempfile::tempdir().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    for (name, labels) in [("train.bin", [3, 7]), ("test.bin", [4, 9])] {
        let record: Vec<u8> = labels.into_iter().chain((0..3072).map(|at| (at / 1024) as u8)).collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(record.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("cifar-100-binary/{name}"), &record[..]).unwrap();
    }
    let archive = root.path().join("cifar-100-binary.tar.gz");
    fs::write(&archive, gzip(&tar.into_inner().unwrap())).unwrap();
    let name = format!("cifar100:{}", archive.display());
    for text in ["cifar100", name.as_str()] {
        let test = open(text, root.path(), Split::Test).unwrap();
        assert_eq!((test.len(), test.target(0).unwrap()), (1, Target::Class(9)));
        assert_eq!(levels(&*test, 0)[..6], [0, 1, 2, 0, 1, 2]);
    }
    let coarse = open("cifar100-coarse", root.path(), Split::Train).unwrap();
    assert_eq!((coarse.target(0).unwrap(), coarse.classes().unwrap().len()), (Target::Class(3), 20));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    let wrong = open(&format!("cifar10:{}", archive.display()), root.path(), Split::Test).err().unwrap();
    assert!(wrong.to_string().ends_with("holds no file test_batch.bin"), "{wrong}");
}
