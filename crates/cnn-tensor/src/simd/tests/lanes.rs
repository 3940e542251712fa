//! What becomes of the numbers of a vector.

use super::CANARY;
use crate::simd::{Isa, Kernel, MOST_LANES, map_in_place};
use crate::testing::on_each_level;

/// Numbers with which comparisons, roundings and signs go wrong.
const DELICATE: [f32; 18] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.5,
    -2.5,
    0.499_999_97,
    -0.3,
    3.0e-39,
    f32::MIN_POSITIVE,
    8_388_607.5,
    -16_777_217.0,
    7.0e20,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// The operations that map lanes to lanes.
#[derive(Debug, Clone, Copy)]
enum Lanewise {
    Splat,
    Add,
    Sub,
    Mul,
    Fma,
    Max,
    Min,
    SelectGt,
    SelectAbove,
    SelectEqual,
    SelectNumber,
    Round,
    Relu,
}

const LANEWISE: [Lanewise; 13] = [
    Lanewise::Splat,
    Lanewise::Add,
    Lanewise::Sub,
    Lanewise::Mul,
    Lanewise::Fma,
    Lanewise::Max,
    Lanewise::Min,
    Lanewise::SelectGt,
    Lanewise::SelectAbove,
    Lanewise::SelectEqual,
    Lanewise::SelectNumber,
    Lanewise::Round,
    Lanewise::Relu,
];

impl Lanewise {
    /// The results that are right for one lane: one, or two where fusing or what NaN means is left open.
    fn expected(self, [a, b, c, d]: [f32; 4]) -> [f32; 2] {
        let one = match self {
            Lanewise::Splat => a,
            Lanewise::Add => a + b,
            Lanewise::Sub => a - b,
            Lanewise::Mul => a * b,
            Lanewise::Fma => return [a.mul_add(b, c), a * b + c],
            Lanewise::Max => choose(a > b, a, b),
            Lanewise::Min => choose(a < b, a, b),
            Lanewise::SelectGt => choose(a > b, c, d),
            Lanewise::SelectAbove if b.is_nan() => return [c, d],
            Lanewise::SelectAbove => choose(a > b || a.is_nan(), c, d),
            Lanewise::SelectEqual if a.is_nan() || b.is_nan() => return [c, d],
            Lanewise::SelectEqual => choose(a == b, c, d),
            Lanewise::SelectNumber => choose(a.is_nan(), c, b),
            Lanewise::Round => a.round_ties_even(),
            Lanewise::Relu => choose(a < 0.0, 0.0, a),
        };
        [one; 2]
    }
}

fn choose(condition: bool, yes: f32, no: f32) -> f32 {
    if condition { yes } else { no }
}

/// Applies an operation to as many of these lanes as a vector has.
struct Apply {
    operation: Lanewise,
    lanes: [[f32; 4]; MOST_LANES],
}

impl Kernel for Apply {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Vec<f32> {
        let [a, b, c, d] =
            [0, 1, 2, 3].map(|operand| isa.load(&self.lanes.map(|operands| operands[operand])));
        let result = match self.operation {
            Lanewise::Splat => isa.splat(self.lanes[0][0]),
            Lanewise::Add => isa.add(a, b),
            Lanewise::Sub => isa.sub(a, b),
            Lanewise::Mul => isa.mul(a, b),
            Lanewise::Fma => isa.fma(a, b, c),
            Lanewise::Max => isa.max(a, b),
            Lanewise::Min => isa.min(a, b),
            Lanewise::SelectGt => isa.select_gt(a, b, c, d),
            Lanewise::SelectAbove => isa.select_above(a, b, c, d),
            Lanewise::SelectEqual => isa.select_equal(a, b, c, d),
            Lanewise::SelectNumber => isa.select_number(a, b, c),
            Lanewise::Round => isa.round(a),
            Lanewise::Relu => isa.relu(a),
        };
        let mut numbers = vec![CANARY; I::LANES];
        isa.store(result, &mut numbers);
        numbers
    }
}

/// Equal to the bit, except that one NaN is as good as another.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn each_lane_follows_the_formula_for_one_number() {
    let mut lanes = Vec::new();
    for (i, &a) in DELICATE.iter().enumerate() {
        for (j, &b) in DELICATE.iter().enumerate() {
            let n = DELICATE.len();
            lanes.push([a, b, DELICATE[(i + 2 * j + 3) % n], DELICATE[(2 * i + j + 8) % n]]);
        }
    }
    on_each_level(|level| {
        for operation in LANEWISE {
            // Under Miri, which is thousands of times slower, some have to do.
            for start in (0..lanes.len()).step_by(if cfg!(miri) { 97 } else { 1 }) {
                let lanes: [[f32; 4]; MOST_LANES] =
                    std::array::from_fn(|lane| lanes[(start + 7 * lane) % lanes.len()]);
                let got = level.run(Apply { operation, lanes });
                for (lane, &got) in got.iter().enumerate() {
                    let operands = if let Lanewise::Splat = operation { lanes[0] } else { lanes[lane] };
                    let expected = operation.expected(operands);
                    assert!(
                        expected.iter().any(|&expected| same(got, expected)),
                        "{level}: {operation:?} of {operands:?} is {got:?}, expected {expected:?}"
                    );
                }
            }
        }
    });
}

struct Unary<F>(F);

/// A function of one number, by whole vectors.
trait Function {
    fn call<I: Isa>(&self, isa: I, a: I::F32) -> I::F32;
}

impl<F: Function> Kernel for (Unary<F>, Vec<f32>) {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Vec<f32> {
        let (Unary(function), mut numbers) = self;
        map_in_place(isa, &mut numbers, |a| function.call(isa, a));
        numbers
    }
}

struct Round;
impl Function for Round {
    #[inline(always)]
    fn call<I: Isa>(&self, isa: I, a: I::F32) -> I::F32 {
        isa.round(a)
    }
}

struct Exp2;
impl Function for Exp2 {
    #[inline(always)]
    fn call<I: Isa>(&self, isa: I, a: I::F32) -> I::F32 {
        isa.exp2_whole(a)
    }
}

#[test]
fn rounding_is_to_the_nearest_whole_number_and_ties_go_to_even() {
    let numbers: Vec<f32> =
        (-2000..2000).map(|n| n as f32 / 8.0).chain([4_194_304.5, -4_194_305.5, 1e-40]).collect();
    on_each_level(|level| {
        let rounded = level.run((Unary(Round), numbers.clone()));
        for (got, number) in rounded.iter().zip(&numbers) {
            assert_eq!(got.to_bits(), number.round_ties_even().to_bits(), "{level}: {number}");
        }
    });
}

#[test]
fn powers_of_two_are_exact() {
    let powers: Vec<f32> = (-127..=127).map(|power| power as f32).collect();
    // The exponent's field, which is that of zero for the first of them; `powi` need not be exact.
    let expected: Vec<f32> = (0..=254u32).map(|exponent| f32::from_bits(exponent << 23)).collect();
    on_each_level(|level| assert_eq!(level.run((Unary(Exp2), powers.clone())), expected, "{level}"));
}

#[test]
fn maps_reach_every_number_of_a_slice_of_any_length() {
    for len in 0..3 * MOST_LANES {
        let numbers: Vec<f32> = (0..len).map(|index| index as f32 + 0.7).collect();
        let expected: Vec<f32> = numbers.iter().map(|number| number.round()).collect();
        on_each_level(|level| assert_eq!(level.run((Unary(Round), numbers.clone())), expected, "{level}"));
    }
}

/// The lanes folded by a function for which order and sides matter, their sum, and how many they are.
struct Fold<'a>(&'a [f32]);

fn lopsided(a: f32, b: f32) -> f32 {
    2.0 * a - 3.0 * b
}

impl Kernel for Fold<'_> {
    type Output = (f32, f32, usize);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Self::Output {
        let vector = isa.load(self.0);
        let lopsided = |a, b| isa.sub(isa.add(a, a), isa.mul(isa.splat(3.0), b));
        (isa.fold(vector, lopsided), isa.sum(vector), I::LANES)
    }
}

#[test]
fn lanes_are_folded_pairwise_upper_half_into_lower() {
    fn halved(lanes: &[f32], combine: fn(f32, f32) -> f32) -> f32 {
        let (lower, upper) = lanes.split_at(lanes.len() / 2);
        match lanes {
            [one] => *one,
            _ => halved(&lower.iter().zip(upper).map(|(&a, &b)| combine(a, b)).collect::<Vec<_>>(), combine),
        }
    }
    let numbers: Vec<f32> = (0..MOST_LANES).map(|index| (index * index) as f32 / 7.0 - 5.0).collect();
    on_each_level(|level| {
        let (folded, sum, lanes) = level.run(Fold(&numbers));
        assert_eq!(folded, halved(&numbers[..lanes], lopsided), "{level}");
        assert_eq!(sum, halved(&numbers[..lanes], |a, b| a + b), "{level}");
    });
}

/// The numbers of a vector in another order.
struct Permute([u8; MOST_LANES], [f32; MOST_LANES]);

impl Kernel for Permute {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Self::Output {
        let mut result = [CANARY; MOST_LANES];
        let order = isa.order(self.0);
        isa.store(isa.permute(isa.load(&self.1), order), &mut result);
        result[..I::LANES].to_vec()
    }
}

#[test]
fn lanes_take_their_numbers_from_the_lanes_that_an_order_names() {
    let numbers: [f32; MOST_LANES] = std::array::from_fn(|lane| DELICATE[lane]);
    let orders: [fn(u8) -> u8; 5] =
        [|lane| lane, |lane| lane / 4 * 4 + 3, |lane| lane ^ 1, |_| 5, |lane| 15 - lane];
    on_each_level(|level| {
        for from in orders {
            let from: [u8; MOST_LANES] = std::array::from_fn(|lane| from(lane as u8));
            let got = level.run(Permute(from, numbers));
            for (lane, (value, from)) in got.iter().zip(from).enumerate() {
                let expected = numbers[usize::from(from) % got.len()];
                assert_eq!(value.to_bits(), expected.to_bits(), "{level}: lane {lane}");
            }
        }
    });
}
