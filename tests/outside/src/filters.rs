//! An initialiser of one's own: Gabor filters, which is what the first layer of a network on photographs tends to learn
//! anyway (Krizhevsky et al., 2012, figure 3).

use std::f64::consts::PI;

use cnn_layers::init::{Fans, Initializer};
use cnn_layers::{Error, Key, Result};
use cnn_tensor::Tensor;

/// A wave under a bell, at a random angle, of random length and phase, for each output channel; the same for all input
/// channels. Scaled so that each filter has the length that He et al. (arXiv:1502.01852) give on average.
#[derive(Debug, Clone, Copy)]
pub struct Gabor;

impl Initializer for Gabor {
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor> {
        let &[k_h, k_w, in_c, out_c] = shape else {
            let met = format!("{shape:?}");
            return Err(Error::argument("Gabor", "shape", met, "[k_h, k_w, in_c, out_c]"));
        };
        let mut weight = vec![0.0f64; shape.iter().product()];
        let (middle_y, middle_x) = ((k_h as f64 - 1.0) / 2.0, (k_w as f64 - 1.0) / 2.0);
        let radius = middle_y.max(middle_x).max(0.5);
        for out in 0..out_c {
            let draw = |number: u64| key.fold(out as u64).uniform_f64(number);
            let (angle, phase) = (PI * draw(0), 2.0 * PI * draw(1));
            let cycles = 0.5 + draw(2);
            for y in 0..k_h {
                for x in 0..k_w {
                    let (dy, dx) = ((y as f64 - middle_y) / radius, (x as f64 - middle_x) / radius);
                    let along = dx * angle.cos() + dy * angle.sin();
                    let value = (-2.0 * (dx * dx + dy * dy)).exp() * (PI * cycles * along + phase).cos();
                    for input in 0..in_c {
                        weight[((y * k_w + x) * in_c + input) * out_c + out] = value;
                    }
                }
            }
        }
        // A filter of n weights with variance 2 / fan_in has the length sqrt(2 n / fan_in).
        let target = (2.0 * (k_h * k_w * in_c) as f64 / fans.fan_in.max(1) as f64).sqrt();
        let mut numbers = Vec::with_capacity(weight.len());
        for (index, &value) in weight.iter().enumerate() {
            let filter = weight.iter().skip(index % out_c).step_by(out_c);
            let length = filter.map(|value| value * value).sum::<f64>().sqrt();
            numbers.push((value * target / length.max(1e-12)) as f32);
        }
        Ok(Tensor::from_slice(shape, &numbers)?)
    }
}
