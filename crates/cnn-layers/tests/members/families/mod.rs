//! The members, a file for each family; `fixtures/members` has a script of the same name.

mod activation;
mod attention;
mod convolution;
mod losses;
mod normalisation;
mod pooling;
mod regularisation;
mod resampling;
mod structure;

use crate::Member;

/// Makes the members of a family.
pub(crate) type Family = fn() -> Vec<Member>;

/// Families whose members PyTorch has, with the name of their fixture.
pub(crate) const FAMILIES: &[(&str, Family)] = &[
    ("activation", activation::members),
    ("attention", attention::members),
    ("convolution", convolution::members),
    ("losses", losses::members),
    ("normalisation", normalisation::members),
    ("pooling", pooling::members),
    ("resampling", resampling::members),
    ("structure", structure::members),
];

/// Families that are random: no numbers of theirs can be compared with PyTorch's.
const RANDOM: [Family; 1] = [regularisation::members];

/// All members.
pub(crate) fn members() -> Vec<Member> {
    let compared = FAMILIES.iter().map(|(_, members)| *members);
    compared.chain(RANDOM).flat_map(|members| members()).collect()
}
