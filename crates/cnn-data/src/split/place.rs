//! Placing units that must stay whole into parts of given sizes.
//!
//! A unit is a group of samples, or one sample. Each part has a number of samples that it should get of each class;
//! the largest units are placed first, each where it brings the counts nearest to those numbers, and then units move
//! as long as that fills a part that lacks a class, or brings the counts nearer. Samples without groups end exactly
//! on the numbers. What is nearest is the sum over parts and classes of squared deviations, each divided by the size
//! of its class, so that rare classes count as much as frequent ones.

/// Samples that must not be parted.
#[derive(Debug)]
pub(super) struct Unit {
    /// How many samples it has of each of its classes.
    pub(super) classes: Vec<(usize, usize)>,
    /// Its place among units of the same size: drawn from the seed.
    pub(super) order: u64,
}

impl Unit {
    fn samples(&self) -> usize {
        self.classes.iter().map(|&(_, samples)| samples).sum()
    }
}

/// The most rounds of moving; each ends early where nothing is gained.
const ROUNDS: usize = 20;

/// A gain in the sum below this is none: rounding must not move units to and fro.
const GAIN: f64 = 1e-9;

/// How far the counts are from what is wanted.
struct Counts<'a> {
    /// Wanted samples by part, then class.
    wanted: &'a [Vec<usize>],
    met: Vec<Vec<usize>>,
    /// Samples of each class.
    sizes: Vec<f64>,
}

/// What a change of the counts costs: parts that lack a class they should have, then the sum of deviations.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    lacking: i64,
    deviation: f64,
}

impl Cost {
    fn below(self, other: Self) -> bool {
        self.lacking < other.lacking
            || (self.lacking == other.lacking && self.deviation < other.deviation - GAIN)
    }

    fn plus(self, other: Self) -> Self {
        Self { lacking: self.lacking + other.lacking, deviation: self.deviation + other.deviation }
    }
}

impl<'a> Counts<'a> {
    fn new(wanted: &'a [Vec<usize>]) -> Self {
        let classes = wanted.first().map_or(0, Vec::len);
        let size = |class: usize| wanted.iter().map(|part| part[class]).sum::<usize>().max(1) as f64;
        Self { wanted, met: vec![vec![0; classes]; wanted.len()], sizes: (0..classes).map(size).collect() }
    }

    /// What it costs to add a unit to a part.
    fn adding(&self, unit: &Unit, part: usize) -> Cost {
        self.change(unit, part, |met, samples| met + samples)
    }

    /// What it costs to take a unit out of a part.
    fn removing(&self, unit: &Unit, part: usize) -> Cost {
        self.change(unit, part, |met, samples| met - samples)
    }

    fn change(&self, unit: &Unit, part: usize, after: impl Fn(i64, i64) -> i64) -> Cost {
        unit.classes.iter().fold(Cost::default(), |cost, &(class, samples)| {
            let (wanted, met) = (self.wanted[part][class] as i64, self.met[part][class] as i64);
            let after = after(met, samples as i64);
            let lacks = |met: i64| i64::from(wanted > 0 && met == 0);
            let square = |met: i64| ((met - wanted) as f64).powi(2);
            cost.plus(Cost {
                lacking: lacks(after) - lacks(met),
                deviation: (square(after) - square(met)) / self.sizes[class],
            })
        })
    }

    fn add(&mut self, unit: &Unit, part: usize) {
        unit.classes.iter().for_each(|&(class, samples)| self.met[part][class] += samples);
    }

    fn remove(&mut self, unit: &Unit, part: usize) {
        unit.classes.iter().for_each(|&(class, samples)| self.met[part][class] -= samples);
    }

    fn samples(&self, part: usize) -> i64 {
        let sum = |counts: &[usize]| counts.iter().sum::<usize>() as i64;
        sum(&self.met[part]) - sum(&self.wanted[part])
    }
}

/// The part of each unit. `wanted` has for each part how many samples of each class it should get.
pub(super) fn place(units: &[Unit], wanted: &[Vec<usize>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|&unit| (std::cmp::Reverse(units[unit].samples()), units[unit].order, unit));
    let mut counts = Counts::new(wanted);
    let mut parts = vec![0; units.len()];
    // Totals are kept beside the counts: summing them anew for each unit would cost the number of classes.
    let mut over: Vec<i64> = (0..wanted.len()).map(|part| counts.samples(part)).collect();
    for &at in &order {
        let unit = &units[at];
        let mut best = 0;
        let mut least = counts.adding(unit, 0).deviation;
        for part in 1..wanted.len() {
            let deviation = counts.adding(unit, part).deviation;
            let level = (deviation - least).abs() <= GAIN;
            if deviation < least - GAIN || (level && over[part] < over[best]) {
                (best, least) = (part, deviation);
            }
        }
        counts.add(unit, best);
        over[best] += unit.samples() as i64;
        parts[at] = best;
    }
    for _ in 0..ROUNDS {
        let mut moved = false;
        for &at in &order {
            let (unit, from) = (&units[at], parts[at]);
            let out = counts.removing(unit, from);
            let mut best = (from, Cost::default());
            for part in (0..wanted.len()).filter(|&part| part != from) {
                let cost = out.plus(counts.adding(unit, part));
                if cost.below(best.1) {
                    best = (part, cost);
                }
            }
            if best.0 != from {
                counts.remove(unit, from);
                counts.add(unit, best.0);
                parts[at] = best.0;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(classes: &[(usize, usize)]) -> Unit {
        Unit { classes: classes.to_vec(), order: 0 }
    }

    #[test]
    fn single_samples_end_exactly_on_the_numbers() {
        let units: Vec<Unit> = (0..20).map(|index| unit(&[(index % 2, 1)])).collect();
        let wanted = [vec![7, 6], vec![1, 3], vec![2, 1]];
        let parts = place(&units, &wanted);
        for (part, row) in wanted.iter().enumerate() {
            for (class, &count) in row.iter().enumerate() {
                let met =
                    parts.iter().zip(&units).filter(|(at, unit)| **at == part && unit.classes[0].0 == class);
                assert_eq!(met.count(), count);
            }
        }
    }

    #[test]
    fn a_part_that_lacks_a_class_gets_a_unit_though_the_counts_suffer() {
        // Three groups of ten: the two small parts get one each, though nine would be nearer.
        let units = [unit(&[(0, 10)]), unit(&[(0, 10)]), unit(&[(0, 10)])];
        let mut parts = place(&units, &[vec![28], vec![1], vec![1]]);
        parts.sort_unstable();
        assert_eq!(parts, [0, 1, 2]);
    }

    #[test]
    fn groups_of_several_classes_go_where_both_are_wanted() {
        let units = [unit(&[(0, 4), (1, 4)]), unit(&[(0, 2)]), unit(&[(1, 2)])];
        assert_eq!(place(&units, &[vec![4, 4], vec![2, 2]]), [0, 1, 1]);
    }
}
