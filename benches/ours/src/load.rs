//! Somebody else's process: one thread that computes all the time, unless it is stopped.

use std::hint::black_box;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::failure::Result;
use crate::pause::{Signal, Signals, end_group};

/// A busy process, stopped until it is told to go on.
pub(crate) struct Load {
    process: Child,
}

impl Load {
    pub(crate) fn start(signals: &mut Signals) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let process = command.arg("busy").process_group(0).stdin(Stdio::piped()).spawn()?;
        let load = Self { process };
        load.stop(signals)?;
        Ok(load)
    }

    pub(crate) fn stop(&self, signals: &mut Signals) -> Result<()> {
        signals.send(Signal::Stop, self.pid())
    }

    pub(crate) fn go_on(&self, signals: &mut Signals) -> Result<()> {
        signals.send(Signal::Continue, self.pid())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        end_group(&mut self.process);
    }
}

/// What the busy process does: computes until its standard input is closed, as it is when whoever started it ends.
pub(crate) fn run() -> Result<()> {
    std::thread::spawn(|| {
        let mut state = 1u64;
        loop {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
