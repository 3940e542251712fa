//! [`Event`]: what a download tells while it works.

use std::path::Path;

/// What a download tells while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another program fetches this data set; it is waited for.
    Waiting {
        /// The data set.
        name: &'a str,
    },
    /// A file is there already with the right sum.
    AlreadyThere {
        /// The file.
        file: &'a str,
    },
    /// A transfer begins.
    Started {
        /// The file.
        file: &'a str,
        /// Where it comes from.
        origin: &'a str,
        /// How much of it is here from an earlier transfer.
        here: u64,
        /// Its length, where that is known.
        bytes: Option<u64>,
    },
    /// Bytes arrived.
    Arrived {
        /// How much of the file is here.
        here: u64,
    },
    /// An origin failed; the next is tried, where there is one.
    Failed {
        /// The file.
        file: &'a str,
        /// The origin.
        origin: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A file is complete and its sum is right.
    Checked {
        /// The file.
        file: &'a str,
        /// What was compared: `SHA-256` or `MD5`.
        sum: &'static str,
    },
    /// A file with other contents was in the way, and was kept under another name.
    KeptAside {
        /// Where it is now.
        path: &'a Path,
    },
    /// An archive is being unpacked.
    Unpacking {
        /// The archive.
        file: &'a str,
    },
}
