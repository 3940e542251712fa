//! The safetensors format: eight bytes with the header's length, the header in JSON, the tensors' bytes.
//!
//! Reading goes through the `safetensors` crate, which checks the header against the file, after a first look at the
//! header's length and form. Writing does not: that crate keeps metadata in a hash map, so that its files differ from run to run.

use std::collections::BTreeMap;
use std::fmt;

use cnn_tensor::{DType, MAX_RANK, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
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
        check_header(bytes)?;
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

/// Most bytes of a header, as in the format's reference implementation.
const MAX_HEADER: usize = 100_000_000;

/// What the `safetensors` crate leaves unchecked, or checks too late: it collects whatever values an entry has before
/// it looks at them, and near the largest number its sum of an offset overflows.
fn check_header(bytes: &[u8]) -> Result<()> {
    let problem = |problem: String| Error::File { problem };
    let (length, rest) = bytes
        .split_first_chunk::<8>()
        .ok_or_else(|| problem(format!("it has {} bytes, its header alone takes more", bytes.len())))?;
    let length = u64::from_le_bytes(*length);
    let (header, data) =
        usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)).ok_or_else(|| {
            problem(format!("its header of {length} bytes is longer than the file of {}", bytes.len()))
        })?;
    if header.len() > MAX_HEADER {
        return Err(problem(format!("its header has {length} bytes, expected at most {MAX_HEADER}")));
    }
    let Header { last } = serde_json::from_slice(header)
        .map_err(|error| problem(format!("its header is not one of tensors: {error}")))?;
    match last {
        Some((key, end)) if end > data.len() as u64 => Err(problem(format!(
            "tensor {key} ends at byte {end} of the {} after the header; the file may be cut off",
            data.len()
        ))),
        _ => Ok(()),
    }
}

/// A header in which each entry has the fields of a tensor and no others. Of all entries only the one that ends last
/// is held.
struct Header {
    last: Option<(String, u64)>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Header, A::Error> {
        let mut last: Option<(String, u64)> = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let (_, end) = map.next_value::<Entry>()?.data_offsets;
            if last.as_ref().is_none_or(|&(_, furthest)| end > furthest) {
                last = Some((key, end));
            }
        }
        Ok(Header { last })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(rename = "dtype")]
    _dtype: String,
    #[serde(rename = "shape")]
    _shape: Dimensions,
    data_offsets: (u64, u64),
}

/// As many dimensions as a tensor can have, or fewer; not held.
struct Dimensions;

impl<'de> Deserialize<'de> for Dimensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(Self)
    }
}

impl<'de> Visitor<'de> for Dimensions {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up to {MAX_RANK} dimensions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sizes: A) -> std::result::Result<Self, A::Error> {
        let mut rank = 0;
        while sizes.next_element::<u64>()?.is_some() {
            rank += 1;
            if rank > MAX_RANK {
                return Err(A::Error::invalid_length(rank, &self));
            }
        }
        Ok(self)
    }
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
