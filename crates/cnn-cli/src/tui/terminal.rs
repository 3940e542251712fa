//! The terminal while it shows a run, and as it was before.
//!
//! The callbacks keep the [`State`] up to date; a thread of its own draws it and reads the keys, so that the picture
//! lives on while a step or a validation takes long. The terminal is as it was before when the run ends, fails, panics,
//! or is stopped at once.

use std::io::{self, IsTerminal, Stderr, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cnn_train::{BatchEvent, Callback, CallbackError, EpochEvent, Flow, StartEvent};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};

use crate::failure::{Failure, Outcome};
use crate::interrupt;
use crate::output::{self, Level, Live};

use super::draw::{self, Theme};
use super::state::State;

/// Time between two pictures.
const EVERY: Duration = Duration::from_millis(100);

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal of a run.
pub(crate) struct Tui {
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is told goes to the state.
struct Told(Arc<Mutex<State>>);

impl Live for Told {
    fn show(&self, _level: Level, line: &str) {
        lock(&self.0).line(line);
    }
}

/// Whether there is a terminal to take, and a person at it who wants to be told.
pub(crate) fn check() -> Outcome {
    if output::is_live() && io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::Usage(
        "--tui is for a terminal: it goes with neither --quiet nor --log json, nor with redirected input or standard error"
            .into(),
    ))
}

impl Tui {
    /// Takes the terminal over, for a run of this title.
    pub(crate) fn begin(title: String) -> Outcome<Self> {
        check()?;
        restore_after_a_panic();
        let terminal = take_terminal().inspect_err(|_| restore_terminal());
        let terminal = terminal
            .map_err(|error| Failure::failed(format!("--tui: the terminal cannot be drawn on: {error}")))?;
        let state = Arc::new(Mutex::new(State::new(title)));
        let over = Arc::new(AtomicBool::new(false));
        output::set_live(Some(Box::new(Told(state.clone()))));
        let thread = std::thread::spawn({
            let (state, over) = (state.clone(), over.clone());
            move || live(terminal, &state, &over)
        });
        Ok(Self { state, over, thread: Some(thread) })
    }

    /// Gives the terminal back, and writes onto it what was told meanwhile.
    pub(crate) fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        // A panic of the thread has been told by its hook.
        let _ = thread.join();
        output::set_live(None);
        restore_terminal();
        let lines = std::mem::take(&mut lock(&self.state).lines);
        // The log has them already.
        lines.iter().for_each(|line| output::again(line));
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        self.end();
    }
}

impl Callback for Tui {
    fn on_start(&mut self, event: &StartEvent<'_>) -> Result<(), CallbackError> {
        lock(&self.state).start(event);
        Ok(())
    }

    fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
        lock(&self.state).batch(event);
        Ok(Flow::Continue)
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        lock(&self.state).epoch(event.record, event.is_best);
        Ok(Flow::Continue)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws and listens until it is over, or the terminal is gone; the run goes on in any case.
fn live(mut terminal: Terminal<CrosstermBackend<Stderr>>, state: &Mutex<State>, over: &AtomicBool) {
    let theme = Theme { colour: output::is_coloured() };
    while !over.load(Ordering::Relaxed) {
        let drawn = terminal.draw(|frame| draw::draw(frame, &lock(state), theme)).is_ok();
        let asked = match event::poll(EVERY) {
            Ok(true) => event::read().ok().is_some_and(|event| asks_to_stop(&event)),
            Ok(false) => false,
            Err(_) => return,
        };
        if asked {
            interrupt::ask();
        }
        if !drawn {
            return;
        }
    }
}

fn asks_to_stop(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return false };
    match code {
        KeyCode::Char('q') => !modifiers.contains(KeyModifiers::CONTROL),
        KeyCode::Char('c') => modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

fn take_terminal() -> io::Result<Terminal<CrosstermBackend<Stderr>>> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(stderr(), EnterAlternateScreen, cursor::Hide)?;
    Terminal::new(CrosstermBackend::new(stderr()))
}

/// Leaves the terminal as it was found, whoever asks and however often.
pub(crate) fn restore_terminal() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stderr(), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

/// A panic is told on a terminal that can be read.
fn restore_after_a_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let tell_it = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore_terminal();
            tell_it(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_control_c_ask_to_stop_and_nothing_else_does() {
        let key = |code, modifiers| asks_to_stop(&Event::Key(KeyEvent::new(code, modifiers)));
        assert!(key(KeyCode::Char('q'), KeyModifiers::NONE));
        assert!(key(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(!key(KeyCode::Char('c'), KeyModifiers::NONE));
        assert!(!key(KeyCode::Char('q'), KeyModifiers::CONTROL));
        assert!(!key(KeyCode::Esc, KeyModifiers::NONE));
        assert!(!asks_to_stop(&Event::Resize(80, 24)));
        let mut released = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        released.kind = KeyEventKind::Release;
        assert!(!asks_to_stop(&Event::Key(released)));
    }
}
