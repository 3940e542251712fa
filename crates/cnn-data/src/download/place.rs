//! Giving a finished file its name, without losing what bears it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::sum::sha256;
use crate::{Error, Result};

/// Moves `from` to `to`. What is there with other contents is kept as `NAME.old` (`.old2` and so on), which is
/// returned; with the same contents, it stays.
pub(super) fn place(from: &Path, to: &Path) -> Result<Option<PathBuf>> {
    let failed = |source| Error::write(to, source);
    let mut aside = None;
    if fs::symlink_metadata(to).is_ok() {
        let same = to.is_file() && sha256(to).ok() == Some(sha256(from).map_err(failed)?);
        if same {
            fs::remove_file(from).map_err(failed)?;
            return Ok(None);
        }
        let kept = free_name(to);
        fs::rename(to, &kept).map_err(failed)?;
        aside = Some(kept);
    }
    fs::rename(from, to).map_err(failed)?;
    Ok(aside)
}

fn free_name(path: &Path) -> PathBuf {
    let named = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(".old");
        if number > 1 {
            name.push(number.to_string());
        }
        PathBuf::from(name)
    };
    (1..).map(named).find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| named(1))
}

/// Removes what may be there.
pub(super) fn remove_if_there(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::write(path, error)),
        _ => Ok(()),
    }
}
