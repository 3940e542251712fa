//! [`Arrays`]: pictures and labels as NumPy's arrays, `.npy` or `.npz`, as MedMNIST (Yang and others, 2023) ships them.
//!
//! Pictures are `[n, height, width]` or `[n, height, width, channels]` of 8 or 16 bits. Whole-number labels `[n]` or
//! `[n, 1]` are classes, named by their numbers; `[n, k]` of 0 and 1 say which of k classes a picture has; labels with
//! a fraction type (`f2`, `f4`, `f8`) are measured values. A split is `train_images` with `train_labels`, or `val_*`,
//! or `test_*`: arrays of one `.npz` file, or `.npy` files of one folder.
//!
//! The header of an archive's member is held against its compressed size before it is unpacked.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use cnn_tensor::{DType, Tensor, npy};
use zip::{CompressionMethod, ZipArchive};

use super::file;
use crate::dataset::out_of_range;
use crate::image::{Image, Size};
use crate::{Classes, Dataset, Error, Result, Sample, Split, Target};

/// Most bytes that an array may have.
const MOST_BYTES: u64 = 1 << 34;

/// Most classes that labels may number.
const MOST_CLASSES: usize = 100_000;

/// Deflate packs no more than this many bytes into one.
const MOST_EXPANSION: u64 = 1032;

/// Pictures of one size in memory, with their targets.
#[derive(Debug, Clone)]
pub struct Arrays {
    /// `[n, height, width, channels]`, `U8` or `U16`.
    images: Tensor,
    targets: Vec<Target>,
    classes: Option<Classes>,
}

/// The names that a split's arrays may start with.
fn stems(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &["train"],
        Split::Validation => &["val", "valid", "validation"],
        Split::Test => &["test"],
    }
}

/// The names of the pictures and the labels of a split.
fn members(stem: &str) -> [String; 2] {
    ["images", "labels"].map(|part| format!("{stem}_{part}.npy"))
}

impl Arrays {
    /// Opens a split of an `.npz` file, or of a folder of `.npy` files.
    ///
    /// # Errors
    /// [`Error::NoSplit`]; [`Error::Io`]; as [`Arrays::new`], and where an archive or an array is damaged, encrypted or
    /// over the limit.
    pub fn open(place: &Path, split: Split) -> Result<Self> {
        let absent = || Error::NoSplit { place: place.display().to_string(), split: split.name(), hint: "" };
        let stem = stems(split).iter().find(|stem| has(place, stem)).ok_or_else(absent);
        if place.is_dir() {
            let [images, labels] = members(stem?).map(|name| place.join(name));
            return Self::pair(&images, &labels);
        }
        let mut archive = archive(place)?;
        let stem = stem?;
        let mut tensor = |name: &str| {
            let path = place.join(name);
            array(&member(&mut archive, name, &path)?, &path)
        };
        let [images, labels] = members(stem);
        Self::new(tensor(&images)?, &tensor(&labels)?, &place.join(stem))
    }

    /// Opens a file of pictures and one of their labels.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Arrays::new`].
    pub fn pair(images: &Path, labels: &Path) -> Result<Self> {
        let read = |path: &Path| array(&file::read(path, MOST_BYTES)?, path);
        Self::new(read(images)?, &read(labels)?, images)
    }

    /// Which splits there are.
    pub fn splits(place: &Path) -> Vec<Split> {
        let there = |split: &Split| stems(*split).iter().any(|stem| has(place, stem));
        Split::ALL.into_iter().filter(there).collect()
    }

    /// Pictures and their labels; `path` is their origin in messages.
    ///
    /// # Shapes
    /// Pictures `[n, height, width]` or `[n, height, width, channels]`, `U8` or `U16`; labels `[n]` or `[n, k]`.
    ///
    /// # Errors
    /// [`Error::Malformed`] where they are of other shapes or types, or a label is negative, enormous, or among several
    /// neither 0 nor 1; [`Error::Tensor`].
    pub fn new(images: Tensor, labels: &Tensor, path: &Path) -> Result<Self> {
        let malformed = |problem: String| Error::malformed(path, problem);
        let shape = match *images.shape() {
            [n, height, width] => [n, height, width, 1],
            [n, height, width, channels] => [n, height, width, channels],
            ref other => {
                let problem = format!(
                    "the pictures have shape {other:?}, expected [n, height, width] or [n, height, width, channels]"
                );
                return Err(malformed(problem));
            }
        };
        if !matches!(images.dtype(), DType::U8 | DType::U16) {
            let problem = format!("the pictures are of type {}, expected u8 or u16", images.dtype());
            return Err(malformed(problem));
        }
        if shape.contains(&0) {
            return Err(malformed(format!("the pictures have shape {shape:?}: there are none")));
        }
        let columns = match *labels.shape() {
            [n] if n == shape[0] => 1,
            [n, columns] if n == shape[0] && columns > 0 => columns,
            ref other => {
                let n = shape[0];
                let problem =
                    format!("the labels have shape {other:?} for {n} pictures, expected [{n}] or [{n}, k]");
                return Err(malformed(problem));
            }
        };
        let (targets, classes) = targets(labels, columns).map_err(|problem| match problem {
            Error::Argument { met, expected, .. } => malformed(format!("label {met}, expected {expected}")),
            other => other,
        })?;
        Ok(Self { images: images.reshape(&shape)?, targets, classes })
    }

    /// The same pictures with the classes of a training set, matched by name.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] where pictures have a class that the training set has not.
    pub fn bind(self, classes: &Classes, place: &str) -> Result<Self> {
        let Some(own) = self.classes.as_ref().filter(|own| *own != classes) else { return Ok(self) };
        let indices: Vec<Option<usize>> = own.names().iter().map(|name| classes.index(name)).collect();
        let mut unknown = Vec::new();
        let mut targets = self.targets;
        for target in &mut targets {
            let labels = match target {
                Target::Class(class) => std::slice::from_mut(class),
                Target::Classes(classes) => &mut classes[..],
                Target::Numbers(_) => &mut [],
            };
            for label in labels {
                match indices[*label] {
                    Some(index) => *label = index,
                    None => unknown.push(*label),
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            return Err(Error::UnknownClass {
                place: place.to_owned(),
                names: unknown.into_iter().map(|label| own.names()[label].clone()).collect(),
                known: classes.names().to_vec(),
            });
        }
        Ok(Self { images: self.images, targets, classes: Some(classes.clone()) })
    }
}

impl Dataset for Arrays {
    fn len(&self) -> usize {
        self.targets.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let target = self.target(index)?;
        let &[_, height, width, channels] = self.images.shape() else {
            return Err(out_of_range(index, self.len()));
        };
        let (size, len) = (Size::new(height, width), height * width * channels);
        let levels = index * len..(index + 1) * len;
        let image = match self.images.dtype() {
            DType::U16 => Image::from_u16(size, channels, self.images.as_slice::<u16>()?[levels].to_vec()),
            _ => Image::from_u8(size, channels, self.images.as_slice::<u8>()?[levels].to_vec()),
        };
        Ok(Sample::new(image?, target))
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.targets.get(index).cloned().ok_or_else(|| out_of_range(index, self.len()))
    }

    fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }
}

/// What the labels say, and the classes where they are classes.
fn targets(labels: &Tensor, columns: usize) -> Result<(Vec<Target>, Option<Classes>)> {
    if matches!(labels.dtype(), DType::F16 | DType::F32 | DType::F64) {
        let numbers = labels.to_dtype(DType::F32)?.to_vec::<f32>()?;
        if let Some((at, number)) = numbers.iter().enumerate().find(|(_, number)| !number.is_finite()) {
            let met = format!("{number} of picture {}", at / columns);
            return Err(Error::Argument { name: "label", met, expected: "a finite number".to_owned() });
        }
        return Ok((numbers.chunks(columns).map(|row| Target::Numbers(row.to_vec())).collect(), None));
    }
    let most = if columns == 1 { MOST_CLASSES - 1 } else { 1 };
    let class = |(at, label): (usize, i64)| {
        let wrong = || {
            let (met, expected) =
                (format!("{label} of picture {}", at / columns), format!("a whole number from 0 to {most}"));
            Error::Argument { name: "label", met, expected }
        };
        usize::try_from(label).ok().filter(|&class| class <= most).ok_or_else(wrong)
    };
    let numbers = labels.to_dtype(DType::I64)?.to_vec::<i64>()?;
    let numbers: Vec<usize> = numbers.into_iter().enumerate().map(class).collect::<Result<_>>()?;
    let count = if columns == 1 { numbers.iter().max().map_or(1, |most| most + 1) } else { columns };
    let classes = Classes::in_order((0..count).map(|class| class.to_string()))?;
    let targets = match columns {
        1 => numbers.into_iter().map(Target::Class).collect(),
        _ => {
            let row = |row: &[usize]| (0..columns).filter(|&class| row[class] == 1).collect();
            numbers.chunks(columns).map(|numbers| Target::Classes(row(numbers))).collect()
        }
    };
    Ok((targets, Some(classes)))
}

/// Whether a place has the pictures of a split under this stem.
fn has(place: &Path, stem: &str) -> bool {
    let [images, _] = members(stem);
    match place.is_dir() {
        true => place.join(images).is_file(),
        false => archive(place).is_ok_and(|archive| archive.index_for_name(&images).is_some()),
    }
}

fn array(bytes: &[u8], path: &Path) -> Result<Tensor> {
    npy::from_bytes(bytes).map_err(|error| Error::malformed(path, error.to_string()))
}

type Archive = ZipArchive<BufReader<File>>;

fn archive(path: &Path) -> Result<Archive> {
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    let damaged = |error| Error::malformed(path, format!("is no whole `.npz` archive: {error}"));
    ZipArchive::new(BufReader::new(file)).map_err(damaged)
}

/// The bytes of an archive's member; `path` is its name in messages.
fn member(archive: &mut Archive, name: &str, path: &Path) -> Result<Vec<u8>> {
    let malformed = |problem: String| Error::malformed(path, problem);
    let index = archive.index_for_name(name).ok_or_else(|| malformed("is not in the archive".to_owned()))?;
    let member =
        archive.by_index(index).map_err(|error| malformed(format!("cannot be unpacked: {error}")))?;
    let size = member.size();
    let room = match member.compression() {
        CompressionMethod::Stored => member.compressed_size(),
        CompressionMethod::Deflated => member.compressed_size().saturating_mul(MOST_EXPANSION),
        other => return Err(malformed(format!("is packed by {other}, expected stored or deflate"))),
    };
    if size > MOST_BYTES || size > room {
        let problem = format!(
            "its header says {size} bytes, more than the limit of {MOST_BYTES} or than can be packed into {}",
            member.compressed_size()
        );
        return Err(malformed(problem));
    }
    let mut bytes = Vec::new();
    let read = member.take(size.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| malformed(format!("cannot be unpacked: {error}")))?;
    if bytes.len() as u64 != size {
        return Err(malformed(format!("its header says {size} bytes, but there are {}", bytes.len())));
    }
    Ok(bytes)
}
