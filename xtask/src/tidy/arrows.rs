//! Which crate may depend on which: the arrows of docs/ARCHITECTURE.md.
//!
//! Read from the `[dependencies]` tables; what tests and examples use (`[dev-dependencies]`) is free.

use super::Finding;
use super::tree::Tree;

/// Each crate and those of ours that it may depend on.
const ARROWS: [(&str, &[&str]); 10] = [
    ("cnn-tensor", &[]),
    ("cnn-derive", &[]),
    ("cnn-autograd", &["cnn-tensor"]),
    ("cnn-layers", &["cnn-tensor", "cnn-autograd", "cnn-derive"]),
    ("cnn-data", &["cnn-tensor"]),
    ("cnn-train", &["cnn-tensor", "cnn-autograd", "cnn-layers", "cnn-data"]),
    ("cnn-models", &["cnn-tensor", "cnn-autograd", "cnn-layers"]),
    ("cnn-cli", &["cnn-tensor", "cnn-autograd", "cnn-layers", "cnn-data", "cnn-train", "cnn-models"]),
    ("cnn-bench", &["cnn-tensor", "cnn-autograd", "cnn-layers", "cnn-data", "cnn-train", "cnn-models"]),
    ("xtask", &[]),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let Some(package) = file.package() else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package) else {
            let problem = "a crate without a place in xtask/src/tidy/arrows.rs and docs/ARCHITECTURE.md";
            findings.push(Finding::file(&file.path, problem));
            continue;
        };
        for (line, dependency) in dependencies(&file.text) {
            if ARROWS.iter().any(|(name, _)| *name == dependency) && !allowed.contains(&dependency) {
                let problem = format!("{package} must not depend on {dependency} (docs/ARCHITECTURE.md)");
                findings.push(Finding::line(&file.path, line, problem));
            }
        }
        if !file.text.contains("[lints]\nworkspace = true") {
            findings.push(Finding::file(&file.path, "the crate does not take the workspace's lints"));
        }
    }
    findings
}

/// The names in the tables `[dependencies]`, `[build-dependencies]` and their per-target forms, with their lines.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            // `[dependencies.name]` is a table of one dependency.
            let (table, name) = match table.rsplit_once("dependencies.") {
                Some((before, name)) => (format!("{before}dependencies"), Some(name)),
                None => (table.to_string(), None),
            };
            inside = table.ends_with("dependencies") && !table.ends_with("dev-dependencies");
            found.extend(name.filter(|_| inside).map(|name| (number + 1, name)));
            inside &= name.is_none();
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push((number + 1, name.trim_matches('"')));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_against_the_design_is_found_with_its_line() {
        let manifest = "[lints]\nworkspace = true\n[dependencies]\ncnn-autograd.workspace = true\n[dev-dependencies]\ncnn-layers = \"1\"\n";
        let findings = check(&Tree::of(&[("crates/cnn-tensor/Cargo.toml", manifest)]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, Some(4));
    }

    #[test]
    fn the_ways_to_write_a_dependency_are_all_read() {
        let manifest = "[target.'cfg(unix)'.dependencies]\na = \"1\"\n[dependencies.b]\nversion = \"1\"\n[build-dependencies]\n\"c\" = \"1\"\nd.workspace = true\n";
        let names: Vec<&str> = dependencies(manifest).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_crate_that_nobody_placed_is_found() {
        let manifest = "[lints]\nworkspace = true\n";
        assert_eq!(check(&Tree::of(&[("crates/cnn-new/Cargo.toml", manifest)])).len(), 1);
    }
}
