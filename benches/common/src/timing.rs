//! How long a work takes: warmed up first, then repeated as often as makes a run.

use std::time::Instant;

/// A run this long needs no run before it to fill the caches again.
const LONG_SECONDS: f64 = 0.1;

/// How long a work is repeated before it is timed, unless once takes longer.
const WARM_UP_SECONDS: f64 = 0.1;

/// Repeats a work until it runs as it will; the time that it took in the mean, since what a loader has ready takes
/// none.
///
/// # Errors
/// Those of `compute`.
pub fn warm_up<E>(mut compute: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let begin = Instant::now();
    let mut count = 0.0;
    loop {
        compute()?;
        count += 1.0;
        let seconds = begin.elapsed().as_secs_f64();
        if seconds > WARM_UP_SECONDS {
            return Ok(seconds / count);
        }
    }
}

/// Iterations that make a run of at least `run_seconds`, where one takes `seconds`.
pub fn iterations(run_seconds: f64, seconds: f64) -> usize {
    (run_seconds / seconds).ceil().clamp(1.0, 1e9) as usize
}

/// Wall time of one of the iterations that make one run.
///
/// # Errors
/// Those of `compute`.
pub fn timed<E>(iterations: usize, mut compute: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    compute()?;
    let first = start.elapsed().as_secs_f64();
    if iterations == 1 && first > LONG_SECONDS {
        return Ok(first);
    }
    let start = Instant::now();
    for _ in 0..iterations {
        compute()?;
    }
    Ok(start.elapsed().as_secs_f64() / iterations as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytorch_is_timed_by_the_same_rule() {
        let runner = include_str!("../../peers/torch/runner.py");
        for constant in
            [format!("LONG_SECONDS = {LONG_SECONDS}"), format!("WARM_UP_SECONDS = {WARM_UP_SECONDS}")]
        {
            assert!(runner.lines().any(|line| line == constant), "{constant}");
        }
    }

    #[test]
    fn a_run_repeats_the_work_after_a_first_time_that_does_not_count() {
        let mut count = 0;
        let mut compute = || {
            count += 1;
            Ok::<(), ()>(())
        };
        assert!(timed(3, &mut compute).is_ok());
        assert_eq!(count, 4);
        assert!(timed(3, || Err(())).is_err());
    }

    #[test]
    fn iterations_fill_a_run() {
        assert_eq!(iterations(0.03, 0.01), 3);
        assert_eq!(iterations(0.03, 0.02), 2);
        assert_eq!(iterations(0.03, 1.0), 1);
    }
}
