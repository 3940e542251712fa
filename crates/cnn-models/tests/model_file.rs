//! Model files: what goes in comes out, broken ones are refused with the whole reason, old ones load for ever.

use std::collections::BTreeMap;
use std::path::Path;

use cnn_layers::{Ctx, Dense, Forward, Key, Layer, Result, StateDict, Var};
use cnn_models::{About, Arguments, Error, ModelFile, build};
use cnn_tensor::{DType, Tensor};

/// A network of a user's own, small enough to be looked at.
#[derive(Debug, Layer)]
struct Own {
    fc: Dense,
}

impl Forward for Own {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.fc.call(x.flatten()?, cx)
    }
}

const TINY: Arguments = Arguments { channels: 1, classes: 2, height: 12, width: 12 };

fn about() -> About {
    About::new("lenet5", TINY, ["no", "yes"], serde_json::json!({"size": [12, 12]})).unwrap()
}

fn tiny() -> Vec<u8> {
    ModelFile::encode(&about(), &*build("lenet5", &TINY, Key::new(1)).unwrap()).unwrap()
}

fn logits(network: &dyn Forward) -> Vec<f32> {
    let pixels: Vec<f32> = (0..144).map(|pixel| (pixel * 37 % 101) as f32 / 100.0).collect();
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::from_slice(&[1, 12, 12, 1], &pixels).unwrap());
    network.call(x, &mut cx).unwrap().into_value().to_vec().unwrap()
}

/// The file with other tensors: taken out, put in.
fn altered(alter: impl FnOnce(&mut StateDict)) -> Vec<u8> {
    let mut dict = StateDict::from_safetensors(&tiny()).unwrap();
    let metadata = dict.metadata().clone();
    alter(&mut dict);
    dict.to_safetensors(&metadata).unwrap()
}

#[test]
fn a_network_comes_back_with_the_same_bits_and_its_description() {
    let bytes = tiny();
    assert_eq!(bytes, tiny());
    let file = ModelFile::from_bytes(&bytes).unwrap();
    assert_eq!(*file.about(), about());
    let network = file.network().unwrap();
    assert_eq!(logits(&*network), logits(&*build("lenet5", &TINY, Key::new(1)).unwrap()));
    assert_eq!(ModelFile::encode(file.about(), &*network).unwrap(), bytes);
}

#[test]
fn a_users_own_architecture_is_loaded_into_what_the_user_builds() {
    let arguments = Arguments { channels: 1, classes: 2, height: 2, width: 2 };
    let own = |seed| Own { fc: Dense::new(4, 2, Key::new(seed)).unwrap() };
    let about = About::new("own", arguments, ["a", "b"], ()).unwrap();
    let file = ModelFile::from_bytes(&ModelFile::encode(&about, &own(1)).unwrap()).unwrap();
    assert!(matches!(file.network(), Err(Error::UnknownModel { .. })));
    let mut other = own(2);
    assert_eq!(file.load_into(&mut other).unwrap().loaded.len(), 2);
    let values = |own: &Own| own.fc.weight().value().to_vec::<f32>().unwrap();
    assert_eq!(values(&other), values(&own(1)));
}

#[test]
fn everything_that_does_not_fit_is_listed() {
    let bytes = altered(|dict| {
        dict.remove("conv1.bias");
        dict.insert("fc9.weight", Tensor::zeros(&[3], DType::F32).unwrap());
        dict.insert("fc2.bias", Tensor::zeros(&[85], DType::F32).unwrap());
    });
    let text = ModelFile::from_bytes(&bytes).unwrap().network().err().unwrap().to_string();
    for part in ["conv1.bias", "fc9.weight", "fc2.bias", "[85]", "[84]"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn sizes_that_the_file_only_claims_allocate_no_matrix() {
    let dict = StateDict::from_safetensors(&tiny()).unwrap();
    let json =
        dict.metadata()["cnn"].replace("\"height\":12,\"width\":12", "\"height\":60000,\"width\":60000");
    let bytes = dict.to_safetensors(&BTreeMap::from([("cnn".to_owned(), json)])).unwrap();
    let text = ModelFile::from_bytes(&bytes).unwrap().network().err().unwrap().to_string();
    assert!(text.contains("fc1.weight is f32 [120, 16], expected f32 [120, "), "{text}");
}

#[test]
fn what_is_not_a_model_file_says_what_it_is() {
    let read = |bytes: &[u8]| ModelFile::from_bytes(bytes).unwrap_err().to_string();
    let bytes = tiny();
    assert!(read(&bytes[..bytes.len() - 1]).contains("safetensors"));
    assert!(read(b"\x89PNG\r\n\x1a\n and so on").contains("safetensors"));
    assert!(read(b"").contains("safetensors"));
    let bare = StateDict::from_safetensors(&bytes).unwrap().to_safetensors(&BTreeMap::new()).unwrap();
    assert!(read(&bare).contains("bare weights"));
    let broken = BTreeMap::from([("cnn".to_owned(), "{\"format_version\": 1".to_owned())]);
    let broken = StateDict::from_safetensors(&bytes).unwrap().to_safetensors(&broken).unwrap();
    assert!(read(&broken).contains("metadata"));
}

#[test]
fn a_file_cut_short_anywhere_is_an_error_and_not_a_panic() {
    let bytes = tiny();
    for end in (0..bytes.len()).step_by(97).chain(0..600) {
        assert!(ModelFile::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn an_error_names_the_file() {
    let text = ModelFile::read(Path::new("/no/such/model.safetensors")).unwrap_err().to_string();
    assert!(text.starts_with("/no/such/model.safetensors: "), "{text}");
}

/// `tests/golden/version-1.safetensors` is what `ModelFile::encode` wrote when version 1 was the newest:
/// `lenet5` of `Key::new(1)` for grey images of 12 by 12 and two classes, with the logits that it gave then.
#[test]
fn the_golden_file_of_version_1_loads_for_ever() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/version-1.safetensors");
    let file = ModelFile::read(&path).unwrap();
    assert_eq!(file.about().architecture, "lenet5");
    assert_eq!(file.about().classes, ["no", "yes"]);
    assert_eq!(file.about().preprocessing, serde_json::json!({"size": [12, 12]}));
    assert_eq!(file.about().training, serde_json::json!({"epochs": 3}));
    for (met, expected) in logits(&*file.network().unwrap()).into_iter().zip(GOLDEN_LOGITS) {
        assert!((met - expected).abs() < 1e-5, "{met} instead of {expected}");
    }
    if cnn_models::FORMAT_VERSION == 1 {
        let written = ModelFile::encode(file.about(), &*file.network().unwrap()).unwrap();
        assert!(written == std::fs::read(&path).unwrap(), "version 1 is no longer written as it was");
    }
}

const GOLDEN_LOGITS: [f32; 2] = [-0.0016259798, 0.08868631];
