//! Counting what test binaries say of themselves.

use std::ops::AddAssign;

/// How many passed and how many failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

impl Tally {
    pub(super) const PASS: Self = Self { passed: 1, failed: 0 };
    pub(super) const FAIL: Self = Self { passed: 0, failed: 1 };
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// What a line adds: something only where it is libtest's `test result: ok. 3 passed; 0 failed; ...`.
pub(super) fn of_line(line: &str) -> Tally {
    let Some(result) = line.trim().strip_prefix("test result: ") else { return Tally::default() };
    let number_before = |word: &str| {
        let end = result.find(word)?;
        result[..end].rsplit([' ', '.']).find(|part| !part.is_empty())?.parse().ok()
    };
    Tally { passed: number_before(" passed").unwrap_or(0), failed: number_before(" failed").unwrap_or(0) }
}

/// Whether a line of libtest's output is more than a test that passed.
pub(super) fn is_worth_showing(line: &str) -> bool {
    let passed = line.starts_with("test ") && line.trim_end().ends_with("... ok");
    let nothing_ran = line.starts_with("running 0 tests") || line.contains(" 0 passed; 0 failed;");
    !passed && !nothing_ran && !line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_result_line_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 4 filtered out";
        assert_eq!(of_line(line), Tally { passed: 12, failed: 3 });
        assert_eq!(of_line("test layers::a ... ok"), Tally::default());
        assert_eq!(of_line("3 passed, 4 failed"), Tally::default());
    }

    #[test]
    fn failures_and_results_are_shown_and_single_passes_are_not() {
        assert!(!is_worth_showing("test layers::a ... ok"));
        assert!(is_worth_showing("test layers::a ... FAILED"));
        assert!(is_worth_showing("test result: ok. 1 passed; 0 failed; 0 ignored"));
        assert!(!is_worth_showing("test result: ok. 0 passed; 0 failed; 0 ignored"));
    }
}
