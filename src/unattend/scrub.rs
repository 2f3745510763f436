//! Taking the secrets out of an answer file without touching anything else in it.
//!
//! The file is read as marks and text, not as a tree: prefixes, embedded documents, order, blanks and encoding of what is
//! not secret stay byte for byte.

use std::ops::Range;

use base64::Engine as _;

use super::commands::{self, Kind};
use super::{DEEPEST, LARGEST, SCRUBBED, UnattendError};

/// What a command becomes that held a password: one that does nothing. With the password merely replaced, it would set
/// one that everybody knows.
const NO_COMMAND: &str = "cmd.exe /c rem *SENSITIVE*DATA*DELETED*";
/// Shorter values are too likely to stand for something else as well.
const SHORTEST_KNOWN: usize = 4;

/// What to do about product keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// Take them out.
    #[default]
    Remove,
    /// Leave them.
    Keep,
}

/// An answer file without its secrets.
pub struct Scrubbed {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// How many secrets were taken out; 0: nothing was changed.
    pub secrets: usize,
}

/// How a file writes its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    /// Any other encoding whose first 128 signs are those of ASCII: each byte stands for itself.
    Bytes,
    Wide {
        big: bool,
    },
}

/// Text of a file, the byte order mark included, and how to write it again.
pub(super) struct Text {
    pub(super) text: String,
    encoding: Encoding,
}

/// Reads the text of a file in any encoding that Windows reads; never fails.
pub(super) fn decode(bytes: &[u8]) -> Text {
    let wide = |big: bool| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| match big {
                true => u16::from_be_bytes([pair[0], pair[1]]),
                false => u16::from_le_bytes([pair[0], pair[1]]),
            })
            .collect();
        Text {
            text: String::from_utf16_lossy(&units),
            encoding: Encoding::Wide { big },
        }
    };
    match bytes {
        [0xFF, 0xFE, ..] => wide(false),
        [0xFE, 0xFF, ..] => wide(true),
        // Without a mark: a first sign of ASCII tells.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => wide(false),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => wide(true),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Text {
                text: text.to_owned(),
                encoding: Encoding::Utf8,
            },
            Err(_) => Text {
                text: bytes.iter().map(|&byte| char::from(byte)).collect(),
                encoding: Encoding::Bytes,
            },
        },
    }
}

impl Text {
    fn encode(&self, text: &str) -> Vec<u8> {
        match self.encoding {
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Bytes => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
                .collect(),
            Encoding::Wide { big } => text
                .encode_utf16()
                .flat_map(|unit| match big {
                    true => unit.to_be_bytes(),
                    false => unit.to_le_bytes(),
                })
                .collect(),
        }
    }
}

/// A piece of an XML text.
enum Piece {
    /// Element text, still escaped.
    Text(Range<usize>),
    /// What stands in a CDATA section.
    Data(Range<usize>),
    /// A comment or a processing instruction, whole.
    Aside(Range<usize>),
    /// A start tag.
    Open {
        at: Range<usize>,
        name: String,
        attributes: Vec<(String, Range<usize>)>,
        empty: bool,
    },
    /// An end tag.
    Close { at: Range<usize>, name: String },
}

/// Name without prefix, in small letters.
fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase()
}

/// Whether the text is XML whose root is `unattend`, whatever its prefix. Looks at the beginning only, and forgives what
/// may stand before the root; `None`: the text ends before the root.
pub(super) fn is_answer_file(text: &str) -> Option<bool> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let Some(inner) = rest.strip_prefix('<') else {
            return if rest.is_empty() { None } else { Some(false) };
        };
        let end = if inner.starts_with("!--") {
            "-->"
        } else if inner.starts_with('?') {
            "?>"
        } else if inner.starts_with('!') {
            // A document type; with an inner part, up to its end.
            let open = inner.find('[');
            match (inner.find('>'), open) {
                (Some(close), Some(open)) if open < close => "]>",
                _ => ">",
            }
        } else {
            let name = inner
                .split(|c: char| c.is_whitespace() || c == '>' || c == '/')
                .next()
                .unwrap_or_default();
            if name.len() == inner.len() {
                return None;
            }
            return Some(local(name) == "unattend");
        };
        rest = inner.split_once(end)?.1.trim_start();
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        if start > at {
            pieces.push(Piece::Text(at..start));
        }
        let rest = &text[start..];
        let until = |end: &str| {
            rest.find(end)
                .map(|found| start + found + end.len())
                .ok_or_else(|| "it is not well-formed XML".to_owned())
        };
        if rest.starts_with("<!--") {
            at = until("-->")?;
            pieces.push(Piece::Aside(start..at));
        } else if rest.starts_with("<![CDATA[") {
            at = until("]]>")?;
            pieces.push(Piece::Data(start + 9..at - 3));
        } else if rest.starts_with("<?") {
            at = until("?>")?;
            if !rest.starts_with("<?xml ") {
                pieces.push(Piece::Aside(start..at));
            }
        } else if rest.starts_with("<!") {
            return Err("it holds a document type".to_owned());
        } else {
            let piece = tag(text, start)?;
            at = match &piece {
                Piece::Open { at, .. } | Piece::Close { at, .. } => at.end,
                _ => start + 1,
            };
            pieces.push(piece);
        }
    }
    if at < text.len() {
        pieces.push(Piece::Text(at..text.len()));
    }
    Ok(pieces)
}

/// The tag that begins at `start`.
fn tag(text: &str, start: usize) -> Result<Piece, String> {
    let bytes = text.as_bytes();
    let unclosed = || "a tag is not closed".to_owned();
    let closing = bytes.get(start + 1) == Some(&b'/');
    let mut at = start + 1 + usize::from(closing);
    let ends_name = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/' | b'=');
    let word = |at: &mut usize| {
        let from = *at;
        while bytes.get(*at).is_some_and(|&byte| !ends_name(byte)) {
            *at += 1;
        }
        text.get(from..*at).map(local).unwrap_or_default()
    };
    let name = word(&mut at);
    let mut attributes = Vec::new();
    let mut empty = false;
    loop {
        match bytes.get(at) {
            None => return Err(unclosed()),
            Some(b'>') => break,
            Some(b'/') => {
                empty = true;
                at += 1;
            }
            Some(b'=') => at += 1,
            Some(byte) if byte.is_ascii_whitespace() => at += 1,
            Some(&quote @ (b'"' | b'\'')) => {
                let from = at + 1;
                let length = bytes[from..]
                    .iter()
                    .position(|&byte| byte == quote)
                    .ok_or_else(unclosed)?;
                if let Some((_, value)) = attributes.last_mut() {
                    *value = from..from + length;
                }
                at = from + length + 1;
            }
            Some(_) => {
                empty = false;
                let attribute = word(&mut at);
                attributes.push((attribute, at..at));
            }
        }
    }
    let range = start..at + 1;
    Ok(if closing {
        Piece::Close { at: range, name }
    } else {
        Piece::Open {
            at: range,
            name,
            attributes,
            empty,
        }
    })
}

/// Names of elements and attributes that hold secrets, in small letters.
fn is_secret(name: &str) -> bool {
    ["password", "passwd", "passphrase", "pwd"]
        .iter()
        .any(|end| name.ends_with(end))
        || matches!(
            name,
            "accountdata" | "keymaterial" | "networkkey" | "wepkey"
        )
}

/// Elements whose text is one command.
fn is_command(name: &str) -> bool {
    matches!(name, "path" | "commandline" | "command" | "arguments")
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((entity, behind)) = after.split_once(';').filter(|(e, _)| e.len() <= 8) else {
            out.push('&');
            rest = after;
            continue;
        };
        let number = entity.strip_prefix('#').and_then(|digits| {
            match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            }
            .and_then(char::from_u32)
        });
        match (entity, number) {
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("amp", _) => out.push('&'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            (_, Some(c)) => out.push(c),
            _ => {
                out.push('&');
                rest = after;
                continue;
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The passwords of the file as people type them, to be found again where they do not belong: in commands and comments.
fn known(text: &str, pieces: &[Piece]) -> Vec<String> {
    let mut known = Vec::new();
    let mut open: Vec<bool> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Open { name, empty, .. } if !empty => {
                let inside = open.last().copied().unwrap_or(false);
                open.push((inside && name != "plaintext") || is_secret(name));
            }
            Piece::Close { .. } => {
                open.pop();
            }
            Piece::Text(at) | Piece::Data(at) if open.last() == Some(&true) => {
                let value = match piece {
                    Piece::Text(_) => unescape(text[at.clone()].trim()),
                    _ => text[at.clone()].to_owned(),
                };
                // Windows' own hiding: base64 of UTF-16LE of the password and the element's name.
                if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(&value) {
                    let plain = commands::wide(&bytes);
                    for end in [
                        "OfflineAdministratorPassword",
                        "AdministratorPassword",
                        "Password",
                    ] {
                        if let Some(plain) = plain.strip_suffix(end) {
                            known.push(plain.to_owned());
                            break;
                        }
                    }
                }
                known.push(value);
            }
            _ => {}
        }
    }
    known.retain(|value| value.chars().count() >= SHORTEST_KNOWN && value != SCRUBBED);
    known
}

/// Where one of the words stands in a text, as a word of its own.
fn words(text: &str, known: &[String]) -> Vec<Range<usize>> {
    let part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    known
        .iter()
        .flat_map(|word| text.match_indices(word.as_str()))
        .filter(|(at, word)| {
            !part(text[..*at].chars().next_back()) && !part(text[at + word.len()..].chars().next())
        })
        .map(|(at, word)| at..at + word.len())
        .collect()
}

struct Scrubber<'a> {
    text: &'a str,
    keys: Keys,
    known: Vec<String>,
    edits: Vec<(Range<usize>, String)>,
    secrets: usize,
}

impl Scrubber<'_> {
    fn replace(&mut self, at: Range<usize>, new: String) {
        self.edits.push((at, new));
        self.secrets += 1;
    }

    /// Where secrets stand in text that is not one itself.
    fn within(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = commands::find(text, Kind::Commands)
            .into_iter()
            .map(|hit| hit.at)
            .collect();
        // A single word may be a user's name that is the password, too.
        if text.trim().contains(char::is_whitespace) {
            found.extend(words(text, &self.known));
        }
        if self.keys == Keys::Remove {
            found.extend(commands::product_keys(text));
        }
        found.sort_by_key(|at| (at.start, at.end));
        let mut end = 0;
        found.retain(|at| {
            let new = at.start >= end;
            end = end.max(at.end);
            new
        });
        found
    }

    fn value(&mut self, at: Range<usize>, raw: bool, element: &str, secret: bool) {
        let shown = &self.text[at.clone()];
        if shown.trim().is_empty() || shown.trim() == SCRUBBED {
            return;
        }
        if secret {
            self.replace(at, SCRUBBED.to_owned());
            return;
        }
        let plain = if raw {
            shown.to_owned()
        } else {
            unescape(shown)
        };
        let found = self.within(&plain);
        if found.is_empty() {
            return;
        }
        let new = if plain.trim().contains('\n') {
            let mut new = plain;
            for part in found.iter().rev() {
                new.replace_range(part.clone(), SCRUBBED);
            }
            if raw { new } else { escape(&new) }
        } else if is_command(element) {
            NO_COMMAND.to_owned()
        } else {
            SCRUBBED.to_owned()
        };
        self.replace(at, new);
    }

    /// Comments and instructions mean nothing to Windows Setup: one that may hold a secret goes whole. One may be an
    /// answer file that somebody put out of use.
    fn aside(&mut self, at: Range<usize>) {
        let shown = &self.text[at.clone()];
        let small = shown.to_ascii_lowercase();
        let named = ["passw", "passphrase", "pwd", "keymaterial", "accountdata"]
            .iter()
            .any(|word| small.contains(word));
        let key = self.keys == Keys::Remove
            && (small.contains("productkey") || !commands::product_keys(shown).is_empty());
        if named
            || key
            || !commands::find(shown, Kind::Commands).is_empty()
            || self.known.iter().any(|word| shown.contains(word.as_str()))
        {
            self.replace(at, String::new());
        }
    }

    fn attributes(&mut self, attributes: &[(String, Range<usize>)], secret: bool) {
        for (name, at) in attributes {
            if is_secret(name) || (secret && name == "value") {
                self.value(at.clone(), false, "", true);
            } else {
                self.value(at.clone(), false, "", false);
            }
        }
    }

    fn run(&mut self, pieces: &[Piece]) -> Result<(), String> {
        struct Open {
            name: String,
            secret: bool,
            /// Of a product key: where it begins, the edits and secrets before it, and whether it holds anything.
            key: Option<(usize, usize, usize)>,
            full: bool,
        }
        let mut open: Vec<Open> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Open {
                    at,
                    name,
                    attributes,
                    empty,
                } => {
                    let inside = open.last().is_some_and(|open| open.secret);
                    let secret = (inside && name != "plaintext") || is_secret(name);
                    let before = (at.start, self.edits.len(), self.secrets);
                    self.attributes(attributes, secret);
                    if *empty {
                        continue;
                    }
                    if open.len() >= DEEPEST {
                        return Err(format!("it is nested deeper than {DEEPEST}"));
                    }
                    let key = name == "productkey" && self.keys == Keys::Remove;
                    open.push(Open {
                        name: name.clone(),
                        secret,
                        key: key.then_some(before),
                        full: false,
                    });
                }
                Piece::Close { at, name } => {
                    let Some(closed) = open.pop().filter(|open| open.name == *name) else {
                        return Err("it is not well-formed XML".to_owned());
                    };
                    // Setup refuses a key that is none, so the element goes, and not its text only.
                    if let Some((start, edits, secrets)) = closed.key.filter(|_| closed.full) {
                        self.edits.truncate(edits);
                        self.secrets = secrets;
                        self.replace(start..at.end, String::new());
                    }
                }
                Piece::Text(at) | Piece::Data(at) => {
                    let name = open.last().map_or("", |open| open.name.as_str()).to_owned();
                    let shown = self.text[at.clone()].trim();
                    if !shown.is_empty()
                        && shown != SCRUBBED
                        && matches!(name.as_str(), "productkey" | "key")
                    {
                        for above in open.iter_mut().filter(|above| above.key.is_some()) {
                            above.full = true;
                        }
                    }
                    let secret = open.last().is_some_and(|open| open.secret);
                    self.value(at.clone(), matches!(piece, Piece::Data(_)), &name, secret);
                }
                Piece::Aside(at) => self.aside(at.clone()),
            }
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err("it is not well-formed XML".to_owned())
        }
    }
}

/// `bytes`, an answer file, without its secrets; `file` names it in errors. What is not secret stays byte for byte.
///
/// # Errors
/// [`UnattendError::Bad`]: too large, too deep, not well-formed, a document type. Its secrets cannot be found then.
pub fn scrub(bytes: &[u8], file: &str, keys: Keys) -> Result<Scrubbed, UnattendError> {
    let bad = |what: String| UnattendError::Bad {
        file: file.to_owned(),
        what,
    };
    if bytes.len() as u64 > LARGEST {
        return Err(bad(format!("it has more than {LARGEST} bytes")));
    }
    let read = decode(bytes);
    let pieces = pieces(&read.text).map_err(bad)?;
    let mut scrubber = Scrubber {
        text: &read.text,
        keys,
        known: known(&read.text, &pieces),
        edits: Vec::new(),
        secrets: 0,
    };
    scrubber.run(&pieces).map_err(bad)?;
    if scrubber.secrets == 0 {
        return Ok(Scrubbed {
            bytes: bytes.to_vec(),
            secrets: 0,
        });
    }
    let (mut edits, secrets) = (scrubber.edits, scrubber.secrets);
    edits.sort_by_key(|(at, _)| at.start);
    let mut text = read.text.clone();
    for (at, new) in edits.iter().rev() {
        text.replace_range(at.clone(), new);
    }
    Ok(Scrubbed {
        bytes: read.encode(&text),
        secrets,
    })
}
