//! The numbers that a network starts with, which are those of every engine.

use bench_common::inputs::parameter;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

/// The network with those numbers.
pub(crate) fn filled<M: Module>(network: M) -> M {
    network.map(&mut Filler { path: Vec::new() })
}

/// Walks over a network.
struct Filler {
    /// Names from the network down to where the walk is.
    path: Vec<String>,
}

impl Filler {
    /// The present path as PyTorch has it.
    fn name(&self) -> String {
        let name = |part: &String| match part.as_str() {
            "gamma" => "weight".to_string(),
            "beta" => "bias".to_string(),
            _ => part.clone(),
        };
        let path: Vec<String> = self.path.iter().map(name).collect();
        path.join(".")
            .replace("downsample.conv.", "downsample.0.")
            .replace("downsample.norm.", "downsample.1.")
    }
}

impl ModuleMapper for Filler {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.name();
        if name.contains("running") {
            return param;
        }
        param.map(|old| {
            // Dense layers hold `[in, out]`, PyTorch `[out, in]`.
            let mut shape = old.dims();
            if D == 2 {
                shape.reverse();
            }
            let numbers: Vec<f32> = (0..shape.iter().product()).map(parameter(&name, &shape)).collect();
            let flat: Tensor<1> = Tensor::from_floats(numbers.as_slice(), &old.device());
            let new = flat.reshape(shape);
            let new = if D == 2 { new.transpose() } else { new };
            new.set_require_grad(old.is_require_grad())
        })
    }
}
