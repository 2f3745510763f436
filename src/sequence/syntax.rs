//! RON text to a tree that knows where each value stands.
//!
//! The crate `ron` keeps no positions of parsed values and stops at its first error; a document is to be told all
//! of its mistakes at once, at their places. This parser reads the same language (comments, trailing commas, raw
//! text, `#![enable(...)]`, which it ignores) and goes on after a mistake.

mod lexer;

use super::diagnostic::{Diagnostic, Source, Span};
use lexer::{Token, TokenKind};

/// Deepest nesting of brackets.
pub const DEEPEST: usize = 128;
/// Mistakes reported at most; a file with more is no sequence at all.
pub const MOST_MISTAKES: usize = 100;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Unique within the document.
    pub id: usize,
    /// The whole value.
    pub span: Span,
    /// `Step` in `Step(...)`; a name alone is an enum variant without content.
    pub name: Option<Name>,
    /// The content.
    pub body: Body,
}

/// A name in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing behind the name.
    Nothing,
    /// `true`, `false`.
    Bool(bool),
    /// A number as written; its type decides how it is read.
    Number(String),
    /// `'c'`.
    Char(char),
    /// Text without quotes and escapes.
    Text(String),
    /// `(a, b)`.
    Tuple(Vec<Tree>),
    /// `(name: value)`.
    Fields(Vec<Field>),
    /// `[a, b]`.
    List(Vec<Tree>),
    /// `{ key: value }`.
    Map(Vec<(Tree, Tree)>),
    /// A mistake was reported here; nothing more is to be said about it.
    Broken,
}

/// One field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Tree,
}

impl Tree {
    /// Where to point: the name of something long, else the value itself.
    pub fn head(&self) -> Span {
        match (&self.name, &self.body) {
            (Some(name), _) => name.span,
            (None, Body::Tuple(_) | Body::Fields(_) | Body::List(_) | Body::Map(_)) => {
                Span::new(self.span.start, self.span.start + 1)
            }
            _ => self.span,
        }
    }

    /// What it is, for messages.
    pub fn describe(&self) -> String {
        match (&self.name, &self.body) {
            (Some(name), Body::Nothing) => format!("the name `{}`", name.text),
            (Some(name), _) => format!("`{}(...)`", name.text),
            (None, Body::Bool(value)) => format!("`{value}`"),
            (None, Body::Number(text)) => format!("the number {text}"),
            (None, Body::Char(_)) => "a character".to_owned(),
            (None, Body::Text(_)) => "a text".to_owned(),
            (None, Body::Tuple(_) | Body::Fields(_)) => "`(...)`".to_owned(),
            (None, Body::List(_)) => "a list".to_owned(),
            (None, Body::Map(_)) => "a map".to_owned(),
            (None, Body::Nothing | Body::Broken) => "nothing".to_owned(),
        }
    }
}

/// Reads a text. There is a tree whenever the text holds any value, however broken.
pub fn parse(source: &Source) -> (Option<Tree>, Vec<Diagnostic>) {
    let (tokens, mistakes) = lexer::tokens(source.text());
    // A text or comment without end has swallowed every closing bracket behind it.
    let ended = mistakes
        .iter()
        .any(|mistake| mistake.message.ends_with("is never closed"));
    let mut parser = Parser {
        ended,
        tokens,
        next: 0,
        ids: 0,
        open: Vec::new(),
        suspect: None,
        source,
        mistakes,
    };
    let tree = parser.document();
    let mut mistakes = parser.mistakes;
    mistakes.sort_by_key(|mistake| mistake.span);
    mistakes.truncate(MOST_MISTAKES);
    (tree, mistakes)
}

struct Parser<'a> {
    /// The file has ended too early and that was said.
    ended: bool,
    tokens: Vec<Token>,
    next: usize,
    ids: usize,
    /// Brackets that wait to be closed: the closing sign and where they were opened.
    open: Vec<(char, Span)>,
    /// The last text that runs over several lines: probably one whose closing quote is missing.
    suspect: Option<Span>,
    source: &'a Source,
    mistakes: Vec<Diagnostic>,
}

/// One thing between brackets.
enum Item {
    Field(Field),
    Value(Tree),
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        // The lexer always ends with `End`, and `advance` never passes it.
        &self.tokens[self.next]
    }

    fn kind_after(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next + 1).map(|token| &token.kind)
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.next].clone();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        if let TokenKind::Text(_) = token.kind
            && self.source.line_of(token.span.end) > self.source.line_of(token.span.start)
        {
            self.suspect = Some(token.span);
        }
        token
    }

    fn mistake(&mut self, mistake: Diagnostic) {
        let mistake = match (self.suspect.take(), &mistake.hint) {
            (Some(text), None) => {
                let line = self.source.line_of(text.start);
                mistake.hint(format!(
                    "the text that begins in line {line} runs over several lines: is its closing quote missing?"
                ))
            }
            _ => mistake,
        };
        self.mistakes.push(mistake);
    }

    fn tree(&mut self, span: Span, name: Option<Name>, body: Body) -> Tree {
        self.ids += 1;
        Tree {
            id: self.ids,
            span,
            name,
            body,
        }
    }

    fn document(&mut self) -> Option<Tree> {
        if self.peek().kind == TokenKind::End {
            if self.mistakes.is_empty() {
                let span = self.peek().span;
                self.mistake(Diagnostic::error(span, "the file is empty").hint(
                    "a sequence begins with `Sequence(schema: 1, name: \"...\", steps: [...])`",
                ));
            }
            return None;
        }
        let tree = self.value();
        if self.peek().kind != TokenKind::End {
            let span = self.peek().span;
            let mistake = match self.peek().kind {
                TokenKind::Close(sign) => {
                    Diagnostic::error(span, format!("this `{sign}` closes nothing"))
                }
                _ => Diagnostic::error(span, "nothing may follow the end of the sequence"),
            };
            self.mistake(mistake);
        }
        Some(tree)
    }

    /// A value; leaves a broken one behind, and the unfitting token unread, where there is none.
    fn value(&mut self) -> Tree {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Name(text) => {
                self.advance();
                match text.as_str() {
                    "true" => return self.tree(token.span, None, Body::Bool(true)),
                    "false" => return self.tree(token.span, None, Body::Bool(false)),
                    _ => {}
                }
                let name = Name {
                    text,
                    span: token.span,
                };
                if self.peek().kind == TokenKind::Open('(') {
                    let (span, body) = self.bracket();
                    self.tree(token.span.to(span), Some(name), body)
                } else {
                    self.tree(token.span, Some(name), Body::Nothing)
                }
            }
            TokenKind::Number(text) => {
                self.advance();
                self.tree(token.span, None, Body::Number(text))
            }
            TokenKind::Char(c) => {
                self.advance();
                self.tree(token.span, None, Body::Char(c))
            }
            TokenKind::Text(text) => {
                self.advance();
                self.tree(token.span, None, Body::Text(text))
            }
            TokenKind::Broken => {
                self.advance();
                self.tree(token.span, None, Body::Broken)
            }
            TokenKind::Open(_) => {
                let (span, body) = self.bracket();
                self.tree(span, None, body)
            }
            TokenKind::Close(_)
            | TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::Equals
            | TokenKind::End => {
                self.mistake(Diagnostic::error(token.span, "a value is missing here"));
                self.tree(token.span, None, Body::Broken)
            }
        }
    }

    /// What stands between an opening sign and the closing one, both included.
    fn bracket(&mut self) -> (Span, Body) {
        let opening = self.advance();
        let (sign, closing) = match opening.kind {
            TokenKind::Open('[') => ('[', ']'),
            TokenKind::Open('{') => ('{', '}'),
            _ => ('(', ')'),
        };
        if self.open.len() >= DEEPEST {
            self.mistake(Diagnostic::error(
                opening.span,
                format!("nested too deeply: at most {DEEPEST} brackets may be open at once"),
            ));
            let end = self.skip_balanced();
            return (opening.span.to(end), Body::Broken);
        }
        self.open.push((closing, opening.span));
        let mut values = Vec::new();
        let mut fields = Vec::new();
        let mut pairs = Vec::new();
        let mut mixed = None;
        let end = loop {
            if let Some(end) = self.close(sign, closing, opening.span) {
                break end;
            }
            let before = self.next;
            match sign {
                '{' => {
                    if let Some(pair) = self.pair() {
                        pairs.push(pair);
                    }
                }
                '(' => match self.item() {
                    Item::Field(field) => fields.push(field),
                    Item::Value(value) => {
                        mixed.get_or_insert(value.head());
                        values.push(value);
                    }
                },
                _ => values.push(self.value()),
            }
            self.separator(closing, before);
        };
        self.open.pop();
        let span = opening.span.to(end);
        let body = match sign {
            '[' => Body::List(values),
            '{' => Body::Map(pairs),
            _ if fields.is_empty() => Body::Tuple(values),
            _ => {
                let broken = values.iter().any(|value| value.body == Body::Broken);
                if let Some(span) = mixed.filter(|_| !broken) {
                    self.mistake(
                        Diagnostic::error(span, "this value has no field name")
                            .hint("write `name: value`, as its neighbours do"),
                    );
                }
                Body::Fields(fields)
            }
        };
        (span, body)
    }

    /// The end of a bracket, when it is here: its own sign, or the sign of an outer one, or the end of the file.
    fn close(&mut self, sign: char, closing: char, opened: Span) -> Option<Span> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Close(c) if c == closing => Some(self.advance().span),
            TokenKind::Close(c) => {
                let outer = self.open.len() - 1;
                let line = self.source.line_of(opened.start);
                if self.open[..outer]
                    .iter()
                    .any(|(expected, _)| *expected == c)
                {
                    // The sign belongs to a bracket further out: this one was forgotten.
                    self.mistake(
                        Diagnostic::error(token.span, format!("expected `{closing}`, found `{c}`"))
                            .hint(format!("the `{sign}` of line {line} is not closed")),
                    );
                    Some(token.span)
                } else {
                    self.mistake(
                        Diagnostic::error(token.span, format!("expected `{closing}`, found `{c}`"))
                            .hint(format!("it closes the `{sign}` of line {line}")),
                    );
                    Some(self.advance().span)
                }
            }
            TokenKind::End => {
                // One message for the innermost is enough: the outer ones follow from it.
                if !self.ended {
                    self.ended = true;
                    self.mistake(
                        Diagnostic::error(opened, format!("this `{sign}` is never closed"))
                            .hint(format!("the file ends where `{closing}` is expected")),
                    );
                }
                Some(token.span)
            }
            _ => None,
        }
    }

    fn item(&mut self) -> Item {
        let token = self.peek().clone();
        if let TokenKind::Name(text) = &token.kind
            && let Some(sign @ (TokenKind::Colon | TokenKind::Equals)) = self.kind_after().cloned()
        {
            self.advance();
            let sign_span = self.advance().span;
            if sign == TokenKind::Equals {
                self.mistake(
                    Diagnostic::error(sign_span, "expected `:`, found `=`")
                        .hint("write `name: value`"),
                );
            }
            let value = self.value();
            return Item::Field(Field {
                name: Name {
                    text: text.clone(),
                    span: token.span,
                },
                value,
            });
        }
        Item::Value(self.value())
    }

    fn pair(&mut self) -> Option<(Tree, Tree)> {
        let key = self.value();
        match self.peek().kind {
            TokenKind::Colon => {
                self.advance();
            }
            TokenKind::Equals => {
                let span = self.advance().span;
                self.mistake(
                    Diagnostic::error(span, "expected `:`, found `=`")
                        .hint("write `\"name\": \"value\"`"),
                );
            }
            _ => {
                if key.body != Body::Broken {
                    let span = self.peek().span;
                    self.mistake(
                        Diagnostic::error(span, "expected `:` and a value")
                            .hint("a map holds `\"name\": \"value\"`"),
                    );
                }
                return None;
            }
        }
        let value = self.value();
        Some((key, value))
    }

    /// A comma, or the end of the bracket. `before` is where the item began: something is always consumed.
    fn separator(&mut self, closing: char, before: usize) {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Comma => {
                self.advance();
            }
            TokenKind::Close(_) | TokenKind::End => {}
            TokenKind::Colon | TokenKind::Equals => {
                self.mistake(Diagnostic::error(
                    token.span,
                    format!("expected `,` or `{closing}`"),
                ));
                self.skip_item();
            }
            TokenKind::Broken => {
                self.skip_item();
            }
            _ if self.next == before => {
                self.advance();
            }
            _ => {
                // A forgotten comma: the next item begins here. Pointing behind the item before is clearer.
                let at = self.tokens[self.next.saturating_sub(1)].span.end;
                self.mistake(Diagnostic::error(
                    Span::new(at, at + 1),
                    format!("expected `,` or `{closing}` here"),
                ));
            }
        }
    }

    /// To the next comma (read over) or closing sign (left) of this level.
    fn skip_item(&mut self) {
        loop {
            match self.peek().kind {
                TokenKind::Comma => {
                    self.advance();
                    return;
                }
                TokenKind::Close(_) | TokenKind::End => return,
                TokenKind::Open(_) => {
                    self.advance();
                    self.skip_balanced();
                }
                _ => {
                    self.advance();
                }
            }
        }
    }

    /// Past the sign that closes a bracket whose opening sign was just read.
    fn skip_balanced(&mut self) -> Span {
        let mut depth = 1_usize;
        loop {
            let token = self.advance();
            match token.kind {
                TokenKind::Open(_) => depth += 1,
                TokenKind::Close(_) => depth -= 1,
                TokenKind::End => {
                    self.ended = true;
                    return token.span;
                }
                _ => {}
            }
            if depth == 0 {
                return token.span;
            }
        }
    }
}
