//! What a configuration file says about augmentation, and transforms of the user's own.

use cnn_data::transform::{Augmentation, BatchAugmentation, BatchTransform, Pipeline, RandomAffine};
use cnn_data::transform::{RandomHorizontalFlip, Transform};
use cnn_data::{Image, Result, Sample, Size, Target};
use cnn_tensor::random::Key;

fn sample() -> Sample {
    let levels = (0..28 * 28).map(|at| (at * 11 % 256) as u8).collect();
    Sample::new(Image::from_u8(Size::new(28, 28), 1, levels).unwrap(), Target::Class(3))
}

#[test]
fn a_list_of_transforms_reads_back_as_it_was_written() {
    let text = r#"[
        {"kind": "resize", "size": {"height": 28, "width": 28}, "mode": "stretch"},
        {"kind": "random-affine", "degrees": 10.0, "scale": [0.9, 1.1]},
        {"kind": "random-crop", "padding": 2},
        {"kind": "random-horizontal-flip"},
        {"kind": "random-erasing", "p": 0.25}
    ]"#;
    let steps: Vec<Augmentation> = serde_json::from_str(text).unwrap();
    let affine = RandomAffine::new(10.0).scale([0.9, 1.1]);
    assert_eq!(steps[1], Augmentation::RandomAffine(affine));
    assert_eq!(steps[3], Augmentation::RandomHorizontalFlip(RandomHorizontalFlip::new(0.5)));
    let again: Vec<Augmentation> = serde_json::from_str(&serde_json::to_string(&steps).unwrap()).unwrap();
    assert_eq!(again, steps);
    let pipeline = Pipeline::from(steps);
    pipeline.check().unwrap();
    assert_eq!(pipeline.apply(sample(), Key::new(1)).unwrap().image.size(), Size::new(28, 28));
}

#[test]
fn unknown_transforms_and_unknown_arguments_are_errors() {
    for text in [
        r#"{"kind": "random-afine"}"#,
        r#"{"kind": "random-affine", "degrees": 3, "scael": [1, 2]}"#,
        r#"{"kind": "random-crop", "size": {"height": 3, "width": 3, "depth": 3}}"#,
        r#"{"degrees": 3}"#,
    ] {
        assert!(serde_json::from_str::<Augmentation>(text).is_err(), "{text}");
    }
}

/// A transform of a user's own.
#[derive(Debug)]
struct Relabel;

impl Transform for Relabel {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        Ok(Sample::new(sample.image, Target::Class(key.below(0, 1000) as usize)))
    }
}

#[test]
fn a_transform_of_ones_own_draws_from_the_key_of_its_place() {
    let twice = Pipeline::new().then(Relabel).then(Relabel);
    let once = Pipeline::new().then(Relabel);
    let target = |pipeline: &Pipeline, seed| pipeline.apply(sample(), Key::new(seed)).unwrap().target;
    assert_eq!(target(&once, 1), target(&once, 1));
    assert_ne!(target(&once, 1), target(&once, 2));
    assert_ne!(target(&once, 1), target(&twice, 1));
}

#[test]
fn the_same_key_gives_the_same_picture_and_another_key_another() {
    let affine = RandomAffine::new(15.0).shear([-5.0, 5.0, -5.0, 5.0]).translate([0.1, 0.1]);
    let image = |seed| affine.apply(sample(), Key::new(seed)).unwrap().image;
    assert_eq!(image(1), image(1));
    assert_ne!(image(1), image(2));
}

/// The kinds that configurations may name, from the message to one that is not there.
fn kinds<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let message = serde_json::from_str::<T>(r#"{"kind": ""}"#).err().unwrap().to_string();
    let (_, known) = message.split_once("expected one of ").unwrap();
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_guide_shows_every_transform_with_arguments_in_range() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/augmentation.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = |kind: &str| {
        let (_, rest) = page.split_once(&format!("```toml\nkind = \"{kind}\"\n"))?;
        Some(format!("kind = \"{kind}\"\n{}", rest.split("```").next()?))
    };
    for kind in kinds::<Augmentation>() {
        let block = block(&kind).unwrap_or_else(|| panic!("{kind} is not in the guide"));
        toml::from_str::<Augmentation>(&block).unwrap().check().unwrap();
    }
    for kind in kinds::<BatchAugmentation>() {
        let block = block(&kind).unwrap_or_else(|| panic!("{kind} is not in the guide"));
        toml::from_str::<BatchAugmentation>(&block).unwrap().check().unwrap();
    }
}
