//! The tape of one step: the operations in the order in which they ran, and the sweep back over them.
//!
//! A node holds no variable, only what its rule asked to keep, so there is no cycle: dropping the tape drops
//! everything. Variables hold the tape weakly; one that outlives its step keeps nothing alive.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use cnn_tensor::{Spec, Tensor};

use crate::function::{Function, Saved};
use crate::gradients::{Gradients, NodeId, ParameterId, sum_of};
use crate::{Error, Locate, Result};

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A tensor that the caller gave to the step.
    Input,
    /// A tensor that an operation met on the way.
    Constant,
    /// A variable that wants a gradient.
    Variable,
    /// A parameter; frozen ones are recorded by a tracing tape only.
    Parameter(ParameterId),
    /// An operation.
    Operation(Box<Recorded>),
}

/// An operation that has run.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) function: Box<dyn Function>,
    /// Indices of nodes; `None` for what wants no gradient and is not traced.
    pub(crate) inputs: Vec<Option<usize>>,
    pub(crate) saved: Saved,
}

/// Gradients that arrive at nodes, by index.
pub(crate) type Seeds = Vec<(usize, Tensor)>;

/// One entry of the tape.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) path: Rc<str>,
    pub(crate) spec: Spec,
    /// Whether a gradient is wanted here.
    pub(crate) tracked: bool,
    pub(crate) kind: Kind,
}

/// Whether the tape holds everything or only what leads to a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Gradients,
    Everything,
}

#[derive(Debug)]
pub(crate) struct Tape {
    id: u64,
    scope: Scope,
    /// `None` once backward has consumed it.
    nodes: RefCell<Option<Vec<Node>>>,
    path: RefCell<Rc<str>>,
    parameters: RefCell<HashMap<ParameterId, usize>>,
}

impl Tape {
    pub(crate) fn new(scope: Scope) -> Rc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Rc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            scope,
            nodes: RefCell::new(Some(Vec::new())),
            path: RefCell::new("".into()),
            parameters: RefCell::default(),
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    pub(crate) fn set_path(&self, path: Rc<str>) {
        self.path.replace(path);
    }

    pub(crate) fn is_consumed(&self) -> bool {
        self.nodes.borrow().is_none()
    }

    /// Appends a node, under the present path; its index.
    pub(crate) fn push(&self, op: &'static str, spec: Spec, tracked: bool, kind: Kind) -> Result<usize> {
        let mut nodes = self.nodes.borrow_mut();
        let nodes = nodes.as_mut().ok_or(Error::TapeGone { op })?;
        nodes.push(Node { path: self.path.borrow().clone(), spec, tracked, kind });
        Ok(nodes.len() - 1)
    }

    /// The leaf of a parameter, made at its first use.
    pub(crate) fn parameter(&self, id: ParameterId, spec: Spec, tracked: bool) -> Result<usize> {
        if let Some(&index) = self.parameters.borrow().get(&id) {
            return Ok(index);
        }
        let index = self.push("parameter", spec, tracked, Kind::Parameter(id))?;
        self.parameters.borrow_mut().insert(id, index);
        Ok(index)
    }

    /// Reads the recorded nodes.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&[Node]) -> R) -> Result<R> {
        let nodes = self.nodes.borrow();
        Ok(read(nodes.as_ref().ok_or(Error::TapeGone { op: "graph" })?))
    }

    /// The gradients of the seeded nodes; releases what was kept while sweeping, and the tape with it.
    pub(crate) fn consume(&self, seeds: Seeds) -> Result<Gradients> {
        let mut nodes = self.nodes.borrow_mut().take().ok_or(Error::TapeGone { op: "backward" })?;
        self.parameters.borrow_mut().clear();
        let mut sweep = Sweep::new(nodes.len(), seeds)?;
        while let Some(Node { path, tracked, kind, .. }) = nodes.pop() {
            let index = nodes.len();
            let Some(gradient) = sweep.arrived(index, tracked) else { continue };
            match kind {
                Kind::Operation(recorded) => {
                    let Recorded { function, inputs, saved } = *recorded;
                    let specs = saved.input_specs.clone();
                    let result = function.backward(saved, gradient);
                    let result =
                        result.and_then(|list| sweep.pass_on(&*function, &inputs, &specs, &nodes, list));
                    result.map_err(|error| error.at(&path))?;
                }
                Kind::Parameter(id) => sweep.found.set_parameter(id, gradient),
                _ => sweep.found.set_leaf(NodeId { tape: self.id, index }, gradient),
            }
        }
        Ok(sweep.found)
    }

    /// The gradients of the seeded nodes; the tape stays as it is, for another pass.
    pub(crate) fn retain(&self, seeds: Seeds) -> Result<Gradients> {
        let nodes = self.nodes.borrow();
        let nodes = nodes.as_ref().ok_or(Error::TapeGone { op: "backward_retain" })?;
        let mut sweep = Sweep::new(nodes.len(), seeds)?;
        for (index, node) in nodes.iter().enumerate().rev() {
            let Some(gradient) = sweep.arrived(index, node.tracked) else { continue };
            match &node.kind {
                Kind::Operation(recorded) => {
                    let Recorded { function, inputs, saved } = &**recorded;
                    let result = function.backward(saved.clone(), gradient);
                    let specs = &saved.input_specs;
                    let result =
                        result.and_then(|list| sweep.pass_on(&**function, inputs, specs, nodes, list));
                    result.map_err(|error| error.at(&node.path))?;
                }
                Kind::Parameter(id) => sweep.found.set_parameter(*id, gradient),
                _ => sweep.found.set_leaf(NodeId { tape: self.id, index }, gradient),
            }
        }
        Ok(sweep.found)
    }
}

/// Gradients under way from outputs to leaves, by node.
struct Sweep {
    pending: Vec<Option<Tensor>>,
    found: Gradients,
}

impl Sweep {
    fn new(nodes: usize, seeds: Seeds) -> Result<Self> {
        let mut sweep = Self { pending: vec![None; nodes], found: Gradients::default() };
        for (index, seed) in seeds {
            sweep.add(index, seed)?;
        }
        Ok(sweep)
    }

    /// The gradient of a node, complete because all that use it come later on the tape.
    fn arrived(&mut self, index: usize, tracked: bool) -> Option<Tensor> {
        self.pending.get_mut(index)?.take().filter(|_| tracked)
    }

    fn add(&mut self, index: usize, gradient: Tensor) -> Result<()> {
        let slot = &mut self.pending[index];
        *slot = Some(match slot.take() {
            Some(present) => sum_of(present, gradient)?,
            None => gradient,
        });
        Ok(())
    }

    /// Checks what a rule returned and adds it to its inputs' gradients.
    fn pass_on(
        &mut self,
        function: &dyn Function,
        inputs: &[Option<usize>],
        specs: &[Spec],
        nodes: &[Node],
        gradients: Vec<Option<Tensor>>,
    ) -> Result<()> {
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
