//! What was seen: one JSON line for each case, pass, number of threads and engine.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Result, failure};
use crate::machine::Machine;
use crate::statistics::Spread;
use crate::work::Work;

/// One engine on one work. Names say the units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The case's name, without the pass.
    pub(crate) case: String,
    /// The pass.
    pub(crate) pass: String,
    /// What was computed.
    pub(crate) work: Work,
    /// Threads that computed.
    pub(crate) threads: usize,
    /// Who: `ours`, `torch`.
    pub(crate) engine: String,
    /// Its version.
    pub(crate) version: String,
    /// The instruction set that ours used.
    pub(crate) isa: String,
    /// Wall time of one iteration.
    pub(crate) seconds: Spread,
    /// How often it was measured.
    pub(crate) repetitions: usize,
    /// Iterations of one measurement.
    pub(crate) iterations: usize,
    /// This engine's time by ours in the same run: above 1, ours is faster. Not for ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times_ours: Option<Spread>,
    /// Billions of floating-point operations in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gflops: Option<f64>,
    /// Those of the machine's limit, measured in the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak_gflops: Option<f64>,
    /// Billions of bytes in a second: those that the work has to read and write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gbytes: Option<f64>,
    /// Those of our copy of as many bytes, measured in the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copy_gbytes: Option<f64>,
    /// Images in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<f64>,
    /// Most memory of the process, where it was a fresh one: in another it is that of works before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak_bytes: Option<u64>,
    /// The same without what the process held when it had started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak_bytes_beyond_start: Option<u64>,
    /// Time beside one other busy process by the time without, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) slowdown_beside_load: Option<Spread>,
    /// Processor time that others used meanwhile, by the wall time of one processor; none where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disturbance: Option<f64>,
    /// Whether the outputs were compared with ours. Not for ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compared: Option<bool>,
    /// Why the outputs are not ours, where they are not: the times then prove nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wrong: Option<String>,
    /// The processor.
    pub(crate) cpu: String,
    /// How many processors.
    pub(crate) processors: usize,
    /// The checkout.
    pub(crate) commit: String,
    /// The day (UTC).
    pub(crate) date: String,
    /// The start of the program that measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
}

/// Share of one processor's time used by others above which a case counts as disturbed.
pub(crate) const DISTURBED: f64 = 0.05;

impl Record {
    /// What tells it from other records of one run.
    pub(crate) fn key(&self) -> (String, String, usize) {
        (self.case.clone(), self.pass.clone(), self.threads)
    }

    /// Where it was measured.
    pub(crate) fn machine(&self) -> Machine {
        Machine { cpu: self.cpu.clone(), processors: self.processors, isa: self.isa.clone() }
    }

    /// Whether it tells what a load beside ours costs, and nothing else.
    pub(crate) fn is_beside_load(&self) -> bool {
        self.slowdown_beside_load.is_some()
    }

    /// Whether both are of one case, measured in one way on one machine, in this run or another.
    fn is_same_case(&self, other: &Record) -> bool {
        self.key() == other.key()
            && self.is_beside_load() == other.is_beside_load()
            && self.machine() == other.machine()
    }

    /// The run that it belongs to: where it names none, the measurements at its commit.
    fn run(&self) -> &str {
        self.run.as_deref().unwrap_or(&self.commit)
    }

    /// Whether others are known to have been busy.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.disturbance.is_some_and(|share| share > DISTURBED)
    }

    /// Whether the outputs of a peer were compared with ours. A record that does not say so is one of a program that
    /// compared all single operations and nothing else.
    pub(crate) fn is_compared(&self) -> bool {
        let single = matches!(self.work, Work::Conv(_) | Work::Dense(_) | Work::Memory(_));
        self.compared.unwrap_or(single)
    }

    /// Share of the machine's multiply-adds.
    pub(crate) fn share_of_peak(&self) -> Option<f64> {
        Some(self.gflops? / self.peak_gflops?)
    }

    /// Share of what our copy moves.
    pub(crate) fn share_of_copy(&self) -> Option<f64> {
        Some(self.gbytes? / self.copy_gbytes?)
    }

    /// The larger of the two shares.
    pub(crate) fn share_of_reference(&self) -> Option<f64> {
        match (self.share_of_peak(), self.share_of_copy()) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Of each case the records of its last run alone, in the place of the first: what one run measured in turn stays
/// together, and nothing of one run stands beside something of another.
pub(crate) fn latest_runs(records: &[Record]) -> Vec<Record> {
    let mut runs: Vec<Vec<Record>> = Vec::new();
    for record in records {
        let Some(run) = runs.iter_mut().find(|run| run[0].is_same_case(record)) else {
            runs.push(vec![record.clone()]);
            continue;
        };
        if run[0].run() != record.run() {
            run.clear();
        }
        match run.iter_mut().find(|old| old.engine == record.engine) {
            Some(old) => *old = record.clone(),
            None => run.push(record.clone()),
        }
    }
    runs.into_iter().flatten().collect()
}

/// The file of `--json`.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the file, which may hold records already; before anything is measured, so that nothing is in vain.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        match File::options().create(true).append(true).open(path) {
            Ok(file) => Ok(Self { path: path.into(), file }),
            Err(error) => failure(format!("--json {}: {error}", path.display())),
        }
    }

    /// Adds records to the end.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<()> {
        let mut lines = String::new();
        for record in records {
            lines += &serde_json::to_string(record)?;
            lines.push('\n');
        }
        let written = self.file.write_all(lines.as_bytes());
        written.map_err(|error| format!("--json {}: {error}", self.path.display()).into())
    }
}

/// Reads the records of a text.
pub(crate) fn parse(text: &str, name: &str) -> Result<Vec<Record>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let record = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| format!("{name}:{}: {error}", number + 1).into())
    };
    lines.map(record).collect()
}

/// Reads every `.jsonl` of a folder, in the order of their names.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Record>> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = paths.map_err(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let mut records = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        records.extend(parse(&text, &name)?);
    }
    Ok(records)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::slice;

    use super::*;

    /// A record as a run makes it.
    pub(crate) fn example(engine: &str, seconds: f64) -> Record {
        Record {
            case: "conv 1x1x8x8 -> 1, 3, 1, 1".into(),
            pass: "fwd".into(),
            work: Work::Copy { bytes: 8 },
            threads: 2,
            engine: engine.into(),
            version: "1.0".into(),
            isa: "avx2".into(),
            seconds: Spread::of(&[seconds]),
            repetitions: 9,
            iterations: 3,
            times_ours: None,
            gflops: Some(50.0),
            peak_gflops: Some(200.0),
            gbytes: Some(6.0),
            copy_gbytes: Some(20.0),
            images: None,
            peak_bytes: None,
            peak_bytes_beyond_start: None,
            slowdown_beside_load: None,
            disturbance: Some(0.0),
            compared: None,
            wrong: None,
            cpu: "A Processor".into(),
            processors: 2,
            commit: "0123456789ab".into(),
            date: "2026-01-31".into(),
            run: None,
        }
    }

    #[test]
    fn records_survive_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let records = [example("ours", 0.5), example("torch", 1.0)];
        for part in [&records[..1], &records[1..]] {
            Log::open(&folder.path().join("a.jsonl")).unwrap().append(part).unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "not JSON").unwrap();
        assert_eq!(read_folder(folder.path()).unwrap(), records);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_told_with_its_flag() {
        let error = Log::open(Path::new("/nowhere/a.jsonl")).err().unwrap().to_string();
        assert!(error.starts_with("--json /nowhere/a.jsonl: "), "{error}");
    }

    #[test]
    fn a_record_of_an_older_program_can_be_read() {
        let mut record = example("torch", 1.0);
        record.times_ours = Some(Spread { median: 9.0, ..Spread::of(&[1.0, 2.0]) });
        let line = serde_json::to_string(&record).unwrap();
        assert!(!line.contains("\"run\"") && !line.contains("compared"), "{line}");
        assert_eq!(parse(&line, "a.jsonl").unwrap(), [record]);
    }

    #[test]
    fn of_a_case_the_last_run_is_kept_as_a_whole() {
        let of = |run: &str, engine: &str, seconds: f64| Record {
            run: (!run.is_empty()).then(|| run.into()),
            commit: if run.is_empty() { "old".into() } else { "new".into() },
            ..example(engine, seconds)
        };
        let other = Record { threads: 1, ..of("", "ours", 9.0) };
        let old = [of("", "ours", 1.0), of("", "burn", 2.0)];
        let first = [of("1", "ours", 3.0), of("1", "torch", 4.0)];
        let second = [of("2", "ours", 5.0), of("2", "gemm", 6.0)];
        let latest = |runs: &[&[Record]]| latest_runs(&runs.concat());
        assert_eq!(latest(&[&old]), old);
        assert_eq!(latest(&[&old, slice::from_ref(&other), &first]), [&first[..], &[other]].concat());
        assert_eq!(latest(&[&first, &second]), second);
        assert_eq!(latest(&[&first, &first[1..]]), first);
    }

    #[test]
    fn another_machine_or_a_load_makes_another_case() {
        let plain = example("ours", 1.0);
        let others = [
            Record { isa: "avx512".into(), ..plain.clone() },
            Record { processors: 4, ..plain.clone() },
            Record { slowdown_beside_load: Some(Spread::of(&[1.5])), ..plain.clone() },
        ];
        let all = [&[plain][..], &others].concat();
        assert_eq!(latest_runs(&all), all);
    }

    #[test]
    fn a_broken_line_is_told_with_its_place() {
        let error = parse("\n{\"case\": 3}\n", "b.jsonl").unwrap_err().to_string();
        assert!(error.starts_with("b.jsonl:2: "), "{error}");
    }

    #[test]
    fn the_reference_is_the_nearer_one() {
        let record = example("ours", 1.0);
        assert_eq!(record.share_of_peak(), Some(0.25));
        assert_eq!(record.share_of_reference(), Some(0.3));
    }
}
