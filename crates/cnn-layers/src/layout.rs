//! How a tensor is laid out in files, which speak PyTorch, as against in memory.

use cnn_tensor::ops::reshape::permute;
use cnn_tensor::{Shape, Tensor};

use crate::Result;

/// Order of a parameter's axes in files.
///
/// Declared by each parameter: the rank does not tell (an embedding and a dense weight both have two axes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FileLayout {
    /// As in memory.
    #[default]
    AsIs,
    /// `[out, in]` in files, `[in, out]` in memory.
    Matrix,
    /// `[out, in / groups, spatial..]` in files, `[spatial.., in / groups, out]` in memory.
    Conv,
    /// `[in, out / groups, spatial..]` in files, `[spatial.., out / groups, in]` in memory: the kernel of the
    /// convolution that it is the gradient of.
    ConvTransposed,
    /// `[channels, spatial..]` in files, `[spatial.., channels]` in memory.
    ChannelsFirst,
}

impl FileLayout {
    /// For each axis in files, the axis in memory. Ranks that the layout does not fit stay as they are.
    fn axes(self, rank: usize) -> Vec<usize> {
        let mut axes: Vec<usize> = (0..rank).collect();
        match self {
            Self::AsIs => {}
            Self::Matrix if rank == 2 => axes.swap(0, 1),
            Self::Conv | Self::ConvTransposed if rank > 2 => {
                axes.rotate_right(2);
                axes.swap(0, 1);
            }
            Self::ChannelsFirst if rank > 0 => axes.rotate_right(1),
            _ => {}
        }
        axes
    }

    /// The tensor as files have it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_file(self, tensor: &Tensor) -> Result<Tensor> {
        Ok(permute(tensor, &self.axes(tensor.rank()))?)
    }

    /// The tensor as memory has it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn from_file(self, tensor: &Tensor) -> Result<Tensor> {
        let axes = self.axes(tensor.rank());
        let mut inverse = vec![0; axes.len()];
        for (file, &memory) in axes.iter().enumerate() {
            inverse[memory] = file;
        }
        Ok(permute(tensor, &inverse)?)
    }

    /// The shape in files of a tensor that has `shape` in memory.
    pub(crate) fn file_shape(self, shape: Shape) -> Result<Shape> {
        let dims: Vec<usize> = self.axes(shape.rank()).into_iter().map(|axis| shape[axis]).collect();
        Ok(Shape::new(&dims)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cnn_tensor::DType;

    #[test]
    fn shapes_in_files_are_those_of_pytorch() {
        let file = |layout: FileLayout, shape: &[usize]| {
            layout.file_shape(Shape::new(shape).unwrap()).unwrap().dims().to_vec()
        };
        assert_eq!(file(FileLayout::AsIs, &[2, 3]), [2, 3]);
        assert_eq!(file(FileLayout::Matrix, &[2, 3]), [3, 2]);
        // 5x7 kernel from 3 to 8 channels.
        assert_eq!(file(FileLayout::Conv, &[5, 7, 3, 8]), [8, 3, 5, 7]);
        assert_eq!(file(FileLayout::Conv, &[5, 3, 8]), [8, 3, 5]);
        assert_eq!(file(FileLayout::ConvTransposed, &[5, 7, 3, 8]), [8, 3, 5, 7]);
        assert_eq!(file(FileLayout::ChannelsFirst, &[5, 7, 3]), [3, 5, 7]);
    }

    #[test]
    fn a_tensor_comes_back_from_a_file_as_it_was() {
        let numbers: Vec<f32> = (0..2 * 3 * 4 * 5).map(|i| i as f32).collect();
        let tensor = Tensor::from_slice(&[2, 3, 4, 5], &numbers).unwrap();
        for layout in
            [FileLayout::AsIs, FileLayout::Conv, FileLayout::ConvTransposed, FileLayout::ChannelsFirst]
        {
            let back = layout.from_file(&layout.to_file(&tensor).unwrap()).unwrap();
            assert_eq!(back.shape(), tensor.shape());
            assert_eq!(back.to_vec::<f32>().unwrap(), numbers, "{layout:?}");
        }
        let matrix = Tensor::zeros(&[2, 3], DType::F32).unwrap();
        assert_eq!(FileLayout::Matrix.to_file(&matrix).unwrap().shape(), [3, 2]);
    }
}
