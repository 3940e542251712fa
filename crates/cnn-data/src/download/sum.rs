//! [`Sum`]: what tells the published file from any other.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

/// The sum of a file, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sum {
    /// SHA-256.
    Sha256(String),
    /// MD5, for files of which nothing better is published: it finds damage, not malice.
    Md5(String),
}

impl Sum {
    /// `SHA-256` or `MD5`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::Md5(_) => "MD5",
        }
    }

    /// The sum in hexadecimal.
    pub fn digits(&self) -> &str {
        match self {
            Self::Sha256(digits) | Self::Md5(digits) => digits,
        }
    }

    /// The sum of this kind that a file has.
    pub(super) fn of(&self, path: &Path) -> io::Result<String> {
        match self {
            Self::Sha256(_) => digest::<Sha256>(path),
            Self::Md5(_) => digest::<Md5>(path),
        }
    }

    /// Whether there is a file with this sum.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        path.is_file() && self.of(path).is_ok_and(|met| met == self.digits())
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.digits())
    }
}

/// SHA-256 of a file.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    digest::<Sha256>(path)
}

fn digest<D: Digest>(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = D::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => digest.update(&buffer[..count]),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1, and RFC 1321, appendix A.5.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(Sum::Sha256(sha256.into()).is_of(&path));
        assert!(Sum::Md5("900150983cd24fb0d6963f7d28e17f72".into()).is_of(&path));
        assert!(!Sum::Md5("900150983cd24fb0d6963f7d28e17f73".into()).is_of(&path));
        assert!(!Sum::Sha256(sha256.into()).is_of(&folder.path().join("absent")));
    }
}
