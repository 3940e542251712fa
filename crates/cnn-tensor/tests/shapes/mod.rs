//! Shapes that tests draw.

use proptest::prelude::*;

/// Up to four short axes, some of length 0; sometimes one that is longer than any memory, beside one of length 0.
pub(crate) fn dims() -> impl Strategy<Value = Vec<usize>> {
    let short = prop::collection::vec(0usize..4, 0..5);
    let long = (prop::collection::vec(0usize..4, 0..3), any::<[u8; 2]>()).prop_map(|(mut dims, places)| {
        for (place, dim) in places.into_iter().zip([0, 1 << 40]) {
            dims.insert(usize::from(place) % (dims.len() + 1), dim);
        }
        dims
    });
    prop_oneof![5 => short, 1 => long]
}
