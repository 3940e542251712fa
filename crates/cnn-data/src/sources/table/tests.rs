//! Tables of a few rows, and every way in which one can be wrong.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A folder with pictures `a.png` to `e.png` of 1 to 5 columns, and a table of this text.
fn folder(name: &str, text: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (width, picture) in (1..).zip(["a", "b", "c", "d", "e"]) {
        image::GrayImage::new(width, 2).save(folder.path().join(format!("{picture}.png"))).unwrap();
    }
    let table = folder.path().join(name);
    fs::write(&table, text).unwrap();
    (folder, table)
}

fn open(text: &str, split: Split, options: &TableOptions) -> Result<Table> {
    let (_folder, table) = folder("labels.csv", text);
    Table::open(&table, split, options)
}

fn message(text: &str, options: &TableOptions) -> String {
    open(text, Split::Train, options).unwrap_err().to_string()
}

fn targets(table: &Table) -> Vec<Target> {
    (0..table.len()).map(|index| table.target(index).unwrap()).collect()
}

#[test]
fn rows_are_samples_in_their_order_and_classes_are_sorted() {
    let (_folder, table) =
        folder("labels.csv", "\u{feff}file name,Label,note\r\nb.png, dog ,x\r\n./a.png,\"cat\",\r\n");
    let opened = Table::open(&table, Split::Train, &TableOptions::default()).unwrap();
    assert_eq!(opened.classes().unwrap().names(), ["cat", "dog"]);
    assert_eq!(targets(&opened), [Target::Class(1), Target::Class(0)]);
    assert_eq!(opened.get(0).unwrap().image.width(), 2);
    assert!(opened.path(1).unwrap().ends_with("a.png"));
    assert!(opened.get(2).is_err());
    assert_eq!(Table::splits(&table, &TableOptions::default()).unwrap(), [Split::Train]);
}

#[test]
fn splits_share_the_classes_of_the_training_rows() {
    let text = "path\tclass\tsplit\tgroup\na.png\tx\ttrain\tp1\nb.png\ty\tTrain\tp2\nc.png\ty\tvalid\tp3\nd.png\ty\ttest\tp4\n";
    let (_folder, table) = folder("labels.tsv", text);
    let options = TableOptions::default();
    assert_eq!(Table::splits(&table, &options).unwrap(), Split::ALL);
    for (split, expected) in
        [(Split::Train, vec![0, 1]), (Split::Validation, vec![1]), (Split::Test, vec![1])]
    {
        let opened = Table::open(&table, split, &options).unwrap();
        assert_eq!(targets(&opened), expected.into_iter().map(Target::Class).collect::<Vec<_>>());
    }
    assert_eq!(Table::open(&table, Split::Test, &options).unwrap().group(0), Some("p4"));
    let classes = Some(Classes::in_order(["y", "x"]).unwrap());
    let given = TableOptions { files: FolderOptions { classes, ..FolderOptions::default() }, ..options };
    assert_eq!(targets(&Table::open(&table, Split::Test, &given).unwrap()), [Target::Class(0)]);
}

#[test]
fn several_classes_stand_in_one_column_and_numbers_in_several() {
    let text = "image;tags;age;weight\na.png;red|round;1.5;-2\nb.png;;3;4e1\nc.png;round;0;0\n";
    let table = open(text, Split::Train, &TableOptions::default()).unwrap();
    assert_eq!(table.classes().unwrap().names(), ["red", "round"]);
    assert_eq!(targets(&table), [vec![0, 1], vec![], vec![1]].map(Target::Classes));
    let numbers = TableOptions::default().target(TargetColumn::Numbers(vec!["weight".into(), "age".into()]));
    let table = open(text, Split::Train, &numbers).unwrap();
    assert!(table.classes().is_none());
    assert_eq!(targets(&table)[..2], [vec![-2.0, 1.5], vec![40.0, 3.0]].map(Target::Numbers));
    let spaces = TargetColumn::Classes { column: "tags".into(), separator: ' ' };
    let table =
        open("image,tags\na.png,u v\n", Split::Train, &TableOptions::default().target(spaces)).unwrap();
    assert_eq!(targets(&table), [Target::Classes(vec![0, 1])]);
}

#[test]
fn every_row_that_cannot_be_used_is_listed_with_its_line_and_column() {
    let plain = TableOptions::default();
    let text = message("path,label,split\na.png,x,train\n./a.png,y,test\n,x,train\nb.png,x,later\n", &plain);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("labels.csv: 3 rows cannot be used:"), "{text}");
    assert_eq!(
        lines[1..],
        [
            "  line 3, column `path`: ./a.png is there on line 2 already",
            "  line 4, column `path`: is empty",
            "  line 5, column `split`: \"later\" is no split; expected train, val or test"
        ]
    );
    let text = message("path,label\na.png,x\nb.png,\n", &plain);
    assert!(
        text.ends_with("1 row cannot be used:\n  line 3, column `label`: is empty, expected a class"),
        "{text}"
    );
    let age = plain.clone().target(TargetColumn::Numbers(vec!["age".into()]));
    for wrong in ["old", "", "nan", "inf", "1_000"] {
        let text = message(&format!("path,age\na.png,{wrong}\n"), &age);
        assert!(text.ends_with(&format!("line 2, column `age`: {wrong:?} is no number")), "{text}");
    }
    let twice = message("path,labels\na.png,x|x\nb.png,x||y\n", &plain);
    assert!(twice.contains("line 2, column `labels`: class x is there twice"), "{twice}");
    assert!(twice.contains("line 3, column `labels`: is empty"), "{twice}");
}

#[test]
fn a_class_that_the_training_rows_have_not_is_named_with_its_line() {
    let text = "path,label,split\na.png,x,train\nb.png,y,test\n";
    let message = open(text, Split::Test, &TableOptions::default()).unwrap_err().to_string();
    assert!(
        message.ends_with("line 3, column `label`: unknown class y; the training set has x"),
        "{message}"
    );
    let colliding = open("path,label\na.png,x\nb.png,X\n", Split::Train, &TableOptions::default());
    assert!(colliding.unwrap_err().to_string().contains("the classes X and x differ only in case"));
}

#[test]
fn missing_files_are_all_listed_or_skipped() {
    let text = "path,label\na.png,x\nnone.png,x\nb.png,y\ngone.png,y\n";
    let plain = TableOptions::default();
    let listed = message(text, &plain);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "2 files cannot be used:"));
    assert!(lines[1].contains("none.png: cannot be read") && lines[1].contains("(line 3 of "), "{listed}");
    let files = FolderOptions { bad_files: BadSamples::Skip, ..FolderOptions::default() };
    let table = open(text, Split::Train, &TableOptions { files, ..plain }).unwrap();
    assert_eq!((table.len(), table.skipped().len()), (2, 2));
    assert_eq!(targets(&table), [Target::Class(0), Target::Class(1)]);
}

#[test]
fn columns_that_are_missing_or_could_be_two_are_explained() {
    let plain = TableOptions::default();
    for (text, expected) in [
        ("photo,label\na.png,x\n", "has no column for the path (`path`, `file`,"),
        ("path,size\na.png,x\n", "has no column for the class (`label`,"),
        ("path,file,label\na.png,a.png,x\n", "both `path` and `file` could be the path"),
        ("path,label,class\na.png,x,x\n", "both `label` and `class` could be the class"),
        ("path,label\n", "has no rows"),
        ("", "has no column"),
        ("path,label\na.png\n", "is no whole table"),
    ] {
        assert!(message(text, &plain).contains(expected), "{}", message(text, &plain));
    }
    let text = message("path,label\na.png,x\n", &plain.clone().path("photo"));
    assert!(text.ends_with("has no column `photo`; it has `path`, `label`"), "{text}");
    let absent = open("path,label\na.png,x\n", Split::Test, &plain);
    assert!(matches!(absent, Err(Error::NoSplit { .. })));
    let (_folder, table) = folder("labels.csv", b"path,label\na.png,\xff\n");
    let text = Table::open(&table, Split::Train, &plain).unwrap_err().to_string();
    assert!(text.contains("invalid utf-8") && text.contains("line 2"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_panics(text in "(path|label|split|a.png|x|train|[,;|\"\n\t ]){0,30}", bytes in any::<[u8; 20]>()) {
        for text in [text.as_bytes(), &bytes] {
            let (_folder, table) = folder("labels.csv", text);
            let _ = Table::open(&table, Split::Train, &TableOptions::default());
        }
    }
}
