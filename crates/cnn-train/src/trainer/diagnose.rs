//! Where a number that is not finite came from: looked for only once there is one.

use cnn_autograd::{Gradients, random::Key};
use cnn_layers::{Ctx, Forward, named_layers, named_parameters};
use cnn_tensor::{Tensor, ops};

use crate::Result;

/// The path of the first layer whose output on these images is not finite, by a second pass with the same random
/// numbers: `input` where the images are not finite themselves, empty where every layer's output is.
pub(super) fn first_layer(model: &dyn Forward, images: &Tensor, key: Key) -> Result<String> {
    if !ops::reduce::is_finite(images)? {
        return Ok("input".into());
    }
    let paths: Vec<String> = named_layers(model).into_iter().map(|(path, _)| path).collect();
    let mut cx = Ctx::training(key);
    paths.iter().for_each(|path| cx.observe(path.clone()));
    let x = cx.input(images.clone());
    model.call(x, &mut cx)?;
    let mut found: Vec<&String> = Vec::new();
    for path in paths.iter().filter(|path| !path.is_empty()) {
        let outputs = cx.observed(path).unwrap_or_default();
        for output in outputs {
            if output.value().dtype().is_compute() && !ops::reduce::is_finite(output.value())? {
                found.push(path);
                break;
            }
        }
    }
    // A layer that holds others is not where it began, where one of those is.
    let innermost =
        found.iter().find(|path| !found.iter().any(|other| other.starts_with(&format!("{path}."))));
    Ok(innermost.map_or(String::new(), |path| (*path).clone()))
}

/// The path of the first parameter, in the order of the model's fields, whose gradient is not finite.
pub(super) fn first_gradient(model: &dyn Forward, gradients: &Gradients) -> Result<Option<String>> {
    for (path, parameter) in named_parameters(model) {
        if let Some(gradient) = gradients.get(parameter.id())
            && !ops::reduce::is_finite(gradient)?
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
