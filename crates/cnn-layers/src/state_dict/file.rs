//! The safetensors format: eight bytes with the header's length, the header in JSON, the tensors' bytes.
//!
//! Reading goes through the `safetensors` crate, which checks the header against the file. Writing does not: that
//! crate keeps metadata in a hash map, so that its files differ from run to run.

use std::collections::BTreeMap;

use cnn_tensor::{DType, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use super::StateDict;
use crate::{Error, Result};

impl StateDict {
    /// The bytes of a safetensors file. The same tensors and metadata give the same bytes.
    ///
    /// # Errors
    /// Where a tensor is shape-only.
    pub fn to_safetensors(&self, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
        let mut tensors: Vec<(&str, &Tensor)> = self.iter().collect();
        // Wide elements first, so that each tensor is aligned to its elements.
        tensors.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype().size()));
        let mut header = Map::new();
        if !metadata.is_empty() {
            header.insert("__metadata__".to_owned(), json!(metadata));
        }
        let mut end = 0;
        for (key, tensor) in &tensors {
            let start = end;
            end += tensor.bytes();
            let entry = json!({ "dtype": name(tensor.dtype())?, "shape": tensor.shape(), "data_offsets": [start, end] });
            header.insert((*key).to_owned(), entry);
        }
        let mut header = Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');

        let mut bytes = Vec::with_capacity(8 + header.len() + end);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        for (_, tensor) in tensors {
            bytes.extend_from_slice(&tensor.to_le_bytes()?);
        }
        Ok(bytes)
    }

    /// The tensors and metadata of a safetensors file.
    ///
    /// # Errors
    /// [`Error::File`] for bytes that are not such a file; [`Error::FileType`] for an element type that does not
    /// exist here; out of memory.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        check_offsets(bytes)?;
        let broken = |error: safetensors::SafeTensorError| Error::File { problem: error.to_string() };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let metadata =
            header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut tensors = BTreeMap::new();
        for (key, view) in SafeTensors::deserialize(bytes).map_err(broken)?.iter() {
            let Some(dtype) = dtype(view.dtype()) else {
                return Err(Error::FileType { key: key.to_owned(), met: format!("{:?}", view.dtype()) });
            };
            tensors.insert(key.to_owned(), Tensor::from_le_bytes(view.shape(), dtype, view.data())?);
        }
        Ok(Self { tensors, metadata })
    }
}

/// Refuses a tensor that ends beyond the file: near the largest number, the `safetensors` crate's own sum overflows.
fn check_offsets(bytes: &[u8]) -> Result<()> {
    let problem = |problem: String| Error::File { problem };
    let (length, rest) = bytes
        .split_first_chunk::<8>()
        .ok_or_else(|| problem(format!("it has {} bytes, its header alone takes more", bytes.len())))?;
    let length = u64::from_le_bytes(*length);
    let (header, data) =
        usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)).ok_or_else(|| {
            problem(format!("its header of {length} bytes is longer than the file of {}", bytes.len()))
        })?;
    let header: Map<String, Value> = serde_json::from_slice(header)
        .map_err(|error| problem(format!("its header is not JSON: {error}")))?;
    for (key, entry) in &header {
        let end = entry.get("data_offsets").and_then(|offsets| offsets.get(1)).and_then(Value::as_u64);
        if let Some(end) = end.filter(|&end| end > data.len() as u64) {
            return Err(problem(format!(
                "tensor {key} ends at byte {end} of the {} after the header; the file may be cut off",
                data.len()
            )));
        }
    }
    Ok(())
}

/// What the format calls an element type.
fn name(dtype: DType) -> Result<&'static str> {
    Ok(match dtype {
        DType::F64 => "F64",
        DType::F32 => "F32",
        DType::BF16 => "BF16",
        DType::F16 => "F16",
        DType::I64 => "I64",
        DType::I32 => "I32",
        DType::I8 => "I8",
        DType::U16 => "U16",
        DType::U8 => "U8",
        DType::Bool => "BOOL",
        other => return Err(Error::File { problem: format!("it has no element type for {other}") }),
    })
}

fn dtype(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::BF16 => DType::BF16,
        Dtype::F16 => DType::F16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I8 => DType::I8,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => DType::Bool,
        _ => return None,
    })
}
