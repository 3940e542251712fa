//! Whether two engines computed the same.

use crate::protocol::Output;

/// How far apart the sums of random values may be: what is left of chance in thousands of numbers.
const CHANCE: f64 = 0.05;

/// Why the outputs of a peer are not ours, where they are not. Numbers may be apart by `tolerance`, relative to the
/// mean absolute value of their output.
pub(crate) fn disagreement(ours: &[Output], theirs: &[Output], tolerance: f64) -> Option<String> {
    for output in theirs {
        let name = &output.name;
        let Some(mine) = ours.iter().find(|mine| mine.name == *name) else {
            return Some(format!("{name} is missing from ours"));
        };
        if mine.len != output.len {
            return Some(format!("{name}: {} numbers, the peer has {}", mine.len, output.len));
        }
        let scale = (output.sum / output.len.max(1) as f64).max(f64::MIN_POSITIVE);
        let random = output.samples.is_empty();
        let sums_apart = if random { CHANCE } else { tolerance };
        if !near(mine.sum, output.sum, sums_apart * output.sum.abs()) {
            return Some(format!(
                "{name}: absolute values sum up to {}, the peer's to {}",
                mine.sum, output.sum
            ));
        }
        for (position, (a, b)) in mine.samples.iter().zip(&output.samples).enumerate() {
            if !near(*a, *b, tolerance * scale) {
                return Some(format!("{name}: sample {position} is {a}, the peer's {b}"));
            }
        }
    }
    None
}

/// Whether two numbers are no farther apart than that; NaN is near nothing.
fn near(a: f64, b: f64, distance: f64) -> bool {
    (a - b).abs() <= distance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(sum: f64, samples: &[f64]) -> Output {
        Output { name: "output".into(), len: 4, sum, samples: samples.to_vec() }
    }

    #[test]
    fn small_differences_are_rounding_and_large_ones_are_told() {
        let ours = [output(8.0, &[2.0, -2.0])];
        let disagreement = |ours: &[Output], theirs: &[Output]| super::disagreement(ours, theirs, 1e-3);
        assert_eq!(disagreement(&ours, &[output(8.001, &[2.001, -2.0])]), None);
        assert!(disagreement(&ours, &[output(8.0, &[2.0, -2.01])]).unwrap().contains("sample 1"));
        assert!(disagreement(&ours, &[output(9.0, &[2.0, -2.0])]).unwrap().contains("sum up"));
        assert!(disagreement(&[], &[output(8.0, &[])]).unwrap().contains("missing"));
    }

    #[test]
    fn random_values_agree_by_their_sum() {
        assert_eq!(disagreement(&[output(8.0, &[])], &[output(8.1, &[])], 1e-3), None);
        assert!(disagreement(&[output(8.0, &[])], &[output(9.0, &[])], 1e-3).is_some());
    }

    #[test]
    fn nan_never_agrees() {
        assert!(disagreement(&[output(f64::NAN, &[])], &[output(8.0, &[])], 1.0).is_some());
        assert!(disagreement(&[output(8.0, &[f64::NAN])], &[output(8.0, &[1.0])], 1.0).is_some());
    }
}
