//! [`Downloader`]: the files of a data set, from their origins in turn, into a folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::archive::unpack;
use super::origin::Origin;
use super::place::{place, remove_if_there};
use super::sum::sha256;
use super::transfer::{Stopped, Transfer, Watch};
use super::{Event, Form, Limits, Mirror, Published, PublishedFile, lock};
use crate::error::FailedOrigin;
use crate::{Error, Result};

/// Fetches data sets.
///
/// ```no_run
/// use cnn_data::download::{Downloader, Published};
///
/// # fn main() -> cnn_data::Result<()> {
/// let fetched = Downloader::new().fetch(&Published::named("mnist")?, "data".as_ref(), &mut |_| {})?;
/// println!("{}", fetched.folder.display()); // data/mnist
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Downloader {
    mirror: Option<Mirror>,
    limits: Limits,
}

/// A data set that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The folder with its files.
    pub folder: PathBuf,
    /// The files that were fetched; none where everything was there already.
    pub files: Vec<String>,
}

/// What a caller wants to be told.
type Tell<'a> = dyn FnMut(Event<'_>) + 'a;

impl Downloader {
    /// A downloader with the usual limits, from the published origins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fetches from a mirror alone.
    #[must_use]
    pub fn mirror(mut self, mirror: Mirror) -> Self {
        self.mirror = Some(mirror);
        self
    }

    /// Keeps to these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Brings a data set into the folder of its name in `into`, which is made where it is not there.
    ///
    /// # Errors
    /// [`Error::Download`] with every origin and its answer; [`Error::Malformed`] for an archive that cannot be
    /// unpacked or must not be; [`Error::Write`]; [`Error::Argument`] where a name is not one of a file.
    pub fn fetch(&self, set: &Published, into: &Path, tell: &mut Tell<'_>) -> Result<Fetched> {
        for name in std::iter::once(&set.name).chain(set.files.iter().map(|file| &file.name)) {
            let mut parts = Path::new(name).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                return Err(Error::argument("file name", name, "the name of a file without a folder"));
            }
        }
        let folder = into.join(&set.name);
        let missing = |file: &&PublishedFile| !is_there(&folder, file);
        // A folder that is complete may well be one in which nobody may write.
        if !set.files.iter().any(|file| missing(&file)) {
            set.files.iter().for_each(|file| tell(Event::AlreadyThere { file: &file.name }));
            return Ok(Fetched { folder, files: Vec::new() });
        }
        create(into)?;
        let lock_path = into.join(format!("{}.lock", set.name));
        let _lock = lock::acquire(&lock_path, || tell(Event::Waiting { name: &set.name }))?;
        let mut files = Vec::new();
        for file in &set.files {
            if is_there(&folder, file) {
                tell(Event::AlreadyThere { file: &file.name });
                continue;
            }
            if file.form == Form::Plain {
                create(&folder)?;
                let part = self.fetch_file(&set.name, file, &folder, tell)?;
                put(&part, &folder.join(&file.name), tell)?;
            } else {
                let part = self.fetch_file(&set.name, file, into, tell)?;
                tell(Event::Unpacking { file: &file.name });
                self.unpack(&part, file, &folder, tell)?;
                remove_if_there(&part)?;
            }
            files.push(file.name.clone());
        }
        Ok(Fetched { folder, files })
    }

    /// The partial file, once it is whole and its sum is right.
    fn fetch_file(&self, set: &str, file: &PublishedFile, at: &Path, tell: &mut Tell<'_>) -> Result<PathBuf> {
        let part = at.join(format!("{}.part", file.name));
        // All of it may have arrived before an earlier download was stopped.
        if file.bytes.is_some_and(|bytes| length(&part) >= bytes) {
            if file.sum.is_of(&part) {
                tell(Event::Checked { file: &file.name, sum: file.sum.kind() });
                return Ok(part);
            }
            remove_if_there(&part)?;
        }
        let mut failures = Vec::new();
        for origin in Origin::of(set, file, self.mirror.as_ref()) {
            match self.fetch_from(&origin, file, &part, tell)? {
                None => {
                    tell(Event::Checked { file: &file.name, sum: file.sum.kind() });
                    return Ok(part);
                }
                Some(reason) => failures.push(FailedOrigin { origin: origin.to_string(), reason }),
            }
        }
        let kept = Some(part).filter(|part| length(part) > 0);
        if kept.is_none() {
            remove_if_there(&at.join(format!("{}.part", file.name)))?;
        }
        Err(Error::Download { file: file.name.clone(), failures, kept })
    }

    /// Tries one origin, again where it helps; why it failed, where it did.
    fn fetch_from(
        &self,
        origin: &Origin,
        file: &PublishedFile,
        part: &Path,
        tell: &mut Tell<'_>,
    ) -> Result<Option<String>> {
        let transfer = Transfer { part, bytes: file.bytes, limits: &self.limits };
        let shown = origin.to_string();
        let mut resumptions = 0;
        loop {
            let before = length(part);
            let mut watch = Told { file: &file.name, origin: &shown, tell: &mut *tell };
            let (reason, again) = match transfer.run(origin, &mut watch) {
                Ok(resumed) => match check(file, part)? {
                    None => return Ok(None),
                    // What was here may have been of another file: once more, from the beginning.
                    Some(reason) => (reason, resumed),
                },
                Err(Stopped::Origin(reason)) => (reason, false),
                Err(Stopped::BrokeOff(reason)) => {
                    resumptions += 1;
                    (reason, length(part) > before && resumptions <= self.limits.resumptions)
                }
                Err(Stopped::Here(error)) => return Err(error),
            };
            tell(Event::Failed { file: &file.name, origin: &shown, reason: &reason });
            if !again {
                return Ok(Some(reason));
            }
        }
    }

    /// Unpacks an archive beside the folder and moves the files into it.
    fn unpack(&self, part: &Path, file: &PublishedFile, folder: &Path, tell: &mut Tell<'_>) -> Result<()> {
        let fresh = folder.with_file_name(format!("{}.unpack", file.name));
        remove_if_there(&fresh)?;
        let moved = unpack(part, &file.form, &fresh, &self.limits)
            .and_then(|names| self.move_in(&fresh, &names, file, folder, tell));
        let removed = remove_if_there(&fresh);
        moved.and(removed)
    }

    fn move_in(
        &self,
        fresh: &Path,
        names: &[String],
        file: &PublishedFile,
        folder: &Path,
        tell: &mut Tell<'_>,
    ) -> Result<()> {
        let mut listed = format!("{}\n", heading(file));
        for name in names {
            let path = fresh.join(name);
            let sum = sha256(&path).map_err(|source| Error::io(&path, source))?;
            listed.push_str(&format!("{sum}  {name}\n"));
        }
        let list = members(fresh, file);
        fs::write(&list, listed).map_err(|source| Error::write(&list, source))?;
        // Where the folder is new, all files appear at once.
        if !folder.exists() {
            return fs::rename(fresh, folder).map_err(|source| Error::write(folder, source));
        }
        for name in names {
            let target = folder.join(name);
            target.parent().map_or(Ok(()), create)?;
            put(&fresh.join(name), &target, tell)?;
        }
        // The list comes last, since it says that all of them are there.
        put(&list, &members(folder, file), tell)
    }
}

/// Whether a file, or all that was unpacked of it, is there.
fn is_there(folder: &Path, file: &PublishedFile) -> bool {
    if file.form == Form::Plain {
        return file.sum.is_of(&folder.join(&file.name));
    }
    let Ok(list) = fs::read_to_string(members(folder, file)) else { return false };
    let mut lines = list.lines();
    let right = |line: &str| {
        line.split_once("  ")
            .is_some_and(|(sum, name)| sha256(&folder.join(name)).is_ok_and(|met| met == sum))
    };
    lines.next() == Some(&heading(file)) && lines.all(right)
}

/// The list of what an archive held, in the form that `sha256sum -c` reads.
fn members(folder: &Path, file: &PublishedFile) -> PathBuf {
    folder.join(format!("{}.members", file.name))
}

fn heading(file: &PublishedFile) -> String {
    format!("# {} {}", file.name, file.sum)
}

/// What is wrong with a file that is whole; it is removed then.
fn check(file: &PublishedFile, part: &Path) -> Result<Option<String>> {
    let met = file.sum.of(part).map_err(|source| Error::io(part, source))?;
    if met == file.sum.digits() {
        return Ok(None);
    }
    let bytes = length(part);
    remove_if_there(part)?;
    let (kind, expected) = (file.sum.kind(), file.sum.digits());
    Ok(Some(format!("{kind} of its {bytes} bytes is {met}, expected {expected}; what arrived was deleted")))
}

fn put(from: &Path, to: &Path, tell: &mut Tell<'_>) -> Result<()> {
    if let Some(path) = place(from, to)? {
        tell(Event::KeptAside { path: &path });
    }
    Ok(())
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::write(folder, source))
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// Tells of a transfer.
struct Told<'a, 't> {
    file: &'a str,
    origin: &'a str,
    tell: &'a mut Tell<'t>,
}

impl Watch for Told<'_, '_> {
    fn started(&mut self, here: u64, bytes: Option<u64>) {
        (self.tell)(Event::Started { file: self.file, origin: self.origin, here, bytes });
    }

    fn arrived(&mut self, here: u64) {
        (self.tell)(Event::Arrived { here });
    }
}
