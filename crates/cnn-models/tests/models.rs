//! The architectures: sizes, keys, shapes, and how they refuse what they cannot be.

use cnn_layers::{
    Ctx, Forward, Key, Mode, Reduction, StateDict, fold_statistics, for_each_parameter_mut, named_parameters,
    parameter_count,
};
use cnn_models::{ARCHITECTURES, Architecture, Arguments, Error, build, skeleton};
use cnn_tensor::ops::update::{self, Descent};
use cnn_tensor::{DType, Tensor};

const MNIST: Arguments = Arguments::MNIST;
const CIFAR: Arguments = Arguments { channels: 3, classes: 10, height: 32, width: 32 };

fn network(name: &str, arguments: &Arguments) -> Box<dyn Forward> {
    build(name, arguments, Key::new(1)).unwrap()
}

fn images(arguments: &Arguments, images: usize) -> Tensor {
    let Arguments { channels, height, width, .. } = *arguments;
    let key = Key::new(5);
    let pixels: Vec<f32> = (0..images * height * width * channels).map(|i| key.uniform(i as u64)).collect();
    Tensor::from_slice(&[images, height, width, channels], &pixels).unwrap()
}

fn logits(network: &dyn Forward, arguments: &Arguments, count: usize) -> Tensor {
    let mut cx = Ctx::inference();
    let x = cx.input(images(arguments, count));
    network.call(x, &mut cx).unwrap().into_value()
}

#[test]
fn parameters_are_as_many_as_the_papers_and_pytorch_count() {
    // torch: sum(p.numel() for p in model.parameters())
    assert_eq!(parameter_count(&*network("lenet5", &MNIST)), 61_706);
    assert_eq!(parameter_count(&*network("mnist-cnn", &MNIST)), 1_199_882);
    // Kernels 9 * (1*32 + 32*32 + 32*64 + 64*64 + 64*128), scales and shifts 2 * 320, dense 128 * 10 + 10.
    assert_eq!(parameter_count(&*network("digit-net", &MNIST)), 185_120 + 640 + 1_290);
    // Each stage: kernels, projection, scales and shifts.
    let first = 9 * 3 * 16 + 2 * 16;
    let stage1 = 6 * 9 * 16 * 16 + 6 * 2 * 16;
    let stage2 = 9 * 16 * 32 + 5 * 9 * 32 * 32 + 16 * 32 + 7 * 2 * 32;
    let stage3 = 9 * 32 * 64 + 5 * 9 * 64 * 64 + 32 * 64 + 7 * 2 * 64;
    let resnet20 = first + stage1 + stage2 + stage3 + 64 * 10 + 10;
    assert_eq!(resnet20, 272_474);
    assert_eq!(parameter_count(&*network("resnet20", &CIFAR)), resnet20);
    let widening =
        |width: usize| 9 * (width / 2 * width + 3 * width * width) + width / 2 * width + 5 * 2 * width;
    let first = 9 * 3 * 64 + 2 * 64;
    let stage1 = 4 * 9 * 64 * 64 + 4 * 2 * 64;
    let resnet18 = first + stage1 + widening(128) + widening(256) + widening(512) + 512 * 10 + 10;
    assert_eq!(resnet18, 11_173_962);
    assert_eq!(parameter_count(&*network("resnet18-cifar", &CIFAR)), resnet18);
    // Two more blocks of each width for each step in depth.
    let deeper = |blocks: usize| {
        let block = |width: usize| 2 * 9 * width * width + 2 * 2 * width;
        resnet20 + (blocks - 3) * (block(16) + block(32) + block(64))
    };
    for (name, blocks, parameters) in
        [("resnet32", 5, 466_906), ("resnet44", 7, 661_338), ("resnet56", 9, 855_770)]
    {
        assert_eq!(
            (parameter_count(&*network(name, &CIFAR)), deeper(blocks)),
            (parameters, parameters),
            "{name}"
        );
    }
    // torchvision.models.resnet18()
    let imagenet = Arguments { channels: 3, classes: 1000, height: 224, width: 224 };
    assert_eq!(parameter_count(&*skeleton("resnet18", &imagenet).unwrap()), 11_689_512);
    let resnet9 = |width: usize| {
        let w = width * width;
        let kernels = 9 * (3 * width + 2 * w + 2 * 4 * w + 8 * w + 32 * w + 2 * 64 * w);
        kernels + 2 * (width + 3 * 2 * width + 4 * width + 3 * 8 * width) + 8 * width * 10
    };
    assert_eq!((resnet9(64), resnet9(32)), (6_573_120, 1_646_112));
    assert_eq!(parameter_count(&*network("resnet9", &CIFAR)), resnet9(64));
    assert_eq!(parameter_count(&*network("resnet9-s", &CIFAR)), resnet9(32));
}

#[test]
fn keys_are_pytorchs() {
    let keys = |name| -> Vec<String> {
        named_parameters(&*network(name, &MNIST)).into_iter().map(|(key, _)| key).collect()
    };
    let both = |layers: &[&str]| -> Vec<String> {
        layers.iter().flat_map(|layer| [format!("{layer}.weight"), format!("{layer}.bias")]).collect()
    };
    assert_eq!(keys("lenet5"), both(&["conv1", "conv2", "fc1", "fc2", "fc3"]));
    assert_eq!(keys("mnist-cnn"), both(&["conv1", "conv2", "fc1", "fc2"]));
    let dict = StateDict::of(&*network("digit-net", &MNIST)).unwrap();
    let block: Vec<_> = dict.iter().map(|(key, _)| key).filter(|key| key.starts_with("block1.")).collect();
    assert_eq!(
        block,
        [
            "block1.bn.bias",
            "block1.bn.num_batches_tracked",
            "block1.bn.running_mean",
            "block1.bn.running_var",
            "block1.bn.weight",
            "block1.conv.weight",
        ]
    );
}

#[test]
fn keys_of_residual_networks_are_torchvisions() {
    let norm = |name: String| {
        ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
            .map(|part| format!("{name}.{part}"))
    };
    for (name, blocks) in [
        ("resnet20", &[3, 3, 3][..]),
        ("resnet56", &[9, 9, 9]),
        ("resnet18-cifar", &[2, 2, 2, 2]),
        ("resnet18", &[2, 2, 2, 2]),
    ] {
        let mut expected = vec!["conv1.weight".to_owned(), "fc.weight".to_owned(), "fc.bias".to_owned()];
        expected.extend(norm("bn1".to_owned()));
        for (stage, &blocks) in blocks.iter().enumerate() {
            for block in (0..blocks).map(|block| format!("layer{}.{block}", stage + 1)) {
                expected.extend([format!("{block}.conv1.weight"), format!("{block}.conv2.weight")]);
                expected.extend(norm(format!("{block}.bn1")));
                expected.extend(norm(format!("{block}.bn2")));
                if stage > 0 && block.ends_with(".0") {
                    expected.push(format!("{block}.downsample.0.weight"));
                    expected.extend(norm(format!("{block}.downsample.1")));
                }
            }
        }
        expected.sort();
        let dict = StateDict::of(&*network(name, &CIFAR)).unwrap();
        let mut met: Vec<_> = dict.iter().map(|(key, _)| key.to_owned()).collect();
        met.sort();
        assert_eq!(met, expected, "{name}");
    }
}

#[test]
fn each_stage_of_a_residual_network_but_the_first_halves_the_image() {
    for (name, stages, multiply_adds) in [
        ("resnet20", &[[32, 16], [16, 32], [8, 64]][..], 40_813_184),
        ("resnet18-cifar", &[[32, 64], [16, 128], [8, 256], [4, 512]], 555_422_720),
    ] {
        let network = skeleton(name, &CIFAR).unwrap();
        let mut cx = Ctx::trace(Mode::Train);
        let x = cx.input(Tensor::shape_only(&[2, 32, 32, 3], DType::F32).unwrap());
        let logits = network.call(x, &mut cx).unwrap();
        let graph = cx.graph(&[&logits]).unwrap();
        for (stage, &[side, width]) in stages.iter().enumerate() {
            let of_stage = |path: &str| path.starts_with(&format!("layer{}.", stage + 1));
            let nodes = graph.operations().map(|(node, _)| node).filter(|node| of_stage(&node.path));
            let shapes: Vec<_> = nodes.map(|node| node.output.shape).collect();
            assert!(shapes.len() >= 8, "{name}: stage {stage}");
            assert!(shapes.iter().all(|&shape| shape == [2, side, side, width]), "{name}: {shapes:?}");
        }
        assert_eq!(graph.multiply_adds(), 2 * multiply_adds, "{name}");
    }
}

#[test]
fn multiply_adds_are_those_of_the_tables() {
    let imagenet = Arguments { channels: 3, classes: 1000, height: 224, width: 224 };
    for (name, arguments, multiply_adds) in [
        // He et al. say 1.8e9; so do fvcore's and torchvision's counts.
        ("resnet18", imagenet, 1_814_073_344),
        ("resnet9", CIFAR, 379_261_952),
        ("resnet9-s", CIFAR, 95_259_136),
    ] {
        let network = skeleton(name, &arguments).unwrap();
        let mut cx = Ctx::trace(Mode::Train);
        let Arguments { channels, height, width, .. } = arguments;
        let x = cx.input(Tensor::shape_only(&[1, height, width, channels], DType::F32).unwrap());
        let logits = network.call(x, &mut cx).unwrap();
        assert_eq!(cx.graph(&[&logits]).unwrap().multiply_adds(), multiply_adds, "{name}");
    }
}

#[test]
fn steps_of_training_on_one_batch_lower_its_loss() {
    for name in ["resnet20", "resnet18-cifar", "resnet18", "resnet9-s"] {
        let side = if name == "resnet18" { 64 } else { 8 };
        let arguments = Arguments { height: side, width: side, ..CIFAR };
        let mut network = network(name, &arguments);
        let images = images(&arguments, 4);
        let labels = Tensor::from_slice(&[4], &[0i64, 1, 2, 3]).unwrap();
        let mut losses = Vec::new();
        for step in 0..4 {
            let mut cx = Ctx::training(Key::new(step));
            let x = cx.input(images.clone());
            let loss = network.call(x, &mut cx).unwrap().cross_entropy(&labels, Reduction::Mean).unwrap();
            losses.push(loss.value().item().unwrap());
            let mut step = cx.backward(loss).unwrap();
            for_each_parameter_mut(&mut *network, |path, parameter| {
                let gradient = step.gradients.take(parameter.id());
                let gradient = gradient.unwrap_or_else(|| panic!("{name}: {path} has no gradient"));
                let options = Descent { lr: 0.01, weight_decay: 0.0 };
                update::apply(&options, parameter.value_mut(), &gradient, []).unwrap();
            });
            fold_statistics(&mut *network, &step.statistics).unwrap();
        }
        assert!(losses.is_sorted_by(|before, after| after < before), "{name}: {losses:?}");
    }
}

#[test]
fn every_architecture_takes_images_of_other_sizes_channels_and_classes() {
    for arguments in [
        MNIST,
        Arguments { channels: 3, classes: 7, height: 32, width: 24 },
        Arguments { channels: 2, classes: 1, height: 13, width: 19 },
    ] {
        for Architecture { name, .. } in ARCHITECTURES {
            let logits = logits(&*network(name, &arguments), &arguments, 2);
            assert_eq!(logits.shape(), [2, arguments.classes], "{name} {arguments:?}");
            assert!(logits.as_slice::<f32>().unwrap().iter().all(|logit| logit.is_finite()));
        }
    }
}

#[test]
fn a_prediction_does_not_depend_on_its_batch_mates() {
    for Architecture { name, .. } in ARCHITECTURES {
        let network = network(name, &MNIST);
        let (one, three) = (logits(&*network, &MNIST, 1), logits(&*network, &MNIST, 3));
        assert_eq!(
            one.to_vec::<f32>().unwrap(),
            three.narrow(0..1).unwrap().to_vec::<f32>().unwrap(),
            "{name}"
        );
    }
}

#[test]
fn the_same_key_gives_the_same_weights_and_every_layer_its_own() {
    for Architecture { name, .. } in ARCHITECTURES {
        let bytes = |seed| {
            let network = build(name, &MNIST, Key::new(seed)).unwrap();
            cnn_layers::save(&*network, &Default::default()).unwrap()
        };
        assert_eq!(bytes(1), bytes(1), "{name}");
        assert_ne!(bytes(1), bytes(2), "{name}");
        let network = network(name, &MNIST);
        let mut starts: Vec<u32> = named_parameters(&*network)
            .iter()
            .filter(|(key, _)| !key.contains("bn") && !key.contains("downsample.1"))
            .map(|(_, parameter)| parameter.value().as_slice::<f32>().unwrap()[0].to_bits())
            .collect();
        let parameters = starts.len();
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts.len(), parameters, "{name}: two parameters start alike");
    }
}

#[test]
fn a_skeleton_has_the_shapes_of_the_network() {
    for Architecture { name, .. } in ARCHITECTURES {
        let (network, bones) = (network(name, &MNIST), skeleton(name, &MNIST).unwrap());
        let shapes = |network: &dyn Forward| -> Vec<_> {
            let parameters = named_parameters(network);
            parameters.into_iter().map(|(key, parameter)| (key, parameter.value().spec())).collect()
        };
        assert_eq!(shapes(&*network), shapes(&*bones), "{name}");
    }
}

#[test]
fn arguments_that_leave_nothing_are_refused_by_name() {
    let refused = |name, arguments| match build(name, &arguments, Key::new(1)) {
        Err(Error::Argument { name, .. }) => name,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{name} accepted {arguments:?}"),
    };
    assert_eq!(refused("lenet5", Arguments { height: 11, ..MNIST }), "height");
    assert_eq!(refused("mnist-cnn", Arguments { width: 5, ..MNIST }), "width");
    assert_eq!(refused("digit-net", Arguments { width: 6, ..MNIST }), "width");
    assert_eq!(refused("resnet20", Arguments { width: 0, ..MNIST }), "width");
    for Architecture { name, .. } in ARCHITECTURES {
        assert_eq!(refused(name, Arguments { channels: 0, ..MNIST }), "channels");
        assert_eq!(refused(name, Arguments { classes: 0, ..MNIST }), "classes");
        assert_eq!(refused(name, Arguments { classes: usize::MAX, ..MNIST }), "classes");
        assert_eq!(refused(name, Arguments { height: usize::MAX, ..MNIST }), "height");
    }
    // The smallest that each takes.
    for (name, side) in
        [("lenet5", 12), ("mnist-cnn", 6), ("digit-net", 7), ("resnet20", 1), ("resnet18-cifar", 1)]
    {
        let arguments = Arguments { height: side, width: side, ..MNIST };
        assert_eq!(logits(&*network(name, &arguments), &arguments, 1).shape(), [1, 10], "{name}");
    }
}

#[test]
fn an_image_of_another_size_is_an_error_that_names_the_layer() {
    let network = network("lenet5", &MNIST);
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::zeros(&[1, 32, 32, 1], DType::F32).unwrap());
    let text = network.call(x, &mut cx).unwrap_err().to_string();
    assert!(text.starts_with("fc1: dense"), "{text}");
}
