//! Joining tensors along an axis: one that they have, or a new one.

use super::check;
use super::segments::{Segment, assemble};
use crate::{Error, Result, Shape, Spec, Tensor};

/// Shape and type of [`concat()`].
///
/// # Errors
/// As [`concat()`].
pub fn infer(inputs: &[Spec], axis: usize) -> Result<Spec> {
    let Some((first, others)) = inputs.split_first() else {
        return Err(Error::shape("concat", "no tensors given, expected one or more"));
    };
    check::axis("concat", &first.shape, axis)?;
    let mut dims = first.shape.to_vec();
    for (index, other) in others.iter().enumerate() {
        if other.dtype != first.dtype {
            return Err(Error::dtype("concat", other.dtype, first.dtype.name()));
        }
        let fits = other.shape.rank() == dims.len()
            && (0..dims.len()).all(|at| at == axis || other.shape[at] == dims[at]);
        if !fits {
            let (first, met, number) = (first.shape, other.shape, index + 1);
            let problem =
                format!("input 0 is {first}, input {number} is {met}; only axis {axis} may differ in size");
            return Err(Error::shape("concat", problem));
        }
        dims[axis] = dims[axis]
            .checked_add(other.shape[axis])
            .ok_or_else(|| Error::shape("concat", format!("the sizes along axis {axis} overflow")))?;
    }
    Ok(Spec::new(Shape::new(&dims)?, first.dtype))
}

/// The tensors one after the other along an axis.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::concat::concat};
/// let a = Tensor::from_slice(&[2, 1], &[1.0f32, 2.0])?;
/// let b = Tensor::from_slice(&[2, 2], &[3.0f32, 4.0, 5.0, 6.0])?;
/// assert_eq!(concat(&[&a, &b], 1)?.to_vec::<f32>()?, [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// All sizes but those along the axis are equal; those add up.
///
/// # Errors
/// [`Error::Shape`] where sizes differ, there is no such axis or nothing is given; [`Error::DType`] where types differ.
pub fn concat(inputs: &[&Tensor], axis: usize) -> Result<Tensor> {
    let specs: Vec<Spec> = inputs.iter().map(|input| input.spec()).collect();
    let output = infer(&specs, axis)?;
    if let [single] = inputs {
        return Ok((*single).clone());
    }
    let segments: Vec<Segment> = inputs.iter().map(|input| Segment::whole(input, axis)).collect();
    assemble(&output.shape, output.dtype, &segments)
}

/// The tensors, all of one shape, along a new axis before the given one.
///
/// # Shapes
/// `n` tensors of `[a, b]` to `[a, n, b]` for axis 1.
///
/// # Errors
/// As [`concat()`].
pub fn stack(inputs: &[&Tensor], axis: usize) -> Result<Tensor> {
    let first =
        inputs.first().ok_or_else(|| Error::shape("stack", "no tensors given, expected one or more"))?;
    let mut dims = first.shape().to_vec();
    if axis > dims.len() {
        let problem = format!("axis {axis} of shape {dims:?}, expected at most {}", dims.len());
        return Err(Error::shape("stack", problem));
    }
    for input in inputs {
        check::same_spec("stack", ("first", first), ("another", input))?;
    }
    dims.insert(axis, 1);
    let inputs =
        inputs.iter().map(|input| (*input).clone().reshape(&dims)).collect::<Result<Vec<Tensor>>>()?;
    concat(&inputs.iter().collect::<Vec<_>>(), axis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::DType;
    use crate::ops::narrow::narrow;
    use crate::testing::{assert_threads_change_nothing, normal, poison, same_bits};

    #[test]
    fn rows_and_columns_are_joined() {
        let a = Tensor::from_slice(&[1, 2], &[1u16, 2]).unwrap();
        let b = Tensor::from_slice(&[2, 2], &[3u16, 4, 5, 6]).unwrap();
        assert_eq!(concat(&[&a, &b], 0).unwrap().to_vec::<u16>().unwrap(), [1, 2, 3, 4, 5, 6]);
        let c = Tensor::from_slice(&[2, 1], &[7u16, 8]).unwrap();
        let y = concat(&[&c, &b, &c], 1).unwrap();
        assert_eq!((y.shape(), y.to_vec::<u16>().unwrap()), (&[2, 4][..], vec![7, 3, 4, 7, 8, 5, 6, 8]));
    }

    #[test]
    fn a_new_axis_may_stand_anywhere() {
        let (a, b) =
            (Tensor::from_slice(&[2], &[1i8, 2]).unwrap(), Tensor::from_slice(&[2], &[3i8, 4]).unwrap());
        let rows = stack(&[&a, &b], 0).unwrap();
        assert_eq!((rows.shape(), rows.to_vec::<i8>().unwrap()), (&[2, 2][..], vec![1, 2, 3, 4]));
        assert_eq!(stack(&[&a, &b], 1).unwrap().to_vec::<i8>().unwrap(), [1, 3, 2, 4]);
        let scalars =
            stack(&[&Tensor::scalar(1.0f64).unwrap(), &Tensor::scalar(2.0f64).unwrap()], 0).unwrap();
        assert_eq!(scalars.shape(), [2]);
    }

    #[test]
    fn misfits_are_named() {
        let x = |dims: &[usize]| Tensor::zeros(dims, DType::F32).unwrap();
        let error = concat(&[&x(&[2, 3]), &x(&[2, 4])], 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "concat: input 0 is [2, 3], input 1 is [2, 4]; only axis 0 may differ in size"
        );
        assert!(matches!(concat(&[], 0), Err(Error::Shape { .. })));
        assert!(matches!(concat(&[&x(&[])], 0), Err(Error::Shape { .. })));
        assert!(matches!(concat(&[&x(&[2]), &x(&[2, 1])], 0), Err(Error::Shape { .. })));
        assert!(matches!(concat(&[&x(&[1]), &Tensor::scalar(1u8).unwrap()], 0), Err(Error::DType { .. })));
        assert!(matches!(stack(&[&x(&[2]), &x(&[3])], 0), Err(Error::Shape { .. })));
        assert!(matches!(stack(&[&x(&[2])], 2), Err(Error::Shape { .. })));
        assert!(matches!(stack(&[], 0), Err(Error::Shape { .. })));
        let half = Spec::new(Shape::new(&[usize::MAX / 64]).unwrap(), DType::U8);
        assert!(matches!(infer(&[half; 8], 0), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn threads_change_nothing() {
        let (a, b) =
            (normal(&[50, 30, 20], 1, DType::F32).unwrap(), normal(&[50, 70, 20], 2, DType::F32).unwrap());
        let joined = concat(&[&a, &b, &a], 1).unwrap();
        for (part, range) in [(&a, 0..30), (&b, 30..100), (&a, 100..130)] {
            assert!(same_bits(&narrow(&joined, 1, range).unwrap(), part));
        }
        assert_threads_change_nothing("concat", || vec![concat(&[&a, &b, &a], 1).unwrap()]);
    }

    proptest! {
        #[test]
        fn what_is_joined_is_found_again(
            before in 0usize..4, behind in 0usize..4, lens in prop::collection::vec(0usize..5, 1..5),
            which in 0usize..10,
        ) {
            let dtype = DType::ALL[which];
            let inputs: Vec<Tensor> = lens
                .iter()
                .enumerate()
                .map(|(seed, &len)| normal(&[before, len, behind], seed as u64, DType::F32).unwrap())
                .map(|x| x.to_dtype(dtype).unwrap())
                .collect();
            poison(&[before, lens.iter().sum(), behind], dtype).unwrap();
            let joined = concat(&inputs.iter().collect::<Vec<_>>(), 1).unwrap();
            let mut start = 0;
            for input in &inputs {
                let end = start + input.shape()[1];
                prop_assert!(same_bits(&narrow(&joined, 1, start..end).unwrap(), input));
                start = end;
            }
        }
    }
}
