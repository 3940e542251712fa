//! `train.log`: the lines of a run, each with the time, for a second process to follow.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::clock;

/// A growing file of lines.
pub(super) struct LogFile {
    file: File,
}

impl LogFile {
    /// Goes on behind the last line of a file, which is made where it is absent. A line that a kill cut short is ended.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        Ok(Self { file })
    }

    /// Adds each line of the text, but empty ones. What cannot be written is dropped: the run is worth more than its log.
    pub(super) fn write(&mut self, text: &str) {
        let time = clock::date_and_time(clock::now());
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let stamped: String = lines.map(|line| format!("{time} {line}\n")).collect();
        let _ = self.file.write_all(stamped.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_stamped_and_go_on_behind_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.log");
        LogFile::open(&path).unwrap().write("one\n\n  two\n");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("2026-01-31 23:59:59 cut sho");
        std::fs::write(&path, &text).unwrap();
        LogFile::open(&path).unwrap().write("three");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| &line["2026-01-31 23:59:59 ".len()..]).collect();
        assert_eq!(lines, ["one", "  two", "cut sho", "three"]);
        assert!(text.ends_with('\n'));
        assert!(text.lines().all(|line| line.as_bytes()[4] == b'-' && line.as_bytes()[13] == b':'), "{text}");
    }
}
