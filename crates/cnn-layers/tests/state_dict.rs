//! State dicts: names, layouts, all that does not fit in one message, and files that are broken or hostile.

use std::collections::BTreeMap;

use cnn_layers::{
    BatchNorm2d, Conv2d, Dense, Error, Key, Layer, LayerNorm, MultiHeadAttention, Relu, Result, Sequential,
    StateDict, Strictness, check_unique_paths, load, save,
};
use cnn_tensor::{DType, Tensor};
use proptest::prelude::*;

#[derive(Layer)]
struct Net {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    layers: Sequential,
    fc: Dense,
}

fn net(seed: u64) -> Result<Net> {
    let key = Key::new(seed);
    Ok(Net {
        conv1: Conv2d::builder(4, 6, [3, 5]).groups(2).build(key.fold(1))?,
        bn1: BatchNorm2d::new(6)?,
        layers: Sequential::new().then(Relu).then(Conv2d::new(6, 2, 1, key.fold(2))?),
        fc: Dense::new(3, 7, key.fold(3))?,
    })
}

fn bits(model: &Net) -> Vec<(String, Vec<f64>)> {
    let dict = StateDict::of(model).unwrap();
    dict.iter().map(|(key, tensor)| (key.to_owned(), tensor.to_f64_vec().unwrap())).collect()
}

#[test]
fn keys_and_shapes_are_those_of_pytorch() {
    let dict = StateDict::of(&net(1).unwrap()).unwrap();
    let met: Vec<(&str, &[usize])> = dict.iter().map(|(key, tensor)| (key, tensor.shape())).collect();
    let expected: [(&str, &[usize]); 11] = [
        ("bn1.bias", &[6]),
        ("bn1.num_batches_tracked", &[]),
        ("bn1.running_mean", &[6]),
        ("bn1.running_var", &[6]),
        ("bn1.weight", &[6]),
        ("conv1.bias", &[6]),
        ("conv1.weight", &[6, 2, 3, 5]),
        ("fc.bias", &[7]),
        ("fc.weight", &[7, 3]),
        ("layers.1.bias", &[2]),
        ("layers.1.weight", &[2, 6, 1, 1]),
    ];
    assert_eq!(met, expected);
    assert_eq!(dict.get("bn1.num_batches_tracked").unwrap().dtype(), DType::I64);
}

#[test]
fn an_element_is_where_pytorch_has_it() {
    let mut model = net(1).unwrap();
    let mut dict = StateDict::of(&model).unwrap();
    let numbers: Vec<f32> = (0..6 * 2 * 3 * 5).map(|i| i as f32).collect();
    dict.insert("conv1.weight", Tensor::from_slice(&[6, 2, 3, 5], &numbers).unwrap());
    dict.load_into(&mut model, Strictness::Strict).unwrap();
    // File element [o, i, y, x] = [4, 1, 2, 3], memory element [y, x, i, o].
    let memory = model.conv1.weight().value();
    assert_eq!(memory.shape(), [3, 5, 2, 6]);
    let expected = ((4 * 2 + 1) * 3 + 2) * 5 + 3;
    assert_eq!(memory.as_slice::<f32>().unwrap()[((2 * 5 + 3) * 2 + 1) * 6 + 4], expected as f32);
}

#[test]
fn the_scale_of_a_normalised_image_has_its_channels_first_in_files() {
    // PyTorch's normalized shape [C, H, W] = [2, 3, 4] is [3, 4, 2] here.
    let mut model = LayerNorm::new([3, 4, 2]).unwrap();
    let numbers: Vec<f32> = (0..24).map(|i| i as f32).collect();
    let mut dict = StateDict::of(&model).unwrap();
    dict.insert("weight", Tensor::from_slice(&[2, 3, 4], &numbers).unwrap());
    dict.load_into(&mut model, Strictness::Strict).unwrap();
    let memory = model.weight().unwrap().value();
    assert_eq!(memory.shape(), [3, 4, 2]);
    // File element [c, y, x] = [1, 2, 3], memory element [y, x, c].
    assert_eq!(memory.as_slice::<f32>().unwrap()[(2 * 4 + 3) * 2 + 1], ((3 + 2) * 4 + 3) as f32);
    assert_eq!(StateDict::of(&model).unwrap().get("weight").unwrap().to_vec::<f32>().unwrap(), numbers);
}

#[test]
fn the_projection_of_an_attention_has_queries_keys_and_values_below_each_other_in_files() {
    let mut model = MultiHeadAttention::new(4, 2, Key::new(1)).unwrap();
    let mut dict = StateDict::of(&model).unwrap();
    let met: Vec<(&str, &[usize])> = dict.iter().map(|(key, tensor)| (key, tensor.shape())).collect();
    let expected: [(&str, &[usize]); 4] = [
        ("in_proj_bias", &[12]),
        ("in_proj_weight", &[12, 4]),
        ("out_proj.bias", &[4]),
        ("out_proj.weight", &[4, 4]),
    ];
    assert_eq!(met, expected);
    let numbers: Vec<f32> = (0..48).map(|i| i as f32).collect();
    dict.insert("in_proj_weight", Tensor::from_slice(&[12, 4], &numbers).unwrap());
    dict.load_into(&mut model, Strictness::Strict).unwrap();
    let again = StateDict::of(&model).unwrap();
    assert_eq!(again.get("in_proj_weight").unwrap().to_vec::<f32>().unwrap(), numbers);
    let parameters = cnn_layers::named_parameters(&model);
    let (_, weight) = parameters.iter().find(|(path, _)| path == "in_proj_weight").unwrap();
    // Row 9 of the file, the second of the values, is column 9 in memory.
    assert_eq!(weight.value().shape(), [4, 12]);
    assert_eq!(weight.value().as_slice::<f32>().unwrap()[3 * 12 + 9], (9 * 4 + 3) as f32);
}

#[test]
fn a_saved_model_loads_with_the_same_bits_and_saves_to_the_same_bytes() {
    let (model, mut other) = (net(1).unwrap(), net(2).unwrap());
    let metadata =
        BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "\"\u{1F600}\"".to_owned())]);
    let bytes = save(&model, &metadata).unwrap();
    let report = load(&mut other, &bytes).unwrap();
    assert_eq!(report.loaded.len(), 11);
    assert!(report.misfit.is_empty() && report.converted.is_empty());
    assert_eq!(bits(&model), bits(&other));
    assert_eq!(save(&other, &metadata).unwrap(), bytes);
    assert_eq!(StateDict::from_safetensors(&bytes).unwrap().metadata(), &metadata);
}

#[test]
fn everything_that_does_not_fit_is_listed_and_nothing_is_changed() {
    let mut dict = StateDict::of(&net(1).unwrap()).unwrap();
    dict.remove("fc.weight");
    dict.remove("bn1.running_var");
    dict.insert("extra.weight", Tensor::zeros(&[2], DType::F32).unwrap());
    dict.insert("conv1.weight", Tensor::zeros(&[6, 4, 3, 5], DType::F32).unwrap());
    dict.insert("bn1.num_batches_tracked", Tensor::zeros(&[], DType::F32).unwrap());
    let mut model = net(2).unwrap();
    let before = bits(&model);
    let error = dict.load_into(&mut model, Strictness::Strict).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the state dict does not fit the model: 2 missing (bn1.running_var, fc.weight); 1 unexpected (extra.weight); \
         2 misshapen (conv1.weight is f32 [6, 4, 3, 5], expected f32 [6, 2, 3, 5], \
         bn1.num_batches_tracked is f32 [], expected i64 [])"
    );
    assert_eq!(bits(&model), before);
    assert!(dict.load_into(&mut model, Strictness::Partial).is_err(), "misshapen is an error in either case");

    dict.remove("conv1.weight");
    dict.remove("bn1.num_batches_tracked");
    let report = dict.load_into(&mut model, Strictness::Partial).unwrap();
    assert_eq!(report.misfit.missing.len(), 4);
    assert_eq!(report.misfit.unexpected, ["extra.weight"]);
    assert_eq!(report.loaded.len(), 7);
}

#[test]
fn half_precision_files_are_converted_and_reported() {
    let mut dict = StateDict::of(&net(1).unwrap()).unwrap();
    let half = dict.get("fc.bias").unwrap().to_dtype(DType::F16).unwrap();
    dict.insert("fc.bias", half);
    let mut model = net(2).unwrap();
    let report = dict.load_into(&mut model, Strictness::Strict).unwrap();
    assert_eq!(report.converted, ["fc.bias"]);
    assert_eq!(model.fc.bias().unwrap().value().dtype(), DType::F32);
}

#[test]
fn two_parts_of_one_name_are_refused() {
    #[derive(Layer)]
    struct Twins {
        fc: Dense,
        #[layer(rename = "fc")]
        other: Dense,
    }
    #[derive(Layer)]
    struct Flattened {
        #[layer(flatten)]
        first: Dense,
        #[layer(flatten)]
        second: Dense,
    }
    let dense = |seed| Dense::new(1, 1, Key::new(seed)).unwrap();
    let twins = Twins { fc: dense(1), other: dense(2) };
    let duplicate = |key: &str| Err(Error::DuplicateKey { key: key.to_owned() });
    assert_eq!(StateDict::of(&twins).map(|_| ()), duplicate("fc.weight"));
    assert_eq!(check_unique_paths(&twins), duplicate("fc.weight"));
    assert_eq!(check_unique_paths(&net(1).unwrap()), Ok(()));

    // A file that has everything the paths ask for would fill one of the two.
    let mut flattened = Flattened { first: dense(1), second: dense(2) };
    let dict = StateDict::of(&dense(3)).unwrap();
    let values = |model: &Flattened| {
        [&model.first, &model.second].map(|part| part.weight().value().to_vec::<f32>().unwrap())
    };
    let before = values(&flattened);
    for strictness in [Strictness::Strict, Strictness::Partial] {
        assert_eq!(dict.load_into(&mut flattened, strictness).map(|_| ()), duplicate("weight"));
    }
    assert_eq!(values(&flattened), before);
}

/// A file with this header and this many bytes of tensors.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn broken_files_are_refused_with_what_is_wrong() {
    let valid = save(&net(1).unwrap(), &BTreeMap::new()).unwrap();
    for cut in [0, 1, 7, 8, 9, 100, valid.len() / 2, valid.len() - 1] {
        assert!(
            matches!(StateDict::from_safetensors(&valid[..cut]), Err(Error::File { .. })),
            "cut at {cut}"
        );
    }
    let message = |bytes: &[u8]| StateDict::from_safetensors(bytes).unwrap_err().to_string();
    let cut = message(&valid[..valid.len() - 1]);
    assert!(cut.contains("ends at byte") && cut.contains("cut off"), "{cut}");
    let mut long = valid.clone();
    long.push(0);
    assert!(message(&long).starts_with("not a safetensors file: "));
    // An end that overflows, a size that overflows, ends that run backwards, an unknown type.
    let end = usize::MAX - 3;
    message(&file(&format!(r#"{{"a":{{"dtype":"U8","shape":[{end}],"data_offsets":[0,{end}]}}}}"#), 0));
    message(&file(
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}"#,
        4,
    ));
    message(&file(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4));
    message(&file(r#"{"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}}"#, 0));
    assert_eq!(
        message(&file(r#"{"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}"#, 8)),
        "tensor a has element type U64, expected one of f64, f32, bf16, f16, i64, i32, u16, i8, u8, bool"
    );
    assert!(
        message(&file(r#"{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}"#, 1).map_last(7))
            .contains('0')
    );
    // The header claims more than there is.
    let mut claims = valid;
    claims[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(message(&claims).contains("longer than the file"));
}

#[test]
fn a_header_longer_than_the_format_allows_is_not_read() {
    let mut bytes = vec![0; 8 + 100_000_001];
    bytes[..8].copy_from_slice(&100_000_001u64.to_le_bytes());
    assert_eq!(
        StateDict::from_safetensors(&bytes).unwrap_err().to_string(),
        "not a safetensors file: its header has 100000001 bytes, expected at most 100000000"
    );
}

#[test]
fn a_hostile_header_is_refused_where_it_stops_being_one_and_not_collected() {
    let zeros = ["0"; 100_000].join(",");
    let cases = [
        (format!(r#"{{"a":[{zeros}]}}"#), 20),
        (format!(r#"{{"a":{{"dtype":[{zeros}],"shape":[],"data_offsets":[0,0]}}}}"#), 20),
        (format!(r#"{{"a":{{"dtype":"U8","shape":[{zeros}],"data_offsets":[0,0]}}}}"#), 60),
        (format!(r#"{{"a":{{"dtype":"U8","shape":[],"data_offsets":[0,0,{zeros}]}}}}"#), 60),
        (format!(r#"{{"a":{{"dtype":"U8","shape":[],"data_offsets":[0,0],"more":[{zeros}]}}}}"#), 60),
        (format!("[{zeros}]"), 2),
    ];
    for (header, furthest) in cases {
        let message = StateDict::from_safetensors(&file(&header, 0)).unwrap_err().to_string();
        let column = message.rsplit_once("column ").and_then(|(_, column)| column.parse::<usize>().ok());
        assert!(column.is_some_and(|column| column <= furthest), "{message}");
    }
}

trait MapLast {
    fn map_last(self, value: u8) -> Self;
}

impl MapLast for Vec<u8> {
    /// The bytes with another last one.
    fn map_last(mut self, value: u8) -> Self {
        if let Some(last) = self.last_mut() {
            *last = value;
        }
        self
    }
}

fn header() -> impl Strategy<Value = String> {
    let number =
        prop_oneof![Just(0u64), Just(1), Just(4), Just(8), Just(u64::MAX), Just(u64::MAX / 4), any::<u64>()];
    let dtype = prop_oneof![
        Just("F32"),
        Just("F64"),
        Just("I64"),
        Just("BOOL"),
        Just("F8_E4M3"),
        Just("F4"),
        Just("x")
    ];
    let entry = (dtype, prop::collection::vec(number.clone(), 0..10), number.clone(), number);
    prop::collection::vec(("[a-c]{0,2}", entry), 0..4).prop_map(|entries| {
        let entries: Vec<String> = entries
            .into_iter()
            .map(|(key, (dtype, shape, start, end))| {
                format!(r#""{key}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#)
            })
            .collect();
        format!("{{{}}}", entries.join(","))
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = load(&mut net(1).unwrap(), &bytes);
    }

    #[test]
    fn arbitrary_headers_never_panic(header in header(), data in 0usize..20) {
        let _ = load(&mut net(1).unwrap(), &file(&header, data));
    }

    #[test]
    fn a_valid_file_with_changed_bytes_never_panics(
        changes in prop::collection::vec((0usize..1200, any::<u8>()), 1..4),
        end in 0usize..4000,
    ) {
        let mut bytes = save(&net(1).unwrap(), &BTreeMap::new()).unwrap();
        for (at, value) in changes {
            bytes[at] = value;
        }
        let _ = load(&mut net(2).unwrap(), &bytes);
        bytes.truncate(end);
        let _ = load(&mut net(2).unwrap(), &bytes);
    }
}
