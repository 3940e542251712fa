//! `page`: docs/benchmarks.md from the records in docs/benchmarks.

mod reasons;
mod shortfalls;
mod tables;

use std::collections::BTreeSet;
use std::path::Path;

use crate::failure::Result;
use crate::record::{Record, read_folder};
pub(crate) use reasons::Reason;

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench page` from the records in [benchmarks](benchmarks); change those, not this page.

## How to read it

Each case runs on every engine in turn (A B A B ...), at least nine times each, in one run: the engines that wait are stopped, inputs and numbers of threads are the same, and outputs are compared.
Where neither engine sends outputs of a case, the ratio is marked with °: nobody has checked that both computed the same.
A ratio is the peer's time by ours, of medians of one run, with the smallest and the largest ratio of neighbouring measurements: above 1, ours is faster.
PyTorch is the better of its two memory formats (contiguous and channels-last), with its allocator kept from returning memory, so that what is compared is kernels.
*Of peak* is the share of fused multiply-adds that all threads reach in registers, *of copy* the share of what our own vector copy with ordinary stores moves for as many bytes; both are measured in the same run.
Memory is the most that a fresh process held beyond what it held when it had started (for PyTorch: after its import).
A case marked with * was disturbed: other processes used more than 5 % of a processor meanwhile; with ?, the system does not say whether they did.

## How to measure it again

```sh
python3 -m venv peers && peers/bin/pip install -r benches/peers/torch/requirements.txt
cargo xtask bench kernels --python peers/bin/python --json docs/benchmarks/NAME.jsonl
cargo xtask bench train   --python peers/bin/python --json docs/benchmarks/NAME.jsonl
cargo xtask bench infer   --python peers/bin/python --json docs/benchmarks/NAME.jsonl
cargo xtask bench data    --python peers/bin/python --json docs/benchmarks/NAME.jsonl
cargo xtask bench page
cargo xtask bench --check --python peers/bin/python
```

The last line measures the committed cases again, and fails where ours has lost more than noise.
";

/// Writes the page; returns the shortfalls for which no reason is given.
pub(crate) fn write(docs: &Path) -> Result<Vec<String>> {
    let folder = docs.join("benchmarks");
    let records = read_folder(&folder)?;
    let reasons = reasons::read(&folder.join("reasons.txt"))?;
    let (text, unexplained) = render(&records, &reasons);
    let path = docs.join("benchmarks.md");
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(unexplained)
}

/// The page, and the shortfalls without a reason.
pub(crate) fn render(records: &[Record], reasons: &[Reason]) -> (String, Vec<String>) {
    let mut text = HEAD.to_string();
    let mut unexplained = Vec::new();
    let mut cpus: Vec<&str> = Vec::new();
    for record in records {
        if !cpus.contains(&record.cpu.as_str()) {
            cpus.push(&record.cpu);
        }
    }
    for cpu in cpus {
        let here: Vec<Record> = latest(records.iter().filter(|record| record.cpu == cpu).cloned().collect());
        text += &machine(cpu, &here);
        text += &tables::all(&here);
        text += &shortfalls::of_limits(&here, reasons, &mut unexplained);
        text += &shortfalls::of_peers(&here, reasons, &mut unexplained);
    }
    (text, unexplained)
}

/// Of records of the same case and engine, the last, in the place of the first.
fn latest(records: Vec<Record>) -> Vec<Record> {
    let mut kept: Vec<Record> = Vec::new();
    for record in records {
        let beside = record.slowdown_beside_load.is_some();
        let same = |old: &Record| {
            old.key() == record.key()
                && old.engine == record.engine
                && old.slowdown_beside_load.is_some() == beside
        };
        match kept.iter().position(same) {
            Some(place) => kept[place] = record,
            None => kept.push(record),
        }
    }
    kept
}

fn machine(cpu: &str, records: &[Record]) -> String {
    let collect = |value: &dyn Fn(&Record) -> String| {
        records.iter().map(value).collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    let processors = records.first().map_or(0, |record| record.processors);
    format!(
        "\n## {cpu}, {processors} processors\n\n\
         Instruction set: {}.\nEngines: {}.\nCommit: {}.\nDate: {}.\n",
        collect(&|record| record.isa.clone()),
        collect(&|record| record.version.clone()),
        collect(&|record| record.commit.clone()),
        collect(&|record| record.date.clone()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;
    use crate::statistics::Spread;
    use crate::work::{Conv, Work};

    fn conv(engine: &str, seconds: f64) -> Record {
        let conv: Conv = "64x1x28x28 -> 32, 3, 1, 1".parse().unwrap();
        let work = Work::Conv(conv);
        Record { case: work.name(), pass: work.pass().into(), work, ..example(engine, seconds) }
    }

    #[test]
    fn a_page_has_the_machine_the_tables_and_the_cliffs() {
        let mut torch = conv("torch", 1.0);
        torch.times_ours = Some(Spread::of(&[2.0]));
        let reasons = [Reason::parse("64x1x28x28 fwd => one channel of input").unwrap()];
        let (text, unexplained) = render(&[conv("ours", 0.5), torch], &reasons);
        assert!(text.contains("## A Processor, 2 processors"), "{text}");
        assert!(text.contains("| 64x1x28x28 -> 32, 3, 1, 1 | fwd | 2 |"), "{text}");
        assert!(text.contains("2.00x (2.00 to 2.00)"), "{text}");
        assert!(text.contains("2 threads: 30 %; one channel of input"), "{text}");
        assert!(unexplained.is_empty());
        assert_eq!(render(&[conv("ours", 0.5)], &[]).1.len(), 1);
    }

    #[test]
    fn a_case_that_a_peer_does_faster_is_told_with_its_reason() {
        let mut torch = conv("torch", 0.2);
        torch.times_ours = Some(Spread::of(&[0.8]));
        let mut ours = conv("ours", 0.25);
        ours.gflops = Some(180.0);
        let reasons = [Reason::parse("64x1x28x28 fwd => it waits for memory").unwrap()];
        let (text, unexplained) = render(&[ours.clone(), torch.clone()], &reasons);
        assert!(text.contains("2 threads: 0.80x of torch; it waits for memory"), "{text}");
        assert!(unexplained.is_empty());
        torch.times_ours = Some(Spread::of(&[0.99]));
        assert!(!render(&[ours, torch], &reasons).0.contains("of torch;"));
    }

    #[test]
    fn the_last_record_of_a_case_takes_the_place_of_the_first() {
        let mut newer = conv("ours", 0.25);
        newer.gflops = Some(180.0);
        let (text, unexplained) = render(&[conv("ours", 0.5), newer], &[]);
        assert!(text.contains("| 180.0 |") && !text.contains("| 50.0 |"), "{text}");
        assert!(unexplained.is_empty());
        assert!(text.contains("\nNone.\n"));
    }
}
