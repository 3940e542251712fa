//! Alone in its process, since the counters are the process's own.

use cnn_layers::{Ctx, Forward};
use cnn_models::{ARCHITECTURES, Architecture, Arguments, skeleton};
use cnn_tensor::{DType, Tensor, pool};

#[test]
fn a_skeleton_costs_next_to_nothing_whatever_its_size() {
    let large = Arguments { channels: 1000, classes: 1000, height: 8000, width: 8000 };
    for Architecture { name, .. } in ARCHITECTURES {
        pool::reset_peak();
        let giant = skeleton(name, &large).unwrap();
        let mut cx = Ctx::inference();
        let x = cx.input(Tensor::shape_only(&[64, 8000, 8000, 1000], DType::F32).unwrap());
        assert_eq!(giant.call(x, &mut cx).unwrap().shape(), [64, 1000], "{name}");
        assert!(pool::stats().peak_live_bytes < 1 << 20, "{name}: {:?}", pool::stats());
    }
}
