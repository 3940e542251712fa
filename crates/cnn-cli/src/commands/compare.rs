//! `cnn compare`: runs side by side, what they were made with and what came out.

use std::collections::BTreeMap;
use std::time::Duration;

use cnn_train::RunDir;

use crate::cli::CompareArgs;
use crate::clock;
use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::report::{self, Story};

/// Runs beside one another on a page.
const MOST_COLUMNS: usize = 6;

pub(crate) fn run(arguments: &CompareArgs) -> Outcome {
    let stories =
        arguments.runs.iter().map(|path| Story::read(&RunDir::open(path)?)).collect::<Outcome<Vec<_>>>()?;
    if let Some(out) = &arguments.out {
        let bytes = report::overlaid(&stories, out)?;
        if out.exists() {
            return Err(Failure::failed(format!("{} exists already: choose another --out", out.display())));
        }
        cnn_train::write_atomically(out, &bytes)?;
    }
    let rows = rows(&stories);
    for (place, columns) in stories.chunks(MOST_COLUMNS).enumerate() {
        if place > 0 {
            say!("")?;
        }
        let first = place * MOST_COLUMNS;
        let header =
            std::iter::once(String::new()).chain(columns.iter().map(|story| story.name.clone())).collect();
        let part = rows.iter().map(|(name, cells)| {
            std::iter::once(name.clone()).chain(cells[first..first + columns.len()].iter().cloned()).collect()
        });
        say!("{}", table(std::iter::once(header).chain(part).collect()))?;
    }
    match &arguments.out {
        Some(out) => say!("curves: {}", out.display()),
        None => Ok(()),
    }
}

/// What came out first, then what the configurations differ in; a cell for each run.
fn rows(stories: &[Story]) -> Vec<(String, Vec<String>)> {
    let row = |name: &str, cell: &dyn Fn(&Story) -> Option<String>| {
        let cells = stories.iter().map(|story| cell(story).unwrap_or_else(|| "-".into()));
        (name.to_owned(), cells.collect::<Vec<_>>())
    };
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let mut rows = vec![
        row("test accuracy", &|story| Some(percent(story.result.as_ref()?.test?.accuracy))),
        row("  95 % interval", &|story| {
            let result = story.result.as_ref().filter(|result| result.test.is_some())?;
            let interval = result.scores?.accuracy?;
            Some(format!("{:.2} to {:.2}", 100.0 * interval.low, 100.0 * interval.high))
        }),
        row("balanced accuracy", &|story| {
            Some(percent(story.result.as_ref()?.scores?.balanced_accuracy?.value))
        }),
        row("validation accuracy", &|story| Some(percent(story.result.as_ref()?.validation?.accuracy))),
        row("validation loss", &|story| Some(format!("{:.4}", story.result.as_ref()?.validation?.loss))),
        row("best epoch", &|story| Some(story.result.as_ref()?.best_epoch?.to_string())),
        row("epochs", &|story| Some(story.epochs.len().to_string())),
        row("training time", &|story| {
            let seconds = story.epochs.iter().map(|record| record.seconds).sum();
            Some(clock::length(Duration::try_from_secs_f64(seconds).ok()?))
        }),
        row("threads", &|story| Some(story.info.threads.to_string())),
        row("images", &|story| Some(story.info.data_sha256.get(..8)?.to_owned())),
        row("weights", &|story| Some(story.result.as_ref()?.weights_sha256.get(..8)?.to_owned())),
    ];
    rows.retain(|(_, cells)| cells.iter().any(|cell| cell != "-"));
    let configurations: Vec<BTreeMap<String, String>> =
        stories.iter().map(|story| keys(&story.config_text)).collect();
    let all: std::collections::BTreeSet<&String> = configurations.iter().flat_map(BTreeMap::keys).collect();
    for key in all {
        let cells: Vec<Option<&String>> = configurations.iter().map(|keys| keys.get(key)).collect();
        if cells.windows(2).any(|pair| pair[0] != pair[1]) {
            let cells = cells.into_iter().map(|cell| cell.map_or_else(|| "-".into(), Clone::clone));
            rows.push((key.clone(), cells.collect()));
        }
    }
    rows
}

/// Every value of a configuration by its whole key.
fn keys(text: &str) -> BTreeMap<String, String> {
    fn add(into: &mut BTreeMap<String, String>, key: String, value: &toml::Value) {
        let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        match value {
            toml::Value::Table(table) => table.iter().for_each(|(name, value)| add(into, below(name), value)),
            toml::Value::Array(values) if values.iter().any(toml::Value::is_table) => {
                (1..).zip(values).for_each(|(number, value)| add(into, below(&format!("{number}")), value));
            }
            toml::Value::String(text) => {
                into.insert(key, text.clone());
            }
            value => {
                into.insert(key, value.to_string());
            }
        }
    }
    let mut keys = BTreeMap::new();
    // The text was read as a configuration before.
    if let Ok(table) = text.parse::<toml::Table>() {
        add(&mut keys, String::new(), &toml::Value::Table(table));
    }
    keys
}

/// Columns wide enough for their cells, the first to the left and the others to the right.
fn table(rows: Vec<Vec<String>>) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("  {cell:>width$}"),
        });
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_and_lists_of_tables_are_numbered() {
        let keys = keys("[a]\nb = 1\nc = [1, 2]\n[[d]]\nkind = \"x\"\n[[d]]\nkind = \"y\"\n");
        let all: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(all, ["a.b=1", "a.c=[1, 2]", "d.1.kind=x", "d.2.kind=y"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows = [["", "one"], ["long name", "12345"]].map(|row| row.map(str::to_owned).to_vec()).to_vec();
        assert_eq!(table(rows), "             one\nlong name  12345");
    }
}
