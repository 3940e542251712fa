//! The code that is written: one line of each walk for each field.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Error, Fields, Member, Result};

use crate::attributes::{Attributes, Role};

/// `impl Layer` for a struct.
pub(crate) fn layer(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        let problem = "Layer can be derived for structs only; an enum implements it with a `match`";
        return Err(Error::new_spanned(&input.ident, problem));
    };
    let mut visit = Vec::new();
    let mut visit_mut = Vec::new();
    for (member, field) in data.fields.members().zip(&data.fields) {
        let Attributes { role, rename } = Attributes::of(field)?;
        let name = match (&rename, &member) {
            (Some(name), _) => name.value(),
            // `r#type` is called `type`.
            (None, Member::Named(ident)) => ident.to_string().trim_start_matches("r#").to_owned(),
            (None, Member::Unnamed(index)) => index.index.to_string(),
        };
        let (shared, unique) = match role {
            Role::Skip => continue,
            Role::Child => (
                quote!(visitor.child(#name, &self.#member);),
                quote!(visitor.child(#name, &mut self.#member);),
            ),
            Role::Flatten => {
                (quote!(visitor.flatten(&self.#member);), quote!(visitor.flatten(&mut self.#member);))
            }
            Role::Buffer => (
                quote!(visitor.tensor(#name, &self.#member);),
                quote!(visitor.tensor(#name, &mut self.#member);),
            ),
        };
        visit.push(shared);
        visit_mut.push(unique);
    }
    let unused = visit.is_empty().then(|| quote!(let _ = visitor;));
    let (ident, bounded) = (&input.ident, with_bounds(input, &data.fields)?);
    let (impl_generics, type_generics, where_clause) = bounded.split_for_impl();
    Ok(quote! {
        impl #impl_generics ::cnn_layers::Layer for #ident #type_generics #where_clause {
            fn visit<'layer>(&'layer self, visitor: &mut ::cnn_layers::Visitor<'_, 'layer>) {
                #unused
                #(#visit)*
            }

            fn visit_mut<'layer>(&'layer mut self, visitor: &mut ::cnn_layers::VisitorMut<'_, 'layer>) {
                #unused
                #(#visit_mut)*
            }
        }
    })
}

/// The generics with `T: Layer` for each type parameter that a walked field mentions.
fn with_bounds(input: &DeriveInput, fields: &Fields) -> Result<syn::Generics> {
    let mut generics = input.generics.clone();
    let parameters: Vec<_> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in parameters {
        let mut walked = false;
        for field in fields {
            let is_part = matches!(Attributes::of(field)?.role, Role::Child | Role::Flatten);
            walked |= is_part && mentions(&field.ty.to_token_stream(), &parameter);
        }
        let bound = if walked {
            quote!(::cnn_layers::Layer)
        } else {
            quote!(::core::marker::Send + ::core::marker::Sync)
        };
        generics.make_where_clause().predicates.push(syn::parse_quote!(#parameter: #bound + 'static));
    }
    Ok(generics)
}

fn mentions(tokens: &TokenStream, name: &syn::Ident) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => ident == *name,
        proc_macro2::TokenTree::Group(group) => mentions(&group.stream(), name),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(input: DeriveInput) -> String {
        layer(&input).map_or_else(|error| error.to_string(), |tokens| tokens.to_string().replace(' ', ""))
    }

    #[test]
    fn each_field_is_walked_by_its_role() {
        let code = written(syn::parse_quote! {
            struct Block {
                conv1: Conv2d,
                #[layer(rename = "downsample.0")]
                shortcut: Option<Conv2d>,
                #[layer(flatten)]
                body: Sequential,
                #[layer(buffer)]
                anchors: Tensor,
                #[layer(skip)]
                stride: usize,
                r#type: Dense,
            }
        });
        for expected in [
            "visitor.child(\"conv1\",&self.conv1);",
            "visitor.child(\"downsample.0\",&mutself.shortcut);",
            "visitor.flatten(&self.body);",
            "visitor.tensor(\"anchors\",&mutself.anchors);",
            "visitor.child(\"type\",&self.r#type);",
        ] {
            assert!(code.contains(expected), "{expected} is not in {code}");
        }
        assert!(!code.contains("stride"), "{code}");
    }

    #[test]
    fn fields_without_names_are_called_by_their_number() {
        let code = written(syn::parse_quote!(
            struct Pair(Conv2d, Conv2d);
        ));
        assert!(code.contains("visitor.child(\"1\",&self.1);"), "{code}");
    }

    #[test]
    fn a_type_parameter_is_a_layer_only_where_it_is_walked() {
        let code = written(syn::parse_quote!(
            struct Stage<B, S> {
                blocks: Vec<B>,
                #[layer(skip)]
                settings: S,
            }
        ));
        assert!(code.contains("B:::cnn_layers::Layer+'static"), "{code}");
        assert!(code.contains("S:::core::marker::Send+::core::marker::Sync+'static"), "{code}");
    }

    #[test]
    fn attributes_that_make_no_sense_are_refused() {
        let cases: [(DeriveInput, &str); 6] = [
            (
                syn::parse_quote!(
                    struct A {
                        #[layer(name = "x")]
                        a: B,
                    }
                ),
                "expected `rename",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[layer(skip, buffer)]
                        a: B,
                    }
                ),
                "only one of",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[layer(rename = "x", rename = "y")]
                        a: B,
                    }
                ),
                "given twice",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[layer(rename = "x", flatten)]
                        a: B,
                    }
                ),
                "no name to change",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[layer(rename = "x.")]
                        a: B,
                    }
                ),
                "one or more segments",
            ),
            (
                syn::parse_quote!(
                    enum A {
                        B(C),
                    }
                ),
                "structs only",
            ),
        ];
        for (input, message) in cases {
            let met = written(input);
            assert!(met.contains(message), "{met} should say {message}");
        }
    }
}
