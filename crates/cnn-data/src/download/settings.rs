//! [`Limits`]: how long to wait, how often to go on, and how much to accept.

use std::time::Duration;

/// How long to wait, how often to go on, and how much to accept.
///
/// ```
/// use cnn_data::download::Limits;
/// let patient = Limits { stall: std::time::Duration::from_secs(120), ..Limits::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most time to find and reach a server; 15 s by default.
    pub connect: Duration,
    /// Most time without a byte; 30 s by default.
    pub stall: Duration,
    /// How often a transfer that brought something and broke off goes on at the same origin; 4 by default.
    pub resumptions: usize,
    /// Most redirections of one request; 5 by default.
    pub redirects: usize,
    /// Most bytes of a file whose length is not published; 1 GiB by default.
    pub file_bytes: u64,
    /// Most bytes that an archive may unpack to; 4 GiB by default.
    pub unpacked_bytes: u64,
    /// Most members of an archive; 10,000 by default.
    pub members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            resumptions: 4,
            redirects: 5,
            file_bytes: 1 << 30,
            unpacked_bytes: 4 << 30,
            members: 10_000,
        }
    }
}
