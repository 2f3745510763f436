//! The text of a file in whatever encoding, and an XML text as a row of marks and texts with their places.
//!
//! Not a parser that judges: what it reads is edited in place, so that all the rest stays byte for byte.

use std::ops::Range;

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
            .map(|pair| {
                if big {
                    u16::from_be_bytes([pair[0], pair[1]])
                } else {
                    u16::from_le_bytes([pair[0], pair[1]])
                }
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
    /// The bytes of a text in the file's encoding.
    pub(super) fn encode(&self, text: &str) -> Vec<u8> {
        match self.encoding {
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Bytes => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
                .collect(),
            Encoding::Wide { big } => text
                .encode_utf16()
                .flat_map(|unit| {
                    if big {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    }
                })
                .collect(),
        }
    }
}

/// A piece of an XML text.
pub(super) enum Piece {
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

/// Takes an XML text apart.
///
/// # Errors
/// Not well-formed, a document type.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, String> {
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

/// Text with its references to signs replaced.
pub(super) fn unescape(text: &str) -> String {
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

/// Text as it may stand between tags.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
