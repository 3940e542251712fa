//! [`Parameter`] and [`Buffer`], the leaves of a model.

use cnn_autograd::{Ctx, ParameterId, Trainable, Var};
use cnn_tensor::Tensor;

use crate::layer::within;
use crate::visit::{Visitor, VisitorMut};
use crate::{FileLayout, Layer, Result};

/// A tensor that training changes.
///
/// A clone is another parameter: it has the same values and an id of its own.
#[derive(Debug)]
pub struct Parameter {
    id: ParameterId,
    value: Tensor,
    layout: FileLayout,
    trainable: Trainable,
}

impl Parameter {
    /// A trainable parameter with a starting value and its layout in files.
    pub fn new(value: Tensor, layout: FileLayout) -> Self {
        Self { id: ParameterId::new(), value, layout, trainable: Trainable::Yes }
    }

    /// What gradients are looked up by.
    pub fn id(&self) -> ParameterId {
        self.id
    }

    /// The present value.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The present value, to update. Its shape must stay.
    pub fn value_mut(&mut self) -> &mut Tensor {
        &mut self.value
    }

    /// Layout in files.
    pub fn layout(&self) -> FileLayout {
        self.layout
    }

    /// Whether it is trained or frozen.
    pub fn trainable(&self) -> Trainable {
        self.trainable
    }

    /// Freezes or frees it.
    pub fn set_trainable(&mut self, trainable: Trainable) {
        self.trainable = trainable;
    }

    /// The parameter as a variable of this pass: the same leaf however often it is used.
    ///
    /// # Errors
    /// Where the tape of the pass is gone.
    pub fn var(&self, cx: &mut Ctx) -> Result<Var> {
        within(self, cx, |cx| Ok(cx.parameter(self.id, &self.value, self.trainable)?))
    }
}

impl Clone for Parameter {
    fn clone(&self) -> Self {
        let (value, layout) = (self.value.clone(), self.layout);
        Self { id: ParameterId::new(), value, layout, trainable: self.trainable }
    }
}

impl Layer for Parameter {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        visitor.parameter(self);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        visitor.parameter(self);
    }
}

/// A tensor that files hold and training does not change by gradients: running statistics.
#[derive(Debug)]
pub struct Buffer {
    id: ParameterId,
    value: Tensor,
    layout: FileLayout,
}

impl Buffer {
    /// A buffer with a starting value and its layout in files.
    pub fn new(value: Tensor, layout: FileLayout) -> Self {
        Self { id: ParameterId::new(), value, layout }
    }

    /// Names the buffer within this process.
    pub fn id(&self) -> ParameterId {
        self.id
    }

    /// The present value.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The present value, to update. Its shape must stay.
    pub fn value_mut(&mut self) -> &mut Tensor {
        &mut self.value
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::new(self.value.clone(), self.layout)
    }
}

impl Layer for Buffer {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        visitor.buffer(&self.value, self.layout);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        visitor.buffer(&mut self.value, self.layout);
    }
}
