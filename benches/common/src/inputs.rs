//! The same numbers in every engine: a formula of a stream and a position, in PyTorch's order of axes.
//!
//! `word(stream, index)` is the output of SplitMix64 (Steele, Lea and Flood, 2014) with the seed `stream << 40`
//! after `index + 1` steps; a number takes its upper 24 bits and lies in [-1, 1). `benches/peers/torch/inputs.py`
//! is the same formula.

/// Streams of numbers, one for each input.
pub mod stream {
    /// The input of an operation.
    pub const INPUT: u64 = 1;
    /// Weights.
    pub const WEIGHT: u64 = 2;
    /// The gradient that comes in.
    pub const GRADIENT: u64 = 3;
    /// A residual or second input.
    pub const OTHER: u64 = 4;
    /// Biases.
    pub const BIAS: u64 = 5;
    /// Labels.
    pub const LABELS: u64 = 6;
    /// Positions of samples.
    pub const SAMPLES: u64 = 7;
}

/// Positions of an output that are compared.
const SAMPLES: u64 = 64;

/// Word number `index` of a stream.
pub fn word(stream: u64, index: u64) -> u64 {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut z = (stream << 40).wrapping_add((index + 1).wrapping_mul(STEP));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Number `index` of a stream, in [-1, 1).
pub fn number(stream: u64, index: usize) -> f32 {
    (word(stream, index as u64) >> 40) as f32 * (1.0 / 8_388_608.0) - 1.0
}

/// Label `index`, in `0..classes`.
pub fn label(index: usize, classes: usize) -> i64 {
    (word(stream::LABELS, index as u64) % classes as u64) as i64
}

/// The numbers of a network's parameter, by its name and its shape in PyTorch.
///
/// Kernels and matrices keep the variance of what goes through them (He and others, arXiv:1502.01852), so that every
/// layer tells in the output; a batch norm multiplies by about 1, biases are small.
pub fn parameter(name: &str, shape: &[usize]) -> impl Fn(usize) -> f32 + use<> {
    // The name's bytes as digits, so that each parameter has a stream of its own.
    let stream = name.bytes().fold(0, |stream, byte| (stream * 31 + u64::from(byte)) % (1 << 24));
    let (scale, offset) = match shape {
        [_, inner @ ..] if !inner.is_empty() => {
            ((6.0 / inner.iter().product::<usize>() as f64).sqrt() as f32, 0.0)
        }
        _ => (0.1, if name.ends_with("weight") { 1.0 } else { 0.0 }),
    };
    move |position| number(stream, position) * scale + offset
}

/// The positions of an output of `len` numbers that are compared.
pub fn sample_positions(len: usize) -> Vec<usize> {
    let position = |index| (word(stream::SAMPLES, index) % len as u64) as usize;
    if len == 0 { Vec::new() } else { (0..SAMPLES).map(position).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_splitmix() {
        // The first outputs of SplitMix64 with seed 0, as in its reference implementation.
        assert_eq!(word(0, 0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(word(0, 1), 0x6E78_9E6A_A1B9_65F4);
    }

    /// `benches/peers/torch/test_inputs.py` has the same numbers.
    #[test]
    fn every_engine_has_these_numbers() {
        assert_eq!(
            [0, 1, 65_536].map(|position| number(stream::INPUT, position)),
            [-0.751_054_64, -0.953_966_26, 0.868_883_4]
        );
        assert_eq!([0, 1, 2].map(|index| label(index, 10)), [1, 1, 6]);
        assert_eq!(sample_positions(1000)[..3], [752, 807, 273]);
        let numbers = |name: &str, shape: &[usize]| [0, 1].map(parameter(name, shape));
        assert_eq!(numbers("conv1.weight", &[8, 3, 5, 5]), [-0.184_855_07, 0.081_339]);
        assert_eq!(numbers("bn1.weight", &[8]), [0.988_630_06, 1.087_009_7]);
        assert_eq!(numbers("fc.bias", &[10]), [-0.068_521_135, -0.076_425_05]);
    }

    #[test]
    fn numbers_fill_the_interval() {
        let numbers: Vec<f32> = (0..10_000).map(|index| number(stream::INPUT, index)).collect();
        assert!(numbers.iter().all(|value| (-1.0..1.0).contains(value)));
        let mean = numbers.iter().sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((0..100).all(|index| (0..10).contains(&label(index, 10))));
    }
}
