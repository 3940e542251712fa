//! Reading whole files, with a limit and with sums.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The bytes of a file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = |source| Error::io(path, source);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // The limit holds also for what has no length, such as a device.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(Error::malformed(path, format!("the file is larger than the limit of {most} bytes")));
    }
    Ok(bytes)
}

/// An error unless the bytes of a file have a SHA-256 sum, given in lower-case hexadecimal.
pub(crate) fn check_sum(path: &Path, bytes: &[u8], expected: &str) -> Result<()> {
    let met: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if met == expected {
        return Ok(());
    }
    Err(Error::Checksum { path: path.to_owned(), bytes: bytes.len(), expected: expected.to_owned(), met })
}
