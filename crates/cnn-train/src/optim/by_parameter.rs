//! [`ByParameter`]: a method for every parameter of a model, with state and groups.

use std::collections::BTreeMap;

use cnn_autograd::Step;
use cnn_layers::{Layer, check_unique_paths};
use cnn_tensor::Tensor;

use super::groups::Placed;
use super::{Groups, Method, Move, Optimizer, OptimizerState, update_parameters};
use crate::{Error, Result};

/// An optimiser that moves each parameter by itself, by a [`Method`].
#[derive(Debug, Clone)]
pub struct ByParameter<M> {
    method: M,
    groups: Groups,
    /// What the groups mean for the model, from the first step on.
    placed: Option<Placed>,
    kept: BTreeMap<String, Kept>,
}

/// What is kept for one parameter.
#[derive(Debug, Clone)]
struct Kept {
    steps: u64,
    tensors: Vec<Tensor>,
}

/// Name of the count of steps in a state, as PyTorch's.
const STEP: &str = "step";

impl<M: Method> ByParameter<M> {
    /// An optimiser without any state, of one group.
    ///
    /// # Errors
    /// [`Error::Argument`] for an option outside its range.
    pub fn new(method: M) -> Result<Self> {
        method.check()?;
        Ok(Self { method, groups: Groups::default(), placed: None, kept: BTreeMap::new() })
    }

    /// With learning rates and weight decays of their own for some parameters.
    ///
    /// # Errors
    /// [`Error::Argument`] for a factor or a weight decay outside its range.
    pub fn groups(mut self, groups: Groups) -> Result<Self> {
        groups.check()?;
        self.groups = groups;
        self.placed = None;
        Ok(self)
    }
}

impl<M: Method> Optimizer for ByParameter<M> {
    fn step(&mut self, model: &mut dyn Layer, step: Step, learning_rate: f64) -> Result<()> {
        let Self { method, groups, placed, kept } = self;
        let placed = match placed {
            Some(placed) => placed,
            None => {
                // State is kept by path, so two parameters of one path would share it.
                check_unique_paths(model)?;
                placed.insert(groups.place(model)?)
            }
        };
        update_parameters(model, step, |path, parameter, gradient| {
            let mut fresh = None;
            let own = match kept.get_mut(path) {
                Some(own) => own,
                None => fresh.insert(Kept::new(method, parameter)?),
            };
            let (factor, weight_decay) = placed.of(path);
            let at = Move {
                learning_rate: learning_rate * factor,
                weight_decay: weight_decay.unwrap_or_else(|| method.weight_decay(parameter.shape())),
                step: own.steps + 1,
            };
            method.update(&at, parameter, &gradient, &mut own.tensors)?;
            own.steps = at.step;
            if let Some(fresh) = fresh {
                kept.insert(path.to_owned(), fresh);
            }
            Ok(())
        })
    }

    fn describe(&self) -> String {
        let groups = if self.groups.is_trivial() { String::new() } else { format!(", {:?}", self.groups) };
        let method = format!("{:?}", self.method);
        let options = method.find('{').map_or(String::new(), |start| format!(" {}", &method[start..]));
        format!("{}{options}{groups}", M::NAME)
    }

    fn state(&self) -> Result<OptimizerState> {
        let mut state = OptimizerState::default();
        for (path, kept) in &self.kept {
            let shape = kept.tensors.first().map_or(&[][..], Tensor::shape);
            for ((name, _), tensor) in self.method.state(shape).into_iter().zip(&kept.tensors) {
                state.insert(path, name, tensor.clone());
            }
            state.insert(path, STEP, Tensor::scalar(i64::try_from(kept.steps).unwrap_or(i64::MAX))?);
        }
        Ok(state)
    }

    fn set_state(&mut self, state: OptimizerState) -> Result<()> {
        let restore = |(path, mut tensors): (String, BTreeMap<String, Tensor>)| {
            let steps = tensors.remove(STEP).and_then(|steps| steps.as_slice::<i64>().ok()?.first().copied());
            let steps = steps.and_then(|steps| u64::try_from(steps).ok());
            let steps =
                steps.ok_or_else(|| Error::Optimizer(format!("the step of {path} is not a count")))?;
            let shape = tensors.values().next().map_or(Vec::new(), |tensor| tensor.shape().to_vec());
            let names: Vec<&str> = self.method.state(&shape).into_iter().map(|(name, _)| name).collect();
            let found: Vec<Tensor> = names.iter().filter_map(|&name| tensors.remove(name)).collect();
            if found.len() != names.len() || !tensors.is_empty() {
                let keeps = if names.is_empty() { "nothing".into() } else { names.join(", ") };
                let problem = format!("the state of {path} is not that of {}, which keeps {keeps}", M::NAME);
                return Err(Error::Optimizer(problem));
            }
            Ok((path, Kept { steps, tensors: found }))
        };
        self.kept = state.parameters.into_iter().map(restore).collect::<Result<_>>()?;
        Ok(())
    }
}

impl Kept {
    fn new(method: &impl Method, parameter: &Tensor) -> Result<Self> {
        let start = |(_, value): (&'static str, f64)| match value {
            0.0 => Tensor::zeros(parameter.shape(), parameter.dtype()),
            value => Tensor::full(parameter.shape(), value, parameter.dtype()),
        };
        let tensors = method.state(parameter.shape()).into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { steps: 0, tensors })
    }
}
