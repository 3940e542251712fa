//! What was seen: one JSON line for each case, pass, number of threads and engine.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::Result;
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
}

/// Share of one processor's time used by others above which a case counts as disturbed.
pub(crate) const DISTURBED: f64 = 0.05;

impl Record {
    /// What tells it from other records of one run.
    pub(crate) fn key(&self) -> (String, String, usize) {
        (self.case.clone(), self.pass.clone(), self.threads)
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

    /// Share of the nearer of the two limits: what could at best be had.
    pub(crate) fn share_of_limit(&self) -> Option<f64> {
        match (self.share_of_peak(), self.share_of_copy()) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Adds records to the end of a file.
pub(crate) fn append(path: &Path, records: &[Record]) -> Result<()> {
    let mut lines = String::new();
    for record in records {
        lines += &serde_json::to_string(record)?;
        lines.push('\n');
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(|error| format!("{}: {error}", path.display()).into())
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
        }
    }

    #[test]
    fn records_survive_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let records = [example("ours", 0.5), example("torch", 1.0)];
        append(&folder.path().join("a.jsonl"), &records[..1]).unwrap();
        append(&folder.path().join("a.jsonl"), &records[1..]).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not JSON").unwrap();
        assert_eq!(read_folder(folder.path()).unwrap(), records);
    }

    #[test]
    fn a_broken_line_is_told_with_its_place() {
        let error = parse("\n{\"case\": 3}\n", "b.jsonl").unwrap_err().to_string();
        assert!(error.starts_with("b.jsonl:2: "), "{error}");
    }

    #[test]
    fn the_limit_is_the_nearer_one() {
        let record = example("ours", 1.0);
        assert_eq!(record.share_of_peak(), Some(0.25));
        assert_eq!(record.share_of_limit(), Some(0.3));
    }
}
