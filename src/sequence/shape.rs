//! What a setting may be, read off the types themselves: the words of an enumeration, true and false.
//!
//! A type says what it wants when it is deserialised; the probe here follows a path into [`Step`] and hands back what
//! is asked for at its end, as an error that carries the answer.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, MapAccess,
    VariantAccess, Visitor,
};

use super::schema::Step;

/// The values that the setting at `path` (`timeout`, `action.style`) of a step with the action `action` may have, as in
/// the document; a word with values of its own ends in `(...)`. Empty where any text or number will do.
pub fn allowed(action: &str, path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.split('.').collect();
    let probe = |variant| Probe {
        action,
        path: &parts,
        variant,
    };
    match Step::deserialize(probe(None)) {
        Err(Stop::Truth) => vec!["true".to_owned(), "false".to_owned()],
        Err(Stop::Words(words)) => words
            .iter()
            .map(|word| match Step::deserialize(probe(Some(word))) {
                Err(Stop::Word) => (*word).to_owned(),
                _ => format!("{word}(...)"),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// What was found at the end of the path.
#[derive(Debug)]
enum Stop {
    Truth,
    Words(&'static [&'static str]),
    /// A word without values of its own.
    Word,
    Other,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a probe")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

#[derive(Clone, Copy)]
struct Probe<'a> {
    action: &'a str,
    path: &'a [&'a str],
    /// This word of the enumeration at the end: has it values of its own?
    variant: Option<&'a str>,
}

macro_rules! other {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
            Err(Stop::Other)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    other! {
        deserialize_any deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_bool<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(if self.path.is_empty() {
            Stop::Truth
        } else {
            Stop::Other
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, Stop> {
        Err(Stop::Other)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Stop> {
        Err(Stop::Other)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, Stop> {
        Err(Stop::Other)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.path.split_first() {
            Some((name, path)) => visitor.visit_map(Only {
                name: Some(name),
                value: Self { path, ..self },
            }),
            None => Err(Stop::Other),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match (self.path.is_empty(), self.variant) {
            (true, None) => Err(Stop::Words(words)),
            (true, Some(word)) => visitor.visit_enum(Chosen { word, probe: self }),
            (false, _) => visitor.visit_enum(Chosen {
                word: self.action,
                probe: self,
            }),
        }
    }
}

/// A structure of which only one field is there.
struct Only<'a> {
    name: Option<&'a str>,
    value: Probe<'a>,
}

impl<'de> MapAccess<'de> for Only<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        match self.name.take() {
            Some(name) => {
                let name: StrDeserializer<'_, Stop> = name.into_deserializer();
                seed.deserialize(name).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.value)
    }
}

/// One word of an enumeration.
struct Chosen<'a> {
    word: &'a str,
    probe: Probe<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Chosen<'a> {
    type Error = Stop;
    type Variant = Probe<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Stop> {
        let word: StrDeserializer<'_, Stop> = self.word.into_deserializer();
        Ok((seed.deserialize(word)?, self.probe))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Err(Stop::Word)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        if self.path.is_empty() {
            return Err(Stop::Other);
        }
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Stop> {
        Err(Stop::Other)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        Err(Stop::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn enumerations_and_truths_are_known_by_their_place() {
        for (action, path, wanted) in [
            ("PartitionDisk", "action.style", &["Gpt", "Mbr"][..]),
            ("RunCommandLine", "action.shell", &["true", "false"]),
            ("RestartComputer", "action.to", &["WindowsPE", "HardDisk"]),
            (
                "ApplyOperatingSystem",
                "action.index",
                &["Index(...)", "Name(...)", "All"],
            ),
            (
                "ApplyOperatingSystem",
                "action.architecture",
                &["X64", "X86", "Arm64"],
            ),
            ("Pause", "disabled", &["true", "false"]),
            ("Pause", "continue_on_error", &["true", "false"]),
            ("Pause", "timeout", &[]),
            ("Pause", "action.message", &[]),
            ("Pause", "action.none", &[]),
            ("None", "action.none", &[]),
            ("PartitionDisk", "action.partitions", &[]),
        ] {
            assert_eq!(allowed(action, path), wanted, "{action} {path}");
        }
    }
}
