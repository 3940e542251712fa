//! Model files that are truncated, no safetensors, of another architecture, or with wrong tensors.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::common::{cnn_in, trained};

/// A tensor's name, shape and bytes; all are `F32`.
type Entry = (String, Vec<usize>, Vec<u8>);

/// Writes the file anew with changed tensors and metadata.
fn altered(path: &Path, to: &Path, change: impl FnOnce(&mut Vec<Entry>, &mut HashMap<String, String>)) {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap_or_default();
    let mut entries: Vec<Entry> = file
        .iter()
        .map(|(name, view)| (name.to_string(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    change(&mut entries, &mut metadata);
    let views = entries
        .iter()
        .map(|(name, shape, data)| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    std::fs::write(to, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
}

#[test]
fn a_file_that_is_absent_truncated_or_something_else_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let whole = std::fs::read(trained(here)).unwrap();
    std::fs::write(here.join("cut.safetensors"), &whole[..whole.len() - 100]).unwrap();
    std::fs::write(here.join("head.safetensors"), &whole[..20]).unwrap();
    std::fs::write(here.join("text.safetensors"), b"these are no weights at all").unwrap();
    std::fs::write(here.join("empty.safetensors"), b"").unwrap();
    std::fs::write(here.join("long.safetensors"), [0xff; 64]).unwrap();
    for name in ["absent", "cut", "head", "text", "empty", "long"] {
        let file = format!("{name}.safetensors");
        cnn_in(here, &format!("eval {file} --data idx:small")).bad(1, &[&file]);
        cnn_in(here, &format!("predict {file} a.png")).bad(1, &[&file]);
        cnn_in(here, &format!("summary {file}")).bad(1, &[&file]);
    }
}

#[test]
fn missing_extra_and_misshapen_tensors_are_all_listed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    altered(&trained(here), &here.join("odd.safetensors"), |entries, _| {
        entries.retain(|(name, ..)| name != "conv1.bias" && name != "fc1.bias");
        entries.push(("fc9.weight".into(), vec![1], vec![0; 4]));
        entries.push(("fc9.bias".into(), vec![1], vec![0; 4]));
        let fc3 = entries.iter_mut().find(|(name, ..)| name == "fc3.bias").unwrap();
        (fc3.1, fc3.2) = (vec![11], vec![0; 44]);
    });
    let words =
        ["odd.safetensors", "conv1.bias", "fc1.bias", "fc9.weight", "fc9.bias", "fc3.bias", "11", "10"];
    cnn_in(here, "predict odd.safetensors a.png").bad(1, &words);
}

#[test]
fn another_architecture_is_told_with_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let model = trained(here);
    altered(&model, &here.join("other.safetensors"), |_, metadata| {
        for value in metadata.values_mut() {
            *value = value.replace("lenet5", "mnist-cnn");
        }
    });
    cnn_in(here, "predict other.safetensors a.png").bad(1, &["other.safetensors", "fc3.weight"]);
    altered(&model, &here.join("unknown.safetensors"), |_, metadata| {
        for value in metadata.values_mut() {
            *value = value.replace("lenet5", "resnet1000");
        }
    });
    cnn_in(here, "predict unknown.safetensors a.png").bad(1, &["unknown.safetensors", "resnet1000"]);
    altered(&model, &here.join("bare.safetensors"), |_, metadata| metadata.clear());
    cnn_in(here, "predict bare.safetensors a.png").bad(1, &["bare.safetensors", "description"]);
}
