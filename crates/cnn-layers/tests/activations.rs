//! Activations as layers: in a row of layers, and the settings that they pass on.

use cnn_layers::{
    Approximation, Axis, Ctx, Elu, Forward, Gelu, HardSigmoid, HardSwish, LeakyRelu, LogSigmoid, LogSoftmax,
    PRelu, Relu, Relu6, Selu, Sequential, Sigmoid, Silu, Softmax, Softplus, Tanh, named_parameters,
};
use cnn_tensor::Tensor;

#[test]
fn a_layer_is_its_function() {
    let x = Tensor::from_slice(&[2, 2], &[-3.5f64, -0.5, 0.75, 6.5]).unwrap();
    // torch.nn, PyTorch 2.15, in float64.
    let rows: [(&dyn Forward, [f64; 4]); 19] = [
        (&Relu, [0.0, 0.0, 0.75, 6.5]),
        (&Relu6, [0.0, 0.0, 0.75, 6.0]),
        (&LeakyRelu::default(), [-0.035, -0.005, 0.75, 6.5]),
        (&LeakyRelu::new(0.5), [-1.75, -0.25, 0.75, 6.5]),
        (&Elu::default(), [-0.969802617, -0.39346934, 0.75, 6.5]),
        (&Elu::new(2.0), [-1.93960523, -0.786938681, 0.75, 6.5]),
        (&Selu, [-1.70500934, -0.691758188, 0.788025741, 6.82955642]),
        (&Sigmoid, [0.0293122308, 0.377540669, 0.679178699, 0.998498818]),
        (&LogSigmoid, [-3.52975042, -0.974076984, -0.386871006, -0.00150231016]),
        (&Tanh, [-0.998177898, -0.462117157, 0.635148952, 0.999995479]),
        (&Silu, [-0.102592808, -0.188770334, 0.509384024, 6.49024232]),
        (&HardSigmoid, [0.0, 0.416666667, 0.625, 1.0]),
        (&HardSwish, [-0.0, -0.208333333, 0.46875, 6.5]),
        (&Gelu::new(Approximation::Exact), [-0.000814201777, -0.154268769, 0.580029486, 6.5]),
        (&Gelu::new(Approximation::Tanh), [-0.000616197655, -0.15428599, 0.579960555, 6.5]),
        (&Softplus::default(), [0.0297504183, 0.474076984, 1.13687101, 6.50150231]),
        (&Softplus::new(2.0, 1.0).unwrap(), [0.000455733227, 0.156630844, 0.75, 6.5]),
        (&Softmax::new(Axis::Last), [0.0474258732, 0.952574127, 0.00317268284, 0.996827317]),
        (&LogSoftmax::new(Axis::At(0)), [-4.26416346, -7.00091147, -0.0141634569, -0.000911466454]),
    ];
    for (row, (layer, expected)) in rows.into_iter().enumerate() {
        let mut cx = Ctx::inference();
        let input = cx.input(x.clone());
        let y = layer.call(input, &mut cx).unwrap();
        for (got, expected) in y.value().to_f64_vec().unwrap().into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-8, "row {row}: {got}, expected {expected}");
        }
    }
}

#[test]
fn activations_follow_other_layers_and_only_slopes_have_a_name() {
    let network = Sequential::new()
        .then(Gelu::default())
        .then(PRelu::per_channel(2).unwrap())
        .then(LeakyRelu::default())
        .then(Softmax::default());
    let names: Vec<String> = named_parameters(&network).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["1.weight"]);
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::from_slice(&[1, 2], &[1.0f32, 1.0]).unwrap());
    assert_eq!(network.call(x, &mut cx).unwrap().value().to_vec::<f32>().unwrap(), [0.5, 0.5]);
}
