//! NumPy's file of one array, `.npy`: read in its three versions, written in the first that can hold it.
//!
//! A file is the magic bytes, a version, the length of a header, the header (a Python dictionary with the element type,
//! the order of the axes in memory and the shape), and the elements. The format is described in NumPy's
//! documentation, `numpy.lib.format`.
//!
//! Whatever a file holds, reading it ends in a tensor or in an error, and takes no more memory than some times the file.
//! `BF16` has no name in NumPy and is not written. Archives of arrays (`.npz`) are not read.

mod header;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::ops::reshape;
use crate::{DType, Error, Result, Shape, Tensor};
use header::{Endian, Header};

/// A tensor from the bytes of a file.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, npy};
/// let x = Tensor::from_rows(&[[1.0f32, 2.0], [3.0, 4.0]])?;
/// let copy = npy::from_bytes(&npy::to_bytes(&x)?)?;
/// assert_eq!(copy.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Format`] where the bytes are not such a file, or of an element type that there is no [`DType`] for;
/// [`Error::TooLarge`], [`Error::OutOfMemory`].
pub fn from_bytes(bytes: &[u8]) -> Result<Tensor> {
    let (Header { dtype, endian, order, shape }, elements) = header::read(bytes)?;
    let size = Shape::new(&shape)?.len() * dtype.size();
    if elements.len() != size {
        let problem =
            format!("{} bytes follow the header, shape {shape:?} of {dtype} has {size}", elements.len());
        return Err(problem_of(problem));
    }
    let swapped;
    let elements = match endian {
        Endian::Big if dtype.size() > 1 => {
            let mut copy = elements.to_vec();
            copy.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
            swapped = copy;
            &swapped
        }
        _ => elements,
    };
    if dtype == DType::Bool && elements.iter().any(|&byte| byte > 1) {
        return Err(problem_of("a truth value is a byte other than 0 and 1"));
    }
    match order {
        header::Order::C => Tensor::from_le_bytes(&shape, dtype, elements),
        header::Order::Fortran => {
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            let axes: Vec<usize> = (0..shape.len()).rev().collect();
            reshape::permute(&Tensor::from_le_bytes(&reversed, dtype, elements)?, &axes)
        }
    }
}

/// The bytes of a file that holds the tensor.
///
/// # Errors
/// [`Error::DType`] for `BF16`; [`Error::ShapeOnly`].
pub fn to_bytes(x: &Tensor) -> Result<Vec<u8>> {
    let elements = x.to_le_bytes()?;
    let mut bytes = header::write(x.dtype(), x.shape())?;
    bytes.extend_from_slice(&elements);
    Ok(bytes)
}

/// A tensor from a file.
///
/// # Errors
/// [`Error::File`] where the file cannot be read; as [`from_bytes`], with the path.
pub fn load(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|error| of_file(path, &error))?;
    from_bytes(&bytes).map_err(|error| match error {
        error @ Error::Format { .. } => of_file(path, &error),
        error => error,
    })
}

/// Writes the tensor to a file, which is replaced where there is one.
///
/// # Errors
/// [`Error::File`] where the file cannot be written; as [`to_bytes`].
pub fn save(path: impl AsRef<Path>, x: &Tensor) -> Result<()> {
    let path = path.as_ref();
    std::fs::write(path, to_bytes(x)?).map_err(|error| of_file(path, &error))
}

fn of_file(path: &Path, problem: &dyn std::fmt::Display) -> Error {
    Error::File { path: path.to_owned(), problem: problem.to_string() }
}

fn problem_of(problem: impl Into<String>) -> Error {
    Error::Format { format: "npy", problem: problem.into() }
}
