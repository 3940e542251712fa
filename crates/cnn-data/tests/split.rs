//! Dividing samples into splits and folds: nothing lost, groups whole, classes stratified, the same for a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cnn_data::split::{Divided, Division, GroupBy, Item, Items, divide};
use cnn_data::{Error, Split};
use proptest::prelude::*;

fn item(path: &str, label: &str, group: Option<&str>) -> Item {
    Item { path: path.into(), label: label.into(), group: group.map(str::to_owned) }
}

/// So many samples of each class.
fn classes(counts: &[usize]) -> Vec<Item> {
    let one = |(class, &count): (usize, &usize)| {
        (0..count).map(move |at| item(&format!("{class}/{at}.png"), &format!("c{class}"), None))
    };
    counts.iter().enumerate().flat_map(one).collect()
}

fn tenths(seed: u64) -> Division {
    Division { validation: 0.1, test: 0.1, folds: None, seed }
}

fn count(divided: &Divided, label: &str, split: Split) -> usize {
    divided.rows.iter().filter(|row| row.label == label && row.split == split).count()
}

#[test]
fn each_class_gives_its_share_and_small_classes_one_each() {
    let divided = divide(&classes(&[50, 100, 3, 2]), &tenths(1)).unwrap();
    let met = |class: &str| Split::ALL.map(|split| count(&divided, class, split));
    // 155 samples: 16 for each; the class of three gives one, where its share is less than one.
    assert_eq!(
        (met("c0"), met("c1"), met("c2"), met("c3")),
        ([40, 5, 5], [80, 10, 10], [1, 1, 1], [2, 0, 0])
    );
    assert_eq!(divided.warnings, ["class c3 has 2 samples: none in validation, test"]);
}

#[test]
fn the_table_depends_on_the_seed_and_not_on_the_order_of_the_samples() {
    let items = classes(&[30, 20]);
    let mut turned = items.clone();
    turned.reverse();
    let table = divide(&items, &tenths(1)).unwrap().to_csv();
    assert_eq!(divide(&turned, &tenths(1)).unwrap().to_csv(), table);
    assert_ne!(divide(&items, &tenths(2)).unwrap().to_csv(), table);
    assert!(table.starts_with("path,label,split\n0/0.png,c0,"), "{table}");
}

#[test]
fn cells_with_commas_quotes_and_breaks_are_quoted() {
    let items: Vec<Item> = (0..4).map(|at| item(&format!("a,\"{at}\n"), "x", None)).collect();
    let table =
        divide(&items, &Division { validation: 0.0, test: 0.25, folds: None, seed: 1 }).unwrap().to_csv();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let paths: Vec<String> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(paths, items.iter().map(|item| item.path.clone()).collect::<Vec<_>>());
}

#[test]
fn folds_divide_what_is_not_for_the_test() {
    let division = Division { validation: 0.0, test: 0.2, folds: Some(4), seed: 3 };
    let divided = divide(&classes(&[40, 20, 11]), &division).unwrap();
    assert_eq!(divided.rows.iter().filter(|row| row.split == Split::Test).count(), 14);
    assert!(divided.rows.iter().all(|row| row.fold.is_some() == (row.split == Split::Train)));
    for fold in 0..4 {
        let of =
            |label| divided.rows.iter().filter(|row| row.fold == Some(fold) && row.label == label).count();
        assert_eq!((of("c0"), of("c1")), (8, 4));
        assert!((2..=3).contains(&of("c2")));
    }
    assert!(divided.to_csv().lines().any(|line| line.ends_with(",test,")), "a test row has no fold");
}

#[test]
fn what_cannot_be_divided_is_an_error_that_says_why() {
    let bad = |items: &[Item], validation, test, folds| {
        let division = Division { validation, test, folds, seed: 1 };
        match divide(items, &division) {
            Err(error @ Error::Argument { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let some = classes(&[10]);
    assert!(bad(&some, 0.6, 0.4, None).contains("less than 1"));
    assert!(bad(&some, f64::NAN, 0.1, None).contains("0 to below 1"));
    assert!(bad(&some, 0.0, 0.0, None).contains("above 0"));
    assert!(bad(&some, 0.1, 0.0, Some(3)).contains("0 with folds"));
    assert!(bad(&some, 0.0, 0.0, Some(1)).contains("2 to 1000"));
    assert!(bad(&some, 0.0, 0.0, Some(11)).contains("fold 10 would stay empty"));
    assert!(bad(&[], 0.1, 0.1, None).contains("would stay empty"));
    assert!(bad(&classes(&[1, 1, 1]), 0.1, 0.1, None).contains("would stay empty"));
    assert!(bad(&[item("a", "x", None), item("a", "y", None)], 0.1, 0.1, None).contains("each path once"));
    assert!(bad(&[item("a", "x", None), item("b", "y", Some("g"))], 0.1, 0.1, None).contains("all or none"));
    // One group holds everything.
    let one: Vec<Item> = (0..9).map(|at| item(&at.to_string(), "x", Some("g"))).collect();
    assert!(bad(&one, 0.1, 0.1, None).contains("9 samples in 1 group"));
}

fn picture(path: &std::path::Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::from_pixel(2, 2, image::Luma([7]))
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
}

#[test]
fn folders_are_read_as_classes_and_patterns_group_their_files() {
    let root = tempfile::tempdir().unwrap();
    for name in ["b/p1_1.png", "b/p1_2.png", "a/p2_1.png"] {
        picture(&root.path().join(name));
    }
    let items = Items::open(root.path()).unwrap();
    let paths: Vec<(&str, &str)> = items.items().iter().map(|item| (&*item.path, &*item.label)).collect();
    assert_eq!(paths, [("a/p2_1.png", "a"), ("b/p1_1.png", "b"), ("b/p1_2.png", "b")]);
    let by = GroupBy::parse("^(p[0-9]+)_", &items);
    let grouped = items.clone().grouped(&by).unwrap();
    let groups: Vec<_> = grouped.items().iter().filter_map(|item| item.group.as_deref()).collect();
    assert_eq!(groups, ["p2", "p1", "p1"]);
    let message = items.grouped(&GroupBy::Pattern("^p1".into())).unwrap_err().to_string();
    assert!(message.contains("1 file:\n  a/p2_1.png"), "{message}");

    let splits = tempfile::tempdir().unwrap();
    picture(&splits.path().join("train/a/1.png"));
    picture(&splits.path().join("test/a/1.png"));
    let message = Items::open(splits.path()).unwrap_err().to_string();
    assert!(message.contains("already") && message.contains("train, test"), "{message}");
}

#[test]
fn tables_name_paths_labels_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Items::open(&path)
    };
    let items = open("a.csv", "\u{feff}Filename,class,patient\nb.png,x,7\n\"a,1.png\",y,8\n").unwrap();
    assert_eq!(items.items()[0], item("a,1.png", "y", None));
    let by = GroupBy::parse("patient", &items);
    assert!(matches!(by, GroupBy::Column(_)));
    let grouped = items.clone().grouped(&by).unwrap();
    assert_eq!(grouped.items()[1], item("b.png", "x", Some("7")));
    let message = items.grouped(&GroupBy::Column("lot".into())).unwrap_err().to_string();
    assert!(message.contains("Filename, class, patient"), "{message}");
    assert_eq!(open("a.tsv", "path\tlabel\na\tx\n").unwrap().items().len(), 1);
    for (text, part) in [
        ("path,colour\na,b\n", "has no column of labels among path, colour"),
        ("path,label\na,b,c\n", "is no table"),
        ("path,label\na,\n", "line 2 has no path or no label"),
        ("path,label\na,x\na,y\n", "a is there twice"),
    ] {
        let message = open("bad.csv", text).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let lacking = open("b.csv", "path,label,lot\na,x,\nb,x,1\n").unwrap();
    let message = lacking.grouped(&GroupBy::Column("lot".into())).unwrap_err().to_string();
    assert!(message.contains("empty for 1 row:\n  a"), "{message}");
}

fn samples() -> impl Strategy<Value = Vec<(usize, usize)>> {
    // (class, group) of each sample; classes are unequal.
    prop::collection::vec((prop_oneof![4 => 0usize..2, 1 => 2usize..5], 0usize..40), 1..200)
}

fn shares() -> impl Strategy<Value = Division> {
    (0.05f64..0.4, 0.05f64..0.4, any::<u64>()).prop_map(|(validation, test, seed)| Division {
        validation,
        test,
        folds: None,
        seed,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn single_samples_meet_the_shares_of_each_class(samples in samples(), division in shares()) {
        let items: Vec<Item> = (samples.iter().enumerate())
            .map(|(at, (class, _))| item(&format!("{at}"), &class.to_string(), None))
            .collect();
        let Ok(divided) = divide(&items, &division) else { return Ok(()) };
        let mut paths: Vec<_> = items.iter().map(|item| &item.path).collect();
        paths.sort();
        prop_assert_eq!(divided.rows.iter().map(|row| &row.path).collect::<Vec<_>>(), paths);
        for class in 0..5 {
            let size = samples.iter().filter(|sample| sample.0 == class).count();
            let label = class.to_string();
            let met = Split::ALL.map(|split| count(&divided, &label, split));
            for (place, share) in [(1, division.validation), (2, division.test)] {
                let exact = size as f64 * share;
                if size >= 3 {
                    prop_assert!(met[place] >= 1 && met[0] >= 1, "{:?} of {}", met, size);
                    prop_assert!(met[place] == 1 || (met[place] as f64 - exact).abs() < 1.0, "{:?} of {}", met, size);
                } else {
                    prop_assert_eq!(met[place], 0);
                }
            }
        }
    }

    #[test]
    fn groups_are_whole_and_nothing_is_lost(samples in samples(), division in shares(), folds in prop::option::of(2usize..5)) {
        let division = match folds {
            Some(_) => Division { validation: 0.0, folds, ..division },
            None => division,
        };
        let items: Vec<Item> = (samples.iter().enumerate())
            .map(|(at, (class, group))| item(&format!("{at}"), &class.to_string(), Some(&group.to_string())))
            .collect();
        let Ok(divided) = divide(&items, &division) else { return Ok(()) };
        let there: BTreeSet<_> = divided.rows.iter().map(|row| &row.path).collect();
        prop_assert_eq!((there.len(), divided.rows.len()), (items.len(), items.len()));
        let mut sides: BTreeMap<&str, BTreeSet<(&str, Option<usize>)>> = BTreeMap::new();
        for row in &divided.rows {
            sides.entry(row.group.as_deref().unwrap()).or_default().insert((row.split.name(), row.fold));
        }
        prop_assert!(sides.values().all(|sides| sides.len() == 1));
        // A class in as many groups as there are parts, each group of one class, is in every part or a warning says so.
        for class in divided.rows.iter().map(|row| &row.label).collect::<BTreeSet<_>>() {
            for split in [Split::Train, Split::Test] {
                let warned = divided.warnings.iter().any(|line| line.starts_with(&format!("class {class} ")));
                prop_assert!(count(&divided, class, split) > 0 || warned);
            }
        }
    }

    #[test]
    fn many_small_groups_come_near_the_shares(sizes in prop::collection::vec(1usize..6, 120..160), seed in any::<u64>()) {
        let mut items = Vec::new();
        for (group, &size) in sizes.iter().enumerate() {
            let label = (group % 3).to_string();
            items.extend((0..size).map(|at| item(&format!("{group}/{at}"), &label, Some(&group.to_string()))));
        }
        let division = Division { validation: 0.2, test: 0.1, folds: None, seed };
        let divided = divide(&items, &division).unwrap();
        for class in 0..3 {
            let label = class.to_string();
            let size = items.iter().filter(|item| item.label == label).count() as f64;
            for (split, share) in [(Split::Validation, 0.2), (Split::Test, 0.1)] {
                let off = (count(&divided, &label, split) as f64 - size * share).abs();
                prop_assert!(off < 3.0, "{off} of {size}");
            }
        }
    }
}
