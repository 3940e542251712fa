//! Our own engine: the process that computes with this toolkit when the driver asks.

mod conv;
mod dense;
mod layer;
mod layout;
mod limits;
mod load;
mod memory;
mod network;
mod photographs;
mod start;

use std::io::{BufRead, Write};

use bench_common::timing;
use cnn_tensor::{Tensor, parallel, pool, simd};
use serde::Serialize;
use serde_json::json;

use crate::failure::{Result, failure};
use crate::machine;
use crate::protocol::{Held, Hello, Output, Prepared, Ran, Request};
use crate::work::Work;
use layout::Layout;

/// A work with its inputs made.
pub(crate) struct Job {
    /// Computes once.
    compute: Box<dyn FnMut() -> Result<Vec<Tensor>>>,
    /// What is compared between engines, computed before anything is timed.
    outputs: Vec<Output>,
    /// Floating-point operations of one computation, where the work does not say.
    operations: Option<u64>,
}

impl Job {
    /// A job that has computed once. What came out is compared under these names; a layout says which position is
    /// where.
    fn new(
        outputs: Vec<(&'static str, Layout)>,
        mut compute: impl FnMut() -> Result<Vec<Tensor>> + 'static,
    ) -> Result<Self> {
        let results = compute()?;
        let digests =
            outputs.iter().zip(&results).map(|((name, layout), tensor)| layout.digest(name, tensor));
        let outputs = digests.collect::<Result<_>>()?;
        Ok(Self { compute: Box::new(compute), outputs, operations: None })
    }
}

/// Answers requests until the driver closes the pipe.
pub(crate) fn run() -> Result<()> {
    let mut replies = std::io::stdout().lock();
    let (resident_bytes, _) = machine::own_memory();
    let version = format!("cnn {}", env!("CARGO_PKG_VERSION"));
    let isa = Some(simd::active()?.name().to_string());
    reply(&mut replies, &Hello { version, isa, resident_bytes })?;

    let mut current: Option<(Job, usize)> = None;
    for line in std::io::stdin().lock().lines() {
        let answered = match serde_json::from_str(&line?)? {
            Request::Prepare { threads, work, run_seconds } => {
                drop(current.take());
                prepare(threads, &work, run_seconds).map(|(job, prepared)| {
                    current = Some((job, prepared.iterations));
                    json!(prepared)
                })
            }
            Request::Run => match &mut current {
                Some((job, iterations)) => timing::timed(*iterations, || (job.compute)().map(drop))
                    .map(|seconds| json!(Ran { seconds })),
                None => failure("nothing is prepared"),
            },
            Request::Memory => Ok(json!(Held { peak_bytes: machine::own_memory().1 })),
            Request::Drop => {
                drop(current.take());
                pool::trim();
                Ok(json!({}))
            }
        };
        reply(&mut replies, &answered.unwrap_or_else(|error| json!({ "error": error.to_string() })))?;
    }
    Ok(())
}

fn reply(replies: &mut impl Write, value: &impl Serialize) -> Result<()> {
    writeln!(replies, "{}", serde_json::to_string(value)?)?;
    Ok(replies.flush()?)
}

fn prepare(threads: usize, work: &Work, run_seconds: f64) -> Result<(Job, Prepared)> {
    parallel::set_threads(threads)?;
    machine::reset_peak();
    let mut job = match work {
        Work::Conv(conv) => conv::job(conv)?,
        Work::Dense(dense) => dense::job(dense)?,
        Work::Layer(layer) => layer::job(layer)?,
        Work::Memory(memory) => memory::job(memory)?,
        Work::Train(network) => network::train(network)?,
        Work::Infer(network) => network::infer(network)?,
        Work::Load(load) => load::job(*load, threads)?,
        Work::Start => start::job()?,
        Work::MultiplyAdds => limits::multiply_adds()?,
        Work::Copy { bytes } => limits::copy(*bytes)?,
    };
    let seconds = timing::warm_up(|| (job.compute)().map(drop))?;
    let iterations = timing::iterations(run_seconds, seconds);
    let prepared =
        Prepared { iterations, operations: job.operations, outputs: std::mem::take(&mut job.outputs) };
    Ok((job, prepared))
}
