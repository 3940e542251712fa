//! `cnn data download`: public data sets, into the folder where names are looked for.

use std::path::{Path, PathBuf};

use cnn_data::download::{Downloader, Event, Mirror, Published};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::DownloadArgs;
use crate::failure::Outcome;
use crate::output::{say, tell};
use crate::source;

pub(crate) fn run(arguments: &DownloadArgs) -> Outcome {
    let DownloadArgs { names, data_dir, mirror } = arguments;
    // A name that does not exist is told before anything is fetched.
    let sets = names.iter().map(|name| Published::named(name)).collect::<cnn_data::Result<Vec<_>>>()?;
    let mut downloader = Downloader::new();
    let from = mirror.clone().or_else(|| std::env::var("CNN_MIRROR").ok().filter(|text| !text.is_empty()));
    if let Some(from) = from {
        downloader = downloader.mirror(Mirror::new(&from)?);
    }
    let into = target(data_dir.as_deref(), source::variable);
    for set in &sets {
        let progress = Progress::new();
        let fetched = downloader.fetch(set, &into, &mut |event| progress.tell(event))?;
        drop(progress);
        let state = if fetched.files.is_empty() { "already there" } else { "complete" };
        say!("{}: {state} in {}", set.name, fetched.folder.display())?;
        say!("  next: cnn train --data {}{}", set.name, hint(data_dir.as_deref()))?;
    }
    Ok(())
}

/// Where data sets are put: as asked, or one of the places in which names are looked for.
fn target(asked: Option<&Path>, variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let found = asked.map(Path::to_path_buf).or_else(|| variable("CNN_DATA"));
    found.or_else(|| source::cache(variable)).unwrap_or_else(|| PathBuf::from("data"))
}

/// What a command needs to find the data set again, where it would not look there by itself.
fn hint(asked: Option<&Path>) -> String {
    asked.map_or_else(String::new, |folder| format!(" --data-dir {}", folder.display()))
}

/// What is told on the way: a live bar on a terminal, and elsewhere failures alone.
struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new() -> Self {
        Self { bar: crate::output::is_live().then(bar) }
    }

    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Started { file, here, bytes, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_prefix(file.to_owned());
                    bar.set_length(bytes.unwrap_or(0));
                    bar.set_position(here);
                    // The speed is that of what arrives from here on.
                    bar.reset_eta();
                }
            }
            Event::Arrived { here } => {
                if let Some(bar) = &self.bar {
                    bar.set_position(here);
                }
            }
            Event::Failed { origin, reason, .. } => self.line(&format!("{origin}: {reason}")),
            Event::KeptAside { path } => self.line(&format!(
                "what was there differs from what is published; it is kept in {}",
                path.display()
            )),
            Event::Waiting { name } => self.line(&format!("waiting for another download of {name}")),
            Event::Checked { file, sum } if self.bar.is_some() => {
                self.line(&format!("{file}: {sum} is right"));
            }
            Event::AlreadyThere { file } if self.bar.is_some() => {
                self.line(&format!("{file}: already there"));
            }
            Event::Unpacking { file } if self.bar.is_some() => self.line(&format!("{file}: unpacking")),
            _ => {}
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => tell!("{text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template(
        "{prefix} {bar:24.cyan/dim} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left",
    );
    bar.with_style(
        style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("\u{2501}\u{2578}\u{2501}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sets_are_put_where_names_are_looked_for() {
        let set = |wanted: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                wanted.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
            }
        };
        let asked = Path::new("asked");
        assert_eq!(target(Some(asked), set(&[("CNN_DATA", "/d")])), asked);
        assert_eq!(target(None, set(&[("CNN_DATA", "/d"), ("HOME", "/h")])), Path::new("/d"));
        if cfg!(all(unix, not(target_os = "macos"))) {
            assert_eq!(target(None, set(&[("HOME", "/h")])), Path::new("/h/.cache/cnn"));
        }
        assert_eq!(target(None, set(&[])), Path::new("data"));
        assert_eq!((hint(None), hint(Some(asked))), (String::new(), " --data-dir asked".to_owned()));
    }
}
