//! A tree to the document types, through serde, with every mistake collected.
//!
//! Serde stops at the first error, and a visitor that has failed cannot be asked again. So the tree is read
//! several times: a mistake marks the value it stands in and ends the reading, the next reading passes over what
//! is marked. A marked field counts as absent, a marked list element is left out; what then follows from it (a
//! missing field, a struct that cannot be built) is not reported.
//!
//! Options are written as plain values, and the content of an enum variant without a second pair of brackets.

mod fill;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{Deserialize, Expected, Unexpected};

use super::diagnostic::{Diagnostic, Span};
use super::syntax::{MOST_MISTAKES, Tree};

/// Values read at most before giving up on finding further mistakes.
const BUDGET: usize = 5_000_000;

/// Where each value stands, by its path: `steps[1].steps[0].action.partitions[2].size`.
///
/// Enum variants add nothing to a path; the members of a variant with several values are `.0`, `.1`; the value of
/// a map entry is `variables.NAME`. List positions count what could be read.
pub type Spans = BTreeMap<String, Span>;

/// What became of a tree.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The document; with mistakes, what is left of it, if anything.
    pub value: Option<T>,
    /// The mistakes.
    pub mistakes: Vec<Diagnostic>,
    /// Where the values stand.
    pub spans: Spans,
}

/// Reads a tree as `T`.
pub fn decode<T: for<'de> Deserialize<'de>>(tree: &Tree) -> Decoded<T> {
    let mut state = State::default();
    let value = loop {
        state.spans.clear();
        let failure = match T::deserialize(value::Reader::root(tree, &mut state)) {
            Ok(value) => break Some(value),
            Err(failure) => failure,
        };
        match failure {
            Failure::Again => {}
            Failure::Spoiled => break None,
            Failure::Missing(_) | Failure::Message(_) => {
                state.report(tree, failure);
                break None;
            }
        }
        if state.is_full() || state.visits > BUDGET {
            break None;
        }
    };
    let mut mistakes = state.mistakes;
    mistakes.sort_by_key(|mistake| mistake.span);
    Decoded {
        value,
        mistakes,
        spans: state.spans,
    }
}

/// Kept from one reading to the next.
#[derive(Default)]
struct State {
    mistakes: Vec<Diagnostic>,
    /// Places already complained about, so that the next reading does not do it again.
    told: BTreeSet<(Span, String)>,
    /// Trees that are passed over.
    bad: BTreeSet<usize>,
    /// Fields that a struct lacks: filled with something, so that the other missing ones are found too.
    filled: BTreeMap<usize, BTreeSet<&'static str>>,
    spans: Spans,
    visits: usize,
}

impl State {
    fn tell(&mut self, mistake: Diagnostic) {
        let key = (mistake.span.unwrap_or_default(), mistake.message.clone());
        if !self.is_full() && self.told.insert(key) {
            self.mistakes.push(mistake);
        }
    }

    /// Whether further mistakes are of no interest.
    fn is_full(&self) -> bool {
        self.mistakes.len() >= MOST_MISTAKES
    }

    /// Reports what went wrong in `tree`, unless that was done where it happened.
    fn report(&mut self, tree: &Tree, failure: Failure) {
        match failure {
            Failure::Again | Failure::Spoiled => {}
            Failure::Missing(field) => {
                self.tell(Diagnostic::error(
                    tree.head(),
                    format!("the field `{field}` is missing"),
                ));
            }
            Failure::Message(mistake) => {
                let mut mistake = *mistake;
                mistake.span.get_or_insert(tree.head());
                self.tell(mistake);
            }
        }
    }

    /// Marks `tree` after a failure inside it; the failure to hand on.
    fn spoil(&mut self, tree: &Tree, failure: Failure) -> Failure {
        if matches!(failure, Failure::Again) {
            return failure;
        }
        self.report(tree, failure);
        self.bad.insert(tree.id);
        Failure::Again
    }
}

/// Why a reading ended.
#[derive(Debug)]
enum Failure {
    /// Something new was marked: read again.
    Again,
    /// The value cannot be built; its mistakes have been reported.
    Spoiled,
    /// A field without default is absent.
    Missing(&'static str),
    /// Not reported yet; without a span, it is about the value that is being read.
    Message(Box<Diagnostic>),
}

impl Failure {
    fn at(span: Span, message: impl Into<String>) -> Self {
        Self::Message(Box::new(Diagnostic::error(span, message)))
    }

    fn with_hint(span: Span, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Message(Box::new(Diagnostic::error(span, message).hint(hint)))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Again | Self::Spoiled => f.write_str("reported already"),
            Self::Missing(field) => write!(f, "the field `{field}` is missing"),
            Self::Message(mistake) => f.write_str(&mistake.message),
        }
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    fn custom<M: std::fmt::Display>(message: M) -> Self {
        let mut mistake = Diagnostic::error(Span::default(), message.to_string());
        mistake.span = None;
        Self::Message(Box::new(mistake))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("expected {expected}, found {found}"))
    }
}

/// "did you mean", else the whole list.
fn suggestion(word: &str, known: &[&str]) -> String {
    let lower = word.to_lowercase();
    let best = known
        .iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&lower, &name.to_lowercase()),
                *name,
            )
        })
        .min();
    match best {
        Some((distance, name)) if distance <= (word.chars().count() / 3).max(1) => {
            format!("did you mean `{name}`?")
        }
        _ => format!("known here: {}", known.join(", ")),
    }
}
