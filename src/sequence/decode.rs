//! From tree to types through `serde`, telling every mistake instead of the first.
//!
//! The trick: each `deserialize_...` call says which type is expected. When the value does not fit, the mistake is
//! recorded and a stand-in of the right type is given, so that decoding goes on. Only a missing field cannot be stood in for at
//! once (`serde` finds it after the last field); it is remembered, and decoding starts again with a stand-in for it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::diagnostic::{Diagnostic, Span};
use super::syntax::{Field, Kind, Tree};

/// Mistakes after which decoding gives up: nobody reads more.
const MOST: usize = 200;

/// The result of decoding.
pub struct Decoded<T> {
    /// The value; stand-ins stand where mistakes were. `None` when there were too many.
    pub value: Option<T>,
    /// Every mistake.
    pub mistakes: Vec<Diagnostic>,
    /// Where each value stands, by path (`steps[0].action.disk`).
    pub spans: BTreeMap<String, Span>,
}

/// Decodes a tree.
pub fn decode<T: DeserializeOwned>(tree: &Tree) -> Decoded<T> {
    let state = State::default();
    for _ in 0..MOST {
        state.spans.borrow_mut().clear();
        let place = Place {
            tree: Some(tree),
            span: tree.span,
            path: String::new(),
            state: &state,
        };
        match T::deserialize(place) {
            Ok(value) => {
                return Decoded {
                    value: Some(value),
                    mistakes: state.into_mistakes(),
                    spans: state.spans.into_inner(),
                };
            }
            Err(Stop::Missing(path, field)) => {
                state
                    .missing
                    .borrow_mut()
                    .insert((path.unwrap_or_default(), field));
            }
            Err(Stop::Other(message)) => {
                state.tell(Diagnostic::error(tree.span, message));
                break;
            }
        }
    }
    Decoded {
        value: None,
        mistakes: state.into_mistakes(),
        spans: state.spans.into_inner(),
    }
}

#[derive(Default)]
struct State {
    mistakes: RefCell<Vec<Diagnostic>>,
    spans: RefCell<BTreeMap<String, Span>>,
    /// Path of the struct and name of the field.
    missing: RefCell<BTreeSet<(String, &'static str)>>,
}

impl State {
    fn tell(&self, diagnostic: Diagnostic) {
        let mut mistakes = self.mistakes.borrow_mut();
        if !mistakes.contains(&diagnostic) {
            mistakes.push(diagnostic);
        }
    }

    fn into_mistakes(&self) -> Vec<Diagnostic> {
        let mut mistakes = std::mem::take(&mut *self.mistakes.borrow_mut());
        mistakes.sort_by_key(|mistake| mistake.span);
        mistakes
    }
}

/// Why one pass of decoding stops.
#[derive(Debug)]
enum Stop {
    /// The struct's path, once known, and the field.
    Missing(Option<String>, &'static str),
    Other(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(_, field) => write!(f, "missing field `{field}`"),
            Self::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::Other(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        // The struct's path is filled in by its access, which knows it.
        Self::Missing(None, field)
    }
}

/// A value's place; without a tree it is a stand-in.
#[derive(Clone)]
struct Place<'a> {
    tree: Option<&'a Tree>,
    span: Span,
    path: String,
    state: &'a State,
}

fn suggestion(name: &str, known: &[&'static str]) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

fn list(known: &[&'static str]) -> String {
    known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl<'a> Place<'a> {
    fn kind(&self) -> &'a Kind {
        const HOLE: &Kind = &Kind::Hole;
        self.tree.map_or(HOLE, |tree| &tree.kind)
    }

    fn remember(&self) {
        if self.tree.is_some() {
            self.state
                .spans
                .borrow_mut()
                .insert(self.path.clone(), self.span);
        }
    }

    fn expected(&self, what: &str) {
        if *self.kind() != Kind::Hole {
            self.state.tell(Diagnostic::error(
                self.span,
                format!("{what} should stand here, not {}", self.kind().describe()),
            ));
        }
    }

    fn at(&self, tree: &'a Tree, path: String) -> Place<'a> {
        Place {
            tree: Some(tree),
            span: tree.span,
            path,
            state: self.state,
        }
    }

    fn hole(&self, path: String) -> Place<'a> {
        Place {
            tree: None,
            span: self.span,
            path,
            state: self.state,
        }
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn integer(&self, low: i128, high: i128) -> i128 {
        match self.kind() {
            Kind::Integer(value) if (low..=high).contains(value) => *value,
            Kind::Integer(value) => {
                self.state.tell(Diagnostic::error(
                    self.span,
                    format!("{value} is out of range: {low} to {high}"),
                ));
                low.max(1)
            }
            _ => {
                self.expected("a whole number");
                low.max(1)
            }
        }
    }

    /// Fields of a struct written as `Name(a: b)`, `(a: b)` or `()`.
    fn fields(&self, name: &str) -> &'a [Field] {
        match self.kind() {
            Kind::Struct(found, fields) => {
                if let Some(found) = found.as_ref().filter(|found| *found != name) {
                    self.state.tell(Diagnostic::error(
                        self.span_of_name(found),
                        format!("`{name}(...)` should stand here, not `{found}(...)`"),
                    ));
                }
                fields
            }
            Kind::Tuple(found, items) if items.is_empty() && found.as_ref().is_none_or(|f| f == name) => &[],
            _ => {
                self.expected(&format!("`{name}(field: value, ...)`"));
                &[]
            }
        }
    }

    fn span_of_name(&self, name: &str) -> Span {
        Span {
            start: self.span.start,
            end: (self.span.start + name.len()).min(self.span.end),
        }
    }

    fn visit_fields<V: Visitor<'a>>(
        &self,
        given: &'a [Field],
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let mut entries: Vec<(&str, Place<'a>)> = Vec::new();
        for field in given {
            if !known.contains(&field.name.as_str()) {
                let hint = suggestion(&field.name, known)
                    .unwrap_or_else(|| format!("known here: {}", list(known)));
                let message = format!("unknown field `{}`", field.name);
                self.state
                    .tell(Diagnostic::error(field.span, message).hint(hint));
            } else if entries.iter().any(|(name, _)| *name == field.name) {
                let message = format!("the field `{}` stands here a second time", field.name);
                self.state.tell(Diagnostic::error(field.span, message));
            } else if field.value.kind == Kind::Hole {
                // Told about already; without a value it counts as given.
                entries.push((&field.name, self.hole(self.child(&field.name))));
            } else {
                entries.push((&field.name, self.at(&field.value, self.child(&field.name))));
            }
        }
        let stand_in = |name: &&&'static str| {
            self.tree.is_none_or(|tree| tree.kind == Kind::Hole)
                || self
                    .state
                    .missing
                    .borrow()
                    .contains(&(self.path.clone(), **name))
        };
        let absent: Vec<&'static str> = known
            .iter()
            .filter(|name| !entries.iter().any(|(given, _)| given == *name))
            .filter(stand_in)
            .copied()
            .collect();
        for name in absent {
            entries.push((name, self.hole(self.child(name))));
        }
        let result = visitor.visit_map(Fields {
            entries: entries.into_iter(),
            value: None,
        });
        result.map_err(|stop| match stop {
            Stop::Missing(None, field) => {
                let start = self.span.start;
                let name = match self.kind() {
                    Kind::Struct(Some(name), _) | Kind::Tuple(Some(name), _) => name.len(),
                    _ => 1,
                };
                let span = Span {
                    start,
                    end: (start + name).min(self.span.end),
                };
                self.state.tell(Diagnostic::error(
                    span,
                    format!("the field `{field}` is missing"),
                ));
                Stop::Missing(Some(self.path.clone()), field)
            }
            other => other,
        })
    }
}

struct Fields<'a> {
    entries: std::vec::IntoIter<(&'a str, Place<'a>)>,
    value: Option<Place<'a>>,
}

impl<'a> MapAccess<'a> for Fields<'a> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some((name, place)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(place);
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        match self.value.take() {
            Some(place) => seed.deserialize(place),
            None => Err(Stop::Other("a value without a key".to_owned())),
        }
    }
}

struct Entries<'a> {
    entries: std::vec::IntoIter<(Place<'a>, Place<'a>)>,
    value: Option<Place<'a>>,
}

impl<'a> MapAccess<'a> for Entries<'a> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        match self.value.take() {
            Some(place) => seed.deserialize(place),
            None => Err(Stop::Other("a value without a key".to_owned())),
        }
    }
}

struct Items<'a>(std::vec::IntoIter<Place<'a>>);

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        self.0.next().map(|place| seed.deserialize(place)).transpose()
    }
}

struct Variant<'a> {
    name: &'a str,
    place: Place<'a>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Stop> {
        let name = seed.deserialize(self.name.into_deserializer())?;
        Ok((name, self))
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        if let Kind::Tuple(..) | Kind::Struct(..) = self.place.kind() {
            let message = format!("`{}` takes no values", self.name);
            self.place
                .state
                .tell(Diagnostic::error(self.place.span, message));
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Stop> {
        let place = &self.place;
        match place.kind() {
            Kind::Tuple(_, items) if items.len() == 1 => {
                seed.deserialize(place.at(&items[0], place.path.clone()))
            }
            // The content of a step kind without a second pair of parentheses.
            Kind::Struct(..) => seed.deserialize(Unnamed(self.place)),
            Kind::Tuple(_, items) if items.is_empty() => seed.deserialize(Unnamed(self.place)),
            Kind::Hole => seed.deserialize(place.hole(place.path.clone())),
            _ => {
                let message = format!("`{}` needs one value: `{}(...)`", self.name, self.name);
                place.state.tell(Diagnostic::error(place.span, message));
                seed.deserialize(place.hole(place.path.clone()))
            }
        }
    }

    fn tuple_variant<V: Visitor<'a>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let place = &self.place;
        let items = match place.kind() {
            Kind::Tuple(_, items) if items.len() == len => items
                .iter()
                .enumerate()
                .map(|(at, item)| place.at(item, format!("{}[{at}]", place.path)))
                .collect(),
            kind => {
                if *kind != Kind::Hole {
                    let message = format!("`{}` needs {len} values", self.name);
                    place.state.tell(Diagnostic::error(place.span, message));
                }
                (0..len)
                    .map(|at| place.hole(format!("{}[{at}]", place.path)))
                    .collect::<Vec<_>>()
            }
        };
        visitor.visit_seq(Items(items.into_iter()))
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let given = self.place.fields(self.name);
        self.place.visit_fields(given, fields, visitor)
    }
}

/// The struct inside a variant: its name is the variant's.
struct Unnamed<'a>(Place<'a>);

impl<'a> de::Deserializer<'a> for Unnamed<'a> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let given = match self.0.kind() {
            Kind::Struct(_, given) => given.as_slice(),
            _ => &[],
        };
        self.0.remember();
        self.0.visit_fields(given, fields, visitor)
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.deserialize_string(visitor)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.deserialize_seq(visitor)
    }

    fn deserialize_u64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.deserialize_u32(visitor)
    }

    fn deserialize_u8<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.0.deserialize_u8(visitor)
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u16 u128 f32 f64 char str bytes byte_buf option unit unit_struct
        newtype_struct tuple tuple_struct map enum identifier ignored_any
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),*) => {
        $(fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
            self.remember();
            let value = self.integer(<$type>::MIN.into(), <$type>::MAX.into());
            visitor.$visit(<$type>::try_from(value).unwrap_or_default())
        })*
    };
}

impl<'a> de::Deserializer<'a> for Place<'a> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.kind() {
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Char(value) => visitor.visit_char(*value),
            Kind::Text(value) => visitor.visit_str(value),
            _ => Err(Stop::Other("a value of unknown type".to_owned())),
        }
    }

    integers!(deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64);

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.remember();
        match self.kind() {
            Kind::Bool(value) => visitor.visit_bool(*value),
            _ => {
                self.expected("`true` or `false`");
                visitor.visit_bool(false)
            }
        }
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.remember();
        match self.kind() {
            Kind::Char(value) => visitor.visit_char(*value),
            _ => {
                self.expected("a character, 'C',");
                visitor.visit_char('D')
            }
        }
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.remember();
        match self.kind() {
            Kind::Text(value) => visitor.visit_str(value),
            _ => {
                self.expected("a text in double quotes");
                visitor.visit_str("")
            }
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.kind() {
            Kind::Hole => visitor.visit_none(),
            Kind::Word(word) if word == "None" => visitor.visit_none(),
            Kind::Tuple(Some(name), items) if name == "Some" && items.len() == 1 => {
                visitor.visit_some(self.at(&items[0], self.path.clone()))
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.remember();
        let items = match self.kind() {
            Kind::List(items) => items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.kind != Kind::Hole)
                .map(|(at, item)| self.at(item, format!("{}[{at}]", self.path)))
                .collect(),
            _ => {
                self.expected("a list, `[...]`,");
                Vec::new()
            }
        };
        visitor.visit_seq(Items(items.into_iter()))
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.remember();
        let entries = match self.kind() {
            Kind::Map(entries) => entries
                .iter()
                .filter(|(key, value)| key.kind != Kind::Hole && value.kind != Kind::Hole)
                .map(|(key, value)| {
                    let name = match &key.kind {
                        Kind::Text(text) => text.as_str(),
                        _ => "?",
                    };
                    let path = self.child(name);
                    (self.at(key, format!("{path}.key")), self.at(value, path))
                })
                .collect(),
            _ => {
                self.expected("a map, `{ \"name\": \"value\" }`,");
                Vec::new()
            }
        };
        visitor.visit_map(Entries {
            entries: entries.into_iter(),
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.remember();
        let given = self.fields(name);
        self.visit_fields(given, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.remember();
        let name = match self.kind() {
            Kind::Word(name) | Kind::Tuple(Some(name), _) | Kind::Struct(Some(name), _) => {
                Some(name.as_str())
            }
            _ => None,
        };
        if let Some(name) = name
            && variants.contains(&name)
        {
            return visitor.visit_enum(Variant { name, place: self });
        }
        match name {
            Some(name) => {
                let hint = suggestion(name, variants)
                    .unwrap_or_else(|| format!("known here: {}", list(variants)));
                self.state.tell(
                    Diagnostic::error(self.span_of_name(name), format!("`{name}` is not known here"))
                        .hint(hint),
                );
            }
            None => self.expected(&format!("one of {}", list(variants))),
        }
        let place = self.hole(self.path.clone());
        let name = variants.first().copied().unwrap_or_default();
        visitor.visit_enum(Variant { name, place })
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'a>>
        i8 i16 i128 u128 f32 f64 bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
        identifier ignored_any
    }
}
