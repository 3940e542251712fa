//! Files as NumPy writes them, then broken ones.

use proptest::prelude::*;

use super::{from_bytes, load, save, to_bytes};
use crate::testing::{normal, same_bits};
use crate::{DType, Error, Tensor};

/// A file of a version, with this header and these bytes.
fn file(version: u8, header: &str, elements: &[u8]) -> Vec<u8> {
    let len = header.len() as u32;
    let len = if version == 1 { &len.to_le_bytes()[..2] } else { &len.to_le_bytes()[..] };
    [b"\x93NUMPY", &[version, 0][..], len, header.as_bytes(), elements].concat()
}

fn problem(bytes: &[u8]) -> String {
    let error = from_bytes(bytes).unwrap_err();
    assert!(matches!(error, Error::Format { format: "npy", .. }), "{error:?}");
    error.to_string()
}

#[test]
fn a_small_file_has_the_bytes_that_numpy_writes() {
    // numpy.save of numpy.array([1, 2], numpy.uint16).
    let header = "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }";
    let padded = format!("{header:<117}\n");
    let x = Tensor::from_slice(&[2], &[1u16, 2]).unwrap();
    assert_eq!(to_bytes(&x).unwrap(), file(1, &padded, &[1, 0, 2, 0]));
    assert_eq!((padded.len() + 10) % 64, 0);
}

#[test]
fn versions_orders_and_byte_orders_are_read() {
    let elements: Vec<u8> = (1u8..=6).flat_map(|value| [0, value]).collect();
    for version in 1..=3 {
        let header = "{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3), }\n";
        let x = from_bytes(&file(version, header, &elements)).unwrap();
        assert_eq!((x.shape(), x.to_vec::<u16>().unwrap()), (&[2, 3][..], vec![1, 3, 5, 2, 4, 6]));
    }
    let header = "{\"shape\":(1L,2L),\"fortran_order\":False,\"descr\":\"|b1\"}";
    assert_eq!(from_bytes(&file(2, header, &[1, 0])).unwrap().dtype(), DType::Bool);
    let scalar =
        from_bytes(&file(1, "{'descr': '=i1', 'fortran_order': False, 'shape': ()}", &[255])).unwrap();
    assert_eq!((scalar.rank(), scalar.item().unwrap()), (0, -1.0));
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let with = |header: &str| problem(&file(1, header, &[0; 8]));
    assert_eq!(problem(b"PK\x03\x04"), "npy: it does not begin with \\x93NUMPY");
    assert_eq!(problem(b"\x93NUMPY\x01"), "npy: it ends within the header");
    assert_eq!(problem(&file(4, "", &[])), "npy: version 4.0, expected 1.0, 2.0 or 3.0");
    assert_eq!(problem(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}"), "npy: it ends within the header");
    assert_eq!(with("{'descr': '<f4', 'shape': (2,)}"), "npy: the header has no \"fortran_order\"");
    assert_eq!(with("{'descr': '<f4', 'descr': '<f4'}"), "npy: the header has \"descr\" twice");
    assert_eq!(with("{'order': '<f4'}"), "npy: the header has an entry \"order\"");
    assert_eq!(
        with("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}"),
        "npy: element type \"<c8\", expected one of f2 f4 f8 u1 u2 i1 i4 i8 b1"
    );
    assert_eq!(with("{'shape': (-1,)}"), "npy: the header has \"-1,)}\" where a size is expected");
    assert_eq!(
        with("{'shape': (99999999999999999999999,)}"),
        "npy: the header has \"999999999999\" where a size is expected"
    );
    assert_eq!(with("{'shape': (1,1,1,1,1,1,1,1,1)}"), "npy: more than 8 dimensions");
    assert_eq!(with("{} x"), "npy: the header has \"x\" where the end of the header is expected");
    assert_eq!(
        with("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}"),
        "npy: 8 bytes follow the header, shape [3] of f32 has 12"
    );
    assert_eq!(
        problem(&file(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", &[2])),
        "npy: a truth value is a byte other than 0 and 1"
    );
    let huge = file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", &[]);
    assert!(matches!(from_bytes(&huge), Err(Error::TooLarge { .. })));
    let large = file(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (1099511627776,)}", &[]);
    assert!(problem(&large).starts_with("npy: 0 bytes follow"));
}

#[test]
fn files_are_written_and_read_and_named_in_errors() {
    let path = std::env::temp_dir().join(format!("cnn-tensor-npy-{}.npy", std::process::id()));
    let x = normal(&[3, 4], 1, DType::F32).unwrap();
    save(&path, &x).unwrap();
    assert!(same_bits(&load(&path).unwrap(), &x));
    std::fs::write(&path, b"nothing").unwrap();
    let error = load(&path).unwrap_err();
    assert!(matches!(error, Error::File { .. }) && error.to_string().contains("NUMPY"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(load(&path), Err(Error::File { .. })));
    let half = Tensor::zeros(&[1], DType::BF16).unwrap();
    assert!(matches!(to_bytes(&half), Err(Error::DType { .. })));
    assert!(matches!(to_bytes(&Tensor::shape_only(&[1], DType::U8).unwrap()), Err(Error::ShapeOnly { .. })));
}

proptest! {
    #[test]
    fn every_shape_and_type_comes_back(dims in prop::collection::vec(0usize..5, 0..6), which in 0usize..10) {
        let dtype = DType::ALL[which];
        let x = normal(&dims, 1, DType::F32).unwrap().to_dtype(dtype).unwrap();
        if dtype != DType::BF16 {
            prop_assert!(same_bits(&from_bytes(&to_bytes(&x).unwrap()).unwrap(), &x));
        }
    }

    #[test]
    fn no_bytes_are_too_much(mut bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..140, by in any::<u8>()) {
        let _ = from_bytes(&bytes);
        let mut whole = to_bytes(&Tensor::zeros(&[2, 3], DType::I32).unwrap()).unwrap();
        whole[at] = by;
        let _ = from_bytes(&whole);
        whole.truncate(at);
        prop_assert!(from_bytes(&whole).is_err());
        bytes.splice(0..0, *b"\x93NUMPY\x01\x00");
        let _ = from_bytes(&bytes);
    }
}
