//! `cnn data check`: everything that is wrong with a folder of pictures, for a person, a script or a browser.

mod html;

use std::fmt::Write as _;
use std::num::NonZero;

use cnn_data::check::{CheckOptions, Finding, Report, Severity, check};
use cnn_layers::summary::group;

use crate::cli::CheckArgs;
use crate::commands::counted;
use crate::failure::{Failure, Outcome};
use crate::output::{self, say, tell};

/// Cases of a finding that the text names.
const MOST_CASES: usize = 10;

/// Classes that the table names.
const MOST_CLASSES: usize = 40;

/// Letters in a line.
const LINE: usize = 80;

pub(crate) fn run(arguments: &CheckArgs) -> Outcome {
    if !arguments.data.is_dir() {
        let message = format!("{} is no folder; name a folder of pictures", arguments.data.display());
        return Err(Failure::failed(message));
    }
    let threads = arguments.threads.threads.and_then(NonZero::new);
    let report = check(&arguments.data, &CheckOptions { threads, ..CheckOptions::default() })?;
    if let Some(path) = &arguments.html {
        let page = html::page(&arguments.data, &report);
        cnn_train::write_atomically(path, page.as_bytes())?;
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        output::text(format_args!("{}", text(&report)))?;
    }
    if let Some(path) = &arguments.html {
        tell!("report with pictures: {}", path.display());
    }
    if report.errors() > 0 { Err(Failure::Findings) } else { Ok(()) }
}

/// The report for a terminal.
fn text(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let severity = if finding.severity == Severity::Error { "error" } else { "note" };
        let _ = writeln!(text, "{severity}: {} ({})", finding.title, group(finding.cases.len() as u64));
        wrap(&mut text, "  ", &finding.advice);
        for case in finding.cases.iter().take(MOST_CASES) {
            for file in &case.files {
                let _ = writeln!(text, "    {}", printable(file));
            }
            wrap(&mut text, "      ", &printable(&case.detail));
        }
        let more = finding.cases.len().saturating_sub(MOST_CASES);
        if more > 0 {
            let _ = writeln!(text, "    and {} more (--json lists all)", group(more as u64));
        }
        text.push('\n');
    }
    counts(&mut text, report);
    let _ = writeln!(text, "{} looked at: {}", counted(report.files, "file"), verdict(report));
    text
}

/// How many kinds of error and of note there are.
fn verdict(report: &Report) -> String {
    let (errors, notes) = (report.errors(), report.findings.len() - report.errors());
    if (errors, notes) == (0, 0) {
        return "nothing to report".to_owned();
    }
    let errors = counted(errors, "kind of error").replace("kind of errors", "kinds of error");
    format!("{errors}, {}", counted(notes, "note"))
}

/// Files by class and split, and pictures by format and mode.
fn counts(text: &mut String, report: &Report) {
    if report.files == 0 {
        return;
    }
    let _ = write!(text, "{:24}", "class");
    report.splits.iter().for_each(|split| {
        let _ = write!(text, " {split:>10}");
    });
    text.push('\n');
    for class in report.classes.iter().take(MOST_CLASSES) {
        let name: String = printable(&class.class).chars().take(24).collect();
        let _ = write!(text, "{name:24}");
        class.counts.iter().for_each(|&count| {
            let _ = write!(text, " {:>10}", group(count as u64));
        });
        text.push('\n');
    }
    let more = report.classes.len().saturating_sub(MOST_CLASSES);
    if more > 0 {
        let _ = writeln!(text, "and {more} more classes (--json lists all)");
    }
    let _ = write!(text, "{:24}", "all");
    for place in 0..report.splits.len() {
        let sum: usize = report.classes.iter().map(|class| class.counts[place]).sum();
        let _ = write!(text, " {:>10}", group(sum as u64));
    }
    text.push_str("\n\n");
    for (name, counts) in [("formats", &report.formats), ("modes", &report.modes)] {
        let all: Vec<String> =
            counts.iter().map(|(kind, &count)| format!("{kind}: {}", group(count as u64))).collect();
        wrap(text, "", &format!("{name}: {}", all.join("; ")));
    }
    text.push('\n');
}

/// Words in lines of at most 80 letters, where no word is longer.
fn wrap(text: &mut String, indent: &str, words: &str) {
    let mut line = indent.to_owned();
    for word in words.split_whitespace() {
        if line.len() > indent.len() && line.chars().count() + 1 + word.chars().count() > LINE {
            let _ = writeln!(text, "{line}");
            line = indent.to_owned();
        }
        if line.len() > indent.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

/// Text without what a terminal would obey.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{FFFD}")
}

/// Whether a finding is about pictures that can be shown.
fn is_shown(finding: &Finding) -> bool {
    use cnn_data::check::Kind::*;
    matches!(
        finding.kind,
        DuplicatesAcrossSplits
            | DuplicatesAcrossClasses
            | NearDuplicatesAcrossSplits
            | NearDuplicatesAcrossClasses
            | Duplicates
            | NearDuplicates
            | WrongExtension
            | Rotated
            | MixedModes
            | NearConstant
            | Dark
            | Overexposed
            | Blurred
            | Tiny
            | OddShape
    )
}
