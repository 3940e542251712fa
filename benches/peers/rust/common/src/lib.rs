//! An engine of `cargo xtask bench`: answers the requests of benches/ours/src/protocol.rs, one JSON object a line.
//!
//! A peer gives a function from a work, as JSON, to a [`Job`]; timing, warm-up, threads and memory are the same for
//! all.

#![forbid(unsafe_code)]

mod process;
mod work;

use std::convert::Infallible;
use std::io::Write;

use bench_common::{inputs, timing};
use process::{Requests, memory};
use serde_json::{Value, json};
pub use work::{CLASSES, Conv, Network, Optimizer};

/// A work with its inputs made.
pub struct Job {
    /// Computes once.
    pub compute: Box<dyn FnMut()>,
    /// What is compared, computed beforehand.
    pub outputs: Vec<Output>,
}

/// An output that is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    name: &'static str,
    values: Vec<f32>,
    by_sum: bool,
}

impl Output {
    /// An output in PyTorch's order of axes.
    pub fn new(name: &'static str, values: Vec<f32>) -> Self {
        Self { name, values, by_sum: false }
    }

    /// An output of which the sum of the absolute values alone is compared.
    pub fn by_sum(name: &'static str, values: Vec<f32>) -> Self {
        Self { name, values, by_sum: true }
    }

    /// The output in brief.
    fn digest(&self) -> Value {
        let Self { name, values, by_sum } = self;
        let sum: f64 = values.iter().map(|value| f64::from(value.abs())).sum();
        let positions = if *by_sum { Vec::new() } else { inputs::sample_positions(values.len()) };
        let samples: Vec<f32> = positions.into_iter().map(|position| values[position]).collect();
        json!({ "name": name, "len": values.len(), "sum": sum, "samples": samples })
    }
}

/// Answers until the driver closes the pipe. `make` gives the job of a work on so many threads, which it has
/// computed once, or says why there is none. The process has been started with `RAYON_NUM_THREADS` of that number.
pub fn serve(version: &str, make: impl Fn(&Value, usize) -> Result<Job, String>) -> std::io::Result<()> {
    process::check_build()?;
    let mut replies = std::io::stdout().lock();
    let mut reply = |value: Value| {
        writeln!(replies, "{value}")?;
        replies.flush()
    };
    let requests = Requests::open()?;
    if requests.at_start() {
        reply(json!({ "version": version, "resident_bytes": memory("VmRSS") }))?;
    }
    let mut current: Option<(Job, usize)> = None;
    for line in requests {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let answer = match request["do"].as_str() {
            Some("prepare") => {
                current = None;
                let threads = request["threads"].as_u64().unwrap_or(1) as usize;
                process::with_threads(threads, &line)?;
                process::join_pool();
                // Where the system cannot begin a new count, the peak is that of the whole process.
                let _ = std::fs::write("/proc/self/clear_refs", "5");
                match make(&request["work"], threads) {
                    Ok(mut job) => {
                        let outputs: Vec<Value> =
                            job.outputs.drain(..).map(|output| output.digest()).collect();
                        let Ok(seconds) = timing::warm_up(computing(&mut job));
                        let wanted = request["run_seconds"].as_f64().unwrap_or(0.03);
                        let iterations = timing::iterations(wanted, seconds);
                        current = Some((job, iterations));
                        json!({ "iterations": iterations, "outputs": outputs })
                    }
                    Err(reason) => json!({ "unsupported": reason }),
                }
            }
            Some("run") => match &mut current {
                Some((job, iterations)) => {
                    let Ok(seconds) = timing::timed(*iterations, computing(job));
                    json!({ "seconds": seconds })
                }
                None => json!({ "error": "nothing is prepared" }),
            },
            Some("memory") => json!({ "peak_bytes": memory("VmHWM") }),
            Some("drop") => {
                current = None;
                json!({})
            }
            _ => json!({ "error": "unknown request" }),
        };
        reply(answer)?;
    }
    Ok(())
}

/// What is timed of a job.
fn computing(job: &mut Job) -> impl FnMut() -> Result<(), Infallible> {
    || {
        (job.compute)();
        Ok(())
    }
}

/// The numbers of a stream of [`bench_common::inputs`].
pub fn numbers(stream: u64, len: usize) -> Vec<f32> {
    (0..len).map(|position| inputs::number(stream, position)).collect()
}
