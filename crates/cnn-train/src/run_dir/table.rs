//! Tables of a run folder, as CSV (RFC 4180): written whole or not at all.

use std::path::Path;

use crate::files::{self, write_atomically};
use crate::{Error, Result};

pub(super) fn write(
    path: &Path,
    header: Vec<String>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<()> {
    let failed = |error: csv::Error| Error::io("write", path, error.into());
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(header).chain(rows) {
        table.write_record(&row).map_err(failed)?;
    }
    let bytes = table.into_inner().map_err(|error| Error::io("write", path, error.into_error()))?;
    write_atomically(path, &bytes)
}

/// The rows below the header, each with its line in the file.
pub(super) fn read(path: &Path) -> Result<Vec<(u64, csv::StringRecord)>> {
    let bytes = files::read(path)?;
    let mut table = csv::Reader::from_reader(bytes.as_slice());
    let mut rows = Vec::new();
    for record in table.records() {
        let record = record.map_err(|error| Error::io("read", path, error.into()))?;
        rows.push((record.position().map_or(0, csv::Position::line), record));
    }
    Ok(rows)
}

/// The error of a line that says something else than it should.
pub(super) fn malformed(path: &Path, line: u64, problem: &str) -> Error {
    let problem = format!("line {line}: {problem}");
    Error::io("read", path, std::io::Error::new(std::io::ErrorKind::InvalidData, problem))
}
