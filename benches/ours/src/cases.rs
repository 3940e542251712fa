//! The cases, as tables. What is measured is decided here and nowhere else.

use crate::work::{
    Conv, ConvPass, Dense, DensePass, Layer, LayerPass, Loading, Memory, MemoryOp, Network, Optimizer,
    Pipeline, Work,
};

/// What a command measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// Single operations.
    Kernels,
    /// Layers and operations through the tape.
    Layers,
    /// Whole training steps.
    Train,
    /// Networks in eval mode, and the start of the program.
    Infer,
    /// Loading and augmenting images.
    Data,
}

use ConvPass::{Fwd, FwdBwd, FwdRelu, FwdWeights, Transposed};

/// Convolutions that networks are made of.
const CONVOLUTIONS: &[(&str, &[ConvPass])] = &[
    ("64x1x28x28 -> 32, 3, 1, 1", &[Fwd, FwdBwd, FwdWeights]),
    ("64x32x28x28 -> 64, 3, 1, 1", &[Fwd, FwdBwd]),
    ("64x64x14x14 -> 128, 3, 1, 1", &[Fwd, FwdBwd]),
    ("32x64x32x32 -> 64, 3, 1, 1", &[Fwd, FwdRelu, FwdBwd]),
    ("32x128x16x16 -> 128, 3, 1, 1", &[Fwd, FwdBwd]),
    ("8x64x56x56 -> 64, 3, 1, 1", &[Fwd, FwdBwd]),
    ("8x256x14x14 -> 256, 3, 1, 1", &[Fwd, FwdBwd]),
    ("8x3x224x224 -> 64, 7, 2, 3", &[Fwd, FwdBwd, FwdWeights]),
    ("8x64x56x56 -> 256, 1, 1, 0", &[Fwd, FwdBwd]),
    ("8x96x56x56 -> 96, 3, 1, 1, groups 96", &[Fwd, FwdBwd]),
    ("8x96x56x56 -> 96, 3, 2, 1, groups 96", &[Fwd, FwdBwd]),
];

/// Convolutions off the beaten track, where libraries have their cliffs.
const UNUSUAL_CONVOLUTIONS: &[(&str, &[ConvPass])] = &[
    ("32x32x28x28 -> 64, 5, 1, 2", &[Fwd, FwdBwd]),
    ("8x64x56x56 -> 64, 3, 1, 2, dilation 2", &[Fwd, FwdBwd]),
    ("8x128x28x28 -> 128, 3, 1, 1, groups 32", &[Fwd, FwdBwd]),
    ("8x256x56x56 -> 256, 3, 1, 1, groups 8", &[Fwd, FwdBwd]),
    ("8x64x64x64 -> 128, 4, 2, 1", &[Transposed]),
    ("8x64x56x56 -> 128, 3, 2, 1", &[Fwd, FwdBwd]),
    // One image.
    ("1x3x224x224 -> 64, 7, 2, 3", &[Fwd]),
    ("1x64x56x56 -> 64, 3, 1, 1", &[Fwd]),
    ("1x256x14x14 -> 256, 3, 1, 1", &[Fwd]),
    ("1x512x7x7 -> 512, 3, 1, 1", &[Fwd]),
    ("1x1x28x28 -> 6, 5, 1, 2", &[Fwd]),
    // Channels that fill no vector.
    ("64x1x28x28 -> 6, 5, 1, 2", &[Fwd, FwdWeights]),
    ("64x6x14x14 -> 16, 5, 1, 0", &[Fwd, FwdBwd]),
    ("32x20x28x28 -> 20, 3, 1, 1", &[Fwd, FwdBwd]),
    ("32x48x28x28 -> 48, 3, 1, 1", &[Fwd, FwdBwd]),
    ("32x67x28x28 -> 67, 3, 1, 1", &[Fwd, FwdBwd]),
    // One tap: small images, and strides.
    ("8x512x7x7 -> 2048, 1, 1, 0", &[Fwd, FwdBwd]),
    ("8x2048x7x7 -> 512, 1, 1, 0", &[Fwd, FwdBwd]),
    ("8x256x56x56 -> 512, 1, 2, 0", &[Fwd, FwdBwd]),
    // Large images.
    ("1x3x512x512 -> 32, 3, 1, 1", &[Fwd, FwdBwd]),
    ("1x32x512x512 -> 32, 3, 1, 1", &[Fwd, FwdBwd]),
];

/// Products of dense layers: rows, out_features, in_features.
const DENSE: &[[usize; 3]] = &[
    [256, 256, 256],
    [1024, 1024, 1024],
    [2048, 2048, 2048],
    [64, 128, 9216],
    [128, 10, 128],
    [1, 1000, 2048],
];

/// Bytes of all tensors of an operation together, about: within the cache, and far beyond it.
const MEMORY_SIZES: [usize; 2] = [4 << 20, 128 << 20];

/// An image, and tokens of a small transformer.
const IMAGE: &[usize] = &[16, 64, 56, 56];
const TOKENS: &[usize] = &[16, 197, 384];

/// Layers and operations beside those of the other tables, with the shapes that they get.
const LAYERS: &[(&str, &[usize])] = &[
    ("gelu", IMAGE),
    ("gelu-tanh", IMAGE),
    ("silu", IMAGE),
    ("sigmoid", IMAGE),
    ("tanh", IMAGE),
    ("hard-swish", IMAGE),
    ("elu", IMAGE),
    ("prelu", IMAGE),
    ("mul", IMAGE),
    ("mul-channels", IMAGE),
    ("mul-gate", IMAGE),
    ("concat", IMAGE),
    ("sum-channels", IMAGE),
    ("sum-positions", IMAGE),
    ("max-channels", IMAGE),
    ("softmax", &[18_912, 197]),
    ("log-softmax", &[18_912, 197]),
    ("softmax-channels", IMAGE),
    ("matmul", &[96, 197, 64]),
    ("group-norm", IMAGE),
    ("instance-norm", IMAGE),
    ("local-response-norm", IMAGE),
    ("layer-norm", TOKENS),
    ("attention", TOKENS),
    ("squeeze-excite", IMAGE),
    ("conv1d", &[16, 64, 1024]),
    ("conv-reflect", &[8, 64, 56, 56]),
    ("conv-transpose-4", &[8, 64, 28, 28]),
    ("conv-transpose-2", &[8, 64, 28, 28]),
    ("upsample-nearest", &[8, 64, 28, 28]),
    ("upsample-bilinear", &[8, 64, 28, 28]),
    ("adaptive-avg-pool", &[16, 64, 30, 30]),
    ("adaptive-max-pool", &[16, 64, 30, 30]),
    ("pixel-shuffle", &[8, 256, 28, 28]),
    ("channel-shuffle", IMAGE),
    ("mse", IMAGE),
    ("cross-entropy-pixels", &[8, 21, 64, 64]),
];

/// Networks and the batches that they are trained with.
const TRAINED: &[(&str, Optimizer, &[usize])] = &[
    ("mnist-cnn", Optimizer::Adam, &[64, 128]),
    ("lenet5", Optimizer::Adam, &[1, 8, 64, 128]),
    ("resnet20", Optimizer::SgdMomentum, &[32, 64]),
    ("resnet18-cifar", Optimizer::SgdMomentum, &[32, 64]),
];

/// Networks and the batches that they predict.
const PREDICTED: &[(&str, &[usize])] =
    &[("mnist-cnn", &[1, 64]), ("lenet5", &[1, 64]), ("resnet20", &[1, 64]), ("resnet18-cifar", &[1, 8])];

/// Pipelines and the images of one run of each.
const LOADED: &[(Pipeline, usize)] = &[
    (Pipeline::Folder, 512),
    (Pipeline::Cifar, 10_000),
    (Pipeline::Mnist, 6400),
    (Pipeline::MnistFiles, 70_000),
    (Pipeline::RandAugment, 256),
];

/// Every case of a suite, in the order of its tables.
pub(crate) fn cases(suite: Suite) -> Result<Vec<Work>, String> {
    Ok(match suite {
        Suite::Kernels => {
            let mut works = Vec::new();
            for (text, passes) in CONVOLUTIONS.iter().chain(UNUSUAL_CONVOLUTIONS) {
                let conv: Conv = text.parse()?;
                works.extend(passes.iter().map(|&pass| Work::Conv(Conv { pass, ..conv })));
            }
            for &[rows, out_features, in_features] in DENSE {
                let passes = [DensePass::Fwd, DensePass::GradInput, DensePass::GradWeight];
                works.extend(passes.map(|pass| Work::Dense(Dense { rows, out_features, in_features, pass })));
            }
            for bytes in MEMORY_SIZES {
                works.extend(MemoryOp::ALL.map(|op| Work::Memory(sized(op, bytes))));
            }
            works
        }
        Suite::Layers => {
            let passes = |&(name, shape): &(&str, &[usize])| {
                [LayerPass::Fwd, LayerPass::FwdBwd]
                    .map(|pass| Work::Layer(Layer { name: name.into(), shape: shape.into(), pass }))
            };
            LAYERS.iter().flat_map(passes).collect()
        }
        Suite::Train => networks(TRAINED.iter().copied()).map(Work::Train).collect(),
        Suite::Infer => {
            let untrained = |&(model, batches)| (model, Optimizer::Adam, batches);
            networks(PREDICTED.iter().map(untrained)).map(Work::Infer).chain([Work::Start]).collect()
        }
        Suite::Data => {
            LOADED.iter().map(|&(pipeline, images)| Work::Load(Loading { pipeline, images })).collect()
        }
    })
}

fn networks(
    table: impl Iterator<Item = (&'static str, Optimizer, &'static [usize])>,
) -> impl Iterator<Item = Network> {
    table.flat_map(|(model, optimizer, batches)| {
        batches.iter().map(move |&batch| Network { model: model.into(), batch, optimizer })
    })
}

/// The operation on as much data as comes to `bytes` in all, rounded to a whole number of images or rows.
fn sized(op: MemoryOp, bytes: usize) -> Memory {
    let one = Memory { op, batch: 1 }.bytes();
    let batch = (bytes / one).max(1);
    // A power of two, so that sizes read well and are those of real batches.
    Memory { op, batch: (batch + batch / 2 + 1).next_power_of_two() / 2 }
}

/// Whether a case is asked for: each word of the pattern is its pass, or part of a word of its name. A number, and a
/// word like `M=1`, have to be a whole word of it.
pub(crate) fn matches(work: &Work, pattern: &str) -> bool {
    let name = work.name().replace(',', " ");
    pattern.replace(',', " ").split_whitespace().all(|word| {
        let whole = word.contains('=') || word.bytes().all(|byte| byte.is_ascii_digit());
        let fits = |part: &str| if whole { part == word } else { part.contains(word) };
        word == work.pass() || name.split_whitespace().any(fits)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SUITES: [Suite; 5] = [Suite::Kernels, Suite::Layers, Suite::Train, Suite::Infer, Suite::Data];

    #[test]
    fn every_line_of_the_tables_can_be_read_and_has_a_name_of_its_own() {
        for suite in SUITES {
            let works = cases(suite).unwrap();
            let names: BTreeSet<String> =
                works.iter().map(|work| format!("{} {}", work.name(), work.pass())).collect();
            assert_eq!(names.len(), works.len(), "{suite:?}");
        }
    }

    #[test]
    fn a_pattern_is_words_and_a_pass_is_a_whole_word() {
        let works = cases(Suite::Kernels).unwrap();
        let found = |pattern: &str| {
            works.iter().filter(|work| matches(work, pattern)).map(|work| work.pass()).collect::<Vec<_>>()
        };
        assert_eq!(found("conv 64x32x28x28"), ["fwd", "fwd+bwd"]);
        assert_eq!(found("conv 64x32x28x28 fwd"), ["fwd"]);
        assert_eq!(found("8x96x56x56 groups fwd+bwd").len(), 2);
        assert_eq!(found("M=1").len(), 3);
        assert_eq!(found("64x1x28x28 -> 32, 3, 1, 1").len(), 3);
        assert_eq!(found("64x1x28x28 6").len(), 2);
        assert!(found("nothing like it").is_empty());
    }

    #[test]
    fn every_pass_of_a_suite_is_told_from_those_that_its_name_is_part_of() {
        for suite in SUITES {
            let works = cases(suite).unwrap();
            for work in &works {
                let pattern = format!("{} {}", work.name(), work.pass());
                let found: Vec<&Work> = works.iter().filter(|other| matches(other, &pattern)).collect();
                assert!(found.contains(&work), "{pattern}");
                assert!(found.iter().all(|other| other.pass() == work.pass()), "{pattern}");
            }
        }
    }

    #[test]
    fn a_word_of_a_pass_alone_asks_for_no_case() {
        let works = cases(Suite::Kernels).unwrap();
        let relu = works.iter().filter(|work| matches(work, "relu"));
        assert!(relu.clone().count() > 0);
        assert!(relu.clone().all(|work| matches!(work, Work::Memory(_))), "fwd+bias+relu is no relu");
    }

    #[test]
    fn sizes_of_memory_operations_are_near_what_is_asked() {
        for bytes in MEMORY_SIZES {
            for op in MemoryOp::ALL {
                let near = sized(op, bytes).bytes() as f64 / bytes as f64;
                assert!((0.6..1.5).contains(&near), "{op:?}: {near}");
            }
        }
    }
}
