//! Where a number that PyTorch counts as the p-th stands in our tensors.
//!
//! Inputs are filled and outputs are compared by PyTorch's order of axes, so that both engines compute on the
//! same numbers, each in its own memory layout.

use bench_common::inputs;
use cnn_layers::{FileLayout, Parameter};
use cnn_tensor::{DType, Tensor};

use crate::failure::Result;
use crate::protocol::Output;

/// A tensor's shape here, and its axes as PyTorch orders them.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    shape: Vec<usize>,
    /// For each of PyTorch's axes, outermost first: its size, and how far apart its neighbours are here.
    axes: Vec<[usize; 2]>,
    compared: Compared,
}

/// What of an output is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Values,
    /// The sum alone.
    Sum,
}

impl Layout {
    /// Images: `[batch, channels, height, width]` there, channels last here.
    pub(super) fn image(batch: usize, channels: usize, height: usize, width: usize) -> Self {
        let axes = vec![
            [batch, height * width * channels],
            [channels, 1],
            [height, width * channels],
            [width, channels],
        ];
        Self { shape: vec![batch, height, width, channels], axes, compared: Compared::Values }
    }

    /// Sequences: `[batch, channels, length]` there, channels last here.
    pub(super) fn sequence(batch: usize, channels: usize, length: usize) -> Self {
        let axes = vec![[batch, length * channels], [channels, 1], [length, channels]];
        Self { shape: vec![batch, length, channels], axes, compared: Compared::Values }
    }

    /// Kernels: `[out_c, in_c, k_h, k_w]` there, `[k_h, k_w, in_c, out_c]` here.
    pub(super) fn kernel(out_c: usize, in_c: usize, k_h: usize, k_w: usize) -> Self {
        let axes = vec![[out_c, 1], [in_c, out_c], [k_h, k_w * in_c * out_c], [k_w, in_c * out_c]];
        Self { shape: vec![k_h, k_w, in_c, out_c], axes, compared: Compared::Values }
    }

    /// A dense layer's weights: `[out, in]` there, `[in, out]` here.
    pub(super) fn weight(out_features: usize, in_features: usize) -> Self {
        let axes = vec![[out_features, 1], [in_features, out_features]];
        Self { shape: vec![in_features, out_features], axes, compared: Compared::Values }
    }

    /// A parameter of a network, which files keep as PyTorch has it.
    pub(super) fn parameter(parameter: &Parameter) -> Self {
        match (parameter.layout(), parameter.value().shape()) {
            (FileLayout::Conv, &[k_h, k_w, in_c, out_c]) => Self::kernel(out_c, in_c, k_h, k_w),
            (FileLayout::Matrix, &[in_features, out_features]) => Self::weight(out_features, in_features),
            (_, shape) => Self::plain(shape),
        }
    }

    /// The same order on both sides.
    pub(super) fn plain(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), axes: vec![[shape.iter().product(), 1]], compared: Compared::Values }
    }

    /// The same where single values are another engine's only by chance, and their sum has to tell.
    pub(super) fn by_sum(self) -> Self {
        Self { compared: Compared::Sum, ..self }
    }

    /// The place here of the number at `position` there.
    fn place(&self, mut position: usize) -> usize {
        let mut place = 0;
        for &[size, step] in self.axes.iter().rev() {
            place += position % size * step;
            position /= size;
        }
        place
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// A tensor of the numbers of a stream.
    pub(super) fn tensor(&self, stream: u64) -> Result<Tensor> {
        self.filled(|position| inputs::number(stream, position))
    }

    /// A tensor of the numbers that `value` gives for PyTorch's positions.
    pub(super) fn filled(&self, value: impl Fn(usize) -> f32) -> Result<Tensor> {
        let mut tensor = Tensor::stale(&self.shape, DType::F32)?;
        let slice = tensor.as_mut_slice::<f32>()?;
        for position in 0..self.len() {
            slice[self.place(position)] = value(position);
        }
        Ok(tensor)
    }

    /// An output in brief.
    pub(super) fn digest(&self, name: &str, tensor: &Tensor) -> Result<Output> {
        let values = tensor.as_slice::<f32>()?;
        let sum = values.iter().map(|value| f64::from(value.abs())).sum();
        let samples = match self.compared {
            Compared::Values => {
                let positions = inputs::sample_positions(self.len()).into_iter();
                positions.map(|position| f64::from(values[self.place(position)])).collect()
            }
            Compared::Sum => Vec::new(),
        };
        Ok(Output { name: name.into(), len: values.len(), sum, samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_reordered() {
        let image = Layout::image(2, 3, 4, 5).filled(|position| position as f32).unwrap();
        let values = image.as_slice::<f32>().unwrap();
        // Image 1, row 2, column 3: its channels are 20 apart in PyTorch's order.
        let place = ((4 + 2) * 5 + 3) * 3;
        let position = (3 * 4 + 2) * 5 + 3;
        let expected = [0, 20, 40].map(|channel| (position + channel) as f32);
        assert_eq!(values[place..place + 3], expected);

        let kernel = Layout::kernel(2, 3, 1, 2).filled(|position| position as f32).unwrap();
        assert_eq!(
            kernel.as_slice::<f32>().unwrap(),
            [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11].map(|v| v as f32)
        );

        let weight = Layout::weight(2, 3).filled(|position| position as f32).unwrap();
        assert_eq!(weight.as_slice::<f32>().unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }
}
