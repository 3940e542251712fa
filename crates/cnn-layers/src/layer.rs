//! The two traits of a layer: its structure and its computation.

use std::any::type_name;

use cnn_autograd::{BatchStatistics, Ctx, Named, Place, Var};

use crate::visit::{Item, Visitor, VisitorMut};
use crate::{Activation, Error, Result};

/// The structure of a layer: the names of its parts. `#[derive(Layer)]` writes it.
///
/// Attributes of fields: `#[layer(rename = "..")]`, `#[layer(flatten)]` (no path segment), `#[layer(buffer)]`
/// (a plain tensor that files hold), `#[layer(skip)]` (holds no parameters). A field may be a [`Parameter`], a
/// [`Buffer`], a layer, or an `Option`, `Vec` or `Box` of one.
///
/// ```
/// use cnn_layers::{Conv2d, Layer};
///
/// #[derive(Layer)]
/// struct Block {
///     conv1: Conv2d,
///     #[layer(rename = "downsample.0")]
///     shortcut: Option<Conv2d>,
///     #[layer(skip)]
///     repeats: usize,
/// }
/// ```
///
/// [`Parameter`]: crate::Parameter
/// [`Buffer`]: crate::Buffer
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer, parameter or buffer",
    note = "mark a field that holds no parameters with `#[layer(skip)]`, a plain tensor with `#[layer(buffer)]`"
)]
pub trait Layer: Send + Sync + 'static {
    /// Shows every part to the visitor, under its name.
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>);

    /// As [`Layer::visit`], to change the parts.
    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>);

    /// Where this layer is in memory, by which it finds its path at run time. Wrappers give their content's.
    fn place(&self) -> Place {
        Place::of(self)
    }

    /// Name of the type, without modules and generics.
    fn type_name(&self) -> &'static str {
        let name = type_name::<Self>();
        let name = name.split_once('<').map_or(name, |(name, _)| name);
        name.rsplit_once("::").map_or(name, |(_, name)| name)
    }

    /// Folds those of the batch statistics that this layer itself recorded (not its parts) into its running
    /// values, in the given order; how many they were.
    ///
    /// # Errors
    /// Where a kernel fails.
    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        let _ = statistics;
        Ok(0)
    }
}

/// A layer from one variable to one variable.
///
/// Implement [`Forward::forward`]; call [`Forward::call`], which runs it under the layer's path.
pub trait Forward: Layer {
    /// The computation.
    ///
    /// # Errors
    /// Those of the operations.
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var>;

    /// Runs the layer under its path, so that errors, the graph and random keys know it.
    ///
    /// # Errors
    /// Those of the operations, with the path of the innermost layer.
    fn call(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        within(self, cx, |cx| self.forward(x, cx))
    }
}

/// Runs `body` under the layer's path: what [`Forward::call`] does, for layers with other inputs and outputs.
///
/// ```
/// use cnn_layers::{Ctx, Dense, Forward, Layer, Result, Var, within};
///
/// #[derive(Layer)]
/// struct Gate {
///     score: Dense,
/// }
///
/// impl Gate {
///     fn call(&self, x: Var, signal: Var, cx: &mut Ctx) -> Result<Var> {
///         within(self, cx, |cx| Ok(self.score.call(signal, cx)?.mul(x)?))
///     }
/// }
/// ```
///
/// # Errors
/// Those of `body`, with the path of the innermost layer.
pub fn within<L: Layer + ?Sized, R: 'static>(
    layer: &L,
    cx: &mut Ctx,
    body: impl FnOnce(&mut Ctx) -> Result<R>,
) -> Result<R> {
    cx.within::<R, Error>(&Walked(layer), body)
}

/// Runs a layer whose kernel can apply an activation as it stores its output: so, or after the layer where its own
/// output is observed.
pub(crate) fn fused<L: Layer + ?Sized>(
    layer: &L,
    activation: Activation,
    cx: &mut Ctx,
    run: impl FnOnce(Activation, &mut Ctx) -> Result<Var>,
) -> Result<Var> {
    if observed(layer, cx) {
        let output = within(layer, cx, |cx| run(Activation::Identity, cx))?;
        return Ok(output.activate(activation)?);
    }
    within(layer, cx, |cx| run(activation, cx))
}

/// Whether the layer's own output is observed, so that nothing may be fused into it.
pub(crate) fn observed<L: Layer + ?Sized>(layer: &L, cx: &Ctx) -> bool {
    cx.observes(&Walked(layer))
}

/// A layer as the context sees it: places and names.
struct Walked<'a, L: ?Sized>(&'a L);

impl<L: Layer + ?Sized> Named for Walked<'_, L> {
    fn place(&self) -> Place {
        self.0.place()
    }

    fn type_name(&self) -> &str {
        self.0.type_name()
    }

    fn parts(&self, see: &mut dyn FnMut(Place, &str)) {
        let mut each = |path: &str, item: Item<'_>| {
            if let Item::Layer(layer) = item {
                see(layer.place(), path);
            }
        };
        self.0.visit(&mut Visitor::new(&mut each));
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        (**self).visit(visitor);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        (**self).visit_mut(visitor);
    }

    fn place(&self) -> Place {
        (**self).place()
    }

    fn type_name(&self) -> &'static str {
        (**self).type_name()
    }

    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        (**self).fold_statistics(statistics)
    }
}

impl<L: Forward + ?Sized> Forward for Box<L> {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        (**self).forward(x, cx)
    }
}

impl<L: Layer> Layer for Option<L> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        if let Some(layer) = self {
            layer.visit(visitor);
        }
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        if let Some(layer) = self {
            layer.visit_mut(visitor);
        }
    }

    fn place(&self) -> Place {
        self.as_ref().map_or_else(|| Place::of(self), Layer::place)
    }

    fn type_name(&self) -> &'static str {
        self.as_ref().map_or("None", Layer::type_name)
    }

    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        self.as_mut().map_or(Ok(0), |layer| layer.fold_statistics(statistics))
    }
}

impl<L: Layer> Layer for Vec<L> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        for (index, layer) in self.iter().enumerate() {
            visitor.child(&index.to_string(), layer);
        }
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        for (index, layer) in self.iter_mut().enumerate() {
            visitor.child(&index.to_string(), layer);
        }
    }
}
