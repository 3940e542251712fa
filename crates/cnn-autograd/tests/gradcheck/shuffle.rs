//! Channels to pixels and back, and channels among each other.

use crate::{Draw, check, random};

pub(crate) fn cases() {
    for seed in 0..20 {
        let mut draw = Draw::new(seed);
        let (factor, groups) = (draw.size(1..4), draw.size(1..5));
        let [batch, height, width, channels] = [1..3, 1..4, 1..4, 1..4].map(|range| draw.size(range));
        let x = random(&[batch, height, width, channels * factor * factor], seed);
        check(&format!("pixel shuffle by {factor}"), &[x], |mut x| x.remove(0).pixel_shuffle(factor));
        let x = random(&[batch, height * factor, width * factor, channels], seed);
        check(&format!("pixel unshuffle by {factor}"), &[x], |mut x| x.remove(0).pixel_unshuffle(factor));
        let x = random(&[batch, height, width, channels * groups], seed);
        check(&format!("channel shuffle of {groups}"), &[x], |mut x| x.remove(0).channel_shuffle(groups));
    }
}

#[test]
fn gradients_of_shuffles_agree_with_differences() {
    cases();
}
