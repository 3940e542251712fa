//! Points in time and lengths of time, as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 UTC; 0 for a clock that is set before it.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The same with its fractions.
pub(crate) fn precisely() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A point in time as the name of a folder: `20260131-235959`, in UTC.
pub(crate) fn stamp(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    let second = seconds % 86_400;
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// A point in time as people read it: `2026-01-31 23:59:59`, in UTC.
pub(crate) fn date_and_time(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    let second = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// A length of time: `8.2 s`, `2 min 05 s`, `1 h 02 min`.
pub(crate) fn length(time: Duration) -> String {
    let whole = time.as_secs_f64().round() as u64;
    match whole {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A length of time as a clock shows it: `0:08`, `2:05`, `1:02:05`.
pub(crate) fn hands(time: Duration) -> String {
    let whole = time.as_secs_f64().round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`, for days from 1970 on.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The seconds of each date as `date -u -d ... +%s` prints them.
    #[test]
    fn points_in_time_are_written_as_dates() {
        assert_eq!(stamp(0), "19700101-000000");
        assert_eq!(stamp(951_782_400), "20000229-000000");
        assert_eq!(stamp(1_767_225_599), "20251231-235959");
    }

    #[test]
    fn lengths_of_time_use_the_units_that_fit() {
        assert_eq!(length(Duration::from_millis(8_240)), "8.2 s");
        assert_eq!(length(Duration::from_secs(125)), "2 min 05 s");
        assert_eq!(length(Duration::from_secs(3_725)), "1 h 02 min");
        let hands = [8, 125, 3_725].map(|seconds| hands(Duration::from_secs(seconds)));
        assert_eq!(hands, ["0:08", "2:05", "1:02:05"]);
    }
}
