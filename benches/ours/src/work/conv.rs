//! A convolution, written as `batch x in_c x in_h x in_w -> out_c, kernel, stride, padding`.
//!
//! Then, where they are not 1: `, dilation D` and `, groups G`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Demand, FLOAT_BYTES};

/// A square convolution and the pass that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conv {
    pub(crate) batch: usize,
    pub(crate) in_c: usize,
    pub(crate) in_h: usize,
    pub(crate) in_w: usize,
    pub(crate) out_c: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
    pub(crate) groups: usize,
    pub(crate) pass: ConvPass,
}

/// Which of the three computations of a convolution are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConvPass {
    /// The output.
    Fwd,
    /// The output with bias and ReLU.
    FwdRelu,
    /// The output and both gradients.
    FwdBwd,
    /// The output and the gradient of the weights: a network's first layer.
    FwdWeights,
    /// The gradient of the input alone, which is a transposed convolution.
    Transposed,
}

impl ConvPass {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ConvPass::Fwd => "fwd",
            ConvPass::FwdRelu => "fwd+bias+relu",
            ConvPass::FwdBwd => "fwd+bwd",
            ConvPass::FwdWeights => "fwd+weights",
            ConvPass::Transposed => "transposed",
        }
    }

    /// How many of the three computations it has.
    fn computations(self) -> u64 {
        match self {
            ConvPass::Fwd | ConvPass::FwdRelu | ConvPass::Transposed => 1,
            ConvPass::FwdWeights => 2,
            ConvPass::FwdBwd => 3,
        }
    }
}

impl Conv {
    /// Height and width of the output.
    pub(crate) fn output(&self) -> [usize; 2] {
        [self.in_h, self.in_w]
            .map(|side| (side + 2 * self.padding - (self.kernel - 1) * self.dilation - 1) / self.stride + 1)
    }

    /// Numbers in the input, the weights and the output.
    pub(crate) fn lengths(&self) -> [usize; 3] {
        let [out_h, out_w] = self.output();
        [
            self.batch * self.in_c * self.in_h * self.in_w,
            self.out_c * (self.in_c / self.groups) * self.kernel * self.kernel,
            self.batch * self.out_c * out_h * out_w,
        ]
    }

    /// Operations with padding counted as if it were multiplied; each tensor moved once for each computation
    /// that has to read or write it.
    pub(super) fn demand(&self) -> Demand {
        let [input, weight, output] = self.lengths();
        let taps = (self.in_c / self.groups) * self.kernel * self.kernel;
        let passes = self.pass.computations();
        Demand {
            operations: 2 * (output * taps) as u64 * passes,
            bytes: (input + weight + output) * passes as usize * FLOAT_BYTES,
        }
    }
}

impl fmt::Display for Conv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conv { batch, in_c, in_h, in_w, out_c, kernel, stride, padding, dilation, groups, .. } = self;
        write!(f, "{batch}x{in_c}x{in_h}x{in_w} -> {out_c}, {kernel}, {stride}, {padding}")?;
        if *dilation != 1 {
            write!(f, ", dilation {dilation}")?;
        }
        if *groups != 1 {
            write!(f, ", groups {groups}")?;
        }
        Ok(())
    }
}

impl FromStr for Conv {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!(
                "`{text}`: {what}; a convolution is written \
                 `batch x in_c x in_h x in_w -> out_c, kernel, stride, padding[, dilation D][, groups G]`"
            )
        };
        let number = |word: &str| {
            let word = word.trim();
            word.parse::<usize>().map_err(|_| wrong(&format!("`{word}` is no number")))
        };
        let (input, rest) = text.split_once("->").ok_or_else(|| wrong("no arrow"))?;
        let input = input.split('x').map(number).collect::<Result<Vec<_>, _>>()?;
        let &[batch, in_c, in_h, in_w] = input.as_slice() else {
            return Err(wrong("the input has four sizes"));
        };
        let words: Vec<&str> = rest.split(',').map(str::trim).collect();
        let [out_c, kernel, stride, padding, more @ ..] = words.as_slice() else {
            return Err(wrong("four numbers follow the arrow"));
        };
        let [out_c, kernel, stride, padding] =
            [number(out_c)?, number(kernel)?, number(stride)?, number(padding)?];
        let (mut dilation, mut groups) = (1, 1);
        for word in more {
            match word.split_once(' ') {
                Some(("dilation", value)) => dilation = number(value)?,
                Some(("groups", value)) => groups = number(value)?,
                _ => return Err(wrong(&format!("`{word}` is unknown"))),
            }
        }
        let pass = ConvPass::Fwd;
        Ok(Self { batch, in_c, in_h, in_w, out_c, kernel, stride, padding, dilation, groups, pass })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_is_read_as_it_is_written() {
        for text in [
            "64x1x28x28 -> 32, 3, 1, 1",
            "8x96x56x56 -> 96, 3, 2, 1, groups 96",
            "8x64x28x28 -> 64, 3, 1, 2, dilation 2, groups 32",
        ] {
            assert_eq!(text.parse::<Conv>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, part) in [
            ("1x2x3 -> 1, 1, 1, 0", "four sizes"),
            ("1x2x3x4 -> 1, 1, 1", "four numbers"),
            ("1x2x3x4", "no arrow"),
            ("1x2x3x4 -> 1, 1, 1, 0, depth 2", "`depth 2` is unknown"),
            ("1x2x3xa -> 1, 1, 1, 0", "`a` is no number"),
        ] {
            let error = text.parse::<Conv>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn operations_and_bytes_of_a_small_convolution_by_hand() {
        let conv: Conv = "2x3x5x5 -> 4, 3, 2, 1".parse().unwrap();
        assert_eq!(conv.output(), [3, 3]);
        // 2 images of 9 outputs in 4 channels, each of 27 multiply-adds.
        let demand = conv.demand();
        assert_eq!(demand.operations, 2 * 2 * 9 * 4 * 27);
        assert_eq!(demand.bytes, 4 * (150 + 108 + 72));
        let both = Conv { pass: ConvPass::FwdBwd, ..conv }.demand();
        assert_eq!(both.operations, 3 * demand.operations);
    }
}
