//! Files that are new, torn, longer than their checkpoint, or not there.

use super::*;
use crate::history::tests::record as epoch_record;

/// What a file says, an event a line: the step and the first name.
fn lines(folder: &Path) -> Vec<String> {
    let bytes = fs::read(find(folder).unwrap().unwrap()).unwrap();
    let (mut rest, mut lines) = (bytes.as_slice(), Vec::new());
    while let Some((data, after)) = record::first(rest) {
        lines.push(match message::read(data).unwrap() {
            Event::Version => "version".to_owned(),
            Event::Scalars { step, tag } => format!("{step} {tag}"),
        });
        rest = after;
    }
    assert!(rest.is_empty(), "{} bytes after {lines:?}", rest.len());
    lines
}

fn history(epochs: usize) -> History {
    History {
        epochs: (1..=epochs).map(|epoch| epoch_record(epoch, Some(0.5))).collect(),
        ..History::default()
    }
}

fn batch(epoch: usize, batch: usize) -> BatchEvent {
    BatchEvent {
        epoch,
        epochs: 2,
        batch,
        batches: 5,
        images: 8 * batch,
        loss: 0.25,
        mean_loss: 0.5,
        accuracy: 0.5,
        learning_rate: 0.1,
        images_per_second: 10.0,
        elapsed: std::time::Duration::ZERO,
        waited: std::time::Duration::ZERO,
    }
}

/// A log that goes on after some epochs and some batches of the next.
fn start(folder: &Path, epochs: usize, batch: usize) -> EventsLog {
    let mut log = EventsLog::new(folder).every(2);
    log.on_start(&StartEvent { epochs: 2, batches: 5, batch, history: &history(epochs) }).unwrap();
    log
}

fn take(log: &mut EventsLog, epoch: usize, batches: std::ops::RangeInclusive<usize>) {
    for number in batches {
        assert_eq!(log.on_batch(&batch(epoch, number)).unwrap(), Flow::Continue);
    }
}

fn end_epoch(log: &mut EventsLog, epoch: usize) {
    log.seen = epoch as u64 * 5;
    let open = log.file.as_mut().unwrap();
    open.write_epoch(&epoch_record(epoch, Some(0.5))).unwrap();
}

/// What a run of two epochs leaves.
const WHOLE: [&str; 8] = [
    "version",
    "2 batch/loss",
    "4 batch/loss",
    "1 loss/train",
    "6 batch/loss",
    "8 batch/loss",
    "10 batch/loss",
    "2 loss/train",
];

fn run(folder: &Path) -> Vec<u8> {
    let mut log = start(folder, 0, 0);
    for epoch in 1..=2 {
        take(&mut log, epoch, 1..=5);
        end_epoch(&mut log, epoch);
    }
    fs::read(find(folder).unwrap().unwrap()).unwrap()
}

#[test]
fn a_file_cut_anywhere_goes_on_from_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = run(folder.path());
    assert_eq!(lines(folder.path()), WHOLE);
    let path = find(folder.path()).unwrap().unwrap();
    for end in 0..=bytes.len() {
        fs::write(&path, &bytes[..end]).unwrap();
        // A checkpoint after the first epoch: a run never is behind what it had on the disk by then.
        start(folder.path(), 1, 0);
        let met = lines(folder.path());
        assert_eq!((met[0].as_str(), met.last().unwrap().as_str()), (WHOLE[0], WHOLE[3]), "cut at {end}");
    }
}

#[test]
fn what_lies_after_the_checkpoint_is_taken_back() {
    for (epochs, batches, left) in
        [(0, 0, 1), (0, 1, 1), (0, 2, 2), (0, 5, 3), (1, 0, 4), (1, 1, 5), (1, 4, 6)]
    {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path());
        let mut log = start(folder.path(), epochs, batches);
        assert_eq!(lines(folder.path()), WHOLE[..left], "{epochs} epochs and {batches} batches");
        // And done again it is the same.
        for epoch in epochs + 1..=2 {
            let first = if epoch == epochs + 1 { batches + 1 } else { 1 };
            take(&mut log, epoch, first..=5);
            end_epoch(&mut log, epoch);
        }
        assert_eq!(lines(folder.path()), WHOLE, "{epochs} epochs and {batches} batches");
    }
}

#[test]
fn epochs_that_are_missing_come_from_the_history() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path(), 2, 0);
    assert_eq!(lines(folder.path()), ["version", "1 loss/train", "2 loss/train"]);
}

#[test]
fn a_file_that_is_none_of_ours_is_replaced_and_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("events.out.tfevents.1.other");
    fs::write(&other, "other").unwrap();
    fs::write(folder.path().join("events.out.tfevents.1.cnn"), "no records at all").unwrap();
    start(folder.path(), 0, 0);
    assert_eq!(lines(folder.path()), ["version"]);
    assert_eq!(fs::read_to_string(other).unwrap(), "other");
    // Events that stand before the beginning, each whole by itself.
    let event = record::framed(&message::scalars(0.0, 1, &[("loss/train", 1.0)]));
    fs::write(folder.path().join("events.out.tfevents.1.cnn"), event).unwrap();
    start(folder.path(), 1, 0);
    assert_eq!(lines(folder.path()), ["version", "1 loss/train"]);
}

#[test]
fn a_folder_that_is_absent_is_named() {
    let mut log = EventsLog::new("/no/such/folder");
    let start = StartEvent { epochs: 1, batches: 1, batch: 0, history: &History::default() };
    let message = log.on_start(&start).unwrap_err().to_string();
    assert!(message.starts_with("cannot open /no/such/folder"), "{message}");
}
