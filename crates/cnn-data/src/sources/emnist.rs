//! EMNIST (Cohen, Afshar, Tapson and van Schaik, 2017): handwritten letters and digits in MNIST's form, divided into
//! classes in six ways.
//!
//! Its files hold each picture column by column, so that a reader of rows sees it mirrored at its diagonal. Here
//! rows are rows: pictures are turned when they are read. The labels of `letters` start at 1; here all start at 0.
//! Classes are called as torchvision calls them.

use crate::image::Size;
use crate::{Classes, Result};

/// How EMNIST is divided into classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmnistSplit {
    /// 62 classes: digits, capitals and small letters.
    ByClass,
    /// 47 classes: small letters that look like their capitals are these.
    ByMerge,
    /// The classes of `ByMerge`, with as many pictures of each.
    Balanced,
    /// 26 classes: each letter, capital or small.
    Letters,
    /// 10 classes: the digits.
    Digits,
    /// 10 classes, as many pictures as MNIST.
    Mnist,
}

/// Small letters that have no class of their own where they are merged with their capitals.
const MERGED: &str = "cijklmopsuvwxyz";

impl EmnistSplit {
    /// Every division.
    pub const ALL: [Self; 6] =
        [Self::ByClass, Self::ByMerge, Self::Balanced, Self::Letters, Self::Digits, Self::Mnist];

    /// Its name in the names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByClass => "byclass",
            Self::ByMerge => "bymerge",
            Self::Balanced => "balanced",
            Self::Letters => "letters",
            Self::Digits => "digits",
            Self::Mnist => "mnist",
        }
    }

    /// The label of the first class in the files.
    pub(super) fn first_label(self) -> usize {
        usize::from(self == Self::Letters)
    }

    /// Names of the classes.
    pub(super) fn classes(self) -> Result<Classes> {
        let all = ('0'..='9').chain('A'..='Z').chain('a'..='z');
        let names: Vec<char> = match self {
            Self::ByClass => all.collect(),
            Self::ByMerge | Self::Balanced => all.filter(|&name| !MERGED.contains(name)).collect(),
            Self::Letters => ('a'..='z').collect(),
            Self::Digits | Self::Mnist => ('0'..='9').collect(),
        };
        Classes::in_order(names)
    }
}

/// The pictures with rows for columns. `size` is that of the pictures as they are stored.
pub(super) fn turned(levels: &[u8], size: Size) -> Vec<u8> {
    let Size { height, width } = size;
    let mut turned = Vec::with_capacity(levels.len());
    for picture in levels.chunks_exact((height * width).max(1)) {
        turned.extend((0..width).flat_map(|x| (0..height).map(move |y| picture[y * width + x])));
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows_in_each_picture() {
        let levels = [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16];
        assert_eq!(turned(&levels, Size::new(2, 3)), [1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16]);
    }

    #[test]
    fn each_division_has_its_classes() {
        let lengths = EmnistSplit::ALL.map(|split| split.classes().unwrap().len());
        assert_eq!(lengths, [62, 47, 47, 26, 10, 10]);
        let merged = EmnistSplit::Balanced.classes().unwrap();
        assert_eq!(merged.names()[34..].concat(), "YZabdefghnqrt");
    }
}
