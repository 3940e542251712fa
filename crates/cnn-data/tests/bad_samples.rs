//! Samples that cannot be read: an error by default; where they are left out they are listed, the batches are the same
//! whatever the number of workers, and a run that resumes knows them.

use std::fs;
use std::path::Path;

use cnn_data::sources::{Folder, FolderOptions};
use cnn_data::{
    BadSamples, Batch, Dataset, Error, Image, Loader, Position, Preprocessing, Result, Sample, Sequential,
    Shuffled, Size, Split, Target,
};

/// Samples of which some cannot be read.
#[derive(Clone)]
struct Damaged {
    len: usize,
    bad: Vec<usize>,
}

impl Dataset for Damaged {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Sample> {
        if self.bad.contains(&index) {
            return Err(Error::other(format!("picture {index} is torn")));
        }
        Ok(Sample::new(Image::from_u8(Size::new(1, 1), 1, vec![index as u8])?, Target::Class(index)))
    }

    fn path(&self, index: usize) -> Option<&Path> {
        (index == 5).then_some(Path::new("five.png"))
    }
}

fn damaged(bad: &[usize]) -> Damaged {
    Damaged { len: 30, bad: bad.to_vec() }
}

fn preprocessing() -> Preprocessing {
    Preprocessing::new(Size::new(1, 1), 1).unwrap()
}

fn loader(bad: &[usize], policy: BadSamples) -> Loader {
    let loader = Loader::new(damaged(bad), Sequential, preprocessing());
    loader.batch_size(4).bad_samples(policy)
}

/// What a batch holds, after a check that its pictures and labels are those of its indices.
fn indices(batch: Result<Batch>) -> Vec<usize> {
    let batch = batch.unwrap();
    assert_eq!(batch.images.shape(), [batch.len(), 1, 1, 1]);
    let levels: Vec<usize> =
        batch.images.to_vec::<f32>().unwrap().iter().map(|level| (level * 255.0).round() as usize).collect();
    let labels: Vec<usize> =
        batch.labels.to_vec::<i64>().unwrap().iter().map(|&label| label as usize).collect();
    assert_eq!((&levels, &labels), (&batch.indices, &batch.indices));
    batch.indices
}

#[test]
fn a_bad_sample_is_left_out_of_its_batch_and_an_empty_batch_is_passed_over() {
    for workers in [0, 1, 3] {
        let loader = loader(&[0, 5, 8, 9, 10, 11, 29], BadSamples::Skip).workers(workers);
        let mut batches = loader.epoch(0).unwrap();
        let met: Vec<_> = batches.by_ref().map(indices).collect();
        let expected: [&[usize]; 7] = [
            &[1, 2, 3],
            &[4, 6, 7],
            &[12, 13, 14, 15],
            &[16, 17, 18, 19],
            &[20, 21, 22, 23],
            &[24, 25, 26, 27],
            &[28],
        ];
        assert_eq!(met, expected);
        let skipped: Vec<_> = batches.skipped().iter().map(|bad| bad.index).collect();
        assert_eq!(skipped, [0, 5, 8, 9, 10, 11, 29]);
        assert_eq!(batches.skipped()[0].to_string(), "sample 0: picture 0 is torn");
        assert_eq!(batches.skipped()[1].problem, "five.png: picture 5 is torn");
        assert_eq!(loader.skipped(), batches.skipped());
        // They are tried again, and listed once for the loader.
        assert_eq!(loader.epoch(1).unwrap().map(indices).collect::<Vec<_>>(), expected);
        assert_eq!(loader.skipped().len(), 7);
    }
}

#[test]
fn by_default_a_bad_sample_is_an_error_that_names_its_file() {
    for workers in [0, 2] {
        let mut batches = loader(&[5], BadSamples::Error).workers(workers).epoch(0).unwrap();
        assert!(batches.next().unwrap().is_ok());
        let error = batches.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "sample 5 (five.png): picture 5 is torn");
        assert!(batches.next().is_none());
    }
}

#[test]
fn a_sample_in_quarantine_is_not_drawn_in_later_epochs() {
    for workers in [0, 2] {
        let loader = loader(&[2, 17], BadSamples::Quarantine).workers(workers);
        let lengths = |number| {
            let mut batches = loader.epoch(number).unwrap();
            let lengths: Vec<usize> = batches.by_ref().map(|batch| indices(batch).len()).collect();
            (lengths, batches.skipped().len())
        };
        assert_eq!(lengths(0), (vec![3, 4, 4, 4, 3, 4, 4, 2], 2));
        assert_eq!(lengths(1), (vec![4; 7], 0));
        let quarantined: Vec<usize> = loader.skipped().iter().map(|bad| bad.index).collect();
        assert_eq!(quarantined, [2, 17]);
    }
}

#[test]
fn only_what_was_delivered_is_in_quarantine_however_far_the_workers_are() {
    let loader = loader(&[2, 9, 17], BadSamples::Quarantine).workers(2).prefetch(8);
    let mut batches = loader.epoch(0).unwrap();
    batches.by_ref().take(1).for_each(|batch| drop(indices(batch)));
    assert_eq!(loader.skipped().len(), 1);
    assert_eq!(batches.position().skipped.len(), 1);
}

#[test]
fn a_resumed_run_knows_its_quarantine_and_has_the_same_batches() {
    let fresh = || {
        let loader = Loader::new(damaged(&[3, 8, 20, 21]), Shuffled::new(1), preprocessing()).batch_size(4);
        loader.bad_samples(BadSamples::Quarantine)
    };
    let run = |loader: &Loader, epochs: std::ops::Range<u64>| -> Vec<Vec<usize>> {
        epochs.flat_map(|number| loader.epoch(number).unwrap().map(indices).collect::<Vec<_>>()).collect()
    };
    let whole = run(&fresh(), 0..3);
    for stop in 0..8 {
        for first in [0, 1] {
            let loader = fresh();
            let mut met = run(&loader, 0..first);
            let mut batches = loader.epoch(first).unwrap();
            met.extend(batches.by_ref().take(stop).map(indices));
            let saved = serde_json::to_string(&batches.position()).unwrap();
            drop((batches, loader));

            let loader = fresh().workers(2);
            let position: Position = serde_json::from_str(&saved).unwrap();
            let mut batches = loader.resume(&position).unwrap();
            met.extend(batches.by_ref().map(indices));
            met.extend(run(&loader, first + 1..3));
            assert_eq!(met, whole, "stopped after {stop} batches of epoch {first}");
            assert_eq!(loader.skipped().len(), 4);
        }
    }
}

#[test]
fn an_epoch_of_which_nothing_is_left_is_an_error() {
    let all: Vec<usize> = (0..30).collect();
    let loader = loader(&all, BadSamples::Quarantine);
    let mut batches = loader.epoch(0).unwrap();
    let message = batches.next().unwrap().unwrap_err().to_string();
    assert_eq!(message, "none of the 30 samples drawn can be used; the first, sample 0: picture 0 is torn");
    assert!(batches.next().is_none());
    assert!(matches!(loader.epoch(1), Err(Error::NothingLeft { count: 30, .. })));
}

#[test]
fn a_position_with_another_policy_or_with_samples_that_are_not_there_is_refused() {
    let mut batches = loader(&[2], BadSamples::Quarantine).epoch(0).unwrap();
    batches.next().unwrap().unwrap();
    let mut position = batches.position();
    let message =
        |position: &Position| loader(&[2], BadSamples::Skip).resume(position).unwrap_err().to_string();
    assert!(message(&position).ends_with("bad samples is quarantine in the position and skip here"));
    position.skipped[0].index = 30;
    assert!(message(&position).ends_with("it leaves out sample 30 of 30"));
}

#[test]
fn a_file_that_vanishes_during_an_epoch_is_named_or_left_out() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..8 {
        let path = root.path().join(format!("a/{number}.png"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(1, 1, image::Luma([number])).save(path).unwrap();
    }
    let folder = Folder::open(root.path(), Split::Train, &FolderOptions::default()).unwrap();
    let loader = |policy| {
        let loader = Loader::new(folder.clone(), Sequential, preprocessing());
        loader.batch_size(2).workers(1).prefetch(0).bad_samples(policy)
    };
    let (mut strict, mut lenient) =
        (loader(BadSamples::Error).epoch(0).unwrap(), loader(BadSamples::Skip).epoch(0).unwrap());
    assert!(strict.next().unwrap().is_ok() && lenient.next().unwrap().is_ok());
    let gone = root.path().join("a/7.png");
    fs::remove_file(&gone).unwrap();
    let error = strict.find_map(Result::err).unwrap().to_string();
    assert!(error.starts_with(&format!("sample 7: cannot read {}: ", gone.display())), "{error}");
    let lengths: Vec<usize> = lenient.by_ref().map(|batch| batch.unwrap().len()).collect();
    assert_eq!(lengths, [2, 2, 1]);
    assert!(lenient.skipped()[0].problem.contains("7.png"));
}

#[test]
fn errors_of_the_pipeline_are_never_skipped() {
    let wide = Preprocessing::new(Size::new(1, 1), 2).unwrap();
    let loader = Loader::new(damaged(&[]), Sequential, wide).bad_samples(BadSamples::Skip);
    assert!(loader.epoch(0).unwrap().next().unwrap().is_err());
}
