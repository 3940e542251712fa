//! [`Var`]: a tensor, and the node of the tape that made it.

use std::fmt;
use std::rc::{Rc, Weak};

use cnn_tensor::{DType, Spec, Tensor};

use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::gradients::{Gradients, NodeId, Seeded};
use crate::sweep::{self, Seeds};
use crate::tape::{Given, Kind, Recorded, Scope, Tape};
use crate::{Error, Result};

/// A tensor on its way through a network. Operations are its methods (see [`crate::ops`]).
///
/// Operations take variables by value; where a network branches, write `x.clone()`, which counts references
/// and copies nothing. Belongs to one thread.
#[derive(Clone)]
pub struct Var {
    value: Tensor,
    node: Option<Handle>,
}

/// A node of a tape that may be gone.
#[derive(Clone)]
struct Handle {
    tape: Weak<Tape>,
    id: NodeId,
    tracked: bool,
}

/// An operation's output together with the further results of its forward pass.
#[derive(Debug)]
pub struct Applied {
    /// The output.
    pub output: Var,
    /// [`Output::extras`].
    pub extras: Vec<Tensor>,
}

impl Var {
    /// A tensor that wants no gradient.
    pub fn constant(value: Tensor) -> Self {
        Self { value, node: None }
    }

    pub(crate) fn on(tape: &Rc<Tape>, index: usize, tracked: bool, value: Tensor) -> Self {
        let id = NodeId { tape: tape.id(), index };
        Self { value, node: Some(Handle { tape: Rc::downgrade(tape), id, tracked }) }
    }

    /// The tensor.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The tensor itself.
    pub fn into_value(self) -> Tensor {
        self.value
    }

    /// Dimensions of the tensor.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Element type of the tensor.
    pub fn dtype(&self) -> DType {
        self.value.dtype()
    }

    /// Shape and element type of the tensor.
    pub fn spec(&self) -> Spec {
        self.value.spec()
    }

    /// Whether a gradient flows through here.
    pub fn is_tracked(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.tracked)
    }

    /// The same tensor, with no gradient flowing further back.
    #[must_use]
    pub fn detach(self) -> Self {
        Self::constant(self.value)
    }

    pub(crate) fn id(&self) -> Option<NodeId> {
        self.node.as_ref().map(|node| node.id)
    }

    /// Applies an operation: infers, computes, and records it if an input wants a gradient.
    ///
    /// If an input is shape-only, nothing is computed and the output is shape-only.
    ///
    /// # Errors
    /// Those of the operation; [`Error::TapeGone`] and [`Error::TwoTapes`] for variables of other steps;
    /// [`Error::Rule`] where the output is not what the operation inferred.
    pub fn apply(function: impl Function, inputs: Vec<Var>) -> Result<Var> {
        Ok(Self::apply_with_extras(function, inputs)?.output)
    }

    /// [`Var::apply`], with the further results of the forward pass: batch statistics, say.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn apply_with_extras(function: impl Function, inputs: Vec<Var>) -> Result<Applied> {
        let op = function.name();
        let tape = tape_of(op, inputs.iter())?;
        let paused = tape.as_ref().is_some_and(|tape| tape.is_paused());
        let wanted = Wanted::new(inputs.iter().map(|input| input.is_tracked() && !paused));
        let tracked = wanted.any();
        let tape = tape.filter(|tape| tracked || tape.scope() == Scope::Everything);
        let Some(tape) = tape else {
            let values = inputs.into_iter().map(Self::into_value).collect();
            let (Output { value, extras }, _) = execute(&function, values, wanted)?;
            return Ok(Applied { output: Var::constant(value), extras });
        };

        let mut nodes = Vec::with_capacity(inputs.len());
        let mut values = Vec::with_capacity(inputs.len());
        for Var { value, node } in inputs {
            nodes.push(match node {
                None if tape.scope() == Scope::Everything => {
                    Some(tape.push(op, value.spec(), false, Kind::Constant)?)
                }
                Some(node) if node.tracked || tape.scope() == Scope::Everything => Some(node.id.index),
                _ => None,
            });
            values.push(value);
        }
        let given = nodes.iter().zip(&values).map(|(&node, value)| tape.given(value, node));
        let again: Option<Vec<Given>> = if tracked { given.collect() } else { None };
        let (Output { value, extras }, saved) = execute(&function, values, wanted)?;
        let saved = if again.is_some() { saved.forgotten() } else { saved };
        let spec = saved.output_spec;
        let recorded = Recorded { function: Box::new(function), inputs: nodes, saved, again };
        let index = tape.push(op, spec, tracked, Kind::Operation(Box::new(recorded)))?;
        Ok(Applied { output: Var::on(&tape, index, tracked, value), extras })
    }

    /// Gradients of this scalar with respect to everything that wants one. Consumes the tape.
    ///
    /// [`crate::Ctx::backward`] does the same and also hands out the batch statistics of the step.
    ///
    /// # Errors
    /// [`Error::NotScalar`], [`Error::Untracked`], [`Error::TapeGone`], and those of the rules.
    pub fn backward(self) -> Result<Gradients> {
        let seed = self.unit_seed()?;
        backward(vec![Seeded { output: self, seed }])
    }

    /// The seed of a loss: one.
    pub(crate) fn unit_seed(&self) -> Result<Tensor> {
        let Spec { shape, dtype } = self.spec();
        if shape.rank() != 0 {
            return Err(Error::NotScalar { shape });
        }
        Ok(Tensor::full(&[], 1.0, dtype)?)
    }
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var({:?}{})", self.value, if self.is_tracked() { ", tracked" } else { "" })
    }
}

/// Gradients of several outputs; the tape is consumed.
pub(crate) fn backward(outputs: Vec<Seeded>) -> Result<Gradients> {
    let (tape, seeds) = seeds_on_tape("backward", outputs)?;
    sweep::consume(&tape, seeds)
}

/// Gradients of several outputs; the tape stays.
pub(crate) fn backward_retain(outputs: Vec<Seeded>) -> Result<Gradients> {
    let (tape, seeds) = seeds_on_tape("backward_retain", outputs)?;
    sweep::retain(&tape, seeds)
}

/// The tape that the outputs share, and the seeds by node. Lets go of the outputs' values.
fn seeds_on_tape(op: &'static str, outputs: Vec<Seeded>) -> Result<(Rc<Tape>, Seeds)> {
    for Seeded { output, seed } in &outputs {
        if seed.spec() != output.spec() {
            return Err(Error::Seed { met: Box::new(seed.spec()), expected: Box::new(output.spec()) });
        }
    }
    let tape = tape_of(op, outputs.iter().map(|seeded| &seeded.output))?;
    let tracked = outputs.into_iter().filter(|seeded| seeded.output.is_tracked());
    let seeds: Seeds = tracked.filter_map(|s| Some((s.output.id()?.index, s.seed))).collect();
    match tape {
        Some(tape) if !seeds.is_empty() => Ok((tape, seeds)),
        _ => Err(Error::Untracked),
    }
}

/// The tape that variables were recorded on, if any was.
fn tape_of<'a>(op: &'static str, inputs: impl Iterator<Item = &'a Var>) -> Result<Option<Rc<Tape>>> {
    let mut found: Option<Rc<Tape>> = None;
    for node in inputs.filter_map(|input| input.node.as_ref()) {
        match &found {
            Some(tape) if tape.id() == node.id.tape => {}
            Some(_) => return Err(Error::TwoTapes { op }),
            None => {
                let tape = node.tape.upgrade().filter(|tape| !tape.is_consumed());
                found = Some(tape.ok_or(Error::TapeGone { op })?);
            }
        }
    }
    Ok(found)
}

/// Runs an operation: its output, and what backward needs of it. If an input is shape-only, so is the output.
pub(crate) fn execute(
    function: &dyn Function,
    inputs: Vec<Tensor>,
    wanted: Wanted,
) -> Result<(Output, Saved)> {
    let op = function.name();
    let input_specs: Vec<Spec> = inputs.iter().map(Tensor::spec).collect();
    let output_spec = function.infer(&input_specs)?;
    let tracked = wanted.any();
    let keeps = if tracked { function.keeps(&wanted) } else { Keeps::nothing() };
    let kept = inputs.iter().enumerate().map(|(i, input)| keeps.keeps_input(i).then(|| input.clone()));
    let kept = kept.collect();
    let output = if inputs.iter().any(Tensor::is_shape_only) {
        let extras = function.extras(&input_specs)?.into_iter().map(Tensor::from).collect();
        Output { value: output_spec.into(), extras }
    } else {
        let purpose = if tracked { Purpose::Gradient } else { Purpose::Value };
        function.forward(inputs, purpose).map_err(|error| error.of(op))?
    };
    let met = output.value.spec();
    if met != output_spec {
        return Err(Error::rule(
            op,
            format!(
                "forward made {} {}, inferred was {} {}",
                met.dtype, met.shape, output_spec.dtype, output_spec.shape
            ),
        ));
    }
    let saved = Saved {
        op,
        inputs: kept,
        output: keeps.keeps_output().then(|| output.value.clone()),
        extras: if tracked { output.extras.clone() } else { Vec::new() },
        input_specs,
        output_spec,
        wanted,
    };
    Ok((output, saved))
}
