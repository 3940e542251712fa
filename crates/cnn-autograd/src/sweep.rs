//! The sweep back over a tape: rules in reverse order, and the sums of what they return.
//!
//! An operation of a segment that is recomputed has saved nothing. When the sweep reaches the last operation of the
//! segment that a gradient arrives at, those up to it run again, from the tensors that were there before the segment,
//! and save what they otherwise would have: the same functions of the same numbers, so the same bits (Chen et al.,
//! arXiv:1604.06174).

use std::collections::HashMap;
use std::ops::Range;

use cnn_tensor::{Spec, Tensor};

use crate::function::{Function, Saved};
use crate::gradients::{Gradients, NodeId, sum_of};
use crate::tape::{Given, Kind, Node, Recorded, Tape};
use crate::variable::execute;
use crate::{Error, Locate, Result};

/// Gradients that arrive at nodes, by index.
pub(crate) type Seeds = Vec<(usize, Tensor)>;

/// The gradients of the seeded nodes; releases what was kept while sweeping, and the tape with it.
pub(crate) fn consume(tape: &Tape, seeds: Seeds) -> Result<Gradients> {
    let mut nodes = tape.take()?;
    let mut sweep = Sweep::new(tape, nodes.len(), seeds)?;
    while let Some(index) = nodes.len().checked_sub(1) {
        let arrived = sweep.arrived(&nodes, index)?;
        let Some(Node { path, kind, .. }) = nodes.pop() else { break };
        let Some(gradient) = arrived else { continue };
        match kind {
            Kind::Operation(recorded) => {
                let Recorded { function, inputs, saved, again } = *recorded;
                let saved = if again.is_some() { sweep.saved_again(index)? } else { saved };
                sweep.run(&*function, &inputs, saved, gradient, &nodes).map_err(|error| error.at(&path))?;
            }
            Kind::Parameter(id) => drop(sweep.found.insert(id, gradient)),
            _ => sweep.found.set_leaf(NodeId { tape: tape.id(), index }, gradient),
        }
    }
    Ok(sweep.found)
}

/// The gradients of the seeded nodes; the tape stays as it is, for another pass.
pub(crate) fn retain(tape: &Tape, seeds: Seeds) -> Result<Gradients> {
    tape.read(|nodes| {
        let mut sweep = Sweep::new(tape, nodes.len(), seeds)?;
        for (index, node) in nodes.iter().enumerate().rev() {
            let Some(gradient) = sweep.arrived(nodes, index)? else { continue };
            match &node.kind {
                Kind::Operation(recorded) => {
                    let Recorded { function, inputs, saved, again } = &**recorded;
                    let saved = if again.is_some() { sweep.saved_again(index)? } else { saved.clone() };
                    let result = sweep.run(&**function, inputs, saved, gradient, nodes);
                    result.map_err(|error| error.at(&node.path))?;
                }
                Kind::Parameter(id) => drop(sweep.found.insert(*id, gradient)),
                _ => sweep.found.set_leaf(NodeId { tape: tape.id(), index }, gradient),
            }
        }
        Ok(sweep.found)
    })?
}

/// Gradients under way from outputs to leaves, by node.
struct Sweep {
    tape: u64,
    pending: Vec<Option<Tensor>>,
    found: Gradients,
    segments: Vec<Range<usize>>,
    /// What the operations of the present segment have saved in their second run, by node.
    again: HashMap<usize, Saved>,
}

impl Sweep {
    fn new(tape: &Tape, nodes: usize, seeds: Seeds) -> Result<Self> {
        let mut sweep = Self {
            tape: tape.id(),
            pending: vec![None; nodes],
            found: Gradients::default(),
            segments: tape.segments(),
            again: HashMap::new(),
        };
        for (index, seed) in seeds {
            sweep.add(index, seed)?;
        }
        Ok(sweep)
    }

    /// The gradient of a node, complete because all that use it come later on the tape. Before it goes through an
    /// operation that has saved nothing, the segment runs again.
    fn arrived(&mut self, nodes: &[Node], index: usize) -> Result<Option<Tensor>> {
        let node = &nodes[index];
        let Some(gradient) = self.pending[index].take().filter(|_| node.tracked) else {
            self.again.remove(&index);
            return Ok(None);
        };
        if node.retained {
            self.found.set_leaf(NodeId { tape: self.tape, index }, gradient.clone());
        }
        let runs_again = matches!(&node.kind, Kind::Operation(recorded) if recorded.again.is_some());
        if runs_again && !self.again.contains_key(&index) {
            let segment = self.segments.iter().find(|segment| segment.contains(&index));
            let start = segment.map_or(index, |segment| segment.start);
            self.again = run_again(nodes, start..index + 1)?;
        }
        Ok(Some(gradient))
    }

    fn saved_again(&mut self, index: usize) -> Result<Saved> {
        self.again.remove(&index).ok_or_else(|| Error::rule("recompute", "an operation did not run again"))
    }

    fn add(&mut self, index: usize, gradient: Tensor) -> Result<()> {
        let slot = &mut self.pending[index];
        *slot = Some(match slot.take() {
            Some(present) => sum_of(present, gradient)?,
            None => gradient,
        });
        Ok(())
    }

    /// Runs a rule, checks what it returns and adds it to its inputs' gradients.
    fn run(
        &mut self,
        function: &dyn Function,
        inputs: &[Option<usize>],
        saved: Saved,
        gradient: Tensor,
        nodes: &[Node],
    ) -> Result<()> {
        let specs: Vec<Spec> = saved.input_specs.clone();
        let gradients = function.backward(saved, gradient).map_err(|error| error.of(function.name()))?;
        let wrong = |problem: String| Err(Error::rule(function.name(), problem));
        if gradients.len() != inputs.len() {
            return wrong(format!("{} gradients returned for {} inputs", gradients.len(), inputs.len()));
        }
        for (position, gradient) in gradients.into_iter().enumerate() {
            let Some(index) = inputs[position].filter(|&index| nodes[index].tracked) else { continue };
            let Some(gradient) = gradient else {
                return wrong(format!("no gradient returned for input {position}, which wants one"));
            };
            let (met, expected) = (gradient.spec(), specs[position]);
            if met != expected {
                return wrong(format!(
                    "the gradient of input {position} is {} {}, the input is {} {}",
                    met.dtype, met.shape, expected.dtype, expected.shape
                ));
            }
            self.add(index, gradient)?;
        }
        Ok(())
    }
}

/// Runs the operations of a segment once more; what each of them saves.
fn run_again(nodes: &[Node], segment: Range<usize>) -> Result<HashMap<usize, Saved>> {
    let operations = || {
        segment.clone().filter_map(|index| match &nodes[index].kind {
            Kind::Operation(recorded) => Some((index, recorded, recorded.again.as_ref()?)),
            _ => None,
        })
    };
    let mut uses: HashMap<usize, usize> = HashMap::new();
    for (_, _, given) in operations() {
        for input in given {
            if let Given::Node(index) = input {
                *uses.entry(*index).or_default() += 1;
            }
        }
    }
    let mut outputs: HashMap<usize, Tensor> = HashMap::new();
    let mut again = HashMap::new();
    for (index, recorded, given) in operations() {
        let inputs = given.iter().map(|input| match input {
            Given::Value(value) => Ok(value.clone()),
            Given::Node(index) => {
                let left = uses.get_mut(index).map_or(0, |left| {
                    *left -= 1;
                    *left
                });
                // The last to read it may be its only holder, as the first time.
                let output = if left == 0 { outputs.remove(index) } else { outputs.get(index).cloned() };
                output.ok_or_else(|| Error::rule(recorded.function.name(), "an input was not computed again"))
            }
        });
        let inputs = inputs.collect::<Result<Vec<Tensor>>>()?;
        let wanted = recorded.saved.wanted.clone();
        let (output, saved) =
            execute(&*recorded.function, inputs, wanted).map_err(|error| error.at(&nodes[index].path))?;
        if uses.contains_key(&index) {
            outputs.insert(index, output.value);
        }
        again.insert(index, saved);
    }
    Ok(again)
}
