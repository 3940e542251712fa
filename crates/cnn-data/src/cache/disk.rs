//! Decoded pictures in files: one for each, named by the sum of what the picture is made from.
//!
//! A file is written under a name of its own and then renamed, so that whoever reads meets a whole one or none, also
//! where processes share a folder. It ends with a SHA-256 sum of the rest: after a crash or a failing disk it is found
//! damaged, and the caller decodes again. Pictures are stored as they are in memory; packing them would take as
//! long as decoding most formats.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::Fingerprint;
use crate::image::{Image, Pixels, Size};
use crate::sources::file;
use crate::{Error, Result};

/// Form and version of the files, and the version that decoded the pictures.
const MAGIC: &[u8] = concat!("cnn-data picture 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
/// After the magic: the fingerprint, bytes of a level, channels, height, width.
const HEADER: usize = MAGIC.len() + 32 + 4 * 8;
const SUM: usize = 32;
/// Ends of the names of files that are whole, and of those that are being written.
const WHOLE: &str = "picture";
const PARTIAL: &str = "partial";
/// A file that was being written for so long is left over from a process that was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A folder of decoded pictures.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    most: u64,
    /// Bytes of all files, as far as this process knows.
    used: AtomicU64,
    /// Bytes that this process wrote since it last looked what others did.
    unmeasured: AtomicU64,
    /// Number of the next partial file.
    next: AtomicU64,
    /// Set when writing failed; no more is tried then.
    broken: AtomicBool,
}

/// What a look for a picture met.
pub(super) enum Found {
    Picture(Image),
    Nothing,
    /// A file that is no whole picture, of so many bytes.
    Damaged(u64),
}

impl Disk {
    /// Opens or makes a folder that may grow to `most` bytes.
    pub(super) fn open(folder: &Path, most: u64) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let disk = Self {
            folder: folder.to_owned(),
            most,
            used: AtomicU64::new(0),
            unmeasured: AtomicU64::new(0),
            next: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        };
        let used = disk.measure().map_err(|error| Error::io(folder, error))?;
        disk.used.store(used, Ordering::Relaxed);
        Ok(disk)
    }

    /// The picture of a fingerprint.
    pub(super) fn read(&self, fingerprint: Fingerprint) -> Found {
        match file::read(&self.path(fingerprint), self.most) {
            Ok(bytes) => {
                parse(&bytes, fingerprint).map_or(Found::Damaged(bytes.len() as u64), Found::Picture)
            }
            Err(_) => Found::Nothing,
        }
    }

    /// Keeps a picture, in place of a damaged file of `replaced` bytes, if the budget allows: whether it
    /// is kept, or why it could not be written.
    pub(super) fn write(
        &self,
        fingerprint: Fingerprint,
        image: &Image,
        replaced: u64,
    ) -> std::result::Result<bool, String> {
        let (depth, levels) = match image.pixels() {
            Pixels::U8(levels) => (1, levels.len()),
            Pixels::U16(levels) => (2, 2 * levels.len()),
        };
        let length = (HEADER + levels + SUM) as u64;
        if self.broken.load(Ordering::Relaxed) || !self.reserve(length.saturating_sub(replaced)) {
            return Ok(false);
        }
        let mut bytes = Vec::with_capacity(HEADER + levels + SUM);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&fingerprint.0);
        for number in [depth, image.channels(), image.size().height, image.size().width] {
            bytes.extend_from_slice(&(number as u64).to_le_bytes());
        }
        match image.pixels() {
            Pixels::U8(levels) => bytes.extend_from_slice(levels),
            Pixels::U16(levels) => bytes.extend(levels.iter().flat_map(|level| level.to_le_bytes())),
        }
        let sum: [u8; SUM] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&sum);
        self.put(&self.path(fingerprint), &bytes).map(|()| true).map_err(|error| {
            self.broken.store(true, Ordering::Relaxed);
            format!("{}: cannot write: {error}; no more pictures are kept there", self.folder.display())
        })
    }

    /// Writes a whole file under its name.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // The time tells apart processes of one number, on several machines or after one another; the address those
        // of several caches in one process.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let own = format!("{}-{now}-{:p}-{number}.{PARTIAL}", std::process::id(), self);
        let partial = path.with_file_name(own);
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).open(&partial)?;
            file.write_all(bytes)?;
            drop::<File>(file);
            fs::rename(&partial, path)
        };
        write().inspect_err(|_| drop(fs::remove_file(&partial)))
    }

    /// Takes bytes from the budget; whether there were as many left. What other processes added is looked up each time
    /// that a sixteenth of the budget was written.
    fn reserve(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|&used| used <= self.most);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            return false;
        }
        if self.unmeasured.fetch_add(bytes, Ordering::Relaxed) + bytes > self.most / 16 {
            self.unmeasured.store(0, Ordering::Relaxed);
            if let Ok(used) = self.measure() {
                self.used.store(used.saturating_add(bytes), Ordering::Relaxed);
                return used.saturating_add(bytes) <= self.most;
            }
        }
        true
    }

    /// Bytes of all files. Removes what killed processes left.
    fn measure(&self) -> io::Result<u64> {
        let mut used = 0;
        for shelf in fs::read_dir(&self.folder)? {
            let shelf = shelf?;
            // Only folders of ours are looked into: two hexadecimal digits.
            let ours = shelf
                .file_name()
                .to_str()
                .is_some_and(|name| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
            if !ours || !shelf.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(shelf.path())? {
                let entry = entry?;
                let path = entry.path();
                // A file that is renamed or removed meanwhile counts as nothing.
                let Ok(facts) = entry.metadata() else { continue };
                let is = |end: &str| path.extension().is_some_and(|extension| extension == end);
                let age = facts.modified().ok().and_then(|time| time.elapsed().ok()).unwrap_or_default();
                if is(PARTIAL) && age > ABANDONED {
                    drop(fs::remove_file(&path));
                } else if is(PARTIAL) || is(WHOLE) {
                    used += facts.len();
                }
            }
        }
        Ok(used)
    }

    fn path(&self, fingerprint: Fingerprint) -> PathBuf {
        let name: String = fingerprint.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(&name[..2]).join(format!("{name}.{WHOLE}"))
    }
}

/// The picture that a file holds; `None` where the file is not whole, or of another version or fingerprint.
fn parse(bytes: &[u8], fingerprint: Fingerprint) -> Option<Image> {
    let (bytes, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM)?)?;
    if Sha256::digest(bytes).as_slice() != sum {
        return None;
    }
    let (header, levels) = bytes.split_at_checked(HEADER)?;
    let header = header.strip_prefix(MAGIC)?.strip_prefix(&fingerprint.0)?;
    let mut numbers =
        header.as_chunks::<8>().0.iter().map(|&bytes| usize::try_from(u64::from_le_bytes(bytes)).ok());
    let mut number = || numbers.next().flatten();
    let (depth, channels, height, width) = (number()?, number()?, number()?, number()?);
    let pixels = match depth {
        1 => Pixels::U8(levels.to_vec()),
        2 => {
            let (pairs, []) = levels.as_chunks::<2>() else { return None };
            Pixels::U16(pairs.iter().map(|&pair| u16::from_le_bytes(pair)).collect())
        }
        _ => return None,
    };
    Image::new(Size::new(height, width), channels, pixels).ok()
}
