//! What stands inside a value, handed to serde piece by piece: fields, elements, map entries, variants.

use std::collections::HashSet;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::Reader;
use crate::sequence::decode::fill::Fill;
use crate::sequence::decode::{Failure, State};
use crate::sequence::diagnostic::{Diagnostic, Span};
use crate::sequence::syntax::{Body, Field, Tree};

/// The fields of a struct.
pub(super) struct Members<'t, 's, 'p> {
    pub(super) fields: Vec<&'t Field>,
    pub(super) next: usize,
    pub(super) filled: Vec<&'static str>,
    pub(super) filling: bool,
    pub(super) path: &'p str,
    pub(super) state: &'s mut State,
}

impl<'de> MapAccess<'de> for Members<'_, '_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let key: StrDeserializer<'_, Failure> = if let Some(field) = self.fields.get(self.next) {
            field.name.text.as_str().into_deserializer()
        } else if let Some(name) = self.filled.pop() {
            self.filling = true;
            name.into_deserializer()
        } else {
            return Ok(None);
        };
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        let Some(field) = self.fields.get(self.next).filter(|_| !self.filling) else {
            return seed.deserialize(Fill);
        };
        self.next += 1;
        let path = if self.path.is_empty() {
            field.name.text.clone()
        } else {
            format!("{}.{}", self.path, field.name.text)
        };
        seed.deserialize(Reader::new(&field.value, path, self.state))
            .map_err(|failure| self.state.spoil(&field.value, failure))
    }
}

/// The elements of a list or the values of a variant.
pub(super) struct Elements<'t, 's, 'p> {
    pub(super) values: &'t [Tree],
    pub(super) next: usize,
    pub(super) kept: usize,
    pub(super) list: bool,
    pub(super) path: &'p str,
    pub(super) state: &'s mut State,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        loop {
            let Some(tree) = self.values.get(self.next) else {
                return Ok(None);
            };
            self.next += 1;
            if self.state.bad.contains(&tree.id) {
                if self.list {
                    continue;
                }
                return Err(Failure::Spoiled);
            }
            let path = if self.list {
                format!("{}[{}]", self.path, self.kept)
            } else {
                format!("{}.{}", self.path, self.kept)
            };
            self.kept += 1;
            return seed
                .deserialize(Reader::new(tree, path, self.state))
                .map(Some)
                .map_err(|failure| self.state.spoil(tree, failure));
        }
    }
}

/// The entries of a map.
pub(super) struct Pairs<'t, 's, 'p> {
    pub(super) entries: &'t [(Tree, Tree)],
    pub(super) next: usize,
    pub(super) seen: HashSet<&'t str>,
    pub(super) path: &'p str,
    pub(super) state: &'s mut State,
}

impl<'de> MapAccess<'de> for Pairs<'_, '_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        loop {
            let Some((key, value)) = self.entries.get(self.next) else {
                return Ok(None);
            };
            if self.state.bad.contains(&key.id) || self.state.bad.contains(&value.id) {
                self.next += 1;
                continue;
            }
            if let Body::Text(text) = &key.body
                && !self.seen.insert(text)
            {
                self.state.tell(
                    Diagnostic::error(key.span, format!("`{text}` is given twice"))
                        .hint("leave one of them out"),
                );
                self.next += 1;
                continue;
            }
            let path = format!("{}#key", self.path);
            return seed
                .deserialize(Reader::new(key, path, self.state))
                .map(Some)
                .map_err(|failure| self.state.spoil(key, failure));
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        let Some((key, value)) = self.entries.get(self.next) else {
            return seed.deserialize(Fill);
        };
        self.next += 1;
        let name = match &key.body {
            Body::Text(text) => text.as_str(),
            _ => "",
        };
        let path = format!("{}.{name}", self.path);
        self.state.spans.insert(format!("{path}#key"), key.span);
        seed.deserialize(Reader::new(value, path, self.state))
            .map_err(|failure| self.state.spoil(value, failure))
    }
}

/// A variant and what stands behind its name.
pub(super) struct Variant<'t, 's> {
    pub(super) reader: Reader<'t, 's>,
    pub(super) name: &'t str,
    pub(super) span: Span,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Failure> {
        let key: StrDeserializer<'_, Failure> = self.name.into_deserializer();
        Ok((seed.deserialize(key)?, self))
    }
}

impl Variant<'_, '_> {
    fn takes(&self, what: &str) -> Failure {
        match self.reader.tree.body {
            Body::Broken => Failure::Spoiled,
            _ => Failure::at(self.span, format!("`{}` takes {what}", self.name)),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match &self.reader.tree.body {
            Body::Nothing => Ok(()),
            _ => Err(self.takes("nothing in brackets")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, Failure> {
        match &self.reader.tree.body {
            Body::Tuple(values) if values.len() == 1 => {
                let tree = &values[0];
                if self.reader.state.bad.contains(&tree.id) {
                    return Err(Failure::Spoiled);
                }
                let Reader { path, state, .. } = self.reader;
                let head = state.spans.get(&path).copied();
                let result = seed.deserialize(Reader::new(tree, path.clone(), state));
                // The variant's name is the better place for a whole struct; a plain value speaks for itself.
                if let (Some(head), Body::Fields(_)) = (head, &tree.body) {
                    state.spans.insert(path, head);
                }
                result.map_err(|failure| state.spoil(tree, failure))
            }
            // Either a struct without its own brackets, or nothing at all: the type knows.
            Body::Fields(_) => {
                self.reader.unwrapped = true;
                seed.deserialize(self.reader)
            }
            Body::Tuple(values) if values.is_empty() => {
                self.reader.unwrapped = true;
                seed.deserialize(self.reader)
            }
            _ => Err(self.takes("one value in brackets")),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match &self.reader.tree.body {
            Body::Tuple(values) if values.len() == length => {
                self.reader.sequence(values, false, visitor)
            }
            Body::Tuple(values) => {
                Err(self.takes(&format!("{length} values, not {}", values.len())))
            }
            _ => Err(self.takes(&format!("{length} values in brackets"))),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if self.reader.tree.body == Body::Nothing {
            return Err(self.takes("fields in brackets"));
        }
        self.reader.structure(fields, visitor)
    }
}
