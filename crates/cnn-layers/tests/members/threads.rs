//! The number of threads changes no bit, on settings of each member whose work is split, forward and backward.

use cnn_layers::{Ctx, Mode};
use cnn_tensor::testing::assert_threads_change_nothing;
use cnn_tensor::{DType, Tensor, parallel};

use crate::draw::Scale;
use crate::member::Pass;
use crate::precision::{backward, forward, run};
use crate::{Member, SETTINGS};

/// Output and gradients of a large setting.
fn results(member: &Member, number: u64, mode: Mode) -> Vec<Tensor> {
    let mut setting = member.setting(number, Scale::Large).unwrap();
    run(&mut setting, DType::F32, mode).unwrap().into_iter().map(|(_, tensor)| tensor).collect()
}

/// Whether two threads share the work of a large setting, forward and backward.
fn splits(member: &Member, number: u64, mode: Mode) -> [bool; 2] {
    let mut setting = member.setting(number, Scale::Large).unwrap();
    parallel::with_threads(2, || {
        let start = parallel::splits();
        let pass = forward(&mut setting, DType::F32, mode).unwrap();
        let there = parallel::splits();
        let _gradients = backward(&setting, pass).unwrap();
        [there > start, parallel::splits() > there]
    })
    .unwrap()
}

/// Names of the operations that a small setting runs.
fn operations(member: &Member, number: u64, mode: Mode) -> Vec<&'static str> {
    let setting = member.setting(number, Scale::Small).unwrap();
    let mut cx = Ctx::trace(mode);
    let inputs = setting.inputs.iter().map(|input| match input.dtype() {
        DType::F64 => cx.input(input.to_dtype(DType::F32).unwrap()),
        _ => cx.input(input.clone()),
    });
    let inputs = inputs.collect();
    let output = setting.subject.run(inputs, &mut cx).unwrap();
    let graph = cx.graph(&[&output]);
    graph.map_or_else(
        |_| Vec::new(),
        |graph| graph.operations().map(|(_, operation)| operation.name).collect(),
    )
}

/// Settings in which threads share the work, forward and backward: one, or one for each pass.
fn settings(member: &Member, mode: Mode) -> Result<Vec<u64>, String> {
    let mut wanted: Vec<Pass> = [Pass::Forward, Pass::Backward].into();
    wanted.retain(|pass| member.alone.iter().all(|(alone, _)| alone != pass));
    let mut found = Vec::new();
    // A setting may have nothing to do, as random zeros without any.
    for number in 0..SETTINGS {
        // Most layers do the same in both modes.
        let is_new = mode == Mode::Train
            || operations(member, number, mode) != operations(member, number, Mode::Train);
        if wanted.is_empty() || !is_new {
            continue;
        }
        let [forward, backward] = splits(member, number, mode);
        let before = wanted.len();
        wanted.retain(|pass| !if *pass == Pass::Forward { forward } else { backward });
        if wanted.len() < before {
            found.push(number);
        }
    }
    match wanted.first() {
        Some(pass) if mode == Mode::Train => {
            Err(format!("threads share the work of no setting's {pass:?} pass"))
        }
        _ => Ok(found),
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    crate::each_member(|member| {
        for mode in [Mode::Train, Mode::Eval] {
            for number in settings(member, mode)? {
                assert_threads_change_nothing(member.name, || results(member, number, mode));
            }
        }
        Ok(())
    });
}
