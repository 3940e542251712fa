//! State dicts: every parameter and buffer under its PyTorch key, in its layout in files; safetensors in and out.
//!
//! Loading is all or nothing: what does not fit is listed whole, and the model stays as it was.
//! Reading a file allocates tensors of no more bytes than the file holds, once its header has been found sound; a
//! header longer than the format allows is not read.

mod file;

use std::collections::{BTreeMap, HashMap};

use cnn_tensor::{DType, Tensor};

use crate::visit::{Item, ItemMut, check_unique_paths, for_each, for_each_mut};
use crate::{Error, FileLayout, Layer, Misfit, Misshapen, Result};

/// Tensors by key, in the layout of files.
///
/// ```
/// use cnn_layers::{Conv2d, Key, StateDict, Strictness};
/// # fn main() -> cnn_layers::Result<()> {
/// let conv = Conv2d::new(3, 8, 5, Key::new(1))?;
/// let dict = StateDict::of(&conv)?;
/// assert_eq!(dict.get("weight").unwrap().shape(), [8, 3, 5, 5]);
///
/// let bytes = dict.to_safetensors(&Default::default())?;
/// let mut other = Conv2d::new(3, 8, 5, Key::new(2))?;
/// StateDict::from_safetensors(&bytes)?.load_into(&mut other, Strictness::Strict)?;
/// assert_eq!(other.weight().value().to_vec::<f32>()?, conv.weight().value().to_vec::<f32>()?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct StateDict {
    tensors: BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
}

/// What loading does with keys that only the model or only the dict has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// They are an error.
    #[default]
    Strict,
    /// They are reported; what both have is loaded.
    Partial,
}

/// What loading did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadReport {
    /// Keys that were loaded.
    pub loaded: Vec<String>,
    /// Keys whose element type was converted to the model's.
    pub converted: Vec<String>,
    /// What did not fit; empty after strict loading.
    pub misfit: Misfit,
}

impl StateDict {
    /// All parameters and buffers of a model.
    ///
    /// # Errors
    /// [`Error::DuplicateKey`]; out of memory.
    pub fn of(model: &dyn Layer) -> Result<Self> {
        check_unique_paths(model)?;
        let mut dict = Self::default();
        let mut result = Ok(());
        for_each(model, &mut |path, item| {
            let (tensor, layout) = match item {
                Item::Parameter(parameter) => (parameter.value(), parameter.layout()),
                Item::Buffer(tensor, layout) => (tensor, layout),
                Item::Layer(_) => return,
            };
            if result.is_ok() {
                result = layout.to_file(tensor).map(|tensor| {
                    dict.insert(path, tensor);
                });
            }
        });
        result?;
        Ok(dict)
    }

    /// The tensor of a key.
    pub fn get(&self, key: &str) -> Option<&Tensor> {
        self.tensors.get(key)
    }

    /// Adds a tensor, in the layout of files; what was under its key before.
    pub fn insert(&mut self, key: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.tensors.insert(key.into(), tensor)
    }

    /// Removes a tensor.
    pub fn remove(&mut self, key: &str) -> Option<Tensor> {
        self.tensors.remove(key)
    }

    /// Keys and tensors, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(key, tensor)| (key.as_str(), tensor))
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The metadata of the file that this was read from.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Gives the model these values. Floating-point types are converted to the model's; nothing else is.
    ///
    /// # Errors
    /// [`Error::Misfit`] lists every missing, unexpected and misshapen key (with [`Strictness::Partial`], only
    /// misshapen ones are an error); [`Error::DuplicateKey`] where two parts of the model have one key; out of
    /// memory. The model is then unchanged.
    pub fn load_into(&self, model: &mut dyn Layer, strictness: Strictness) -> Result<LoadReport> {
        let (report, mut values) = self.plan(model)?;
        let fits = match strictness {
            Strictness::Strict => report.misfit.is_empty(),
            Strictness::Partial => report.misfit.misshapen.is_empty(),
        };
        if !fits {
            return Err(Error::Misfit(report.misfit));
        }
        for_each_mut(model, &mut |path, item| {
            let target = match item {
                ItemMut::Parameter(parameter) => parameter.value_mut(),
                ItemMut::Buffer(tensor, _) => tensor,
                ItemMut::Layer(_) => return,
            };
            if let Some(value) = values.remove(path) {
                *target = value;
            }
        });
        Ok(report)
    }

    /// Compares dict and model; the values in the layout and type of memory.
    fn plan(&self, model: &dyn Layer) -> Result<(LoadReport, HashMap<String, Tensor>)> {
        check_unique_paths(model)?;
        let mut report = LoadReport::default();
        let mut values = HashMap::new();
        let mut result = Ok(());
        for_each(model, &mut |path, item| {
            let (present, layout) = match item {
                Item::Parameter(parameter) => (parameter.value(), parameter.layout()),
                Item::Buffer(tensor, layout) => (tensor, layout),
                Item::Layer(_) => return,
            };
            if result.is_ok() {
                result = self.plan_one(path, present, layout, &mut report).map(|value| {
                    values.extend(value.map(|value| (path.to_owned(), value)));
                });
            }
        });
        result?;
        let known: std::collections::HashSet<&str> = report
            .loaded
            .iter()
            .map(String::as_str)
            .chain(report.misfit.misshapen.iter().map(|m| &*m.key))
            .collect();
        let unexpected = self.tensors.keys().filter(|key| !known.contains(key.as_str())).cloned().collect();
        report.misfit.unexpected = unexpected;
        Ok((report, values))
    }

    fn plan_one(
        &self,
        key: &str,
        present: &Tensor,
        layout: FileLayout,
        report: &mut LoadReport,
    ) -> Result<Option<Tensor>> {
        let Some(tensor) = self.tensors.get(key) else {
            report.misfit.missing.push(key.to_owned());
            return Ok(None);
        };
        let expected = layout.file_shape(present.shape_value())?;
        let convertible = is_float(tensor.dtype()) && is_float(present.dtype());
        if tensor.shape_value() != expected || !(tensor.dtype() == present.dtype() || convertible) {
            report.misfit.misshapen.push(Misshapen {
                key: key.to_owned(),
                met: tensor.shape_value(),
                met_dtype: tensor.dtype(),
                expected,
                expected_dtype: present.dtype(),
            });
            return Ok(None);
        }
        if tensor.dtype() != present.dtype() {
            report.converted.push(key.to_owned());
        }
        report.loaded.push(key.to_owned());
        Ok(Some(layout.from_file(&tensor.to_dtype(present.dtype())?)?))
    }
}

fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64 | DType::BF16 | DType::F16)
}

/// A model as the bytes of a safetensors file, which `torch` loads with `strict=True`.
///
/// The same model and metadata give the same bytes.
///
/// # Errors
/// [`Error::DuplicateKey`]; out of memory.
pub fn save(model: &dyn Layer, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    StateDict::of(model)?.to_safetensors(metadata)
}

/// Loads the bytes of a safetensors file into a model, strictly.
///
/// # Errors
/// [`Error::File`], [`Error::FileType`], [`Error::Misfit`], [`Error::DuplicateKey`]; the model is then unchanged.
pub fn load(model: &mut dyn Layer, bytes: &[u8]) -> Result<LoadReport> {
    StateDict::from_safetensors(bytes)?.load_into(model, Strictness::Strict)
}
