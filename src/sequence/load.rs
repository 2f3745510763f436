//! From a file to a checked document.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::check;
use super::decode;
use super::diagnostic::{Diagnostic, Level, Source, Span};
use super::schema::Sequence;
use super::syntax;

/// Longest document that is read, in bytes (a stored definition has 2 MB at most, spec 1.1).
pub const LONGEST: u64 = 2 * 1024 * 1024;

/// Why a document could not be read at all.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The system's.
    #[error("reading {path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// Over [`LONGEST`].
    #[error("{path} is longer than {LONGEST} bytes; a task sequence never is", path = .0.display())]
    TooLong(PathBuf),
    /// Not UTF-8.
    #[error("{path} is not UTF-8 text (byte {at}); save it as UTF-8", path = .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first byte that is wrong.
        at: usize,
    },
}

/// A document with everything that is wrong with it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its text.
    pub source: Source,
    /// The document; stand-ins stand where mistakes were.
    pub sequence: Option<Sequence>,
    /// Mistakes and warnings in order of their place.
    pub diagnostics: Vec<Diagnostic>,
    /// Where each value stands, by path.
    pub spans: BTreeMap<String, Span>,
}

impl Checked {
    /// Whether it can run: there are no errors (there may be warnings).
    pub fn is_good(&self) -> bool {
        self.sequence.is_some() && !self.diagnostics.iter().any(|d| d.level == Level::Error)
    }

    /// Every mistake with its line and caret; empty when there is none.
    pub fn render(&self) -> String {
        self.render_these(&self.diagnostics)
    }

    /// These mistakes with their lines and carets.
    pub fn render_these(&self, diagnostics: &[Diagnostic]) -> String {
        let all: Vec<String> = diagnostics.iter().map(|d| self.source.render(d)).collect();
        all.join("\n")
    }

    /// The first error in one line.
    pub fn first_mistake(&self) -> Option<String> {
        self.diagnostics
            .iter()
            .find(|d| d.level == Level::Error)
            .map(|d| self.source.one_line(d))
    }

    /// Where the value at a path stands; the nearest value around it when it is not written.
    pub fn span(&self, path: &str) -> Span {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return *span;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Span::default(),
            }
        }
    }
}

/// Reads and checks a file.
///
/// # Errors
/// See [`LoadError`]; mistakes in the document are not errors here.
pub fn read(path: &Path) -> Result<Checked, LoadError> {
    let io = |source| LoadError::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(io)?;
    if bytes.len() as u64 > LONGEST {
        return Err(LoadError::TooLong(path.to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|error| LoadError::NotText {
        path: path.to_owned(),
        at: error.utf8_error().valid_up_to(),
    })?;
    Ok(parse(&path.display().to_string(), text))
}

/// Checks a text.
pub fn parse(name: &str, text: impl Into<String>) -> Checked {
    let text = text.into();
    let (tree, mut diagnostics) = syntax::parse(&text);
    let decoded = decode::decode::<Sequence>(&tree);
    diagnostics.extend(decoded.mistakes);
    let mut checked = Checked {
        source: Source {
            name: name.to_owned(),
            text,
        },
        sequence: decoded.value,
        diagnostics: Vec::new(),
        spans: decoded.spans,
    };
    if let Some(sequence) = &checked.sequence {
        // A stand-in breaks rules that nobody wrote: values that were told about already are not checked again.
        let told: Vec<Span> = diagnostics.iter().map(|d| d.span).collect();
        let broken_text = diagnostics.iter().any(|d| d.level == Level::Error);
        diagnostics.extend(check::check(sequence, &checked).into_iter().filter(|d| {
            let inside_told = told
                .iter()
                .any(|span| span.start <= d.span.start && d.span.end <= span.end);
            let written = d.span.end > d.span.start;
            !(broken_text && (inside_told || !written))
        }));
    }
    diagnostics.sort_by_key(|d| d.span);
    diagnostics.dedup();
    checked.diagnostics = diagnostics;
    checked
}
