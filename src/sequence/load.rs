//! A file to a document with its mistakes.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::check;
use super::decode::{Spans, decode};
use super::diagnostic::{Diagnostic, Severity, Source, Span};
use super::schema::Sequence;
use super::syntax::{self, MOST_MISTAKES};
use crate::regular;
use crate::secret::Redactor;

/// Largest file read, in bytes (spec 1.1: stored definitions are limited to 2 MB).
pub const LARGEST: u64 = 2 * 1024 * 1024;

/// Why a file gives no text.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It cannot be opened or read.
    #[error("reading `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("`{}` is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Over [`LARGEST`].
    #[error("`{}` is larger than 2 MiB", .0.display())]
    TooLarge(PathBuf),
    /// Not UTF-8.
    #[error("`{}` is not a UTF-8 text: line {line} holds a byte that fits no character", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// A document as written: syntax and types are known, its limits are not checked.
#[derive(Debug)]
pub struct Loaded {
    /// The text.
    pub source: Source,
    /// The document. With mistakes in it, what is left of it, if anything.
    pub sequence: Option<Sequence>,
    /// The mistakes so far, in order of their place.
    pub diagnostics: Vec<Diagnostic>,
    /// Where each value stands.
    pub spans: Spans,
}

/// A document with all of its mistakes.
#[derive(Debug)]
pub struct Checked {
    /// The text.
    pub source: Source,
    /// The document, when it may run.
    pub sequence: Option<Sequence>,
    /// Mistakes and warnings, in order of their place; not more than anybody reads.
    pub diagnostics: Vec<Diagnostic>,
    /// Where each value stands.
    pub spans: Spans,
    /// Masks the secrets that stand in the document: messages show its lines.
    pub redactor: Redactor,
}

impl Checked {
    /// Whether it may run; warnings do not hinder.
    pub fn is_good(&self) -> bool {
        self.sequence.is_some()
            && !self
                .diagnostics
                .iter()
                .any(|d| d.severity == Severity::Error)
    }

    /// Every message, one below the other.
    pub fn render(&self) -> String {
        self.masked(&self.diagnostics)
    }

    /// Messages about it one below the other, the secrets that stand in it masked.
    pub fn masked(&self, diagnostics: &[Diagnostic]) -> String {
        let text = render(&self.source, diagnostics);
        self.redactor.redact(&text).into_owned()
    }

    /// The first error in one line, for lists.
    pub fn first_mistake(&self) -> Option<String> {
        self.diagnostics
            .iter()
            .find(|d| d.severity == Severity::Error)
            .map(|d| self.redactor.redact(&d.one_line(&self.source)).into_owned())
    }
}

/// Messages one below the other.
pub fn render(source: &Source, diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|d| d.render(source)).collect()
}

fn text_of(path: &Path) -> Result<String, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    regular::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => LoadError::NotAFile(path.to_owned()),
            _ => failed(error),
        })?;
    if bytes.len() as u64 > LARGEST {
        return Err(LoadError::TooLarge(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        LoadError::NotText {
            path: path.to_owned(),
            line: before.split(|&byte| byte == b'\n').count(),
        }
    })
}

/// Reads a file without checking its limits.
///
/// # Errors
/// The file gives no text. Mistakes in the text are in the result.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    Ok(parse(&path.display().to_string(), &text_of(path)?))
}

/// Reads a text without checking its limits; `name` is what messages call it.
pub fn parse(name: &str, text: &str) -> Loaded {
    let source = Source::new(name, text);
    let (tree, mut diagnostics) = syntax::parse(&source);
    let mut spans = Spans::new();
    let mut sequence = None;
    if let Some(tree) = tree {
        let decoded = decode::<Sequence>(&tree);
        // What stood behind the end of a file cut short is not missing for a reason of its own.
        let cut = diagnostics
            .iter()
            .any(|d| d.message.ends_with("is never closed"));
        diagnostics.extend(
            decoded
                .mistakes
                .into_iter()
                .filter(|d| !(cut && d.message.ends_with("is missing"))),
        );
        spans = decoded.spans;
        sequence = decoded.value;
    }
    diagnostics.sort_by_key(|d| d.span);
    Loaded {
        source,
        sequence,
        diagnostics,
        spans,
    }
}

/// Reads and checks a file. A file that cannot be read is a document with one mistake.
pub fn read(path: &Path) -> Checked {
    match load(path) {
        Ok(loaded) => checked(loaded),
        Err(error) => {
            let name = path.display().to_string();
            let mut message = error.to_string();
            if let Some(cause) = std::error::Error::source(&error) {
                message = format!("{message}: {cause}");
            }
            let mut mistake = Diagnostic::error(Span::default(), message);
            mistake.span = None;
            Checked {
                source: Source::new(name, ""),
                sequence: None,
                diagnostics: vec![mistake],
                spans: Spans::new(),
                redactor: Redactor::default(),
            }
        }
    }
}

/// Reads and checks a text.
pub fn read_text(name: &str, text: &str) -> Checked {
    checked(parse(name, text))
}

/// Keeps the first [`MOST_MISTAKES`] errors and as many warnings, and says how many more there are.
pub(super) fn shorten(diagnostics: &mut Vec<Diagnostic>) {
    for severity in [Severity::Error, Severity::Warning] {
        let mut count = 0;
        diagnostics.retain(|d| {
            count += usize::from(d.severity == severity);
            d.severity != severity || count <= MOST_MISTAKES
        });
        if count > MOST_MISTAKES {
            diagnostics.push(Diagnostic {
                severity,
                message: format!("and {} more", count - MOST_MISTAKES),
                span: None,
                hint: None,
            });
        }
    }
}

fn checked(loaded: Loaded) -> Checked {
    let Loaded {
        source,
        sequence,
        mut diagnostics,
        spans,
    } = loaded;
    if let Some(sequence) = &sequence {
        let complete = diagnostics.is_empty();
        diagnostics.extend(check::check(sequence, &spans, complete));
    }
    diagnostics.sort_by_key(|d| d.span);
    shorten(&mut diagnostics);
    let good = !diagnostics.iter().any(|d| d.severity == Severity::Error);
    Checked {
        source,
        redactor: sequence
            .as_ref()
            .map(Sequence::redactor)
            .unwrap_or_default(),
        sequence: sequence.filter(|_| good),
        diagnostics,
        spans,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_mistakes_ends_with_how_many_more_there_are() {
        let step = |name: &str| {
            format!("Step(name: \"{name}\", action: Pause(message: \"m\")),")
                .repeat(MOST_MISTAKES + 7)
        };
        let steps = format!("{}{}", step(&"n".repeat(60)), step(""));
        let checked = read_text("x", &format!("(schema: 1, name: \"x\", steps: [{steps}])"));
        assert!(!checked.is_good() && checked.sequence.is_none());
        assert_eq!(checked.diagnostics.len(), 2 * (MOST_MISTAKES + 1));
        let text = checked.render();
        assert!(
            text.ends_with("x: error: and 7 more\nx: warning: and 7 more\n"),
            "{text}"
        );
        let first = checked.first_mistake().unwrap();
        assert!(first.ends_with("the name of the step is empty"), "{first}");
    }
}
