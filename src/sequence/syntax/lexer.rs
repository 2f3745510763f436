//! RON text to tokens.

use crate::sequence::diagnostic::{Diagnostic, Span};

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// The kinds of token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Open(char),
    Close(char),
    Comma,
    Colon,
    Equals,
    Name(String),
    Number(String),
    Char(char),
    Text(String),
    /// A mistake was reported; stands for a value.
    Broken,
    /// The end of the file; always the last token.
    End,
}

/// All tokens, ended by [`TokenKind::End`], and the mistakes found.
pub(super) fn tokens(text: &str) -> (Vec<Token>, Vec<Diagnostic>) {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
        mistakes: Vec::new(),
    };
    lexer.run();
    (lexer.tokens, lexer.mistakes)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    mistakes: Vec<Diagnostic>,
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{feff}')
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn push(&mut self, start: usize, kind: TokenKind) {
        let span = Span::new(start, self.at);
        self.tokens.push(Token { kind, span });
    }

    fn mistake(&mut self, start: usize, message: impl Into<String>, hint: &str) {
        if self.mistakes.len() > super::MOST_MISTAKES {
            return;
        }
        let mistake = Diagnostic::error(Span::new(start, self.at), message);
        self.mistakes.push(if hint.is_empty() {
            mistake
        } else {
            mistake.hint(hint)
        });
    }

    fn run(&mut self) {
        self.attributes();
        loop {
            self.skip_while(is_blank);
            let start = self.at;
            let Some(c) = self.peek() else {
                // The end is shown behind the last thing that stands in the file.
                let end = self.text.trim_end().len();
                let span = Span::new(end, end);
                self.tokens.push(Token {
                    kind: TokenKind::End,
                    span,
                });
                return;
            };
            match c {
                '/' => self.comment(),
                '(' | '[' | '{' => self.single(TokenKind::Open(c)),
                ')' | ']' | '}' => self.single(TokenKind::Close(c)),
                ',' => self.single(TokenKind::Comma),
                ':' => self.single(TokenKind::Colon),
                '=' => self.single(TokenKind::Equals),
                '"' => {
                    self.bump();
                    self.text_token(start);
                }
                '\'' => self.char_token(),
                '0'..='9' | '+' | '-' | '.' => {
                    let number = self.skip_while(|c| {
                        c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-')
                    });
                    self.push(start, TokenKind::Number(number.to_owned()));
                }
                _ if is_name_start(c) => self.name_or_text(start),
                '“' | '”' | '„' | '‘' | '’' => {
                    self.bump();
                    self.mistake(
                        start,
                        format!("`{c}` is not a quotation mark here"),
                        "write \"",
                    );
                    self.push(start, TokenKind::Broken);
                }
                _ => {
                    self.bump();
                    self.mistake(start, format!("`{c}` does not belong here"), "");
                    self.push(start, TokenKind::Broken);
                }
            }
        }
    }

    fn single(&mut self, kind: TokenKind) {
        let start = self.at;
        self.bump();
        self.push(start, kind);
    }

    /// `#![enable(...)]` at the head: this program always reads options implicitly, so it says nothing new.
    fn attributes(&mut self) {
        loop {
            self.skip_while(is_blank);
            if self.rest().starts_with("//") || self.rest().starts_with("/*") {
                self.comment();
            } else if self.rest().starts_with("#!") {
                let start = self.at;
                if let Some(end) = self.rest().find(']') {
                    self.at += end + 1;
                } else {
                    self.skip_while(|c| c != '\n');
                    self.mistake(start, "this `#![...]` is never closed", "");
                }
            } else {
                return;
            }
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        if self.rest().starts_with("//") {
            self.skip_while(|c| c != '\n');
        } else if self.rest().starts_with("/*") {
            self.at += 2;
            let mut depth = 1_usize;
            while depth > 0 {
                let rest = self.rest();
                let Some(next) = rest.find(['/', '*']) else {
                    // Everything behind belongs to the comment: nothing is left to read.
                    self.at = start + 2;
                    self.mistake(start, "this comment is never closed", "end it with */");
                    self.at = self.text.len();
                    return;
                };
                let pair = &rest[next..];
                if pair.starts_with("/*") {
                    depth += 1;
                    self.at += next + 2;
                } else if pair.starts_with("*/") {
                    depth -= 1;
                    self.at += next + 2;
                } else {
                    self.at += next + 1;
                }
            }
        } else {
            self.bump();
            self.mistake(start, "`/` does not belong here", "comments begin with //");
        }
    }

    fn name_or_text(&mut self, start: usize) {
        let rest = self.rest();
        let after_r = rest.strip_prefix('r').unwrap_or("");
        let hashes = after_r.len() - after_r.trim_start_matches('#').len();
        if rest.starts_with('r') && after_r[hashes..].starts_with('"') {
            self.at += 1 + hashes + 1;
            self.raw_text(start, hashes);
            return;
        }
        if rest.starts_with("b\"") || rest.starts_with("b'") || rest.starts_with("br\"") {
            let length = rest.find(['"', '\'']).unwrap_or(1);
            self.at += length;
            self.mistake(
                start,
                "byte strings are not used in sequences",
                "leave out the b",
            );
            return;
        }
        if hashes == 1 {
            self.at += 2;
        }
        let name = self.skip_while(is_name_part).to_owned();
        self.push(start, TokenKind::Name(name));
    }

    fn raw_text(&mut self, start: usize, hashes: usize) {
        let closing = format!("\"{}", "#".repeat(hashes));
        if let Some(end) = self.rest().find(&closing) {
            let content = self.rest()[..end].to_owned();
            self.at += end + closing.len();
            self.push(start, TokenKind::Text(content));
        } else {
            self.unclosed(
                start,
                &format!(
                    "a raw text that begins with r{}\" ends with {closing}",
                    "#".repeat(hashes)
                ),
            );
        }
    }

    /// A text whose end is missing: the rest of the file belongs to it.
    fn unclosed(&mut self, start: usize, hint: &str) {
        self.at = start
            + self.text[start..]
                .find(['\n', '\r'])
                .unwrap_or(self.text.len() - start);
        self.mistake(start, "this text is never closed", hint);
        self.push(start, TokenKind::Broken);
        self.at = self.text.len();
    }

    fn text_token(&mut self, start: usize) {
        let mut content = String::new();
        loop {
            content.push_str(self.skip_while(|c| c != '"' && c != '\\'));
            match self.bump() {
                None => {
                    self.unclosed(start, "the closing quotation mark is missing");
                    return;
                }
                Some('"') => break,
                Some(_) => {
                    let rest = self.rest();
                    if rest.starts_with('\n') || rest.starts_with("\r\n") {
                        // A backslash at the end of a line joins it with the next.
                        self.skip_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
                    } else if let Some(c) = self.escape() {
                        content.push(c);
                    }
                }
            }
        }
        self.push(start, TokenKind::Text(content));
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Option<char> {
        let start = self.at - 1;
        let c = self.bump()?;
        match c {
            '"' | '\'' | '\\' => Some(c),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            '0' => Some('\0'),
            'x' => {
                let digits = self.rest().get(..2).unwrap_or("");
                let value = u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii);
                if let Some(value) = value {
                    self.at += 2;
                    return Some(char::from(value));
                }
                self.mistake(
                    start,
                    "`\\x` needs two hexadecimal digits from 00 to 7F",
                    "write \\\\ for a backslash, or \\u{...} for other characters",
                );
                None
            }
            'u' => {
                let digits = self
                    .rest()
                    .strip_prefix('{')
                    .and_then(|rest| rest.split_once('}'))
                    .map_or("", |(digits, _)| digits);
                let value = (1..=6)
                    .contains(&digits.len())
                    .then(|| {
                        u32::from_str_radix(digits, 16)
                            .ok()
                            .and_then(char::from_u32)
                    })
                    .flatten();
                if let Some(value) = value {
                    self.at += digits.len() + 2;
                    return Some(value);
                }
                self.mistake(
                    start,
                    "`\\u` needs a character's number in braces",
                    "write \\\\ for a backslash, or for example \\u{e4}",
                );
                None
            }
            _ => {
                self.mistake(
                    start,
                    format!("`\\{c}` is not an escape"),
                    "write \\\\ for a backslash, or r\"...\" for a text without escapes",
                );
                Some(c)
            }
        }
    }

    fn char_token(&mut self) {
        let start = self.at;
        self.bump();
        let c = match self.bump() {
            Some('\\') => self.escape(),
            Some('\'') | None => None,
            other => other,
        };
        if self.peek() == Some('\'') {
            self.bump();
            if let Some(c) = c {
                self.push(start, TokenKind::Char(c));
                return;
            }
        }
        // Probably a text in single quotes: read on to the closing one, if it stands in this line.
        let line_end = self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
        if let Some(end) = self.rest()[..line_end].find('\'') {
            self.at += end + 1;
        }
        self.mistake(
            start,
            "single quotes hold exactly one character",
            "write \"...\" for a text",
        );
        self.push(start, TokenKind::Broken);
    }
}
