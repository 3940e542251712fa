//! CIFAR's records and archive under the fuzzer.
#![no_main]

#[path = "../../crates/cnn-data/tests/corpus/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::cifar(bytes));
