//! The plain loops: the oracle, and the path of `f64`.

use super::{Causality, Geometry, Gradients, Inputs, Options};
use crate::ops::dropout::Mask as Dropped;
use crate::{DType, Float, Result, Tensor};

/// Rows of one of queries, keys and values: where they are, how far apart, and where the first head begins.
#[derive(Clone, Copy)]
struct Rows<'a, F> {
    data: &'a [F],
    pitch: usize,
    first: usize,
}

impl<'a, F> Rows<'a, F> {
    /// The channels of a head in a row.
    fn head(&self, row: usize, head: usize, size: usize) -> &'a [F] {
        &self.data[row * self.pitch + self.first + head * size..][..size]
    }
}

fn rows<'a, F: Float>(geometry: &Geometry, inputs: Inputs<'a>) -> Result<[Rows<'a, F>; 3]> {
    let features = geometry.heads * geometry.head_size;
    Ok(match inputs {
        Inputs::Apart { query, key, value } => [
            Rows { data: query.as_slice()?, pitch: features, first: 0 },
            Rows { data: key.as_slice()?, pitch: features, first: 0 },
            Rows { data: value.as_slice()?, pitch: geometry.heads * geometry.value_size, first: 0 },
        ],
        Inputs::Packed(packed) => {
            let data = packed.as_slice()?;
            [0, 1, 2].map(|third| Rows { data, pitch: 3 * features, first: third * features })
        }
    })
}

/// The mask as numbers that are added to the scores.
fn added<F: Float>(mask: Option<&Tensor>) -> Result<Option<Vec<F>>> {
    let Some(mask) = mask else { return Ok(None) };
    Ok(Some(match mask.dtype() {
        DType::Bool => {
            let seen = mask.as_slice::<u8>()?.iter();
            seen.map(|&seen| if seen != 0 { F::ZERO } else { F::NEG_INFINITY }).collect()
        }
        _ => mask.to_vec::<F>()?,
    }))
}

/// The weights of a query before some are dropped, and their factors through dropping.
struct Weights<F> {
    softmax: Vec<F>,
    factors: Vec<F>,
}

/// One query of a head of an image.
#[derive(Clone, Copy)]
struct Place {
    image: usize,
    head: usize,
    query: usize,
}

fn weights<F: Float>(
    geometry: &Geometry,
    [queries, keys]: [Rows<'_, F>; 2],
    added: Option<&[F]>,
    options: &Options,
    place: Place,
) -> Weights<F> {
    let Place { image, head, query } = place;
    let size = geometry.head_size;
    let q = queries.head(image * geometry.queries + query, head, size);
    let mut scores: Vec<F> = (0..geometry.keys)
        .map(|key| {
            let k = keys.head(image * geometry.keys + key, head, size);
            let score = F::from_f64(geometry.scale) * q.iter().zip(k).map(|(&q, &k)| q * k).sum::<F>();
            let score = match added {
                Some(added) => score + added[geometry.mask_row(image, head, query) + key],
                None => score,
            };
            if options.causality == Causality::Causal && key > query { F::NEG_INFINITY } else { score }
        })
        .collect();
    let most = scores.iter().fold(F::NEG_INFINITY, |most, &score| if score > most { score } else { most });
    let none = scores.iter().all(|&score| score == F::NEG_INFINITY);
    if none {
        scores.fill(F::ZERO);
    } else {
        scores.iter_mut().for_each(|score| *score = (*score - most).exp());
        let sum: F = scores.iter().copied().sum();
        scores.iter_mut().for_each(|score| *score = *score / sum);
    }
    let factors = match options.dropout {
        None => vec![F::ONE; geometry.keys],
        Some(dropout) => {
            let dropped = Dropped::new(dropout.probability, dropout.key);
            let first = geometry.weight(image, head, query);
            (0..geometry.keys as u64)
                .map(|key| F::from_f64(dropped.factor(first.wrapping_add(key))))
                .collect()
        }
    };
    Weights { softmax: scores, factors }
}

fn places(geometry: &Geometry) -> impl Iterator<Item = Place> + use<> {
    let Geometry { batch, heads, queries, .. } = *geometry;
    (0..batch).flat_map(move |image| {
        (0..heads).flat_map(move |head| (0..queries).map(move |query| Place { image, head, query }))
    })
}

pub(super) fn forward<F: Float>(
    geometry: &Geometry,
    inputs: Inputs<'_>,
    mask: Option<&Tensor>,
    options: &Options,
    output: &mut [F],
) -> Result<()> {
    let ([queries, keys, values], added) = (rows::<F>(geometry, inputs)?, added(mask)?);
    let size = geometry.value_size;
    output.fill(F::ZERO);
    for place in places(geometry) {
        let Weights { softmax, factors } =
            weights(geometry, [queries, keys], added.as_deref(), options, place);
        let row = (place.image * geometry.queries + place.query) * geometry.heads + place.head;
        let target = &mut output[row * size..][..size];
        for key in 0..geometry.keys {
            let value = values.head(place.image * geometry.keys + key, place.head, size);
            let weight = softmax[key] * factors[key];
            target.iter_mut().zip(value).for_each(|(sum, &value)| *sum += weight * value);
        }
    }
    Ok(())
}

pub(super) fn backward<F: Float>(
    geometry: &Geometry,
    inputs: Inputs<'_>,
    mask: Option<&Tensor>,
    options: &Options,
    grad: &Tensor,
    gradients: &mut Gradients,
) -> Result<()> {
    let ([queries, keys, values], added) = (rows::<F>(geometry, inputs)?, added(mask)?);
    let grads = grad.as_slice::<F>()?;
    let [mut grad_query, mut grad_key, mut grad_value] =
        [queries, keys, values].map(|rows| vec![F::ZERO; rows.data.len()]);
    let (size, value_size) = (geometry.head_size, geometry.value_size);
    for place in places(geometry) {
        let Place { image, head, query } = place;
        let Weights { softmax, factors } =
            weights(geometry, [queries, keys], added.as_deref(), options, place);
        let row = image * geometry.queries + query;
        let grad = &grads[(row * geometry.heads + head) * value_size..][..value_size];
        let of_weights: Vec<F> = (0..geometry.keys)
            .map(|key| {
                let value = values.head(image * geometry.keys + key, head, value_size);
                factors[key] * grad.iter().zip(value).map(|(&grad, &value)| grad * value).sum::<F>()
            })
            .collect();
        let share: F = of_weights.iter().zip(&softmax).map(|(&grad, &weight)| grad * weight).sum();
        let q = queries.head(row, head, size);
        for key in 0..geometry.keys {
            let key_row = image * geometry.keys + key;
            let score = softmax[key] * (of_weights[key] - share) * F::from_f64(geometry.scale);
            let k = keys.head(key_row, head, size);
            for c in 0..size {
                grad_query[row * queries.pitch + queries.first + head * size + c] += score * k[c];
                grad_key[key_row * keys.pitch + keys.first + head * size + c] += score * q[c];
            }
            let first = key_row * values.pitch + values.first + head * value_size;
            for (sum, &grad) in grad_value[first..].iter_mut().zip(grad) {
                *sum += softmax[key] * factors[key] * grad;
            }
        }
    }
    match gradients {
        Gradients::Packed(packed) => {
            // Each third was summed in a tensor of its own, which is zero elsewhere.
            let all = grad_query.iter().zip(&grad_key).zip(&grad_value);
            for (target, ((&q, &k), &v)) in packed.as_mut_slice::<F>()?.iter_mut().zip(all) {
                *target = q + k + v;
            }
        }
        Gradients::Apart { query, key, value } => {
            for (target, grad) in [(query, grad_query), (key, grad_key), (value, grad_value)] {
                if let Some(target) = target {
                    target.as_mut_slice::<F>()?.copy_from_slice(&grad);
                }
            }
        }
    }
    Ok(())
}
