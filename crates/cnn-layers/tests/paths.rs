//! Layer paths at run time, on nested layers of a user's own (`docs/adr/0001-layer-paths.md`).

use std::sync::{Arc, Mutex};

use cnn_autograd::graph::Source;
use cnn_layers::{
    AdaptiveAvgPool1d, AdaptiveMaxPool1d, AvgPool1d, Buffer, Conv1d, Conv2d, ConvTranspose1d, Crop, Ctx,
    Dense, FileLayout, Flatten, Forward, Interpolation, Key, Layer, LocalResponseNorm, MaxPool1d, Mode,
    Pad1d, PaddingMode, Parameter, Relu, Result, Sequential, SqueezeExcite, Upsample, Var, named_buffers,
    named_layers, named_parameters, within,
};
use cnn_tensor::{DType, Tensor};

type Log = Arc<Mutex<Vec<String>>>;

/// Notes the path that it runs under.
#[derive(Layer)]
struct Probe {
    #[layer(skip)]
    log: Log,
}

impl Forward for Probe {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.log.lock().unwrap().push(cx.path().to_owned());
        Ok(x)
    }
}

/// Without size, so that all of them may share one address.
#[derive(Layer)]
struct Nothing;

impl Forward for Nothing {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x)
    }
}

#[derive(Layer)]
struct Stage<B> {
    // First, so that it shares the address of the stage.
    first: Probe,
    blocks: Vec<B>,
    shortcut: Option<Probe>,
    absent: Option<Probe>,
}

impl<B: Forward> Forward for Stage<B> {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let mut x = self.first.call(x, cx)?;
        for block in &self.blocks {
            x = block.call(x, cx)?;
        }
        match &self.shortcut {
            Some(shortcut) => shortcut.call(x, cx),
            None => Ok(x),
        }
    }
}

#[derive(Layer)]
struct Model {
    stage: Stage<Box<dyn Forward>>,
    #[layer(rename = "features.7")]
    renamed: Probe,
    #[layer(flatten)]
    inner: Inner,
    rows: Sequential,
    #[layer(skip)]
    log: Log,
    r#type: Probe,
}

#[derive(Layer)]
struct Inner {
    deep: Probe,
    scale: Parameter,
    #[layer(buffer)]
    offset: Tensor,
    count: Buffer,
}

impl Forward for Model {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.stage.call(x, cx)?;
        let x = self.renamed.call(x, cx)?;
        let x = self.inner.deep.call(x, cx)?;
        let x = self.inner.deep.call(x, cx)?;
        let x = self.rows.call(x, cx)?;
        let foreign =
            Stage { first: probe(&self.log), blocks: vec![probe(&self.log)], shortcut: None, absent: None };
        let x = foreign.call(x, cx)?;
        let x = self.r#type.call(x, cx)?;
        within(&self.inner, cx, |cx| Ok(self.inner.scale.var(cx)?.mul(x)?))
    }
}

fn probe(log: &Log) -> Probe {
    Probe { log: log.clone() }
}

fn model(log: &Log) -> Model {
    let tensor = |value| Tensor::full(&[2], value, DType::F32).unwrap();
    let blocks: Vec<Box<dyn Forward>> = vec![
        Box::new(Nothing),
        Box::new(probe(log)),
        Box::new(Sequential::new().then(Nothing).then(probe(log))),
    ];
    Model {
        stage: Stage { first: probe(log), blocks, shortcut: Some(probe(log)), absent: None },
        renamed: probe(log),
        inner: Inner {
            deep: probe(log),
            scale: Parameter::new(tensor(2.0), FileLayout::AsIs),
            offset: tensor(0.0),
            count: Buffer::new(tensor(1.0), FileLayout::AsIs),
        },
        rows: Sequential::new().then(Nothing).then(Nothing).then(probe(log)),
        log: log.clone(),
        r#type: probe(log),
    }
}

const RUN: [&str; 11] = [
    "stage.first",
    "stage.blocks.1",
    "stage.blocks.2.1",
    "stage.shortcut",
    "features.7",
    "deep",
    "deep",
    "rows.2",
    "<Stage>.first",
    "<Stage>.blocks.0",
    "type",
];

#[test]
fn every_layer_runs_under_the_names_of_its_fields() {
    let log = Log::default();
    let model = model(&log);
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::zeros(&[2], DType::F32).unwrap());
    model.call(x.clone(), &mut cx).unwrap();
    assert_eq!(*log.lock().unwrap(), RUN);
    assert_eq!(cx.path(), "");

    // Again in the same context, moved, and below a scope.
    log.lock().unwrap().clear();
    let moved = Box::new(model);
    cx.scope("teacher", |cx| moved.call(x, cx)).unwrap();
    assert_eq!(*log.lock().unwrap(), RUN.map(|path| format!("teacher.{path}")));
}

#[test]
fn names_of_the_walk_are_the_paths_of_the_run() {
    let model = model(&Log::default());
    let names: Vec<String> = named_layers(&model).into_iter().map(|(name, _)| name).collect();
    for path in RUN.iter().filter(|path| !path.starts_with('<')) {
        assert!(names.iter().any(|name| name == path), "{path} is not in {names:?}");
    }
    assert!(!names.iter().any(|name| name == "scale" || name == "offset" || name == "count"), "{names:?}");
    let parameters: Vec<String> = named_parameters(&model).into_iter().map(|(name, _)| name).collect();
    assert_eq!(parameters, ["scale"]);
    let buffers: Vec<String> = named_buffers(&model).into_iter().map(|(name, _)| name).collect();
    assert_eq!(buffers, ["offset", "count"]);
}

#[derive(Layer)]
struct Classifier {
    features: Sequential,
    head: Dense,
}

impl Forward for Classifier {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.features.call(x, cx)?;
        self.head.call(x, cx)
    }
}

fn classifier() -> Classifier {
    let key = Key::new(1);
    let features = Sequential::new().then(Conv2d::new(3, 4, 3, key).unwrap()).then(Relu).then(Flatten);
    Classifier { features, head: Dense::new(4 * 6 * 6, 10, key).unwrap() }
}

#[test]
fn a_wrong_shape_names_the_path_the_operation_and_both_shapes() {
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::zeros(&[1, 8, 8, 1], DType::F32).unwrap());
    let error = classifier().call(x, &mut cx).unwrap_err();
    assert_eq!(
        error.to_string(),
        "features.0: conv2d: input [1, 8, 8, 1] has 1 channels, the kernel [3, 3, 3, 4] takes 3"
    );
    let x = cx.input(Tensor::zeros(&[1, 9, 8, 3], DType::F32).unwrap());
    let message = classifier().call(x, &mut cx).unwrap_err().to_string();
    assert!(message.starts_with("head: dense: "), "{message}");
    assert!(message.contains("168") && message.contains("144"), "{message}");
}

#[test]
fn layers_of_sequences_name_themselves_and_the_shapes_that_they_were_given() {
    let key = Key::new(1);
    let conv = Conv1d::new(3, 4, 5, key).unwrap();
    let transposed = ConvTranspose1d::builder(3, 4, 2).padding(1).build(key).unwrap();
    let (most, mean) = (MaxPool1d::new(5).unwrap(), AvgPool1d::new(5).unwrap());
    let pad = Pad1d::new(2, PaddingMode::Reflect);
    let rows: [(&dyn Forward, &[usize], &str); 11] = [
        (&conv, &[2, 9, 4], "net: conv1d: input [2, 9, 4] has 4 channels, the kernel [5, 3, 4] takes 3"),
        (
            &conv,
            &[2, 3, 3],
            "net: conv1d: a window of 5 (kernel 5, dilation 1) does not fit an input of 3 padded to 3",
        ),
        (&conv, &[2, 3], "net: conv1d: input [2, 3] should be [batch, length, channels]"),
        (
            &transposed,
            &[2, 9, 4],
            "net: conv_transpose1d: input [2, 9, 4] has 4 channels, the kernel [2, 4, 3] takes 3",
        ),
        (
            &transposed,
            &[2, 1, 3],
            "net: conv_transpose1d: nothing is left of an output of 2 without its padding of 2",
        ),
        (
            &most,
            &[2, 3, 3],
            "net: max_pool1d: a window of 5 (kernel 5, dilation 1) does not fit an input of 3 padded to 3",
        ),
        (
            &mean,
            &[2, 3, 3],
            "net: average_pool1d: a window of 5 (kernel 5, dilation 1) does not fit an input of 3 padded to 3",
        ),
        (&pad, &[4], "net: pad: input [4] should be [batch, length, channels]"),
        (&Crop::new(5), &[2, 8, 3], "net: crop: nothing is left of an axis of 8 without 5 + 5"),
        (&Crop::center(9).unwrap(), &[2, 8, 3], "net: crop: input has an axis of 8, expected 9 or more"),
        (
            &Upsample::by(0.1, Interpolation::Nearest).unwrap(),
            &[2, 8, 3],
            "net: interpolate: nothing is left of an axis of 8, expected 1 or more",
        ),
    ];
    let refused = |layer: &dyn Forward, x: Tensor| {
        let mut cx = Ctx::inference();
        let x = cx.input(x);
        cx.scope("net", |cx| layer.call(x, cx)).unwrap_err().to_string()
    };
    for (layer, shape, expected) in rows {
        assert_eq!(refused(layer, Tensor::zeros(shape, DType::F32).unwrap()), expected);
    }
    let (mean_of_all, most_of_all) = (AdaptiveAvgPool1d::new(2).unwrap(), AdaptiveMaxPool1d::new(2).unwrap());
    let (crop, center) = (Crop::new(5), Crop::center(9).unwrap());
    let smaller = Upsample::by(0.2, Interpolation::Nearest).unwrap();
    let of_no_length: [(&dyn Forward, &str); 10] = [
        (&conv, "conv1d"),
        (&transposed, "conv_transpose1d"),
        (&most, "max_pool1d"),
        (&mean, "average_pool1d"),
        (&mean_of_all, "adaptive_average_pool1d"),
        (&most_of_all, "adaptive_max_pool1d"),
        (&pad, "pad"),
        (&crop, "crop"),
        (&center, "crop"),
        (&smaller, "interpolate"),
    ];
    for (layer, name) in of_no_length {
        let expected = format!("net: {name}: input [2, 0, 3] has no length (only the batch may be empty)");
        assert_eq!(refused(layer, Tensor::zeros(&[2, 0, 3], DType::F32).unwrap()), expected);
    }
    let doubles = Tensor::zeros(&[2, 9, 3], DType::F64).unwrap();
    for (layer, name) in [(&conv as &dyn Forward, "conv1d"), (&transposed, "conv_transpose1d")] {
        let message = refused(layer, doubles.clone());
        assert!(message.starts_with(&format!("net: {name}: element type is ")), "{message}");
    }
    let long = Conv1d::builder(3, 4, 1).padding(1 << 40).build(key).unwrap();
    for (layer, name) in
        [(&long as &dyn Forward, "conv1d"), (&Pad1d::new(1 << 40, PaddingMode::ZEROS), "pad")]
    {
        let message = refused(layer, Tensor::zeros(&[2, 9, 3], DType::F32).unwrap());
        assert!(message.starts_with(&format!("net: {name}: cannot allocate ")), "{message}");
    }
    let error = SqueezeExcite::new(0, 1, key).err().unwrap();
    assert_eq!(error.to_string(), "SqueezeExcite: channels is 0, expected 1 or more");
    let error = SqueezeExcite::new(8, 0, key).err().unwrap();
    assert_eq!(error.to_string(), "SqueezeExcite: squeezed is 0, expected 1 or more");
    let error = LocalResponseNorm::builder(3).k(-1.0).build().unwrap_err();
    assert_eq!(error.to_string(), "LocalResponseNorm: k is -1, expected a finite number of 0 or more");
}

#[test]
fn the_graph_knows_the_paths_of_operations_and_parameters() {
    let mut cx = Ctx::trace(Mode::Eval);
    let x = cx.input(Tensor::shape_only(&[2, 8, 8, 3], DType::F32).unwrap());
    let output = classifier().call(x, &mut cx).unwrap();
    let graph = cx.graph(&[&output]).unwrap();
    let operations: Vec<_> =
        graph.operations().map(|(node, operation)| format!("{} {}", node.path, operation.name)).collect();
    assert_eq!(operations, ["features.0 conv2d", "features.1 relu", "features.2 flatten", "head dense"]);
    let parameters: Vec<_> = graph
        .nodes()
        .iter()
        .filter(|node| matches!(node.source, Source::Parameter(_)))
        .map(|node| node.path.as_str())
        .collect();
    assert_eq!(parameters, ["features.0.weight", "features.0.bias", "head.weight", "head.bias"]);
}
