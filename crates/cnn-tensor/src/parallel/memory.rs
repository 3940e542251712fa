//! Memory that threads borrow for as long as they work on an item.

use std::sync::{Mutex, PoisonError};

use super::{Region, for_each};
use crate::simd::LINE;
use crate::{DType, Result, Tensor};

/// As [`for_each`], with `len` numbers of memory for each call, which hold whatever was left there: as many as there
/// are threads, and lent in turn.
pub(crate) fn for_each_with_memory<I>(
    items: I,
    cost: usize,
    len: usize,
    work: impl Fn(I::Item, &mut [f32]) + Sync,
) -> Result<()>
where
    I: ExactSizeIterator + Send,
{
    if len == 0 {
        return for_each(items, cost, |item| work(item, &mut []));
    }
    // Each thread's memory begins a line of cache.
    let pitch = len.checked_next_multiple_of(LINE).unwrap_or(len);
    let region = Region::new(items.len(), cost)?;
    let mut memory = Tensor::stale(&[region.threads(), pitch], DType::F32)?;
    let free: Mutex<Vec<&mut [f32]>> = Mutex::new(memory.as_mut_slice::<f32>()?.chunks_mut(pitch).collect());
    let free = || free.lock().unwrap_or_else(PoisonError::into_inner);
    region.run(items, |item| {
        // No more threads come than the region has.
        let lent = free().pop().unwrap_or_default();
        work(item, &mut lent[..len]);
        free().push(lent);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;
    use crate::parallel::{set_threads, threads, with_patience, with_threads};

    #[test]
    fn nobody_else_writes_to_what_is_lent() {
        for threads in [1, 2, 3] {
            let mut sums = vec![0.0; 100];
            let work = |(index, sum): (usize, &mut f32), memory: &mut [f32]| {
                memory.fill(index as f32);
                std::thread::yield_now();
                *sum = memory.iter().sum();
            };
            let region = || for_each_with_memory(sums.iter_mut().enumerate(), 1 << 20, 50, work);
            with_threads(threads, || with_patience(region)).unwrap().unwrap();
            assert!(sums.iter().enumerate().all(|(index, &sum)| sum == 50.0 * index as f32));
        }
    }

    /// Ends the other thread, also where this one panics.
    struct Stop<'a>(&'a AtomicBool);

    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }

    #[test]
    fn a_region_keeps_the_threads_that_it_began_with() {
        let before = threads().unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    set_threads(1).unwrap();
                    set_threads(4).unwrap();
                }
            });
            let _stop = Stop(&stop);
            let work = |_, memory: &mut [f32]| {
                memory.fill(1.0);
                std::thread::yield_now();
            };
            with_patience(|| (0..1000).for_each(|_| for_each_with_memory(0..9, 1 << 20, 1, work).unwrap()));
        });
        set_threads(before).unwrap();
    }

    #[test]
    fn who_wants_no_memory_gets_none() {
        for_each_with_memory(0..3, 0, 0, |_, memory| assert!(memory.is_empty())).unwrap();
    }
}
