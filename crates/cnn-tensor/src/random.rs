//! Counter-based random numbers: the value at an index is a pure function of a key and that index.
//!
//! Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
//! There is no state to share or to race for, so a draw does not depend on the number of threads or on the
//! order of the work, and a recomputation repeats it by using the same key.
//! Cryptography is deliberately not a use of it.

const ROUNDS: usize = 10;
const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Names one stream of random numbers. Derive keys for sub-streams with [`Key::fold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u32; 2]);

impl Key {
    /// The root key of a seed.
    pub fn new(seed: u64) -> Self {
        Self([seed as u32, (seed >> 32) as u32])
    }

    /// The key of a sub-stream: the same `data` gives the same key, different `data` unrelated ones.
    ///
    /// ```
    /// use cnn_tensor::random::Key;
    /// let (epoch, index) = (3, 17);
    /// let key = Key::new(1).fold(epoch).fold(index);
    /// assert_eq!(key.uniform(0), Key::new(1).fold(3).fold(17).uniform(0));
    /// ```
    #[must_use]
    pub fn fold(self, data: u64) -> Self {
        // The counter's upper half separates derivation of keys from drawing of numbers.
        let block = philox(self.0, [data as u32, (data >> 32) as u32, 0, u32::MAX]);
        Self([block[0], block[1]])
    }

    /// [`Key::fold`] over the bytes of a name.
    #[must_use]
    pub fn fold_str(self, name: &str) -> Self {
        name.as_bytes().chunks(8).fold(self.fold(name.len() as u64), |key, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            key.fold(u64::from_le_bytes(word))
        })
    }

    /// Four words of the stream: numbers `4 * block .. 4 * block + 4`.
    #[inline]
    pub fn block(self, block: u64) -> [u32; 4] {
        philox(self.0, [block as u32, (block >> 32) as u32, 0, 0])
    }

    /// Word number `index` of the stream.
    #[inline]
    pub fn bits(self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// Number `index` of the stream, uniform in [0, 1), a multiple of 2^-24.
    #[inline]
    pub fn uniform(self, index: u64) -> f32 {
        unit(self.bits(index))
    }

    /// Number `index` of the stream, uniform in [0, 1) as a double with 53 random bits.
    pub fn uniform_f64(self, index: u64) -> f64 {
        let words = self.block(index);
        let bits = (u64::from(words[0]) << 32 | u64::from(words[1])) >> 11;
        bits as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Number `index` of the stream, from the standard normal distribution (Box and Muller, 1958).
    pub fn normal(self, index: u64) -> f32 {
        self.normal_f64(index) as f32
    }

    /// As [`Key::normal`], as a double made of 64 random bits.
    pub fn normal_f64(self, index: u64) -> f64 {
        let words = self.block(index);
        let radius = (-2.0 * ((f64::from(words[0]) + 0.5) / 4_294_967_296.0).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(words[1]) / 4_294_967_296.0;
        radius * angle.cos()
    }

    /// Number `index` of the stream, a whole number uniform in `0..bound`; 0 for a bound of 0.
    ///
    /// By multiplication (Lemire 2019); the bias is under `bound / 2^64`.
    pub fn below(self, index: u64, bound: u64) -> u64 {
        let words = self.block(index);
        let bits = u64::from(words[0]) << 32 | u64::from(words[1]);
        ((u128::from(bits) * u128::from(bound)) >> 64) as u64
    }

    /// A permutation of `0..len`, every one equally likely (Fisher and Yates).
    pub fn permutation(self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for last in (1..len).rev() {
            order.swap(last, self.below(last as u64, last as u64 + 1) as usize);
        }
        order
    }
}

/// A 32-bit word as a number uniform in [0, 1), a multiple of 2^-24.
#[inline]
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

#[inline]
fn philox(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let product = [
            u64::from(MULTIPLIER[0]) * u64::from(counter[0]),
            u64::from(MULTIPLIER[1]) * u64::from(counter[2]),
        ];
        counter = [
            (product[1] >> 32) as u32 ^ counter[1] ^ key[0],
            product[1] as u32,
            (product[0] >> 32) as u32 ^ counter[3] ^ key[1],
            product[0] as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    // Known answers published with the Random123 library (kat_vectors, philox4x32 10).
    #[test]
    fn philox_gives_the_published_known_answers() {
        assert_eq!(philox([0, 0], [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 2], [u32::MAX; 4]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn uniform_numbers_fill_the_unit_interval_evenly() {
        let key = Key::new(7);
        let numbers: Vec<f64> = (0..40_000).map(|i| f64::from(key.uniform(i))).collect();
        let mean = numbers.iter().sum::<f64>() / 40_000.0;
        assert!(numbers.iter().all(|&n| (0.0..1.0).contains(&n)));
        assert!((mean - 0.5).abs() < 0.01, "mean {mean}");
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let key = Key::new(8);
        let numbers: Vec<f64> = (0..40_000).map(|i| f64::from(key.normal(i))).collect();
        let mean = numbers.iter().sum::<f64>() / 40_000.0;
        let variance = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "mean {mean}, variance {variance}");
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Key::new(3).permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
