//! The same numbers in every engine: the formula of benches/ours/src/inputs.rs.

/// The input of an operation.
pub const INPUT: u64 = 1;
/// Weights.
pub const WEIGHT: u64 = 2;
/// The gradient that comes in.
pub const GRADIENT: u64 = 3;
/// Biases.
pub const BIAS: u64 = 5;
/// Labels.
pub const LABELS: u64 = 6;
/// Positions of samples.
const SAMPLES: u64 = 7;

fn word(stream: u64, index: u64) -> u64 {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut z = (stream << 40).wrapping_add((index + 1).wrapping_mul(STEP));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Numbers of a stream in [-1, 1).
pub fn numbers(stream: u64, len: usize) -> Vec<f32> {
    let number = |index| (word(stream, index) >> 40) as f32 * (1.0 / 8_388_608.0) - 1.0;
    (0..len as u64).map(number).collect()
}

/// Labels in `0..classes`.
pub fn labels(len: usize, classes: usize) -> Vec<i64> {
    (0..len as u64).map(|index| (word(LABELS, index) % classes as u64) as i64).collect()
}

/// The positions of an output that are compared.
pub fn sample_positions(len: usize) -> impl Iterator<Item = usize> {
    (0..64).filter(move |_| len > 0).map(move |index| (word(SAMPLES, index) % len as u64) as usize)
}
