//! [`Fingerprint`]: what a picture is made from, without reading it.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

/// A sum over everything that a picture depends on: where another process meets the same one, it is the same picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl Fingerprint {
    /// Of these parts (SHA-256). Where one part ends and the next begins counts.
    pub fn new<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut sum = Sha256::new();
        for part in parts {
            sum.update((part.len() as u64).to_le_bytes());
            sum.update(part);
        }
        Self(sum.finalize().into())
    }

    /// The sum itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of a file by its path, its length and the time of its last change, and of how it is read. `None` where the
    /// system does not say them.
    pub fn of_file(path: &Path, how: &[u8]) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let facts = fs::metadata(&path).ok()?;
        let changed = facts.modified().ok()?;
        let (sign, time) = match changed.duration_since(UNIX_EPOCH) {
            Ok(after) => (0, after),
            Err(before) => (1, before.duration()),
        };
        let (length, time) = (facts.len().to_le_bytes(), time.as_nanos().to_le_bytes());
        Some(Self::new([path.as_os_str().as_encoded_bytes(), &length, &[sign], &time, how]))
    }
}
