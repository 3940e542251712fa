//! Timing a work on several engines in turn: A B C A B C ..., the ones that wait stopped.
//!
//! The machine's references, its multiply-adds and a plain copy, take part as two more engines, so that the shares of
//! them are those of the same seconds.

use std::time::Instant;

use crate::agreement::{Agreement, agreement};
use crate::engine::{Engine, Reply};
use crate::engines::{COPY, MULTIPLY_ADDS, OURS, Starter};
use crate::failure::Result;
use crate::load::Load;
use crate::machine::{self, Machine};
use crate::pause::Signals;
use crate::protocol::{Held, Hello, Prepared, Ran, Request};
use crate::record::Record;
use crate::statistics::Spread;
use crate::work::Work;

/// How long one measurement of an engine takes at least.
const RUN_SECONDS: f64 = 0.03;

/// The same for the references.
const REFERENCE_SECONDS: f64 = 0.01;

/// Everything that takes part in a run of this program.
pub(crate) struct Session {
    starter: Starter,
    signals: Signals,
    /// Ours first, then the peers', then the references.
    engines: Vec<Engine>,
    /// A process that computes beside ours, for the second half of each repetition.
    load: Option<Load>,
    repetitions: usize,
    about: About,
}

/// What every record of one start of the program says.
struct About {
    machine: Machine,
    commit: String,
    date: String,
    run: String,
}

/// An engine's part in one work.
struct Turn {
    prepared: Prepared,
    seconds: Vec<f64>,
    /// The same beside another busy process.
    beside_load: Vec<f64>,
    memory: Memory,
}

/// The memory of an engine, where it is that of the work alone and the system says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Memory {
    peak: Option<u64>,
    beyond_start: Option<u64>,
}

impl Memory {
    fn of(work: &Work, hello: &Hello, held: Held) -> Self {
        // No process holds nothing: an engine that cannot say may answer 0.
        let known = |bytes: Option<u64>| bytes.filter(|&bytes| bytes > 0 && work.wants_fresh_process());
        let (peak, start) = (known(held.peak_bytes), known(hello.resident_bytes));
        Self { peak, beyond_start: peak.zip(start).map(|(peak, start)| peak.saturating_sub(start)) }
    }
}

impl Session {
    /// Starts ours, the engines that are named, and the references.
    pub(crate) fn start(starter: Starter, peers: &[&str], repetitions: usize) -> Result<Self> {
        let mut signals = Signals::start()?;
        let mut engines = Vec::new();
        for name in [OURS].iter().chain(peers).chain(&[MULTIPLY_ADDS, COPY]) {
            let mut engine = starter.start(name)?;
            engine.stop(&mut signals)?;
            engines.push(engine);
        }
        let isa = engines.first().and_then(|ours| ours.hello.isa.as_deref()).unwrap_or_default();
        let about = About {
            machine: Machine::here(isa),
            commit: machine::commit(),
            date: machine::date(),
            run: machine::run(),
        };
        Ok(Self { starter, signals, engines, load: None, repetitions, about })
    }

    /// Measures ours once more in each repetition, beside a busy process.
    pub(crate) fn with_load(mut self) -> Result<Self> {
        self.load = Some(Load::start(&mut self.signals)?);
        Ok(self)
    }

    /// What stands above a table.
    pub(crate) fn describe(&self) -> String {
        let mut versions: Vec<&str> =
            self.engines.iter().map(|engine| engine.hello.version.as_str()).collect();
        versions.dedup();
        versions.truncate(versions.len().saturating_sub(1).max(1));
        let About { machine, commit, date, .. } = &self.about;
        format!("{machine}; {}; commit {commit}, {date}", versions.join(", "))
    }

    /// The commit that the records name.
    pub(crate) fn commit(&self) -> &str {
        &self.about.commit
    }

    /// Times one work on every engine that can do it; a record for each, ours first.
    pub(crate) fn measure(&mut self, work: &Work, threads: usize) -> Result<Vec<Record>> {
        if work.wants_fresh_process() {
            self.restart()?;
        }
        let mut turns = self.prepare(work, threads)?;
        let started = Instant::now();
        let busy_before = self.others_seconds();
        for _ in 0..self.repetitions {
            for (engine, turn) in self.engines.iter_mut().zip(&mut turns) {
                let Some(turn) = turn else { continue };
                let ran: Ran = alone(engine, &mut self.signals, &Request::Run)?;
                turn.seconds.push(ran.seconds);
                if let Some(load) = self.load.as_ref().filter(|_| engine.name == OURS) {
                    load.go_on(&mut self.signals)?;
                    let ran: Result<Ran> = alone(engine, &mut self.signals, &Request::Run);
                    load.stop(&mut self.signals)?;
                    turn.beside_load.push(ran?.seconds);
                }
            }
        }
        let others = self.others_seconds().zip(busy_before).map(|(after, before)| after - before);
        let disturbance = others.map(|others| (others / started.elapsed().as_secs_f64()).max(0.0));
        for (engine, turn) in self.engines.iter_mut().zip(&mut turns) {
            if let Some(turn) = turn {
                let held: Held = alone(engine, &mut self.signals, &Request::Memory)?;
                turn.memory = Memory::of(work, &engine.hello, held);
                let _: serde_json::Value = alone(engine, &mut self.signals, &Request::Drop)?;
            }
        }
        Ok(self.records(work, threads, &turns, disturbance))
    }

    /// New processes, but for the references.
    fn restart(&mut self) -> Result<()> {
        for engine in &mut self.engines {
            if engine.name != MULTIPLY_ADDS && engine.name != COPY {
                *engine = self.starter.start(&engine.name)?;
                engine.stop(&mut self.signals)?;
            }
        }
        Ok(())
    }

    fn prepare(&mut self, work: &Work, threads: usize) -> Result<Vec<Option<Turn>>> {
        let demand = work.demand();
        let mut turns = Vec::new();
        for engine in &mut self.engines {
            let (work, run_seconds) = match engine.name.as_str() {
                MULTIPLY_ADDS if demand.operations > 0 => (Work::MultiplyAdds, REFERENCE_SECONDS),
                COPY if demand.bytes > 0 => (Work::Copy { bytes: demand.bytes }, REFERENCE_SECONDS),
                MULTIPLY_ADDS | COPY => {
                    turns.push(None);
                    continue;
                }
                _ => (work.clone(), RUN_SECONDS),
            };
            engine.go_on(&mut self.signals)?;
            let reply = engine.ask(&Request::Prepare { threads, work, run_seconds })?;
            engine.stop(&mut self.signals)?;
            turns.push(match reply {
                Reply::Done(prepared) => {
                    let (seconds, beside_load) = (Vec::new(), Vec::new());
                    Some(Turn { prepared, seconds, beside_load, memory: Memory::default() })
                }
                Reply::Unsupported(_) => None,
            });
        }
        Ok(turns)
    }

    /// Processor time that everything but this measurement has used since the machine started.
    fn others_seconds(&self) -> Option<f64> {
        let load = self.load.iter().map(Load::pid);
        let groups: Vec<u32> = self.engines.iter().map(Engine::pid).chain(load).collect();
        Some(machine::busy_seconds()? - machine::seconds_of_groups(&groups)?)
    }

    fn records(
        &self,
        work: &Work,
        threads: usize,
        turns: &[Option<Turn>],
        disturbance: Option<f64>,
    ) -> Vec<Record> {
        let taken =
            || self.engines.iter().zip(turns).filter_map(|(engine, turn)| Some((engine, turn.as_ref()?)));
        let demand = work.demand();
        let per_second = |amount: f64, seconds: f64| (amount > 0.0).then_some(amount / seconds / 1e9);
        let turn_of = |name: &str| taken().find(|(engine, _)| engine.name == name).map(|(_, turn)| turn);
        let ours = turn_of(OURS);
        let peak_gflops = turn_of(MULTIPLY_ADDS)
            .and_then(|turn| per_second(turn.prepared.operations? as f64, Spread::of(&turn.seconds).median));
        let copy_gbytes =
            turn_of(COPY).and_then(|turn| per_second(demand.bytes as f64, Spread::of(&turn.seconds).median));

        let About { machine, commit, date, run } = &self.about;
        let competing = taken().filter(|(engine, _)| engine.name != MULTIPLY_ADDS && engine.name != COPY);
        competing
            .map(|(engine, turn)| {
                let seconds = Spread::of(&turn.seconds);
                let other = ours.filter(|_| engine.name != OURS);
                let agreement = other
                    .map(|ours| agreement(&ours.prepared.outputs, &turn.prepared.outputs, work.tolerance()));
                Record {
                    case: work.name(),
                    pass: work.pass().into(),
                    work: work.clone(),
                    threads,
                    engine: engine.name.clone(),
                    version: engine.hello.version.clone(),
                    isa: machine.isa.clone(),
                    seconds,
                    repetitions: turn.seconds.len(),
                    iterations: turn.prepared.iterations,
                    times_ours: other.map(|ours| Spread::of_ratio(&turn.seconds, &ours.seconds)),
                    gflops: per_second(demand.operations as f64, seconds.median),
                    peak_gflops,
                    gbytes: per_second(demand.bytes as f64, seconds.median),
                    copy_gbytes,
                    images: work.images().map(|images| images as f64 / seconds.median),
                    peak_bytes: turn.memory.peak,
                    peak_bytes_beyond_start: turn.memory.beyond_start,
                    slowdown_beside_load: (!turn.beside_load.is_empty())
                        .then(|| Spread::of_ratio(&turn.beside_load, &turn.seconds)),
                    disturbance,
                    compared: agreement.as_ref().map(|agreement| *agreement != Agreement::NotCompared),
                    wrong: agreement.and_then(|agreement| match agreement {
                        Agreement::Differs(why) => Some(why),
                        Agreement::Same | Agreement::NotCompared => None,
                    }),
                    cpu: machine.cpu.clone(),
                    processors: machine.processors,
                    commit: commit.clone(),
                    date: date.clone(),
                    run: Some(run.clone()),
                }
            })
            .collect()
    }
}

/// Lets an engine answer while the others are stopped.
fn alone<T: serde::de::DeserializeOwned>(
    engine: &mut Engine,
    signals: &mut Signals,
    request: &Request,
) -> Result<T> {
    engine.go_on(signals)?;
    let reply = engine.must(request);
    engine.stop(signals)?;
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::{Conv, Loading, Network, Optimizer, Pipeline};

    fn memory(work: &Work, start: Option<u64>, peak: Option<u64>) -> Memory {
        let hello = Hello { version: "1".into(), isa: None, resident_bytes: start };
        Memory::of(work, &hello, Held { peak_bytes: peak })
    }

    #[test]
    fn memory_is_that_of_a_fresh_process_or_not_told() {
        let network = Network { model: "lenet5".into(), batch: 1, optimizer: Optimizer::Adam };
        let [fresh, conv] =
            [Work::Infer(network), Work::Conv("1x1x28x28 -> 6, 5, 1, 2".parse::<Conv>().unwrap())];
        assert_eq!(memory(&fresh, Some(10), Some(30)), Memory { peak: Some(30), beyond_start: Some(20) });
        assert_eq!(memory(&conv, Some(10), Some(30)), Memory::default());
    }

    #[test]
    fn memory_that_the_system_does_not_tell_is_not_nothing() {
        let fresh = Work::Load(Loading { pipeline: Pipeline::Mnist, images: 64 });
        for unknown in [None, Some(0)] {
            assert_eq!(memory(&fresh, Some(10), unknown), Memory::default());
            assert_eq!(memory(&fresh, unknown, Some(30)).beyond_start, None);
        }
    }
}
