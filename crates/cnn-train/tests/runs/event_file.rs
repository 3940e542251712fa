//! A reader of TensorBoard's event files that shares nothing with the writer: sums bit by bit, fields by their keys.

use std::path::{Path, PathBuf};

/// A number of an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) step: u64,
    pub(crate) tag: String,
    pub(crate) value: f32,
}

/// The one event file of a folder.
pub(crate) fn find(folder: &Path) -> PathBuf {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_events =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents.");
    let found: Vec<PathBuf> = entries.filter(is_events).collect();
    let [file] = found.as_slice() else { panic!("{found:?}") };
    file.clone()
}

/// Every number of the file in a folder; each record has to be whole and its sums right.
pub(crate) fn points(folder: &Path) -> Vec<Point> {
    let bytes = std::fs::read(find(folder)).unwrap();
    let (mut rest, mut points, mut first) = (bytes.as_slice(), Vec::new(), true);
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(
            masked(&rest[..8]),
            u32::from_le_bytes(rest[8..12].try_into().unwrap()),
            "sum of a length"
        );
        let data = &rest[12..12 + length];
        let sum = u32::from_le_bytes(rest[12 + length..16 + length].try_into().unwrap());
        assert_eq!(masked(data), sum, "sum of the data");
        rest = &rest[16 + length..];
        let event = fields(data);
        assert!(event.iter().any(|(key, time)| *key == 0x09 && time.len() == 8), "no wall time");
        if std::mem::take(&mut first) {
            assert!(event.iter().any(|(key, text)| *key == 0x1a && text == b"brain.Event:2"), "{event:?}");
            continue;
        }
        let step = event.iter().find(|(key, _)| *key == 0x10).map_or(0, |(_, bytes)| {
            bytes.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
        });
        let summary = event.iter().find(|(key, _)| *key == 0x2a).unwrap();
        for (key, value) in fields(&summary.1) {
            assert_eq!(key, 0x0a);
            let value = fields(&value);
            let [(0x0a, tag), (0x15, number)] = value.as_slice() else { panic!("{value:?}") };
            let value = f32::from_le_bytes(number.as_slice().try_into().unwrap());
            points.push(Point { step, tag: String::from_utf8(tag.clone()).unwrap(), value });
        }
    }
    points
}

/// The numbers that depend on nothing but the run itself: all but its speed.
pub(crate) fn figures(folder: &Path) -> Vec<(u64, String, u32)> {
    let points = points(folder).into_iter().filter(|point| point.tag != "images-per-second");
    points.map(|Point { step, tag, value }| (step, tag, value.to_bits())).collect()
}

/// The fields of a message: key, and the bytes of the value.
fn fields(mut message: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut fields = Vec::new();
    while let [key, rest @ ..] = message {
        let (start, length) = match key & 7 {
            0 => (0, rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1),
            1 => (0, 8),
            // None of our messages is so long that its length takes three bytes.
            2 if rest[0] & 0x80 == 0 => (1, usize::from(rest[0])),
            2 => (2, usize::from(rest[0] & 0x7f) | usize::from(rest[1]) << 7),
            5 => (0, 4),
            kind => panic!("a field of kind {kind}"),
        };
        fields.push((*key, rest[start..start + length].to_vec()));
        message = &rest[start + length..];
    }
    fields
}

fn masked(bytes: &[u8]) -> u32 {
    let mut sum = !0u32;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit & 1))) {
        let odd = (sum ^ bit) & 1 == 1;
        sum = (sum >> 1) ^ if odd { 0x82f6_3b78 } else { 0 };
    }
    let sum = !sum;
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}
