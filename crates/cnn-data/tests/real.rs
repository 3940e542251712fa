//! Real pictures, where the environment names a folder that holds them (`CNN_TEST_DATA`).

use std::path::PathBuf;

use cnn_data::decode::Decoder;
use cnn_data::sources::{Folder, FolderOptions, cifar, mnist};
use cnn_data::{Dataset, Loader, Preprocessing, ResizeMode, Sequential, Size, Split, Target};

/// A folder of the test data; `None`, and a line that says so, where it is not there.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CNN_TEST_DATA").map(|root| PathBuf::from(root).join(name));
    let there = folder.filter(|folder| folder.exists());
    if there.is_none() {
        eprintln!("skipped: CNN_TEST_DATA names no folder with {name}");
    }
    there
}

#[test]
fn a_folder_of_photographs_becomes_batches() {
    let Some(root) = data("clothing") else { return };
    assert_eq!(Folder::splits(&root).unwrap(), Split::ALL);
    let train = Folder::open(&root, Split::Train, &FolderOptions::default()).unwrap();
    let classes = train.classes().cloned();
    assert_eq!(classes.as_ref().unwrap().names()[..3], ["dress", "hat", "longsleeve"]);
    let options = FolderOptions { classes, ..FolderOptions::default() };
    let others = [Split::Validation, Split::Test].map(|split| Folder::open(&root, split, &options).unwrap());
    assert_eq!(train.len() + others[0].len() + others[1].len(), 1713);
    let preprocessing = Preprocessing::new(Size::new(64, 64), 3).unwrap().resize_mode(ResizeMode::CenterCrop);
    let [_, test] = others;
    let count = test.len();
    let loader = Loader::new(test, Sequential, preprocessing).batch_size(50).workers(2);
    let batches: Vec<_> = loader.epoch(0).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), count);
    let values = batches[0].images.to_vec::<f32>().unwrap();
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn every_factory_picture_is_whole_and_counted() {
    let Some(root) = data("magnetic-tile/images") else { return };
    let folder = Folder::open(&root, Split::Train, &FolderOptions::default()).unwrap();
    assert_eq!(folder.classes().unwrap().names(), ["blowhole", "break", "crack", "fray", "free", "uneven"]);
    let mut counts = [0; 6];
    for index in 0..folder.len() {
        let Target::Class(class) = folder.target(index).unwrap() else { panic!("folders are classes") };
        counts[class] += 1;
    }
    assert_eq!(counts, [115, 85, 57, 32, 300, 103]);
    assert_eq!(folder.get(0).unwrap().image.channels(), 1);
}

#[test]
fn photographs_of_every_origin_decode() {
    let Some(root) = data("images") else { return };
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let is_picture = path.extension().is_some_and(|extension| extension == "jpg" || extension == "png");
        if is_picture {
            let image = Decoder::default().open(&path).unwrap();
            assert!(image.height() > 100 && image.width() > 100, "{}", path.display());
        }
    }
}

#[test]
fn fashion_mnist_and_cifar10_load() {
    if let Some(folder) = data("fashion-mnist") {
        let train = mnist::load(&folder, mnist::Family::FashionMnist, Split::Train).unwrap();
        assert_eq!((train.len(), train.labels()[0]), (60_000, 9));
    }
    if let Some(folder) = data("cifar-10-batches-bin") {
        let test = cifar::load(&folder, cifar::Family::Cifar10, Split::Test).unwrap();
        assert_eq!((test.len(), test.labels()[0], test.channels()), (10_000, 3, 3));
    }
}
