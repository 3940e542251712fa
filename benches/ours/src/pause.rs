//! Stopping and continuing other processes, so that the one that is timed has the machine to itself.
//!
//! Signals are sent by a shell that runs as long as this program does: `kill` is part of every POSIX shell, so no
//! foreign function is called, and no process is started between two measurements. It outlives this program, however
//! that ends, to let every process go on that was stopped: an engine that goes on finds its input closed, and ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::failure::{Result, failure};

/// What the shell does with its lines, `SIGNAL GROUP`, and when there are no more.
const SCRIPT: &str = r#"
stopped=
while read -r signal group && [ "$signal" != END ]; do
    if [ "$signal" = STOP ]; then
        case "$stopped " in *" $group "*) ;; *) stopped="$stopped $group" ;; esac
    fi
    if kill -s "$signal" -- "-$group" 2>/dev/null; then echo sent; else echo failed; fi
done
for group in $stopped; do kill -s CONT -- "-$group" 2>/dev/null; done
"#;

/// A shell that sends signals.
pub(crate) struct Signals {
    shell: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What a process is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Stop, with all threads, until told to go on.
    Stop,
    /// Go on.
    Continue,
}

impl Signals {
    pub(crate) fn start() -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            // Whoever interrupts this program does not interrupt the shell.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run `sh`, which stops the engine that waits: {error}"))?;
        match (shell.stdin.take(), shell.stdout.take()) {
            (Some(commands), Some(answers)) => Ok(Self { shell, commands, answers: BufReader::new(answers) }),
            _ => failure("the shell that stops processes has no pipes"),
        }
    }

    /// Sends a signal to a process and its children, the group that it leads, and waits until it has been sent.
    pub(crate) fn send(&mut self, signal: Signal, group: u32) -> Result<()> {
        let name = match signal {
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        writeln!(self.commands, "{name} {group}")?;
        self.commands.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer.trim() == "sent" { Ok(()) } else { failure(format!("process {group} cannot be signalled")) }
    }
}

/// Ends the group that a child of ours leads, stopped or not, and waits for the child: a child alone would leave what
/// it has started, like the workers of a loader.
pub(crate) fn end_group(leader: &mut Child) {
    // A shell of its own: whoever drops an engine has no `Signals` at hand.
    let kill = format!("kill -s KILL -- -{}", leader.id());
    let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
    let _ = leader.kill();
    let _ = leader.wait();
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = writeln!(self.commands, "END");
        let _ = self.commands.flush();
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_process_goes_on_where_it_was() {
        let mut signals = Signals::start().unwrap();
        let mut command = Command::new("cat");
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut echo = command.spawn().unwrap();
        signals.send(Signal::Stop, echo.id()).unwrap();
        let mut input = echo.stdin.take().unwrap();
        input.write_all(b"said while stopped\n").unwrap();
        signals.send(Signal::Continue, echo.id()).unwrap();
        drop(input);
        let output = echo.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"said while stopped\n");
    }

    #[test]
    fn a_group_ends_with_all_that_its_leader_has_started() {
        let mut command = Command::new("sh");
        // The second process holds the pipe, and would for a minute.
        command.args(["-c", "sleep 60 & echo started; wait"]).process_group(0).stdout(Stdio::piped());
        let mut leader = command.spawn().unwrap();
        let mut output = BufReader::new(leader.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let begin = std::time::Instant::now();
        end_group(&mut leader);
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        assert!(begin.elapsed().as_secs() < 30);
    }

    #[test]
    fn whoever_is_stopped_goes_on_when_the_signals_end() {
        let mut signals = Signals::start().unwrap();
        let mut command = Command::new("cat");
        let mut echo = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        signals.send(Signal::Stop, echo.id()).unwrap();
        drop(signals);
        drop(echo.stdin.take());
        assert!(echo.wait().unwrap().success());
    }

    #[test]
    fn a_process_that_is_not_there_is_told() {
        // Process numbers on Linux end at 4,194,304.
        let error = Signals::start().unwrap().send(Signal::Stop, 999_999_999).unwrap_err();
        assert!(error.to_string().contains("999999999"), "{error}");
    }
}
