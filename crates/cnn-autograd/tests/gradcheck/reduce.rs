//! Sums and means.

use crate::{check, random};

pub(crate) fn cases() {
    for shape in [vec![], vec![1], vec![6], vec![2, 3, 4]] {
        check("sum", &[random(&shape, 3)], |mut x| x.remove(0).sum());
        check("mean", &[random(&shape, 4)], |mut x| x.remove(0).mean());
    }
}

#[test]
fn gradients_of_reductions_agree_with_differences() {
    cases();
}
