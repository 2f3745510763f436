//! The deserializer over one value of the tree.

mod access;

use std::collections::HashSet;

use serde::de::{Deserializer, Visitor};

use super::{Failure, State, suggestion};
use crate::sequence::diagnostic::Diagnostic;
use crate::sequence::syntax::{Body, Field, Tree};
use access::{Elements, Members, Pairs, Variant};

/// A value, its path, and what is known from earlier readings.
pub(super) struct Reader<'t, 's> {
    tree: &'t Tree,
    path: String,
    state: &'s mut State,
    /// The name in front belongs to an enum variant and was read already.
    unwrapped: bool,
}

impl<'t, 's> Reader<'t, 's> {
    pub(super) fn root(tree: &'t Tree, state: &'s mut State) -> Self {
        Self::new(tree, String::new(), state)
    }

    fn new(tree: &'t Tree, path: String, state: &'s mut State) -> Self {
        state.visits += 1;
        state.spans.insert(path.clone(), tree.head());
        Self {
            tree,
            path,
            state,
            unwrapped: false,
        }
    }

    /// The value is not what is expected.
    fn wrong(&self, expected: &str) -> Failure {
        match self.tree.body {
            Body::Broken => Failure::Spoiled,
            _ => Failure::at(
                self.tree.head(),
                format!("expected {expected}, found {}", self.tree.describe()),
            ),
        }
    }

    fn plain(&self) -> bool {
        self.tree.name.is_none() || self.unwrapped
    }

    fn number<T: TryFrom<i128>>(&self, low: i128, high: i128) -> Result<T, Failure> {
        let Body::Number(text) = &self.tree.body else {
            return Err(self.wrong("a whole number"));
        };
        let span = self.tree.span;
        let Some(number) = integer(text) else {
            return Err(Failure::at(span, format!("`{text}` is not a whole number")));
        };
        T::try_from(number).map_err(|_| {
            Failure::at(
                span,
                format!("{text} is out of range: {low} to {high} are possible"),
            )
        })
    }

    fn string(&self) -> Result<&'t str, Failure> {
        match &self.tree.body {
            Body::Text(text) if self.plain() => Ok(text),
            Body::Nothing => match &self.tree.name {
                Some(name) => Err(Failure::with_hint(
                    name.span,
                    format!("expected a text, found the name `{}`", name.text),
                    format!("write \"{}\"", name.text),
                )),
                None => Err(self.wrong("a text")),
            },
            _ => Err(self.wrong("a text")),
        }
    }

    /// The struct's fields with the duplicates and unknown ones reported and left out.
    fn fields(&mut self, known: &'static [&'static str]) -> Result<Vec<&'t Field>, Failure> {
        let written: &'t [Field] = match &self.tree.body {
            Body::Fields(fields) => fields,
            Body::Tuple(values) if values.iter().all(|value| value.body == Body::Broken) => &[],
            _ => return Err(self.wrong("`(name: value, ...)`")),
        };
        let mut kept: Vec<&'t Field> = Vec::new();
        for field in written {
            let name = &field.name;
            if !known.contains(&name.text.as_str()) {
                if self.state.is_full() {
                    continue;
                }
                self.state.tell(
                    Diagnostic::error(name.span, format!("unknown field `{}`", name.text))
                        .hint(suggestion(&name.text, known)),
                );
            } else if kept.iter().any(|other| other.name.text == name.text) {
                self.state.tell(
                    Diagnostic::error(
                        name.span,
                        format!("the field `{}` is given twice", name.text),
                    )
                    .hint("leave one of them out"),
                );
            } else {
                kept.push(field);
            }
        }
        Ok(kept)
    }

    fn structure<'de, V: Visitor<'de>>(
        mut self,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let fields = self.fields(known)?;
        let tree = self.tree;
        let written: Vec<&str> = fields
            .iter()
            .map(|field| field.name.text.as_str())
            .collect();
        let filled: Vec<&'static str> = self
            .state
            .filled
            .get(&tree.id)
            .map(|names| names.iter().copied().collect())
            .unwrap_or_default();
        let good = fields
            .iter()
            .filter(|field| !self.state.bad.contains(&field.value.id))
            .copied()
            .collect();
        let result = visitor.visit_map(Members {
            fields: good,
            next: 0,
            filled: filled.clone(),
            filling: false,
            path: &self.path,
            state: self.state,
        });
        match result {
            Err(Failure::Missing(field)) => {
                // A field with a bad value was complained about there.
                if !written.contains(&field) {
                    self.state.report(tree, Failure::Missing(field));
                }
                self.state.filled.entry(tree.id).or_default().insert(field);
                Err(Failure::Again)
            }
            Ok(_) if !filled.is_empty() && !self.path.is_empty() => Err(Failure::Spoiled),
            other => other,
        }
    }

    fn sequence<'de, V: Visitor<'de>>(
        self,
        values: &'t [Tree],
        list: bool,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_seq(Elements {
            values,
            next: 0,
            kept: 0,
            list,
            path: &self.path,
            state: self.state,
        })
    }
}

/// A whole number as RON writes it: sign, `_` between digits, `0x`, `0o`, `0b`.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        Some("0b") => (&digits[2..], 2),
        _ => (digits, 10),
    };
    if digits.starts_with(['_', '+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    Some(if negative { -value } else { value })
}

macro_rules! integers {
    ($($method:ident $visit:ident $kind:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            visitor.$visit(self.number::<$kind>(i128::from(<$kind>::MIN), i128::from(<$kind>::MAX))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Failure;

    integers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.body {
            Body::Bool(value) => visitor.visit_bool(*value),
            Body::Number(_) => self.deserialize_i64(visitor),
            Body::Char(c) => visitor.visit_char(*c),
            Body::Text(text) => visitor.visit_str(text),
            Body::List(_) | Body::Tuple(_) => self.deserialize_seq(visitor),
            Body::Map(_) => self.deserialize_map(visitor),
            Body::Nothing => visitor.visit_unit(),
            Body::Fields(_) => Err(self.wrong("a plain value")),
            Body::Broken => Err(Failure::Spoiled),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.tree.body {
            Body::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.body {
            Body::Number(text) => match text.replace('_', "").parse() {
                Ok(value) => visitor.visit_f64(value),
                Err(_) => Err(self.wrong("a number")),
            },
            _ => Err(self.wrong("a number")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.body {
            Body::Char(c) => visitor.visit_char(*c),
            Body::Text(text) if text.chars().count() == 1 => Err(Failure::with_hint(
                self.tree.span,
                "expected a character, found a text",
                format!("write '{text}'"),
            )),
            _ => Err(self.wrong("a character in single quotes")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.string()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.string()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_bytes(self.string()?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match (&self.tree.name, &self.tree.body) {
            (Some(name), Body::Nothing) if name.text == "None" && !self.unwrapped => {
                visitor.visit_none()
            }
            (Some(name), Body::Tuple(values)) if name.text == "Some" && values.len() == 1 => {
                visitor.visit_some(Reader::new(&values[0], self.path, self.state))
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.body {
            Body::Tuple(values) if values.is_empty() => visitor.visit_unit(),
            _ => Err(self.wrong("`()`")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.body {
            Body::List(values) if self.plain() => self.sequence(values, true, visitor),
            _ => Err(self.wrong("a list `[...]`")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match &self.tree.body {
            Body::Tuple(values) if values.len() == length => self.sequence(values, false, visitor),
            _ => Err(self.wrong(&format!("{length} values in round brackets"))),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.body {
            Body::Map(pairs) if self.plain() => visitor.visit_map(Pairs {
                entries: pairs,
                next: 0,
                seen: HashSet::new(),
                path: &self.path,
                state: self.state,
            }),
            _ => Err(self.wrong("a map `{ \"name\": \"value\" }`")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if let Some(written) = self.tree.name.as_ref().filter(|_| !self.unwrapped)
            && written.text != name
        {
            return Err(Failure::with_hint(
                written.span,
                format!("expected `{name}`, found `{}`", written.text),
                format!("write `{name}(...)`, or `(...)` alone"),
            ));
        }
        self.structure(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let Some(name) = self.tree.name.as_ref().filter(|_| !self.unwrapped) else {
            let known = variants.join(", ");
            return Err(match self.wrong("one of the known names") {
                Failure::Message(mistake) => {
                    Failure::Message(Box::new(mistake.hint(format!("known here: {known}"))))
                }
                other => other,
            });
        };
        if !variants.contains(&name.text.as_str()) {
            return Err(Failure::with_hint(
                name.span,
                format!("unknown name `{}`", name.text),
                suggestion(&name.text, variants),
            ));
        }
        visitor.visit_enum(Variant {
            reader: self,
            name: &name.text,
            span: name.span,
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }
}
