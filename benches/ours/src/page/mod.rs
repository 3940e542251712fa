//! `page`: docs/benchmarks.md from the records in docs/benchmarks.

mod reasons;
mod shortfalls;
mod tables;

use std::collections::BTreeSet;
use std::path::Path;

use crate::failure::{Result, failure};
use crate::machine::Machine;
use crate::record::{Record, latest_runs, read_folder};
use reasons::{Given, Reason};

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench page` from the records in [benchmarks](benchmarks); change those, not this page.

## How to read it

Each case runs on every engine in turn (A B A B ...), at least nine times each, in one run: the engines that wait are stopped, inputs and numbers of threads are the same, and outputs are compared.
Where neither engine sends outputs of a case, the ratio is marked with °: nobody has checked that both computed the same.
A ratio is the peer's time by ours, of measurements that follow each other in one run: their median, with the smallest and the largest. Above 1, ours is faster.
PyTorch is the better of its two memory formats (contiguous and channels-last), with its allocator kept from returning memory, so that what is compared is kernels.
*Of peak* is the share of fused multiply-adds that all threads reach in registers, *of copy* the share of what our own vector copy with ordinary stores moves for as many bytes; both are measured in the same run.
The copy is a reference and no limit: an ordinary store also fetches the line that it writes, which work in place has fetched anyway, so that such work can exceed it.
Memory (MB) is the most that a fresh process held beyond what it held when it had started (for PyTorch: after its import); cases that share a process have none.
A case marked with * was disturbed: other processes used more than 5 % of a processor meanwhile; with ?, the system does not say whether they did.

## How to measure it again

```sh
python3 -m venv peers && peers/bin/pip install -r benches/peers/torch/requirements.txt
export CNN_BENCH_PYTHON=$PWD/peers/bin/python
(cd benches/peers/rust && cargo build --release)
cargo xtask bench kernels --against torch,gemm,burn,candle --json docs/benchmarks/NAME-kernels.jsonl
cargo xtask bench layers --against torch --json docs/benchmarks/NAME-layers.jsonl
cargo xtask bench train --against torch,burn,candle --json docs/benchmarks/NAME-train.jsonl
cargo xtask bench infer --against torch,burn,candle --json docs/benchmarks/NAME-infer.jsonl
cargo xtask bench data --against torch --json docs/benchmarks/NAME-data.jsonl
cargo xtask bench train --threads 2 --beside-load --json docs/benchmarks/NAME-beside-load.jsonl
cargo xtask bench page
cargo xtask bench --check --against torch,gemm,burn,candle
```

Of each case the page shows the last run alone, so all its peers have to be in that run.
The last line measures the committed cases of this machine again, and fails where ours has lost more than noise.
";

/// The page, and where its reasons do not fit what it lists.
struct Page {
    text: String,
    misfits: Vec<String>,
}

/// Writes the page; fails where a case that it lists has no reason, or a reason no case.
pub(crate) fn write(docs: &Path) -> Result<()> {
    let folder = docs.join("benchmarks");
    let records = read_folder(&folder)?;
    let reasons = reasons::read(&folder.join("reasons.txt"))?;
    let Page { text, misfits } = render(&records, &reasons);
    let path = docs.join("benchmarks.md");
    // Written in any case: the page shows what the reasons have to say.
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    if misfits.is_empty() {
        return Ok(());
    }
    let lines: String = misfits.iter().map(|line| format!("\n  {line}")).collect();
    failure(format!("docs/benchmarks/reasons.txt does not fit what the page lists:{lines}"))
}

fn render(records: &[Record], reasons: &[Reason]) -> Page {
    let mut text = HEAD.to_string();
    let mut given = Given::new(reasons);
    let latest = latest_runs(records);
    for machine in machines(&latest) {
        let here = latest.iter().filter(|record| record.machine() == machine).cloned();
        let (beside, plain): (Vec<Record>, Vec<Record>) = here.partition(Record::is_beside_load);
        text += &about(&machine, &[&plain[..], &beside].concat());
        text += &tables::all(&plain);
        text += &tables::beside_load(&beside);
        text += &shortfalls::of_machine(&plain, &mut given);
        text += &shortfalls::of_peers(&plain, &mut given);
    }
    Page { text, misfits: given.misfits() }
}

/// Each machine that there are records of, in the order of the first.
fn machines(records: &[Record]) -> Vec<Machine> {
    let mut machines = Vec::new();
    for machine in records.iter().map(Record::machine) {
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    machines
}

fn about(machine: &Machine, records: &[Record]) -> String {
    let collect = |value: &dyn Fn(&Record) -> String| {
        records.iter().map(value).collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    format!(
        "\n## {machine}\n\nEngines: {}.\nCommit: {}.\nDate: {}.\n",
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

    fn reasons(lines: &[&str]) -> Vec<Reason> {
        lines.iter().map(|line| Reason::parse(line).unwrap()).collect()
    }

    fn against(engine: &str, times_ours: f64) -> Record {
        Record { times_ours: Some(Spread::of(&[times_ours])), ..conv(engine, times_ours) }
    }

    fn near_peak() -> Record {
        Record { gflops: Some(180.0), ..conv("ours", 1.0) }
    }

    #[test]
    fn a_page_has_the_machine_the_tables_and_the_cliffs() {
        let reasons = reasons(&["limit: 64x1x28x28 fwd => one channel of input"]);
        let Page { text, misfits } = render(&[conv("ours", 0.5), against("torch", 2.0)], &reasons);
        assert!(text.contains("## A Processor, 2 processors, avx2\n"), "{text}");
        assert!(text.contains("| 64x1x28x28 -> 32, 3, 1, 1 | fwd | 2 |"), "{text}");
        assert!(text.contains("2.00x (2.00 to 2.00)"), "{text}");
        assert!(text.contains("2 threads: 30 %; one channel of input"), "{text}");
        assert!(misfits.is_empty(), "{misfits:?}");
    }

    #[test]
    fn a_case_that_a_peer_does_faster_is_told_with_its_reason() {
        let reasons = reasons(&["peer: 64x1x28x28 fwd => it waits for memory"]);
        let page = render(&[near_peak(), against("torch", 0.8)], &reasons);
        assert!(page.text.contains("2 threads: 0.80x of torch; it waits for memory"), "{}", page.text);
        assert!(page.misfits.is_empty(), "{:?}", page.misfits);
        let page = render(&[near_peak(), against("torch", 0.99)], &reasons);
        assert!(!page.text.contains("of torch;"), "{}", page.text);
        assert_eq!(page.misfits, ["nothing listed needs `peer: 64x1x28x28 fwd`"]);
    }

    #[test]
    fn a_reason_of_one_kind_is_none_of_the_other() {
        let of_peer = reasons(&["peer: conv => it waits for memory"]);
        let misfits = render(&[conv("ours", 0.5), against("torch", 2.0)], &of_peer).misfits;
        assert_eq!(misfits.len(), 2, "{misfits:?}");
        assert!(misfits[0].starts_with("no reason of the kind `limit` for conv 64x1"), "{misfits:?}");
    }

    #[test]
    fn of_two_reasons_the_longer_pattern_counts() {
        let reasons = reasons(&["limit: conv => any", "limit: 64x1x28x28 => this", "limit: 28x28 => some"]);
        let page = render(&[conv("ours", 0.5)], &reasons);
        assert!(page.text.contains("30 %; this"), "{}", page.text);
        assert_eq!(page.misfits.len(), 2);
    }

    #[test]
    fn what_is_measured_beside_a_load_falls_short_of_nothing() {
        let beside = Record { slowdown_beside_load: Some(Spread::of(&[1.5])), ..conv("ours", 0.5) };
        let page = render(&[beside], &[]);
        assert!(page.text.contains("### Beside one busy process"), "{}", page.text);
        assert!(page.misfits.is_empty(), "{:?}", page.misfits);
    }

    #[test]
    fn a_peer_of_an_earlier_run_does_not_stand_beside_ours_of_a_later_one() {
        let later = Record { run: Some("2".into()), ..near_peak() };
        let page = render(&[conv("ours", 0.5), against("torch", 0.5), later], &[]);
        assert!(page.text.contains("| 180.0 |") && !page.text.contains("torch GFLOP/s"), "{}", page.text);
        assert!(page.misfits.is_empty(), "{:?}", page.misfits);
    }

    #[test]
    fn machines_that_differ_in_instructions_have_sections_of_their_own() {
        let other = Record { isa: "avx512".into(), ..near_peak() };
        let text = render(&[near_peak(), other], &[]).text;
        assert_eq!(text.matches("\n## A Processor, 2 processors, ").count(), 2, "{text}");
    }
}
