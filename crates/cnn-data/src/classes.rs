//! [`Classes`]: the names of the classes, bound to indices once.
//!
//! The training set decides which index a name has; every other split is mapped by name, and the names travel
//! inside the model file. Numbering each split anew would score a model against wrong classes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Class names in the order of their indices. A clone is a reference count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Classes {
    names: Arc<[String]>,
    /// The indices in the order of their names, so that a name is found among many thousands at once.
    by_name: Arc<[usize]>,
}

impl Classes {
    /// Names whose order is given, as where a file format numbers its classes.
    ///
    /// # Errors
    /// [`Error::Argument`] where there are none or a name is there twice.
    pub fn in_order(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let names: Arc<[String]> = names.into_iter().map(Into::into).collect();
        let mut by_name: Vec<usize> = (0..names.len()).collect();
        by_name.sort_unstable_by(|&a, &b| names[a].cmp(&names[b]));
        if names.is_empty() {
            return Err(Error::argument("number of class names", 0, "1 or more"));
        }
        if let Some(pair) = by_name.windows(2).find(|pair| names[pair[0]] == names[pair[1]]) {
            let name = &names[pair[0]];
            return Err(Error::argument("class name", name, "different names, but it is there twice"));
        }
        Ok(Self { names, by_name: by_name.into() })
    }

    /// Names sorted as strings, as where folders are classes.
    ///
    /// # Errors
    /// As [`Classes::in_order`].
    pub fn sorted(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        Self::in_order(names)
    }

    /// Number of classes, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a class")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The names in the order of their indices.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Name of a class.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(String::as_str)
    }

    /// Index of a name.
    pub fn index(&self, name: &str) -> Option<usize> {
        let found = self.by_name.binary_search_by(|&index| self.names[index].as_str().cmp(name));
        found.ok().map(|place| self.by_name[place])
    }
}

impl TryFrom<Vec<String>> for Classes {
    type Error = Error;

    fn try_from(names: Vec<String>) -> Result<Self> {
        Self::in_order(names)
    }
}

impl From<Classes> for Vec<String> {
    fn from(classes: Classes) -> Self {
        classes.names.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_strings_and_keep_their_index() {
        let classes = Classes::sorted(["b", "10", "a", "9"]).unwrap();
        assert_eq!(classes.names(), ["10", "9", "a", "b"]);
        assert_eq!((classes.index("a"), classes.index("c"), classes.name(1)), (Some(2), None, Some("9")));
    }

    #[test]
    fn a_name_twice_or_no_name_is_an_error_also_in_a_file() {
        assert!(Classes::sorted(["a", "a"]).is_err());
        assert!(serde_json::from_str::<Classes>("[]").is_err());
        let classes: Classes = serde_json::from_str(r#"["z", "a"]"#).unwrap();
        assert_eq!(serde_json::to_string(&classes).unwrap(), r#"["z","a"]"#);
    }
}
