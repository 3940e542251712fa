//! From `--data` to images: where names are looked for, and what a network gets of an image.

use std::path::{Path, PathBuf};

use cnn_data::{DataLocation, Dataset, Places, Preprocessing, Size, Statistics};

use crate::config::Input;
use crate::failure::{Failure, Outcome};
use crate::output::detail;

/// Images up to this size on a side are taken as they are, where the configuration names no size.
const SMALL: usize = 64;

/// As many images, evenly spread over the training set, tell channels, mean and deviation.
const MEASURED: usize = 1000;

/// Finds the images that `--data` names.
pub(crate) fn locate(text: &str, data_dir: Option<&Path>) -> Outcome<DataLocation> {
    let places = Places::new()
        .place("--data-dir", data_dir.map(Path::to_path_buf))
        .place("CNN_DATA", variable("CNN_DATA"))
        .place("the working folder's data", Some(PathBuf::from("data")))
        .place("your cache", cache(variable));
    let location = DataLocation::resolve(text, &places)?;
    detail!("images: {text} is {}", location.path().display());
    Ok(location)
}

/// A variable of the environment that names a folder; an empty one names none.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The user's folder for what programs can fetch again.
pub(crate) fn cache(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let home = || variable("HOME");
    let folder = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        variable("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")))
    };
    folder.map(|folder| folder.join("cnn"))
}

/// What the network gets of an image: as configured, and for the rest as the training images have it.
pub(crate) fn preprocessing(input: &Input, images: &dyn Dataset) -> Outcome<Preprocessing> {
    let step = images.len().div_ceil(MEASURED).max(1);
    let sampled = || (0..images.len()).step_by(step);
    let Some(first) = sampled().next() else { return Err(Failure::failed("there are no training images")) };
    let size = match input.size {
        Some([height, width]) => Size::new(height, width),
        None => {
            let size = images.get(first)?.image.size();
            if size.height.max(size.width) <= SMALL { size } else { Size::new(SMALL, SMALL) }
        }
    };
    let channels = match input.channels {
        Some(channels) => channels,
        None => {
            let mut most = 1;
            for index in sampled() {
                most = most.max(images.get(index)?.image.channels());
            }
            most
        }
    };
    let plain = Preprocessing::new(size, channels)?.resize_mode(input.resize.unwrap_or_default());
    let given = |values: &Option<Vec<f64>>| {
        values.as_ref().map(|values| values.iter().map(|&value| value as f32).collect::<Vec<f32>>())
    };
    let (mean, deviation) = match (given(&input.mean), given(&input.std)) {
        (Some(mean), Some(deviation)) => (mean, deviation),
        (mean, deviation) => {
            let measured = measure(images, channels)?;
            (mean.unwrap_or(measured.0), deviation.unwrap_or(measured.1))
        }
    };
    Ok(plain.normalize(&mean, &deviation)?)
}

/// Mean and standard deviation of each channel of the training images, to four decimals.
fn measure(images: &dyn Dataset, channels: usize) -> Outcome<(Vec<f32>, Vec<f32>)> {
    let rounded = |value: &f32| (value * 1e4).round() / 1e4;
    let Statistics { mean, std } = Statistics::measure(images, channels, MEASURED)?;
    // Images of one colour leave nothing to divide by.
    Ok((mean.iter().map(rounded).collect(), std.iter().map(|value| rounded(value).max(1e-3)).collect()))
}

#[cfg(test)]
mod tests {
    use cnn_data::{Image, InMemory, Sample, Target};

    use super::*;

    fn images(size: usize, channels: usize, levels: &[u8]) -> InMemory {
        let image = |&level: &u8| {
            Image::from_u8(Size::new(size, size), channels, vec![level; size * size * channels])
        };
        InMemory::new(
            levels.iter().map(|level| Sample::new(image(level).unwrap(), Target::Class(0))).collect(),
        )
    }

    #[test]
    fn what_is_not_configured_is_measured_on_the_training_images() {
        let found = preprocessing(&Input::default(), &images(28, 1, &[0, 255])).unwrap();
        assert_eq!((found.size(), found.channels()), (Size::new(28, 28), 1));
        assert_eq!((found.mean(), found.std()), (&[0.5][..], &[0.5][..]));
        let large = preprocessing(&Input::default(), &images(100, 3, &[51])).unwrap();
        assert_eq!((large.size(), large.channels()), (Size::new(64, 64), 3));
        assert_eq!((large.mean(), large.std()), (&[0.2; 3][..], &[1e-3; 3][..]));
    }

    #[test]
    fn what_is_configured_is_taken() {
        let input =
            Input { size: Some([32, 48]), channels: Some(3), mean: Some(vec![0.1; 3]), ..Input::default() };
        let found = preprocessing(&input, &images(28, 1, &[0, 255])).unwrap();
        assert_eq!((found.size(), found.channels(), found.mean()), (Size::new(32, 48), 3, &[0.1; 3][..]));
    }

    #[test]
    fn an_unknown_data_set_is_wrong_usage_and_an_absent_one_names_every_place() {
        match locate("mnsit", None) {
            Err(Failure::Usage(message)) => assert!(message.contains("mnist"), "{message}"),
            other => panic!("{other:?}"),
        }
        match locate("cifar10", Some(Path::new("/no/such/place"))) {
            Err(Failure::Failed(message)) => {
                for place in ["/no/such/place", "CNN_DATA", "working folder", "cache"] {
                    assert!(message.contains(place), "{message}");
                }
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_cache_is_where_the_system_has_it() {
        let only = |wanted: &'static str, value: &'static str| {
            cache(move |name: &str| (name == wanted).then(|| PathBuf::from(value)))
        };
        if cfg!(all(unix, not(target_os = "macos"))) {
            assert_eq!(only("XDG_CACHE_HOME", "/c"), Some(PathBuf::from("/c/cnn")));
            assert_eq!(only("HOME", "/h"), Some(PathBuf::from("/h/.cache/cnn")));
        }
        assert_eq!(cache(|_| None), None);
    }
}
