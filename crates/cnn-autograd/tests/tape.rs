//! What the tape does for every rule: accumulate, prune, check, consume; and what it refuses.

use std::cell::RefCell;
use std::rc::Rc;

use cnn_autograd::{
    Ctx, Error, Function, Gradients, Keeps, Mode, Output, ParameterId, Purpose, Recording, Result, Saved,
    Seeded, Trainable, Var, Wanted, expect_inputs, random::Key, take_inputs,
};
use cnn_tensor::{DType, Spec, Tensor};

fn vector(values: &[f32]) -> Tensor {
    Tensor::from_slice(&[values.len()], values).unwrap()
}

fn training() -> Ctx {
    Ctx::training(Key::new(1))
}

#[test]
fn a_variable_used_twice_gets_the_sum_of_both_gradients() {
    let mut cx = training();
    let x = cx.variable(vector(&[3.0]));
    let y = x.clone().mul(x.clone()).unwrap().add(x.clone()).unwrap();
    let step = cx.backward(y.sum().unwrap()).unwrap();
    assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [7.0]);
}

#[test]
fn one_parameter_is_one_leaf_however_often_it_is_used() {
    let (id, value) = (ParameterId::new(), vector(&[2.0, 5.0]));
    let mut cx = training();
    let once = cx.parameter(id, &value, Trainable::Yes).unwrap();
    let again = cx.parameter(id, &value, Trainable::Yes).unwrap();
    let loss = once.mul(again).unwrap().sum().unwrap();
    let step = cx.backward(loss).unwrap();
    assert_eq!(step.gradients.len(), 1);
    assert_eq!(step.gradients.get(id).unwrap().to_vec::<f32>().unwrap(), [4.0, 10.0]);
}

#[test]
fn what_the_loss_does_not_reach_has_no_gradient() {
    let (id, value) = (ParameterId::new(), vector(&[2.0]));
    let mut cx = training();
    let x = cx.variable(vector(&[1.0]));
    let unused = cx.parameter(id, &value, Trainable::Yes).unwrap().scale(2.0).unwrap();
    let step = cx.backward(x.sum().unwrap()).unwrap();
    assert!(step.gradients.get(id).is_none() && unused.is_tracked());
}

#[test]
fn a_frozen_parameter_is_a_constant() {
    let (id, value) = (ParameterId::new(), vector(&[2.0]));
    let mut cx = training();
    let frozen = cx.parameter(id, &value, Trainable::No).unwrap();
    assert!(!frozen.is_tracked());
    assert_eq!(cx.backward(frozen.sum().unwrap()).unwrap_err(), Error::Untracked);
}

#[test]
fn a_detached_value_stops_the_gradient() {
    let mut cx = training();
    let x = cx.variable(vector(&[3.0]));
    let loss = x.clone().mul(x.clone().detach()).unwrap().sum().unwrap();
    let step = cx.backward(loss).unwrap();
    assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [3.0]);
}

#[test]
fn several_outputs_with_seeds_add_up() {
    let mut cx = training();
    let x = cx.variable(vector(&[1.0, 2.0]));
    let squared = x.clone().mul(x.clone()).unwrap();
    let outputs = vec![
        Seeded { output: squared, seed: vector(&[1.0, 10.0]) },
        Seeded { output: x.clone(), seed: vector(&[0.5, 0.5]) },
    ];
    let step = cx.backward_seeded(outputs).unwrap();
    assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [2.5, 40.5]);
}

#[test]
fn a_retained_pass_can_be_repeated_and_gives_the_same_bits() {
    let mut cx = training();
    let x = cx.variable(vector(&[1.5, -2.0]));
    let y = x.clone().mul(x.clone()).unwrap().relu().unwrap();
    let output = |seed: &[f32]| vec![Seeded { output: y.clone(), seed: vector(seed) }];
    let first = cx.backward_retain(output(&[1.0, 0.0])).unwrap();
    let second = cx.backward_retain(output(&[0.0, 1.0])).unwrap();
    let again = cx.backward_seeded(output(&[1.0, 0.0])).unwrap();
    assert_eq!(first.of(&x).unwrap().to_vec::<f32>().unwrap(), [3.0, 0.0]);
    assert_eq!(second.of(&x).unwrap().to_vec::<f32>().unwrap(), [0.0, -4.0]);
    assert_eq!(again.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [3.0, 0.0]);
}

#[test]
fn two_micro_batches_accumulate() {
    let (id, value) = (ParameterId::new(), vector(&[1.0, 1.0]));
    let pass = |input: &[f32]| {
        let mut cx = training();
        let weight = cx.parameter(id, &value, Trainable::Yes).unwrap();
        let x = cx.input(vector(input));
        cx.backward(weight.mul(x).unwrap().sum().unwrap()).unwrap()
    };
    let mut step = pass(&[1.0, 2.0]);
    step.accumulate(pass(&[10.0, 20.0])).unwrap();
    step.gradients.scale(0.5).unwrap();
    assert_eq!(step.gradients.get(id).unwrap().to_vec::<f32>().unwrap(), [5.5, 11.0]);
}

#[test]
fn a_variable_outlives_its_tape_only_as_a_value() {
    let mut cx = training();
    let x = cx.variable(vector(&[1.0]));
    let loss = x.clone().sum().unwrap();
    drop(cx.backward(loss.clone()).unwrap());
    assert_eq!(x.clone().relu().unwrap_err(), Error::TapeGone { op: "relu" });
    assert_eq!(loss.backward().unwrap_err(), Error::TapeGone { op: "backward" });
    assert_eq!(x.detach().relu().unwrap().value().item().unwrap(), 1.0);

    let mut dropped = training();
    let y = dropped.variable(vector(&[1.0]));
    drop(dropped);
    assert_eq!(y.relu().unwrap_err(), Error::TapeGone { op: "relu" });
}

#[test]
fn a_context_whose_tape_was_consumed_says_so() {
    let mut cx = training();
    let x = cx.variable(vector(&[1.0]));
    drop(x.sum().unwrap().backward().unwrap());
    let late = cx.variable(vector(&[1.0]));
    assert!(matches!(late.relu(), Err(Error::TapeGone { .. })));
    assert!(matches!(
        cx.parameter(ParameterId::new(), &vector(&[1.0]), Trainable::Yes),
        Err(Error::TapeGone { .. })
    ));
}

#[test]
fn variables_of_two_steps_do_not_mix() {
    let (mut first, mut second) = (training(), training());
    let (x, y) = (first.variable(vector(&[1.0])), second.variable(vector(&[1.0])));
    assert_eq!(x.add(y).unwrap_err(), Error::TwoTapes { op: "add" });
}

#[test]
fn a_context_takes_no_loss_of_another_one() {
    let (mut first, mut second) = (training(), training());
    let loss = first.variable(vector(&[1.0])).sum().unwrap();
    let own = second.variable(vector(&[1.0])).sum().unwrap();
    let seeded = |output: &Var| Seeded { output: output.clone(), seed: Tensor::scalar(1.0f32).unwrap() };
    let error = second.backward_retain(vec![seeded(&own), seeded(&loss)]).unwrap_err();
    assert_eq!(error, Error::TwoTapes { op: "backward_retain" });
    let foreign = Error::TwoTapes { op: "backward" };
    assert_eq!(training().backward_seeded(vec![seeded(&loss)]).unwrap_err(), foreign);
    assert_eq!(second.backward(loss.clone()).unwrap_err(), foreign);
    assert_eq!(Ctx::inference().backward(loss.clone()).unwrap_err(), foreign);
    // The pass that the loss belongs to has not been touched.
    assert!(first.backward(loss).is_ok());
}

#[test]
fn a_loss_is_a_scalar_and_a_seed_has_its_outputs_shape() {
    let mut cx = training();
    let x = cx.variable(vector(&[1.0, 2.0]));
    let outputs = vec![Seeded { output: x.clone(), seed: vector(&[1.0]) }];
    assert!(matches!(cx.backward_retain(outputs), Err(Error::Seed { .. })));
    assert!(matches!(cx.backward(x), Err(Error::NotScalar { .. })));
}

#[test]
fn nothing_is_recorded_without_a_tape() {
    let mut cx = Ctx::inference();
    let x = cx.variable(vector(&[1.0]));
    assert!(!x.is_tracked());
    assert_eq!(cx.backward(x.sum().unwrap()).unwrap_err(), Error::Untracked);
}

#[test]
fn an_operation_on_shapes_computes_nothing() {
    let x = Var::constant(Tensor::shape_only(&[1 << 20, 1 << 10, 3, 1], DType::F32).unwrap());
    let y = x.max_pool2d([1 << 10, 3]).unwrap().relu().unwrap();
    assert!(y.value().is_shape_only());
    assert_eq!(y.shape(), [1 << 20, 1, 1, 1]);
}

#[test]
fn a_random_key_depends_on_step_path_and_count() {
    let key = |step: u64, path: &str, draws: usize| {
        let mut cx = training_of(step);
        let keys =
            cx.scope(path, |cx| Ok::<_, Error>((0..=draws).map(|_| cx.random_key()).collect::<Vec<_>>()));
        keys.unwrap()[draws]
    };
    assert_eq!(key(1, "a", 0), key(1, "a", 0));
    assert_ne!(key(1, "a", 0), key(2, "a", 0));
    assert_ne!(key(1, "a", 0), key(1, "b", 0));
    assert_ne!(key(1, "a", 0), key(1, "a", 1));
}

fn training_of(step: u64) -> Ctx {
    Ctx::training(Key::new(7).fold(step))
}

#[test]
fn an_error_carries_the_innermost_path_once() {
    let mut cx = training();
    let (x, y) = (cx.variable(vector(&[1.0, 2.0])), cx.variable(vector(&[1.0, 2.0, 3.0])));
    let error = cx.scope("layer2", |cx| cx.scope("0", |_| x.add(y))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layer2.0: add: left [2] and right [3] do not broadcast: axis 0 of 1 has 2 and 3, expected equal sizes or 1"
    );
    assert_eq!(cx.path(), "");
}

/// What a [`Probe`] returns for the gradients of its two inputs.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Right,
    TooMany,
    Missing,
    WrongShape,
}

/// a + b, with an answer of choice; notes what was wanted and kept.
#[derive(Debug)]
struct Probe {
    answer: Answer,
    seen: Rc<RefCell<Vec<String>>>,
}

impl Function for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [a, _] = expect_inputs("probe", inputs)?;
        Ok(a)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input_if(0, wanted.input(1)).input_if(1, wanted.input(0))
    }

    fn forward(&self, inputs: Vec<Tensor>, purpose: Purpose) -> Result<Output> {
        self.seen.borrow_mut().push(format!("{purpose:?}"));
        let [a, b] = take_inputs("probe", inputs)?;
        Ok(cnn_tensor::ops::binary::add(a, &b)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let kept = [saved.input(0).is_ok(), saved.input(1).is_ok()];
        self.seen.borrow_mut().push(format!("wants {:?} kept {kept:?}", [saved.wants(0), saved.wants(1)]));
        Ok(match self.answer {
            Answer::Right => vec![Some(grad.clone()), Some(grad)],
            Answer::TooMany => vec![None, None, None],
            Answer::Missing => vec![None, None],
            Answer::WrongShape => vec![Some(Tensor::scalar(1.0f32)?), None],
        })
    }
}

#[test]
fn a_rule_that_breaks_the_contract_is_named_with_its_path() {
    let cases = [
        (Answer::TooMany, "here: the rule of probe is wrong: 3 gradients returned for 2 inputs"),
        (
            Answer::Missing,
            "here: the rule of probe is wrong: no gradient returned for input 0, which wants one",
        ),
        (
            Answer::WrongShape,
            "here: the rule of probe is wrong: the gradient of input 0 is f32 [], the input is f32 [1]",
        ),
    ];
    for (answer, message) in cases {
        let mut cx = training();
        let x = cx.variable(vector(&[1.0]));
        let probe = Probe { answer, seen: Rc::default() };
        let y = cx.scope("here", |_| Var::apply(probe, vec![x, Var::constant(vector(&[1.0]))])).unwrap();
        let error = cx.backward(y.sum().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn only_what_wanted_gradients_need_is_kept_and_computed() {
    let seen: Rc<RefCell<Vec<String>>> = Rc::default();
    let mut cx = training();
    let weight = cx.variable(vector(&[1.0]));
    let input = cx.input(vector(&[1.0]));
    let probe = Probe { answer: Answer::Right, seen: seen.clone() };
    let y = Var::apply(probe, vec![input, weight]).unwrap();
    drop(cx.backward(y.sum().unwrap()).unwrap());
    assert_eq!(*seen.borrow(), ["Gradient", "wants [false, true] kept [true, false]"]);

    seen.borrow_mut().clear();
    let mut cx = Ctx::new(Recording::None, Mode::Train, Key::new(0));
    let (a, b) = (cx.variable(vector(&[1.0])), cx.input(vector(&[1.0])));
    Var::apply(Probe { answer: Answer::Right, seen: seen.clone() }, vec![a, b]).unwrap();
    assert_eq!(*seen.borrow(), ["Value"]);
}

#[test]
fn a_missing_input_is_an_error_of_the_operation() {
    let probe = Probe { answer: Answer::Right, seen: Rc::default() };
    let error = Var::apply(probe, vec![Var::constant(vector(&[1.0]))]).unwrap_err();
    assert_eq!(error.to_string(), "probe: 1 inputs given, expected 2");
}

#[test]
fn nothing_is_recorded_in_a_part_without_gradients() {
    let mut cx = training();
    let x = cx.variable(vector(&[1.0, 2.0]));
    let weight = Tensor::scalar(1.0f32).unwrap();
    let frozen = cx
        .no_grad(|cx| {
            assert!(!cx.parameter(ParameterId::new(), &weight, Trainable::Yes)?.relu()?.is_tracked());
            let inner = cx.no_grad(|_| x.clone().scale(2.0))?;
            // The inner part ends, the outer one goes on.
            inner.add(x.clone())
        })
        .unwrap();
    assert!(!frozen.is_tracked());
    let failed = cx.no_grad(|_| x.clone().reshape(&[7]));
    assert!(failed.is_err());
    let loss = frozen.mul(x.clone()).unwrap().sum().unwrap();
    assert!(loss.is_tracked());
    let step = cx.backward(loss).unwrap();
    assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [3.0, 6.0]);
}

#[test]
fn a_part_without_gradients_is_traced() {
    let mut cx = Ctx::trace(Mode::Eval);
    let x = cx.variable(vector(&[1.0, 2.0]));
    let y = cx.no_grad(|_| x.relu()).unwrap();
    let graph = cx.graph(&[&y]).unwrap();
    assert_eq!(graph.operations().map(|(node, _)| node.tracked).collect::<Vec<_>>(), [false]);
}

#[test]
fn a_gradient_on_the_way_is_kept_where_it_is_asked_for() {
    let mut cx = training();
    let x = cx.variable(vector(&[1.0, -2.0]));
    let middle = x.clone().scale(3.0).unwrap();
    cx.retain_gradient(&middle).unwrap();
    let other = x.clone().scale(2.0).unwrap();
    let loss = middle.clone().relu().unwrap().add(middle.clone()).unwrap().sum().unwrap();
    let foreign = training().variable(vector(&[1.0]));
    assert!(matches!(cx.retain_gradient(&foreign), Err(Error::TwoTapes { .. })));
    let step = cx.backward(loss).unwrap();
    assert_eq!(step.gradients.of(&middle).unwrap().to_vec::<f32>().unwrap(), [2.0, 1.0]);
    assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [6.0, 3.0]);
    assert!(step.gradients.of(&other).is_none());
}

#[test]
fn gradients_are_clipped_by_their_length_together_and_by_value() {
    let made = |values: &[&[f32]]| {
        let mut gradients = Gradients::default();
        let ids: Vec<ParameterId> = values.iter().map(|_| ParameterId::new()).collect();
        ids.iter().zip(values).for_each(|(&id, values)| drop(gradients.insert(id, vector(values))));
        (gradients, ids)
    };
    let values = |gradients: &Gradients, ids: &[ParameterId]| -> Vec<f32> {
        ids.iter().flat_map(|&id| gradients.get(id).unwrap().to_vec::<f32>().unwrap()).collect()
    };
    let (mut gradients, ids) = made(&[&[3.0, 0.0], &[], &[-4.0]]);
    // Short enough: not a bit changes.
    assert_eq!(gradients.clip_norm(5.1).unwrap(), 5.0);
    assert_eq!(values(&gradients, &ids), [3.0, 0.0, -4.0]);
    assert_eq!(gradients.clip_norm(2.5).unwrap(), 5.0);
    assert!((gradients.norm().unwrap() - 2.5).abs() < 1e-5);
    gradients.clip_value(1.75).unwrap();
    let clipped = values(&gradients, &ids);
    assert!((clipped[0] - 1.5).abs() < 1e-5 && clipped[1] == 0.0 && clipped[2] == -1.75, "{clipped:?}");
    // As in PyTorch, what is not a number spreads; an infinite norm makes zeros of what is finite.
    let (mut gradients, ids) = made(&[&[1.0, f32::NAN], &[2.0]]);
    assert!(gradients.clip_norm(1.0).unwrap().is_nan());
    assert!(values(&gradients, &ids).iter().all(|value| value.is_nan()));
    let (mut gradients, ids) = made(&[&[1.0, f32::INFINITY], &[2.0]]);
    assert_eq!(gradients.clip_norm(1.0).unwrap(), f64::INFINITY);
    assert_eq!(values(&gradients, &ids)[0], 0.0);
    for limit in [0.0, -1.0, f64::NAN] {
        assert!(gradients.clip_norm(limit).is_err() && gradients.clip_value(limit).is_err());
    }
}
