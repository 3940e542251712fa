//! Augmentation of whole batches: mixup, Zhang, Cisse, Dauphin and Lopez-Paz (ICLR 2018), and CutMix, Yun, Han, Oh,
//! Chun, Choe and Yoo (ICCV 2019), as torchvision has them.
//!
//! Each picture is mixed with the one before it in the batch, the first with the last, and its label with that one's:
//! labels become shares of the classes, `F32 [batch, classes]`. The pictures are those that the network takes, after
//! preprocessing. [`Loader::mix`](crate::Loader::mix) applies them, with a key of (seed, epoch, number of the batch).

use std::fmt;

use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::arguments::check_range;
use super::shares::beta;
use crate::loader::Batch;
use crate::{Error, Result};

/// Something that is done to a batch on its way to the network.
pub trait BatchTransform: fmt::Debug + Send + Sync {
    /// The batch after it. `classes` is how many classes the data set names. All randomness comes from `key`.
    ///
    /// # Errors
    /// Where the batch does not fit the transform.
    fn apply(&self, batch: Batch, classes: Option<usize>, key: Key) -> Result<Batch>;

    /// Whether the transform's own arguments are in their ranges; asked before the first batch.
    ///
    /// # Errors
    /// [`Error::Argument`] where one is not.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// Blends each picture with the one before it, by a share drawn once for the batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixUp {
    /// Both parameters of the Beta distribution of the share; 1 is uniform, less leaves one picture stronger.
    pub alpha: f32,
    /// Number of classes; that of the data set where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_classes: Option<usize>,
}

/// Cuts a rectangle out of each picture and shows the one before it there; place and size are drawn once for the batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CutMix {
    /// Both parameters of the Beta distribution of the share that is kept.
    pub alpha: f32,
    /// Number of classes; that of the data set where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_classes: Option<usize>,
}

macro_rules! builder {
    ($($name:ident),*) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self { alpha: 1.0, num_classes: None }
            }
        }

        impl $name {
            /// Shares of a Beta distribution; torchvision's default is 1.
            pub fn new(alpha: f32) -> Self {
                Self { alpha, ..Self::default() }
            }

            /// Number of classes, for data sets that do not name theirs.
            #[must_use]
            pub fn num_classes(self, num_classes: usize) -> Self {
                Self { num_classes: Some(num_classes), ..self }
            }
        })*
    };
}

builder!(MixUp, CutMix);

impl BatchTransform for MixUp {
    fn apply(&self, mut batch: Batch, classes: Option<usize>, key: Key) -> Result<Batch> {
        self.check()?;
        let kept = beta(key, f64::from(self.alpha));
        let labels = shares_of(&batch.labels, self.num_classes.or(classes))?;
        batch.labels = blended(labels, kept)?;
        batch.images = blended(batch.images, kept)?;
        Ok(batch)
    }

    fn check(&self) -> Result<()> {
        check_range("mix-up: alpha", self.alpha, 0.001..=1000.0)
    }
}

impl BatchTransform for CutMix {
    fn apply(&self, mut batch: Batch, classes: Option<usize>, key: Key) -> Result<Batch> {
        self.check()?;
        let &[count, height, width, channels] = batch.images.shape() else {
            let expected = "[batch, height, width, channels]";
            return Err(Error::argument("shape of a batch's images", batch.images.shape(), expected));
        };
        let cut = Rectangle::draw(height, width, beta(key.fold(0), f64::from(self.alpha)), key);
        let labels = shares_of(&batch.labels, self.num_classes.or(classes))?;
        batch.labels = blended(labels, 1.0 - cut.area() as f64 / (height * width) as f64)?;
        with_predecessor(batch.images.as_mut_slice::<f32>()?, count, |own, before| {
            for row in cut.rows.clone() {
                let part =
                    (row * width + cut.columns.start) * channels..(row * width + cut.columns.end) * channels;
                own[part.clone()].copy_from_slice(&before[part]);
            }
        });
        Ok(batch)
    }

    fn check(&self) -> Result<()> {
        check_range("cut-mix: alpha", self.alpha, 0.001..=1000.0)
    }
}

/// The part of a picture that another one's shows in.
#[derive(Debug)]
struct Rectangle {
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
}

impl Rectangle {
    /// A rectangle of the picture's shape about a drawn pixel, which takes all but the share `kept` of the picture
    /// where the rim does not cut it off.
    fn draw(height: usize, width: usize, kept: f64, key: Key) -> Self {
        let half = 0.5 * (1.0 - kept).max(0.0).sqrt();
        let range = |index: u64, side: usize| {
            let middle = key.below(index, side as u64) as usize;
            let reach = (half * side as f64) as usize;
            middle.saturating_sub(reach)..(middle + reach).min(side)
        };
        Self { rows: range(0, height), columns: range(1, width) }
    }

    fn area(&self) -> usize {
        self.rows.len() * self.columns.len()
    }
}

/// Labels as shares, `F32 [batch, classes]`: classes become one share of 1, what is `F32 [batch, n]` already stays.
fn shares_of(labels: &Tensor, classes: Option<usize>) -> Result<Tensor> {
    match (labels.shape(), labels.dtype()) {
        ([_, _], DType::F32) => Ok(labels.clone()),
        ([count], DType::I64) => {
            let Some(classes) = classes else {
                let expected = "a data set that names its classes, or `num_classes` of the transform";
                return Err(Error::argument("classes to mix", "none", expected));
            };
            let mut shares = Tensor::zeros(&[*count, classes], DType::F32)?;
            let places = shares.as_mut_slice::<f32>()?;
            for (row, &label) in labels.as_slice::<i64>()?.iter().enumerate() {
                let class = usize::try_from(label).ok().filter(|class| *class < classes);
                let Some(class) = class else {
                    return Err(Error::argument("class", label, format!("a number below {classes}")));
                };
                places[row * classes + class] = 1.0;
            }
            Ok(shares)
        }
        (shape, dtype) => {
            let expected = "I64 [batch] of classes, or F32 [batch, classes] of shares";
            Err(Error::argument("labels of a batch", (dtype, shape), expected))
        }
    }
}

/// Each entry of the leading axis times `kept`, plus the one before it times the rest.
fn blended(mut tensor: Tensor, kept: f64) -> Result<Tensor> {
    let count = tensor.shape().first().copied().unwrap_or(0);
    let (kept, rest) = (kept as f32, (1.0 - kept) as f32);
    with_predecessor(tensor.as_mut_slice::<f32>()?, count, |own, before| {
        for (own, before) in own.iter_mut().zip(before) {
            *own = before * rest + *own * kept;
        }
    });
    Ok(tensor)
}

/// Calls `f` with each of `count` equal parts and the part before it as it was; the last is before the first.
fn with_predecessor(all: &mut [f32], count: usize, f: impl Fn(&mut [f32], &[f32])) {
    if count < 2 || all.is_empty() {
        // Before an only picture is itself.
        if let Some(own) = (count == 1).then(|| all.to_vec()) {
            f(all, &own);
        }
        return;
    }
    let part = all.len() / count;
    let last = all[(count - 1) * part..].to_vec();
    for place in (1..count).rev() {
        let (before, own) = all.split_at_mut(place * part);
        f(&mut own[..part], &before[(place - 1) * part..]);
    }
    f(&mut all[..part], &last);
}

/// The batch transforms of this crate, in the form that a configuration records: `kind = "mix-up"` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BatchAugmentation {
    /// Blends pictures.
    MixUp(MixUp),
    /// Cuts parts out of pictures.
    CutMix(CutMix),
    /// One of several, drawn anew for each batch.
    RandomChoice(BatchChoice),
}

/// One of several batch transforms, each equally likely, drawn anew for each batch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchChoice {
    /// What there is to choose from.
    pub transforms: Vec<BatchAugmentation>,
}

impl BatchChoice {
    /// A choice of these.
    pub fn new(transforms: Vec<BatchAugmentation>) -> Self {
        Self { transforms }
    }
}

impl BatchTransform for BatchChoice {
    fn apply(&self, batch: Batch, classes: Option<usize>, key: Key) -> Result<Batch> {
        let chosen = key.below(0, self.transforms.len() as u64) as usize;
        match self.transforms.get(chosen) {
            Some(transform) => transform.apply(batch, classes, key.fold(chosen as u64)),
            None => Ok(batch),
        }
    }

    fn check(&self) -> Result<()> {
        if self.transforms.is_empty() {
            return Err(Error::argument("random-choice: transforms", "[]", "at least one"));
        }
        self.transforms.iter().try_for_each(BatchTransform::check)
    }
}

impl BatchAugmentation {
    fn inner(&self) -> &dyn BatchTransform {
        match self {
            Self::MixUp(transform) => transform,
            Self::CutMix(transform) => transform,
            Self::RandomChoice(transform) => transform,
        }
    }
}

impl BatchTransform for BatchAugmentation {
    fn apply(&self, batch: Batch, classes: Option<usize>, key: Key) -> Result<Batch> {
        self.inner().apply(batch, classes, key)
    }

    fn check(&self) -> Result<()> {
        self.inner().check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three pictures of 4 by 6 pixels: all 0, all 1, all 2, of those classes.
    fn batch() -> Batch {
        let levels: Vec<f32> = (0..72).map(|at| (at / 24) as f32).collect();
        let images = Tensor::from_slice(&[3, 4, 6, 1], &levels).unwrap();
        Batch { images, labels: Tensor::from_slice(&[3], &[0i64, 1, 2]).unwrap(), indices: vec![0, 1, 2] }
    }

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        tensor.to_vec::<f32>().unwrap()
    }

    #[test]
    fn pictures_and_labels_are_mixed_by_the_same_share() {
        for seed in 0..20 {
            let mixed = MixUp::new(1.0).apply(batch(), Some(3), Key::new(seed)).unwrap();
            let (images, labels) = (numbers(&mixed.images), numbers(&mixed.labels));
            assert_eq!(mixed.labels.shape(), [3, 3]);
            let kept = labels[0];
            let rest = labels[2];
            assert!((kept + rest - 1.0).abs() < 1e-6);
            let expected = [kept, 0.0, rest, rest, kept, 0.0, 0.0, rest, kept];
            assert!(labels.iter().zip(expected).all(|(met, expected)| (met - expected).abs() < 1e-6));
            assert!((images[0] - 2.0 * rest).abs() < 1e-6);
            assert!((images[24] - kept).abs() < 1e-6);
            assert!((images[71] - (2.0 * kept + rest)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_cut_shows_the_picture_before_in_a_rectangle_and_labels_count_its_pixels() {
        let mut areas = Vec::new();
        for seed in 0..50 {
            let mixed = CutMix::new(1.0).apply(batch(), Some(3), Key::new(seed)).unwrap();
            let (images, labels) = (numbers(&mixed.images), numbers(&mixed.labels));
            for picture in 0..3 {
                let own = &images[picture * 24..(picture + 1) * 24];
                let other = ((picture + 2) % 3) as f32;
                let cut: Vec<usize> = (0..24).filter(|&at| own[at] == other).collect();
                assert!(own.iter().all(|&level| level == other || level == picture as f32));
                if let (Some(first), Some(last)) = (cut.first(), cut.last()) {
                    let (rows, columns) = (last / 6 - first / 6 + 1, last % 6 - first % 6 + 1);
                    assert_eq!(cut.len(), rows * columns);
                }
                let kept = labels[picture * 3 + picture];
                assert!((kept - (1.0 - cut.len() as f32 / 24.0)).abs() < 1e-6);
                areas.push(cut.len());
            }
        }
        areas.sort_unstable();
        areas.dedup();
        assert!(areas.len() > 4, "{areas:?}");
    }

    #[test]
    fn labels_that_are_rows_already_are_mixed_as_they_are() {
        let mut rows = batch();
        rows.labels = Tensor::from_slice(&[3, 2], &[1.0f32, 1.0, 0.0, 1.0, 0.0, 0.0]).unwrap();
        let mixed = MixUp::new(0.3).apply(rows, None, Key::new(2)).unwrap();
        let labels = numbers(&mixed.labels);
        assert_eq!(labels[0], labels[1]);
        assert!((labels[2] + labels[3] - (1.0 + labels[2])).abs() < 1e-6 && labels[4] == 0.0);
    }

    #[test]
    fn an_only_picture_is_mixed_with_itself() {
        let only = Batch {
            images: Tensor::from_slice(&[1, 1, 2, 1], &[3.0f32, 5.0]).unwrap(),
            labels: Tensor::from_slice(&[1], &[1i64]).unwrap(),
            indices: vec![4],
        };
        for seed in 0..10 {
            let mixed = MixUp::new(1.0).apply(only.clone(), Some(2), Key::new(seed)).unwrap();
            let images = numbers(&mixed.images);
            assert!((images[0] - 3.0).abs() < 1e-5 && (images[1] - 5.0).abs() < 1e-5);
            assert!((numbers(&mixed.labels)[1] - 1.0).abs() < 1e-6);
            let cut = CutMix::new(1.0).apply(only.clone(), Some(2), Key::new(seed)).unwrap();
            assert_eq!(numbers(&cut.images), [3.0, 5.0]);
        }
    }

    #[test]
    fn classes_have_to_be_known_and_arguments_in_range() {
        let message = MixUp::new(1.0).apply(batch(), None, Key::new(1)).unwrap_err().to_string();
        assert!(message.contains("names its classes, or `num_classes`"), "{message}");
        let message = CutMix::new(1.0).apply(batch(), Some(2), Key::new(1)).unwrap_err().to_string();
        assert_eq!(message, "class is 2, expected a number below 2");
        assert!(MixUp::new(1.0).num_classes(3).apply(batch(), None, Key::new(1)).is_ok());
        assert!(MixUp::new(0.0).check().is_err() && CutMix::new(f32::NAN).check().is_err());
        assert!(BatchChoice::default().check().is_err());
    }

    #[test]
    fn a_choice_takes_each_of_its_transforms_and_a_configuration_records_it() {
        let text = r#"{"kind": "random-choice", "transforms": [
            {"kind": "mix-up", "alpha": 0.2}, {"kind": "cut-mix"}
        ]}"#;
        let choice: BatchAugmentation = serde_json::from_str(text).unwrap();
        let again = serde_json::from_str(&serde_json::to_string(&choice).unwrap()).unwrap();
        assert_eq!(choice, again);
        choice.check().unwrap();
        let whole = |seed| {
            let mixed = choice.apply(batch(), Some(3), Key::new(seed)).unwrap();
            numbers(&mixed.images).iter().all(|level| level.fract() == 0.0)
        };
        assert!((0..30).any(whole) && !(0..30).all(whole));
        assert!(serde_json::from_str::<BatchAugmentation>(r#"{"kind": "mix-up", "beta": 1}"#).is_err());
    }
}
