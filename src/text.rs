//! Text from outside (tools, file names, documents, clients) made harmless before it is shown.

use std::borrow::Cow;

/// The longest line kept for the screen and the event stream, in bytes; the log file gets the whole line.
pub const LONGEST_SHOWN: usize = 2_000;

/// `text` without escape sequences and control characters, for drawing and for plain output. Tabs become
/// blanks; every other control character, C1 included, vanishes; the bidirectional overrides (which can make a
/// line read as something else) become `?`. Line breaks are kept out too: give it one line at a time.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let stripped = strip_ansi_escapes::strip(text.replace('\t', " "));
    let stripped = String::from_utf8_lossy(&stripped);
    Cow::Owned(
        stripped
            .chars()
            .map(|c| if is_dangerous(c) { '?' } else { c })
            .collect(),
    )
}

fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` cut to at most `limit` bytes at a character boundary, with a note of what was left out.
pub fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!(
        "{} … ({} more bytes)",
        &text[..end],
        text.len() - end
    ))
}

/// A name as file systems of Windows compare it: each sign in upper case, none becoming two.
pub fn folded(name: &str) -> String {
    name.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_vanish_and_controls_are_marked() {
        assert_eq!(harmless("a\x1b[31mred\x1b[0m b"), "ared b");
        assert_eq!(harmless("bell\u{7}x"), "bellx");
        assert_eq!(harmless("a\u{202e}b"), "a?b");
        assert_eq!(harmless("c1\u{9b}31m"), "c131m");
        assert!(
            !harmless("\x1b]0;title\x07\x1bP+q\x1b\\ \u{85}")
                .chars()
                .any(char::is_control)
        );
        assert!(matches!(harmless("plain äöü"), Cow::Borrowed(_)));
    }

    #[test]
    fn shorten_respects_characters() {
        assert_eq!(shorten("äöü", 3), "ä … (4 more bytes)");
        assert_eq!(shorten("abc", 3), "abc");
    }
}
