//! [`Helpers`]: threads that wait for regions to help with, near at first and then asleep.
//!
//! A sleeping thread takes tens of microseconds to come, as long as a small layer takes to compute. So a helper
//! that has nothing to do keeps looking for the next region, first without a pause, then offering its processor to
//! others at each look, and sleeps only when none came for longer than the gaps within a network's step.
//! All of this is short, because other programs want the processor too.
//!
//! To wake a helper costs the caller time too, more than a small layer is worth. So regions that meet sleeping
//! helpers are done without them until these regions together would have been worth it: a network of small layers
//! that runs over and over soon has its helpers near, and a lone prediction does not pay for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use super::gate::{Begin, Gate, Work};

/// Operations without a sleeping helper that are worth waking it for: somewhat more time than the system call takes
/// its caller, which in a virtual machine is ten to twenty microseconds.
const WORTH_WAKING: usize = 1 << 20;

/// How long a helper looks for the next region without a pause.
const EAGER: Duration = Duration::from_micros(20);

/// How long it looks in all before it sleeps.
const AWAKE: Duration = Duration::from_micros(100);

/// Looks between two looks at the clock.
const LOOKS: usize = 16;

/// Threads that help; they end when this is dropped.
pub(super) struct Helpers {
    crew: Arc<Crew>,
    /// Starts, names and ends the threads; each runs one job for as long as it lives.
    _threads: ThreadPool,
}

struct Crew {
    gate: Gate,
    seats: Box<[Seat]>,
    /// Seats whose helper sleeps, or is about to.
    asleep: AtomicUsize,
    /// Operations since sleepers were last woken that were done without them.
    missed: AtomicUsize,
    dismissed: AtomicBool,
}

#[derive(Default)]
struct Seat {
    thread: OnceLock<Thread>,
    /// Whoever takes this back counts it off [`Crew::asleep`].
    asleep: AtomicBool,
}

impl Helpers {
    /// Starts as many threads.
    pub(super) fn start(count: usize) -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|index| format!("cnn-{}", index + 1))
            .build()?;
        let crew = Arc::new(Crew {
            gate: Gate::default(),
            seats: (0..count).map(|_| Seat::default()).collect(),
            asleep: AtomicUsize::new(0),
            missed: AtomicUsize::new(0),
            dismissed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&crew);
        threads.spawn_broadcast(move |thread| {
            if let Some(seat) = shared.seats.get(thread.index()) {
                shared.serve(seat);
            }
        });
        Ok(Self { crew, _threads: threads })
    }

    /// Does the work, of `cost` operations, on this thread and on at most `wanted` helpers.
    pub(super) fn share(&self, wanted: usize, cost: usize, begin: Begin, work: Work<'_>) {
        let cost = if begin == Begin::WithHelper { usize::MAX } else { cost };
        self.crew.gate.share(wanted, begin, work, || self.crew.wake(wanted, cost));
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.crew.dismissed.store(true, Ordering::SeqCst);
        for thread in self.crew.seats.iter().filter_map(|seat| seat.thread.get()) {
            thread.unpark();
        }
    }
}

impl Crew {
    /// A helper's life.
    fn serve(&self, seat: &Seat) {
        seat.thread.get_or_init(thread::current);
        let mut since = Instant::now();
        while !self.dismissed.load(Ordering::Relaxed) {
            if (0..LOOKS).any(|_| self.look()) {
                since = Instant::now();
                continue;
            }
            let idle = since.elapsed();
            if idle >= AWAKE {
                self.sleep(seat);
                since = Instant::now();
            } else if idle >= EAGER {
                thread::yield_now();
            }
        }
    }

    fn look(&self) -> bool {
        let helped = self.gate.help();
        if !helped {
            std::hint::spin_loop();
        }
        helped
    }

    /// Sleeps until woken, unless there is a region already.
    ///
    /// The one says that it sleeps and then looks for a region, the other opens a region and then looks for
    /// sleepers, all in one order that both agree on: one of them sees the other.
    fn sleep(&self, seat: &Seat) {
        self.asleep.fetch_add(1, Ordering::SeqCst);
        seat.asleep.store(true, Ordering::SeqCst);
        while seat.asleep.load(Ordering::SeqCst)
            && !self.gate.is_open()
            && !self.dismissed.load(Ordering::SeqCst)
        {
            thread::park();
        }
        self.rouse(seat);
    }

    /// Whether the seat's helper was asleep.
    fn rouse(&self, seat: &Seat) -> bool {
        let was = seat.asleep.swap(false, Ordering::SeqCst);
        if was {
            self.asleep.fetch_sub(1, Ordering::SeqCst);
        }
        was
    }

    /// Wakes sleepers until as many helpers as wanted are awake, if that is worth it. Called by one thread at a
    /// time, the one whose region it is.
    fn wake(&self, wanted: usize, cost: usize) {
        let awake = self.seats.len().saturating_sub(self.asleep.load(Ordering::SeqCst));
        let mut missing = wanted.saturating_sub(awake);
        if missing == 0 {
            return;
        }
        let missed = self.missed.load(Ordering::Relaxed).saturating_add(cost);
        if missed < WORTH_WAKING {
            return self.missed.store(missed, Ordering::Relaxed);
        }
        self.missed.store(0, Ordering::Relaxed);
        for seat in &self.seats {
            if missing == 0 {
                break;
            }
            if seat.asleep.load(Ordering::SeqCst) && self.rouse(seat) {
                missing -= 1;
                seat.thread.get().inspect(|thread| thread.unpark());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn helpers_come_whether_they_look_or_sleep() {
        let helpers = Helpers::start(2).unwrap();
        for pause in [Duration::ZERO, EAGER, AWAKE, 20 * AWAKE] {
            for _ in 0..10 {
                thread::sleep(pause);
                let together = Barrier::new(3);
                helpers.share(2, 1, Begin::WithHelper, &|| {
                    together.wait();
                });
            }
        }
    }

    #[test]
    fn sleepers_are_woken_when_that_is_worth_it_and_no_more_than_are_wanted() {
        let helpers = Helpers::start(3).unwrap();
        let crew = &helpers.crew;
        let all_sleep = || {
            while crew.asleep.load(Ordering::SeqCst) != 3 {
                thread::yield_now();
            }
        };
        let woken = |wanted, cost| {
            all_sleep();
            let before = crew.missed.load(Ordering::Relaxed);
            crew.wake(wanted, cost);
            // Whoever woke finds nothing to do and sleeps again.
            assert!(crew.asleep.load(Ordering::SeqCst) >= 3 - wanted);
            crew.missed.load(Ordering::Relaxed) <= before
        };
        assert!(woken(1, WORTH_WAKING));
        assert!(!woken(1, WORTH_WAKING / 2));
        assert!(woken(2, WORTH_WAKING / 2));
        assert!(!woken(2, 1));
        assert!(woken(3, usize::MAX));
        all_sleep();
    }

    #[test]
    fn threads_end_with_their_owner() {
        let helpers = Helpers::start(2).unwrap();
        let crew = Arc::downgrade(&helpers.crew);
        drop(helpers);
        while crew.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
