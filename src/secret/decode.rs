//! Escapes taken back: what a text reads as once the escapes of URLs, JSON, C, XML, quotes of shells and of SQL, and
//! sequences for terminals are undone, with the place of each byte in the text as it stands.
//!
//! Encoders differ in what they escape, in upper and lower case and in leading zeros; reading is the same for all.

use std::ops::Range;

use zeroize::Zeroizing;

/// A text without its escapes.
pub(super) struct Decoded {
    /// What it reads as.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Where each of these bytes stands in the text.
    places: Vec<(u32, u32)>,
}

impl Decoded {
    fn with_room(length: usize) -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(length)),
            places: Vec::with_capacity(length),
        }
    }

    fn push(&mut self, bytes: &[u8], from: usize, to: usize) {
        let place = (narrow(from), narrow(to));
        self.bytes.extend_from_slice(bytes);
        self.places.extend(bytes.iter().map(|_| place));
    }

    /// The part of the text that these bytes were read from.
    pub(super) fn place(&self, range: &Range<usize>) -> Range<usize> {
        let at = |index: usize| self.places.get(index).copied().unwrap_or_default();
        at(range.start).0 as usize..at(range.end.saturating_sub(1)).1 as usize
    }
}

/// Texts are looked through in pieces far below this.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// One escape: the bytes that it stands for, and its length.
type Escape = ([u8; 4], usize, usize);

/// How a text may be escaped.
struct Scheme {
    /// Bytes that begin an escape.
    begins: fn(u8) -> bool,
    /// The escape that this text begins with.
    read: fn(&[u8]) -> Option<Escape>,
}

const SCHEMES: [Scheme; 6] = [
    Scheme {
        begins: |byte| byte == b'%',
        read: percent,
    },
    Scheme {
        begins: |byte| matches!(byte, b'%' | b'+'),
        read: form_data,
    },
    Scheme {
        begins: |byte| byte == b'\\',
        read: backslash,
    },
    Scheme {
        begins: |byte| byte == b'&',
        read: entity,
    },
    Scheme {
        begins: |byte| matches!(byte, b'\'' | b'"' | b'^' | b'`'),
        read: quote,
    },
    Scheme {
        begins: |byte| byte < b' ' && byte != b'\t' && byte != b'\n' || byte == 0x7f,
        read: control,
    },
];

/// What `text` reads as, for each scheme that finds an escape in it.
pub(super) fn readings(text: &[u8]) -> impl Iterator<Item = Decoded> + '_ {
    let mut seen = [false; SCHEMES.len()];
    for &byte in text {
        // Letters and digits begin no escape.
        if !INTEREST[usize::from(byte)] {
            continue;
        }
        for (seen, scheme) in seen.iter_mut().zip(&SCHEMES) {
            *seen |= (scheme.begins)(byte);
        }
    }
    SCHEMES
        .iter()
        .zip(seen)
        .filter(|(_, seen)| *seen)
        .filter_map(|(scheme, _)| undo(text, scheme))
}

/// Whether any scheme has an escape that begins with this byte.
const INTEREST: [bool; 256] = {
    let mut all = [false; 256];
    let mut at = 0;
    while at < 0x20 {
        all[at] = at != 9 && at != 10;
        at += 1;
    }
    all[0x7f] = true;
    let signs = b"%+\\&'\"^`";
    let mut at = 0;
    while at < signs.len() {
        all[signs[at] as usize] = true;
        at += 1;
    }
    all
};

fn undo(text: &[u8], scheme: &Scheme) -> Option<Decoded> {
    let mut out = Decoded::with_room(text.len());
    let mut changed = false;
    let mut at = 0;
    while at < text.len() {
        if (scheme.begins)(text[at])
            && let Some((bytes, count, length)) = (scheme.read)(&text[at..])
        {
            out.push(&bytes[..count], at, at + length);
            at += length;
            changed = true;
        } else {
            out.push(&text[at..=at], at, at + 1);
            at += 1;
        }
    }
    changed.then_some(out)
}

fn digit(byte: Option<&u8>) -> Option<u8> {
    let value = char::from(*byte?).to_digit(16)?;
    u8::try_from(value).ok()
}

/// The number at the beginning in this base, at most so many digits, and how many there were.
fn number(text: &[u8], base: u32, most: usize) -> Option<(u32, usize)> {
    let mut value = 0_u32;
    let mut count = 0;
    while let Some(next) = text
        .get(count)
        .filter(|_| count < most)
        .and_then(|&byte| char::from(byte).to_digit(base))
    {
        value = value.checked_mul(base)?.checked_add(next)?;
        count += 1;
    }
    (count > 0).then_some((value, count))
}

fn one(byte: u8, length: usize) -> Option<Escape> {
    Some(([byte, 0, 0, 0], 1, length))
}

fn nothing(length: usize) -> Option<Escape> {
    Some(([0; 4], 0, length))
}

fn character(code: u32, length: usize) -> Option<Escape> {
    let mut bytes = [0; 4];
    let count = char::from_u32(code)?.encode_utf8(&mut bytes).len();
    Some((bytes, count, length))
}

/// `%41`.
fn percent(text: &[u8]) -> Option<Escape> {
    one(digit(text.get(1))? << 4 | digit(text.get(2))?, 3)
}

/// The same with `+` for a blank.
fn form_data(text: &[u8]) -> Option<Escape> {
    if text[0] == b'+' {
        return one(b' ', 1);
    }
    percent(text)
}

/// `\n`, `\"`, `\x41`, `\u0041` (in pairs beyond 16 bits), `\u{41}`, `\101`, and any other sign for itself.
fn backslash(text: &[u8]) -> Option<Escape> {
    match *text.get(1)? {
        b'n' => one(b'\n', 2),
        b't' => one(b'\t', 2),
        b'r' => one(b'\r', 2),
        b'b' => one(8, 2),
        b'f' => one(12, 2),
        b'v' => one(11, 2),
        b'a' => one(7, 2),
        b'e' => one(27, 2),
        b'x' => {
            let (value, count) = number(text.get(2..)?, 16, 2)?;
            one(u8::try_from(value).ok()?, 2 + count)
        }
        b'u' | b'U' if text.get(2) == Some(&b'{') => {
            let (value, count) = number(text.get(3..)?, 16, 6)?;
            (text.get(3 + count) == Some(&b'}')).then_some(())?;
            character(value, 4 + count)
        }
        b'u' => {
            let high = four(text.get(2..)?)?;
            if let (0xd800..0xdc00, Some(b"\\u")) = (high, text.get(6..8)) {
                let low = four(text.get(8..)?)?.checked_sub(0xdc00)?;
                return character(0x10000 + ((high - 0xd800) << 10) + low, 12);
            }
            character(high, 6)
        }
        b'0'..=b'7' => {
            let (value, count) = number(text.get(1..)?, 8, 3)?;
            one(u8::try_from(value).ok()?, 1 + count)
        }
        other => one(other, 2),
    }
}

fn four(text: &[u8]) -> Option<u32> {
    number(text, 16, 4)
        .filter(|&(_, count)| count == 4)
        .map(|(value, _)| value)
}

/// `&amp;`, `&#65;`, `&#x41;`.
fn entity(text: &[u8]) -> Option<Escape> {
    const NAMED: [(&[u8], u8); 5] = [
        (b"&amp;", b'&'),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
    ];
    if let Some((name, byte)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return one(*byte, name.len());
    }
    let (base, start) = match (text.get(1)?, text.get(2)?) {
        (b'#', b'x' | b'X') => (16, 3),
        (b'#', _) => (10, 2),
        _ => return None,
    };
    let (value, count) = number(text.get(start..)?, base, 12)?;
    (text.get(start + count) == Some(&b';')).then_some(())?;
    character(value, start + count + 1)
}

/// Quotes inside quotes: `'\''` and `'"'"'` of a shell, doubled ones of SQL, CSV and PowerShell; the signs that cmd
/// (`^`) and PowerShell (a backtick) put before another.
fn quote(text: &[u8]) -> Option<Escape> {
    if text.starts_with(br"'\''") {
        return one(b'\'', 4);
    }
    if text.starts_with(br#"'"'"'"#) {
        return one(b'\'', 5);
    }
    match (text[0], *text.get(1)?) {
        (b'\'', b'\'') => one(b'\'', 2),
        (b'"', b'"') => one(b'"', 2),
        (b'^' | b'`', other) if other.is_ascii_punctuation() => one(other, 2),
        _ => None,
    }
}

/// Sequences that steer a terminal, and control characters: whoever shows the text leaves them out.
fn control(text: &[u8]) -> Option<Escape> {
    if text[0] != 0x1b {
        return nothing(1);
    }
    let length = match text.get(1) {
        // A number and a letter: colours, the place of the cursor.
        Some(b'[') => {
            let letter = |byte: &u8| (0x40..=0x7e).contains(byte);
            text[2..].iter().position(letter).map(|at| at + 3)
        }
        // A text: titles, links.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let end = |byte: &u8| matches!(*byte, 7 | 0x1b);
            text[2..].iter().position(end).map(|at| match text[at + 2] {
                7 => at + 3,
                _ => (at + 4).min(text.len()),
            })
        }
        Some(_) => Some(2),
        None => Some(1),
    };
    nothing(length.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        readings(text.as_bytes())
            .map(|decoded| String::from_utf8_lossy(&decoded.bytes).into_owned())
            .collect()
    }

    #[test]
    fn every_scheme_is_read() {
        for (text, wanted) in [
            ("a%70%C3%a4z", "apäz"),
            ("a+b%2B", "a b+"),
            (r#"x\"\\\/\u00e4\ud83d\ude00\n"#, "x\"\\/ä😀\n"),
            (r"\x41\101\u{e4}\$", "AAä$"),
            ("&lt;&#97;&#x0062;&#X63;&amp;&apos;&quot;&gt;", "<abc&'\">"),
            (r"'it'\''s'", "'it's'"),
            (r#"'it'"'"'s'"#, "'it's'"),
            ("it''s", "it's"),
            ("a^&b`$", "a&b$"),
            ("p\x1b[31ma\x1b[0ms\x1b]0;t\x07s\0", "pass"),
        ] {
            assert!(
                read(text).contains(&wanted.to_owned()),
                "{text}: {:?}",
                read(text)
            );
        }
    }

    #[test]
    fn what_is_no_escape_is_left_alone_and_cut_ones_do_no_harm() {
        for text in [
            "plain",
            "100%",
            "a & b",
            "%zz",
            "&#;",
            "&#xffffffffffff;",
            "\\",
            "\\ud83d",
            "'",
            "ab\tc\n",
        ] {
            assert_eq!(read(text), Vec::<String>::new(), "{text}");
        }
        for text in [
            "\x1b",
            "\x1b[",
            "\x1b]0;title",
            "\\ud83d\\u",
            "\\u{1",
            "\x1b]x\x1b",
        ] {
            let _ = read(text);
        }
    }

    #[test]
    fn each_byte_knows_its_place() {
        let text = b"x%41&%42y";
        let decoded = readings(text).next().unwrap();
        assert_eq!(&*decoded.bytes, b"xA&By");
        assert_eq!(decoded.place(&(1..4)), 1..8);
        assert_eq!(decoded.place(&(0..1)), 0..1);
    }
}
