//! [`check`]: everything that is wrong, or worth knowing, about a folder of pictures, before a network learns it.
//!
//! Every file is read and decoded once, one in each thread at a time; what is kept of it is two sums, a hash of its
//! look, a thumbnail of 1 KiB and a few figures, so that 100,000 pictures take about 120 MB. The result does not
//! depend on the number of threads. Pictures that are mirrored, turned or cut out of each other are not looked for.

mod findings;
mod layout;
mod look;
mod near;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::Serialize;

use crate::decode::Decoder;
use crate::{Result, Split};

/// How a folder is checked.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Threads that look at files; as many as there are processors where it is not given. The result is the same.
    pub threads: Option<NonZero<usize>>,
    /// How pictures are read.
    pub decoder: Decoder,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Training or measuring would fail, or give figures that are not true.
    Error,
    /// Worth a look.
    Note,
}

/// What was found, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The folder is not laid out as a data set.
    Layout,
    /// Equal pictures in two splits.
    DuplicatesAcrossSplits,
    /// Equal pictures in two classes.
    DuplicatesAcrossClasses,
    /// Almost equal pictures in two splits.
    NearDuplicatesAcrossSplits,
    /// Almost equal pictures in two classes.
    NearDuplicatesAcrossClasses,
    /// Files without a byte.
    Empty,
    /// Files that are cut short.
    Truncated,
    /// Files that cannot be read as pictures.
    Unreadable,
    /// Classes that a split has none of.
    MissingClass,
    /// Classes that the training set has none of.
    UnknownClass,
    /// Class names that differ in their case alone.
    CaseCollision,
    /// Folders inside class folders, and pictures outside of them.
    Misplaced,
    /// Files and folders that are no part of the data set.
    Stray,
    /// Equal pictures within a class of a split.
    Duplicates,
    /// Almost equal pictures within a class of a split.
    NearDuplicates,
    /// Files whose content is of another format than their name says.
    WrongExtension,
    /// Some classes are many times as large as others.
    Imbalance,
    /// Pictures that the camera turned.
    Rotated,
    /// Pictures of several colour modes or depths.
    MixedModes,
    /// Pictures of almost one level.
    NearConstant,
    /// Pictures that are almost black.
    Dark,
    /// Pictures that are almost white.
    Overexposed,
    /// Pictures that are much less sharp than the others.
    Blurred,
    /// Pictures of very few pixels.
    Tiny,
    /// Pictures that are much longer than wide, or the reverse.
    OddShape,
}

/// One case of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The files or folders, from the root, with `/` between folders; two or more where they are equal.
    pub files: Vec<String>,
    /// What was met.
    pub detail: String,
}

/// All cases of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// It in words.
    pub title: &'static str,
    /// What to do.
    pub advice: String,
    /// Every case, in the order of the paths.
    pub cases: Vec<Case>,
}

/// Number of pictures of a class in each split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCounts {
    /// Name of the class.
    pub class: String,
    /// As many as the report has splits.
    pub counts: Vec<usize>,
}

/// What is there, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files in class folders that were looked at.
    pub files: usize,
    /// Those that are whole pictures.
    pub pictures: usize,
    /// The splits; a folder without is all training set.
    pub splits: Vec<Split>,
    /// Files by class and split, classes sorted by name.
    pub classes: Vec<ClassCounts>,
    /// Pictures by format.
    pub formats: BTreeMap<String, usize>,
    /// Pictures by colour mode and depth.
    pub modes: BTreeMap<String, usize>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Number of findings that are errors.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// The finding of a kind.
    pub fn finding(&self, kind: Kind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }
}

/// A file in a class folder.
#[derive(Debug, Clone)]
struct Entry {
    path: PathBuf,
    /// From the root, with `/`.
    name: String,
    split: Split,
    class: String,
}

/// Looks at every file of a folder of pictures: `root/class/*`, or `root/train/class/*` with other splits beside it.
///
/// ```no_run
/// use cnn_data::check::{CheckOptions, check};
/// # fn main() -> cnn_data::Result<()> {
/// let report = check("photos".as_ref(), &CheckOptions::default())?;
/// for finding in &report.findings {
///     println!("{}: {}", finding.title, finding.cases.len());
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) where the root cannot be listed. Everything else is a finding.
pub fn check(root: &Path, options: &CheckOptions) -> Result<Report> {
    let layout = layout::Layout::of(root)?;
    let looked = look_at_all(&layout.entries, options);
    Ok(findings::report(layout, looked))
}

/// What each file is, in their order.
fn look_at_all(entries: &[Entry], options: &CheckOptions) -> Vec<look::Looked> {
    let processors = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let threads = options.threads.unwrap_or(processors).get().min(entries.len()).clamp(1, 64);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(entries.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(entry) = entries.get(at) else { break };
                    let looked = look::look(&entry.path, &options.decoder);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, looked));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|&(at, _)| at);
    done.into_iter().map(|(_, looked)| looked).collect()
}
