//! Sizes of an attention, checked, and where in the mask a row of scores finds its own.

use super::{InputSpecs, OP, Options};
use crate::{DType, Error, Result, Spec};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) heads: usize,
    /// Channels of a head's queries and keys.
    pub(super) head_size: usize,
    /// Channels of a head's values.
    pub(super) value_size: usize,
    /// Factor of the scores.
    pub(super) scale: f64,
    /// Distances between the rows of the mask of neighbouring images, heads and queries; zero where they share one.
    mask_steps: [usize; 3],
}

impl Geometry {
    /// The sizes, and the element type of inputs and output.
    pub(super) fn new(inputs: InputSpecs, mask: Option<Spec>, options: &Options) -> Result<(Self, DType)> {
        let (rows, dtype) = match inputs {
            InputSpecs::Apart { query, key, value } => (apart(query, key, value)?, query.dtype),
            InputSpecs::Packed(spec) => (packed(spec)?, spec.dtype),
        };
        if !dtype.is_compute() {
            return Err(Error::dtype(OP, dtype, "f32 or f64"));
        }
        let Rows { batch, queries, keys, features, values } = rows;
        let heads = options.heads;
        let divides = |channels: usize| heads > 0 && channels > 0 && channels.is_multiple_of(heads);
        if !divides(features) || !divides(values) {
            let met = format!("{heads} for {features} channels of queries and {values} of values");
            return Err(Error::argument(
                OP,
                "heads",
                met,
                "a divisor of the channels, of which there are some",
            ));
        }
        if let Some(dropout) = options.dropout
            && !(0.0..=1.0).contains(&dropout.probability)
        {
            return Err(Error::argument(OP, "probability", dropout.probability, "0 to 1"));
        }
        let (head_size, value_size) = (features / heads, values / heads);
        let scale = options.scale.unwrap_or(1.0 / (head_size as f64).sqrt());
        if !scale.is_finite() {
            return Err(Error::argument(OP, "scale", scale, "a finite number"));
        }
        let mask_steps = match mask {
            None => [0; 3],
            Some(mask) => mask_steps(mask, [batch, heads, queries, keys], dtype)?,
        };
        Ok((Self { batch, queries, keys, heads, head_size, value_size, scale, mask_steps }, dtype))
    }

    /// Where the mask of a query's scores begins.
    pub(super) fn mask_row(&self, image: usize, head: usize, query: usize) -> usize {
        let [of_image, of_head, of_query] = self.mask_steps;
        image * of_image + head * of_head + query * of_query
    }

    /// The number, among all weights, of a query's first.
    pub(super) fn weight(&self, image: usize, head: usize, query: usize) -> u64 {
        let row = (image as u64 * self.heads as u64 + head as u64) * self.queries as u64 + query as u64;
        row.wrapping_mul(self.keys as u64)
    }
}

/// Sizes before they are divided among the heads.
struct Rows {
    batch: usize,
    queries: usize,
    keys: usize,
    features: usize,
    values: usize,
}

fn apart(query: Spec, key: Spec, value: Spec) -> Result<Rows> {
    let (&[batch, queries, features], &[key_batch, keys, key_features], &[value_batch, value_rows, values]) =
        (query.shape.dims(), key.shape.dims(), value.shape.dims())
    else {
        let problem = format!(
            "queries {}, keys {} and values {}, expected [batch, length, channels]",
            query.shape, key.shape, value.shape
        );
        return Err(Error::shape(OP, problem));
    };
    if [key_batch, value_batch] != [batch; 2] || key_features != features || value_rows != keys {
        let problem = format!(
            "queries {}, keys {} and values {} differ, expected one batch, queries and keys of as many channels, and as \
             many keys as values",
            query.shape, key.shape, value.shape
        );
        return Err(Error::shape(OP, problem));
    }
    for other in [key, value] {
        if other.dtype != query.dtype {
            return Err(Error::dtype(OP, other.dtype, query.dtype.name()));
        }
    }
    Ok(Rows { batch, queries, keys, features, values })
}

fn packed(spec: Spec) -> Result<Rows> {
    let &[batch, length, channels] = spec.shape.dims() else {
        let problem = format!("input {}, expected [batch, length, 3 * channels]", spec.shape);
        return Err(Error::shape(OP, problem));
    };
    if !channels.is_multiple_of(3) {
        let problem =
            format!("input {} should hold as many channels of queries, keys and values", spec.shape);
        return Err(Error::shape(OP, problem));
    }
    Ok(Rows { batch, queries: length, keys: length, features: channels / 3, values: channels / 3 })
}

fn mask_steps(mask: Spec, expected: [usize; 4], dtype: DType) -> Result<[usize; 3]> {
    if mask.dtype != DType::Bool && mask.dtype != dtype {
        return Err(Error::dtype(OP, mask.dtype, format!("bool or {dtype} for a mask")));
    }
    let [.., queries, keys] = expected;
    let dims = match *mask.shape.dims() {
        [rows, columns] => [1, 1, rows, columns],
        [batch, heads, rows, columns] => [batch, heads, rows, columns],
        _ => [usize::MAX; 4],
    };
    let fits = |axis: usize| dims[axis] == expected[axis] || (dims[axis] == 1 && axis < 3);
    if !(0..4).all(fits) {
        let problem = format!(
            "mask {}, expected [{queries}, {keys}] or {expected:?}, where all but the keys may be 1",
            mask.shape
        );
        return Err(Error::shape(OP, problem));
    }
    let [batch, heads, rows, columns] = dims;
    let step = |size: usize, step: usize| if size == 1 { 0 } else { step };
    Ok([step(batch, heads * rows * columns), step(heads, rows * columns), step(rows, columns)])
}
