//! Kept pictures are the decoded ones: with any budget, any number of workers, and whatever befalls the files.

use std::fs;
use std::path::{Path, PathBuf};

use cnn_data::sources::{Folder, FolderOptions};
use cnn_data::{Cached, Dataset, Loader, Preprocessing, Sample, Shuffled, Size, Split};

/// A folder of ten pictures of 16 bits and grey ones of 8.
fn pictures(root: &Path) -> Folder {
    for number in 0..10u8 {
        let path = root.join(format!("{}/{number}.png", number % 2));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if number < 5 {
            image::GrayImage::from_fn(6, 5, |x, y| image::Luma([number * 9 + (x * y) as u8]))
                .save(path)
                .unwrap();
        } else {
            let level = |x: u32| u16::from(number) * 3001 + x as u16;
            image::ImageBuffer::<image::Rgb<u16>, _>::from_fn(6, 5, |x, y| {
                image::Rgb([level(x), level(y), level(x * y)])
            })
            .save(path)
            .unwrap();
        }
    }
    Folder::open(root, Split::Train, &FolderOptions::default()).unwrap()
}

fn all(dataset: &impl Dataset) -> Vec<Sample> {
    (0..dataset.len()).map(|index| dataset.get(index).unwrap()).collect()
}

/// The files of a cache.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = (fs::read_dir(folder).unwrap())
        .flat_map(|shelf| fs::read_dir(shelf.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn memory_gives_what_it_was_given_and_stays_within_its_budget() {
    let root = tempfile::tempdir().unwrap();
    let folder = pictures(root.path());
    let expected = all(&folder);
    for budget in [0, 100, 700, 1 << 20] {
        let cached = Cached::new(&folder).memory(budget);
        for _ in 0..3 {
            assert_eq!(all(&cached), expected);
        }
        let usage = cached.usage();
        assert!(usage.memory_bytes <= budget);
        assert_eq!(usage.from_memory + usage.decoded, 30);
        match budget {
            0 => assert_eq!(usage.decoded, 30),
            700 => assert!(usage.decoded > 10 && usage.decoded < 30),
            100 => {}
            _ => assert_eq!(usage.decoded, 10),
        }
    }
}

#[test]
fn the_disk_serves_later_runs_and_damaged_files_are_decoded_anew() {
    let root = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let folder = pictures(root.path());
    let expected = all(&folder);
    let run = || {
        let cached = Cached::new(&folder).disk(store.path(), 1 << 20).unwrap();
        assert_eq!(all(&cached), expected);
        let usage = cached.usage();
        assert_eq!(usage.problem, None);
        (usage.decoded, usage.from_disk, usage.replaced)
    };
    assert_eq!(run(), (10, 0, 0));
    assert_eq!(run(), (0, 10, 0));
    let kept = files(store.path());
    assert_eq!(kept.len(), 10);
    let whole = fs::read(&kept[0]).unwrap();
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(&kept[0], altered).unwrap();
        assert_eq!(run(), (1, 9, 1), "byte {at}");
    }
    fs::write(&kept[1], &whole[..whole.len() / 2]).unwrap();
    fs::write(&kept[2], "").unwrap();
    // The picture of another file under this name.
    fs::copy(&kept[4], &kept[3]).unwrap();
    assert_eq!(run(), (3, 7, 3));
    assert_eq!(run(), (0, 10, 0));
}

#[test]
fn a_picture_that_changed_is_decoded_anew() {
    let root = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let folder = pictures(root.path());
    let cached = Cached::new(&folder).disk(store.path(), 1 << 20).unwrap();
    all(&cached);
    image::GrayImage::from_pixel(9, 9, image::Luma([77])).save(root.path().join("0/0.png")).unwrap();
    assert_eq!(cached.get(0).unwrap().image.size(), Size::new(9, 9));
    assert_eq!(cached.usage().decoded, 11);
}

#[test]
fn the_disk_stays_within_its_budget() {
    let root = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let folder = pictures(root.path());
    let expected = all(&folder);
    for _ in 0..2 {
        let cached = Cached::new(&folder).disk(store.path(), 800).unwrap();
        assert_eq!(all(&cached), expected);
    }
    let bytes: u64 = files(store.path()).iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes > 0 && bytes <= 800, "{bytes}");
}

#[test]
fn caches_that_share_a_folder_never_give_a_wrong_picture() {
    let root = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let folder = pictures(root.path());
    let expected = all(&folder);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let cached = Cached::new(&folder).disk(store.path(), 1 << 20).unwrap();
                    assert_eq!(all(&cached), expected);
                    assert_eq!(cached.usage().problem, None);
                }
            });
        }
    });
    assert_eq!(files(store.path()).len(), 10);
}

#[test]
fn batches_are_the_same_with_and_without_a_cache() {
    let root = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let folder = pictures(root.path());
    let batches = |loader: Loader, workers: usize| -> Vec<(Vec<f32>, Vec<usize>)> {
        let loader = loader.batch_size(3).workers(workers);
        let epochs = (0..2).flat_map(|epoch| loader.epoch(epoch).unwrap());
        epochs
            .map(|batch| batch.map(|batch| (batch.images.to_vec().unwrap(), batch.indices)).unwrap())
            .collect()
    };
    let preprocessing = || Preprocessing::new(Size::new(5, 6), 3).unwrap();
    let expected = batches(Loader::new(folder.clone(), Shuffled::new(1), preprocessing()), 0);
    for workers in [0, 1, 3] {
        let cached = Cached::new(folder.clone()).memory(600).disk(store.path(), 1 << 20).unwrap();
        assert!(batches(Loader::new(cached, Shuffled::new(1), preprocessing()), workers) == expected);
    }
}
