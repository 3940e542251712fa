//! An engine as the driver sees it: a process that answers.
//!
//! It leads a process group of its own, so that what it starts is stopped and continued with it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Result, failure};
use crate::pause::{Signal, Signals, end_group};
use crate::protocol::{Hello, Request};

/// How a reply can fail to be what was asked for.
pub(crate) enum Reply<T> {
    /// It is what was asked for.
    Done(T),
    /// The engine cannot do this work, and why.
    Unsupported(String),
}

/// A running engine.
pub(crate) struct Engine {
    /// Which: `ours`, `torch`.
    pub(crate) name: String,
    /// What it said when it started.
    pub(crate) hello: Hello,
    process: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    stopped: bool,
}

impl Engine {
    /// Starts the process and waits for its hello.
    pub(crate) fn start(name: &str, command: &mut Command, advice: &str) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let cannot = |what: String| format!("engine {name}: {what}\n{advice}");
        let spawned = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.map_err(|error| cannot(format!("cannot run `{program}`: {error}")))?;
        let (Some(requests), Some(replies)) = (process.stdin.take(), process.stdout.take()) else {
            return failure(cannot("no pipes".into()));
        };
        let mut replies = BufReader::new(replies);
        let mut line = String::new();
        replies.read_line(&mut line)?;
        let hello = serde_json::from_str(&line).map_err(|_| match line.trim() {
            "" => cannot(format!("`{program}` ended at once; what it said stands above")),
            line => cannot(format!("`{program}` says no hello but: {line}")),
        })?;
        Ok(Self { name: name.into(), hello, process, requests, replies, stopped: false })
    }

    /// Asks and waits for the reply.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<Reply<T>> {
        let name = &self.name;
        writeln!(self.requests, "{}", serde_json::to_string(request)?)
            .and_then(|()| self.requests.flush())
            .map_err(|error| format!("engine {name} has ended: {error}"))?;
        let mut line = String::new();
        if self.replies.read_line(&mut line)? == 0 {
            return failure(format!("engine {name} has ended; what it said stands above"));
        }
        let value: Value = serde_json::from_str(&line)
            .map_err(|error| format!("engine {name} answers `{}`: {error}", line.trim()))?;
        let words = |key: &str| value.get(key).and_then(Value::as_str).map(ToString::to_string);
        if let Some(reason) = words("unsupported") {
            return Ok(Reply::Unsupported(reason));
        }
        if let Some(error) = words("error") {
            return failure(format!("engine {name}: {error}"));
        }
        let reply = serde_json::from_value(value);
        Ok(Reply::Done(reply.map_err(|error| format!("engine {name} answers `{}`: {error}", line.trim()))?))
    }

    /// As [`Engine::ask`], where the engine has said before that it can.
    pub(crate) fn must<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T> {
        match self.ask(request)? {
            Reply::Done(reply) => Ok(reply),
            Reply::Unsupported(reason) => failure(format!("engine {}: {reason}", self.name)),
        }
    }

    /// Stops the process with all its threads.
    pub(crate) fn stop(&mut self, signals: &mut Signals) -> Result<()> {
        if !self.stopped {
            signals.send(Signal::Stop, self.pid())?;
            self.stopped = true;
        }
        Ok(())
    }

    /// Lets the process go on.
    pub(crate) fn go_on(&mut self, signals: &mut Signals) -> Result<()> {
        if self.stopped {
            signals.send(Signal::Continue, self.pid())?;
            self.stopped = false;
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        end_group(&mut self.process);
    }
}
