//! Programs that `cargo test --workspace` has built: test programs and examples, run again without cargo.
//!
//! Asking cargo for one package alone would build it and its dependencies once more, since the packages that
//! are selected decide the features. The list is cargo's own, one JSON object a line, of which four texts are read.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo::{cargo, output, root};

/// Which of the built programs, and how they are run.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub(super) kind: Kind,
    pub(super) package: String,
    /// The test file or example; every test program of the package where it is none.
    pub(super) name: Option<String>,
    pub(super) arguments: Vec<String>,
    /// `CNN_ISA`, where it is not left to the machine.
    pub(super) isa: Option<&'static str>,
}

/// What a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Test,
    Example,
}

/// A program that was built.
#[derive(Debug, PartialEq, Eq)]
struct Built {
    kind: Kind,
    package: String,
    name: String,
    executable: PathBuf,
}

impl Selection {
    /// The programs that fit, ready to run. Builds what is not built.
    pub(super) fn commands(&self) -> Result<Vec<Command>, String> {
        let mut listing = cargo();
        listing
            .args(["test", "--workspace", "--no-run", "--quiet", "--message-format=json"])
            .current_dir(root());
        let listing = output(&mut listing).ok_or("the test programs do not build")?;
        let fits = |built: &Built| {
            built.kind == self.kind
                && built.package == self.package
                && self.name.as_ref().is_none_or(|name| *name == built.name)
        };
        let command = |built: Built| {
            let mut command = Command::new(built.executable);
            command.args(&self.arguments).current_dir(root().join("crates").join(&self.package));
            match self.isa {
                Some(isa) => command.env("CNN_ISA", isa),
                None => command.env_remove("CNN_ISA"),
            };
            command
        };
        let commands: Vec<Command> = listing.lines().filter_map(parse).filter(fits).map(command).collect();
        if commands.is_empty() { Err(format!("cargo built no such program: {self:?}")) } else { Ok(commands) }
    }
}

/// A program of cargo's list; `None` for its other lines.
fn parse(line: &str) -> Option<Built> {
    let executable = PathBuf::from(text_of(line, "\"executable\":")?);
    let manifest = PathBuf::from(text_of(line, "\"manifest_path\":")?);
    let target = &line[line.find("\"target\":")?..];
    let profile = &line[line.find("\"profile\":")?..];
    let is_test = profile.split('}').next()?.contains("\"test\":true");
    let kind = match text_of(target, "\"kind\":[")?.as_str() {
        "example" => Kind::Example,
        _ if is_test => Kind::Test,
        _ => return None,
    };
    let package = manifest.parent()?.file_name()?.to_str()?.to_string();
    Some(Built { kind, package, name: text_of(target, "\"name\":")?, executable })
}

/// The JSON text that follows a key.
fn text_of(json: &str, key: &str) -> Option<String> {
    let rest = json[json.find(key)? + key.len()..].strip_prefix('"')?;
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a/crates/cnn-x#0.1.0","manifest_path":"/a/crates/cnn-x/Cargo.toml","target":{"kind":["KIND"],"crate_types":["bin"],"name":"end_to_end","src_path":"/a.rs","test":true},"profile":{"opt_level":"1","test":PROFILE},"features":[],"executable":"/t\"\\x","fresh":true}"#;

    fn built(kind: &str, profile: &str) -> Option<Kind> {
        parse(&LINE.replace("KIND", kind).replace("PROFILE", profile)).map(|built| built.kind)
    }

    #[test]
    fn programs_are_read_from_the_list_of_cargo() {
        let program = parse(&LINE.replace("KIND", "test").replace("PROFILE", "true")).unwrap();
        assert_eq!((program.package.as_str(), program.name.as_str()), ("cnn-x", "end_to_end"));
        assert_eq!(program.executable, PathBuf::from("/t\"\\x"));
    }

    #[test]
    fn only_test_programs_and_examples_count() {
        assert_eq!(built("lib", "true"), Some(Kind::Test));
        assert_eq!(built("example", "false"), Some(Kind::Example));
        assert_eq!(built("bin", "false"), None);
        assert_eq!(parse(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
