//! What a data set holds, as one sum: the same pictures under the same names with the same labels have the same sum,
//! wherever the data set lies.

use std::borrow::Cow;
use std::path::Path;

use crate::sources::file;
use crate::{Dataset, Fingerprint, Image, Pixels, Result, Target};

/// Longest file that is read into the sum; of a longer one, which no decoder here takes, the length counts.
const MOST_BYTES: u64 = 1 << 30;

/// SHA-256, in lower-case hexadecimal, over the samples in their order: the file of each as it is named below `root`, its
/// target, and the bytes of the file, or where a sample has no file of its own, its pixels.
///
/// A file that cannot be read counts as such; what becomes of it is for the loader to say.
///
/// ```
/// use cnn_data::{Image, InMemory, Sample, Size, Target, content_sha256};
/// # fn main() -> cnn_data::Result<()> {
/// let sum = |level| -> cnn_data::Result<String> {
///     let image = Image::from_u8(Size::new(1, 1), 1, vec![level])?;
///     content_sha256(&InMemory::new(vec![Sample::new(image, Target::Class(0))]), std::path::Path::new("photos"))
/// };
/// assert_eq!(sum(7)?, sum(7)?);
/// assert_ne!(sum(7)?, sum(8)?);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`Dataset::get`], where samples have no files.
pub fn content_sha256(dataset: &dyn Dataset, root: &Path) -> Result<String> {
    let samples =
        (0..dataset.len()).map(|index| of_sample(dataset, index, root)).collect::<Result<Vec<_>>>()?;
    let whole = Fingerprint::new(samples.iter().map(|sample| sample.as_bytes().as_slice()));
    Ok(whole.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn of_sample(dataset: &dyn Dataset, index: usize, root: &Path) -> Result<Fingerprint> {
    let target = of_target(&dataset.target(index)?);
    if let Some(path) = dataset.path(index) {
        let name = name_below(path, root);
        let (known, bytes) = match file::read(path, MOST_BYTES) {
            Ok(bytes) => (b"file".as_slice(), bytes),
            Err(_) => (b"unreadable".as_slice(), Vec::new()),
        };
        return Ok(Fingerprint::new([name.as_bytes(), &target, known, &bytes]));
    }
    let image = dataset.get(index)?.image;
    let shape = [image.height(), image.width(), image.channels()].map(|side| (side as u64).to_le_bytes());
    Ok(Fingerprint::new([b"".as_slice(), &target, b"pixels", shape.as_flattened(), &levels(&image)]))
}

/// A path as it is named below a folder, with `/` between folders; whole where it lies elsewhere.
pub fn name_below(path: &Path, root: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let text = below.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

fn of_target(target: &Target) -> Vec<u8> {
    let numbers = |kind: u8, all: &mut dyn Iterator<Item = u64>| -> Vec<u8> {
        std::iter::once(kind).chain(all.flat_map(u64::to_le_bytes)).collect()
    };
    match target {
        Target::Class(class) => numbers(0, &mut std::iter::once(*class as u64)),
        Target::Classes(classes) => numbers(1, &mut classes.iter().map(|&class| class as u64)),
        Target::Numbers(values) => numbers(2, &mut values.iter().map(|value| u64::from(value.to_bits()))),
    }
}

fn levels(image: &Image) -> Cow<'_, [u8]> {
    match image.pixels() {
        Pixels::U8(levels) => Cow::Borrowed(levels),
        Pixels::U16(levels) => Cow::Owned(levels.iter().flat_map(|level| level.to_le_bytes()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sources::{Folder, FolderOptions};
    use crate::{InMemory, Sample, Size, Split};

    fn folder(root: &Path, files: &[(&str, &[u8])]) -> String {
        for (name, bytes) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        content_sha256(&Folder::open(root, Split::Train, &FolderOptions::default()).unwrap(), root).unwrap()
    }

    #[test]
    fn a_folder_has_one_sum_wherever_it_lies_and_another_where_anything_in_it_differs() {
        let png = |level: u8| {
            let mut file = std::io::Cursor::new(Vec::new());
            image::GrayImage::from_pixel(2, 2, image::Luma([level]))
                .write_to(&mut file, image::ImageFormat::Png)
                .unwrap();
            file.into_inner()
        };
        let (one, two) = (png(1), png(2));
        let sum = |files: &[(&str, &[u8])]| folder(tempfile::tempdir().unwrap().path(), files);
        let whole = sum(&[("a/1.png", &one), ("b/2.png", &two)]);
        assert_eq!(whole.len(), 64);
        assert_eq!(whole, sum(&[("a/1.png", &one), ("b/2.png", &two)]));
        for other in [
            [("a/1.png", one.as_slice()), ("b/2.png", one.as_slice())],
            [("a/1.png", &one), ("b/3.png", &two)],
            [("a/1.png", &one), ("c/2.png", &two)],
        ] {
            assert_ne!(whole, sum(&other), "{other:?}");
        }
    }

    #[test]
    fn pixels_and_targets_count_where_there_are_no_files() {
        let sum = |image: Image, target| {
            content_sha256(&InMemory::new(vec![Sample::new(image, target)]), Path::new("")).unwrap()
        };
        let wide = || Image::from_u8(Size::new(1, 2), 1, vec![1, 2]).unwrap();
        let high = Image::from_u8(Size::new(2, 1), 1, vec![1, 2]).unwrap();
        let deep = Image::from_u16(Size::new(1, 1), 1, vec![0x0201]).unwrap();
        let all = [
            sum(wide(), Target::Class(0)),
            sum(wide(), Target::Class(1)),
            sum(wide(), Target::Classes(vec![0])),
            sum(wide(), Target::Numbers(vec![0.0])),
            sum(high, Target::Class(0)),
            sum(deep, Target::Class(0)),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "{place}");
        }
    }
}
