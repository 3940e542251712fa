//! Architectures by name.

use cnn_layers::init::{Fans, Initializer, TorchDefault};
use cnn_layers::{Forward, Key};
use cnn_tensor::{DType, Tensor};

use crate::{Arguments, Depth, DigitNet, Error, LeNet5, MnistCnn, ResNet, ResNet9, Result};

/// An architecture that can be built by name.
#[derive(Debug, Clone, Copy)]
pub struct Architecture {
    /// Its name, in a model file and on a command line.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    build: Build,
}

type Build = fn(&Arguments, &dyn Initializer, Key) -> Result<Box<dyn Forward>>;

impl Architecture {
    /// The architecture of this name.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], which lists the names.
    pub fn find(name: &str) -> Result<&'static Self> {
        ARCHITECTURES.iter().find(|architecture| architecture.name == name).ok_or_else(|| unknown(name))
    }

    /// A network whose weights start as the initializer says.
    ///
    /// # Errors
    /// [`Error::Argument`] for arguments that the architecture cannot be built with.
    pub fn build(&self, arguments: &Arguments, init: &dyn Initializer, key: Key) -> Result<Box<dyn Forward>> {
        (self.build)(arguments, init, key)
    }
}

/// Every architecture of this crate, by name.
pub const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "digit-net",
        about: "four normalised convolutions and one dense layer, for small grey images",
        build: |arguments, init, key| Ok(Box::new(DigitNet::with_initializer(arguments, init, key)?)),
    },
    Architecture {
        name: "lenet5",
        about: "LeNet-5 with ReLU and max-pooling",
        build: |arguments, init, key| Ok(Box::new(LeNet5::with_initializer(arguments, init, key)?)),
    },
    Architecture {
        name: "mnist-cnn",
        about: "the network of PyTorch's MNIST example, without dropout",
        build: |arguments, init, key| Ok(Box::new(MnistCnn::with_initializer(arguments, init, key)?)),
    },
    Architecture {
        name: "resnet18",
        about: "ResNet-18, torchvision's",
        build: |arguments, init, key| Ok(Box::new(ResNet::resnet18(arguments, init, key)?)),
    },
    Architecture {
        name: "resnet18-cifar",
        about: "ResNet-18 for small images: it begins at full size, with a 3x3 convolution",
        build: |arguments, init, key| Ok(Box::new(ResNet::resnet18_cifar(arguments, init, key)?)),
    },
    Architecture {
        name: "resnet20",
        about: "the residual network of 20 layers for CIFAR-10, with projection shortcuts",
        build: |arguments, init, key| Ok(Box::new(ResNet::for_cifar(Depth::D20, arguments, init, key)?)),
    },
    Architecture {
        name: "resnet32",
        about: "the residual network of 32 layers for CIFAR-10, with projection shortcuts",
        build: |arguments, init, key| Ok(Box::new(ResNet::for_cifar(Depth::D32, arguments, init, key)?)),
    },
    Architecture {
        name: "resnet44",
        about: "the residual network of 44 layers for CIFAR-10, with projection shortcuts",
        build: |arguments, init, key| Ok(Box::new(ResNet::for_cifar(Depth::D44, arguments, init, key)?)),
    },
    Architecture {
        name: "resnet56",
        about: "the residual network of 56 layers for CIFAR-10, with projection shortcuts",
        build: |arguments, init, key| Ok(Box::new(ResNet::for_cifar(Depth::D56, arguments, init, key)?)),
    },
    Architecture {
        name: "resnet9",
        about: "nine layers, two residuals: the network of fast CIFAR-10 training",
        build: |arguments, init, key| Ok(Box::new(ResNet9::full(arguments, init, key)?)),
    },
    Architecture {
        name: "resnet9-s",
        about: "resnet9 of half the width",
        build: |arguments, init, key| Ok(Box::new(ResNet9::small(arguments, init, key)?)),
    },
];

/// A network of the named architecture, with PyTorch's starting values.
///
/// ```
/// use cnn_layers::Key;
/// use cnn_models::{Arguments, build};
/// let network = build("lenet5", &Arguments::MNIST, Key::new(1))?;
/// let error = build("lenet", &Arguments::MNIST, Key::new(1)).err().unwrap();
/// assert!(error.to_string().contains("did you mean lenet5?"));
/// # Ok::<(), cnn_models::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownModel`], which lists the names; [`Error::Argument`].
pub fn build(name: &str, arguments: &Arguments, key: Key) -> Result<Box<dyn Forward>> {
    Architecture::find(name)?.build(arguments, &TorchDefault, key)
}

/// A network of the named architecture whose weights have shapes but no values: to be loaded into, or to be
/// asked for shapes and sizes. Kernels and matrices, which are nearly all of a network, allocate nothing; biases
/// and norms have values, one for each channel or class of a layer.
///
/// # Errors
/// As [`build`].
pub fn skeleton(name: &str, arguments: &Arguments) -> Result<Box<dyn Forward>> {
    let shape_only = |shape: &[usize], _: Fans, _: Key| Ok(Tensor::shape_only(shape, DType::F32)?);
    Architecture::find(name)?.build(arguments, &shape_only, Key::new(0))
}

fn unknown(name: &str) -> Error {
    let names = || ARCHITECTURES.iter().map(|architecture| architecture.name);
    let closest = names().map(|known| (strsim::levenshtein(&name.to_lowercase(), known), known)).min();
    Error::UnknownModel {
        name: name.to_owned(),
        suggestion: closest.filter(|&(distance, known)| distance <= known.len() / 3).map(|(_, known)| known),
        known: names().collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_in_lower_case() {
        assert!(ARCHITECTURES.is_sorted_by_key(|architecture| architecture.name));
        assert!(
            ARCHITECTURES.iter().all(|architecture| architecture.name == architecture.name.to_lowercase())
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones_and_suggests_only_what_is_close() {
        for (name, suggestion) in
            [("LeNet-5", Some("lenet5")), ("mnistcnn", Some("mnist-cnn")), ("densenet121", None)]
        {
            match build(name, &Arguments::MNIST, Key::new(0)).err().unwrap() {
                Error::UnknownModel { suggestion: met, known, .. } => {
                    assert_eq!(met, suggestion, "{name}");
                    assert_eq!(
                        known,
                        "digit-net, lenet5, mnist-cnn, resnet18, resnet18-cifar, resnet20, resnet32, resnet44, resnet56, \
                         resnet9, resnet9-s"
                    );
                }
                other => panic!("{other}"),
            }
        }
    }
}
