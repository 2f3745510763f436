//! The entries, and how they come out of the document.

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};
use ron::extensions::Extensions;
use serde::Deserialize;
use thiserror::Error;

use crate::codes;

/// The document, a part of the program.
const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/hints/catalogue.ron"));

/// One known failure.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// Its number in the catalogue, from 1; never used for another failure.
    pub number: u32,
    /// A few words.
    pub title: String,
    /// How it shows.
    pub symptom: Symptom,
    /// Why it happens, one sentence.
    pub cause: String,
    /// What to do, sentences, the safest way first.
    pub todo: Vec<String>,
    /// What the console can do about it.
    #[serde(default)]
    pub action: Option<HintAction>,
}

/// How a failure shows. Any of codes, error numbers and patterns is enough; the kinds narrow codes and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symptom {
    /// 32-bit codes; Win32 numbers as HRESULT (0x8007nnnn).
    #[serde(default)]
    pub codes: Vec<u32>,
    /// Linux error numbers.
    #[serde(default)]
    pub errnos: Vec<i32>,
    /// Regular expressions over one line of message, causes or tool output each; upper and lower case are the same,
    /// and letters are ASCII.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Step kinds by Configuration Manager's names; none means any.
    #[serde(default)]
    pub kinds: Vec<String>,
}

impl Symptom {
    /// Whether a code in its 32-bit form is among the codes.
    pub(super) fn has(&self, code: u32) -> bool {
        self.codes.iter().any(|c| codes::full(*c) == code)
    }
}

/// What the console can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum HintAction {
    /// Restart the computer, then run the step again.
    RestartAndRetry,
    /// Ask for another name, then run the step again.
    NewName,
    /// Clear the attribute of the partition, then run the step again.
    ClearAttribute,
    /// Look at disks and volumes anew, then run the step again.
    Rescan,
    /// Connect the share again, then run the step again.
    Reconnect,
    /// Run the step again.
    Retry,
}

/// Why a catalogue cannot be used.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// Not RON, or not of this form.
    #[error("the catalogue of hints cannot be read: {0}")]
    Document(#[from] ron::error::SpannedError),
    /// A regular expression is wrong.
    #[error("the catalogue of hints has a wrong pattern: {0}")]
    Pattern(#[from] regex::Error),
}

/// The entries with their patterns, ready to be matched.
pub(super) struct Loaded {
    /// The entries.
    pub(super) hints: Vec<Hint>,
    /// All patterns of all entries.
    pub(super) patterns: RegexSet,
    /// For each pattern, the index of its entry.
    pub(super) owners: Vec<usize>,
}

/// Every entry, in the order of the numbers. The embedded document is proven good by a test; were it broken all the
/// same, the list would be empty.
pub fn catalogue() -> &'static [Hint] {
    &loaded().hints
}

/// Reads a catalogue and tries its patterns.
///
/// # Errors
/// The text is no catalogue, or one of its patterns is no regular expression.
pub fn read(text: &str) -> Result<Vec<Hint>, CatalogueError> {
    load(text).map(|loaded| loaded.hints)
}

pub(super) fn loaded() -> &'static Loaded {
    static LOADED: LazyLock<Loaded> = LazyLock::new(|| {
        load(DOCUMENT).unwrap_or_else(|_| Loaded {
            hints: Vec::new(),
            patterns: RegexSet::empty(),
            owners: Vec::new(),
        })
    });
    &LOADED
}

fn load(text: &str) -> Result<Loaded, CatalogueError> {
    let hints: Vec<Hint> = ron::Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .from_str(text)?;
    let mut owners = Vec::new();
    let mut patterns = Vec::new();
    for (at, hint) in hints.iter().enumerate() {
        for pattern in &hint.symptom.patterns {
            owners.push(at);
            patterns.push(pattern.as_str());
        }
    }
    let patterns = RegexSetBuilder::new(patterns)
        .case_insensitive(true)
        // The words searched for are ASCII: Unicode's classes would only make the automaton large.
        .unicode(false)
        .build()?;
    Ok(Loaded {
        hints,
        patterns,
        owners,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str =
        "(number: 1, title: \"t\", symptom: (patterns: [\"x\"]), cause: \"c.\", todo: [\"d.\"], ";

    #[test]
    fn the_embedded_document_is_good() {
        let loaded = load(DOCUMENT).unwrap();
        assert_eq!(loaded.hints.len(), 67);
        assert_eq!(loaded.owners.len(), loaded.patterns.len());
        assert_eq!(catalogue(), loaded.hints);
    }

    #[test]
    fn mistakes_are_told_and_never_panic() {
        assert_eq!(read("[]").unwrap(), []);
        let hints = read(&format!("[{ENTRY} action: Retry)]")).unwrap();
        assert_eq!(hints[0].action, Some(HintAction::Retry));
        assert!(matches!(
            read(&format!("[{ENTRY} colour: 3)]")),
            Err(CatalogueError::Document(_))
        ));
        assert!(matches!(
            read(&format!("[{ENTRY})]").replace("\"x\"", "\"(\"")),
            Err(CatalogueError::Pattern(_))
        ));
        assert!(read(&format!("[{ENTRY} action: Explode)]")).is_err());
    }
}
