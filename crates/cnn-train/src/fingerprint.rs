//! A fingerprint of a network's weights, to say whether two runs ended with the same bits.

use std::fmt::Write as _;

use cnn_layers::StateDict;
use sha2::{Digest, Sha256};

use crate::Result;

/// SHA-256, in hexadecimal, over the bytes of all tensors of a safetensors file, in the order of their keys.
///
/// Metadata, key names and shapes do not enter, so the figure can be had in Python with
/// `hashlib.sha256(b"".join(t[k].tobytes() for k in sorted(t)))` over `safetensors.numpy.load_file`.
///
/// # Errors
/// [`Error::Layers`](crate::Error::Layers) where the bytes are not a safetensors file.
pub fn weights_sha256(file: &[u8]) -> Result<String> {
    let mut hash = Sha256::new();
    for (_, tensor) in StateDict::from_safetensors(file)?.iter() {
        hash.update(tensor.to_le_bytes()?);
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cnn_tensor::Tensor;

    use super::*;

    fn file(tensors: &[(&str, &[u8])], metadata: &BTreeMap<String, String>) -> Vec<u8> {
        let mut dict = StateDict::default();
        for (name, bytes) in tensors {
            dict.insert(*name, Tensor::from_slice(&[bytes.len()], bytes).unwrap());
        }
        dict.to_safetensors(metadata).unwrap()
    }

    #[test]
    fn it_is_the_hash_of_the_bytes_in_the_order_of_the_keys() {
        // The published SHA-256 of "abc" (FIPS 180-2, example B.1).
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let (none, some) = (BTreeMap::new(), BTreeMap::from([("seed".to_owned(), "1".to_owned())]));
        assert_eq!(weights_sha256(&file(&[("y", b"c"), ("x", b"ab")], &some)).unwrap(), abc);
        assert_eq!(weights_sha256(&file(&[("1", b"a"), ("2", b"b"), ("3", b"c")], &none)).unwrap(), abc);
        assert_ne!(weights_sha256(&file(&[("x", b"c"), ("y", b"ab")], &none)).unwrap(), abc);
    }

    #[test]
    fn what_is_not_a_safetensors_file_is_an_error() {
        let mut file = file(&[("x", b"abc")], &BTreeMap::new());
        file.pop();
        for bytes in [&file[..], b"", &[0xff; 8]] {
            assert!(weights_sha256(bytes).is_err());
        }
    }
}
