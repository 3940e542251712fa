//! From what the files are to what is to be said about them.

use std::collections::BTreeMap;

use super::layout::Layout;
use super::look::{Looked, Picture};
use super::{Case, ClassCounts, Entry, Finding, Kind, Report, Severity, near};

/// The largest class is more than so many times the smallest.
const IMBALANCE: usize = 10;

/// Deviation of the luma, in levels, below which a picture shows nothing.
const CONSTANT: f64 = 3.0;

/// Sharpness below this share of the median is a blur, where it is also below [`SOFT`].
const BLUR: f64 = 0.08;
const SOFT: f64 = 0.02;

/// Shorter sides below this are tiny, and below this share of the median.
const TINY: usize = 16;
const TINY_SHARE: usize = 8;

/// Longest side over shortest.
const ODD: usize = 4;

pub(super) fn report(layout: Layout, looked: Vec<Looked>) -> Report {
    let Layout { entries, splits, mut cases, inner } = layout;
    let mut pictures: Vec<(usize, &Picture)> = Vec::new();
    for (at, (entry, looked)) in entries.iter().zip(&looked).enumerate() {
        let (kind, detail) = match looked {
            Looked::Picture(picture) => {
                pictures.push((at, picture));
                continue;
            }
            Looked::Empty => (Kind::Empty, "the file has no bytes"),
            Looked::Truncated(problem) => (Kind::Truncated, problem.as_str()),
            Looked::Unreadable(problem) => (Kind::Unreadable, problem.as_str()),
        };
        push(&mut cases, kind, vec![entry.name.clone()], detail.to_owned());
    }
    single(&mut cases, &entries, &pictures);
    duplicates(&mut cases, &entries, &pictures);

    let mut classes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for entry in &entries {
        let counts = classes.entry(&entry.class).or_insert_with(|| vec![0; splits.len()]);
        if let Some(place) = splits.iter().position(|&split| split == entry.split) {
            counts[place] += 1;
        }
    }
    let sizes = classes.iter().map(|(class, counts)| (counts.iter().sum::<usize>(), *class));
    if let (Some(least), Some(most)) = (sizes.clone().min(), sizes.max())
        && most.0 > least.0 * IMBALANCE
    {
        let detail = format!("{} has {} files, {} has {}", most.1, most.0, least.1, least.0);
        push(&mut cases, Kind::Imbalance, vec![most.1.to_owned(), least.1.to_owned()], detail);
    }
    let (mut formats, mut modes) = (BTreeMap::new(), BTreeMap::new());
    for (_, picture) in &pictures {
        *formats.entry(picture.info.format.name().to_owned()).or_insert(0) += 1;
        *modes.entry(mode(picture)).or_insert(0) += 1;
    }
    let findings = cases.into_iter().map(|(kind, mut cases)| {
        cases.sort_by(|a, b| a.files.cmp(&b.files));
        let (severity, title, advice) = words(kind);
        let mut advice = advice.to_owned();
        if kind == Kind::Layout && !inner.is_empty() {
            let names: Vec<String> = inner.iter().map(|folder| folder.display().to_string()).collect();
            advice = format!(
                "A data set is a folder with a folder of pictures for each class. Name one of those \
                 in it: {}. (Masks are no classes.)",
                names.join(" or ")
            );
        }
        Finding { severity, kind, title, advice, cases }
    });
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by_key(|finding| (finding.severity, finding.kind));
    let classes = classes.into_iter().map(|(class, counts)| ClassCounts { class: class.to_owned(), counts });
    Report {
        files: entries.len(),
        pictures: pictures.len(),
        splits,
        classes: classes.collect(),
        formats,
        modes,
        findings,
    }
}

fn push(cases: &mut BTreeMap<Kind, Vec<Case>>, kind: Kind, files: Vec<String>, detail: String) {
    cases.entry(kind).or_default().push(Case { files, detail });
}

fn mode(picture: &Picture) -> String {
    format!("{}, {} bits", picture.info.mode.name(), picture.info.bits)
}

/// What is to be said about each picture by itself and among all.
fn single(cases: &mut BTreeMap<Kind, Vec<Case>>, entries: &[Entry], pictures: &[(usize, &Picture)]) {
    let middle = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let shorter = |picture: &Picture| picture.size.height.min(picture.size.width);
    let sharp = middle(pictures.iter().map(|(_, picture)| picture.sharpness).collect());
    let side = middle(pictures.iter().map(|(_, picture)| shorter(picture) as f64).collect()) as usize;
    let mut modes: BTreeMap<String, usize> = BTreeMap::new();
    pictures.iter().for_each(|(_, picture)| *modes.entry(mode(picture)).or_default() += 1);
    let usual =
        modes.iter().max_by_key(|(_, count)| **count).map(|(mode, _)| mode.clone()).unwrap_or_default();
    for &(at, picture) in pictures {
        let entry = &entries[at];
        let mut found = |kind, detail: String| push(cases, kind, vec![entry.name.clone()], detail);
        let extension = entry.path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let format = picture.info.format;
        if !format.extensions().contains(&extension.as_str()) {
            let named = if extension.is_empty() {
                "no extension".into()
            } else {
                format!("the extension .{extension}")
            };
            found(Kind::WrongExtension, format!("is {format} with {named}"));
        }
        let orientation = picture.info.orientation.exif();
        if orientation != 1 {
            found(Kind::Rotated, format!("EXIF orientation {orientation}"));
        }
        let mode = mode(picture);
        if mode != usual {
            found(Kind::MixedModes, format!("{mode}; most are {usual}"));
        }
        let [low, high] = picture.percentiles;
        if picture.deviation < CONSTANT {
            let detail = format!("luma {:.0} with a deviation of {:.1}", picture.mean, picture.deviation);
            found(Kind::NearConstant, detail);
        } else if picture.mean < 20.0 && high < 60 {
            found(Kind::Dark, format!("mean luma {:.0} of 255", picture.mean));
        } else if picture.mean > 235.0 && low > 200 {
            found(Kind::Overexposed, format!("mean luma {:.0} of 255", picture.mean));
        } else if picture.sharpness < sharp * BLUR && picture.sharpness < SOFT {
            let share = sharp / picture.sharpness.max(1e-9);
            found(Kind::Blurred, format!("{share:.0} times less sharp than the median"));
        }
        let (short, size) = (shorter(picture), picture.size);
        if short < TINY || short * TINY_SHARE < side {
            found(Kind::Tiny, format!("{size} pixels (height x width)"));
        }
        if size.height.max(size.width) > short * ODD {
            found(Kind::OddShape, format!("{size} pixels (height x width)"));
        }
    }
}

/// Equal and almost equal pictures. Of equal ones the first is compared with others, and all are named.
fn duplicates(cases: &mut BTreeMap<Kind, Vec<Case>>, entries: &[Entry], pictures: &[(usize, &Picture)]) {
    let mut equal: BTreeMap<[u8; 32], Vec<(usize, &Picture)>> = BTreeMap::new();
    for &(at, picture) in pictures {
        equal.entry(picture.pixels).or_default().push((at, picture));
    }
    let names = |members: &[usize]| members.iter().map(|&at| entries[at].name.clone()).collect::<Vec<_>>();
    for members in equal.values().filter(|members| members.len() > 1) {
        let places: Vec<usize> = members.iter().map(|&(at, _)| at).collect();
        let same = members.iter().all(|(_, picture)| picture.bytes == members[0].1.bytes);
        let detail = if same { "the same bytes" } else { "the same pixels in different files" };
        let (splits, classes) = spread(entries, &places);
        let kind = match (splits, classes) {
            (true, _) => Kind::DuplicatesAcrossSplits,
            (_, true) => Kind::DuplicatesAcrossClasses,
            _ => Kind::Duplicates,
        };
        push(cases, kind, names(&places), describe(entries, &places, detail));
    }
    // Pictures of one level have no look to be compared by.
    let mut firsts: Vec<_> = (equal.values())
        .filter_map(|members| members.first())
        .filter(|(_, picture)| picture.deviation >= CONSTANT)
        .map(|&(at, picture)| (at, &picture.thumbnail))
        .collect();
    firsts.sort_unstable_by_key(|&(at, _)| at);
    // The first of equal pictures stood for all of them.
    let all: BTreeMap<usize, Vec<usize>> =
        (equal.values()).map(|members| (members[0].0, members.iter().map(|&(at, _)| at).collect())).collect();
    for firsts in near::groups(&firsts) {
        let mut alike: Vec<usize> = firsts.iter().flat_map(|first| all[first].iter().copied()).collect();
        alike.sort_unstable();
        let (splits, classes) = spread(entries, &alike);
        let kind = match (splits, classes) {
            (true, _) => Kind::NearDuplicatesAcrossSplits,
            (_, true) => Kind::NearDuplicatesAcrossClasses,
            _ => Kind::NearDuplicates,
        };
        push(cases, kind, names(&alike), describe(entries, &alike, "look the same"));
    }
}

/// Whether pictures are in several splits, and in several classes.
fn spread(entries: &[Entry], places: &[usize]) -> (bool, bool) {
    let first = &entries[places[0]];
    let differ = |of: &dyn Fn(&Entry) -> bool| places.iter().any(|&at| of(&entries[at]));
    (differ(&|entry| entry.split != first.split), differ(&|entry| entry.class != first.class))
}

fn describe(entries: &[Entry], places: &[usize], detail: &str) -> String {
    let (splits, classes) = spread(entries, places);
    match (splits, classes) {
        (true, true) => format!("{detail}; of different classes too"),
        _ => detail.to_owned(),
    }
}

/// How bad a kind is, its title, and what to do.
fn words(kind: Kind) -> (Severity, &'static str, &'static str) {
    use Severity::{Error, Note};
    const SAME_LOOK: &str = "Look at each group; where it is one picture, keep one of them.";
    match kind {
        Kind::Layout => {
            (Error, "no data set as it is laid out", "A folder of pictures for each class is expected.")
        }
        Kind::DuplicatesAcrossSplits => (
            Error,
            "equal pictures in different splits",
            "What is measured on them is not true: keep each in one split alone.",
        ),
        Kind::DuplicatesAcrossClasses => (
            Error,
            "equal pictures in different classes",
            "One of the labels is wrong: remove the wrong one.",
        ),
        Kind::NearDuplicatesAcrossSplits => (Error, "almost equal pictures in different splits", SAME_LOOK),
        Kind::NearDuplicatesAcrossClasses => (Error, "almost equal pictures in different classes", SAME_LOOK),
        Kind::Empty => (Error, "files without a byte", "Fetch them again, or remove them."),
        Kind::Truncated => (Error, "files that are cut short", "Fetch them again, or remove them."),
        Kind::Unreadable => (Error, "files that are no readable pictures", "Repair them, or move them out."),
        Kind::MissingClass => {
            (Error, "classes without pictures", "Add pictures, or remove the class from every split.")
        }
        Kind::UnknownClass => {
            (Error, "classes that the training set lacks", "Rename or remove them, or train with them.")
        }
        Kind::CaseCollision => {
            (Error, "class names that differ in case alone", "Make one class of them, or rename.")
        }
        Kind::Misplaced => {
            (Error, "misplaced folders and pictures", "Move them into a class folder, or out.")
        }
        Kind::Stray => (Note, "stray files", "They are not read; move them out if they are a mistake."),
        Kind::Duplicates => (Note, "equal pictures within a class", "One of each is enough."),
        Kind::NearDuplicates => (
            Note,
            "almost equal pictures within a class",
            "Keep them in one split: `cnn data split --group-by` does where their names tell them.",
        ),
        Kind::WrongExtension => (
            Note,
            "files whose name says another format",
            "They are read by content here; other programs may fail.",
        ),
        Kind::Imbalance => (
            Note,
            "classes of very different size",
            "Look at the figures of each class, not at the accuracy alone.",
        ),
        Kind::Rotated => (
            Note,
            "pictures that the camera turned",
            "They are turned upright here; other programs may not do so.",
        ),
        Kind::MixedModes => {
            (Note, "pictures of another colour mode", "They are converted; a mode must not tell the class.")
        }
        Kind::NearConstant => (Note, "pictures of almost one level", "Do they show what their label says?"),
        Kind::Dark => (Note, "pictures that are almost black", "Do they show what their label says?"),
        Kind::Overexposed => (Note, "pictures that are almost white", "Do they show what their label says?"),
        Kind::Blurred => (Note, "blurred pictures", "Do they show what their label says?"),
        Kind::Tiny => (Note, "tiny pictures", "Enlarged, they show less than the others."),
        Kind::OddShape => (Note, "long and narrow pictures", "Choose how they are resized, or cut them."),
    }
}
