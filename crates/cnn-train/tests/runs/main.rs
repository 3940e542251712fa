//! Whole runs on a small synthetic data set, through the public interface.

mod common;
mod event_file;
mod events;
mod rehearsal;
mod resume;
mod training;

/// A network as the bytes of a file.
fn file(net: &common::Net) -> Vec<u8> {
    cnn_layers::save(net, &Default::default()).unwrap()
}
