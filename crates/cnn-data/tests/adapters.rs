//! Data sets made of data sets: what they hold, what they say of their targets, and what they refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cnn_data::{Classes, Dataset, Error, Image, Pixels, Result, Sample, Size, Target};

/// Pictures of one pixel whose level is their index; it counts how often one is decoded.
#[derive(Debug, Clone)]
struct Counted {
    len: usize,
    classes: Option<Classes>,
    decoded: Arc<AtomicUsize>,
}

impl Dataset for Counted {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Sample> {
        self.decoded.fetch_add(1, Ordering::SeqCst);
        let image = Image::from_u8(Size::new(1, 1), 1, vec![index as u8])?;
        Ok(Sample::new(image, self.target(index)?))
    }

    fn target(&self, index: usize) -> Result<Target> {
        match index {
            _ if index < self.len => Ok(Target::Class(index % 3)),
            _ => Err(Error::other(format!("no sample {index}"))),
        }
    }

    fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }
}

fn counted(len: usize, names: &[&str]) -> Counted {
    let classes = (!names.is_empty()).then(|| Classes::in_order(names.iter().copied()).unwrap());
    Counted { len, classes, decoded: Arc::default() }
}

fn levels(dataset: &dyn Dataset) -> Vec<u8> {
    let level = |index| match dataset.get(index).unwrap().image.pixels() {
        Pixels::U8(levels) => levels[0],
        Pixels::U16(_) => panic!("8 bits"),
    };
    (0..dataset.len()).map(level).collect()
}

fn targets(dataset: &dyn Dataset) -> Vec<usize> {
    (0..dataset.len()).map(|index| dataset.target(index).unwrap().class().unwrap()).collect()
}

fn doubled(sample: Sample) -> Result<Sample> {
    let Pixels::U8(levels) = sample.image.pixels() else { panic!("8 bits") };
    Ok(Sample::new(Image::from_u8(Size::new(1, 1), 1, vec![levels[0] * 2])?, sample.target))
}

#[test]
fn adapters_chain_like_those_of_iterators_and_targets_need_no_decoding() {
    let inner = counted(7, &["a", "b", "c"]);
    let shared: Arc<dyn Dataset> = Arc::new(inner.clone());
    let made = shared.filter(|index, target| index > 0 && *target != Target::Class(2)).unwrap();
    let made =
        made.map(doubled).repeat(2).unwrap().concat(inner.clone().subset(vec![5, 2]).unwrap()).unwrap();
    assert_eq!(targets(&made), [1, 0, 1, 0, 1, 0, 1, 0, 2, 2]);
    assert_eq!(made.classes(), inner.classes());
    assert_eq!(inner.decoded.load(Ordering::SeqCst), 0);
    assert_eq!(levels(&made), [2, 6, 8, 12, 2, 6, 8, 12, 5, 2]);
    assert_eq!(inner.decoded.load(Ordering::SeqCst), 10);
    let boxed: Box<dyn Dataset> = Box::new(made);
    assert!(matches!(boxed.get(10), Err(Error::Argument { .. })));
    assert!(matches!(boxed.target(10), Err(Error::Argument { .. })));
}

#[test]
fn targets_are_mapped_with_their_pictures_and_named_anew() {
    let inner = counted(4, &["cat", "dog", "car"]);
    let living = |target: Target| Ok(Target::Class(usize::from(target.class()? == 2)));
    let made = inner.clone().map_target(living);
    assert!(made.classes().is_none());
    let made = made.named(Classes::in_order(["animal", "thing"]).unwrap());
    assert_eq!(targets(&made), [0, 0, 1, 0]);
    assert_eq!(inner.decoded.load(Ordering::SeqCst), 0);
    assert_eq!((made.get(2).unwrap().target, made.classes().unwrap().len()), (Target::Class(1), 2));
    assert_eq!(made.get(4).unwrap_err().to_string(), "no sample 4");
}

#[test]
fn a_mapped_sample_keeps_its_target() {
    let wrong = counted(2, &[]).map(|sample| Ok(Sample::new(sample.image, Target::Class(9))));
    assert_eq!(
        wrong.get(1).unwrap_err().to_string(),
        "target of a mapped sample is Class(9), expected Class(1) as before; `map_target` changes targets"
    );
    let numbers = counted(1, &[]).map_target(|_| Ok(Target::Numbers(vec![f32::NAN])));
    assert!(numbers.map(Ok).get(0).is_ok());
}

#[test]
fn data_sets_with_different_classes_do_not_join() {
    let [pets, more] = [counted(2, &["cat", "dog"]), counted(1, &["dog", "cat"])];
    assert_eq!(
        pets.clone().concat(more).unwrap_err().to_string(),
        "classes of the second data set is 2 (dog, cat), expected those of the first in their order: 2 (cat, dog)"
    );
    let message = pets.concat(counted(1, &[])).unwrap_err().to_string();
    assert!(message.contains("none with names"), "{message}");
    assert_eq!(counted(1, &[]).concat(counted(2, &[])).unwrap().len(), 3);
}

#[test]
fn errors_pass_through_and_impossible_numbers_are_refused() {
    let failing = counted(3, &[]).map_target(|target| match target {
        Target::Class(1) => Err(Error::other("not this one")),
        target => Ok(target),
    });
    let message = (&failing).filter(|_, _| true).unwrap_err().to_string();
    assert_eq!(message, "sample 1: not this one");
    assert_eq!(failing.repeat(2).unwrap().get(4).unwrap_err().to_string(), "not this one");
    for times in [0, usize::MAX] {
        assert!(matches!(counted(3, &[]).repeat(times), Err(Error::Argument { .. })), "{times}");
    }
    let none = counted(0, &[]).repeat(5).unwrap();
    assert!(none.is_empty() && none.get(0).is_err());
    assert!(counted(3, &[]).subset(vec![3]).is_err());
}
