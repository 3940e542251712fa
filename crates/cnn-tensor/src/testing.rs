//! What tests of this crate, and of crates that build on it, share: values, paths, comparisons.
//!
//! Everything here panics where a test should fail. Nothing here is for programs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::random::Key;
use crate::simd::{self, Level};
use crate::{DType, Result, Tensor, parallel, pool};

/// Numbers from the standard normal distribution; the same for the same shape and seed, whatever the type.
///
/// # Errors
/// As [`Tensor::stale`].
pub fn normal(shape: &[usize], seed: u64, dtype: DType) -> Result<Tensor> {
    let key = Key::new(seed);
    let len = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..len as u64).map(|index| key.normal(index)).collect();
    Tensor::from_slice(shape, &values)?.to_dtype(dtype)
}

/// Leaves buffers of this size in the pool that hold only NaN (integers: all bits set), so that the next
/// output of this size shows whether it was written whole.
///
/// # Errors
/// As [`Tensor::stale`].
pub fn poison(shape: &[usize], dtype: DType) -> Result<()> {
    let bytes = shape.iter().product::<usize>() * dtype.size();
    let poisoned: Result<Vec<Tensor>> = (0..4).map(|_| Tensor::full(&[bytes], 255.0, DType::U8)).collect();
    poisoned.map(drop)
}

/// Asserts `|got - expected| <= tolerance * (scale + 1e-30)` element by element, where `scale` is the sum of
/// the absolute values of the products (or terms) that an element is made of.
///
/// A NaN or an infinity must be met by the same.
///
/// # Panics
/// Where a shape or a value is off; the message names the first.
pub fn assert_close(what: &str, got: &Tensor, expected: &Tensor, scale: &Tensor, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape(), "{what}: shapes");
    assert_eq!(scale.shape(), expected.shape(), "{what}: shape of the scale");
    let [got, expected, scale] = [got, expected, scale].map(|tensor| match tensor.to_f64_vec() {
        Ok(values) => values,
        Err(error) => panic!("{what}: {error}"),
    });
    for (index, ((&got, &expected), &scale)) in got.iter().zip(&expected).zip(&scale).enumerate() {
        let same = got == expected || (got.is_nan() && expected.is_nan());
        assert!(
            same || (got - expected).abs() <= tolerance * (scale + 1e-30),
            "{what}: element {index} is {got}, expected {expected} within {tolerance} of {scale}"
        );
    }
}

/// A part of a test in which tensors have a budget of their own; see [`bounded`].
pub struct Bounded {
    /// The budget before; none for a part within a part.
    before: Option<usize>,
    _turn: Option<MutexGuard<'static, ()>>,
}

/// Sets the budget of tensors until the result is dropped. The budget belongs to the process, so tests that set it take
/// turns: one would meet the limit of another. A part within such a part changes nothing.
pub fn bounded(bytes: usize) -> Bounded {
    static TURN: Mutex<()> = Mutex::new(());
    if BOUNDED.replace(true) {
        return Bounded { before: None, _turn: None };
    }
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Bounded { before: Some(pool::set_budget(bytes)), _turn: Some(turn) }
}

thread_local! {
    /// Whether this thread runs a bounded part.
    static BOUNDED: Cell<bool> = const { Cell::new(false) };
}

impl Drop for Bounded {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            pool::set_budget(before);
            BOUNDED.set(false);
        }
    }
}

/// Runs `work` once on each instruction set that this machine has.
pub fn on_each_level(mut work: impl FnMut(Level)) {
    for level in Level::available() {
        simd::with_level(level, || work(level));
    }
}

/// Runs `work` on each instruction set with 1, 2 and 3 threads, and asserts that the number of threads
/// changes no bit, and that more than one thread really shared the work.
///
/// # Panics
/// Where bits differ or nothing was shared.
pub fn assert_threads_change_nothing(what: &str, work: impl Fn() -> Vec<Tensor>) {
    let run = |threads| match parallel::with_threads(threads, || parallel::with_patience(&work)) {
        Ok(tensors) => tensors,
        Err(error) => panic!("{what}: {error}"),
    };
    on_each_level(|level| {
        let one = run(1);
        for threads in [2, 3] {
            let before = parallel::splits();
            let several = run(threads);
            assert!(
                parallel::splits() > before,
                "{what} on {level}: {threads} threads did not share the work"
            );
            assert_eq!(one.len(), several.len());
            for (index, (one, several)) in one.iter().zip(&several).enumerate() {
                assert!(
                    same_bits(one, several),
                    "{what} on {level}: {threads} threads change output {index}"
                );
            }
        }
    });
}

/// Whether two tensors have the same shape, type and bits.
pub fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    a.spec() == b.spec() && matches!((a.to_le_bytes(), b.to_le_bytes()), (Ok(a), Ok(b)) if a == b)
}

/// The system's allocator, which counts what each thread holds: for tests of how much memory something takes.
///
/// ```
/// use cnn_tensor::testing::CountingAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let (length, peak) = CountingAllocator::peak_of(|| vec![0u8; 1000].len());
/// assert_eq!((length, peak), (1000, 1000));
/// ```
#[derive(Debug)]
pub struct CountingAllocator;

thread_local! {
    /// Bytes that the thread holds, and the most that it has held; what another thread frees counts there.
    static HELD: Cell<[isize; 2]> = const { Cell::new([0; 2]) };
}

impl CountingAllocator {
    /// What `f` returns, and the most bytes that it made this thread hold at one time beyond what it held before; 0
    /// where the program has another allocator.
    pub fn peak_of<T>(f: impl FnOnce() -> T) -> (T, usize) {
        let [before, outer] = HELD.get();
        HELD.set([before; 2]);
        let value = f();
        let [held, peak] = HELD.get();
        HELD.set([held, peak.max(outer)]);
        (value, usize::try_from(peak - before).unwrap_or(0))
    }

    fn count(bytes: isize) {
        // A thread that ends has no such variable any more.
        let _ = HELD.try_with(|counts| {
            let [held, peak] = counts.get();
            counts.set([held + bytes, peak.max(held + bytes)]);
        });
    }
}

// SAFETY: the system's allocator does the work; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`; the pointer came from the system's `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
