//! What is said between the driver and an engine: one JSON object a line, a reply for each request.
//!
//! An engine is a process of its own that computes on request and otherwise waits. It says hello once it has
//! started; then `prepare`, `run` as often as asked, `memory` and `drop` belong to one work.
//! An engine that cannot do a work says why in `unsupported`; anything else that goes wrong is an `error`.

use serde::{Deserialize, Serialize};

use crate::work::Work;

/// What the driver asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Make the inputs, compute once for the outputs, warm up, and find how many iterations take long enough.
    Prepare {
        /// Threads that compute.
        threads: usize,
        /// What to compute.
        work: Work,
        /// How long a run should take at least.
        run_seconds: f64,
    },
    /// Compute for as many iterations as were found, and say how long one takes.
    Run,
    /// Say how much memory the process has held at most since `prepare`.
    Memory,
    /// Forget the work and return its memory.
    Drop,
}

/// What an engine says when it has started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// Name and version of what computes.
    pub(crate) version: String,
    /// The instruction set, where the engine knows.
    #[serde(default)]
    pub(crate) isa: Option<String>,
    /// Memory of the process before any work, where the system says.
    #[serde(default)]
    pub(crate) resident_bytes: Option<u64>,
}

/// The reply to [`Request::Prepare`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prepared {
    /// Iterations in one run.
    pub(crate) iterations: usize,
    /// Floating-point operations of one iteration, where only the engine knows them.
    #[serde(default)]
    pub(crate) operations: Option<u64>,
    /// What came out, to be compared between engines.
    pub(crate) outputs: Vec<Output>,
}

/// One output in brief.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Output {
    /// Which: `output`, `grad_input`, `grad_weight`.
    pub(crate) name: String,
    /// How many numbers it has.
    pub(crate) len: usize,
    /// The sum of their absolute values.
    pub(crate) sum: f64,
    /// Those at [`bench_common::inputs::sample_positions`], positions counted in PyTorch's order of axes. None
    /// where the sum alone is compared.
    pub(crate) samples: Vec<f64>,
}

/// The reply to [`Request::Run`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// Wall time of one iteration.
    pub(crate) seconds: f64,
}

/// The reply to [`Request::Memory`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Most memory that the process held, where the system says.
    #[serde(default)]
    pub(crate) peak_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Suite, cases};

    #[test]
    fn every_case_survives_the_way_to_an_engine() {
        for suite in [Suite::Kernels, Suite::Layers, Suite::Train, Suite::Infer, Suite::Data] {
            for work in cases(suite).unwrap() {
                let request = Request::Prepare { threads: 2, work, run_seconds: 0.03 };
                let line = serde_json::to_string(&request).unwrap();
                assert!(!line.contains('\n'));
                assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
            }
        }
    }

    #[test]
    fn requests_look_as_the_other_engines_read_them() {
        assert_eq!(serde_json::to_string(&Request::Run).unwrap(), r#"{"do":"run"}"#);
        let work = Work::Copy { bytes: 8 };
        let request = Request::Prepare { threads: 1, work, run_seconds: 0.5 };
        let line = r#"{"do":"prepare","threads":1,"work":{"kind":"copy","bytes":8},"run_seconds":0.5}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), line);
    }
}
