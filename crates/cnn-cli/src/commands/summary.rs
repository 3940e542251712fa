//! `cnn summary`: what a network is made of and what it costs, from shapes alone; nothing is computed.

use std::path::Path;

use cnn_autograd::graph::Graph;
use cnn_autograd::{Ctx, Mode};
use cnn_layers::summary::{self as layers, bytes, group};
use cnn_layers::{Forward, Reduction};
use cnn_models::{ARCHITECTURES, Arguments};
use cnn_tensor::{DType, Tensor};
use serde::Serialize;

use crate::cli::SummaryArgs;
use crate::failure::{Failure, Outcome};
use crate::model;
use crate::output::{self, say};

/// More than any machine has: a batch that could take so many bytes is a slip of the hand, and below it no figure
/// overflows.
const MOST_BYTES: u128 = 1 << 60;

/// Tensors that the optimiser keeps for each parameter in the memory of a training step: Adam's two.
const OPTIMIZER_SLOTS: usize = 2;

/// What `--json` prints. Scripts depend on the names of the fields.
#[derive(Debug, Serialize)]
struct Json<'a> {
    parameters: usize,
    /// Per image; convolution and dense only.
    multiply_adds: u64,
    /// For the given batch, without the process itself.
    inference_bytes: usize,
    /// For the given batch with Adam, without the process itself.
    training_bytes: usize,
    layers: Vec<JsonRow<'a>>,
}

/// One operation.
#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    layer: &'a str,
    operation: &'static str,
    output: &'a [usize],
    parameters: usize,
    /// Per image.
    multiply_adds: u64,
}

impl<'a> From<&'a layers::Summary> for Json<'a> {
    fn from(summary: &'a layers::Summary) -> Self {
        let row = |row: &'a layers::Row| JsonRow {
            layer: &row.layer,
            operation: row.operation,
            output: &row.output,
            parameters: row.parameters,
            multiply_adds: row.multiply_adds,
        };
        Self {
            parameters: summary.parameters,
            multiply_adds: summary.multiply_adds,
            inference_bytes: summary.inference_bytes,
            training_bytes: summary.training_bytes,
            layers: summary.rows.iter().map(row).collect(),
        }
    }
}

pub(crate) fn run(arguments: &SummaryArgs) -> Outcome {
    let (network, shape) = network(arguments)?;
    let summary = summarise(network.as_ref(), shape, arguments.batch_size)?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&Json::from(&summary))?)?;
    } else {
        output::text(format_args!("{}", table(&summary, arguments.batch_size)))?;
    }
    Ok(())
}

/// The network that was asked for: an architecture by name, or what a file holds.
fn network(arguments: &SummaryArgs) -> Outcome<(Box<dyn Forward>, Arguments)> {
    let name = arguments.model.as_str();
    let is_name = ARCHITECTURES.iter().any(|known| known.name == name);
    if is_name || !looks_like_a_file(name) {
        let [height, width, channels] = arguments.input.unwrap_or([28, 28, 1]);
        let shape = Arguments { channels, classes: arguments.classes.unwrap_or(10), height, width };
        return Ok((cnn_models::skeleton(name, &shape)?, shape));
    }
    if arguments.input.is_some() || arguments.classes.is_some() {
        let problem = format!("--input and --classes are for an architecture by name; {name} has its own");
        return Err(Failure::Usage(problem));
    }
    let trained = model::load(Path::new(name))?;
    Ok((trained.network, trained.about.arguments))
}

fn looks_like_a_file(name: &str) -> bool {
    Path::new(name).exists() || name.contains(['/', '\\']) || name.ends_with(".safetensors")
}

/// The summary of a batch; the multiply-adds are those of one image, and training is with Adam.
pub(super) fn summarise(network: &dyn Forward, shape: Arguments, batch: usize) -> Outcome<layers::Summary> {
    let one = layers::Summary::of_graph(&trace(network, shape, 1, Mode::Eval)?);
    check_batch(network, shape, batch)?;
    let inference = layers::Summary::of_graph(&trace(network, shape, batch, Mode::Eval)?);
    let training = trace(network, shape, batch, Mode::Train)?;
    Ok(layers::Summary {
        multiply_adds: one.multiply_adds,
        training_bytes: training.training_bytes(OPTIMIZER_SLOTS),
        rows: rows(inference.clone(), &one),
        ..inference
    })
}

/// Whether a batch can be reckoned with. It takes at most as many times the bytes of two images as it has images; by one
/// alone some networks cannot train.
fn check_batch(network: &dyn Forward, shape: Arguments, batch: usize) -> Outcome {
    let two = trace(network, shape, 2, Mode::Train)?;
    let bytes = two.training_bytes(OPTIMIZER_SLOTS) as u128;
    if bytes.saturating_mul(batch as u128) <= MOST_BYTES {
        return Ok(());
    }
    let most = MOST_BYTES / bytes.max(1);
    Err(Failure::Usage(format!(
        "--batch-size {batch} is more than the memory of any machine holds, expected {} or less for this network",
        most.max(1)
    )))
}

/// The graph of one batch, without values; in train mode up to the loss.
fn trace(network: &dyn Forward, shape: Arguments, batch: usize, mode: Mode) -> Outcome<Graph> {
    let mut cx = Ctx::trace(mode);
    let images = Tensor::shape_only(&[batch, shape.height, shape.width, shape.channels], DType::F32)?;
    let x = cx.input(images);
    let mut output = network.call(x, &mut cx)?;
    if mode == Mode::Train {
        output = output.cross_entropy(&Tensor::shape_only(&[batch], DType::I64)?, Reduction::Mean)?;
    }
    Ok(cx.graph(&[&output])?)
}

/// The operations of a batch, with the multiply-adds of one image.
fn rows(batch: layers::Summary, one: &layers::Summary) -> Vec<layers::Row> {
    let pairs = batch.rows.into_iter().zip(&one.rows);
    pairs.map(|(row, of_one)| layers::Row { multiply_adds: of_one.multiply_adds, ..row }).collect()
}

fn table(summary: &layers::Summary, batch: usize) -> String {
    format!(
        "{}\nparameters      {}\nmultiply-adds   {} per image\ninference       {} for a batch of {batch}\n\
         training        {} for a batch of {batch}, with Adam\n",
        summary.table(),
        group(summary.parameters as u64),
        group(summary.multiply_adds),
        bytes(summary.inference_bytes),
        bytes(summary.training_bytes),
    )
}

#[cfg(test)]
mod tests {
    use cnn_tensor::random::Key;

    use super::*;

    fn lenet(batch: usize) -> layers::Summary {
        let network = cnn_models::build("lenet5", &Arguments::MNIST, Key::new(1)).unwrap();
        summarise(network.as_ref(), Arguments::MNIST, batch).unwrap()
    }

    // Weights and biases: 5*5*6+6, 5*5*6*16+16, 400*120+120, 120*84+84, 84*10+10; products: each kernel at each
    // output pixel.
    #[test]
    fn lenet5_has_the_sizes_of_its_table() {
        let summary = lenet(64);
        assert_eq!(summary.parameters, 61_706);
        assert_eq!(
            summary.multiply_adds,
            28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
        );
        assert_eq!(summary.rows.iter().map(|row| row.parameters).sum::<usize>(), 61_706);
        assert_eq!(summary.rows.first().map(|row| row.layer.as_str()), Some("conv1"));
    }

    #[test]
    fn memory_grows_with_the_batch_and_training_takes_more() {
        let (one, many) = (lenet(1), lenet(256));
        assert!(many.inference_bytes > one.inference_bytes && many.training_bytes > one.training_bytes);
        assert!(one.training_bytes > one.inference_bytes);
        assert_eq!(one.multiply_adds, many.multiply_adds);
    }

    #[test]
    fn a_batch_beyond_all_memory_is_wrong_usage_that_names_the_largest() {
        for architecture in ARCHITECTURES {
            // Of smaller images `resnet18` leaves one pixel, by which batch norm cannot train on one image.
            let arguments = Arguments { height: 64, width: 64, ..Arguments::MNIST };
            let network = cnn_models::skeleton(architecture.name, &arguments).unwrap();
            let of = |batch| summarise(network.as_ref(), arguments, batch);
            for batch in [10_000_000_000_000, usize::MAX] {
                let told = match of(batch) {
                    Err(Failure::Usage(told)) => told,
                    other => panic!("{other:?}"),
                };
                let most = told.split("expected ").nth(1).and_then(|rest| rest.split(' ').next());
                let most: usize = most.unwrap().parse().unwrap();
                assert!(told.starts_with(&format!("--batch-size {batch} ")) && most < batch, "{told}");
                let largest = of(most).unwrap();
                assert_eq!(largest.multiply_adds, of(1).unwrap().multiply_adds);
                assert!(largest.training_bytes > largest.inference_bytes);
                assert!(matches!(of(most + 1), Err(Failure::Usage(_))));
            }
        }
    }

    #[test]
    fn the_largest_networks_that_can_be_named_are_summarised_without_being_made() {
        let giant = Arguments { channels: 1000, classes: 1_000_000, height: 20_000, width: 20_000 };
        for architecture in ARCHITECTURES {
            let network = cnn_models::skeleton(architecture.name, &giant).unwrap();
            assert!(summarise(network.as_ref(), giant, 1).unwrap().multiply_adds > 1 << 30);
        }
    }
}
