//! Whole pictures as text, and that no terminal is too small.

use std::time::Duration;

use cnn_train::{BatchEvent, EpochRecord, Validation};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn batch(epoch: usize, batch: usize) -> BatchEvent {
    BatchEvent {
        epoch,
        epochs: 4,
        batch,
        batches: 100,
        images: 64 * batch,
        loss: 0.25,
        mean_loss: 1.0 / (epoch as f64 + batch as f64 / 100.0),
        accuracy: 0.9,
        learning_rate: 0.1,
        images_per_second: 1234.0,
        elapsed: Duration::from_secs(10),
        waited: Duration::from_secs(1),
    }
}

fn record(epoch: usize, loss: f64, accuracy: f64) -> EpochRecord {
    EpochRecord {
        epoch,
        learning_rate: 0.1,
        train_loss: loss,
        train_accuracy: accuracy - 0.05,
        validation: Some(Validation { loss: loss - 0.05, accuracy, ..Validation::default() }),
        seconds: 20.0,
        images_per_second: 1234.0,
        waiting_seconds: 2.0,
    }
}

fn state() -> State {
    let mut state = State::new("mnist-cnn on mnist, runs/a".into());
    state.epochs = 4;
    for epoch in 1..=3 {
        for number in (10..=100).step_by(10) {
            state.batch(&batch(epoch, number));
        }
        if epoch < 3 {
            state.epoch(&record(epoch, 0.8 / epoch as f64, 0.9 + 0.03 * epoch as f64), true);
        }
    }
    state.batch(&batch(3, 50));
    state.line("run folder: runs/a\n\nepoch 1/4  loss 0.8\n");
    state.line("epoch 2/4  loss 0.4");
    state
}

fn picture(state: &State, width: u16, height: u16, colour: bool) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state, Theme { colour })).unwrap();
    terminal
}

fn text(state: &State, width: u16, height: u16) -> String {
    let terminal = picture(state, width, height, false);
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(width.max(1)));
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn a_run_in_its_third_epoch_is_drawn_so() {
    let text = text(&state(), 80, 24);
    assert_eq!(text, include_str!("picture.txt"), "{text}");
}

#[test]
fn a_run_that_has_not_begun_is_drawn_too() {
    let text = text(&State::new("a title".into()), 60, 20);
    assert!(
        text.starts_with("a title\n") && text.contains("batch 0/0") && text.contains("epoch 0/0"),
        "{text}"
    );
}

#[test]
fn no_terminal_is_too_small_or_too_large() {
    let state = state();
    for width in [0, 1, 2, 3, 5, 10, 20, 39, 40, 79, 200] {
        for height in 0..50 {
            picture(&state, width, height, true);
        }
    }
}

#[test]
fn without_colours_there_are_none() {
    use ratatui::style::Color;
    let coloured = |colour| {
        let terminal = picture(&state(), 80, 24, colour);
        terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(coloured(true) && !coloured(false));
}

#[test]
fn losses_that_are_no_numbers_are_left_out() {
    let mut state = state();
    state.epoch(&record(3, f64::NAN, 0.5), false);
    state.batch(&BatchEvent { mean_loss: f64::INFINITY, ..batch(4, 1) });
    assert_eq!(state.curve(|record| Some(record.train_loss)).len(), 2);
    assert!(state.batch_loss.iter().all(|(_, loss)| loss.is_finite()));
    assert!(text(&state, 80, 24).contains("0.250"));
}

#[test]
fn curves_and_lines_stay_of_a_size() {
    let mut state = State::new(String::new());
    state.epochs = 4;
    for number in 0..5000 {
        state.batch(&batch(1 + number / 2000, 1 + number % 100));
        state.line("a line");
    }
    assert!((200..=512).contains(&state.batch_loss.len()), "{}", state.batch_loss.len());
    assert_eq!(state.lines.len(), 500);
}
