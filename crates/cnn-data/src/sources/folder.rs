//! [`Folder`]: pictures in folders, one folder for each class.
//!
//! Either `root/class/*`, or `root/train/class/*` with `val` (`valid`, `validation`) and `test` beside it.
//! Every file is looked at when the folder is opened, so that damaged ones are listed at once and not met in the
//! middle of a night. Files and folders whose name starts with a dot are left out, and what
//! systems leave behind (`Thumbs.db`, `desktop.ini`); anything else must be a picture.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::out_of_range;
use crate::decode::Decoder;
use crate::error::{count, some};
use crate::sources::{mnist, pictures};
use crate::{BadFile, BadSamples, Classes, Dataset, Error, Fingerprint, Result, Sample, Split, Target};

/// How a folder is opened.
#[derive(Debug, Clone, Default)]
pub struct FolderOptions {
    /// Classes of the training set; every folder's name must be one of them. Without, the folders are the classes.
    pub classes: Option<Classes>,
    /// What happens to files that are no pictures: opening fails with a list of all of them, or they are left out and
    /// [`Folder::skipped`] lists them.
    pub bad_files: BadSamples,
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
    /// they are to be skipped; [`Error::Layout`] where there are no classes, a class has no pictures, or two differ only
    /// in case.
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
        let (mut files, mut ends) = (Vec::new(), Vec::with_capacity(folders.len()));
        for (name, folder) in &folders {
            let class = classes.index(name).unwrap_or_default();
            files.extend(entries(folder)?.into_iter().map(|file| (file, class)));
            ends.push(files.len());
        }
        let problems = pictures::problems(&pictures::paths(&files), &options.decoder);
        let bad = |(at, problem): &(usize, String)| BadFile {
            path: files[*at].0.clone(),
            problem: problem.clone(),
        };
        let skipped: Vec<BadFile> = problems.iter().map(bad).collect();
        if options.bad_files == BadSamples::Error && !skipped.is_empty() {
            return Err(Error::Unreadable { files: skipped });
        }
        // Files, and problems by their place among them, are in the order of the folders.
        let (mut empty, mut start, mut problem) = (Vec::new(), 0, 0);
        for ((name, _), &end) in folders.iter().zip(&ends) {
            let before = problem;
            problem += problems[before..].iter().take_while(|(at, _)| *at < end).count();
            if problem - before == end - start {
                empty.push(name.as_str());
            }
            start = end;
        }
        if !empty.is_empty() {
            let problem =
                format!("{} without pictures: {}", count(empty.len(), "class folder"), some(&empty));
            return Err(Error::layout(&place, problem));
        }
        let (mut at, mut left_out) = (0, problems.iter().map(|(at, _)| *at).peekable());
        files.retain(|_| {
            at += 1;
            left_out.next_if_eq(&(at - 1)).is_none()
        });
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

    fn path(&self, index: usize) -> Option<&Path> {
        self.files.get(index).map(|(path, _)| path.as_path())
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        Fingerprint::of_file(self.path(index)?, format!("{:?}", self.decoder).as_bytes())
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
    if !pictures::is_folder(&train)? {
        return Ok(false);
    }
    let found = entries(&train)?;
    // The first is a folder where anything is, so that thousands of classes are not asked one by one.
    found
        .iter()
        .map(|path| pictures::is_folder(path))
        .find(|is| !matches!(is, Ok(false)))
        .unwrap_or(Ok(false))
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
    if mnist::holds(place, mnist::Family::Other, Split::Train) {
        return Err(Error::layout(
            place,
            "holds IDX files; write `mnist:DIR`, `fashion-mnist:DIR` or `idx:DIR`",
        ));
    }
    let (mut folders, mut strays) = (Vec::new(), Vec::new());
    for path in entries(place)? {
        if pictures::is_folder(&path)? { &mut folders } else { &mut strays }.push(path);
    }
    if folders.is_empty() {
        return Err(Error::layout(place, "has no folders; expected one folder of pictures for each class"));
    }
    if let Some(stray) = strays.iter().find(|path| pictures::is_picture_name(path)) {
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
    if let Some(pair) = pictures::collision(named.iter().map(|(name, _)| name.as_str())) {
        return Err(pictures::collide(place, pair));
    }
    Ok(named)
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
