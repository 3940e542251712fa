//! Learning rates against PyTorch's schedulers, step by step; then what is not arithmetic.

use super::*;
use crate::history::Validation;
use crate::history::tests::record;

/// The name of each row of `rates_are_pytorchs` and its schedule, for a rate of 0.8.
const CASES: &[(&str, &str)] = &[
    ("step", "kind = 'step'; every = 2; factor = 0.5"),
    ("step, by steps", "kind = 'step'; every = 5; factor = 0.5; unit = 'steps'"),
    ("multi-step", "kind = 'multi-step'; milestones = [1, 3]"),
    ("exponential", "kind = 'exponential'; factor = 0.9"),
    ("exponential, by steps", "kind = 'exponential'; factor = 0.9; unit = 'steps'"),
    ("polynomial", "kind = 'polynomial'; power = 2.0"),
    ("cosine", "kind = 'cosine'; floor = 0.1"),
    ("cosine, by epoch", "kind = 'by-epoch'; then = { kind = 'cosine', floor = 0.1 }"),
    ("restarts", "kind = 'cosine-restarts'; period = 1; multiply = 2; floor = 0.1"),
    ("restarts, alike", "kind = 'cosine-restarts'; period = 5; multiply = 1; unit = 'steps'"),
    ("one-cycle", "kind = 'one-cycle'"),
    ("warmup", "kind = 'warmup'; length = 1; start = 0.25; then = { kind = 'cosine', floor = 0.1 }"),
    (
        "sequence",
        "kind = 'sequence'; unit = 'steps'; parts = [{ length = 4, schedule = { kind = 'constant' } }, \
         { length = 4, schedule = { kind = 'exponential', factor = 0.5, unit = 'steps' } }, \
         { schedule = { kind = 'polynomial' } }]",
    ),
    ("plateau", "kind = 'plateau'; factor = 0.5; patience = 1"),
    ("plateau, cooling", "kind = 'plateau'; factor = 0.5; patience = 0; cooldown = 1; floor = 0.1875"),
];

/// The losses of the plateau's epochs, each of one step.
const LOSSES: [f64; 12] = [1.0, 0.9, 0.95, 0.91, 0.92, 0.5, 0.6, 0.7, 0.49999, 0.7, 0.8, 0.9];

fn any(text: &str) -> AnySchedule {
    let schedule: AnySchedule =
        toml::from_str(&text.replace("; ", "\n")).unwrap_or_else(|error| panic!("{text}: {error}"));
    schedule.check().unwrap();
    schedule
}

fn row(name: &str, expected: [f64; 12]) {
    let (_, text) =
        CASES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no case {name}"));
    let schedule = any(text);
    let records: Vec<EpochRecord> = (1..)
        .zip(LOSSES)
        .map(|(epoch, loss)| EpochRecord {
            validation: Some(Validation { loss, ..Validation::default() }),
            ..record(epoch, None)
        })
        .collect();
    for (step, expected) in expected.into_iter().enumerate() {
        let epochs = if name.starts_with("plateau") { &records[..step] } else { &[] };
        let met = schedule.rate(0.8, Progress { epochs, ..Progress::new(step as u64, 12, 3) });
        assert!((met - expected).abs() < 1e-15, "{name}, step {step}: {met} instead of {expected}");
    }
}

#[test]
#[rustfmt::skip]
fn rates_are_pytorchs() {
    // fixtures/schedules.py c9c90244a9f9ea95, torch 2.15.0+cu132
    row("step", [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]);
    row("step, by steps", [0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2]);
    row("multi-step", [0.8, 0.8, 0.8, 0.08000000000000002, 0.08000000000000002, 0.08000000000000002, 0.08000000000000002, 0.08000000000000002, 0.08000000000000002, 0.008000000000000002, 0.008000000000000002, 0.008000000000000002]);
    row("exponential", [0.8, 0.8, 0.8, 0.7200000000000001, 0.7200000000000001, 0.7200000000000001, 0.6480000000000001, 0.6480000000000001, 0.6480000000000001, 0.5832000000000002, 0.5832000000000002, 0.5832000000000002]);
    row("exponential, by steps", [0.8, 0.7200000000000001, 0.6480000000000001, 0.5832000000000002, 0.5248800000000001, 0.47239200000000015, 0.42515280000000016, 0.3826375200000002, 0.3443737680000002, 0.30993639120000016, 0.27894275208000013, 0.2510484768720001]);
    row("polynomial", [0.8, 0.6722222222222222, 0.5555555555555556, 0.4499999999999999, 0.3555555555555555, 0.2722222222222221, 0.19999999999999996, 0.13888888888888884, 0.08888888888888889, 0.04999999999999999, 0.02222222222222221, 0.00555555555555556]);
    row("cosine", [0.8, 0.7877332974640646, 0.751769145362398, 0.6945584412271572, 0.6200000000000001, 0.5331748562369076, 0.4400000000000001, 0.34682514376309265, 0.2600000000000001, 0.18544155877284293, 0.1282308546376021, 0.09226670253593545]);
    row("cosine, by epoch", [0.8, 0.8, 0.8, 0.6945584412271572, 0.6945584412271572, 0.6945584412271572, 0.44000000000000006, 0.44000000000000006, 0.44000000000000006, 0.1854415587728429, 0.1854415587728429, 0.1854415587728429]);
    row("restarts", [0.8, 0.62, 0.2600000000000001, 0.8, 0.751769145362398, 0.62, 0.44000000000000006, 0.2600000000000001, 0.1282308546376021, 0.8, 0.7877332974640646, 0.751769145362398]);
    row("restarts, alike", [0.8, 0.723606797749979, 0.523606797749979, 0.27639320225002106, 0.07639320225002107, 0.8, 0.723606797749979, 0.523606797749979, 0.27639320225002106, 0.07639320225002107, 0.8, 0.723606797749979]);
    row("one-cycle", [0.03200000000000003, 0.2798317233756664, 0.703428127297703, 0.7955323483607295, 0.7464103758731294, 0.6493965231598104, 0.5179031981560827, 0.37010968213358003, 0.22644879856695938, 0.10678202415106448, 0.02765358994031618, 3.2e-06]);
    row("warmup", [0.2, 0.4, 0.6000000000000001, 0.8, 0.7782893434829271, 0.7157759995228321, 0.6200000000000001, 0.5025133439600951, 0.37748665603990517, 0.2600000000000001, 0.16422400047716795, 0.101710656517073]);
    row("sequence", [0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.2, 0.1, 0.8, 0.6000000000000001, 0.4, 0.2]);
    row("plateau", [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1]);
    row("plateau, cooling", [0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.15, 0.15, 0.15, 0.15, 0.15]);
}

#[test]
fn every_case_has_a_row_and_every_kind_a_case() {
    let rows = include_str!("tests.rs").lines().filter(|line| line.starts_with("    row(\"")).count();
    assert_eq!(rows, CASES.len());
    let message = toml::from_str::<AnySchedule>("kind = 'none'").unwrap_err().to_string();
    let kinds: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
    assert_eq!(kinds.len(), 12, "{message}");
    for kind in kinds {
        assert!(CASES.iter().any(|(_, text)| text.contains(&format!("kind = '{kind}'"))), "{kind}");
    }
}

#[test]
fn a_schedule_survives_toml_and_words_tell_schedules_apart() {
    let mut words = std::collections::BTreeSet::new();
    for (_, text) in CASES {
        let schedule = any(text);
        let written = toml::to_string(&schedule).unwrap();
        assert_eq!(toml::from_str::<AnySchedule>(&written).unwrap(), schedule, "{written}");
        assert!(words.insert(schedule.describe()), "{text}");
    }
}

#[test]
fn an_unknown_schedule_or_argument_is_refused_by_name() {
    let unknown = toml::from_str::<AnySchedule>("kind = \"linear\"").unwrap_err().to_string();
    assert!(unknown.contains("linear") && unknown.contains("one-cycle"), "{unknown}");
    for text in [
        "kind = \"constant\"\nrate = 1",
        "kind = \"one-cycle\"\npct_start = 0.3",
        "kind = \"warmup\"\nlength = 1\nthen = { kind = \"cosine\", flor = 0.1 }",
    ] {
        let message = toml::from_str::<AnySchedule>(text).unwrap_err().to_string();
        assert!(message.contains("unknown field"), "{message}");
    }
}

#[test]
fn arguments_without_meaning_are_refused_by_name() {
    for (text, expected) in [
        ("kind = 'step'; every = 0", "schedule.every"),
        ("kind = 'step'; factor = 1.5", "schedule.factor"),
        ("kind = 'multi-step'; milestones = [3, 3]", "schedule.milestones"),
        ("kind = 'exponential'; factor = 0.0", "schedule.factor"),
        ("kind = 'polynomial'; power = nan", "schedule.power"),
        ("kind = 'cosine'; floor = 1.1", "schedule.floor"),
        ("kind = 'cosine-restarts'; period = 0.0", "schedule.period"),
        ("kind = 'cosine-restarts'; multiply = 1.000001", "schedule.multiply"),
        ("kind = 'plateau'; threshold = 1.0", "schedule.threshold"),
        ("kind = 'warmup'; length = -1.0; then = { kind = 'constant' }", "schedule.length"),
        ("kind = 'warmup'; length = 1.0; start = 2.0; then = { kind = 'constant' }", "schedule.start"),
        ("kind = 'warmup'; length = 1.0; then = { kind = 'cosine', floor = -1.0 }", "schedule.floor"),
        ("kind = 'sequence'; parts = []", "schedule.parts"),
        (
            "kind = 'sequence'; parts = [{ schedule = { kind = 'constant' } }, { schedule = { kind = 'constant' } }]",
            "schedule.parts.length",
        ),
        ("kind = 'by-epoch'; then = { kind = 'step', every = 0 }", "schedule.every"),
    ] {
        let schedule: AnySchedule = toml::from_str(&text.replace("; ", "\n")).unwrap();
        match schedule.check() {
            Err(Error::Argument { name, .. }) => assert_eq!(name, expected),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn every_rate_is_finite_and_not_below_zero_however_short_or_long_the_run() {
    for (_, text) in CASES {
        let schedule = any(text);
        for (steps, steps_per_epoch) in [(0, 0), (1, 1), (2, 1), (7, 3), (1 << 40, 1 << 20)] {
            for step in [0, 1, 2, 6, steps / 2, steps, steps + 5, u64::MAX] {
                let rate = schedule.rate(0.1, Progress::new(step, steps, steps_per_epoch));
                assert!(
                    rate.is_finite() && (0.0..=0.1 + 1e-9).contains(&rate),
                    "{text} at {step} of {steps}: {rate}"
                );
            }
        }
    }
}

#[test]
fn an_epoch_has_as_many_steps_as_it_is_told() {
    let at = |step| Progress::new(step, 20, 10);
    assert_eq!([at(0).epoch(), at(9).epoch(), at(10).epoch()], [0, 0, 1]);
}
