//! Mistakes as people read them: `file:line:col`, the line, a caret, a hint.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::text::harmless;

/// Columns of a document line that are shown; longer lines are cut around the mistake.
const WINDOW: usize = 100;
/// Characters of a line that are looked at on each side: a document may stand on one line.
const LOOKED_AT: usize = 4 * WINDOW;

/// A stretch of the document, in bytes; the end is not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Span {
    /// From `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Both stretches and what lies between.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// Whether a document may run in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may not.
    Error,
    /// It may.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// One sentence without a full stop.
    pub message: String,
    /// Where; `None` when it is about the file as a whole.
    pub span: Option<Span>,
    /// The way out, when there is an obvious one.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: Some(span),
            hint: None,
        }
    }

    /// A warning at a place.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The whole message over several lines, without escape sequences, ending in a line break.
    pub fn render(&self, source: &Source) -> String {
        let mut out = self.one_line(source);
        out.push('\n');
        if let Some(span) = self.span {
            excerpt(&mut out, source, span);
        }
        if let Some(hint) = &self.hint {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "      = {}", harmless(hint));
        }
        out
    }

    /// `file:line:col: error: message`, for lists.
    pub fn one_line(&self, source: &Source) -> String {
        let place = match self.span {
            Some(span) => {
                let (line, column) = source.position(span.start);
                format!("{}:{line}:{column}", source.name)
            }
            None => source.name.clone(),
        };
        let line = format!("{place}: {}: {}", self.severity.word(), self.message);
        harmless(&line).into_owned()
    }
}

/// A document's text and where its lines begin.
#[derive(Clone, Debug, Default)]
pub struct Source {
    name: String,
    text: String,
    starts: Vec<usize>,
}

impl Source {
    /// Takes a text; `name` is what messages call it. A byte order mark is dropped.
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name: name.into(),
            text,
            starts,
        }
    }

    /// What messages call it: usually the path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, without byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of a byte, from 1. Quick, however long the lines are.
    pub fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset).max(1)
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.line_of(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// A line by its number, without its line break.
    pub fn line(&self, number: usize) -> &str {
        let Some(&start) = number
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
        else {
            return "";
        };
        let end = self.starts.get(number).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// `offset` moved back into the text and to the start of a character.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// The line of the mistake with a caret line below. Each part is made harmless on its own: an escape sequence
/// that vanishes must not move the caret.
fn excerpt(out: &mut String, source: &Source, span: Span) {
    let start = source.boundary(span.start);
    let number = source.line_of(start);
    let line = source.line(number);
    let begin = source.starts.get(number - 1).copied().unwrap_or(0);
    let (before, rest) = line.split_at((start - begin).min(line.len()));
    let mut length = span.end.saturating_sub(span.start).min(rest.len());
    while !rest.is_char_boundary(length) {
        length -= 1;
    }
    let (marked, after) = rest.split_at(length);
    let before = before
        .char_indices()
        .rev()
        .nth(LOOKED_AT)
        .map_or(before, |(at, _)| &before[at..]);
    let (marked, after) = (first(marked), first(after));
    let (before, marked, after) = (harmless(before), harmless(marked), harmless(after));

    let marked = head(&marked, WINDOW - 20);
    let room = WINDOW.saturating_sub(marked.width());
    let before = tail(&before, room.saturating_sub(after.width()).max(room / 2));
    let after = head(&after, room.saturating_sub(before.width()));
    let _ = writeln!(out, "{number:>5} | {before}{marked}{after}");
    let carets = "^".repeat(marked.width().max(1));
    let _ = writeln!(out, "      | {}{carets}", " ".repeat(before.width()));
}

fn first(text: &str) -> &str {
    text.char_indices()
        .nth(LOOKED_AT)
        .map_or(text, |(at, _)| &text[..at])
}

/// At most `columns` from the start.
fn head(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if out.width() + 2 > columns {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// At most `columns` from the end.
fn tail(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    for c in text.chars().rev() {
        if kept.len() + 2 > columns {
            break;
        }
        kept.push(c);
    }
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("x", "\u{feff}aä\r\nbc\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 3));
        assert_eq!(source.position(5), (2, 1));
        assert_eq!(
            source.position(2),
            (1, 2),
            "inside a character is its start"
        );
        assert_eq!(source.position(999), (3, 1));
        assert_eq!(source.line_of(2), 1, "inside a character");
        assert_eq!(source.line_of(999), 3);
        assert_eq!(source.line(1), "aä");
        assert_eq!(source.line(9), "");
    }

    #[test]
    fn caret_stands_below_wide_characters_and_tabs() {
        let source = Source::new("x", "\t漢 bad");
        let shown = Diagnostic::error(Span::new(5, 8), "no")
            .hint("yes")
            .render(&source);
        assert_eq!(
            shown,
            "x:1:4: error: no\n    1 |  漢 bad\n      |     ^^^\n      = yes\n"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_mistake() {
        let text = format!("{}BAD{}", "a".repeat(5000), "b".repeat(5000));
        let shown = Diagnostic::error(Span::new(5000, 5003), "no").render(&Source::new("x", &text));
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].width() <= WINDOW + 10, "{}", lines[1].width());
        assert!(lines[1].contains("…a") && lines[1].contains("BADb") && lines[1].ends_with('…'));
        assert_eq!(
            lines[1].chars().position(|c| c == 'B'),
            lines[2].chars().position(|c| c == '^')
        );
    }

    #[test]
    fn escape_sequences_do_not_reach_the_screen() {
        let source = Source::new("x\x1b[2J", "\x1b[31mred \u{202e}bad");
        let shown = Diagnostic::error(Span::new(5, 8), "a\x1b[0mb").render(&source);
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n'),
            "{shown:?}"
        );
    }

    #[test]
    fn spans_outside_the_text_do_not_panic() {
        let source = Source::new("x", "ä");
        for (start, end) in [(0, 1), (1, 2), (2, 2), (7, 3), (0, 99)] {
            assert!(
                !Diagnostic::error(Span::new(start, end), "m")
                    .render(&source)
                    .is_empty()
            );
        }
    }
}
