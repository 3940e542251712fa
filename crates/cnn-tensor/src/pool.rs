//! The process-wide pool of buffers: size classes, a budget, a cap on what is kept, counters.
//!
//! Classes are four to a doubling, so at most a fifth of a buffer is unused.
//! The budget bounds live and kept memory together, and defaults to the machine's (on Linux also the control
//! group's) memory; passing it is an error, never an abort.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::storage::Block;
use crate::{Error, Result};

/// What the pool holds and has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in buffers that tensors hold.
    pub live_bytes: usize,
    /// Most that `live_bytes` has been since the last [`reset_peak`].
    pub peak_live_bytes: usize,
    /// Bytes kept for the next request.
    pub kept_bytes: usize,
    /// Requests that had to ask the system.
    pub system_allocations: usize,
    /// Copies made because a tensor was written while its buffer was shared.
    pub copies_on_write: usize,
}

/// A rounded buffer size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Class(usize);

impl Class {
    pub(crate) const EMPTY: Class = Class(0);

    /// The smallest class that holds `bytes`.
    pub(crate) fn of(bytes: usize) -> Self {
        if bytes == 0 {
            return Self::EMPTY;
        }
        // Four classes to a doubling: keep the three leading bits.
        let step = (bytes.next_power_of_two() / 8).max(64);
        Self(bytes.next_multiple_of(step))
    }

    pub(crate) fn bytes(self) -> usize {
        self.0
    }
}

struct State {
    free: HashMap<Class, Vec<Block>>,
    live: usize,
    peak_live: usize,
    kept: usize,
    budget: usize,
    cap: usize,
    system_allocations: usize,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    let budget = machine_memory();
    Mutex::new(State {
        free: HashMap::new(),
        live: 0,
        peak_live: 0,
        kept: 0,
        budget,
        cap: budget / 2,
        system_allocations: 0,
    })
});

static COPIES_ON_WRITE: AtomicUsize = AtomicUsize::new(0);

fn state() -> MutexGuard<'static, State> {
    // No code that runs under the lock leaves the state half changed.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pool's present figures.
pub fn stats() -> Stats {
    let state = state();
    Stats {
        live_bytes: state.live,
        peak_live_bytes: state.peak_live,
        kept_bytes: state.kept,
        system_allocations: state.system_allocations,
        copies_on_write: COPIES_ON_WRITE.load(Ordering::Relaxed),
    }
}

/// Starts the measurement of [`Stats::peak_live_bytes`] again.
pub fn reset_peak() {
    let mut state = state();
    state.peak_live = state.live;
}

/// Returns everything kept to the system.
pub fn trim() {
    let released = {
        let mut state = state();
        state.kept = 0;
        std::mem::take(&mut state.free)
    };
    drop(released);
}

/// Sets the most bytes that tensors and pool may hold together; returns the budget until now.
pub fn set_budget(bytes: usize) -> usize {
    let mut state = state();
    state.cap = bytes / 2;
    std::mem::replace(&mut state.budget, bytes)
}

/// Bytes that a buffer of `bytes` bytes really takes: those of its size class.
pub fn block_bytes(bytes: usize) -> usize {
    Class::of(bytes).bytes()
}

/// A block of at least `bytes` bytes, and whether it is fresh, that is zero.
pub(crate) fn take(bytes: usize) -> Result<(Block, bool)> {
    let class = Class::of(bytes);
    if class == Class::EMPTY {
        return Ok((Block::EMPTY, true));
    }
    let mut state = state();
    if let Some(block) = state.free.get_mut(&class).and_then(Vec::pop) {
        state.kept -= class.bytes();
        state.count_live(class);
        return Ok((block, false));
    }
    if state.live + state.kept + class.bytes() > state.budget {
        state.free.clear();
        state.kept = 0;
    }
    let out_of_memory =
        |state: &State| Error::OutOfMemory { requested: bytes, in_use: state.live, budget: state.budget };
    if state.live.saturating_add(class.bytes()) > state.budget {
        return Err(out_of_memory(&state));
    }
    let block = Block::zeroed(class).ok_or_else(|| out_of_memory(&state))?;
    state.system_allocations += 1;
    state.count_live(class);
    Ok((block, true))
}

/// Keeps a block for the next request of its class, up to the cap.
pub(crate) fn give_back(block: Block) {
    let class = block.class();
    if class == Class::EMPTY {
        return;
    }
    let mut state = state();
    state.live -= class.bytes();
    if state.kept + class.bytes() <= state.cap {
        state.kept += class.bytes();
        state.free.entry(class).or_default().push(block);
    } else {
        drop(state);
        drop(block);
    }
}

pub(crate) fn count_copy_on_write() {
    COPIES_ON_WRITE.fetch_add(1, Ordering::Relaxed);
}

impl State {
    fn count_live(&mut self, class: Class) {
        self.live += class.bytes();
        self.peak_live = self.peak_live.max(self.live);
    }
}

/// Memory that this process may use, where the system tells; else no bound.
fn machine_memory() -> usize {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
    });
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok());
    total.into_iter().chain(group).min().unwrap_or(isize::MAX as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_wastes_at_most_a_quarter_and_is_its_own_class() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, 3 << 30]) {
            let class = Class::of(bytes);
            assert!(class.bytes() >= bytes);
            assert!(class.bytes() <= bytes + (bytes / 4).max(64), "{bytes} -> {}", class.bytes());
            assert_eq!(Class::of(class.bytes()), class);
        }
    }
}
