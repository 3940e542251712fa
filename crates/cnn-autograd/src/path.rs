//! What a layer is called: from the place in memory of the layer at hand to its path below the root.
//!
//! A field does not know its own name, but a walk over the root knows the name of every field; see
//! `docs/adr/0001-layer-paths.md`. The table lives as long as the root is borrowed by the call that built it,
//! so no layer can move while it is in use.

use std::any::TypeId;
use std::collections::HashMap;
use std::rc::Rc;

/// A value in memory: its address and its type. A struct and its first field share only the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    address: usize,
    kind: TypeId,
}

impl Place {
    /// The place of a value.
    pub fn of<T: ?Sized + 'static>(value: &T) -> Self {
        Self { address: std::ptr::from_ref(value).addr(), kind: TypeId::of::<T>() }
    }
}

/// Something whose parts have names: a layer.
pub trait Named {
    /// Where it is.
    fn place(&self) -> Place;

    /// Name of its type without modules, shown for a layer that the root does not own.
    fn type_name(&self) -> &str;

    /// Calls `see` with the place of each part and its path relative to this.
    fn parts(&self, see: &mut dyn FnMut(Place, &str));
}

/// Paths by place.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<Place, Vec<Rc<str>>>);

impl Names {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Enters a root and its parts under a path.
    pub(crate) fn add(&mut self, root: &dyn Named, path: &str) {
        self.0.entry(root.place()).or_default().push(path.into());
        root.parts(&mut |place, name| self.0.entry(place).or_default().push(join(path, name).into()));
    }

    /// Takes out what [`Names::add`] entered last for this root: it may be dropped, and its place reused.
    pub(crate) fn forget(&mut self, root: &dyn Named) {
        let mut pop = |place| {
            if let Some(paths) = self.0.get_mut(&place) {
                paths.pop();
                if paths.is_empty() {
                    self.0.remove(&place);
                }
            }
        };
        pop(root.place());
        root.parts(&mut |place, _| pop(place));
    }

    /// The path of a place. Values without size may share a place: then the first below `outer` is meant.
    pub(crate) fn find(&self, place: Place, outer: &str) -> Option<Rc<str>> {
        let paths = self.0.get(&place)?;
        let below = |path: &&Rc<str>| {
            path.strip_prefix(outer)
                .is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with('.'))
        };
        paths.iter().find(below).or(paths.first()).cloned()
    }
}

/// `outer.name`, without a dot where either is empty.
pub(crate) fn join(outer: &str, name: &str) -> String {
    match (outer, name) {
        ("", name) => name.to_owned(),
        (outer, "") => outer.to_owned(),
        (outer, name) => format!("{outer}.{name}"),
    }
}
