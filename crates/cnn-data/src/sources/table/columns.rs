//! What each column of a table is for, and what a row says in it.

use std::path::Path;

use csv::StringRecord;

use super::{TableOptions, TargetColumn, distinct};
use crate::error::some;
use crate::sources::pictures;
use crate::{Classes, Error, Result, Split, Target};

/// Usual names of columns, in small letters, without spaces, `_` and `-`.
const PATHS: [&str; 10] = [
    "path",
    "file",
    "filename",
    "filepath",
    "image",
    "imagepath",
    "imagefile",
    "imagename",
    "imgpath",
    "img",
];
const CLASS: [&str; 5] = ["label", "class", "classname", "category", "target"];
const SEVERAL: [&str; 3] = ["labels", "classes", "tags"];
const SPLIT: [&str; 1] = ["split"];
const GROUP: [&str; 1] = ["group"];

/// What stands between classes where nobody says.
const SEPARATOR: char = '|';

/// The columns that are read, by their places.
pub(super) struct Columns {
    names: Vec<String>,
    path: usize,
    target: Read,
    split: Option<usize>,
    group: Option<usize>,
}

enum Read {
    Class(usize),
    Classes(usize, char),
    Numbers(Vec<usize>),
}

/// What is wrong, in words.
type Found<T> = std::result::Result<T, String>;

impl Columns {
    /// The columns by their names in the first line, or what is wrong with these.
    pub(super) fn find(header: &StringRecord, options: &TableOptions) -> Found<Self> {
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        let named = |name: &str| {
            let mut places = (0..names.len()).filter(|&at| names[at] == name);
            match (places.next(), places.next()) {
                (Some(at), None) => Ok(at),
                (Some(_), Some(_)) => Err(format!("has two columns `{name}`")),
                (None, _) => Err(format!("has no column `{name}`; it has {}", listed(&names))),
            }
        };
        let usual = |kind: &str, known: &[&str]| {
            let plain = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
            let mut places = (0..names.len()).filter(|&at| known.contains(&plain(&names[at]).as_str()));
            match (places.next(), places.next()) {
                (Some(at), Some(other)) => Err(format!(
                    "both `{}` and `{}` could be the {kind}; rename one, or say in the options which it is",
                    names[at], names[other]
                )),
                (at, _) => Ok(at),
            }
        };
        let column = |given: &Option<String>, kind: &str, known: &[&str]| match given {
            Some(name) => named(name).map(Some),
            None => usual(kind, known),
        };
        let missing = |kind: &str, known: &[&str]| {
            let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!("has no column for the {kind} ({known}); it has {}", listed(&names))
        };
        let path = column(&options.path, "path", &PATHS)?.ok_or_else(|| missing("path", &PATHS))?;
        let target = match &options.target {
            Some(TargetColumn::Class(name)) => Read::Class(named(name)?),
            Some(TargetColumn::Classes { column, separator }) => Read::Classes(named(column)?, *separator),
            Some(TargetColumn::Numbers(columns)) if columns.is_empty() => {
                return Err("no columns are given for the numbers".to_owned());
            }
            Some(TargetColumn::Numbers(columns)) => {
                Read::Numbers(columns.iter().map(|name| named(name)).collect::<Found<_>>()?)
            }
            None => match (usual("class", &CLASS)?, usual("classes", &SEVERAL)?) {
                (Some(at), None) => Read::Class(at),
                (None, Some(at)) => Read::Classes(at, SEPARATOR),
                (Some(one), Some(other)) => {
                    return Err(format!(
                        "both `{}` and `{}` could be what is learnt; rename one, or say in the options which it is",
                        names[one], names[other]
                    ));
                }
                (None, None) => return Err(missing("class", &CLASS)),
            },
        };
        let split = column(&options.split, "split", &SPLIT)?;
        let group = column(&options.group, "group", &GROUP)?;
        Ok(Self { path, target, split, group, names })
    }

    pub(super) fn path<'a>(&self, row: &'a StringRecord) -> &'a str {
        value(row, self.path)
    }

    pub(super) fn group<'a>(&self, row: &'a StringRecord) -> Option<&'a str> {
        self.group.map(|at| value(row, at))
    }

    /// A problem of a row's path.
    pub(super) fn at_path(&self, problem: &str) -> String {
        self.at(self.path, problem)
    }

    fn at(&self, column: usize, problem: &str) -> String {
        let name = self.names.get(column).map_or("", String::as_str);
        format!("column `{name}`: {problem}")
    }

    /// The split of a row, or what is wrong with it.
    pub(super) fn split(&self, row: &StringRecord) -> Found<Split> {
        let Some(at) = self.split else { return Ok(Split::Train) };
        match value(row, at).to_lowercase().as_str() {
            "train" | "training" => Ok(Split::Train),
            "val" | "valid" | "validation" => Ok(Split::Validation),
            "test" | "testing" => Ok(Split::Test),
            _ => {
                let met = value(row, at);
                Err(self.at(at, &format!("{met:?} is no split; expected train, val or test")))
            }
        }
    }

    /// Whether targets are classes.
    pub(super) fn has_classes(&self) -> bool {
        !matches!(self.target, Read::Numbers(_))
    }

    /// The classes that rows name, sorted; none where targets are numbers.
    pub(super) fn classes<'a>(
        &self,
        place: &Path,
        rows: impl Iterator<Item = &'a StringRecord>,
    ) -> Result<Option<Classes>> {
        let names = match self.target {
            Read::Class(at) => distinct(rows.map(|row| value(row, at))),
            Read::Classes(at, separator) => {
                distinct(rows.flat_map(|row| value(row, at).split(separator).map(str::trim)))
            }
            Read::Numbers(_) => return Ok(None),
        };
        if let Some(pair) = pictures::collision(names.iter().copied()) {
            return Err(pictures::collide(place, pair));
        }
        if names.is_empty() {
            return Err(Error::malformed(place, "no row names a class"));
        }
        Classes::sorted(names).map(Some)
    }

    /// What a row is an example of, or what is wrong with it.
    pub(super) fn target(&self, row: &StringRecord, classes: Option<&Classes>) -> Found<Target> {
        let index = |at: usize, name: &str| {
            if name.is_empty() {
                return Err(self.at(at, "is empty, expected a class"));
            }
            let unknown = || {
                let known = classes.map_or_else(String::new, |classes| some(classes.names()));
                self.at(at, &format!("unknown class {name}; the training set has {known}"))
            };
            classes.and_then(|classes| classes.index(name)).ok_or_else(unknown)
        };
        match &self.target {
            &Read::Class(at) => index(at, value(row, at)).map(Target::Class),
            &Read::Classes(at, _) if value(row, at).is_empty() => Ok(Target::Classes(Vec::new())),
            &Read::Classes(at, separator) => {
                let mut met = Vec::new();
                for name in value(row, at).split(separator).map(str::trim) {
                    let class = index(at, name)?;
                    if met.contains(&class) {
                        return Err(self.at(at, &format!("class {name} is there twice")));
                    }
                    met.push(class);
                }
                Ok(Target::Classes(met))
            }
            Read::Numbers(columns) => {
                let number = |&at: &usize| {
                    let text = value(row, at);
                    let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
                    number.ok_or_else(|| self.at(at, &format!("{text:?} is no number")))
                };
                columns.iter().map(number).collect::<Found<_>>().map(Target::Numbers)
            }
        }
    }
}

fn value(row: &StringRecord, at: usize) -> &str {
    row.get(at).unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    some(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>())
}
