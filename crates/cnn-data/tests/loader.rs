//! Batches are the same whatever prepares them, errors and panics reach the caller, and dropping a loader stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cnn_data::transform::{
    Augmentation, CutMix, Interpolation, MixUp, Pipeline, RandomAffine, RandomCrop, RandomErasing,
};
use cnn_data::{
    Batch, Classes, Dataset, Error, Image, InMemory, LastBatch, Loader, Preprocessing, Result, Sample,
    Sampler, Shuffled, Size, Stratified, Target, Weighted,
};

const SIZE: Size = Size { height: 6, width: 5 };

fn pictures(count: usize) -> InMemory {
    let sample = |index: usize| {
        let levels =
            (0..SIZE.height * SIZE.width * 3).map(|at| ((at * 7 + index * 31) % 256) as u8).collect();
        Sample::new(Image::from_u8(SIZE, 3, levels).unwrap(), Target::Class(index % 4))
    };
    InMemory::new((0..count).map(sample).collect())
}

fn preprocessing() -> Preprocessing {
    Preprocessing::new(SIZE, 3).unwrap().normalize(&[0.5, 0.4, 0.3], &[0.2, 0.3, 0.4]).unwrap()
}

fn augmentation() -> Pipeline {
    Pipeline::from(vec![
        Augmentation::RandomAffine(
            RandomAffine::new(20.0).scale([0.8, 1.2]).interpolation(Interpolation::Bilinear),
        ),
        Augmentation::RandomCrop(RandomCrop::default().padding(1)),
        Augmentation::RandomErasing(RandomErasing::default()),
    ])
}

fn loader(count: usize) -> Loader {
    Loader::new(pictures(count), Shuffled::new(3), preprocessing()).augment(augmentation(), 5).batch_size(8)
}

type Contents = (Vec<f32>, Vec<i64>, Vec<usize>);

fn contents(batch: Result<Batch>) -> Contents {
    let batch = batch.unwrap();
    (batch.images.to_vec().unwrap(), batch.labels.to_vec().unwrap(), batch.indices)
}

fn epoch(loader: &Loader, epoch: u64) -> Vec<Contents> {
    loader.epoch(epoch).unwrap().map(contents).collect()
}

#[test]
fn batches_are_the_same_whatever_the_number_of_workers() {
    let expected = epoch(&loader(50).workers(0), 2);
    assert_eq!(expected.len(), 7);
    assert_eq!(expected[6].2.len(), 2);
    for workers in [1, 2, 3, 16] {
        for prefetch in [0, 1, 100] {
            assert!(
                epoch(&loader(50).workers(workers).prefetch(prefetch), 2) == expected,
                "{workers} workers"
            );
        }
    }
    assert!(epoch(&loader(50), 3) != expected);
}

#[test]
fn every_sample_comes_once_with_its_own_label_and_pixels() {
    let batches = epoch(&Loader::new(pictures(50), Shuffled::new(1), preprocessing()).batch_size(7), 0);
    let mut met: Vec<usize> = Vec::new();
    for (images, labels, indices) in batches {
        for ((index, label), image) in
            indices.iter().zip(labels).zip(images.chunks(SIZE.height * SIZE.width * 3))
        {
            assert_eq!(label as usize, index % 4);
            let first = ((index * 31) % 256) as f32;
            assert!((image[0] - (first / 255.0 - 0.5) / 0.2).abs() < 1e-5);
        }
        met.extend(indices);
    }
    met.sort_unstable();
    assert_eq!(met, (0..50).collect::<Vec<_>>());
}

#[test]
fn an_epoch_goes_on_where_it_was_left() {
    let loader = loader(50).workers(2);
    let whole = epoch(&loader, 4);
    let mut first = loader.epoch(4).unwrap();
    let mut batches: Vec<Contents> = first.by_ref().take(3).map(contents).collect();
    let position = first.position();
    drop(first);
    assert_eq!((position.epoch, position.batch), (4, 3));
    let mut second = batches.clone();
    second.extend(loader.epoch_from(4, 3).unwrap().map(contents));
    assert!(second == whole);
    let saved = serde_json::to_string(&position).unwrap();
    let position = serde_json::from_str(&saved).unwrap();
    batches.extend(loader.resume(&position).unwrap().map(contents));
    assert!(batches == whole);
    assert_eq!(loader.epoch_from(4, 7).unwrap().count(), 0);
    assert!(matches!(loader.epoch_from(4, 8), Err(Error::Argument { .. })));
}

#[test]
fn the_last_batch_is_kept_or_dropped() {
    let lengths = |loader: Loader| epoch(&loader, 0).iter().map(|batch| batch.2.len()).collect::<Vec<_>>();
    assert_eq!(lengths(loader(20)), [8, 8, 4]);
    assert_eq!(lengths(loader(20).last_batch(LastBatch::Drop)), [8, 8]);
    assert_eq!(loader(20).batches_per_epoch(), 3);
    assert_eq!(loader(20).last_batch(LastBatch::Drop).batches_per_epoch(), 2);
}

/// Batches whose labels are shares of the classes.
fn mixed(loader: &Loader, epoch: u64, start: usize) -> Vec<(Vec<f32>, Vec<f32>)> {
    let numbers = |batch: Result<Batch>| {
        let batch = batch.unwrap();
        (batch.images.to_vec().unwrap(), batch.labels.to_vec().unwrap())
    };
    loader.epoch_from(epoch, start).unwrap().map(numbers).collect()
}

#[test]
fn mixing_is_keyed_by_seed_epoch_and_number_of_the_batch() {
    let mixing = |seed| loader(50).mix(MixUp::new(1.0).num_classes(4), seed);
    let whole = mixed(&mixing(1).workers(0), 2, 0);
    assert_eq!(mixed(&mixing(1).workers(3), 2, 0), whole);
    assert_eq!(mixed(&mixing(1), 2, 4), whole[4..]);
    let share = |batches: &[(Vec<f32>, Vec<f32>)]| {
        batches.iter().map(|(_, labels)| labels.iter().map(|share| share * share).sum()).collect::<Vec<f32>>()
    };
    let met = share(&whole);
    assert_ne!(met[0], met[1]);
    assert_ne!(share(&mixed(&mixing(1), 3, 0)), met);
    assert_ne!(share(&mixed(&mixing(2), 2, 0)), met);
    for (_, labels) in &whole {
        assert!(labels.chunks(4).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
    }
}

#[test]
fn mixing_without_a_number_of_classes_is_an_error_that_says_what_to_do() {
    let first = |loader: Loader| loader.epoch(0).and_then(|mut batches| batches.next().unwrap());
    let message = first(loader(9).mix(CutMix::new(1.0), 1)).unwrap_err().to_string();
    assert_eq!(
        message,
        "classes to mix is \"none\", expected a data set that names its classes, or `num_classes` of the transform"
    );
    let named = pictures(9).with_classes(Classes::sorted(["a", "b", "c", "d"]).unwrap());
    let named = Loader::new(named, Shuffled::new(3), preprocessing()).batch_size(8).mix(CutMix::new(1.0), 1);
    assert_eq!(first(named).unwrap().labels.shape(), [8, 4]);
    assert!(
        first(loader(9).mix(CutMix::new(-1.0), 1)).unwrap_err().to_string().starts_with("cut-mix: alpha")
    );
}

/// Draws the first sample again and again.
struct Again;

impl Sampler for Again {
    fn order(&self, _len: usize, _epoch: u64) -> Vec<usize> {
        vec![0; 6]
    }

    fn draws(&self, _len: usize) -> usize {
        6
    }
}

#[test]
fn a_sample_that_is_drawn_twice_is_augmented_twice() {
    let loader = Loader::new(pictures(2), Again, preprocessing()).augment(augmentation(), 1).batch_size(6);
    let (images, _, indices) = epoch(&loader, 0).remove(0);
    assert_eq!(indices, [0; 6]);
    let images: Vec<&[f32]> = images.chunks(SIZE.height * SIZE.width * 3).collect();
    for first in 0..6 {
        for second in 0..first {
            assert_ne!(images[first], images[second], "{first} {second}");
        }
    }
}

#[test]
fn a_position_of_another_loader_is_refused_with_what_differs() {
    let position = loader(50).epoch(4).unwrap().position();
    let message = |loader: Loader| loader.resume(&position).unwrap_err().to_string();
    let prefix = "the position does not fit this loader: ";
    assert_eq!(
        message(loader(50).batch_size(9)),
        format!("{prefix}batch size is 8 in the position and 9 here")
    );
    assert_eq!(
        message(loader(51).last_batch(LastBatch::Drop)),
        format!(
            "{prefix}number of samples is 50 in the position and 51 here; \
             last batch is keep in the position and drop here"
        )
    );
    let other = |seed, augmented| {
        let loader = Loader::new(pictures(50), Shuffled::new(seed), preprocessing()).batch_size(8);
        loader.augment(augmentation(), augmented)
    };
    assert_eq!(
        message(other(4, 5)),
        format!("{prefix}the sampler draws in another order, so it has another seed or kind")
    );
    assert_eq!(message(other(3, 6)), format!("{prefix}augmentation seed is 5 in the position and 6 here"));
    assert_eq!(
        message(other(3, 5).mix(MixUp::new(0.2), 1)),
        format!("{prefix}mixing seed is none in the position and 1 here")
    );
    let mut late = position.clone();
    late.batch = 8;
    let error = loader(50).resume(&late).unwrap_err();
    assert!(error.to_string().starts_with("first batch is 8, expected at most 7"), "{error}");
}

#[test]
fn samplers_that_were_made_for_another_set_or_batch_size_are_refused() {
    let set = pictures(20);
    let with = |sampler: Box<dyn Sampler>, size| {
        Loader::new(pictures(20), sampler, preprocessing()).batch_size(size).epoch(0).map(Iterator::count)
    };
    let balanced = || Weighted::balanced(&set, 1).unwrap();
    assert_eq!(with(Box::new(balanced().num_samples(33)), 8).unwrap(), 5);
    assert_eq!(with(Box::new(Stratified::new(&set, 8, 1).unwrap()), 8).unwrap(), 3);
    assert!(with(Box::new(Stratified::new(&set, 8, 1).unwrap()), 4).is_err());
    assert!(with(Box::new(Weighted::new(&[1.0; 19], 1).unwrap()), 4).is_err());
}

#[test]
fn readers_of_one_loader_do_not_disturb_each_other() {
    let loader = loader(50).workers(2);
    let expected: Vec<_> = (0..3).map(|number| epoch(&loader, number)).collect();
    std::thread::scope(|scope| {
        let read = |number: u64| {
            let loader = &loader;
            scope.spawn(move || epoch(loader, number))
        };
        let readers: Vec<_> = (0..6).map(|reader| read(reader % 3)).collect();
        for (reader, thread) in readers.into_iter().enumerate() {
            assert!(thread.join().unwrap() == expected[reader % 3], "reader {reader}");
        }
    });
}

/// Fails or panics at one sample, and counts the others.
struct Faulty {
    fault: fn() -> Result<Sample>,
    asked: Arc<AtomicUsize>,
}

impl Dataset for Faulty {
    fn len(&self) -> usize {
        1000
    }

    fn get(&self, index: usize) -> Result<Sample> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if index == 70 { (self.fault)() } else { pictures(1).get(0) }
    }
}

fn faulty(fault: fn() -> Result<Sample>) -> (Loader, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let dataset = Faulty { fault, asked: asked.clone() };
    (Loader::new(dataset, cnn_data::Sequential, preprocessing()).batch_size(10).prefetch(1), asked)
}

#[test]
fn an_error_in_a_worker_reaches_the_caller_at_its_place_and_ends_the_epoch() {
    for workers in [0, 1, 3] {
        let (loader, _) = faulty(|| Err(Error::other("the disk is gone")));
        let mut batches = loader.workers(workers).epoch(0).unwrap();
        assert_eq!(batches.by_ref().take(7).filter(|batch| batch.is_ok()).count(), 7);
        let message = batches.next().unwrap().unwrap_err().to_string();
        assert_eq!(message, "sample 70: the disk is gone");
        assert!(batches.next().is_none());
    }
}

#[test]
fn a_panic_in_a_worker_is_an_error() {
    for workers in [0, 2] {
        let (loader, _) = faulty(|| panic!("number {}", 70));
        let error = loader.workers(workers).epoch(0).unwrap().find_map(Result::err).unwrap();
        assert_eq!(error.to_string(), "sample 70: a worker panicked while it prepared batch 7: number 70");
    }
}

#[test]
fn workers_stay_within_their_window_and_stop_when_the_batches_are_dropped() {
    let (loader, asked) = faulty(|| pictures(1).get(0));
    let mut batches = loader.workers(2).epoch(0).unwrap();
    batches.next().unwrap().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while asked.load(Ordering::SeqCst) < 40 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(50));
    // One batch was taken; two workers and one batch ahead may be begun after it.
    assert_eq!(asked.load(Ordering::SeqCst), 40);
    drop(batches);
    let after = asked.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(asked.load(Ordering::SeqCst), after);
}

#[test]
fn pictures_in_flight_are_bounded_by_workers_and_prefetch() {
    for (workers, prefetch) in [(1, 0), (2, 3), (4, 1)] {
        let (loader, asked) = faulty(|| pictures(1).get(0));
        let mut most = 0;
        for (taken, batch) in loader.workers(workers).prefetch(prefetch).epoch(0).unwrap().enumerate() {
            batch.unwrap();
            most = most.max(asked.load(Ordering::SeqCst) - (taken + 1) * 10);
        }
        assert!(most <= (workers + prefetch) * 10, "{workers} {prefetch}: {most}");
    }
}

#[test]
fn arguments_out_of_range_are_refused_before_the_first_batch() {
    let message = |loader: Loader| loader.epoch(0).err().unwrap().to_string();
    assert_eq!(message(loader(5).batch_size(0)), "batch size is 0, expected 1 or more");
    assert_eq!(loader(5).batch_size(0).batches_per_epoch(), 0);
    assert!(message(loader(5).workers(5000)).starts_with("number of workers is 5000"));
    assert!(
        message(Loader::new(InMemory::new(vec![]), Shuffled::new(1), preprocessing()))
            .contains("at least one")
    );
    let wrong = Pipeline::new().then(RandomAffine::new(f32::INFINITY));
    assert!(message(loader(5).augment(wrong, 1)).starts_with("random-affine: degrees is [-inf, inf]"));
    assert!(message(Loader::new(InMemory::new(vec![]), Again, preprocessing())).contains("at least one"));
}
