//! Secrets: values that must never reach a log, a journal, a command line, a child's environment,
//! the screen, an image or a panic message.
//!
//! [`Secret`] cannot be printed or serialised by accident; [`Redactor`] is the second line of
//! defence at every sink, for secrets that were expanded into some other text.

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroizing;

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
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Replaces known secrets in running text. Kept by the engine and applied at the log writer, to
/// tool output, to failures and to every event text: at the sinks, not at the callers.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another is masked whole.
    secrets: Vec<Secret>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

impl Redactor {
    /// Remembers `secret`; very short ones (under four bytes) are ignored, see the module's source.
    pub fn add(&mut self, secret: &Secret) {
        if secret.reveal().len() < SHORTEST_REDACTED || self.secrets.contains(secret) {
            return;
        }
        self.secrets.push(secret.clone());
        self.secrets
            .sort_by_key(|s| std::cmp::Reverse(s.reveal().len()));
    }

    /// What is known, longest first: for a search through something that is no text in memory.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// `text` with every known secret replaced by [`MASK`].
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = Cow::Borrowed(text);
        for secret in &self.secrets {
            if out.contains(secret.reveal()) {
                out = Cow::Owned(out.replace(secret.reveal(), MASK));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_mask_only() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), MASK);
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new("hunter2"));
        assert!(!format!("{redactor:?}").contains("hunter2"));
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
