//! The architectures: sizes, keys, shapes, and how they refuse what they cannot be.

use cnn_layers::{Ctx, Forward, Key, StateDict, named_parameters, parameter_count};
use cnn_models::{ARCHITECTURES, Architecture, Arguments, Error, build, skeleton};
use cnn_tensor::{DType, Tensor};

const MNIST: Arguments = Arguments::MNIST;

fn network(name: &str, arguments: &Arguments) -> Box<dyn Forward> {
    build(name, arguments, Key::new(1)).unwrap()
}

fn logits(network: &dyn Forward, arguments: &Arguments, images: usize) -> Tensor {
    let Arguments { channels, height, width, .. } = *arguments;
    let key = Key::new(5);
    let pixels: Vec<f32> = (0..images * height * width * channels).map(|i| key.uniform(i as u64)).collect();
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::from_slice(&[images, height, width, channels], &pixels).unwrap());
    network.call(x, &mut cx).unwrap().into_value()
}

#[test]
fn parameters_are_as_many_as_the_papers_and_pytorch_count() {
    // torch: sum(p.numel() for p in model.parameters())
    assert_eq!(parameter_count(&*network("lenet5", &MNIST)), 61_706);
    assert_eq!(parameter_count(&*network("mnist-cnn", &MNIST)), 1_199_882);
    // Kernels 9 * (1*32 + 32*32 + 32*64 + 64*64 + 64*128), scales and shifts 2 * 320, dense 128 * 10 + 10.
    assert_eq!(parameter_count(&*network("digit-net", &MNIST)), 185_120 + 640 + 1_290);
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
            .filter(|(key, _)| !key.contains("bn"))
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
    for Architecture { name, .. } in ARCHITECTURES {
        assert_eq!(refused(name, Arguments { channels: 0, ..MNIST }), "channels");
        assert_eq!(refused(name, Arguments { classes: 0, ..MNIST }), "classes");
        assert_eq!(refused(name, Arguments { classes: usize::MAX, ..MNIST }), "classes");
        assert_eq!(refused(name, Arguments { height: usize::MAX, ..MNIST }), "height");
    }
    // The smallest that each takes.
    for (name, side) in [("lenet5", 12), ("mnist-cnn", 6), ("digit-net", 7)] {
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
