//! The plain loop: the oracle, and the path of `f64`.

use crate::Float;

pub(super) fn update<F: Float, const N: usize>(
    parameter: &mut [F],
    gradient: &[F],
    mut state: [&mut [F]; N],
    element: impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    for (i, (p, &g)) in parameter.iter_mut().zip(gradient).enumerate() {
        let (value, new) = element(*p, g, std::array::from_fn(|k| state[k][i]));
        *p = value;
        for (state, new) in state.iter_mut().zip(new) {
            state[i] = new;
        }
    }
}
