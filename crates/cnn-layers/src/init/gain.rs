//! How much an activation shrinks what goes through it, and so how much larger weights before it start.

/// The activation that follows a weight, as `calculate_gain` of `torch.nn.init` knows them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Gain {
    /// None: 1.
    #[default]
    Linear,
    /// A sigmoid: 1.
    Sigmoid,
    /// A hyperbolic tangent: 5/3.
    Tanh,
    /// A rectifier: the square root of 2, since half of the variance is cut off.
    Relu,
    /// A rectifier with this slope below zero: `sqrt(2 / (1 + slope^2))`.
    LeakyRelu(f64),
    /// The scaled exponential unit: 3/4.
    Selu,
    /// This factor.
    Of(f64),
}

impl Gain {
    /// The factor.
    ///
    /// ```
    /// use cnn_layers::init::{Fan, Gain, KaimingNormal};
    /// let initializer = KaimingNormal { fan: Fan::Out, gain: Gain::Relu };
    /// assert!((initializer.gain.value() - 2f64.sqrt()).abs() < 1e-15);
    /// ```
    pub fn value(self) -> f64 {
        match self {
            Self::Linear | Self::Sigmoid => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => std::f64::consts::SQRT_2,
            Self::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Self::Selu => 0.75,
            Self::Of(factor) => factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_those_of_calculate_gain() {
        // torch.nn.init.calculate_gain of linear, sigmoid, tanh, relu, leaky_relu (0.01 and 0.3), selu.
        let rows = [
            (Gain::Linear, 1.0),
            (Gain::Sigmoid, 1.0),
            (Gain::Tanh, 1.666_666_666_666_666_7),
            (Gain::Relu, 2f64.sqrt()),
            (Gain::LeakyRelu(0.01), 1.414_142_856_997_835_4),
            (Gain::LeakyRelu(0.3), 1.354_570_922_957_192_7),
            (Gain::Selu, 0.75),
        ];
        for (gain, expected) in rows {
            assert!(
                (gain.value() - expected).abs() < 1e-14,
                "{gain:?}: {}, expected {expected}",
                gain.value()
            );
        }
    }
}
