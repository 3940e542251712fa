//! The folder of checkpoints: the last one, and the one before it until the last is safely on the disk.
//!
//! Saving writes and syncs a temporary file, renames `last` to `last.prev`, renames the temporary file to `last`
//! and syncs the folder. A `last` that cannot be read is not renamed, so that it does not take the place of a
//! good one. Once one of the two names was a whole checkpoint, one is at every instant after.

use std::path::{Path, PathBuf};

use super::Checkpoint;
use crate::{Error, Result, files};

/// Where a run saves its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFolder {
    path: PathBuf,
}

impl CheckpointFolder {
    /// A folder, which exists.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the last checkpoint is, once there is one.
    pub fn last(&self) -> PathBuf {
        self.path.join("last.safetensors")
    }

    /// Where the one before it is, once there are two.
    pub fn previous(&self) -> PathBuf {
        self.path.join("last.prev.safetensors")
    }

    /// The newest checkpoint that can be read: the last one, or the one before where a kill or a disk has
    /// damaged the last.
    ///
    /// # Errors
    /// The error of the last checkpoint, where neither can be read.
    pub fn latest(&self) -> Result<PathBuf> {
        let last = Checkpoint::read(&self.last()).map(|_| self.last());
        last.or_else(|error| match Checkpoint::read(&self.previous()) {
            Ok(_) => Ok(self.previous()),
            Err(_) => {
                Err(Error::checkpoint(&self.last(), format!("there is none that can be read: {error}")))
            }
        })
    }

    /// Saves a checkpoint as the last, and keeps the one that was the last as the one before, unless it is damaged. A
    /// folder that is not there is made.
    ///
    /// # Errors
    /// [`Error::Io`]: a full disk, a folder that cannot be made or written to. The checkpoints that existed are then
    /// still there.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        let last = self.last();
        if let Some(folder) = last.parent().filter(|folder| !folder.exists()) {
            std::fs::create_dir_all(folder).map_err(|source| Error::io("create", folder, source))?;
        }
        files::remove_leftovers(&last)?;
        let temporary = files::write_beside(&last, &checkpoint.to_bytes()?)?;
        let swapped = self.keep_last().and_then(|()| files::replace(&temporary, &last));
        swapped.inspect_err(|_| drop(std::fs::remove_file(&temporary)))
    }

    /// Renames the last checkpoint to the one before, where there is one that can be read.
    fn keep_last(&self) -> Result<()> {
        let last = self.last();
        if Checkpoint::read(&last).is_err() {
            return Ok(());
        }
        files::rename(&last, &self.previous())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::checkpoint;

    fn epoch(path: PathBuf) -> usize {
        Checkpoint::read(&path).unwrap().position.epoch
    }

    #[test]
    fn a_damaged_last_checkpoint_never_takes_the_place_of_the_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = CheckpointFolder::new(folder.path());
        for epoch in 0..2 {
            checkpoints.save(&checkpoint(epoch)).unwrap();
        }
        std::fs::write(checkpoints.last(), b"damaged").unwrap();
        assert_eq!(epoch(checkpoints.latest().unwrap()), 0);
        // As after a kill between the two renames.
        checkpoints.keep_last().unwrap();
        assert_eq!(epoch(checkpoints.latest().unwrap()), 0);
        checkpoints.save(&checkpoint(1)).unwrap();
        assert_eq!((epoch(checkpoints.last()), epoch(checkpoints.previous())), (1, 0));
        checkpoints.save(&checkpoint(2)).unwrap();
        assert_eq!((epoch(checkpoints.last()), epoch(checkpoints.previous())), (2, 1));
    }

    /// The order that outlives a loss of power: the bytes are on the disk before a name leads to them, one of the two
    /// names leads to a whole checkpoint at every instant, and the names are on the disk before the call returns.
    #[test]
    fn saving_writes_and_syncs_then_renames_then_syncs_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = CheckpointFolder::new(folder.path().join("checkpoints"));
        std::fs::create_dir(checkpoints.path()).unwrap();
        checkpoints.save(&checkpoint(0)).unwrap();
        files::trace::take();
        checkpoints.save(&checkpoint(1)).unwrap();
        assert_eq!(
            files::trace::take(),
            [
                "write .last.safetensors",
                "sync .last.safetensors",
                "rename to last.prev.safetensors",
                "rename to last.safetensors",
                "sync checkpoints",
            ]
        );
    }

    #[test]
    fn the_last_checkpoint_is_kept_between_the_two_renames() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = CheckpointFolder::new(folder.path());
        checkpoints.keep_last().unwrap();
        checkpoints.save(&checkpoint(3)).unwrap();
        checkpoints.keep_last().unwrap();
        assert_eq!(epoch(checkpoints.latest().unwrap()), 3);
    }
}
