//! Threads that prepare batches ahead, in a bounded window after the batch that the caller takes next.
//!
//! Workers take numbers from a counter and leave finished batches on a shelf; the caller waits for its number.
//! No worker starts on a batch that lies beyond the window, so that a slow caller bounds the memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::assemble::{Assembler, Made};
use crate::{Error, Result};

/// Running workers. Dropping it stops them and waits until they have.
pub(super) struct Workers {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
    /// Set where the system refused a thread; the batches that come of the others stay right.
    refused: Option<std::io::Error>,
}

/// What workers and caller share.
struct Desk {
    assembler: Assembler,
    /// Batches from the next one of the caller that may be begun.
    ahead: usize,
    state: Mutex<State>,
    /// A batch was put on the shelf.
    finished: Condvar,
    /// A batch was taken from the shelf, or work is to stop.
    moved: Condvar,
}

struct State {
    shelf: BTreeMap<usize, Result<Made>>,
    /// Number of the batch that is begun next.
    next: usize,
    /// Number of the batch that the caller takes next.
    awaited: usize,
    /// Number after the last batch to be begun.
    end: usize,
}

impl Workers {
    /// Starts `count` threads on the given batches, at most `ahead` of them before the caller.
    pub(super) fn start(assembler: Assembler, batches: Range<usize>, count: usize, ahead: usize) -> Self {
        let Range { start, end } = batches;
        let state = State { shelf: BTreeMap::new(), next: start, awaited: start, end };
        let desk = Arc::new(Desk {
            assembler,
            ahead,
            state: Mutex::new(state),
            finished: Condvar::new(),
            moved: Condvar::new(),
        });
        let mut workers = Self { desk, threads: Vec::with_capacity(count), refused: None };
        for number in 0..count {
            let desk = Arc::clone(&workers.desk);
            match thread::Builder::new().name(format!("cnn-data-{number}")).spawn(move || desk.work()) {
                Ok(thread) => workers.threads.push(thread),
                Err(error) => workers.refused = Some(error),
            }
        }
        workers
    }

    /// Waits for batch `number`, which must be the one after the batch taken last.
    pub(super) fn take(&self, number: usize) -> Result<Made> {
        if let (true, Some(error)) = (self.threads.is_empty(), &self.refused) {
            return Err(Error::argument(
                "number of workers",
                error,
                "as many threads as the system allows, or 0",
            ));
        }
        let mut state = self.desk.lock();
        loop {
            if let Some(batch) = state.shelf.remove(&number) {
                state.awaited = number + 1;
                self.desk.moved.notify_all();
                return batch;
            }
            state = self.desk.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.desk.lock().end = 0;
        self.desk.moved.notify_all();
        for thread in self.threads.drain(..) {
            // A worker catches the panics of the code that it calls, so there is nothing to report here.
            let _ = thread.join();
        }
    }
}

impl Desk {
    /// What a worker does until no batch is left.
    fn work(&self) {
        while let Some(number) = self.begin() {
            let batch = self.assembler.batch_or_panic(number);
            self.lock().shelf.insert(number, batch);
            self.finished.notify_one();
        }
    }

    /// The number of a batch to make, once there is one within the window; `None` at the end.
    fn begin(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.next >= state.end {
                return None;
            }
            if state.next < state.awaited.saturating_add(self.ahead) {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
