//! The process of an engine: its requests, its number of threads, and its memory.
//!
//! Libraries take the number of their threads from the environment when they start, and so does the allocator what it
//! keeps. A process therefore begins anew, in its own place, when a work wants another environment than it has.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use bench_common::ALLOCATOR;

/// What rayon, and libraries that do as it does, read the number of threads from.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Requests, one a line. Nothing is read ahead, so that a process that begins anew misses none.
pub(crate) struct Requests {
    /// The request with which this process began anew.
    first: Option<String>,
    input: File,
}

impl Requests {
    pub(crate) fn open() -> std::io::Result<Self> {
        let input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { first: std::env::args().nth(1), input })
    }

    /// Whether the driver has not heard from this process.
    pub(crate) fn at_start(&self) -> bool {
        self.first.is_none()
    }
}

impl Iterator for Requests {
    type Item = String;

    /// None where the pipe is closed.
    fn next(&mut self) -> Option<String> {
        if let Some(line) = self.first.take() {
            return Some(line);
        }
        let mut line = Vec::new();
        let mut byte = [0];
        while matches!(self.input.read(&mut byte), Ok(1)) {
            if byte == *b"\n" {
                return String::from_utf8(line).ok();
            }
            line.push(byte[0]);
        }
        None
    }
}

/// Begins this process anew with this request, unless it has so many threads already; returns an error where it cannot.
pub(crate) fn with_threads(threads: usize, request: &str) -> std::io::Result<()> {
    let begun_anew = std::env::args().len() > 1;
    if begun_anew && std::env::var(THREADS).is_ok_and(|given| given == threads.to_string()) {
        return Ok(());
    }
    let mut program = Command::new(std::env::current_exe()?);
    Err(program.arg(request).env(THREADS, threads.to_string()).envs(ALLOCATOR).exec())
}

/// Starts rayon's threads with this thread as one of them, so that it computes instead of handing work over and
/// waiting. Does nothing where they run already.
pub(crate) fn join_pool() {
    let _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
}

/// A field of this process's status in bytes.
pub(crate) fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Refuses to be timed where the compiler was not told of the processor that the program runs on.
pub(crate) fn check_build() -> std::io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && !cfg!(target_feature = "avx2") {
        return Err(std::io::Error::other(
            "this was built for any x86-64 processor, not for the one that it is on",
        ));
    }
    Ok(())
}
