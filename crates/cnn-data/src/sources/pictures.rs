//! Looking at many picture files before they are used: is each one whole, and do classes differ by more than case.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io, thread};

use super::file;
use crate::decode::Decoder;
use crate::{Error, Result};

/// What is wrong with those of the files that are no whole pictures, with their places in the list, in its order.
/// Looked at by as many threads as there are processors.
pub(super) fn problems(files: &[&Path], decoder: &Decoder) -> Vec<(usize, String)> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(16);
    let part = files.len().div_ceil(threads).max(1);
    let bad = Mutex::new(Vec::new());
    let look = |start: usize, files: &[&Path]| {
        for (at, path) in (start..).zip(files) {
            if let Some(problem) = problem_of(path, decoder) {
                bad.lock().unwrap_or_else(PoisonError::into_inner).push((at, problem));
            }
        }
    };
    thread::scope(|scope| {
        for (number, files) in files.chunks(part).enumerate() {
            scope.spawn(move || look(number * part, files));
        }
    });
    let mut bad = bad.into_inner().unwrap_or_else(PoisonError::into_inner);
    bad.sort_unstable();
    bad
}

/// Why a file is no whole picture; `None` where it is one, as far as can be seen without decoding it.
fn problem_of(path: &Path, decoder: &Decoder) -> Option<String> {
    if path.is_dir() {
        return Some("is a folder; pictures lie directly in the folder of their class".to_owned());
    }
    let looked = file::read(path, decoder.most_file_bytes).and_then(|bytes| decoder.inspect(&bytes, path));
    match looked {
        Ok(_) => None,
        Err(Error::Malformed { problem, .. }) => Some(problem),
        Err(Error::Io { source, .. }) => Some(format!("cannot be read: {source}")),
        Err(other) => Some(other.to_string()),
    }
}

/// Whether a path is a folder, links followed. What is not there, or a link that leads nowhere or in a circle, is none.
///
/// # Errors
/// [`Error::Io`] where the system forbids to know.
pub(super) fn is_folder(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Error::io(path, error)),
        Err(_) => Ok(false),
    }
}

/// Two names that differ only by the case of their letters, where there are such.
pub(super) fn collision<'a>(names: impl Iterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let mut folded: Vec<(String, &str)> = names.map(|name| (name.to_lowercase(), name)).collect();
    folded.sort_unstable();
    folded
        .windows(2)
        .find(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1)
        .map(|pair| (pair[0].1, pair[1].1))
}

/// The error of two such names.
pub(super) fn collide(place: &Path, (one, other): (&str, &str)) -> Error {
    let problem = format!(
        "the classes {one} and {other} differ only in case, which some systems cannot tell apart; rename one of them, or \
         join them"
    );
    Error::layout(place, problem)
}

/// Endings of picture files, in small letters.
const ENDINGS: [&str; 12] =
    ["png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp", "pnm", "pbm", "pgm", "ppm"];

/// Whether a file's name is that of a picture.
pub(super) fn is_picture_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// The paths of files, as they are looked at.
pub(super) fn paths<T>(files: &[(PathBuf, T)]) -> Vec<&Path> {
    files.iter().map(|(path, _)| path.as_path()).collect()
}
