//! The process-wide pool of buffers: size classes, a budget, a cap on what is kept, counters.
//!
//! Classes are four to a doubling, so at most a fifth of a buffer is unused.
//! The budget bounds live and kept memory together, and defaults to the machine's (on Linux also the control
//! group's) memory; passing it is an error, never an abort. What is kept always gives way to a request.

mod machine;

use std::collections::BTreeMap;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class(usize);

impl Class {
    pub(crate) const EMPTY: Class = Class(0);

    /// The smallest class that holds `bytes`; more than the system could give where there is none.
    pub(crate) fn of(bytes: usize) -> Self {
        if bytes == 0 {
            return Self::EMPTY;
        }
        // Four classes to a doubling: keep the three leading bits.
        let class = bytes
            .checked_next_power_of_two()
            .and_then(|power| bytes.checked_next_multiple_of((power / 8).max(64)));
        Self(class.unwrap_or(usize::MAX))
    }

    pub(crate) fn bytes(self) -> usize {
        self.0
    }
}

struct State {
    /// Kept blocks, by class.
    free: BTreeMap<Class, Vec<Block>>,
    live: usize,
    peak_live: usize,
    /// At most `most_kept()`.
    kept: usize,
    budget: usize,
    system_allocations: usize,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| Mutex::new(State::new(machine::memory())));

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
    state().keep_at_most(0);
}

/// Sets the most bytes that tensors and pool may hold together; returns the budget until now.
///
/// What is kept beyond it goes back to the system. Tensors that hold more stay, and the next request is refused.
pub fn set_budget(bytes: usize) -> usize {
    state().set_budget(bytes)
}

/// Bytes that a buffer of `bytes` bytes really takes: those of its size class, or `usize::MAX` where no buffer
/// can be so large.
pub fn block_bytes(bytes: usize) -> usize {
    Class::of(bytes).bytes()
}

/// A block of at least `bytes` bytes, and whether it is fresh, that is zero.
pub(crate) fn take(bytes: usize) -> Result<(Block, bool)> {
    match Class::of(bytes) {
        Class::EMPTY => Ok((Block::EMPTY, true)),
        class => state().take(bytes, class, Block::zeroed),
    }
}

/// Keeps a block for the next request of its class, up to the cap.
pub(crate) fn give_back(block: Block) {
    if block.class() == Class::EMPTY {
        return;
    }
    // The guard is gone at the end of the statement: the system gets the block outside the lock.
    let released = state().give_back(block);
    drop(released);
}

pub(crate) fn count_copy_on_write() {
    COPIES_ON_WRITE.fetch_add(1, Ordering::Relaxed);
}

impl State {
    fn new(budget: usize) -> Self {
        Self { free: BTreeMap::new(), live: 0, peak_live: 0, kept: 0, budget, system_allocations: 0 }
    }

    /// A block that is kept, else one from the system.
    fn take(
        &mut self,
        requested: usize,
        class: Class,
        system: impl Fn(Class) -> Option<Block>,
    ) -> Result<(Block, bool)> {
        let out_of_memory = Error::OutOfMemory { requested, in_use: self.live, budget: self.budget };
        let live = self.live.saturating_add(class.bytes());
        if live > self.budget {
            return Err(out_of_memory);
        }
        let kept = self.free.get_mut(&class).and_then(Vec::pop);
        let fresh = kept.is_none();
        let block = match kept {
            Some(block) => {
                self.kept -= class.bytes();
                block
            }
            None => {
                self.keep_at_most(self.budget - live);
                let block = system(class).or_else(|| {
                    self.keep_at_most(0);
                    system(class)
                });
                self.system_allocations += usize::from(block.is_some());
                block.ok_or(out_of_memory)?
            }
        };
        self.live = live;
        self.peak_live = self.peak_live.max(live);
        Ok((block, fresh))
    }

    /// Keeps the block, or returns it where too much would be kept.
    fn give_back(&mut self, block: Block) -> Option<Block> {
        let class = block.class();
        self.live -= class.bytes();
        if self.kept + class.bytes() > self.most_kept() {
            return Some(block);
        }
        self.kept += class.bytes();
        self.free.entry(class).or_default().push(block);
        None
    }

    fn set_budget(&mut self, bytes: usize) -> usize {
        let before = std::mem::replace(&mut self.budget, bytes);
        self.keep_at_most(self.most_kept());
        before
    }

    /// Most bytes that may be kept: half the budget, and no more than live buffers leave of it.
    fn most_kept(&self) -> usize {
        (self.budget / 2).min(self.budget.saturating_sub(self.live))
    }

    /// Returns kept blocks to the system, the largest first, until at most `bytes` are kept.
    fn keep_at_most(&mut self, bytes: usize) {
        for (class, blocks) in self.free.iter_mut().rev() {
            while self.kept > bytes && blocks.pop().is_some() {
                self.kept -= class.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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

    #[test]
    fn sizes_that_no_class_holds_saturate() {
        assert_eq!(block_bytes(usize::MAX), usize::MAX);
        assert_eq!(block_bytes((1 << (usize::BITS - 1)) + 1), usize::MAX);
        assert_eq!(Class::of(usize::MAX), Class::of(block_bytes(usize::MAX)));
        assert!(matches!(take(usize::MAX), Err(Error::OutOfMemory { requested: usize::MAX, .. })));
    }

    /// A block of `bytes` bytes, a size class, with whether it is fresh.
    fn ask(state: &mut State, bytes: usize) -> Result<(Block, bool)> {
        assert_eq!(block_bytes(bytes), bytes);
        state.take(bytes, Class::of(bytes), Block::zeroed)
    }

    /// A state that keeps one block of each size.
    fn keeping(budget: usize, sizes: &[usize]) -> State {
        let mut state = State::new(budget);
        let blocks: Vec<Block> = sizes.iter().map(|&bytes| ask(&mut state, bytes).unwrap().0).collect();
        for block in blocks {
            assert!(state.give_back(block).is_none());
        }
        state
    }

    #[test]
    fn a_released_block_is_given_out_again() {
        let mut state = keeping(4096, &[1024]);
        assert_eq!((state.live, state.kept, state.peak_live), (0, 1024, 1024));
        let (_block, fresh) = ask(&mut state, 1024).unwrap();
        assert!(!fresh);
        assert_eq!((state.live, state.kept, state.system_allocations), (1024, 0, 1));
    }

    #[test]
    fn a_kept_block_beyond_the_budget_is_not_given_out() {
        let mut state = keeping(8192, &[1024, 2048]);
        let (_live, _) = ask(&mut state, 1024).unwrap();
        state.budget = 2048;
        let refused = ask(&mut state, 2048).map(|_| ());
        assert_eq!(refused, Err(Error::OutOfMemory { requested: 2048, in_use: 1024, budget: 2048 }));
    }

    #[test]
    fn a_lower_budget_releases_what_is_kept_beyond_it() {
        let mut state = keeping(8192, &[1024, 512, 2048]);
        assert_eq!(state.set_budget(4096), 8192);
        assert_eq!(state.kept, 1536);
        let (_live, _) = ask(&mut state, 1024).unwrap();
        state.set_budget(1280);
        assert_eq!((state.live, state.kept), (1024, 0));
        state.set_budget(512);
        assert!(ask(&mut state, 64).is_err());
    }

    #[test]
    fn kept_blocks_make_room_for_other_sizes_and_only_as_many_as_needed() {
        let mut state = keeping(4096, &[1024, 512, 64]);
        let (_block, fresh) = ask(&mut state, 3072).unwrap();
        assert!(fresh);
        assert_eq!((state.live, state.kept), (3072, 576));
    }

    #[test]
    fn live_and_kept_together_stay_within_the_budget() {
        let mut state = keeping(4096, &[]);
        let [large, small] = [3072, 1024].map(|bytes| ask(&mut state, bytes).unwrap().0);
        assert!(state.give_back(large).is_some(), "more than half the budget");
        state.set_budget(1024);
        assert!(state.give_back(small).is_some());
        assert_eq!((state.live, state.kept), (0, 0));
    }

    #[test]
    fn where_the_system_refuses_everything_kept_goes_back_and_it_is_asked_again() {
        let mut state = keeping(1 << 20, &[1024, 512]);
        let asked = Cell::new(0);
        let second_time = |class| {
            asked.set(asked.get() + 1);
            if asked.get() == 1 { None } else { Block::zeroed(class) }
        };
        let (_block, fresh) = state.take(4096, Class::of(4096), second_time).unwrap();
        assert!(fresh);
        assert_eq!((asked.get(), state.live, state.kept, state.system_allocations), (2, 4096, 0, 3));
        let refused = state.take(64, Class::of(64), |_| None).map(|_| ());
        assert_eq!(refused, Err(Error::OutOfMemory { requested: 64, in_use: 4096, budget: 1 << 20 }));
        assert_eq!((state.live, state.system_allocations), (4096, 3));
    }
}
