//! The lock that keeps two programs from writing the files of one data set at once.
//!
//! It is a lock of the system on an empty file, which it gives up whatever ends the process. The file stays: who
//! removed it could take it from under one that waits for it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::{Error, Result};

/// Waits for the lock, and says so where it has to; it is held until the file is dropped.
pub(super) fn acquire(path: &Path, waiting: impl FnOnce()) -> Result<File> {
    let failed = |source| Error::write(path, source);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock().map_err(failed)?;
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    Ok(file)
}
