//! [`Table`]: pictures named by a CSV or TSV file, each with a class, several classes, or numbers.
//!
//! The first line names the columns. Paths are relative to the table's folder. What a column is for is told by its
//! name where that is a usual one, or by [`TableOptions`]. All rows that cannot be used are listed with their line.
//! Files are looked at when the table is opened, as those of a [`Folder`](super::Folder) are. Spaces around a value do
//! not count.

mod columns;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use csv::StringRecord;

use super::{FolderOptions, file, pictures};
use crate::dataset::out_of_range;
use crate::decode::Decoder;
use crate::error::count;
use crate::{BadFile, BadSamples, Classes, Dataset, Error, Fingerprint, Result, Sample, Split, Target};
use columns::Columns;

/// Most bytes that a table may have.
const MOST_FILE_BYTES: u64 = 1 << 30;

/// Most rows that a message lists.
const LISTED: usize = 20;

/// What a table says of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetColumn {
    /// The column with its class.
    Class(String),
    /// The column with its classes, any number of them, none included.
    Classes {
        /// Name of the column.
        column: String,
        /// What stands between two classes.
        separator: char,
    },
    /// The columns with its numbers.
    Numbers(Vec<String>),
}

/// How a table is opened.
///
/// ```
/// use cnn_data::sources::{TableOptions, TargetColumn};
/// let options = TableOptions::default().path("photo").target(TargetColumn::Numbers(vec!["age".into()]));
/// assert_eq!(options.path.as_deref(), Some("photo"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// The column with the path; without, the one called `path`, `file`, `filename`, `image` or the like.
    pub path: Option<String>,
    /// What is learnt; without, the class in the column `label`, `class` or the like, or the classes in `labels`,
    /// `classes` or `tags`, with `|` between them.
    pub target: Option<TargetColumn>,
    /// The column with the split of a row (`train`, `val`, `valid`, `validation`, `test`); without, the one called
    /// `split`. Where there is none, all rows are the training set.
    pub split: Option<String>,
    /// The column that says which pictures belong together, of one patient say; without, the one called `group`.
    pub group: Option<String>,
    /// What stands between two values; without, a tab where the file ends in `.tsv`, otherwise whichever of comma,
    /// semicolon and tab the first line has most of.
    pub separator: Option<u8>,
    /// Classes of the training set, what happens to bad files, and how pictures are read.
    pub files: FolderOptions,
}

impl TableOptions {
    /// Names the column with the path.
    #[must_use]
    pub fn path(self, column: impl Into<String>) -> Self {
        Self { path: Some(column.into()), ..self }
    }

    /// Says what is learnt.
    #[must_use]
    pub fn target(self, target: TargetColumn) -> Self {
        Self { target: Some(target), ..self }
    }

    /// Names the column with the split.
    #[must_use]
    pub fn split(self, column: impl Into<String>) -> Self {
        Self { split: Some(column.into()), ..self }
    }

    /// Names the column that says which pictures belong together.
    #[must_use]
    pub fn group(self, column: impl Into<String>) -> Self {
        Self { group: Some(column.into()), ..self }
    }
}

/// A data set of picture files that a table names, decoded when they are asked for.
#[derive(Debug, Clone)]
pub struct Table {
    /// In the order of the table.
    rows: Vec<Entry>,
    classes: Option<Classes>,
    skipped: Vec<BadFile>,
    decoder: Decoder,
}

#[derive(Debug, Clone)]
struct Entry {
    path: PathBuf,
    target: Target,
    group: Option<String>,
}

impl Table {
    /// Opens the rows of a split.
    ///
    /// Classes are those of the options, or the names in the training rows, sorted.
    ///
    /// # Errors
    /// [`Error::NoSplit`] where no row is of the split; [`Error::Malformed`] where a column is missing or could be two,
    /// or rows cannot be used: all of these with their lines; [`Error::Unreadable`] with all files that are missing or
    /// no pictures, unless they are to be skipped; [`Error::Layout`] where classes differ only in case.
    pub fn open(path: &Path, split: Split, options: &TableOptions) -> Result<Self> {
        let Read { columns, rows } = read(path, options)?;
        let mut problems = Vec::new();
        duplicates(&columns, &rows, &mut problems);
        let (mut mine, mut training) = (Vec::new(), Vec::new());
        for row in &rows {
            match columns.split(&row.record) {
                Ok(of) => {
                    if of == split {
                        mine.push(row);
                    }
                    if of == Split::Train {
                        training.push(row);
                    }
                }
                Err(problem) => problems.push((row.line, problem)),
            }
        }
        report(path, problems)?;
        if mine.is_empty() {
            let place = path.display().to_string();
            let hint = if split == Split::Validation { "; hold some of the training set out" } else { "" };
            return Err(Error::NoSplit { place, split: split.name(), hint });
        }
        let named_by = if training.is_empty() { &mine } else { &training };
        let classes = match &options.files.classes {
            Some(classes) if columns.has_classes() => Some(classes.clone()),
            _ => columns.classes(path, named_by.iter().map(|row| &row.record))?,
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut entries, mut lines, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for row in mine {
            match columns.target(&row.record, classes.as_ref()) {
                Ok(target) => {
                    let group = columns.group(&row.record).map(str::to_owned);
                    entries.push(Entry { path: folder.join(columns.path(&row.record)), target, group });
                    lines.push(row.line);
                }
                Err(problem) => problems.push((row.line, problem)),
            }
        }
        report(path, problems)?;
        let files: Vec<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
        let problems = pictures::problems(&files, &options.files.decoder);
        let bad = |(at, problem): &(usize, String)| BadFile {
            path: entries[*at].path.clone(),
            problem: format!("{problem} (line {} of {})", lines[*at], path.display()),
        };
        let skipped: Vec<BadFile> = problems.iter().map(bad).collect();
        if !skipped.is_empty()
            && (options.files.bad_files == BadSamples::Error || skipped.len() == entries.len())
        {
            return Err(Error::Unreadable { files: skipped });
        }
        let (mut at, mut left_out) = (0, problems.iter().map(|(at, _)| *at).peekable());
        entries.retain(|_| {
            at += 1;
            left_out.next_if_eq(&(at - 1)).is_none()
        });
        Ok(Self { rows: entries, classes, skipped, decoder: options.files.decoder.clone() })
    }

    /// Which splits a table has.
    ///
    /// # Errors
    /// As [`Table::open`], but for its targets and files.
    pub fn splits(path: &Path, options: &TableOptions) -> Result<Vec<Split>> {
        let Read { columns, rows } = read(path, options)?;
        let mut found = Vec::new();
        for row in &rows {
            let split = columns
                .split(&row.record)
                .or_else(|problem| report(path, vec![(row.line, problem)]).map(|()| Split::Train))?;
            if !found.contains(&split) {
                found.push(split);
            }
        }
        Ok(Split::ALL.into_iter().filter(|split| found.contains(split)).collect())
    }

    /// The files that were left out.
    pub fn skipped(&self) -> &[BadFile] {
        &self.skipped
    }

    /// What the group column says of a sample, where there is one.
    pub fn group(&self, index: usize) -> Option<&str> {
        self.rows.get(index)?.group.as_deref()
    }

    fn row(&self, index: usize) -> Result<&Entry> {
        self.rows.get(index).ok_or_else(|| out_of_range(index, self.rows.len()))
    }
}

impl Dataset for Table {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let row = self.row(index)?;
        Ok(Sample::new(self.decoder.open(&row.path)?, row.target.clone()))
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.row(index).map(|row| row.target.clone())
    }

    fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }

    fn path(&self, index: usize) -> Option<&Path> {
        self.rows.get(index).map(|row| row.path.as_path())
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        Fingerprint::of_file(self.path(index)?, format!("{:?}", self.decoder).as_bytes())
    }
}

/// A table as it stands in its file.
struct Read {
    columns: Columns,
    rows: Vec<Row>,
}

struct Row {
    line: u64,
    record: StringRecord,
}

fn read(path: &Path, options: &TableOptions) -> Result<Read> {
    let bytes = file::read(path, MOST_FILE_BYTES)?;
    // Spreadsheets mark UTF-8 by these bytes.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let separator = options.separator.unwrap_or_else(|| separator(path, bytes));
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(bytes);
    let failed = |error: csv::Error| Error::malformed(path, format!("is no whole table: {error}"));
    let columns = Columns::find(reader.headers().map_err(failed)?, options)
        .map_err(|problem| Error::malformed(path, problem))?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(Row { line, record });
    }
    if rows.is_empty() {
        return Err(Error::malformed(path, "has no rows below the names of its columns"));
    }
    Ok(Read { columns, rows })
}

fn separator(path: &Path, bytes: &[u8]) -> u8 {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv")) {
        return b'\t';
    }
    let first = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let times = |separator: &u8| first.iter().filter(|byte| *byte == separator).count();
    // Of equals the last is taken: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(times).unwrap_or(b',')
}

/// Rows without a path, and rows with that of an earlier one.
fn duplicates(columns: &Columns, rows: &[Row], problems: &mut Vec<(u64, String)>) {
    let mut lines: HashMap<PathBuf, u64> = HashMap::with_capacity(rows.len());
    for row in rows {
        let text = columns.path(&row.record);
        if text.is_empty() {
            problems.push((row.line, columns.at_path("is empty")));
            continue;
        }
        let plain = Path::new(text).components().filter(|part| *part != Component::CurDir).collect();
        if let Some(earlier) = lines.insert(plain, row.line) {
            problems.push((row.line, columns.at_path(&format!("{text} is there on line {earlier} already"))));
        }
    }
}

/// An error of all rows that cannot be used, where there are such.
fn report(path: &Path, mut problems: Vec<(u64, String)>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort_unstable();
    let mut text = format!("{} cannot be used:", count(problems.len(), "row"));
    for (line, problem) in problems.iter().take(LISTED) {
        text.push_str(&format!("\n  line {line}, {problem}"));
    }
    if problems.len() > LISTED {
        text.push_str(&format!("\n  and {} more", problems.len() - LISTED));
    }
    Err(Error::malformed(path, text))
}

/// Names without those that are there before.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    names.filter(|name| !name.is_empty()).collect()
}
