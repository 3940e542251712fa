//! [`Gate`]: how helpers come into a region and how its caller knows that they have left.
//!
//! The work of a region borrows from its caller, and helpers live longer than any region, so the borrow's lifetime
//! has to be erased: that is the one `unsafe` block here. What makes it right is one atomic number, which counts
//! the helpers inside and the places that are left for more of them. A helper touches the work only between
//! [`Gate::enter`], which takes a place, and [`Gate::leave`]; the caller takes all places away and then stays
//! until nobody is inside, whether or not the work panicked.
//!
//! A helper that does not come costs nothing: the caller works through the region itself and waits for those only
//! that have entered.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, TryLockError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// One helper inside.
const INSIDE: u32 = 1;

/// One place for a helper to enter.
const PLACE: u32 = 1 << 15;

/// The part of the number that counts those inside.
const ANYBODY: u32 = PLACE - 1;

/// The caller has gone to sleep until the last helper leaves.
const WAITING: u32 = 1 << 31;

/// Most helpers that one region lets in.
const MOST_PLACES: usize = ANYBODY as usize;

/// How long a caller looks whether the last helper has left before it goes to sleep. Longer than most pieces of
/// work; a helper that takes longer has probably lost its processor to another program, and gets this one.
const PATIENCE: Duration = Duration::from_micros(50);

/// Work that several threads do together: it returns when there is nothing left to begin.
pub(super) type Work<'a> = &'a (dyn Fn() + Sync);

/// When a caller begins with its own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// At once; alone, where the helpers are busy for another caller.
    AtOnce,
    /// When a helper has come.
    WithHelper,
}

/// Lets helpers into one region at a time.
#[derive(Default)]
pub(super) struct Gate {
    /// Multiples of [`INSIDE`] and [`PLACE`], and [`WAITING`].
    state: AtomicU32,
    region: RwLock<Option<Region>>,
    /// Held by the caller whose region it is.
    turn: Mutex<()>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Clone)]
struct Region {
    work: Work<'static>,
    caller: Thread,
}

impl Gate {
    /// Does the work on this thread and on up to `places` helpers that [`Gate::enter`] while it lasts; `call` is
    /// to rouse them. A panic of the work, wherever it ran, goes on here.
    pub(super) fn share(&self, places: usize, begin: Begin, work: Work<'_>, call: impl FnOnce()) {
        let turn = match (begin, self.turn.try_lock()) {
            (_, Ok(turn)) => turn,
            (_, Err(TryLockError::Poisoned(turn))) => turn.into_inner(),
            (Begin::AtOnce, Err(TryLockError::WouldBlock)) => return work(),
            (Begin::WithHelper, Err(TryLockError::WouldBlock)) => {
                self.turn.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        // SAFETY: only the lifetime changes. The reference is used by helpers between `enter` and `leave`.
        // `enter` succeeds only while there are places, which is from `open` to `close` below, and `close`
        // returns after each that entered has left. No unwinding passes by `close`: what may panic is caught.
        // Nobody opens the gate for other work meanwhile, because `turn` is held.
        let erased = unsafe { std::mem::transmute::<Work<'_>, Work<'static>>(work) };
        let places = places.min(MOST_PLACES) as u32 * PLACE;
        self.open(Region { work: erased, caller: thread::current() }, places);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            call();
            while begin == Begin::WithHelper && self.state.load(Ordering::Relaxed) == places {
                thread::yield_now();
            }
            work();
        }));
        self.close();
        let helpers_panic = self.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(turn);
        if let Some(panic) = outcome.err().or(helpers_panic) {
            resume_unwind(panic);
        }
    }

    fn open(&self, region: Region, places: u32) {
        *self.region.write().unwrap_or_else(PoisonError::into_inner) = Some(region);
        self.state.store(places, Ordering::SeqCst);
    }

    /// Lets nobody in any more and returns when nobody is inside.
    fn close(&self) {
        let mut state = self.state.fetch_and(ANYBODY, Ordering::Acquire) & ANYBODY;
        let mut since = None;
        while state & ANYBODY != 0 {
            if since.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
                std::hint::spin_loop();
            } else if state & WAITING != 0 {
                thread::park();
            } else {
                // Where this fails a helper has just left, and the next round sees it.
                let (now, before) = (state | WAITING, Ordering::Relaxed);
                let _ = self.state.compare_exchange(state, now, before, before);
            }
            state = self.state.load(Ordering::Acquire);
        }
        *self.region.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether there is a place.
    pub(super) fn is_open(&self) -> bool {
        has_place(self.state.load(Ordering::SeqCst))
    }

    /// Does a share of the region's work, if there is a region and a place in it; whether there was.
    pub(super) fn help(&self) -> bool {
        if !self.enter() {
            return false;
        }
        {
            let region = self.region.read().unwrap_or_else(PoisonError::into_inner).clone();
            let work = || region.iter().for_each(|region| (region.work)());
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
                match &*first {
                    None => *first = Some(panic),
                    // To drop it might panic again, which nobody would catch.
                    Some(_) => std::mem::forget(panic),
                }
            }
        }
        self.leave();
        true
    }

    fn enter(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while has_place(state) {
            let next = state - PLACE + INSIDE;
            match self.state.compare_exchange_weak(state, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// The work came to its end, so there is nothing for others to enter for either.
    fn leave(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let next = (state & (WAITING | ANYBODY)) - INSIDE;
            // Before leaving: afterwards the region may be another one.
            let sleeper = (next == WAITING).then(|| self.caller()).flatten();
            match self.state.compare_exchange_weak(state, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return sleeper.iter().for_each(Thread::unpark),
                Err(now) => state = now,
            }
        }
    }

    fn caller(&self) -> Option<Thread> {
        self.region
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|region| region.caller.clone())
    }
}

fn has_place(state: u32) -> bool {
    state & !WAITING >= PLACE
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Runs `body` with a gate that this many threads help at without a pause.
    fn with_helping(helpers: usize, body: impl FnOnce(&Gate)) {
        struct Ended<'a>(&'a AtomicBool);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let (gate, ended) = (Gate::default(), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|| {
                    while !ended.load(Ordering::Relaxed) {
                        if !gate.help() {
                            thread::yield_now();
                        }
                    }
                });
            }
            let _ended = Ended(&ended);
            body(&gate);
        });
    }

    fn count(hits: &AtomicU32) {
        hits.fetch_add(1, Ordering::Relaxed);
    }

    fn panic_of(work: impl FnOnce()) -> Option<&'static str> {
        let payload = catch_unwind(AssertUnwindSafe(work)).err()?;
        payload.downcast_ref::<&'static str>().copied()
    }

    #[test]
    fn all_are_in_the_region_at_once_and_out_of_it_afterwards() {
        with_helping(2, |gate| {
            for _ in 0..20 {
                // Nobody passes before all have come. The count is the caller's: Miri sees a use after its end.
                let (together, hits) = (Barrier::new(3), AtomicU32::new(0));
                gate.share(
                    2,
                    Begin::WithHelper,
                    &|| {
                        together.wait();
                        count(&hits);
                    },
                    || (),
                );
                assert_eq!(hits.into_inner(), 3);
            }
        });
    }

    #[test]
    fn no_more_come_than_there_are_places() {
        with_helping(3, |gate| {
            for _ in 0..20 {
                let hits = AtomicU32::new(0);
                gate.share(1, Begin::WithHelper, &|| count(&hits), || ());
                assert_eq!(hits.into_inner(), 2);
            }
        });
    }

    #[test]
    fn a_caller_whose_helpers_do_not_come_does_not_wait() {
        let (gate, hits) = (Gate::default(), AtomicU32::new(0));
        gate.share(5, Begin::AtOnce, &|| count(&hits), || ());
        assert_eq!(hits.into_inner(), 1);
        assert!(!gate.is_open());
    }

    #[test]
    fn a_second_caller_at_the_same_gate_works_alone() {
        let (gate, hits) = (Gate::default(), AtomicU32::new(0));
        gate.share(1, Begin::AtOnce, &|| gate.share(1, Begin::AtOnce, &|| count(&hits), || ()), || ());
        assert_eq!(hits.into_inner(), 1);
    }

    #[test]
    fn a_helpers_panic_reaches_the_caller_and_the_next_region_is_whole() {
        let caller = thread::current().id();
        with_helping(1, |gate| {
            for _ in 0..3 {
                let work = || {
                    if thread::current().id() != caller {
                        resume_unwind(Box::new("a helper's"));
                    }
                };
                assert_eq!(panic_of(|| gate.share(1, Begin::WithHelper, &work, || ())), Some("a helper's"));
                assert_eq!(panic_of(|| gate.share(1, Begin::WithHelper, &|| (), || ())), None);
            }
        });
    }

    #[test]
    fn a_callers_panic_waits_for_its_helpers_longer_than_it_looks_for_them() {
        let caller = thread::current().id();
        with_helping(1, |gate| {
            let done = AtomicBool::new(false);
            let work = || {
                if thread::current().id() == caller {
                    resume_unwind(Box::new("the caller's"));
                }
                thread::sleep(20 * PATIENCE);
                done.store(true, Ordering::Relaxed);
            };
            assert_eq!(panic_of(|| gate.share(1, Begin::WithHelper, &work, || ())), Some("the caller's"));
            assert!(done.into_inner());
        });
    }
}
