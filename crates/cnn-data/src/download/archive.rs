//! Unpacking an archive into a folder: files and nothing else, inside the folder and nowhere else, up to a limit.
//!
//! Names are judged as they stand in the archive, before anything is written. One name that leads out of the folder,
//! one link or device, one byte over the limit, and the archive is refused whole: an archive with these is not the
//! one that its sum promised, and half of it is of no use.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::EntryType;
use zip::ZipArchive;

use super::{Form, Limits};
use crate::{Error, Result};

/// Unpacks the members below the archive's top folder into a new folder; their names, sorted.
pub(super) fn unpack(archive: &Path, form: &Form, into: &Path, limits: &Limits) -> Result<Vec<String>> {
    fs::create_dir(into).map_err(|source| Error::write(into, source))?;
    let file = BufReader::new(File::open(archive).map_err(|source| Error::io(archive, source))?);
    let mut unpacking =
        Unpacking { archive, into, limits, left: limits.unpacked_bytes, seen: 0, names: Vec::new() };
    match form {
        Form::Plain => {}
        Form::TarGz { root } => unpacking.tar(file, root)?,
        Form::Zip { root } => unpacking.zip(file, root)?,
    }
    let mut names = unpacking.names;
    if names.is_empty() {
        return Err(Error::malformed(archive, format!("the archive has no file below {}", form.root())));
    }
    names.sort();
    Ok(names)
}

impl Form {
    fn root(&self) -> &str {
        match self {
            Self::Plain => "",
            Self::TarGz { root } | Self::Zip { root } => root,
        }
    }
}

struct Unpacking<'a> {
    archive: &'a Path,
    into: &'a Path,
    limits: &'a Limits,
    /// Bytes that may still be written.
    left: u64,
    seen: usize,
    names: Vec<String>,
}

impl Unpacking<'_> {
    fn tar(&mut self, file: impl Read, root: &str) -> Result<()> {
        // Long names are kept in members of their own, whose size the archive chooses. Raw entries show them as
        // what they are, before anything is read; no set that is known has any.
        let (path, most) = (self.archive, self.limits.unpacked_bytes);
        let failed = |error: std::io::Error| Error::malformed(path, format!("is no whole tar.gz: {error}"));
        // Headers and padding count as well; a tape of nothing else ends, too.
        let tape = MultiGzDecoder::new(file).take(most.saturating_mul(2).saturating_add(1 << 20));
        let mut archive = tar::Archive::new(tape);
        for entry in archive.entries().map_err(failed)?.raw(true) {
            let mut entry = entry.map_err(failed)?;
            self.count()?;
            let name = String::from_utf8(entry.path_bytes().into_owned())
                .map_err(|_| self.refused("a name that is not UTF-8"))?;
            let size = entry.header().entry_size().map_err(failed)?;
            match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => {
                    self.file(&name, root, Some(size), &mut entry)?;
                }
                EntryType::Directory => drop(self.parts(&name)?),
                // Times and owners, which are not kept.
                EntryType::XGlobalHeader | EntryType::XHeader => {}
                kind => return Err(self.refused(&format!("{name}, which is {}", describe(kind)))),
            }
        }
        Ok(())
    }

    fn zip(&mut self, file: BufReader<File>, root: &str) -> Result<()> {
        let path = self.archive;
        let failed =
            |error: zip::result::ZipError| Error::malformed(path, format!("is no whole zip: {error}"));
        let mut archive = ZipArchive::new(file).map_err(failed)?;
        for index in 0..archive.len() {
            let mut member = archive.by_index(index).map_err(failed)?;
            self.count()?;
            let name = std::str::from_utf8(member.name_raw())
                .map_err(|_| self.refused("a name that is not UTF-8"))?
                .to_owned();
            // The kind of a file in Unix's mode: directories, plain files, and zips without a mode.
            let kind = member.unix_mode().unwrap_or(0) & 0o170_000;
            if !matches!(kind, 0 | 0o040_000 | 0o100_000) {
                return Err(self.refused(&format!("{name}, which is a link or a device")));
            }
            if member.is_dir() {
                self.parts(&name)?;
            } else {
                self.file(&name, root, None, &mut member)?;
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        self.seen += 1;
        if self.seen > self.limits.members {
            let most = self.limits.members;
            return Err(Error::malformed(self.archive, format!("has more members than the limit of {most}")));
        }
        Ok(())
    }

    /// Writes a member that lies below the root; others are left out.
    fn file(&mut self, name: &str, root: &str, size: Option<u64>, source: &mut dyn Read) -> Result<()> {
        let parts = self.parts(name)?;
        let [first, inner @ ..] = &parts[..] else { return Ok(()) };
        if *first != root || inner.is_empty() {
            return Ok(());
        }
        let target = inner.iter().fold(self.into.to_path_buf(), |path, part| path.join(part));
        let failed = |source| Error::write(&target, source);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        // A second member of the same name, on any file system, does not replace the first.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&target).map_err(failed)?;
        let mut buffer = vec![0; 1 << 16];
        let mut written = 0u64;
        loop {
            let count = source
                .read(&mut buffer)
                .map_err(|error| Error::malformed(self.archive, format!("{name} is damaged: {error}")))?;
            if count == 0 {
                break;
            }
            let Some(left) = self.left.checked_sub(count as u64) else {
                let most = self.limits.unpacked_bytes;
                let problem = format!("unpacks to more than the limit of {most} bytes");
                return Err(Error::malformed(self.archive, problem));
            };
            self.left = left;
            file.write_all(&buffer[..count]).map_err(failed)?;
            written += count as u64;
        }
        if let Some(size) = size.filter(|&size| size != written) {
            let problem = format!("{name} has {written} bytes, expected {size}: the archive is cut short");
            return Err(Error::malformed(self.archive, problem));
        }
        file.sync_all().map_err(failed)?;
        self.names.push(inner.join("/"));
        Ok(())
    }

    /// The parts of a name that stays inside.
    fn parts<'n>(&self, name: &'n str) -> Result<Vec<&'n str>> {
        let outside = name.starts_with('/')
            || name.contains(['\\', ':'])
            || name.chars().any(char::is_control)
            || name.split('/').any(|part| part == "..");
        if outside {
            return Err(self.refused(&format!("{name:?}, which leads out of its folder or is no plain name")));
        }
        Ok(name.split('/').filter(|part| !matches!(*part, "" | ".")).collect())
    }

    fn refused(&self, member: &str) -> Error {
        Error::malformed(self.archive, format!("nothing was unpacked: the archive holds {member}"))
    }
}

fn describe(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink | EntryType::Link => "a link",
        EntryType::Char | EntryType::Block | EntryType::Fifo => "a device",
        _ => "no plain file",
    }
}
