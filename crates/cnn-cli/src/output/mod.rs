//! Writing to the terminal or to what it is piped into, and to the log of a run.
//!
//! Results go to standard output, everything about the work to standard error: as text, or with `--log json` as one JSON
//! object a line. What is told is told once, here, and reaches everyone that listens: standard error, a live bar on it,
//! and `train.log`.
//!
//! A reader that has seen enough (`cnn .. | head`) is no mistake: what is left is not written, and the work goes on.
//! Any other failure to write results is one; progress and errors that nobody can receive are dropped.

mod log_file;

use std::fmt::Arguments;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use crate::cli::{ConsoleArgs, LogForm};
use crate::clock;
use crate::failure::{Failure, Outcome};

use log_file::LogFile;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Told with `--verbose`.
    Detail,
    /// How far the work is: where nothing live says it, and in the log.
    Progress,
    /// What a person wants to know.
    Info,
    /// Something that may not be as it was meant.
    Warning,
    /// Why the command fails.
    Error,
}

/// What the flags and the environment say about standard error.
#[derive(Debug, Clone, Copy)]
struct Console {
    /// The least that is told.
    least: Level,
    form: LogForm,
    is_terminal: bool,
    colour: bool,
}

impl Console {
    fn new(arguments: &ConsoleArgs, is_terminal: bool, no_color: Option<&std::ffi::OsStr>) -> Self {
        let least = match (arguments.quiet, arguments.verbose) {
            (true, _) => Level::Warning,
            (false, true) => Level::Detail,
            (false, false) => Level::Progress,
        };
        // <https://no-color.org>: set and not empty.
        let colour =
            is_terminal && arguments.log == LogForm::Text && no_color.is_none_or(|set| set.is_empty());
        Self { least, form: arguments.log, is_terminal, colour }
    }

    /// A line as standard error gets it; `None` where it is not to be told there.
    fn line(&self, level: Level, text: &str) -> Option<String> {
        if level < self.least {
            return None;
        }
        if self.form == LogForm::Json {
            // The events say how far the work is.
            let note = json!({ "level": level.name(), "message": text });
            return (level != Level::Progress).then(|| object("note", note));
        }
        Some(match (level.label(), self.colour) {
            (None, _) => text.to_owned(),
            (Some((label, _)), false) => format!("{label}: {text}"),
            (Some((label, colour)), true) => format!("\x1b[{colour}m{label}:\x1b[0m {text}"),
        })
    }
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Detail => "detail",
            Self::Progress => "progress",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// What stands before a line of text, and its colour.
    fn label(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Warning => Some(("warning", "1;33")),
            Self::Error => Some(("error", "1;31")),
            _ => None,
        }
    }
}

static CONSOLE: OnceLock<Console> = OnceLock::new();

/// What shows lines while it is live, in the place of standard error.
pub(crate) trait Live: Send {
    /// Shows a line, as standard error would get it.
    fn show(&self, level: Level, line: &str);
}

/// Above the bar, which says itself how far the work is.
impl Live for ProgressBar {
    fn show(&self, level: Level, line: &str) {
        if level != Level::Progress {
            self.suspend(|| write_error(line));
        }
    }
}

/// Who else listens.
struct Listeners {
    live: Option<Box<dyn Live>>,
    log: Option<LogFile>,
}

static LISTENERS: Mutex<Listeners> = Mutex::new(Listeners { live: None, log: None });

fn listeners() -> MutexGuard<'static, Listeners> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn console() -> Console {
    *CONSOLE.get_or_init(|| from_environment(&ConsoleArgs::default()))
}

fn from_environment(arguments: &ConsoleArgs) -> Console {
    let is_terminal = std::io::stderr().is_terminal();
    Console::new(arguments, is_terminal, std::env::var_os("NO_COLOR").as_deref())
}

/// Takes the flags over, once, before anything is told.
pub(crate) fn set_up(arguments: &ConsoleArgs) {
    CONSOLE.get_or_init(|| from_environment(arguments));
}

/// Whether a live bar has a place: on a terminal, for a person that did not ask for quiet.
pub(crate) fn is_live() -> bool {
    let Console { least, form, is_terminal, .. } = console();
    is_terminal && form == LogForm::Text && least <= Level::Info
}

/// Whether standard error shows colours.
pub(crate) fn is_coloured() -> bool {
    console().colour
}

/// Lines are shown here from now on; `None` is the end of it.
pub(crate) fn set_live(live: Option<Box<dyn Live>>) {
    listeners().live = live;
}

/// Lines are written into this file too from now on, behind what it holds.
pub(crate) fn log_to(path: &Path) -> Outcome {
    let log = LogFile::open(path).map_err(|error| Failure::io("open", path, &error))?;
    listeners().log = Some(log);
    Ok(())
}

/// Writes a result to standard output, as it is, and into the log.
pub(crate) fn text(text: Arguments<'_>) -> Outcome {
    if let Some(log) = &mut listeners().log {
        log.write(&text.to_string());
    }
    let mut output = std::io::stdout().lock();
    match output.write_fmt(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Tells something about the work, on standard error and in the log.
pub(crate) fn note(level: Level, text: Arguments<'_>) {
    let (text, console) = (text.to_string(), console());
    let mut listeners = listeners();
    if let Some(log) = &mut listeners.log
        && level >= console.least.min(Level::Progress)
    {
        match level.label() {
            Some((label, _)) => log.write(&format!("{label}: {text}")),
            None => log.write(&text),
        }
    }
    if let Some(line) = console.line(level, &text) {
        match &listeners.live {
            Some(live) => live.show(level, &line),
            None => write_error(&line),
        }
    }
}

/// An event of a run, where `--log json` asks for them. The keys are documented in docs/guide/console.md.
pub(crate) fn event(name: &str, fields: impl FnOnce() -> Value) {
    let Console { least, form, .. } = console();
    if form == LogForm::Json && least <= Level::Info {
        write_error(&object(name, fields()));
    }
}

/// One line of JSON.
fn object(name: &str, fields: Value) -> String {
    let mut all = Map::new();
    all.insert("event".into(), name.into());
    all.insert("time".into(), clock::precisely().into());
    if let Value::Object(fields) = fields {
        all.extend(fields);
    }
    Value::Object(all).to_string()
}

/// Writes a line that was shown elsewhere before, as it was.
#[cfg(feature = "tui")]
pub(crate) fn again(line: &str) {
    write_error(line);
}

fn write_error(line: &str) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Says how long a part of the work took, with `--verbose`, when it is dropped.
pub(crate) struct Phase {
    name: &'static str,
    began: Instant,
}

impl Phase {
    pub(crate) fn begin(name: &'static str) -> Self {
        Self { name, began: Instant::now() }
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let took = if took < Duration::from_secs(1) {
            format!("{} ms", took.as_millis())
        } else {
            clock::length(took)
        };
        note(Level::Detail, format_args!("{}: {took}", self.name));
    }
}

/// A line of results, formatted as by `println!`; gives an [`Outcome`].
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::output::text(format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// A line about the work, formatted as by `eprintln!`.
macro_rules! tell {
    ($($argument:tt)*) => { $crate::output::note($crate::output::Level::Info, format_args!($($argument)*)) };
}

/// A line that `--verbose` asks for.
macro_rules! detail {
    ($($argument:tt)*) => { $crate::output::note($crate::output::Level::Detail, format_args!($($argument)*)) };
}

/// A line that begins with `warning: ` and is told with `--quiet` too.
macro_rules! warning {
    ($($argument:tt)*) => { $crate::output::note($crate::output::Level::Warning, format_args!($($argument)*)) };
}

/// A line that begins with `error: ` and is told with `--quiet` too.
macro_rules! error {
    ($($argument:tt)*) => { $crate::output::note($crate::output::Level::Error, format_args!($($argument)*)) };
}

pub(crate) use {detail, error, say, tell, warning};

#[cfg(test)]
mod tests {
    use super::*;

    fn console(arguments: ConsoleArgs, is_terminal: bool, no_color: Option<&str>) -> Console {
        Console::new(&arguments, is_terminal, no_color.map(std::ffi::OsStr::new))
    }

    const LEVELS: [Level; 5] = [Level::Detail, Level::Progress, Level::Info, Level::Warning, Level::Error];

    #[test]
    fn quiet_leaves_warnings_and_errors_and_verbose_adds_details() {
        let told = |quiet, verbose| {
            let console = console(ConsoleArgs { quiet, verbose, ..ConsoleArgs::default() }, false, None);
            LEVELS.map(|level| console.line(level, "text").is_some())
        };
        assert_eq!(told(true, false), [false, false, false, true, true]);
        assert_eq!(told(false, false), [false, true, true, true, true]);
        assert_eq!(told(false, true), [true; 5]);
    }

    #[test]
    fn colours_are_for_terminals_whose_user_did_not_refuse_them() {
        let label = |is_terminal, no_color| {
            let console = console(ConsoleArgs::default(), is_terminal, no_color);
            console.line(Level::Error, "text").unwrap()
        };
        assert_eq!(label(true, None), "\x1b[1;31merror:\x1b[0m text");
        assert_eq!(label(true, Some("")), "\x1b[1;31merror:\x1b[0m text");
        assert_eq!(label(true, Some("1")), "error: text");
        assert_eq!(label(false, None), "error: text");
    }

    #[test]
    fn as_json_a_line_is_an_object_and_progress_is_left_to_the_events() {
        let arguments = ConsoleArgs { log: LogForm::Json, ..ConsoleArgs::default() };
        let console = console(arguments, true, None);
        assert_eq!(console.line(Level::Progress, "text"), None);
        let line = console.line(Level::Warning, "a \"quoted\"\nword").unwrap();
        assert!(!line.contains('\n'), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&value["event"], &value["level"]), (&"note".into(), &"warning".into()));
        assert_eq!(value["message"], "a \"quoted\"\nword");
        assert!(value["time"].as_f64().unwrap() > 1.7e9);
    }
}
