//! Mistakes with their place: `file:line:col`, the line, a caret and a way out.

use std::fmt::Write as _;

use crate::text::harmless;

/// Longest piece of a line that is shown, in characters.
const WINDOW: usize = 100;

/// A piece of the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The sequence cannot run.
    Error,
    /// It can, but it may not do what is meant.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub level: Level,
    /// One sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The way out.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            message: message.into(),
            span,
            hint: None,
        }
    }

    /// A warning.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(span, message)
        }
    }

    /// With a way out.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }
}

/// A text and its name, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's name as given.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// Line and column (in characters) of a byte, both from 1.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// A mistake in one line: `file:line:col: message`.
    pub fn one_line(&self, diagnostic: &Diagnostic) -> String {
        let (line, column) = self.position(diagnostic.span.start);
        format!("{}:{line}:{column}: {}", self.name, harmless(&diagnostic.message))
    }

    /// A mistake with its line, a caret and the hint; several lines, each ended.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        let (line, column) = self.position(diagnostic.span.start);
        let level = match diagnostic.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let mut out = format!(
            "{}:{line}:{column}: {level}: {}\n",
            harmless(&self.name),
            harmless(&diagnostic.message)
        );
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        // One shown character for one of the text, so that the caret stands below its place.
        let shown: Vec<char> = text
            .chars()
            .map(|c| match c {
                '\t' => ' ',
                c if harmless(c.encode_utf8(&mut [0; 4])).chars().next() != Some(c) => '?',
                c => c,
            })
            .collect();
        let from = column.saturating_sub(1 + WINDOW / 2).min(shown.len().saturating_sub(WINDOW));
        let piece: String = shown.iter().skip(from).take(WINDOW).collect();
        let gutter = line.to_string();
        let length = self
            .text
            .get(diagnostic.span.start..diagnostic.span.end)
            .map_or(1, |span| span.lines().next().unwrap_or_default().chars().count())
            .clamp(1, (WINDOW + from + 1).saturating_sub(column).max(1));
        let _ = writeln!(out, "{gutter} | {}", piece.trim_end());
        let _ = writeln!(
            out,
            "{:>width$} | {:>pad$}{}",
            "",
            "",
            "^".repeat(length),
            width = gutter.len(),
            pad = column - 1 - from
        );
        if let Some(hint) = &diagnostic.hint {
            let _ = writeln!(out, "{:>width$} = {}", "", harmless(hint), width = gutter.len());
        }
        out
    }
}
