//! What is divided: the files of a folder with a folder for each class, or the rows of a table.

use std::path::Path;

use super::groups::{self, GroupBy};
use crate::error::count;
use crate::sources::{Folder, FolderOptions, file};
use crate::{Classes, Dataset, Error, Result, Split};

/// A sample that is to be put into a split.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Where its picture is, from the root of the data set, with `/` between folders.
    pub path: String,
    /// Its class.
    pub label: String,
    /// What it must not be parted from.
    pub group: Option<String>,
}

/// The samples of a data set, in the order of their paths.
#[derive(Debug, Clone)]
pub struct Items {
    items: Vec<Item>,
    columns: Vec<String>,
    /// Cells of the table's rows, in the order of the items.
    rows: Vec<Vec<String>>,
}

/// Names that the column of paths may have, where it is not named.
const PATH_COLUMNS: [&str; 6] = ["path", "file", "filename", "file_name", "image", "image_path"];

/// Names that the column of labels may have, where it is not named.
const LABEL_COLUMNS: [&str; 4] = ["label", "class", "category", "target"];

impl Items {
    /// The samples of a folder (a folder of pictures for each class) or of a table with a header
    /// (`.csv`, or `.tsv` between tabs), whose columns of paths and labels have one of the usual names.
    ///
    /// # Errors
    /// As [`Folder::open`]; [`Error::Layout`] where the folder has splits already; [`Error::Malformed`] where the
    /// table has no such columns, a row has another number of cells than the header, or a path is there twice.
    pub fn open(root: &Path) -> Result<Self> {
        if root.is_dir() { Self::of_folder(root) } else { Self::of_table(root) }
    }

    /// The samples.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Names of the table's columns; a folder has none.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The same samples in groups.
    ///
    /// # Errors
    /// [`Error::Argument`] where a pattern is none, there is no such column, or samples are in no group: all listed.
    pub fn grouped(mut self, by: &GroupBy) -> Result<Self> {
        let groups = match by {
            GroupBy::Pattern(pattern) => {
                let paths: Vec<&str> = self.items.iter().map(|item| item.path.as_str()).collect();
                groups::by_pattern(pattern, &paths)?
            }
            GroupBy::Column(name) => {
                let place = self.columns.iter().position(|column| column == name);
                let expected = || format!("one of the table's columns: {}", self.columns.join(", "));
                let place = place.ok_or_else(|| Error::argument("group-by", name, expected()))?;
                let groups: Vec<String> = self.rows.iter().map(|row| row[place].clone()).collect();
                let empty: Vec<&str> = (groups.iter().zip(&self.items))
                    .filter(|(group, _)| group.is_empty())
                    .map(|(_, item)| item.path.as_str())
                    .collect();
                if !empty.is_empty() {
                    let expected = format!(
                        "a column with a group in every row; it is empty for {}",
                        list(&empty, "row")
                    );
                    return Err(Error::argument("group-by", name, expected));
                }
                groups
            }
        };
        for (item, group) in self.items.iter_mut().zip(groups) {
            item.group = Some(group);
        }
        Ok(self)
    }

    fn of_folder(root: &Path) -> Result<Self> {
        let splits = Folder::splits(root)?;
        if splits != [Split::Train] || root.join("train").is_dir() {
            let names: Vec<&str> = splits.iter().map(|split| split.name()).collect();
            let problem = format!(
                "is divided into {} already; to divide its training set anew, name {}",
                names.join(", "),
                root.join("train").display()
            );
            return Err(Error::layout(root, problem));
        }
        let folder = Folder::open(root, Split::Train, &FolderOptions::default())?;
        let mut items = Vec::with_capacity(folder.len());
        for index in 0..folder.len() {
            let label = folder.classes().and_then(|classes| name(classes, &folder, index));
            if let (Some(path), Some(label)) = (folder.path(index), label) {
                items.push(Item { path: relative(root, path)?, label, group: None });
            }
        }
        items.sort_unstable();
        Ok(Self { items, columns: Vec::new(), rows: Vec::new() })
    }

    fn of_table(path: &Path) -> Result<Self> {
        let malformed = |problem: String| Error::malformed(path, problem);
        let bytes = file::read(path, MOST_BYTES)?;
        let tabs = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
        // A byte order mark, which spreadsheets write, is no part of the first column's name.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut reader =
            csv::ReaderBuilder::new().delimiter(if tabs { b'\t' } else { b',' }).from_reader(text);
        let failed = |error: csv::Error| malformed(format!("is no table: {error}"));
        let columns: Vec<String> =
            reader.headers().map_err(failed)?.iter().map(|name| name.trim().to_owned()).collect();
        let find = |what: &str, names: &[&str]| {
            let place = names
                .iter()
                .find_map(|name| columns.iter().position(|column| column.eq_ignore_ascii_case(name)));
            place.ok_or_else(|| {
                let met = columns.join(", ");
                malformed(format!("has no column of {what} among {met}; name one {}", names.join(" or ")))
            })
        };
        let (path_at, label_at) = (find("paths", &PATH_COLUMNS)?, find("labels", &LABEL_COLUMNS)?);
        let mut all = Vec::new();
        for record in reader.records() {
            let record = record.map_err(failed)?;
            let row: Vec<String> = record.iter().map(str::to_owned).collect();
            let line = record.position().map_or(0, csv::Position::line);
            let (path, label) = (row[path_at].replace('\\', "/"), row[label_at].clone());
            if path.is_empty() || label.is_empty() {
                return Err(malformed(format!("line {line} has no path or no label")));
            }
            all.push((Item { path, label, group: None }, row));
        }
        all.sort_unstable();
        if let Some(pair) = all.windows(2).find(|pair| pair[0].0.path == pair[1].0.path) {
            return Err(malformed(format!("{} is there twice; a sample is in one row", pair[0].0.path)));
        }
        let (items, rows) = all.into_iter().unzip();
        Ok(Self { items, columns, rows })
    }
}

/// Largest table.
const MOST_BYTES: u64 = 1 << 30;

fn name(classes: &Classes, folder: &Folder, index: usize) -> Option<String> {
    let class = folder.target(index).and_then(|target| target.class()).ok()?;
    classes.name(class).map(str::to_owned)
}

/// A path below the root, with `/` between folders.
fn relative(root: &Path, path: &Path) -> Result<String> {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let parts: Option<Vec<&str>> = inside.components().map(|part| part.as_os_str().to_str()).collect();
    let problem = "the name is not UTF-8, so it cannot be written into a table; rename the file";
    parts.map(|parts| parts.join("/")).ok_or_else(|| Error::malformed(path, problem))
}

/// How many, and their names one a line.
pub(super) fn list(names: &[&str], noun: &str) -> String {
    format!("{}:\n  {}", count(names.len(), noun), names.join("\n  "))
}
