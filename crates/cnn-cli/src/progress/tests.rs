//! Lines on terminals of every width, and the plain ones.

use cnn_train::Validation;

use super::*;

fn batch(epochs: usize) -> BatchEvent {
    BatchEvent {
        epoch: epochs.min(3),
        epochs,
        batch: 469,
        batches: 938,
        images: 30_016,
        loss: 0.25,
        mean_loss: 0.12345,
        accuracy: 0.98765,
        learning_rate: 0.1,
        images_per_second: 12_345.6,
        elapsed: Duration::from_secs(10),
        waited: Duration::from_millis(300),
    }
}

fn record() -> EpochRecord {
    EpochRecord {
        epoch: 3,
        learning_rate: 0.1,
        train_loss: 0.12345,
        train_accuracy: 0.98765,
        validation: Some(Validation { loss: 0.1034, accuracy: 0.989, ..Validation::default() }),
        seconds: 20.0,
        images_per_second: 12_345.6,
        waiting_seconds: 0.6,
    }
}

fn screen(width: usize) -> Screen {
    Screen { width, colour: false }
}

#[test]
fn the_live_line_has_everything_in_eighty_columns() {
    let line = live_line(screen(80), &batch(12), Some(Duration::from_secs(65)));
    let (bar, space) = ("\u{2501}".repeat(6), " ".repeat(6));
    assert_eq!(
        line,
        format!("epoch  3/12  {bar}{space}  loss 0.1235  98.77%  12346 img/s  wait 3%  1:05 left")
    );
    assert!(line.chars().count() < 80);
    assert_eq!(live_line(screen(30), &batch(12), None), "epoch  3/12  loss 0.1235");
}

#[test]
fn the_line_of_an_epoch_has_everything_in_eighty_columns() {
    let whole = "epoch  3/12  loss 0.1235 98.77%  val 0.1034 98.90%  12346 img/s  wait 3%  best";
    assert_eq!(live_epoch(screen(80), &record(), 12, true), whole);
    assert_eq!(live_epoch(screen(48), &record(), 12, true), "epoch  3/12  val 0.1034 98.90%  best");
    for width in 0..120 {
        let line = live_epoch(screen(width), &record(), 12, true);
        assert!(line.chars().count() < width.max(1), "{width}: {line}");
    }
    let unvalidated = EpochRecord { validation: None, ..record() };
    assert!(!live_epoch(screen(80), &unvalidated, 12, false).contains("val"));
    let coloured = live_epoch(Screen { width: 80, colour: true }, &record(), 12, true);
    assert!(coloured.ends_with("\x1b[1;32mbest\x1b[0m"), "{coloured:?}");
}

#[test]
fn plain_lines_say_the_same_in_words() {
    assert_eq!(
        batch_line(&batch(12), Some(Duration::from_secs(90))),
        "epoch  3/12 batch 469/938  loss 0.1235  accuracy 98.77 %  12346 images/s  3 % waiting for data  1 min 30 s left"
    );
    assert_eq!(
        epoch_line(&record(), 12, true),
        "epoch  3/12  loss 0.1235  accuracy 98.77 %  validation 0.1034  98.90 %  12346 images/s  3 % waiting for data  best so far"
    );
    assert!(!batch_line(&batch(12), None).contains("left"));
}

#[test]
fn the_time_left_counts_what_this_process_has_done() {
    let mut progress = Progress::new(Path::new("run"));
    progress.all = 10 * 938;
    progress.before = 2 * 938 + 469;
    assert_eq!(progress.left(&batch(10)), None);
    progress.before = 2 * 938;
    progress.started = Instant::now() - Duration::from_secs(100);
    let left = progress.left(&batch(10)).unwrap().as_secs_f64();
    // 469 batches took 100 seconds; 15 times as many are left.
    assert!((1500.0..1600.0).contains(&left), "{left}");
}
