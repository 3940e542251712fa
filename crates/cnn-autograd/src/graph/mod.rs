//! The recorded graph of one traced forward pass: what the summary, the estimate of memory, an inference plan
//! and an exported file are made from.
//!
//! Trace with shape-only tensors, and only shape inference runs: any network at any batch size costs nothing.
//! Consumers match on an operation's name in their own crate; there is no list of operations here.

mod memory;

use std::rc::Rc;

use cnn_tensor::Spec;

use crate::function::{Buffers, Keeps};
use crate::tape::{Kind, Recorded, Tape};
use crate::{Attribute, Error, ParameterId, Result, Var};

/// Operations in the order in which they ran, with what they read.
#[derive(Debug, Clone)]
pub struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<usize>,
}

/// One node of a [`Graph`]: a tensor, and where it came from.
#[derive(Debug, Clone)]
pub struct Node {
    /// Path of the layer that ran, as in `layer2.0.conv1`; for a parameter its own, as in `conv1.weight`.
    pub path: String,
    /// Shape and type of the tensor.
    pub output: Spec,
    /// Whether a gradient flows through here.
    pub tracked: bool,
    /// The segment that it belongs to, counted from 0, if it is computed again on the way back.
    pub recomputed: Option<usize>,
    /// Where the tensor came from.
    pub source: Source,
}

/// Where a tensor came from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Source {
    /// [`crate::Ctx::input`].
    Input,
    /// A tensor that an operation met on the way, as labels or running statistics.
    Constant,
    /// [`crate::Ctx::variable`].
    Variable,
    /// [`crate::Ctx::parameter`].
    Parameter(ParameterId),
    /// An operation.
    Operation(Operation),
}

/// An operation of a [`Graph`].
#[derive(Debug, Clone)]
pub struct Operation {
    /// [`crate::Function::name`].
    pub name: &'static str,
    /// [`crate::Function::attributes`].
    pub attributes: Vec<Attribute>,
    /// Nodes that it reads, as indices into [`Graph::nodes`].
    pub inputs: Vec<usize>,
    /// [`crate::Function::multiply_adds`], for the whole batch.
    pub multiply_adds: u64,
    /// Nodes that are kept for backward, as indices into [`Graph::nodes`]; its own index where that is the output.
    pub kept: Vec<usize>,
    /// Further tensors that forward makes; kept for backward where the node is tracked.
    pub extras: Vec<Spec>,
    /// Where its buffers come from.
    pub buffers: Buffers,
}

impl Graph {
    pub(crate) fn of(tape: &Rc<Tape>, outputs: &[&Var]) -> Result<Self> {
        let outputs = outputs.iter().map(|output| match output.id() {
            Some(id) if id.tape == tape.id() => Ok(id.index),
            _ => Err(Error::TwoTapes { op: "graph" }),
        });
        let outputs = outputs.collect::<Result<_>>()?;
        let segments = tape.segments();
        let segment = |index| segments.iter().position(|segment| segment.contains(&index));
        let describe = |(index, node): (usize, &crate::tape::Node)| describe(index, node, segment(index));
        let nodes = tape.read(|nodes| nodes.iter().enumerate().map(describe).collect::<Result<_>>())??;
        Ok(Self { nodes, outputs })
    }

    /// All nodes; an operation comes after everything that it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes that the caller named as outputs.
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// The operations, with the nodes that they make.
    pub fn operations(&self) -> impl Iterator<Item = (&Node, &Operation)> {
        self.nodes.iter().filter_map(|node| match &node.source {
            Source::Operation(operation) => Some((node, operation)),
            _ => None,
        })
    }

    /// Multiply-adds of the whole forward pass: of convolutions and matrix products only, for the whole batch.
    /// The largest number where there are more.
    pub fn multiply_adds(&self) -> u64 {
        self.operations().map(|(_, operation)| operation.multiply_adds).fold(0, u64::saturating_add)
    }

    /// Elements of all parameters.
    pub fn parameters(&self) -> usize {
        self.parameter_nodes().map(|node| node.output.shape.len()).fold(0, usize::saturating_add)
    }

    fn parameter_nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| matches!(node.source, Source::Parameter(_)))
    }
}

fn describe(index: usize, node: &crate::tape::Node, segment: Option<usize>) -> Result<Node> {
    let mut recomputed = None;
    let source = match &node.kind {
        Kind::Input => Source::Input,
        Kind::Constant => Source::Constant,
        Kind::Variable => Source::Variable,
        Kind::Parameter(id) => Source::Parameter(*id),
        Kind::Operation(recorded) => {
            let Recorded { function, inputs, saved, again } = &**recorded;
            recomputed = segment.filter(|_| again.is_some());
            let specs = &saved.input_specs;
            let inputs: Vec<usize> = inputs.iter().filter_map(|&input| input).collect();
            let keeps = if saved.wanted.any() { function.keeps(&saved.wanted) } else { Keeps::nothing() };
            let kept_inputs =
                inputs.iter().enumerate().filter(|(i, _)| keeps.keeps_input(*i)).map(|(_, &node)| node);
            Source::Operation(Operation {
                name: function.name(),
                attributes: function.attributes(),
                multiply_adds: function.multiply_adds(specs),
                kept: kept_inputs.chain(keeps.keeps_output().then_some(index)).collect(),
                extras: function.extras(specs)?,
                buffers: function.buffers(specs),
                inputs,
            })
        }
    };
    Ok(Node { path: node.path.to_string(), output: node.spec, tracked: node.tracked, recomputed, source })
}
