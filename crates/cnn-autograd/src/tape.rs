//! The tape of one step: the operations in the order in which they ran. [`crate::sweep`] goes back over them.
//!
//! A node holds no variable, only what its rule asked to keep, so there is no cycle: dropping the tape drops
//! everything. Variables hold the tape weakly; one that outlives its step keeps nothing alive.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use cnn_tensor::{Spec, Tensor};

use crate::function::{Function, Saved};
use crate::gradients::ParameterId;
use crate::{Error, Result};

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
    /// Where its inputs come from when it runs again, in a segment that is recomputed; nothing is saved there.
    pub(crate) again: Option<Vec<Given>>,
}

/// An input of an operation that runs again.
#[derive(Debug)]
pub(crate) enum Given {
    /// The output of an operation of the same segment.
    Node(usize),
    /// A tensor from before the segment.
    Value(Tensor),
}

/// One entry of the tape.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) path: Rc<str>,
    pub(crate) spec: Spec,
    /// Whether a gradient is wanted here.
    pub(crate) tracked: bool,
    /// Whether the gradient that arrives here is asked for, though this is no leaf.
    pub(crate) retained: bool,
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
    /// Whether operations want no gradients at present.
    paused: Cell<bool>,
    /// First node of the segment that is being recorded for recomputation.
    segment: Cell<Option<usize>>,
    /// Segments that are recorded, in order.
    segments: RefCell<Vec<Range<usize>>>,
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
            paused: Cell::new(false),
            segment: Cell::new(None),
            segments: RefCell::default(),
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
        let path = self.path.borrow().clone();
        nodes.push(Node { path, spec, tracked, retained: false, kind });
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

    /// Whether operations want gradients, or not; what was before.
    pub(crate) fn pause(&self, paused: bool) -> bool {
        self.paused.replace(paused)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// Asks for the gradient that arrives at a node.
    pub(crate) fn retain_gradient(&self, index: usize) -> Result<()> {
        let mut nodes = self.nodes.borrow_mut();
        let nodes = nodes.as_mut().ok_or(Error::TapeGone { op: "retain_gradient" })?;
        nodes.get_mut(index).into_iter().for_each(|node| node.retained = true);
        Ok(())
    }

    /// Opens a segment; whether it did, or one is open that takes what follows in.
    pub(crate) fn open_segment(&self) -> bool {
        let Ok(next) = self.read(<[Node]>::len) else { return false };
        let opens = self.segment.get().is_none();
        if opens {
            self.segment.set(Some(next));
        }
        opens
    }

    /// Closes the segment.
    pub(crate) fn close_segment(&self) {
        if let (Some(start), Ok(end)) = (self.segment.take(), self.read(<[Node]>::len)) {
            self.segments.borrow_mut().push(start..end);
        }
    }

    /// Where an input of an operation comes from when it runs again, if a segment is open.
    pub(crate) fn given(&self, value: &Tensor, node: Option<usize>) -> Option<Given> {
        let start = self.segment.get()?;
        let inside = node.filter(|&index| index >= start).filter(|&index| {
            let is_made = |nodes: &[Node]| {
                nodes.get(index).is_some_and(|node| node.tracked && matches!(node.kind, Kind::Operation(_)))
            };
            self.read(is_made).unwrap_or(false)
        });
        Some(inside.map_or_else(|| Given::Value(value.clone()), Given::Node))
    }

    /// The segments that are recorded.
    pub(crate) fn segments(&self) -> Vec<Range<usize>> {
        self.segments.borrow().clone()
    }

    /// The nodes, taken out: the tape records no more.
    pub(crate) fn take(&self) -> Result<Vec<Node>> {
        let nodes = self.nodes.borrow_mut().take().ok_or(Error::TapeGone { op: "backward" })?;
        self.parameters.borrow_mut().clear();
        Ok(nodes)
    }
}
