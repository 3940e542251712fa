//! The one place that starts threads: disjoint pieces of work, handed out to whoever is free.
//!
//! What a piece is may depend on geometry only, never on the number of threads, so that the same pieces give
//! the same bits whoever computes them. There is one level of parallelism: a region inside a region runs on
//! the thread that it is in.
//!
//! A region is a queue of items under a lock, which the caller and its helpers empty together. Pieces are small, so
//! a helper that comes late, or not at all because another program has its processor, holds up the region by the
//! one piece that it has in hand. Whether it comes is never waited for: `gate` says how a region ends, `helpers`
//! how its threads wait for the next.
//!
//! Rayon provides the threads and no more. Its scopes wait for each job that they have started, also for one that a
//! sleeping thread has yet to begin, which costs more than most layers of a small network take to compute.

use std::cell::{Cell, RefCell};
use std::env::VarError;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

mod gate;
mod helpers;
mod memory;

use gate::Begin;
use helpers::Helpers;
pub(crate) use memory::for_each_with_memory;

use crate::{Error, Result};

/// Work under this many operations (or numbers moved) stays on one thread: about a microsecond, which is what two
/// threads that are awake take to begin and end together. Helpers that sleep are another matter: `helpers` knows.
const SMALL: usize = 1 << 16;

/// Most threads that may be asked for.
const MOST_THREADS: usize = 1024;

thread_local! {
    static OVERRIDE: RefCell<Option<Team>> = const { RefCell::new(None) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static BEGIN: Cell<Begin> = const { Cell::new(Begin::AtOnce) };
    static SPLITS: Cell<usize> = const { Cell::new(0) };
}

/// Most teams that stand ready.
const MOST_READY: usize = 4;

/// Teams that stand ready, the one asked for last at the end: asking again for as many threads starts none.
static READY: Mutex<Vec<Team>> = Mutex::new(Vec::new());

static TEAM: LazyLock<RwLock<Result<Team>>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    RwLock::new(default_threads(std::env::var("CNN_THREADS"), processors).and_then(team))
});

/// The calling thread and its helpers.
#[derive(Clone)]
struct Team {
    threads: usize,
    helpers: Option<Arc<Helpers>>,
}

/// Number of threads that compute: `CNN_THREADS`, else one for each processor (at most 1024), until
/// [`set_threads`] says otherwise.
///
/// # Errors
/// [`Error::Environment`] where `CNN_THREADS` is not a number from 1 to 1024.
pub fn threads() -> Result<usize> {
    current().map(|team| team.threads)
}

/// Sets the number of threads for the whole process.
///
/// # Errors
/// [`Error::Argument`] outside 1 to 1024, or where the system refuses to start them.
pub fn set_threads(threads: usize) -> Result<()> {
    let new = team(threads)?;
    *TEAM.write().unwrap_or_else(PoisonError::into_inner) = Ok(new);
    Ok(())
}

/// Runs `work` with another number of threads; what it calls on this thread follows, other threads do not.
///
/// The threads stay ready for the next call that asks for as many.
///
/// # Errors
/// As [`set_threads`].
pub fn with_threads<R>(threads: usize, work: impl FnOnce() -> R) -> Result<R> {
    struct Restore(Option<Team>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OVERRIDE.replace(self.0.take());
        }
    }
    let new = team(threads)?;
    let _restore = Restore(OVERRIDE.replace(Some(new)));
    Ok(work())
}

/// How many regions started from this thread were open to other threads. Tests of equal bits assert that it grew.
pub fn splits() -> usize {
    SPLITS.get()
}

/// Runs `work` so that each of its regions begins when a helper has come: tests see items on several threads,
/// however small they are.
pub(crate) fn with_patience<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(Begin);
    impl Drop for Restore {
        fn drop(&mut self) {
            BEGIN.set(self.0);
        }
    }
    let _restore = Restore(BEGIN.replace(Begin::WithHelper));
    work()
}

/// Calls `work` once for each item, on several threads where `cost` (operations or bytes, all items together)
/// is worth it. Items must be independent of each other: which thread takes which is not fixed. A panic of `work`
/// reaches the caller when no thread works any more.
pub(crate) fn for_each<I>(items: I, cost: usize, work: impl Fn(I::Item) + Sync) -> Result<()>
where
    I: ExactSizeIterator + Send,
{
    Region::new(items.len(), cost)?.run(items, work);
    Ok(())
}

/// Where the items of a region are worked on.
struct Region {
    /// Who helps the caller, and how many of them may come.
    helpers: Option<(Arc<Helpers>, usize)>,
    cost: usize,
}

impl Region {
    /// A region of so many items, which cost so much together.
    fn new(items: usize, cost: usize) -> Result<Self> {
        let team = current()?;
        let extra = (team.threads - 1).min(items.saturating_sub(1));
        let alone = cost < SMALL || extra == 0 || INSIDE.get();
        Ok(Self { helpers: team.helpers.filter(|_| !alone).map(|helpers| (helpers, extra)), cost })
    }

    /// Most threads that work at once.
    fn threads(&self) -> usize {
        1 + self.helpers.as_ref().map_or(0, |&(_, extra)| extra)
    }

    fn run<I: Iterator + Send>(self, items: I, work: impl Fn(I::Item) + Sync) {
        let Some((helpers, extra)) = self.helpers else { return items.for_each(work) };
        SPLITS.set(SPLITS.get() + 1);
        let queue = Mutex::new(items);
        let drain = || {
            let _inside = Inside::enter();
            loop {
                // A panic in an item's work happens outside the lock, so the queue stays whole.
                let item = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                match item {
                    Some(item) => work(item),
                    None => break,
                }
            }
        };
        helpers.share(extra, self.cost, BEGIN.get(), &drain);
    }
}

/// Marks this thread as inside a region while it lives.
struct Inside {
    before: bool,
}

impl Inside {
    fn enter() -> Self {
        Self { before: INSIDE.replace(true) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.before);
    }
}

fn current() -> Result<Team> {
    if let Some(team) = OVERRIDE.with_borrow(Clone::clone) {
        return Ok(team);
    }
    TEAM.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn team(threads: usize) -> Result<Team> {
    const EXPECTED: &str = "1 to 1024";
    if !(1..=MOST_THREADS).contains(&threads) {
        return Err(Error::argument("parallel", "threads", threads, EXPECTED));
    }
    let mut ready = READY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = ready.iter().position(|team| team.threads == threads) {
        let team = ready.remove(place);
        ready.push(team.clone());
        return Ok(team);
    }
    let helpers = match threads {
        1 => None,
        _ => {
            let helpers = Helpers::start(threads - 1);
            Some(Arc::new(helpers.map_err(|error| {
                Error::argument("parallel", "threads", format!("{threads} ({error})"), EXPECTED)
            })?))
        }
    };
    let team = Team { threads, helpers };
    if ready.len() == MOST_READY {
        // Whoever still computes with the team holds it too; its threads end after that.
        ready.remove(0);
    }
    ready.push(team.clone());
    Ok(team)
}

/// The number that `CNN_THREADS`, as read, asks for on a machine of `processors`.
fn default_threads(variable: std::result::Result<String, VarError>, processors: usize) -> Result<usize> {
    match variable {
        Err(VarError::NotPresent) => Ok(processors.clamp(1, MOST_THREADS)),
        value => {
            let value = value.unwrap_or_else(|error| error.to_string());
            value.parse().ok().filter(|threads| (1..=MOST_THREADS).contains(threads)).ok_or_else(|| {
                Error::Environment {
                    variable: "CNN_THREADS",
                    value,
                    problem: "expected a number from 1 to 1024".into(),
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_whatever_the_threads() {
        for threads in [1, 2, 3] {
            let mut hits = vec![0u8; 1000];
            let before = splits();
            with_threads(threads, || {
                for_each(hits.chunks_mut(7), SMALL, |chunk| chunk.iter_mut().for_each(|h| *h += 1))
            })
            .unwrap()
            .unwrap();
            assert!(hits.iter().all(|&h| h == 1));
            assert_eq!(splits() > before, threads > 1);
        }
    }

    #[test]
    fn items_are_worked_on_by_several_threads_at_once() {
        let together = std::sync::Barrier::new(3);
        let region = || {
            for_each(0..3, SMALL, |_| {
                together.wait();
            })
        };
        with_threads(3, || with_patience(region)).unwrap().unwrap();
    }

    #[test]
    fn a_panic_in_an_item_reaches_the_caller_and_the_next_region_is_whole() {
        use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
        for threads in [1, 2, 3] {
            for bad in [0, 5, 9] {
                let work = |item| {
                    if item == bad {
                        resume_unwind(Box::new("bad item"));
                    }
                };
                let region = || with_threads(threads, || with_patience(|| for_each(0..10, SMALL, work)));
                let payload = catch_unwind(AssertUnwindSafe(region)).unwrap_err();
                assert_eq!(payload.downcast_ref(), Some(&"bad item"));
                let whole = std::sync::atomic::AtomicUsize::new(0);
                let count = |_| _ = whole.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                with_threads(threads, || for_each(0..10, SMALL, count)).unwrap().unwrap();
                assert_eq!(whole.into_inner(), 10);
            }
        }
    }

    #[test]
    fn a_region_inside_a_region_runs_in_place() {
        let mut outer = [0usize; 4];
        with_threads(2, || {
            for_each(outer.iter_mut(), SMALL, |slot| {
                let before = splits();
                for_each(0..10, SMALL, |_| ()).unwrap();
                *slot = splits() - before;
            })
        })
        .unwrap()
        .unwrap();
        assert_eq!(outer, [0; 4]);
    }

    #[test]
    fn the_default_is_one_thread_for_each_processor_as_far_as_threads_go() {
        let unset = || Err(VarError::NotPresent);
        assert_eq!(default_threads(unset(), 8), Ok(8));
        assert_eq!(default_threads(unset(), 5000), Ok(MOST_THREADS));
        assert_eq!(default_threads(Ok("3".into()), 8), Ok(3));
        for value in ["0", "1025", "many", ""] {
            let error = default_threads(Ok(value.into()), 8).unwrap_err();
            assert!(error.to_string().starts_with(&format!("CNN_THREADS={value}: ")), "{error}");
        }
    }

    #[test]
    fn asking_again_for_as_many_threads_starts_none() {
        let helpers = || with_threads(7, || current().unwrap().helpers.unwrap()).unwrap();
        // Other tests may push the team out, but not each time.
        assert!((0..100).any(|_| Arc::ptr_eq(&helpers(), &helpers())));
    }

    #[test]
    fn a_number_of_threads_out_of_range_is_refused() {
        assert!(matches!(with_threads(0, || ()), Err(Error::Argument { .. })));
        assert!(matches!(set_threads(5000), Err(Error::Argument { .. })));
    }
}
