//! Whether two engines computed the same.

use crate::protocol::Output;

/// How far apart the sums of random values may be: what is left of chance in thousands of numbers.
const CHANCE: f64 = 0.05;

/// How the outputs of a peer stand to ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They are the same but for rounding.
    Same,
    /// Neither engine sends any for this work.
    NotCompared,
    /// They are not, and why.
    Differs(String),
}

/// Compares each output of ours with the peer's of the same name. Numbers may be apart by `tolerance`, relative to the
/// mean absolute value of their output.
pub(crate) fn agreement(ours: &[Output], theirs: &[Output], tolerance: f64) -> Agreement {
    if ours.is_empty() && theirs.is_empty() {
        return Agreement::NotCompared;
    }
    if let Some(unknown) = theirs.iter().find(|output| named(ours, &output.name).is_none()) {
        return Agreement::Differs(format!("{} is missing from ours", unknown.name));
    }
    let difference = ours.iter().find_map(|mine| match named(theirs, &mine.name) {
        Some(output) => difference(mine, output, tolerance),
        None => Some(format!("{} is missing from the peer's", mine.name)),
    });
    difference.map_or(Agreement::Same, Agreement::Differs)
}

fn named<'a>(outputs: &'a [Output], name: &str) -> Option<&'a Output> {
    outputs.iter().find(|output| output.name == name)
}

/// What is different in two outputs of one name. Ours says whether its values are random: it then has no samples.
fn difference(mine: &Output, output: &Output, tolerance: f64) -> Option<String> {
    let name = &mine.name;
    for (what, mine, theirs) in
        [("numbers", mine.len, output.len), ("samples", mine.samples.len(), output.samples.len())]
    {
        if mine != theirs {
            return Some(format!("{name}: {mine} {what}, the peer has {theirs}"));
        }
    }
    let sums_apart = if mine.samples.is_empty() { CHANCE } else { tolerance };
    if !near(mine.sum, output.sum, sums_apart * mine.sum.abs()) {
        return Some(format!("{name}: absolute values sum up to {}, the peer's to {}", mine.sum, output.sum));
    }
    let scale = (mine.sum / mine.len.max(1) as f64).max(f64::MIN_POSITIVE);
    let mut pairs = mine.samples.iter().zip(&output.samples).enumerate();
    let apart = pairs.find(|(_, (a, b))| !near(**a, **b, tolerance * scale));
    apart.map(|(position, (a, b))| format!("{name}: sample {position} is {a}, the peer's {b}"))
}

/// Whether two numbers are no farther apart than that; NaN and infinity are near nothing.
fn near(a: f64, b: f64, distance: f64) -> bool {
    a.is_finite() && b.is_finite() && (a - b).abs() <= distance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(sum: f64, samples: &[f64]) -> Output {
        Output { name: "output".into(), len: 4, sum, samples: samples.to_vec() }
    }

    /// What is told of a difference; empty where there is none.
    fn told(ours: &[Output], theirs: &[Output]) -> String {
        match agreement(ours, theirs, 1e-3) {
            Agreement::Same => String::new(),
            Agreement::NotCompared => "not compared".into(),
            Agreement::Differs(why) => why,
        }
    }

    #[test]
    fn small_differences_are_rounding_and_large_ones_are_told() {
        let ours = [output(8.0, &[2.0, -2.0])];
        assert_eq!(told(&ours, &[output(8.001, &[2.001, -2.0])]), "");
        assert!(told(&ours, &[output(8.0, &[2.0, -2.01])]).contains("sample 1"));
        assert!(told(&ours, &[output(9.0, &[2.0, -2.0])]).contains("sum up"));
    }

    #[test]
    fn what_is_missing_on_either_side_is_no_agreement() {
        let mine = output(8.0, &[2.0]);
        let second = Output { name: "grad_input".into(), ..mine.clone() };
        let both = [mine.clone(), second];
        assert_eq!(told(&both, &[]), "output is missing from the peer's");
        assert_eq!(told(&both, &both[..1]), "grad_input is missing from the peer's");
        assert_eq!(told(&both[..1], &both), "grad_input is missing from ours");
        assert_eq!(told(&both[..1], &[output(8.0, &[])]), "output: 1 samples, the peer has 0");
        assert_eq!(told(&[output(8.0, &[2.0, 1.0])], &[mine]), "output: 2 samples, the peer has 1");
    }

    #[test]
    fn two_engines_without_outputs_were_not_compared() {
        assert_eq!(agreement(&[], &[], 1e-3), Agreement::NotCompared);
    }

    #[test]
    fn random_values_agree_by_their_sum() {
        assert_eq!(told(&[output(8.0, &[])], &[output(8.1, &[])]), "");
        assert!(told(&[output(8.0, &[])], &[output(9.0, &[])]).contains("sum up"));
    }

    #[test]
    fn nan_and_infinity_never_agree() {
        for (mine, theirs) in [
            (output(f64::NAN, &[]), output(8.0, &[])),
            (output(f64::INFINITY, &[]), output(8.0, &[])),
            (output(f64::INFINITY, &[]), output(f64::INFINITY, &[])),
            (output(8.0, &[f64::NAN]), output(8.0, &[1.0])),
        ] {
            assert!(!told(&[mine], &[theirs]).is_empty());
        }
    }
}
