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
