//! The `#[layer(..)]` attributes of one field.

use syn::spanned::Spanned;
use syn::{Error, Field, LitStr, Result};

/// How a field takes part in the walk.
pub(crate) enum Role {
    /// A part under its name.
    Child,
    /// A part without a path segment.
    Flatten,
    /// A plain tensor that files hold.
    Buffer,
    /// Not a part.
    Skip,
}

/// A field's attributes, read and checked against each other.
pub(crate) struct Attributes {
    pub(crate) role: Role,
    pub(crate) rename: Option<LitStr>,
}

impl Attributes {
    pub(crate) fn of(field: &Field) -> Result<Self> {
        let mut role = None;
        let mut rename = None;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("layer")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    let name: LitStr = meta.value()?.parse()?;
                    check_name(&name)?;
                    return match rename.replace(name) {
                        None => Ok(()),
                        Some(_) => Err(meta.error("`rename` is given twice")),
                    };
                }
                let met = if meta.path.is_ident("flatten") {
                    Role::Flatten
                } else if meta.path.is_ident("buffer") {
                    Role::Buffer
                } else if meta.path.is_ident("skip") {
                    Role::Skip
                } else {
                    return Err(meta.error("expected `rename = \"..\"`, `flatten`, `buffer` or `skip`"));
                };
                match role.replace(met) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("only one of `flatten`, `buffer` and `skip` makes sense")),
                }
            })?;
        }
        let role = role.unwrap_or(Role::Child);
        if rename.is_some() && matches!(role, Role::Flatten | Role::Skip) {
            return Err(Error::new(field.span(), "a flattened or skipped field has no name to change"));
        }
        Ok(Self { role, rename })
    }
}

/// A name is path segments with dots between them.
fn check_name(name: &LitStr) -> Result<()> {
    if name.value().split('.').any(str::is_empty) {
        return Err(Error::new(name.span(), "a name is one or more segments with dots between them"));
    }
    Ok(())
}
