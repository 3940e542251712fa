//! How a folder is laid out: its splits, classes and files, and what does not belong there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Case, Entry, Kind};
use crate::decode::ImageFormat;
use crate::error::count;
use crate::{Error, Result, Split};

/// What lies in a folder.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Files in class folders, sorted by name.
    pub(super) entries: Vec<Entry>,
    pub(super) splits: Vec<Split>,
    pub(super) cases: BTreeMap<Kind, Vec<Case>>,
    /// Where the folder is no data set but holds some: the folders that are.
    pub(super) inner: Vec<PathBuf>,
}

/// Files that explain a data set and belong beside its classes.
const DOCUMENTS: [&str; 6] = ["readme", "license", "licence", "source", "changelog", "citation"];

impl Layout {
    pub(super) fn of(root: &Path) -> Result<Self> {
        let mut layout = Self::default();
        let (folders, files) = list(root).map_err(|source| Error::io(root, source))?;
        let train = root.join("train");
        let divided = train.is_dir() && list(&train).is_ok_and(|(folders, _)| !folders.is_empty());
        if !divided && layout.is_nest(root, &folders) {
            return Ok(layout);
        }
        layout.outside(root, &files);
        if divided {
            for folder in folders {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                match split_of(&name) {
                    Some(split) if !layout.splits.contains(&split) => {
                        layout.splits.push(split);
                        layout.split(root, &folder, split);
                    }
                    Some(split) => layout.case(
                        Kind::Layout,
                        root,
                        &folder,
                        &format!("a second folder for {split}: only one of them is read"),
                    ),
                    None => layout.case(
                        Kind::Misplaced,
                        root,
                        &folder,
                        "a folder beside the splits, which is not read",
                    ),
                }
            }
        } else {
            layout.splits.push(Split::Train);
            layout.classes(root, &folders, Split::Train);
        }
        layout.splits.sort_unstable_by_key(|&split| split as usize);
        layout.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        layout.compare_classes();
        Ok(layout)
    }

    /// Whether the folders at the top hold folders and no pictures; notes which of them are data sets.
    fn is_nest(&mut self, root: &Path, folders: &[PathBuf]) -> bool {
        let nests = |folder: &&PathBuf| {
            list(folder)
                .is_ok_and(|(inner, files)| !inner.is_empty() && !files.iter().any(|file| is_picture(file)))
        };
        let nested: Vec<&PathBuf> = folders.iter().filter(nests).collect();
        if nested.is_empty() || nested.len() != folders.len() {
            return false;
        }
        for folder in nested {
            let (classes, _) = list(folder).unwrap_or_default();
            let files: usize =
                classes.iter().map(|class| list(class).map_or(0, |(_, files)| files.len())).sum();
            let detail = format!(
                "holds {} with {}, and no pictures of its own",
                count(classes.len(), "folder"),
                count(files, "file")
            );
            self.case(Kind::Layout, root, folder, &detail);
            self.inner.push(folder.clone());
        }
        true
    }

    fn split(&mut self, root: &Path, folder: &Path, split: Split) {
        match list(folder) {
            Ok((folders, files)) => {
                self.outside(root, &files);
                self.classes(root, &folders, split);
            }
            Err(error) => self.case(Kind::Unreadable, root, folder, &format!("cannot be listed: {error}")),
        }
    }

    /// Files beside class folders or splits.
    fn outside(&mut self, root: &Path, files: &[PathBuf]) {
        for file in files {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
            if is_picture(file) {
                self.case(Kind::Misplaced, root, file, "a picture outside of the class folders");
            } else if !DOCUMENTS.iter().any(|document| stem.contains(document)) {
                self.case(Kind::Stray, root, file, "a file outside of the class folders, which is not read");
            }
        }
    }

    fn classes(&mut self, root: &Path, folders: &[PathBuf], split: Split) {
        if folders.is_empty() {
            self.case(Kind::Layout, root, root, &format!("no class folders for {split}"));
        }
        for folder in folders {
            let Some(class) = folder.file_name().and_then(|name| name.to_str()) else {
                self.case(Kind::Layout, root, folder, "the name is not UTF-8, so it can be no class");
                continue;
            };
            let (inner, files) = match list(folder) {
                Ok(listed) => listed,
                Err(error) => {
                    self.case(Kind::Unreadable, root, folder, &format!("cannot be listed: {error}"));
                    continue;
                }
            };
            for folder in inner {
                self.case(
                    Kind::Misplaced,
                    root,
                    &folder,
                    "a folder in a class folder; what it holds is not read",
                );
            }
            if files.is_empty() {
                self.case(
                    Kind::MissingClass,
                    root,
                    folder,
                    &format!("class {class} has no pictures in {split}"),
                );
            }
            for path in files {
                let name = relative(root, &path);
                self.entries.push(Entry { path, name, split, class: class.to_owned() });
            }
        }
    }

    /// Classes that are not in every split, and names that are too much alike.
    fn compare_classes(&mut self) {
        let mut classes: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for entry in &self.entries {
            classes.entry(entry.class.clone()).or_default().insert(entry.split as usize);
        }
        let mut lower: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let splits = self.splits.clone();
        for (class, there) in classes {
            for &split in &splits {
                let known = there.contains(&(Split::Train as usize));
                let file = format!("{split}/{class}");
                let told = |case: &Case| case.detail == format!("class {class} has no pictures in {split}");
                if there.contains(&(split as usize)) {
                    if !known {
                        let detail = format!("class {class} is in {split} and not in the training set");
                        self.push(Kind::UnknownClass, Case { files: vec![file], detail });
                    }
                } else if known
                    && !self.cases.get(&Kind::MissingClass).is_some_and(|cases| cases.iter().any(told))
                {
                    let detail = format!("class {class} has no pictures in {split}");
                    self.push(Kind::MissingClass, Case { files: vec![file], detail });
                }
            }
            lower.entry(class.to_lowercase()).or_default().push(class);
        }
        for classes in lower.into_values().filter(|classes| classes.len() > 1) {
            let detail = "one folder on systems that do not tell cases apart".to_owned();
            self.push(Kind::CaseCollision, Case { files: classes, detail });
        }
    }

    fn case(&mut self, kind: Kind, root: &Path, path: &Path, detail: &str) {
        self.push(kind, Case { files: vec![relative(root, path)], detail: detail.to_owned() });
    }

    fn push(&mut self, kind: Kind, case: Case) {
        self.cases.entry(kind).or_default().push(case);
    }
}

fn split_of(name: &str) -> Option<Split> {
    match name {
        "train" => Some(Split::Train),
        "val" | "valid" | "validation" => Some(Split::Validation),
        "test" => Some(Split::Test),
        _ => None,
    }
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ImageFormat::ALL.iter().any(|format| format.extensions().contains(&extension.as_str()))
}

/// The folders and the files in a folder, sorted; names that start with a dot and what systems leave are left out.
fn list(folder: &Path) -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let left = name == "Thumbs.db" || name == "desktop.ini";
        if !left && !name.as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths.into_iter().partition(|path| path.is_dir()))
}

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
