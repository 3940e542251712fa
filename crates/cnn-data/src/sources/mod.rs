//! Where samples come from: IDX files, CIFAR's binary files, folders of pictures, tables that name pictures, arrays,
//! and how a user names them.

mod archive;
mod arrays;
pub mod cifar;
pub mod emnist;
pub(crate) mod file;
mod folder;
pub mod idx;
pub mod location;
pub mod mnist;
mod pictures;
mod records;
mod table;

pub use arrays::Arrays;
pub use folder::{Folder, FolderOptions};
pub use records::Records;
pub use table::{Table, TableOptions, TargetColumn};
