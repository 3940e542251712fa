//! Bad input: each gets one clear message that says what, where and what to do, and the right exit code; nothing
//! panics, and no file that existed is lost.

mod common;

#[path = "bad/data.rs"]
mod data;
#[path = "bad/images.rs"]
mod images;
#[path = "bad/models.rs"]
mod models;
#[path = "bad/output.rs"]
mod output;
#[path = "bad/usage.rs"]
mod usage;
