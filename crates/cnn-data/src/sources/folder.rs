//! [`Folder`]: pictures in folders, one folder for each class.
//!
//! Either `root/class/*`, or `root/train/class/*` with `val` (`valid`, `validation`) and `test` beside it.
//! Every file is looked at when the folder is opened, so that damaged ones are listed at once and not met in the
//! middle of a night. Files and folders whose name starts with a dot are left out, and what
//! systems leave behind (`Thumbs.db`, `desktop.ini`); anything else must be a picture.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use crate::dataset::out_of_range;
use crate::decode::Decoder;
use crate::error::count;
use crate::sources::{file, mnist};
use crate::{BadFile, Classes, Dataset, Error, Result, Sample, Split, Target};

/// What happens when a folder holds files that cannot be read as pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadFiles {
    /// Opening fails with a list of all of them.
    #[default]
    Error,
    /// They are left out; [`Folder::skipped`] lists them.
    Skip,
}

/// How a folder is opened.
#[derive(Debug, Clone, Default)]
pub struct FolderOptions {
    /// Classes of the training set; every folder's name must be one of them. Without, the folders are the classes.
    pub classes: Option<Classes>,
    /// What happens to files that are no pictures.
    pub bad_files: BadFiles,
    /// How pictures are read.
    pub decoder: Decoder,
}

/// A data set of picture files, decoded when they are asked for.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Sorted by class folder, then by file name.
    files: Vec<(PathBuf, usize)>,
    classes: Classes,
    skipped: Vec<BadFile>,
    decoder: Decoder,
}

impl Folder {
    /// Opens a split of a folder. Where the folder has no splits it is all training set.
    ///
    /// # Errors
    /// [`Error::NoSplit`]; [`Error::UnknownClass`]; [`Error::Unreadable`] with all files that are no pictures, unless
    /// they are to be skipped; [`Error::Layout`] where there are no classes, or a class has no pictures.
    pub fn open(root: &Path, split: Split, options: &FolderOptions) -> Result<Self> {
        let place = split_folder(root, split)?;
        let folders = class_folders(&place)?;
        let names = folders.iter().map(|(name, _)| name);
        let classes = match &options.classes {
            Some(classes) => classes.clone(),
            None => Classes::sorted(names.clone())?,
        };
        let unknown: Vec<String> = names.filter(|name| classes.index(name).is_none()).cloned().collect();
        if !unknown.is_empty() {
            let place = place.display().to_string();
            return Err(Error::UnknownClass { place, names: unknown, known: classes.names().to_vec() });
        }
        let mut files = Vec::new();
        for (name, folder) in &folders {
            let class = classes.index(name).unwrap_or_default();
            files.extend(entries(folder)?.into_iter().map(|file| (file, class)));
        }
        let skipped = unreadable(&files, &options.decoder);
        if options.bad_files == BadFiles::Error && !skipped.is_empty() {
            return Err(Error::Unreadable { files: skipped });
        }
        // Both lists are in the same order.
        let mut bad = skipped.iter().map(|file| &file.path).peekable();
        files.retain(|(path, _)| bad.next_if_eq(&path).is_none());
        let empty: Vec<&str> = (folders.iter())
            .filter(|(_, folder)| !files.iter().any(|(file, _)| file.parent() == Some(folder)))
            .map(|(name, _)| name.as_str())
            .collect();
        if !empty.is_empty() {
            let problem =
                format!("{} without pictures: {}", count(empty.len(), "class folder"), empty.join(", "));
            return Err(Error::layout(&place, problem));
        }
        Ok(Self { files, classes, skipped, decoder: options.decoder.clone() })
    }

    /// Which splits a folder has.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn splits(root: &Path) -> Result<Vec<Split>> {
        if !has_splits(root)? {
            return Ok(vec![Split::Train]);
        }
        Ok(Split::ALL.into_iter().filter(|&split| split_folder(root, split).is_ok()).collect())
    }

    /// The files that were left out.
    pub fn skipped(&self) -> &[BadFile] {
        &self.skipped
    }

    /// The file of a sample.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.files.get(index).map(|(path, _)| path.as_path())
    }

    fn file(&self, index: usize) -> Result<&(PathBuf, usize)> {
        self.files.get(index).ok_or_else(|| out_of_range(index, self.files.len()))
    }
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let (path, class) = self.file(index)?;
        Ok(Sample::new(self.decoder.open(path)?, Target::Class(*class)))
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.file(index).map(|(_, class)| Target::Class(*class))
    }

    fn classes(&self) -> Option<&Classes> {
        Some(&self.classes)
    }
}

/// The folder names that a split may have, the usual one first.
fn names_of(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &["train"],
        Split::Validation => &["val", "valid", "validation"],
        Split::Test => &["test"],
    }
}

/// Whether a folder is divided into splits: it has a folder `train` that holds folders.
fn has_splits(root: &Path) -> Result<bool> {
    let train = root.join("train");
    Ok(train.is_dir() && entries(&train)?.iter().any(|path| path.is_dir()))
}

fn split_folder(root: &Path, split: Split) -> Result<PathBuf> {
    let missing = |hint| Error::NoSplit { place: root.display().to_string(), split: split.name(), hint };
    if !has_splits(root)? {
        return match split {
            Split::Train => Ok(root.to_owned()),
            Split::Validation => Err(missing("; hold some of the training set out")),
            Split::Test => Err(missing("; expected folders `train` and `test` with a folder for each class")),
        };
    }
    let found = names_of(split).iter().map(|name| root.join(name)).find(|folder| folder.is_dir());
    found.ok_or_else(|| missing(""))
}

/// The class folders of a split with their names, sorted by name. Stray files beside them are an error.
fn class_folders(place: &Path) -> Result<Vec<(String, PathBuf)>> {
    if mnist::holds(place, Split::Train) {
        return Err(Error::layout(
            place,
            "holds IDX files; write `mnist:DIR`, `fashion-mnist:DIR` or `idx:DIR`",
        ));
    }
    let (folders, strays): (Vec<PathBuf>, Vec<PathBuf>) =
        entries(place)?.into_iter().partition(|path| path.is_dir());
    if folders.is_empty() {
        return Err(Error::layout(place, "has no folders; expected one folder of pictures for each class"));
    }
    if let Some(stray) = strays.iter().find(|path| is_picture_name(path)) {
        let problem = format!("{} lies beside the class folders; move it into one of them", stray.display());
        return Err(Error::layout(place, problem));
    }
    let mut named = Vec::with_capacity(folders.len());
    for folder in folders {
        let name = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let Some(name) = name else {
            return Err(Error::layout(
                &folder,
                "the name is not UTF-8, so it can be no class; rename the folder",
            ));
        };
        named.push((name, folder));
    }
    named.sort_unstable();
    Ok(named)
}

/// Whether a file beside the class folders looks like a picture that was forgotten there (a licence does not).
fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Files that Windows writes into folders of pictures by itself.
const LEFT_BY_SYSTEMS: [&str; 2] = ["Thumbs.db", "desktop.ini"];

/// What a folder holds, sorted by name, without names that start with a dot and what systems leave behind.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::io(folder, source);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(b".") && !LEFT_BY_SYSTEMS.iter().any(|&left| name == left) {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// The files that are no whole pictures, in their order. Looked at by as many threads as there are processors.
fn unreadable(files: &[(PathBuf, usize)], decoder: &Decoder) -> Vec<BadFile> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(16);
    let bad = Mutex::new(Vec::new());
    let look = |files: &[(PathBuf, usize)]| {
        for (path, _) in files {
            if let Some(problem) = problem_of(path, decoder) {
                bad.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(BadFile { path: path.clone(), problem });
            }
        }
    };
    thread::scope(|scope| {
        for part in files.chunks(files.len().div_ceil(threads).max(1)) {
            scope.spawn(move || look(part));
        }
    });
    let mut bad = bad.into_inner().unwrap_or_else(PoisonError::into_inner);
    bad.sort_unstable_by(|a, b| a.path.cmp(&b.path));
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
