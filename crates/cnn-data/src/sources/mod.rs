//! Where samples come from: IDX files, CIFAR-10's binary files, folders of pictures, and how a user names them.

pub mod cifar10;
pub(crate) mod file;
mod folder;
pub mod idx;
pub mod location;
pub mod mnist;
mod records;

pub use folder::{BadFiles, Folder, FolderOptions};
pub use records::Records;
