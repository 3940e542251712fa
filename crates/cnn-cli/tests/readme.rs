//! The README is true: its commands run (shortened where they train), its code compiles and works.
//!
//! The two modules below hold the README's Rust code letter for letter; a test compares them.

mod common;

use std::path::Path;

use common::{cnn_with, root, small_mnist, write_digit};

#[rustfmt::skip]
mod edges {
use cnn_tensor::Tensor;
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::{self, Conv2dOptions};

fn edges() -> cnn_tensor::Result<Tensor> {
    // One grey image of 3 by 4, and a kernel [height, width, in, out] of 1 by 2 that subtracts neighbours.
    let image = Tensor::from_slice(&[1, 3, 4, 1], &[0.0f32, 0.0, 1.0, 1.0].repeat(3))?;
    let kernel = Tensor::from_slice(&[1, 2, 1, 1], &[-1.0f32, 1.0])?;
    conv2d::forward(&image, &kernel, None, Activation::Relu, &Conv2dOptions::default())
}

    pub(super) fn run() -> cnn_tensor::Result<Tensor> {
        edges()
    }
}

#[rustfmt::skip]
mod own_layer {
use cnn_layers::{Conv2d, Ctx, Dense, Forward, Key, Layer, Relu, Result, Var};

#[derive(Layer)]
struct Small {
    conv: Conv2d,
    out: Dense,
}

impl Small {
    fn new(key: Key) -> Result<Self> {
        let conv = Conv2d::builder(1, 8, 3).padding(1).build(key.fold(0))?;
        let out = Dense::new(8 * 14 * 14, 10, key.fold(1))?;
        Ok(Self { conv, out })
    }
}

impl Forward for Small {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv.call_act(x, Relu, cx)?.max_pool2d(2)?.flatten()?;
        self.out.call(x, cx)
    }
}

    pub(super) fn run() -> Result<Vec<usize>> {
        let network = Small::new(Key::new(1))?;
        let mut cx = Ctx::inference();
        let x = cx.input(cnn_tensor::Tensor::zeros(&[2, 28, 28, 1], cnn_tensor::DType::F32)?);
        Ok(network.call(x, &mut cx)?.shape().to_vec())
    }
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The text of each fenced block of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_code_of_the_readme_is_the_code_of_this_file_and_works() {
    let here = include_str!("readme.rs");
    let readme = readme();
    let code = blocks(&readme, "rust");
    assert_eq!(code.len(), 2);
    for block in code {
        assert!(here.contains(block), "this block of the README is not in tests/readme.rs:\n{block}");
    }
    assert_eq!(edges::run().unwrap().to_vec::<f32>().unwrap(), [0.0, 1.0, 0.0].repeat(3));
    assert_eq!(own_layer::run().unwrap(), [2, 10]);
}

/// A training command of the README on fewer images and epochs.
fn shortened(line: &str) -> String {
    let small = "--data idx:small --set data.validation=60 --set training.batch-size=50 --epochs 1";
    let line = line.replace("--data mnist", "").replace("--epochs 3", "").replace("--batch-size 64", "");
    format!("{line} {small}")
}

#[test]
fn every_command_of_the_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 300, 60);
    write_digit(&here.join("seven.png"), 0);
    let photo = image::RgbImage::from_fn(90, 60, |x, y| image::Rgb([(x * 2) as u8, (y * 4) as u8, 120]));
    photo.save(here.join("photo.jpg")).unwrap();
    for (class, level) in [("dark", 30), ("light", 220)] {
        std::fs::create_dir_all(here.join("photos").join(class)).unwrap();
        for index in 0..20u8 {
            let picture = image::GrayImage::from_pixel(40, 30, image::Luma([level + index % 3]));
            picture.save(here.join(format!("photos/{class}/{index}.png"))).unwrap();
        }
    }
    std::fs::create_dir(here.join("configs")).unwrap();
    std::fs::copy(root().join("configs/mnist.toml"), here.join("configs/mnist.toml")).unwrap();

    let readme = readme();
    let commands = blocks(&readme, "sh").into_iter().flat_map(str::lines);
    let of_cnn: Vec<&str> = commands.filter_map(|line| line.strip_prefix("cnn ")).collect();
    assert!(of_cnn.len() >= 8, "{of_cnn:?}");
    for line in of_cnn {
        let line = if line.contains("--data photos") {
            line.replace("--epochs 30", "--epochs 1")
        } else if line.starts_with("train") {
            shortened(line)
        } else {
            line.replace("--data mnist", "--data idx:small")
        };
        cnn_with(here, &line.split_whitespace().collect::<Vec<_>>()).good();
    }
}

#[test]
fn every_command_of_cargo_names_what_exists() {
    let readme = readme();
    let xtask = std::fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    let commands = blocks(&readme, "sh").into_iter().flat_map(str::lines);
    let of_cargo: Vec<&str> = commands.filter_map(|line| line.strip_prefix("cargo ")).collect();
    assert!(of_cargo.contains(&"xtask train-mnist") && of_cargo.contains(&"xtask test"));
    for line in of_cargo {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["xtask", command, ..] => assert!(xtask.contains(&format!("\"{command}\" =>")), "{line}"),
            ["run", "--release", "-p", package, "--example", example, ..] => {
                assert!(root().join(format!("crates/{package}/examples/{example}.rs")).is_file(), "{line}");
            }
            _ => panic!("a command that this test does not know: {line}"),
        }
    }
}

#[test]
fn every_link_of_the_documents_leads_to_a_file() {
    let documents = [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/STYLE.md",
        "docs/adding-an-op.md",
        "data/mnist/README.md",
    ];
    for document in documents {
        let path = root().join(document);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let leads =
                target.starts_with("http") || path.parent().unwrap_or(Path::new(".")).join(target).exists();
            assert!(leads, "{document}: {target}");
        }
    }
}
