//! Secrets: values that must never reach a log, a journal, a command line, a child's environment,
//! the screen, an image or a panic message.
//!
//! [`Secret`] cannot be printed or serialised by accident; [`Redactor`] is the second line of
//! defence at every sink, for secrets that were expanded into some other text or written in another form.

mod decode;
mod forms;
mod lines;
mod redactor;

use std::fmt;

use zeroize::Zeroizing;

pub use lines::MaskedLines;
pub use redactor::Redactor;

/// What is shown in place of a secret, everywhere.
pub const MASK: &str = "********";

/// Secrets shorter than this are not searched for in running text: replacing every "a" of a log
/// would destroy the log and give the secret away all the same. Values are still masked as values.
pub(crate) const SHORTEST_REDACTED: usize = 4;

/// A secret text. Cleared from memory on drop; `Debug` shows the mask; there is no `Display` and no
/// `Serialize` on purpose (the wire form lives in `protocol`, for requests only).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of `text`; the caller's copy, if any, is the caller's to clear.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Name each use: whoever calls this answers for where the text goes.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether the secret is the empty text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What must be said where a secret is given that running text does not hide; none for all others.
    pub fn caution(&self) -> Option<String> {
        caution(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// As [`Secret::caution`], for a value that is being typed.
pub fn caution(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if text.trim().len() < SHORTEST_REDACTED {
        return Some(format!(
            "under {SHORTEST_REDACTED} bytes: it is not hidden in the output of tools"
        ));
    }
    MASK.contains(text.trim())
        .then(|| "asterisks only: it is not hidden in the output of tools".to_owned())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn debug_shows_the_mask_only() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), MASK);
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new("hunter2"));
        assert!(!format!("{redactor:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_not_hidden_is_said() {
        assert_eq!(caution(""), None);
        assert_eq!(caution("abcd"), None);
        assert!(caution("abc").is_some_and(|why| why.contains("under 4")));
        assert!(caution("  ab ").is_some());
        assert!(caution("*****").is_some());
        assert_eq!(caution("ä1b"), None);
    }

    #[test]
    fn longer_secrets_are_masked_before_the_ones_they_contain() {
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new("pass"));
        redactor.add(&Secret::new("password1"));
        assert_eq!(
            redactor.redact("x password1 y pass z"),
            format!("x {MASK} y {MASK} z")
        );
    }

    #[test]
    fn text_without_secrets_is_borrowed() {
        let redactor = Redactor::default();
        assert!(matches!(redactor.redact("abc"), Cow::Borrowed("abc")));
    }
}
