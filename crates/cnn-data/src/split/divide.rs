//! [`divide`]: the split, and the fold, of each sample; the same for the same seed, in whatever order they come.
//!
//! Each class gives its share to each split (stratified), groups stay whole, and classes of as many samples as there
//! are splits are in all of them. Samples without groups meet the shares to within one sample a class; groups as near
//! as they allow. Which samples are taken is drawn from the seed and the sample's path, never from its place in the
//! list.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cnn_tensor::random::Key;
use serde::Serialize;

use super::items::Item;
use super::place::{Unit, place};
use crate::error::count;
use crate::{Error, Result, Split};

/// How samples are divided.
#[derive(Debug, Clone, PartialEq)]
pub struct Division {
    /// Share of the samples that is for validation, 0 or more and below 1.
    pub validation: f64,
    /// Share of the samples that is for the test, 0 or more and below 1.
    pub test: f64,
    /// Into how many folds the rest is divided, each of which serves once for validation.
    pub folds: Option<usize>,
    /// What the choice is drawn from.
    pub seed: u64,
}

/// A sample with its split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Where its picture is, from the root of the data set.
    pub path: String,
    /// Its class.
    pub label: String,
    /// What it serves for.
    pub split: Split,
    /// What it is not parted from.
    pub group: Option<String>,
    /// Its fold, where there are folds and it is not held out.
    pub fold: Option<usize>,
}

/// Every sample with its split, in the order of their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divided {
    /// The samples.
    pub rows: Vec<Row>,
    /// What the classes or groups did not allow, one sentence each.
    pub warnings: Vec<String>,
}

/// Most folds.
const MOST_FOLDS: usize = 1000;

impl Division {
    fn check(&self) -> Result<()> {
        for (name, share) in [("validation share", self.validation), ("test share", self.test)] {
            if !(0.0..1.0).contains(&share) {
                return Err(Error::argument(name, share, "a number from 0 to below 1"));
            }
        }
        if self.validation + self.test >= 1.0 {
            let expected = "less than 1, so that there is something to learn from";
            return Err(Error::argument("share held out", self.validation + self.test, expected));
        }
        match self.folds {
            Some(folds) if !(2..=MOST_FOLDS).contains(&folds) => {
                Err(Error::argument("folds", folds, format!("2 to {MOST_FOLDS}")))
            }
            Some(_) if self.validation > 0.0 => {
                let expected = "0 with folds, each of which serves once for validation";
                Err(Error::argument("validation share", self.validation, expected))
            }
            None if self.validation == 0.0 && self.test == 0.0 => {
                let expected = "a share for validation or for the test above 0, or folds";
                Err(Error::argument("share held out", 0, expected))
            }
            _ => Ok(()),
        }
    }

    /// The parts: what a sample in them serves for, with its fold.
    fn parts(&self) -> Vec<(Split, Option<usize>)> {
        let rest = match self.folds {
            Some(folds) => (0..folds).map(|fold| (Split::Train, Some(fold))).collect(),
            None => vec![(Split::Train, None)],
        };
        let held_out = [(Split::Validation, self.validation), (Split::Test, self.test)];
        let held_out = held_out.into_iter().filter(|(_, share)| *share > 0.0).map(|(split, _)| (split, None));
        rest.into_iter().chain(held_out).collect()
    }

    fn share(&self, split: Split) -> f64 {
        match split {
            Split::Train => 1.0 - self.validation - self.test,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

/// Puts each sample into a split.
///
/// ```
/// use cnn_data::split::{Division, Item, divide};
/// # fn main() -> cnn_data::Result<()> {
/// let item = |number: usize| Item {
///     path: format!("cat/{number:02}.jpg"),
///     label: "cat".into(),
///     group: Some(format!("photo {}", number / 2)),
/// };
/// let items: Vec<Item> = (0..20).map(item).collect();
/// let division = Division { validation: 0.1, test: 0.2, folds: None, seed: 1 };
/// let divided = divide(&items, &division)?;
/// let lines = divided.to_csv();
/// assert!(lines.starts_with("path,label,split,group\ncat/00.jpg,cat,"));
/// assert_eq!(lines.matches(",test,").count(), 4);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Argument`] where shares or folds are out of range, a path is there twice, some samples have a group and
/// others none, or a split would stay empty.
pub fn divide(items: &[Item], division: &Division) -> Result<Divided> {
    division.check()?;
    let mut items: Vec<&Item> = items.iter().collect();
    items.sort_unstable();
    if let Some(pair) = items.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Error::argument("sample", &pair[0].path, "each path once"));
    }
    let grouped = items.iter().filter(|item| item.group.is_some()).count();
    if grouped != 0 && grouped != items.len() {
        let met = format!("{grouped} of {} samples", items.len());
        return Err(Error::argument("samples with a group", met, "all or none"));
    }
    let labels: BTreeMap<&str, usize> = items.iter().map(|item| (item.label.as_str(), 0)).collect();
    let labels: BTreeMap<&str, usize> =
        labels.into_keys().enumerate().map(|(class, label)| (label, class)).collect();
    let mut sizes = vec![0; labels.len()];
    items.iter().for_each(|item| sizes[labels[item.label.as_str()]] += 1);

    let key = Key::new(division.seed).fold_str("split");
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        places.entry(item.group.as_deref().unwrap_or(&item.path)).or_default().push(place);
    }
    let unit = |(name, members): (&&str, &Vec<usize>)| {
        let mut classes: BTreeMap<usize, usize> = BTreeMap::new();
        for &member in members {
            *classes.entry(labels[items[member].label.as_str()]).or_default() += 1;
        }
        let [high, low, ..] = key.fold_str(name).block(0);
        let order = u64::from(high) << 32 | u64::from(low);
        Unit { classes: classes.into_iter().collect(), order }
    };
    let units: Vec<Unit> = places.iter().map(unit).collect();

    let parts = division.parts();
    let wanted = wanted(&sizes, division, &parts);
    let mut rows: Vec<Row> = (items.iter())
        .map(|&item| {
            let Item { path, label, group } = item.clone();
            Row { path, label, split: Split::Train, group, fold: None }
        })
        .collect();
    for (members, part) in places.values().zip(place(&units, &wanted)) {
        for &member in members {
            (rows[member].split, rows[member].fold) = parts[part];
        }
    }
    for &(split, fold) in &parts {
        if !rows.iter().any(|row| (row.split, row.fold) == (split, fold)) {
            let what = fold.map_or_else(|| split.to_string(), |fold| format!("fold {fold}"));
            let met = format!("{} in {}", count(rows.len(), "sample"), count(units.len(), "group"));
            let expected = format!(
                "enough for every split: {what} would stay empty (a class needs as many samples, in as many \
                 groups, as there are splits); ask for a larger share or fewer splits"
            );
            return Err(Error::Argument { name: "samples", met, expected });
        }
    }
    let names: Vec<&str> = labels.into_keys().collect();
    let warnings = warnings(&rows, &names, &sizes, &units, &parts, grouped > 0);
    Ok(Divided { rows, warnings })
}

/// How many samples of each class each part should get: by part, then class.
fn wanted(sizes: &[usize], division: &Division, parts: &[(Split, Option<usize>)]) -> Vec<Vec<usize>> {
    let all: usize = sizes.iter().sum();
    let held_out: Vec<Split> =
        parts.iter().map(|&(split, _)| split).filter(|&split| split != Split::Train).collect();
    let mut rest = sizes.to_vec();
    let mut wanted = vec![vec![0; sizes.len()]; parts.len()];
    for (number, &split) in held_out.iter().enumerate() {
        let share = division.share(split);
        // What the splits after this one and the training set must be left with.
        let reserved = held_out.len() - number;
        let row = &mut wanted[parts.len() - held_out.len() + number];
        let mut order = Vec::new();
        for (class, &size) in sizes.iter().enumerate() {
            // A class with fewer samples than splits is for learning alone.
            if size <= held_out.len() {
                continue;
            }
            let exact = size as f64 * share;
            let whole = exact.floor() as usize;
            row[class] = whole.max(1).min(rest[class].saturating_sub(reserved));
            if row[class] == whole && rest[class] > whole + reserved {
                order.push((exact - exact.floor(), class));
            }
        }
        let missing = ((all as f64 * share).round() as usize).saturating_sub(row.iter().sum());
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for &(_, class) in order.iter().filter(|(part, _)| *part > 0.0).take(missing) {
            row[class] += 1;
        }
        rest.iter_mut().zip(row).for_each(|(rest, taken)| *rest -= *taken);
    }
    let folds = parts.len() - held_out.len();
    // What a class has over goes to the folds that are the smallest so far.
    let mut totals = vec![0; folds];
    for (class, &size) in rest.iter().enumerate() {
        let mut order: Vec<usize> = (0..folds).collect();
        order.sort_by_key(|&fold| (totals[fold], fold));
        for (place, fold) in order.into_iter().enumerate() {
            wanted[fold][class] = size / folds + usize::from(place < size % folds);
            totals[fold] += wanted[fold][class];
        }
    }
    wanted
}

/// The classes that a part has none of, and why.
fn warnings(
    rows: &[Row],
    names: &[&str],
    sizes: &[usize],
    units: &[Unit],
    parts: &[(Split, Option<usize>)],
    grouped: bool,
) -> Vec<String> {
    let mut met: std::collections::BTreeSet<(&str, &str, Option<usize>)> = std::collections::BTreeSet::new();
    for row in rows {
        met.insert((&row.label, row.split.name(), row.fold));
    }
    let mut groups = vec![0; sizes.len()];
    for unit in units {
        unit.classes.iter().for_each(|&(class, _)| groups[class] += 1);
    }
    let mut warnings = Vec::new();
    for (class, name) in names.iter().enumerate() {
        let lacking: Vec<String> = (parts.iter())
            .filter(|(split, fold)| !met.contains(&(*name, split.name(), *fold)))
            .map(|(split, fold)| fold.map_or_else(|| split.to_string(), |fold| format!("fold {fold}")))
            .collect();
        if !lacking.is_empty() {
            let mut text = format!("class {name} has {}", count(sizes[class], "sample"));
            if grouped {
                let _ = write!(text, " in {}", count(groups[class], "group"));
            }
            let _ = write!(text, ": none in {}", lacking.join(", "));
            warnings.push(text);
        }
    }
    warnings
}

impl Divided {
    /// The table: a header, then `path,label,split`, with `group` and `fold` where there are any.
    pub fn to_csv(&self) -> String {
        let grouped = self.rows.iter().any(|row| row.group.is_some());
        let folds = self.rows.iter().any(|row| row.fold.is_some());
        let mut text = String::from("path,label,split");
        text.push_str(if grouped { ",group" } else { "" });
        text.push_str(if folds { ",fold\n" } else { "\n" });
        for row in &self.rows {
            let _ = write!(text, "{},{},{}", cell(&row.path), cell(&row.label), row.split);
            if grouped {
                let _ = write!(text, ",{}", cell(row.group.as_deref().unwrap_or_default()));
            }
            if folds {
                let _ = write!(text, ",{}", row.fold.map_or_else(String::new, |fold| fold.to_string()));
            }
            text.push('\n');
        }
        text
    }
}

/// A cell of a table, in quotes where it needs them (RFC 4180).
fn cell(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) || text != text.trim() {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}
