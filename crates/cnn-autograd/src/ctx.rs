//! [`Ctx`]: what a forward pass carries along: tape, mode, random key, layer path, batch statistics.
//!
//! These are independent of each other. Frozen batch norm while the rest trains, gradients in eval mode and
//! dropout without gradients are ordinary combinations.

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;

use cnn_tensor::Tensor;
use cnn_tensor::random::Key;

use crate::error::Locate;
use crate::gradients::{Gradients, ParameterId, Seeded};
use crate::graph::Graph;
use crate::path::{Named, Names, join};
use crate::step::{BatchStatistics, Step};
use crate::tape::{Kind, Scope, Tape};
use crate::variable::{self, Var};
use crate::{Error, Result};

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Nothing: an activation lives until the next operation has read it.
    None,
    /// What leads to a gradient.
    Gradients,
    /// Everything, constants included, for [`Ctx::graph`]. Gradients can be computed too.
    Trace,
}

/// How layers with two behaviours behave: batch norm, dropout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch, random zeros.
    Train,
    /// Running statistics, no randomness.
    Eval,
}

/// Whether a parameter wants a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trainable {
    /// It is updated by training.
    Yes,
    /// It is frozen.
    No,
}

/// One forward pass, and the backward pass that may end it. Belongs to one thread.
#[derive(Debug)]
pub struct Ctx {
    tape: Option<Rc<Tape>>,
    mode: Mode,
    key: Key,
    path: Rc<str>,
    /// Layers that are running, one within the other.
    depth: usize,
    names: Names,
    /// How many random keys were handed out at each path.
    draws: HashMap<Rc<str>, u64>,
    statistics: Vec<BatchStatistics>,
    /// Outputs of the layers that are observed, by path.
    observed: HashMap<String, Vec<Var>>,
}

impl Ctx {
    /// A pass that records nothing, in eval mode.
    pub fn inference() -> Self {
        Self::new(Recording::None, Mode::Eval, Key::new(0))
    }

    /// A pass that records gradients, in train mode. The key is the step's own: fold the step's number into
    /// the key of the run.
    pub fn training(key: Key) -> Self {
        Self::new(Recording::Gradients, Mode::Train, key)
    }

    /// A pass that records everything, for [`Ctx::graph`].
    pub fn trace(mode: Mode) -> Self {
        Self::new(Recording::Trace, mode, Key::new(0))
    }

    /// Any combination.
    pub fn new(recording: Recording, mode: Mode, key: Key) -> Self {
        let tape = match recording {
            Recording::None => None,
            Recording::Gradients => Some(Tape::new(Scope::Gradients)),
            Recording::Trace => Some(Tape::new(Scope::Everything)),
        };
        Self {
            tape,
            mode,
            key,
            path: "".into(),
            depth: 0,
            names: Names::default(),
            draws: HashMap::new(),
            statistics: Vec::new(),
            observed: HashMap::new(),
        }
    }

    /// How layers behave.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Runs a part of the network in another mode.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn with_mode<R, E>(
        &mut self,
        mode: Mode,
        body: impl FnOnce(&mut Self) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        let outer = std::mem::replace(&mut self.mode, mode);
        let result = body(self);
        self.mode = outer;
        result
    }

    /// Runs a part of the network without gradients: its outputs are constants, whatever goes in.
    ///
    /// ```
    /// use cnn_autograd::{Ctx, Result, random::Key};
    /// use cnn_tensor::Tensor;
    /// # fn main() -> Result<()> {
    /// let mut cx = Ctx::training(Key::new(1));
    /// let x = cx.variable(Tensor::from_slice(&[2], &[1.0f32, -2.0])?);
    /// let target = cx.no_grad(|_| x.clone().relu())?;
    /// assert!(x.is_tracked() && !target.is_tracked());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of `body`.
    pub fn no_grad<R, E>(
        &mut self,
        body: impl FnOnce(&mut Self) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        let tape = self.tape.clone();
        let outer = tape.as_ref().is_some_and(|tape| tape.pause(true));
        let result = body(self);
        if let Some(tape) = tape {
            tape.pause(outer);
        }
        result
    }

    /// Runs a part of the network so that backward computes its activations again instead of keeping them: less
    /// memory for one more forward pass of the part, and the same bits.
    ///
    /// Kept are the tensors that enter the part, and what it makes without gradients. Random layers draw the same numbers again, and batch
    /// statistics count once. Within another such part nothing changes: the outer one takes it in.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn recompute<R, E>(
        &mut self,
        body: impl FnOnce(&mut Self) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        let tape = self.tape.clone().filter(|tape| tape.open_segment());
        let result = body(self);
        if let Some(tape) = tape {
            tape.close_segment();
        }
        result
    }

    /// Keeps the output of the layer at `path` each time it runs, with its gradient: [`Ctx::observed`]. To be called
    /// before the layer runs.
    ///
    /// The output is that of the layer itself: an activation that its kernel would apply is applied after it instead.
    /// Layers that return something else than a [`Var`] are not seen.
    ///
    /// ```
    /// use cnn_autograd::{Ctx, Error, Result, random::Key};
    /// use cnn_tensor::Tensor;
    /// # fn main() -> Result<()> {
    /// let mut cx = Ctx::training(Key::new(1));
    /// cx.observe("middle");
    /// let x = cx.variable(Tensor::from_slice(&[2], &[1.0f32, -2.0])?);
    /// let y = cx.scope("middle", |_| x.scale(3.0))?;
    /// let middle = cx.observed("middle")?.to_vec();
    /// let step = cx.backward(y.relu()?.sum()?)?;
    /// assert_eq!(middle[0].value().to_vec::<f32>()?, [3.0, -6.0]);
    /// assert_eq!(step.gradients.of(&middle[0]).unwrap().to_vec::<f32>()?, [1.0, 0.0]);
    /// # Ok(()) }
    /// ```
    pub fn observe(&mut self, path: impl Into<String>) {
        self.observed.entry(path.into()).or_default();
    }

    /// What the layer at `path` has made so far, each time it ran. [`Gradients::of`] has the gradients.
    ///
    /// # Errors
    /// [`Error::NotObserved`] where the path was not given to [`Ctx::observe`], or no layer ran there since.
    pub fn observed(&self, path: &str) -> Result<&[Var]> {
        match self.observed.get(path).map(Vec::as_slice) {
            Some(outputs @ [_, ..]) => Ok(outputs),
            _ => Err(Error::NotObserved { path: path.to_owned() }),
        }
    }

    /// Whether the output of this layer is observed.
    pub fn observes(&self, layer: &dyn Named) -> bool {
        if self.observed.is_empty() {
            return false;
        }
        self.observed.contains_key(&*self.path_of(layer))
    }

    /// Asks for the gradient of a variable that is no leaf: [`Gradients::of`] has it then.
    ///
    /// # Errors
    /// [`Error::TwoTapes`] for a variable of another pass, [`Error::TapeGone`] after [`Var::backward`].
    pub fn retain_gradient(&mut self, variable: &Var) -> Result<()> {
        match (&self.tape, variable.id()) {
            (Some(tape), Some(id)) if id.tape == tape.id() => tape.retain_gradient(id.index),
            (_, None) => Ok(()),
            _ => Err(Error::TwoTapes { op: "retain_gradient" }),
        }
    }

    /// A tensor that enters the network and wants no gradient: a batch of images.
    pub fn input(&mut self, value: Tensor) -> Var {
        self.leaf(value, false, Kind::Input)
    }

    /// A tensor whose gradient is wanted: [`Gradients::of`].
    pub fn variable(&mut self, value: Tensor) -> Var {
        self.leaf(value, true, Kind::Variable)
    }

    fn leaf(&self, value: Tensor, tracked: bool, kind: Kind) -> Var {
        let Some(tape) = &self.tape else { return Var::constant(value) };
        if !tracked && tape.scope() == Scope::Gradients {
            return Var::constant(value);
        }
        // A tape that `Var::backward` consumed records no more; using it then is an error of the operation.
        match tape.push("input", value.spec(), tracked, kind) {
            Ok(index) => Var::on(tape, index, tracked, value),
            Err(_) => Var::on(tape, usize::MAX, tracked, value),
        }
    }

    /// A parameter, as a leaf of the tape: the same one however often the parameter is used.
    ///
    /// # Errors
    /// [`Error::TapeGone`] after [`Var::backward`].
    pub fn parameter(&mut self, id: ParameterId, value: &Tensor, trainable: Trainable) -> Result<Var> {
        let tracked = trainable == Trainable::Yes && value.dtype().is_compute();
        match &self.tape {
            Some(tape) if tracked || tape.scope() == Scope::Everything => {
                let index = tape.parameter(id, value.spec(), tracked)?;
                Ok(Var::on(tape, index, tracked, value.clone()))
            }
            _ => Ok(Var::constant(value.clone())),
        }
    }

    /// A random key of its own for each call: a function of the pass's key, the layer path, and how often
    /// this path has asked.
    pub fn random_key(&mut self) -> Key {
        let draw = self.draws.entry(self.path.clone()).or_default();
        let key = self.key.fold_str(&self.path).fold(*draw);
        *draw += 1;
        key
    }

    /// Notes the statistics of a batch, to be folded into the layer's running values by applying the step.
    pub fn record(&mut self, statistics: BatchStatistics) {
        self.statistics.push(statistics);
    }

    /// Path of the layer that is running, as in `layer2.0.conv1`; empty outside of any.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Runs a part of the network under one more path segment.
    ///
    /// # Errors
    /// Those of `body`, with the path.
    pub fn scope<R: 'static, E: Locate>(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut Self) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        let path = join(&self.path, name).into();
        self.at_path(path, body)
    }

    /// Runs a layer under the path that a walk over the root gives it.
    ///
    /// The outermost call is the root: it builds the table of paths from its parts. A layer that the root
    /// does not own runs under the present path and the name of its type, as in `head.<Conv2d>`.
    ///
    /// # Errors
    /// Those of `body`, with the path.
    pub fn within<R: 'static, E: Locate>(
        &mut self,
        layer: &dyn Named,
        body: impl FnOnce(&mut Self) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        let path = self.path_of(layer);
        if self.names.find(layer.place(), &self.path).is_some() {
            return self.at_path(path, body);
        }
        self.names.add(layer, &path);
        let result = self.at_path(path, body);
        self.names.forget(layer);
        result
    }

    /// Where a layer runs: where the root has it; the outermost one here; any other here under the name of its type.
    fn path_of(&self, layer: &dyn Named) -> Rc<str> {
        match self.names.find(layer.place(), &self.path) {
            Some(path) => path,
            None if self.names.is_empty() => self.path.clone(),
            None => join(&self.path, &format!("<{}>", layer.type_name())).into(),
        }
    }

    fn at_path<R: 'static, E: Locate>(
        &mut self,
        path: Rc<str>,
        body: impl FnOnce(&mut Self) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        // A wrapper without a segment of its own, and what it wraps, are one layer: the outer one is seen.
        let is_inner = self.depth > 0 && self.path == path;
        let outer = std::mem::replace(&mut self.path, path);
        self.depth += 1;
        self.tell_tape();
        let result = body(self).map_err(|error| error.at(&self.path));
        self.depth -= 1;
        if let (Ok(output), false) = (&result, is_inner) {
            self.see(output);
        }
        self.path = outer;
        self.tell_tape();
        result
    }

    /// Notes what the layer at the present path returns, where it is observed and is a variable.
    fn see(&mut self, output: &dyn Any) {
        let (Some(seen), Some(output)) = (self.observed.get_mut(&*self.path), output.downcast_ref::<Var>())
        else {
            return;
        };
        seen.push(output.clone());
        if let (Some(tape), Some(id)) = (&self.tape, output.id()) {
            // A variable of another tape has no gradient in this pass, and a tape that is gone has none at all.
            let _ = if id.tape == tape.id() { tape.retain_gradient(id.index) } else { Ok(()) };
        }
    }

    fn tell_tape(&self) {
        if let Some(tape) = &self.tape {
            tape.set_path(self.path.clone());
        }
    }

    /// Gradients of a scalar loss of this pass, and the statistics of the pass. Ends the pass and releases its
    /// tape.
    ///
    /// # Errors
    /// [`Error::NotScalar`], [`Error::Untracked`], [`Error::TwoTapes`] for the loss of another pass, and those of
    /// the rules, with the path.
    pub fn backward(self, loss: Var) -> Result<Step> {
        let seed = loss.unit_seed()?;
        self.backward_seeded(vec![Seeded { output: loss, seed }])
    }

    /// [`Ctx::backward`] from several outputs, each with the gradient that arrives there.
    ///
    /// # Errors
    /// [`Error::Seed`], and as [`Ctx::backward`].
    pub fn backward_seeded(self, outputs: Vec<Seeded>) -> Result<Step> {
        self.check_own("backward", &outputs)?;
        let gradients = variable::backward(outputs)?;
        Ok(Step { gradients, statistics: self.statistics })
    }

    /// [`Ctx::backward_seeded`] without an end: what was kept stays, for further passes over the same forward.
    ///
    /// # Errors
    /// As [`Ctx::backward_seeded`].
    pub fn backward_retain(&self, outputs: Vec<Seeded>) -> Result<Gradients> {
        self.check_own("backward_retain", &outputs)?;
        variable::backward_retain(outputs)
    }

    /// Refuses outputs of another pass: their gradients would go out with the statistics of this one.
    fn check_own(&self, op: &'static str, outputs: &[Seeded]) -> Result<()> {
        let own = self.tape.as_ref().map(|tape| tape.id());
        let mut tapes = outputs.iter().filter_map(|seeded| seeded.output.id()).map(|node| node.tape);
        if tapes.all(|tape| Some(tape) == own) { Ok(()) } else { Err(Error::TwoTapes { op }) }
    }

    /// Ends the pass without gradients; only the statistics are left. This is how batch norm is recalibrated.
    pub fn finish(self) -> Step {
        Step { gradients: Gradients::default(), statistics: self.statistics }
    }

    /// The operations so far as a graph, with the given variables as its outputs.
    ///
    /// # Errors
    /// [`Error::NotTraced`] unless this context traces; [`Error::TapeGone`] after [`Var::backward`].
    pub fn graph(&self, outputs: &[&Var]) -> Result<Graph> {
        match &self.tape {
            Some(tape) if tape.scope() == Scope::Everything => Graph::of(tape, outputs),
            _ => Err(Error::NotTraced),
        }
    }
}
