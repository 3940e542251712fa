//! `cnn data split`: which picture serves for training, validation and test, as a table, once and for all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cnn_data::split::{Divided, Division, GroupBy, Items, divide};
use cnn_layers::summary::group;

use crate::cli::SplitArgs;
use crate::commands::counted;
use crate::failure::{Failure, Outcome};
use crate::output::{self, say, warning};

/// Classes that the table names; the rest are counted together.
const MOST_CLASSES: usize = 40;

/// Letters of a class's name in the table.
const NAME: usize = 24;

/// Columns of folds that fit on 80 letters.
const MOST_COLUMNS: usize = 6;

pub(crate) fn run(arguments: &SplitArgs) -> Outcome {
    let out = &arguments.out;
    let exists = || {
        let message =
            format!("{} exists already, and no split replaces it: choose another --out", out.display());
        Failure::failed(message)
    };
    if out.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let folds = arguments.folds;
    let share = |given: Option<f64>| given.unwrap_or(if folds.is_some() { 0.0 } else { 0.1 });
    let division = Division {
        validation: share(arguments.val),
        test: share(arguments.test),
        folds,
        seed: arguments.seed,
    };
    let mut items = Items::open(&arguments.data)?;
    if let Some(text) = &arguments.group_by {
        let by = GroupBy::parse(text, &items);
        items = items.grouped(&by)?;
    }
    let mut divided = divide(items.items(), &division)?;
    let place = place_from(&arguments.data, out)?;
    for row in &mut divided.rows {
        // A path that is whole already stays as it is.
        row.path = shown(&place.join(&row.path))?;
    }
    // A file that was made in the meantime is not replaced either.
    match std::fs::File::create_new(out) {
        Ok(_) => cnn_train::write_atomically(out, divided.to_csv().as_bytes())?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(exists()),
        Err(error) => return Err(Failure::io("create", out, &error)),
    }
    for warning in divided.warnings.iter().take(MOST_CLASSES) {
        warning!("{warning}");
    }
    if divided.warnings.len() > MOST_CLASSES {
        warning!("and {} more classes that some split has none of", divided.warnings.len() - MOST_CLASSES);
    }
    output::text(format_args!("{}", table(&divided)))?;
    let groups: std::collections::BTreeSet<_> =
        divided.rows.iter().filter_map(|row| row.group.as_deref()).collect();
    let whole = match groups.len() {
        0 => String::new(),
        count => format!(" in {}, each on one side", counted(count, "group")),
    };
    say!("\n{}{whole}: {}", counted(divided.rows.len(), "picture"), out.display())?;
    if folds.is_none() { say!("next: cnn train --data {}", out.display()) } else { Ok(()) }
}

/// The folder of the pictures as the table's reader finds it: from the table's own folder where it lies below that, else
/// from the root.
fn place_from(data: &Path, table: &Path) -> Outcome<PathBuf> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|error| Failure::io("find the place of", path, &error))
    };
    let parent = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
    let data = absolute(data)?;
    let pictures = if data.is_dir() { data } else { parent(&data) };
    let below = pictures.strip_prefix(parent(&absolute(table)?)).map(Path::to_path_buf);
    Ok(below.unwrap_or(pictures))
}

/// A path in a table, with `/` between folders.
fn shown(path: &Path) -> Outcome<String> {
    let text = path.to_str().ok_or_else(|| {
        Failure::failed(format!(
            "{} is not UTF-8, so no table can hold it; rename the folder",
            path.display()
        ))
    })?;
    Ok(if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() })
}

/// Counts of each class in each split or fold.
fn table(divided: &Divided) -> String {
    let part = |row: &cnn_data::split::Row| (row.split as usize, row.fold, row.split);
    let mut parts: Vec<_> = divided.rows.iter().map(part).collect();
    parts.sort_unstable_by_key(|&(place, fold, _)| (place, fold));
    parts.dedup();
    let mut classes: std::collections::BTreeMap<&str, Vec<usize>> = std::collections::BTreeMap::new();
    for row in &divided.rows {
        let counts = classes.entry(&row.label).or_insert_with(|| vec![0; parts.len()]);
        if let Some(place) = parts.iter().position(|&known| known == part(row)) {
            counts[place] += 1;
        }
    }
    // Many folds: their smallest and largest count say as much as all of them.
    let names: Vec<String> = (parts.iter())
        .map(|(_, fold, split)| fold.map_or_else(|| split.to_string(), |fold| format!("fold {fold}")))
        .collect();
    let narrow = parts.len() <= MOST_COLUMNS;
    let shown = |counts: &[usize]| -> Vec<String> {
        if narrow {
            return counts.iter().map(|&count| group(count as u64)).collect();
        }
        let folds =
            || counts.iter().zip(&parts).filter(|(_, part)| part.1.is_some()).map(|(count, _)| *count);
        let (least, most) = (folds().min().unwrap_or(0), folds().max().unwrap_or(0));
        let range = if least == most { group(least as u64) } else { format!("{least} to {most}") };
        let others = counts.iter().zip(&parts).filter(|(_, part)| part.1.is_none());
        std::iter::once(range).chain(others.map(|(&count, _)| group(count as u64))).collect()
    };
    let headers: Vec<String> = if narrow {
        names
    } else {
        let others =
            names.iter().zip(&parts).filter(|(_, part)| part.1.is_none()).map(|(name, _)| name.clone());
        std::iter::once("each fold".to_owned()).chain(others).collect()
    };
    let mut text = String::new();
    let mut line = |name: &str, cells: &[String], all: &str| {
        let name: String = if name.chars().count() > NAME {
            name.chars().take(NAME - 3).chain("...".chars()).collect()
        } else {
            name.to_owned()
        };
        let name = name.replace(char::is_control, "?");
        let _ = write!(text, "{name:NAME$}");
        cells.iter().for_each(|cell| {
            let _ = write!(text, " {cell:>10}");
        });
        let _ = writeln!(text, " {all:>8}");
    };
    line("class", &headers, "all");
    for (name, counts) in classes.iter().take(MOST_CLASSES) {
        line(name, &shown(counts), &group(counts.iter().sum::<usize>() as u64));
    }
    let rest = classes.len().saturating_sub(MOST_CLASSES);
    let sum = |skipped: usize| {
        classes.values().skip(skipped).fold(vec![0; parts.len()], |sums: Vec<usize>, counts| {
            sums.iter().zip(counts).map(|(sum, count)| sum + count).collect()
        })
    };
    if rest > 0 {
        let counts = sum(MOST_CLASSES);
        line(&format!("{rest} more classes"), &shown(&counts), &group(counts.iter().sum::<usize>() as u64));
    }
    let counts = sum(0);
    line("all", &shown(&counts), &group(counts.iter().sum::<usize>() as u64));
    text
}
