//! What is known about the machine and the checkout, and how busy the machine is with other things.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::print::counted;

/// Clock ticks of /proc in a second: 100 on every Linux that there is.
const TICKS_A_SECOND: f64 = 100.0;

/// The root folder of the checkout that this program was built from.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// What two records have to share to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// The processor.
    pub(crate) cpu: String,
    /// How many processors.
    pub(crate) processors: usize,
    /// The instruction set that ours uses.
    pub(crate) isa: String,
}

impl Machine {
    /// This machine with the instruction set that ours uses on it.
    pub(crate) fn here(isa: &str) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = field(&info, "model name").unwrap_or("unknown processor").to_string();
        Self { cpu, processors, isa: isa.into() }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.cpu, counted(self.processors, "processor"), self.isa)
    }
}

/// What [`commit`] adds where files differ from the commit.
pub(crate) const DIRTY: &str = "-dirty";

/// The commit of the checkout, with [`DIRTY`] where files differ from it. Those in docs do not count: records are
/// among them, and nothing that is timed.
pub(crate) fn commit() -> String {
    commit_of(&root())
}

fn commit_of(folder: &Path) -> String {
    let git = |arguments: &[&str]| {
        Command::new("git").arg("--no-optional-locks").arg("-C").arg(folder).args(arguments).output()
    };
    let hash = match git(&["rev-parse", "--short=12", "HEAD"]) {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_string(),
        _ => return "unknown".into(),
    };
    let same = git(&["diff", "--quiet", "HEAD", "--", ".", ":(exclude)docs"]);
    if same.is_ok_and(|output| output.status.success()) { hash } else { hash + DIRTY }
}

/// Today, as `2026-05-01` (UTC).
pub(crate) fn date() -> String {
    civil_date(seconds_since_1970() / 86_400)
}

/// A name for one start of this program, which no other on this machine has.
pub(crate) fn run() -> String {
    format!("{}-{}", seconds_since_1970(), std::process::id())
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The date so many days after 1 January 1970 (Howard Hinnant's `civil_from_days`).
fn civil_date(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Seconds of processor time that everything on the machine has used since it started, and that other guests of
/// the same host have taken from it. None where the system does not say.
pub(crate) fn busy_seconds() -> Option<f64> {
    Some(busy_ticks(&std::fs::read_to_string("/proc/stat").ok()?)? / TICKS_A_SECOND)
}

/// Fields of the line `cpu`: user, nice, system, idle, iowait, irq, softirq, steal, then guests, which `user` holds.
fn busy_ticks(stat: &str) -> Option<f64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let fields: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    Some(fields.iter().take(8).sum::<f64>() - fields.iter().skip(3).take(2).sum::<f64>())
}

/// Seconds of processor time that the processes of some groups have used, and those that this process has. None
/// where the system does not say.
pub(crate) fn seconds_of_groups(groups: &[u32]) -> Option<f64> {
    let own = std::process::id();
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let (group, ticks) = group_and_ticks(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        (pid == own || groups.contains(&group)).then_some(ticks)
    });
    Some(processes.sum::<f64>() / TICKS_A_SECOND)
}

/// The group of a process, and the ticks that it, its threads, and those of its children that have ended have run:
/// fields 5 and 14 to 17, counted after the name, which may hold spaces and ends with the last parenthesis.
fn group_and_ticks(stat: &str) -> Option<(u32, f64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: Option<Vec<f64>> = fields.get(11..15)?.iter().map(|field| field.parse().ok()).collect();
    Some((fields.get(2)?.parse().ok()?, ticks?.iter().sum()))
}

/// Memory that this process holds, and the most that it has held since [`reset_peak`]; None where the system does not
/// say.
pub(crate) fn own_memory() -> (Option<u64>, Option<u64>) {
    memory(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
}

fn memory(status: &str) -> (Option<u64>, Option<u64>) {
    let bytes = |name| {
        let kilobytes: u64 = field(status, name)?.strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    };
    (bytes("VmRSS"), bytes("VmHWM"))
}

/// Begins a new count of the most memory, where the system can (Linux: `5` into `clear_refs`).
pub(crate) fn reset_peak() {
    // Where it cannot, the peak is that of the whole process: too high, never too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The value after `name:` at the beginning of a line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        let seconds_of = |seconds: u64| civil_date(seconds / 86_400);
        assert_eq!(seconds_of(0), "1970-01-01");
        assert_eq!(seconds_of(951_782_400), "2000-02-29");
        assert_eq!(seconds_of(1_767_225_599), "2025-12-31");
    }

    #[test]
    fn a_checkout_is_dirty_where_more_than_records_differ() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let git = |arguments: &str| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let mut git = Command::new("git");
            git.arg("-C").arg(folder.path()).args(identity).args(arguments.split(' '));
            assert!(git.output().unwrap().status.success(), "{arguments}");
        };
        assert_eq!(commit_of(folder.path()), "unknown");
        std::fs::create_dir(folder.path().join("docs")).unwrap();
        write("docs/records.jsonl", "");
        write("timed.rs", "");
        git("init -q");
        git("add .");
        git("commit -q -m first");
        write("docs/records.jsonl", "{}");
        assert_eq!(commit_of(folder.path()).len(), 12);
        write("timed.rs", "// Faster.");
        assert!(commit_of(folder.path()).ends_with(DIRTY));
    }

    #[test]
    fn a_machine_is_told_by_its_processor_their_number_and_its_instructions() {
        let machine = Machine { cpu: "A Processor".into(), processors: 1, isa: "avx2".into() };
        assert_eq!(machine.to_string(), "A Processor, 1 processor, avx2");
    }

    #[test]
    fn busy_time_is_all_but_idle_and_waiting() {
        assert_eq!(busy_ticks("cpu  1 2 4 100 200 8 16 32 64 128\ncpu0 9 9\n"), Some(63.0));
    }

    #[test]
    fn the_time_of_a_process_is_found_behind_a_name_with_spaces() {
        // Its own time is 70 and 5, that of the children that it has waited for 200 and 1000.
        let stat = "12 (a (b) c) S 1 13 12 0 -1 4194560 100 0 0 0 70 5 200 1000 20 0 3 0";
        assert_eq!(group_and_ticks(stat), Some((13, 1275.0)));
        assert_eq!(group_and_ticks("12 (cut short) S 1 13 12 0 -1 4194560 100 0 0 0 70 5"), None);
    }

    #[test]
    fn what_the_system_does_not_say_is_not_known() {
        assert_eq!(busy_ticks(""), None);
        assert_eq!(memory(""), (None, None));
        assert_eq!(memory("VmHWM:\t 3 kB\nVmRSS:\t 2 kB\n"), (Some(2048), Some(3072)));
    }

    #[test]
    fn fields_of_proc_files() {
        assert_eq!(field("a\t: 1\nmodel name\t: AMD EPYC\n", "model name"), Some("AMD EPYC"));
        assert_eq!(field("VmHWM:\t  12 kB\n", "VmHWM"), Some("12 kB"));
    }
}
