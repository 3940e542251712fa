//! Files that are either the old one or the new one, whole, at whatever instant the process or the machine stops.
//!
//! The order is: write a temporary file in the same folder, sync it, rename it over the target, sync the folder.
//! The data reach the disk before the name does, and the name before the call returns.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Writes `bytes` to `path`, replacing a file of that name only once the new one is safely on the disk.
///
/// Where it fails, the file that existed is untouched and the temporary one removed.
///
/// # Errors
/// [`Error::Io`] with the path: a full disk, a folder that is absent or may not be written.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("answer.json");
/// cnn_train::write_atomically(&path, b"42")?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"42");
/// # Ok::<(), cnn_train::Error>(())
/// ```
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = write_beside(path, bytes)?;
    replace(&temporary, path).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Writes and syncs a temporary file in the folder of `path`, to be renamed to it by [`replace`].
pub(crate) fn write_beside(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let failed = |source| Error::io("write", path, source);
    let (temporary, mut file) = create_temporary(path).map_err(failed)?;
    trace::note("write", &temporary);
    let written = file.write_all(bytes).and_then(|()| {
        trace::note("sync", &temporary);
        file.sync_all()
    });
    if let Err(source) = written {
        drop(fs::remove_file(&temporary));
        return Err(failed(source));
    }
    Ok(temporary)
}

/// Makes a file beside `path` that was not there; a name that a killed process of the same number has left is
/// passed over.
fn create_temporary(path: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let temporary = temporary_name(path);
        match File::create_new(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Renames `from` to `to` and syncs the folder, so that the new name outlives a loss of power.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<()> {
    rename(from, to)?;
    sync_folder(to.parent().unwrap_or(Path::new("")))
}

/// Renames a file; the new name is on the disk only once the folder is synced.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    trace::note("rename to", to);
    fs::rename(from, to).map_err(|source| Error::io("write", to, source))
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::io("read", path, source))
}

/// Removes what a killed process may have left of its temporary files for `path`.
pub(crate) fn remove_leftovers(path: &Path) -> Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let prefix = format!(".{}.tmp-", name.to_string_lossy());
    let entries = fs::read_dir(folder).map_err(|source| Error::io("read", folder, source))?;
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)) {
        fs::remove_file(entry.path()).map_err(|source| Error::io("remove", &entry.path(), source))?;
    }
    Ok(())
}

/// A name beside `path` that no other thread or process that runs uses; each call gives another.
fn temporary_name(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp-{}-{count}", std::process::id()))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    trace::note("sync", folder);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| Error::io("sync", folder, source))
}

/// Elsewhere a folder cannot be opened to be synced; the rename itself is all there is.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<()> {
    Ok(())
}

/// What is done to files, in order, for tests to look at.
#[cfg(test)]
pub(crate) mod trace {
    use std::cell::RefCell;
    use std::path::Path;

    thread_local! {
        static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(action: &str, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split(".tmp-").next().unwrap_or_default().to_owned();
        NOTES.with_borrow_mut(|notes| notes.push(format!("{action} {name}")));
    }

    /// What this thread has done since it was last asked.
    pub(crate) fn take() -> Vec<String> {
        NOTES.take()
    }
}

#[cfg(not(test))]
mod trace {
    pub(super) fn note(_action: &str, _path: &std::path::Path) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        for bytes in [&b"first"[..], b"second, longer", b""] {
            write_atomically(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
            assert_eq!(names(folder.path()), ["a.bin"]);
        }
    }

    #[test]
    fn a_failed_write_names_the_path_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent/a.bin");
        let message = write_atomically(&absent, b"x").unwrap_err().to_string();
        assert!(message.contains("absent/a.bin"), "{message}");
        // A folder stands where the file should: the rename fails after the write.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(matches!(write_atomically(&taken, b"x"), Err(Error::Io { .. })));
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn a_leftover_of_the_same_process_number_is_passed_over_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        // The next names that this process will ask for, whatever the other tests have asked for by then.
        let next =
            temporary_name(&path).to_string_lossy().rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
        let leftover = |count| path.with_file_name(format!(".a.bin.tmp-{}-{count}", std::process::id()));
        for count in next..next + 100 {
            fs::write(leftover(count), b"other").unwrap();
        }
        write_atomically(&path, b"mine").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        for count in next..next + 100 {
            assert_eq!(fs::read(leftover(count)).unwrap(), b"other");
        }
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        let leftover = write_beside(&path, b"half").unwrap();
        fs::write(folder.path().join("other"), b"stays").unwrap();
        assert!(leftover.exists());
        remove_leftovers(&path).unwrap();
        assert_eq!(names(folder.path()), ["other"]);
    }
}
