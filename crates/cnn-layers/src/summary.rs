//! [`Summary`]: what a network is made of and what it costs, from shapes alone; nothing is computed.

use std::collections::BTreeMap;
use std::fmt;

use cnn_autograd::Buffer;
use cnn_autograd::graph::{Graph, Source};
use cnn_tensor::{DType, Shape, Tensor};

use crate::{Ctx, Forward, Mode, Result};

/// A network as a table of its operations, with its size and cost.
///
/// ```
/// use cnn_layers::{Conv2d, Dense, Flatten, Key, Relu, Result, Sequential, Summary};
/// # fn main() -> Result<()> {
/// let key = Key::new(1);
/// let net = Sequential::new()
///     .then(Conv2d::new(1, 4, 3, key)?)
///     .then(Relu)
///     .then(Flatten)
///     .then(Dense::new(4 * 6 * 6, 2, key)?);
/// let summary = Summary::of(&net, &[1, 8, 8, 1])?;
/// assert_eq!(summary.parameters, 4 * 9 + 4 + 4 * 36 * 2 + 2);
/// assert_eq!(summary.rows[0].operation, "conv2d");
/// println!("{summary}");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The operations, in the order in which they run.
    pub rows: Vec<Row>,
    /// Elements of all parameters.
    pub parameters: usize,
    /// Elements of those that train.
    pub trainable: usize,
    /// Multiplications with an addition of the whole batch, of convolutions and matrix products.
    pub multiply_adds: u64,
    /// Most bytes of tensors at one time, without gradients.
    pub inference_bytes: usize,
    /// Most bytes of tensors at one time, forward and backward, without what an optimiser keeps.
    pub training_bytes: usize,
}

/// One operation of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Path of the layer that ran it; empty for what the network itself does.
    pub layer: String,
    /// Name of the operation.
    pub operation: &'static str,
    /// Shape of its output.
    pub output: Shape,
    /// Elements of the parameters that it is the first to compute with.
    pub parameters: usize,
    /// Multiplications with an addition, of the whole batch.
    pub multiply_adds: u64,
}

impl Summary {
    /// The summary of a network for an input of this shape, batch first. The rows are those of eval mode; the memory of
    /// training is that of train mode, to the mean of the output.
    ///
    /// # Errors
    /// Those of the network for such an input, with the path of the layer.
    pub fn of(network: &dyn Forward, input: &[usize]) -> Result<Self> {
        let eval = Self::of_graph(&trace(network, input, Mode::Eval)?);
        let train = trace(network, input, Mode::Train)?;
        Ok(Self { training_bytes: train.training_bytes(0), ..eval })
    }

    /// The summary of a traced pass: for a network of several inputs, or one with its loss.
    pub fn of_graph(graph: &Graph) -> Self {
        let parameters = || {
            let nodes = graph.nodes().iter().enumerate();
            nodes.filter(|(_, node)| matches!(node.source, Source::Parameter(_)))
        };
        // A parameter that two operations share is counted at the first, and one under another shape at the operation
        // that computes with it.
        let mut fresh: BTreeMap<usize, usize> =
            parameters().map(|(index, node)| (index, node.output.shape.len())).collect();
        let rows = graph.nodes().iter().enumerate().filter_map(|(index, node)| {
            let Source::Operation(operation) = &node.source else { return None };
            let mut parameters = operation.inputs.iter().filter_map(|input| fresh.remove(input)).sum();
            if matches!(operation.buffers.output, Buffer::Shares(_)) && parameters > 0 {
                fresh.insert(index, std::mem::take(&mut parameters));
            }
            Some(Row {
                layer: node.path.clone(),
                operation: operation.name,
                output: node.output.shape,
                parameters,
                multiply_adds: operation.multiply_adds,
            })
        });
        let trainable =
            parameters().filter(|(_, node)| node.tracked).map(|(_, node)| node.output.shape.len());
        Self {
            rows: rows.collect(),
            parameters: graph.parameters(),
            trainable: trainable.fold(0, usize::saturating_add),
            multiply_adds: graph.multiply_adds(),
            inference_bytes: graph.inference_bytes(),
            training_bytes: graph.training_bytes(0),
        }
    }

    /// The rows as lines of text, with a line of titles.
    pub fn table(&self) -> String {
        let number = |number: u64| if number == 0 { "-".to_string() } else { group(number) };
        let title = ["layer", "operation", "output", "parameters", "multiply-adds"].map(String::from);
        let cells = self.rows.iter().map(|row| {
            [
                if row.layer.is_empty() { "-".into() } else { row.layer.clone() },
                row.operation.into(),
                row.output.to_string(),
                number(row.parameters as u64),
                number(row.multiply_adds),
            ]
        });
        let lines: Vec<[String; 5]> = std::iter::once(title).chain(cells).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(width);
        let line = |[layer, operation, output, parameters, multiply_adds]: &[String; 5]| {
            format!("{layer:<a$}  {operation:<b$}  {output:<c$}  {parameters:>d$}  {multiply_adds:>e$}\n")
        };
        lines.iter().map(line).collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trainable = match self.trainable == self.parameters {
            true => String::new(),
            false => format!(", {} of them trainable", group(self.trainable as u64)),
        };
        writeln!(f, "{}", self.table())?;
        writeln!(f, "parameters      {}{trainable}", group(self.parameters as u64))?;
        writeln!(f, "multiply-adds   {}", group(self.multiply_adds))?;
        writeln!(f, "inference       {}", bytes(self.inference_bytes))?;
        write!(f, "training        {}", bytes(self.training_bytes))
    }
}

/// The graph of one pass, without values.
fn trace(network: &dyn Forward, input: &[usize], mode: Mode) -> Result<Graph> {
    let mut cx = Ctx::trace(mode);
    let x = cx.input(Tensor::shape_only(input, DType::F32)?);
    let mut output = network.call(x, &mut cx)?;
    if mode == Mode::Train {
        output = output.mean()?;
    }
    Ok(cx.graph(&[&output])?)
}

/// A whole number with its thousands grouped.
pub fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of bytes in the unit that fits.
pub fn bytes(bytes: usize) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} PiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchNorm2d, Conv1d, Conv2d, ConvTranspose1d, Dense, Flatten, Key, Sequential, freeze};

    #[test]
    fn the_table_has_a_line_for_each_operation_and_the_totals_add_up() {
        let key = Key::new(1);
        let mut net = Sequential::new()
            .then(Conv2d::new(3, 8, 3, key).unwrap())
            .then(BatchNorm2d::new(8).unwrap())
            .then(Flatten)
            .then(Dense::new(8 * 4 * 5, 10, key).unwrap());
        freeze(&mut net, &["0"]).unwrap();
        let summary = Summary::of(&net, &[2, 6, 7, 3]).unwrap();
        let paths: Vec<&str> = summary.rows.iter().map(|row| row.layer.as_str()).collect();
        assert_eq!(paths, ["0", "1", "2", "3"]);
        assert_eq!(summary.rows.iter().map(|row| row.parameters).sum::<usize>(), summary.parameters);
        assert_eq!(summary.parameters - summary.trainable, 3 * 9 * 8 + 8);
        assert_eq!(summary.multiply_adds, 2 * (4 * 5 * 8 * 27 + 160 * 10));
        assert!(summary.training_bytes > summary.inference_bytes);
        let text = summary.to_string();
        assert!(text.starts_with("layer  operation"), "{text}");
        assert!(text.contains("\n3      dense       [2, 10]"), "{text}");
        assert!(text.contains("\nparameters      1,850, 1,626 of them trainable\n"), "{text}");
    }

    #[test]
    fn a_parameter_under_another_shape_is_counted_where_it_is_computed_with() {
        let key = Key::new(1);
        let net = Sequential::new()
            .then(Conv1d::new(3, 8, 5, key).unwrap())
            .then(ConvTranspose1d::new(8, 2, 3, key).unwrap());
        let summary = Summary::of(&net, &[2, 11, 3]).unwrap();
        let rows = summary.rows.iter().filter(|row| row.parameters > 0);
        let rows: Vec<(&str, usize)> = rows.map(|row| (row.operation, row.parameters)).collect();
        assert_eq!(rows, [("conv2d", 3 * 5 * 8 + 8), ("conv_transpose2d", 8 * 3 * 2 + 2)]);
        assert_eq!(summary.parameters, 128 + 50);
    }

    #[test]
    fn an_input_that_does_not_fit_names_the_layer() {
        let net = Sequential::new().then(Conv2d::new(3, 8, 3, Key::new(1)).unwrap());
        let error = Summary::of(&net, &[2, 6, 7, 4]).unwrap_err().to_string();
        assert!(error.starts_with("0: conv2d: "), "{error}");
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([group(0), group(999), group(1000), group(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([bytes(1000), bytes(1536), bytes(5 << 30)], ["1000 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!([bytes(3 << 40), bytes(7 << 50)], ["3.0 TiB", "7.0 PiB"]);
    }
}
