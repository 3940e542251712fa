//! Ctrl-C and the request to terminate: the first asks the run to finish its step and keep what it has, the second
//! ends the process at once.

use crate::output::tell;
use std::sync::atomic::{AtomicBool, Ordering};

use cnn_train::{BatchEvent, Callback, CallbackError, Flow};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Begins to listen. Where the system does not allow it, Ctrl-C ends the process as it does anyway.
pub(crate) fn listen() {
    let _ = ctrlc::set_handler(ask);
}

/// Asks the run to stop, as Ctrl-C does.
pub(crate) fn ask() {
    if ASKED.swap(true, Ordering::Relaxed) {
        crate::tui::restore_terminal();
        std::process::exit(130);
    }
    tell!("stopping after this step; press Ctrl-C again to stop at once");
}

/// Whether Ctrl-C was pressed.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Ends a run after the batch in which Ctrl-C was pressed.
pub(crate) struct StopWhenAsked;

impl Callback for StopWhenAsked {
    fn on_batch(&mut self, _event: &BatchEvent) -> Result<Flow, CallbackError> {
        Ok(if asked() { Flow::Stop } else { Flow::Continue })
    }
}
