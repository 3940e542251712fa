//! Estimates of memory, by replaying on paper what the pool will be asked for.
//!
//! Each tensor has a buffer; a buffer lives as long as a later operation reads it, or backward keeps it.
//! Counted are tensors, as the pool rounds them; kernels' scratch space is not. Shapes may be far larger than any
//! memory: sums stop at the largest number.

use cnn_tensor::{Spec, pool};

use super::{Graph, Operation, Source};
use crate::function::Buffer;

impl Graph {
    /// Most bytes that tensors occupy at one time during a forward pass that records nothing, parameters
    /// included.
    pub fn inference_bytes(&self) -> usize {
        let mut replay = Replay::new(self);
        replay.forward(Keep::Nothing);
        replay.peak
    }

    /// Most bytes that tensors occupy at one time during a forward and a backward pass: parameters, their
    /// gradients, activations, what backward keeps, and `optimizer_slots` further tensors for each trainable
    /// parameter (1 for momentum, 2 for Adam).
    pub fn training_bytes(&self, optimizer_slots: usize) -> usize {
        let mut replay = Replay::new(self);
        replay.forward(Keep::ForBackward);
        replay.backward();
        let trainable = self.parameter_nodes().filter(|node| node.tracked);
        let parameters = trainable.map(|node| bytes(&node.output)).fold(0, usize::saturating_add);
        replay.peak.saturating_add(parameters.saturating_mul(optimizer_slots))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    ForBackward,
}

fn bytes(spec: &Spec) -> usize {
    pool::block_bytes(spec.bytes())
}

/// A buffer on paper: its size and how many hold it.
struct Paper {
    bytes: usize,
    holders: usize,
}

struct Replay<'a> {
    graph: &'a Graph,
    buffers: Vec<Paper>,
    /// Buffer of each node's tensor.
    of_node: Vec<usize>,
    /// Reads of each node's tensor that are still to come.
    uses: Vec<usize>,
    /// Buffers that each operation keeps for backward.
    kept: Vec<Vec<usize>>,
    live: usize,
    peak: usize,
}

impl<'a> Replay<'a> {
    /// Everything that is there before the first operation.
    fn new(graph: &'a Graph) -> Self {
        let count = graph.nodes.len();
        let mut uses = vec![0; count];
        for (_, operation) in graph.operations() {
            for &input in &operation.inputs {
                uses[input] += 1;
            }
        }
        // The caller holds the outputs to the end.
        for &output in &graph.outputs {
            uses[output] += 1;
        }
        let kept = vec![Vec::new(); count];
        let mut replay =
            Self { graph, buffers: Vec::new(), of_node: vec![0; count], uses, kept, live: 0, peak: 0 };
        for (index, node) in graph.nodes.iter().enumerate() {
            let persistent = match node.source {
                Source::Operation(_) => continue,
                Source::Input | Source::Variable => 0,
                // The model holds them, whoever else does.
                Source::Parameter(_) | Source::Constant => 1,
            };
            let buffer = replay.take(&node.output);
            replay.of_node[index] = buffer;
            replay.buffers[buffer].holders = persistent + replay.uses[index];
        }
        replay
    }

    fn forward(&mut self, keep: Keep) {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let Source::Operation(operation) = &node.source else { continue };
            let keeping = keep == Keep::ForBackward && node.tracked;
            if keeping && let Some(segment) = node.recomputed {
                // What comes from outside is held to run from, and nothing else.
                let outside = self.outside(segment, operation).map(|input| self.of_node[input]);
                let outside: Vec<usize> = outside.collect();
                outside.iter().for_each(|&buffer| self.buffers[buffer].holders += 1);
                self.operation(index, operation, self.uses[index], false);
                self.kept[index] = outside;
            } else {
                self.operation(index, operation, self.uses[index], keeping);
            }
        }
    }

    /// Inputs of an operation that the segment does not make.
    fn outside(&self, segment: usize, operation: &'a Operation) -> impl Iterator<Item = usize> + 'a {
        let graph = self.graph;
        let made = move |input: usize| graph.nodes[input].recomputed == Some(segment);
        operation.inputs.iter().copied().filter(move |&input| !made(input))
    }

    /// One operation: takes its output, holds it for those that `uses` it, lets go of its inputs.
    fn operation(&mut self, index: usize, operation: &Operation, uses: usize, keeping: bool) {
        let kept_inputs = operation.kept.iter().filter(|&&kept| kept != index);
        let mut kept: Vec<usize> =
            if keeping { kept_inputs.map(|&kept| self.of_node[kept]).collect() } else { Vec::new() };
        kept.iter().for_each(|&buffer| self.buffers[buffer].holders += 1);

        let output = self.output_buffer(self.graph.nodes[index].output, operation);
        self.of_node[index] = output;
        self.buffers[output].holders += uses;
        if keeping && operation.kept.contains(&index) {
            self.buffers[output].holders += 1;
            kept.push(output);
        }
        for extra in &operation.extras {
            let buffer = self.take(extra);
            self.buffers[buffer].holders = 1;
            kept.push(buffer);
        }
        for &input in &operation.inputs {
            self.release(self.of_node[input]);
        }
        if keeping {
            self.kept[index].extend(kept);
        } else {
            kept.into_iter().for_each(|buffer| self.release(buffer));
        }
        // An output that nobody reads.
        if self.buffers[output].holders == 0 {
            self.free(output);
        }
    }

    /// The operations of a segment once more, up to `last`, on the way back.
    fn run_again(&mut self, segment: usize, last: usize) {
        let graph = self.graph;
        let members = || {
            let nodes = graph.nodes[..=last].iter().enumerate();
            nodes.filter(|(_, node)| node.recomputed == Some(segment)).filter_map(|(index, node)| match &node
                .source
            {
                Source::Operation(operation) => Some((index, operation)),
                _ => None,
            })
        };
        let mut uses = vec![0; graph.nodes.len()];
        for (_, operation) in members() {
            operation.inputs.iter().for_each(|&input| uses[input] += 1);
        }
        for (index, operation) in members() {
            // The run holds what it reads from outside beside those who hold it anyway.
            let outside: Vec<usize> =
                self.outside(segment, operation).map(|input| self.of_node[input]).collect();
            outside.iter().for_each(|&buffer| self.buffers[buffer].holders += 1);
            self.operation(index, operation, uses[index], true);
        }
    }

    fn output_buffer(&mut self, output: Spec, operation: &Operation) -> usize {
        let buffer_of =
            |replay: &Self, input: usize| operation.inputs.get(input).map(|&node| replay.of_node[node]);
        match operation.buffers.output {
            Buffer::Shares(input) => buffer_of(self, input),
            // Its own read is the only one left.
            Buffer::TakesOver(input) => {
                buffer_of(self, input).filter(|&buffer| self.buffers[buffer].holders == 1)
            }
            Buffer::New => None,
        }
        .unwrap_or_else(|| self.take(&output))
    }

    fn backward(&mut self) {
        let mut gradients: Vec<Option<usize>> = vec![None; self.graph.nodes.len()];
        for &output in &self.graph.outputs {
            gradients[output] = Some(self.take_held(&self.graph.nodes[output].output));
        }
        let mut running = None;
        for (index, node) in self.graph.nodes.iter().enumerate().rev() {
            let Source::Operation(operation) = &node.source else { continue };
            let arrived = gradients[index].take().filter(|_| node.tracked);
            if let Some(arrived) = arrived {
                if let Some(segment) = node.recomputed.filter(|&segment| running != Some(segment)) {
                    running = Some(segment);
                    self.run_again(segment, index);
                }
                for (position, &input) in operation.inputs.iter().enumerate() {
                    if !self.graph.nodes[input].tracked {
                        continue;
                    }
                    let made = if operation.buffers.gradient == Some(position) {
                        self.buffers[arrived].holders += 1;
                        arrived
                    } else {
                        self.take_held(&self.graph.nodes[input].output)
                    };
                    // A second gradient is added to the first and let go.
                    match gradients[input] {
                        Some(_) => self.release(made),
                        None => gradients[input] = Some(made),
                    }
                }
                self.release(arrived);
            }
            for buffer in std::mem::take(&mut self.kept[index]) {
                self.release(buffer);
            }
        }
    }

    fn take_held(&mut self, spec: &Spec) -> usize {
        let buffer = self.take(spec);
        self.buffers[buffer].holders = 1;
        buffer
    }

    fn take(&mut self, spec: &Spec) -> usize {
        let bytes = bytes(spec);
        self.live = self.live.saturating_add(bytes);
        self.peak = self.peak.max(self.live);
        self.buffers.push(Paper { bytes, holders: 0 });
        self.buffers.len() - 1
    }

    fn release(&mut self, buffer: usize) {
        let paper = &mut self.buffers[buffer];
        paper.holders = paper.holders.saturating_sub(1);
        if paper.holders == 0 {
            self.free(buffer);
        }
    }

    fn free(&mut self, buffer: usize) {
        let bytes = std::mem::take(&mut self.buffers[buffer].bytes);
        self.live = self.live.saturating_sub(bytes);
    }
}
