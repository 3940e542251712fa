//! The walk over a model: one place that builds paths, and the questions that are asked of it.

use std::collections::HashSet;

use cnn_autograd::Trainable;
use cnn_tensor::{DType, Tensor};

use crate::{Error, FileLayout, Layer, Parameter, Result};

/// A part of a model, as a walk shows it.
pub enum Item<'a> {
    /// A layer, before its own parts. Parameters and buffers are shown as layers too, before themselves.
    Layer(&'a dyn Layer),
    /// A parameter.
    Parameter(&'a Parameter),
    /// A tensor that files hold and training does not change.
    Buffer(&'a Tensor, FileLayout),
}

/// A part of a model, to be changed.
pub enum ItemMut<'s, 'a> {
    /// A layer, before its own parts.
    Layer(&'s mut dyn Layer),
    /// A parameter.
    Parameter(&'a mut Parameter),
    /// A tensor that files hold and training does not change.
    Buffer(&'a mut Tensor, FileLayout),
}

/// Builds the path of every part and shows both to a function.
pub struct Visitor<'v, 'a> {
    path: String,
    see: &'v mut dyn FnMut(&str, Item<'a>),
}

impl<'v, 'a> Visitor<'v, 'a> {
    /// A walk that begins at an empty path.
    pub fn new(see: &'v mut dyn FnMut(&str, Item<'a>)) -> Self {
        Self { path: String::new(), see }
    }

    /// A part under its name, and all its parts.
    pub fn child(&mut self, name: &str, part: &'a dyn Layer) {
        let outer = push(&mut self.path, name);
        (self.see)(&self.path, Item::Layer(part));
        part.visit(self);
        self.path.truncate(outer);
    }

    /// A part without a name of its own.
    pub fn flatten(&mut self, part: &'a dyn Layer) {
        (self.see)(&self.path, Item::Layer(part));
        part.visit(self);
    }

    /// A plain tensor that files hold, under its name.
    pub fn tensor(&mut self, name: &str, tensor: &'a Tensor) {
        let outer = push(&mut self.path, name);
        self.buffer(tensor, FileLayout::AsIs);
        self.path.truncate(outer);
    }

    /// The present path is a parameter.
    pub fn parameter(&mut self, parameter: &'a Parameter) {
        (self.see)(&self.path, Item::Parameter(parameter));
    }

    /// The present path is a buffer.
    pub fn buffer(&mut self, tensor: &'a Tensor, layout: FileLayout) {
        (self.see)(&self.path, Item::Buffer(tensor, layout));
    }
}

/// [`Visitor`], to change what it shows.
pub struct VisitorMut<'v, 'a> {
    path: String,
    see: &'v mut dyn FnMut(&str, ItemMut<'_, 'a>),
}

impl<'v, 'a> VisitorMut<'v, 'a> {
    /// A walk that begins at an empty path.
    pub fn new(see: &'v mut dyn FnMut(&str, ItemMut<'_, 'a>)) -> Self {
        Self { path: String::new(), see }
    }

    /// A part under its name, and all its parts.
    pub fn child(&mut self, name: &str, part: &'a mut dyn Layer) {
        let outer = push(&mut self.path, name);
        self.flatten(part);
        self.path.truncate(outer);
    }

    /// A part without a name of its own.
    pub fn flatten(&mut self, part: &'a mut dyn Layer) {
        (self.see)(&self.path, ItemMut::Layer(&mut *part));
        part.visit_mut(self);
    }

    /// A plain tensor that files hold, under its name.
    pub fn tensor(&mut self, name: &str, tensor: &'a mut Tensor) {
        let outer = push(&mut self.path, name);
        self.buffer(tensor, FileLayout::AsIs);
        self.path.truncate(outer);
    }

    /// The present path is a parameter.
    pub fn parameter(&mut self, parameter: &'a mut Parameter) {
        (self.see)(&self.path, ItemMut::Parameter(parameter));
    }

    /// The present path is a buffer.
    pub fn buffer(&mut self, tensor: &'a mut Tensor, layout: FileLayout) {
        (self.see)(&self.path, ItemMut::Buffer(tensor, layout));
    }
}

/// Appends a segment; the length to truncate to afterwards.
fn push(path: &mut String, name: &str) -> usize {
    let outer = path.len();
    if outer > 0 {
        path.push('.');
    }
    path.push_str(name);
    outer
}

/// Shows the model itself and every part to `see`, with its path.
pub(crate) fn for_each<'a>(model: &'a dyn Layer, see: &mut dyn FnMut(&str, Item<'a>)) {
    Visitor::new(see).flatten(model);
}

/// Shows the model itself and every part to `see`, with its path, to be changed.
pub fn for_each_mut<'a>(model: &'a mut dyn Layer, see: &mut dyn FnMut(&str, ItemMut<'_, 'a>)) {
    VisitorMut::new(see).flatten(model);
}

/// Refuses a model in which two parameters or buffers have one path: a file, or whatever else goes by path, would
/// know one of them.
///
/// # Errors
/// [`Error::DuplicateKey`] with the first such path.
pub fn check_unique_paths(model: &dyn Layer) -> Result<()> {
    let mut seen = HashSet::new();
    let mut result = Ok(());
    for_each(model, &mut |path, item| {
        let leaf = matches!(item, Item::Parameter(_) | Item::Buffer(..));
        if leaf && !seen.insert(path.to_owned()) && result.is_ok() {
            result = Err(Error::DuplicateKey { key: path.to_owned() });
        }
    });
    result
}

/// The parameters with their paths, in the order of the fields.
pub fn named_parameters(model: &dyn Layer) -> Vec<(String, &Parameter)> {
    let mut found = Vec::new();
    for_each(model, &mut |path, item| {
        if let Item::Parameter(parameter) = item {
            found.push((path.to_owned(), parameter));
        }
    });
    found
}

/// The buffers with their paths, in the order of the fields.
pub fn named_buffers(model: &dyn Layer) -> Vec<(String, &Tensor)> {
    let mut found = Vec::new();
    for_each(model, &mut |path, item| {
        if let Item::Buffer(tensor, _) = item {
            found.push((path.to_owned(), tensor));
        }
    });
    found
}

/// The layers with their paths, the model itself first, under the empty path.
pub fn named_layers(model: &dyn Layer) -> Vec<(String, &dyn Layer)> {
    let mut found: Vec<(String, &dyn Layer)> = Vec::new();
    for_each(model, &mut |path, item| match item {
        Item::Layer(layer) => found.push((path.to_owned(), layer)),
        // The leaf that was just shown as a layer.
        Item::Parameter(_) | Item::Buffer(..) => {
            if found.last().is_some_and(|(last, _)| last == path) {
                found.pop();
            }
        }
    });
    found
}

/// Calls `change` with the path and each parameter.
pub fn for_each_parameter_mut(model: &mut dyn Layer, mut change: impl FnMut(&str, &mut Parameter)) {
    for_each_mut(model, &mut |path, item| {
        if let ItemMut::Parameter(parameter) = item {
            change(path, parameter);
        }
    });
}

/// Elements of all parameters.
pub fn parameter_count(model: &dyn Layer) -> usize {
    named_parameters(model).iter().map(|(_, parameter)| parameter.value().len()).sum()
}

/// Freezes or frees the parameters whose path `choose` picks; how many they are.
///
/// Batch norms that are frozen this way still follow the batch; see [`BatchNorm2d::freeze`].
///
/// [`BatchNorm2d::freeze`]: crate::BatchNorm2d::freeze
pub fn set_trainable(model: &mut dyn Layer, trainable: Trainable, choose: impl Fn(&str) -> bool) -> usize {
    let mut chosen = 0;
    for_each_parameter_mut(model, |path, parameter| {
        if choose(path) {
            parameter.set_trainable(trainable);
            chosen += 1;
        }
    });
    chosen
}

/// Converts every parameter and every computing buffer to an element type: to `F64`, to check gradients.
///
/// # Errors
/// Out of memory; some parameters may then be converted and others not.
pub fn convert(model: &mut dyn Layer, dtype: DType) -> Result<()> {
    let mut result = Ok(());
    for_each_mut(model, &mut |_, item| {
        let tensor = match item {
            ItemMut::Parameter(parameter) => parameter.value_mut(),
            ItemMut::Buffer(tensor, _) => tensor,
            ItemMut::Layer(_) => return,
        };
        if result.is_ok() && tensor.dtype().is_compute() {
            result = tensor.to_dtype(dtype).map(|converted| *tensor = converted);
        }
    });
    Ok(result?)
}
