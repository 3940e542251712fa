//! Fetching public data sets: from their origins in turn, resumed where a transfer broke off, checked, unpacked safely.
//!
//! [`Published`] says what a data set consists of: its files, where each can be fetched, and the sum that it must
//! have; [`Published::named`] has those of the well-known sets. A [`Downloader`] brings them into a folder:
//!
//! - A file is written as `NAME.part` and gets its name once its sum is right, so that a name never stands for half a
//!   file. A partial file is kept when a transfer breaks off, and the next one goes on where it ended.
//! - Origins are tried in order, and an error names what each of them answered.
//! - What is there already with the right sum is left alone; what is there with another is kept as `NAME.old`.
//! - Archives are unpacked into a folder beside and then renamed. A member that is a link or a device, or whose path
//!   leads out of the folder, refuses the whole archive.
//! - A lock file keeps two programs from writing the same files at once; the second waits.
//!
//! Transfers go through `ureq`, with rustls and `ring` for HTTPS; a redirection never leads from HTTPS to HTTP.

mod archive;
mod event;
mod fetch;
mod known;
mod lock;
mod origin;
mod place;
mod published;
mod settings;
mod sum;
mod transfer;

pub use event::Event;
pub use fetch::{Downloader, Fetched};
pub use origin::Mirror;
pub use published::{Form, Published, PublishedFile};
pub use settings::Limits;
pub use sum::Sum;
