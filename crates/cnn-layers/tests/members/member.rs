//! What is proved: a layer with the way to run it, its settings, its cases in PyTorch.

use cnn_layers::{Ctx, Forward, Layer, Result, Var, Visitor, VisitorMut};
use cnn_tensor::Tensor;

use crate::Draw;
use crate::draw::Scale;

/// A layer, and how it makes one output of some inputs.
pub(crate) trait Run: Layer {
    fn run(&self, inputs: Vec<Var>, cx: &mut Ctx) -> Result<Var>;
}

/// A layer of any type, and how it runs.
pub(crate) type Subject = Box<dyn Run>;

struct With<L, F> {
    layer: L,
    run: F,
}

impl<L: Layer, F: Send + Sync + 'static> Layer for With<L, F> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        visitor.flatten(&self.layer);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        visitor.flatten(&mut self.layer);
    }
}

impl<L: Layer, F> Run for With<L, F>
where
    F: Fn(&L, Vec<Var>, &mut Ctx) -> Result<Var> + Send + Sync + 'static,
{
    fn run(&self, inputs: Vec<Var>, cx: &mut Ctx) -> Result<Var> {
        (self.run)(&self.layer, inputs, cx)
    }
}

/// A layer with several inputs, or with another method than `call`.
pub(crate) fn subject<L: Layer>(
    layer: L,
    run: impl Fn(&L, Vec<Var>, &mut Ctx) -> Result<Var> + Send + Sync + 'static,
) -> Subject {
    Box::new(With { layer, run })
}

/// A layer of one input that is called.
pub(crate) fn called(layer: impl Forward) -> Subject {
    subject(layer, |layer, mut inputs, cx| layer.call(inputs.remove(0), cx))
}

/// A function of its inputs without parameters: a loss.
pub(crate) fn function(run: impl Fn(Vec<Var>) -> Result<Var> + Send + Sync + 'static) -> Subject {
    subject(Vec::<Box<dyn Layer>>::new(), move |_, inputs, _| run(inputs))
}

/// A subject and inputs that it takes.
pub(crate) struct Setting {
    pub(crate) subject: Subject,
    /// `F64` where a gradient is wanted; other types stay as they are.
    pub(crate) inputs: Vec<Tensor>,
    /// Whether the images of a batch have to do with each other, or are not told apart by the first axis, in eval mode
    /// too.
    pub(crate) mixes: bool,
}

impl Setting {
    pub(crate) fn new(subject: Subject, inputs: impl Into<Vec<Tensor>>) -> Result<Self> {
        Ok(Self { subject, inputs: inputs.into(), mixes: false })
    }

    /// That mixes the images of a batch, if it does.
    pub(crate) fn mixing(self, mixes: bool) -> Self {
        Self { mixes, ..self }
    }
}

/// Makes a setting of some choices.
type Drawn = Box<dyn Fn(&mut Draw) -> Result<Setting>>;

/// A subject whose values a fixture has, under its name there.
type Case = (&'static str, Box<dyn Fn() -> Result<Subject>>);

/// A public type, and perhaps one way to use it of several: `BatchNorm2d, fused`.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    /// PyTorch's name.
    pub(crate) torch: Option<&'static str>,
    draw: Drawn,
    /// Subjects that `fixtures/members` has the values of, by name.
    pub(crate) cases: Vec<Case>,
    /// Largest error in `f32`, of the largest number of a tensor.
    pub(crate) tolerance: f64,
    /// Passes whose work threads do not share, and why.
    pub(crate) alone: Vec<(Pass, &'static str)>,
}

/// One of the two ways through a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Forward,
    Backward,
}

impl Member {
    pub(crate) fn new(name: &'static str, draw: impl Fn(&mut Draw) -> Result<Setting> + 'static) -> Self {
        Self {
            name,
            torch: None,
            draw: Box::new(draw),
            cases: Vec::new(),
            tolerance: 1e-5,
            alone: Vec::new(),
        }
    }

    /// PyTorch has it, under this name.
    pub(crate) fn torch(mut self, name: &'static str) -> Self {
        self.torch = Some(name);
        self
    }

    /// A case of the fixture, of the same name there.
    pub(crate) fn case(mut self, name: &'static str, make: impl Fn() -> Result<Subject> + 'static) -> Self {
        self.cases.push((name, Box::new(make)));
        self
    }

    /// Threads share nothing of its work on this pass, and why.
    pub(crate) fn alone(mut self, pass: Pass, reason: &'static str) -> Self {
        self.alone.push((pass, reason));
        self
    }

    /// The public type.
    pub(crate) fn type_name(&self) -> &'static str {
        self.name.split(',').next().unwrap_or(self.name)
    }

    /// A setting by its number; the same each time.
    pub(crate) fn setting(&self, number: u64, scale: Scale) -> std::result::Result<Setting, String> {
        (self.draw)(&mut Draw::new(self.name, number, scale))
            .map_err(|error| format!("cannot be drawn: {error}"))
    }
}
