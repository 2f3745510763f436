//! RON text to a tree that knows where everything stands.
//!
//! The `ron` crate keeps no positions of values that parsed and stops at its first mistake; a checker that shows every
//! mistake with its place needs both. The language is ron's (a test compares), read as data only: no value is computed here.

use super::diagnostic::{Diagnostic, Span};

/// Deepest nesting that is read.
const DEEPEST: usize = 100;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Its value.
    pub value: Tree,
}

/// Kinds of value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `true`, `false`.
    Bool(bool),
    /// `'x'`.
    Char(char),
    /// `"text"`, `r"text"`.
    Text(String),
    /// Whole number.
    Integer(i128),
    /// Number with a point.
    Float(f64),
    /// `[a, b]`.
    List(Vec<Tree>),
    /// `{a: b}`.
    Map(Vec<(Tree, Tree)>),
    /// `Name` alone.
    Word(String),
    /// `Name(a, b)` or `(a, b)`.
    Tuple(Option<String>, Vec<Tree>),
    /// `Name(a: b)` or `(a: b)`.
    Struct(Option<String>, Vec<Field>),
    /// Something that could not be read and was told about.
    Hole,
}

impl Kind {
    /// What it is, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Bool(value) => format!("`{value}`"),
            Self::Char(_) => "a character".to_owned(),
            Self::Text(_) => "a text".to_owned(),
            Self::Integer(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Word(name) => format!("`{name}`"),
            Self::Tuple(Some(name), _) | Self::Struct(Some(name), _) => format!("`{name}(...)`"),
            Self::Tuple(None, _) | Self::Struct(None, _) => "`(...)`".to_owned(),
            Self::Hole => "nothing".to_owned(),
        }
    }
}

/// Reads a text. The tree has holes where mistakes were.
pub fn parse(text: &str) -> (Tree, Vec<Diagnostic>) {
    let mut parser = Parser {
        text,
        at: if text.starts_with('\u{feff}') { 3 } else { 0 },
        mistakes: Vec::new(),
        depth: 0,
    };
    parser.attributes();
    let tree = parser.value();
    parser.blank();
    if parser.at < text.len() && parser.mistakes.is_empty() {
        let span = Span {
            start: parser.at,
            end: parser.at + 1,
        };
        parser
            .mistakes
            .push(Diagnostic::error(span, "nothing may follow the document's last parenthesis"));
    }
    (tree, parser.mistakes)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    mistakes: Vec<Diagnostic>,
    depth: usize,
}

/// A comma or the end of what is being read.
enum Next {
    More,
    End,
}

impl<'a> Parser<'a> {
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

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn mistake(&mut self, start: usize, message: impl Into<String>) -> &mut Diagnostic {
        let mut end = self.at.max(start + 1).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        self.mistakes
            .push(Diagnostic::error(Span { start, end }, message));
        let last = self.mistakes.len() - 1;
        &mut self.mistakes[last]
    }

    /// White space and comments.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.block_comment();
            } else {
                return;
            }
        }
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let mut open = 0usize;
        loop {
            if self.rest().starts_with("/*") {
                open += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                open -= 1;
                self.at += 2;
                if open == 0 {
                    return;
                }
            } else if self.bump().is_none() {
                self.at = self.text.len();
                self.mistake(start, "this comment has no end");
                return;
            }
        }
    }

    /// `#![enable(...)]`: accepted and without effect, for what they enable is always on.
    fn attributes(&mut self) {
        self.blank();
        while self.rest().starts_with("#!") {
            self.at += self.rest().find(']').map_or(self.rest().len(), |end| end + 1);
            self.blank();
        }
    }

    fn hole(&self, start: usize) -> Tree {
        Tree {
            kind: Kind::Hole,
            span: Span {
                start,
                end: self.at.max(start),
            },
        }
    }

    fn value(&mut self) -> Tree {
        self.blank();
        let start = self.at;
        if self.depth >= DEEPEST {
            self.at = self.text.len();
            self.mistake(start, format!("nested deeper than {DEEPEST} levels"));
            return self.hole(start);
        }
        self.depth += 1;
        let kind = self.kind(start);
        self.depth -= 1;
        match kind {
            Some(kind) => Tree {
                kind,
                span: Span {
                    start,
                    end: self.at,
                },
            },
            None => self.hole(start),
        }
    }

    fn kind(&mut self, start: usize) -> Option<Kind> {
        let Some(c) = self.peek() else {
            self.mistake(start.saturating_sub(1), "the text ends where a value should stand");
            return None;
        };
        match c {
            '"' => self.text_literal(start).map(Kind::Text),
            '\'' => self.char_literal(start),
            '[' => Some(self.list()),
            '{' => Some(self.map()),
            '(' => Some(self.parentheses(None)),
            '0'..='9' | '+' | '-' | '.' => self.number(start),
            'r' if self.rest().starts_with("r\"") || self.rest().starts_with("r#\"") => {
                self.raw_text(start)
            }
            c if c.is_alphabetic() || c == '_' => {
                let name = self.word();
                match name.as_str() {
                    "true" => return Some(Kind::Bool(true)),
                    "false" => return Some(Kind::Bool(false)),
                    _ => {}
                }
                let after = self.at;
                self.blank();
                if self.peek() == Some('(') {
                    Some(self.parentheses(Some(name)))
                } else {
                    self.at = after;
                    Some(Kind::Word(name))
                }
            }
            other => {
                self.bump();
                self.mistake(start, format!("`{other}` cannot begin a value"));
                self.skip();
                None
            }
        }
    }

    fn word(&mut self) -> String {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    /// After a mistake: on to the next comma or closing bracket of this level.
    fn skip(&mut self) {
        let mut open = 0usize;
        loop {
            self.blank();
            match self.peek() {
                None => return,
                Some(',' | ')' | ']' | '}') if open == 0 => return,
                Some('(' | '[' | '{') => open += 1,
                Some(')' | ']' | '}') => open -= 1,
                Some('"') => {
                    let start = self.at;
                    let told = self.mistakes.len();
                    self.text_literal(start);
                    self.mistakes.truncate(told);
                    continue;
                }
                Some(_) => {}
            }
            self.bump();
        }
    }

    /// After an element: a comma, or the closing bracket.
    fn separator(&mut self, open: usize, close: char) -> Next {
        self.blank();
        if self.eat(close) {
            return Next::End;
        }
        if self.eat(',') {
            self.blank();
            if self.eat(close) {
                return Next::End;
            }
            if self.peek().is_some() {
                return Next::More;
            }
        }
        let start = self.at;
        if self.peek().is_none() {
            self.at = open + 1;
            self.mistake(open, format!("this bracket is never closed: `{close}` is missing"));
            self.at = self.text.len();
            return Next::End;
        }
        if let Some(')' | ']' | '}') = self.peek() {
            let found = self.bump().unwrap_or(' ');
            self.mistake(start, format!("`{found}` where `{close}` should stand"));
            return Next::End;
        }
        self.mistake(start, format!("a comma or `{close}` should stand here"))
            .hint = Some("a comma is missing before this, most likely".to_owned());
        if matches!(self.peek(), Some(c) if c.is_alphabetic() || c == '_' || c == '"') {
            return Next::More;
        }
        self.skip();
        if self.eat(',') {
            self.blank();
            if !self.eat(close) {
                return Next::More;
            }
        } else {
            self.eat(close);
        }
        Next::End
    }

    fn list(&mut self) -> Kind {
        let open = self.at;
        self.bump();
        let mut items = Vec::new();
        self.blank();
        if self.eat(']') {
            return Kind::List(items);
        }
        loop {
            let before = self.at;
            items.push(self.value());
            if matches!(self.separator(open, ']'), Next::End) || self.at == before {
                return Kind::List(items);
            }
        }
    }

    fn map(&mut self) -> Kind {
        let open = self.at;
        self.bump();
        let mut entries = Vec::new();
        self.blank();
        if self.eat('}') {
            return Kind::Map(entries);
        }
        loop {
            let before = self.at;
            let key = self.value();
            self.blank();
            if self.eat(':') {
                let value = self.value();
                entries.push((key, value));
            } else {
                let start = self.at;
                self.mistake(start, "`:` and a value should stand here");
                self.skip();
            }
            if matches!(self.separator(open, '}'), Next::End) || self.at == before {
                return Kind::Map(entries);
            }
        }
    }

    fn parentheses(&mut self, name: Option<String>) -> Kind {
        let open = self.at;
        self.bump();
        self.blank();
        if self.eat(')') {
            return Kind::Tuple(name, Vec::new());
        }
        if self.at_field() {
            self.fields(name, open)
        } else {
            let mut items = Vec::new();
            loop {
                let before = self.at;
                items.push(self.value());
                if matches!(self.separator(open, ')'), Next::End) || self.at == before {
                    return Kind::Tuple(name, items);
                }
            }
        }
    }

    fn at_field(&mut self) -> bool {
        let before = self.at;
        let word = self.word();
        self.blank();
        let field = !word.is_empty() && self.peek() == Some(':');
        self.at = before;
        field
    }

    fn fields(&mut self, name: Option<String>, open: usize) -> Kind {
        let mut fields = Vec::new();
        loop {
            self.blank();
            let start = self.at;
            let field = self.word();
            let span = Span {
                start,
                end: self.at,
            };
            self.blank();
            if field.is_empty() || !self.eat(':') {
                let at = if field.is_empty() { start } else { self.at };
                self.at = at;
                self.mistake(at, "a field, `name: value`, should stand here");
                self.skip();
            } else {
                let value = self.value();
                fields.push(Field {
                    name: field,
                    span,
                    value,
                });
            }
            if matches!(self.separator(open, ')'), Next::End) || self.at == start {
                return Kind::Struct(name, fields);
            }
        }
    }

    fn number(&mut self, start: usize) -> Option<Kind> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')))
            .unwrap_or(rest.len());
        self.at += end;
        let text: String = rest[..end].replace('_', "");
        let digits = text.trim_start_matches(['+', '-']);
        let (radix, digits) = match digits.get(..2) {
            Some("0x") => (16, &digits[2..]),
            Some("0b") => (2, &digits[2..]),
            Some("0o") => (8, &digits[2..]),
            _ => (10, digits),
        };
        if let Ok(value) = i128::from_str_radix(digits, radix)
            && !digits.starts_with(['+', '-'])
        {
            return Some(Kind::Integer(if text.starts_with('-') { -value } else { value }));
        }
        if radix == 10
            && let Ok(value) = text.parse::<f64>()
        {
            return Some(Kind::Float(value));
        }
        self.mistake(start, format!("`{}` is not a number", &rest[..end]));
        None
    }

    fn char_literal(&mut self, start: usize) -> Option<Kind> {
        self.bump();
        let c = match self.bump() {
            Some('\\') => self.escape(),
            other => other,
        };
        if let Some(c) = c
            && self.eat('\'')
        {
            return Some(Kind::Char(c));
        }
        self.mistake(start, "this is not a character: write 'C'")
            .hint = Some("a text stands in double quotes".to_owned());
        self.skip();
        None
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.bump()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            '\\' => '\\',
            '"' => '"',
            '\'' => '\'',
            'x' => {
                let digits = self.rest().get(..2)?;
                let code = u32::from_str_radix(digits, 16).ok()?;
                self.at += 2;
                char::from_u32(code)?
            }
            'u' => {
                let rest = self.rest().strip_prefix('{')?;
                let end = rest.find('}').filter(|end| *end <= 6)?;
                let code = u32::from_str_radix(&rest[..end], 16).ok()?;
                self.at += end + 2;
                char::from_u32(code)?
            }
            _ => return None,
        })
    }

    fn text_literal(&mut self, start: usize) -> Option<String> {
        self.bump();
        let mut out = String::new();
        loop {
            let here = self.at;
            match self.bump() {
                None => {
                    self.at = start + 1;
                    self.mistake(start, "this text has no closing quote");
                    self.at = self.text.len();
                    return None;
                }
                Some('"') => return Some(out),
                Some('\\') if self.rest().starts_with(['\n', '\r']) => {
                    let rest = self.rest();
                    self.at += rest.len() - rest.trim_start().len();
                }
                Some('\\') => match self.escape() {
                    Some(c) => out.push(c),
                    None => {
                        self.mistake(here, "unknown escape in a text").hint = Some(
                            "write a backslash as \\\\, or the whole text as r\"...\"".to_owned(),
                        );
                    }
                },
                Some(c) => out.push(c),
            }
        }
    }

    fn raw_text(&mut self, start: usize) -> Option<Kind> {
        self.bump();
        let rest = self.rest();
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let body = &rest[hashes..];
        let close = format!("\"{}", "#".repeat(hashes));
        if let Some(body) = body.strip_prefix('"')
            && let Some(end) = body.find(&close)
        {
            self.at += hashes + 1 + end + close.len();
            return Some(Kind::Text(body[..end].to_owned()));
        }
        self.at = start + 1;
        self.mistake(start, "this raw text has no end");
        self.at = self.text.len();
        None
    }
}
