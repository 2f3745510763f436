//! Bytes of an answer file to text: the encodings that Windows' own XML reader takes.
//!
//! A byte-order mark decides; without one, two bytes a character show in the first pair; else the declaration of the
//! file decides (XML 1.0, appendix F). What is written back is UTF-8, so the text says that it is UTF-8.

use std::ops::Range;

use encoding_rs::Encoding;
use thiserror::Error;

/// Longest XML declaration that is looked for, in bytes.
const LONGEST_DECLARATION: usize = 1024;

/// Names of ISO-8859-1 itself. The browsers' standard, which the library follows, reads windows-1252 under them; Windows
/// keeps the control characters 0x80 to 0x9F.
const LATIN_1: [&str; 7] = [
    "iso-8859-1",
    "iso_8859-1",
    "iso8859-1",
    "latin1",
    "l1",
    "cp819",
    "ibm819",
];

/// Why bytes are no text, each with a way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotText {
    /// The bytes are not what their mark or declaration says.
    #[error(
        "its bytes are not {0}, which its beginning says it is: save it as UTF-8 and say so in its first line"
    )]
    Not(String),
    /// No mark, no declaration, not UTF-8.
    #[error(
        "it is not UTF-8, and its first line names no other encoding: save it as UTF-8, or begin it with <?xml version=\"1.0\" encoding=\"windows-1252\"?> where that is its encoding"
    )]
    Undeclared,
    /// A declaration that names an encoding which Windows does not read either.
    #[error(
        "its first line says encoding=\"{0}\", which cannot be read: save it as UTF-8 and say so in its first line"
    )]
    Unknown(String),
    /// Four bytes a character.
    #[error("it is UTF-32, which Windows Setup does not read: save it as UTF-8")]
    Utf32,
}

/// The text of an XML file in any encoding that Windows reads: UTF-8 and UTF-16 with and without a mark, and the
/// 8-bit and East Asian encodings that a declaration names. Where the declaration names an encoding it says `utf-8`
/// afterwards; nothing else of the text is changed, embedded documents included.
///
/// # Errors
/// [`NotText`].
pub fn decode(bytes: &[u8]) -> Result<String, NotText> {
    let mut text = match bytes {
        [0, 0, ..] | [1..=255, 0, 0, 0, ..] | [0xFF, 0xFE, 0, 0, ..] => {
            return Err(NotText::Utf32);
        }
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes)?,
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest)?.to_owned(),
        [1..=127, 0, ..] => wide(bytes, u16::from_le_bytes)?,
        [0, 1..=127, ..] => wide(bytes, u16::from_be_bytes)?,
        _ => narrow(bytes)?,
    };
    if let Some(name) = encoding_name(text.as_bytes()) {
        text.replace_range(name, "utf-8");
    }
    Ok(text)
}

fn utf8(bytes: &[u8]) -> Result<&str, NotText> {
    std::str::from_utf8(bytes).map_err(|_| NotText::Not("UTF-8".to_owned()))
}

fn wide(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| read(*pair)).collect();
    match String::from_utf16(&units) {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err(NotText::Not("UTF-16".to_owned())),
    }
}

/// No mark and one byte for each character of the declaration.
fn narrow(bytes: &[u8]) -> Result<String, NotText> {
    let Some(name) = encoding_name(bytes) else {
        return utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| NotText::Undeclared);
    };
    let name = String::from_utf8_lossy(&bytes[name]).to_ascii_lowercase();
    if LATIN_1.contains(&name.as_str()) {
        return Ok(bytes.iter().copied().map(char::from).collect());
    }
    if matches!(name.as_str(), "us-ascii" | "ascii") && !bytes.is_ascii() {
        return Err(NotText::Not("ASCII".to_owned()));
    }
    let encoding = Encoding::for_label_no_replacement(name.as_bytes())
        .filter(|found| *found != encoding_rs::X_USER_DEFINED)
        .ok_or_else(|| NotText::Unknown(name.clone()))?;
    // A tool that wrote a text of its own kept the words "utf-16" and saved UTF-8.
    let encoding = encoding.output_encoding();
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| NotText::Not(encoding.name().to_owned()))
}

/// Where the XML declaration at the very beginning names an encoding.
fn encoding_name(bytes: &[u8]) -> Option<Range<usize>> {
    let head = &bytes[..bytes.len().min(LONGEST_DECLARATION)];
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let mut rest = head[..end].strip_prefix(b"<?xml")?;
    while rest.first()?.is_ascii_whitespace() {
        let word = rest.trim_ascii_start();
        let length = word
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let (word, after) = word.split_at(length);
        let value = after
            .trim_ascii_start()
            .strip_prefix(b"=")?
            .trim_ascii_start();
        let (quote, value) = value.split_first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let length = value.iter().position(|byte| byte == quote)?;
        if word == b"encoding" {
            let start = end - value.len();
            return Some(start..start + length);
        }
        rest = &value[length + 1..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, write: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(write).collect()
    }

    #[test]
    fn every_encoding_of_windows_is_read() {
        let said =
            |name: &str| format!("<?xml version='1.0' encoding=\"{name}\"?>\r\n<a>Jürgen €</a>");
        let plain = said("utf-8");
        let with = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
        let little = utf16(&said("UTF-16"), u16::to_le_bytes);
        let big = utf16(&said("utf-16"), u16::to_be_bytes);
        let mut files = vec![
            plain.clone().into_bytes(),
            with(b"\xEF\xBB\xBF", plain.clone().into_bytes()),
            with(b"\xFF\xFE", little.clone()),
            with(b"\xFE\xFF", big.clone()),
            little,
            big,
            said("utf-16").into_bytes(),
        ];
        // By Python: bytes(text, NAME).
        for (name, umlaut, euro) in [
            ("windows-1252", &b"\xFC"[..], &b"\x80"[..]),
            ("ISO-8859-15", b"\xFC", b"\xA4"),
            ("windows-1250", b"\xFC", b"\x80"),
            ("gb18030", b"\xA8\xB9", b"\xA2\xE3"),
        ] {
            let text = said(name);
            let (before, rest) = text.split_once('ü').unwrap();
            let (middle, after) = rest.split_once('€').unwrap();
            let parts = [
                before.as_bytes(),
                umlaut,
                middle.as_bytes(),
                euro,
                after.as_bytes(),
            ];
            files.push(parts.concat());
        }
        for file in files {
            assert_eq!(decode(&file).as_deref(), Ok(plain.as_str()), "{file:02x?}");
        }
        // ISO-8859-1 has no euro; its upper control characters stay what they are.
        let file = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xFC\x80</a>";
        assert!(decode(file).unwrap().ends_with("<a>ü\u{80}</a>"));
        assert_eq!(decode(b"<a/>").as_deref(), Ok("<a/>"));
        assert_eq!(decode(b"").as_deref(), Ok(""));
    }

    #[test]
    fn only_the_declaration_of_the_file_itself_is_changed() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-16\" standalone='yes'?><a><![CDATA[<?xml version=\"1.0\" encoding=\"UTF-16\"?> utf-16]]></a>";
        let read = decode(&utf16(text, u16::to_le_bytes)).unwrap();
        assert_eq!(read, text.replacen("UTF-16", "utf-8", 1));
        let without = "<!-- encoding=\"UTF-16\" --><a b=' encoding=\"UTF-16\"?>'/>";
        assert_eq!(decode(without.as_bytes()).unwrap(), without);
    }

    #[test]
    fn what_is_no_text_says_why_and_a_way_out() {
        let declared = |name: &str, rest: &[u8]| {
            [
                format!("<?xml version=\"1.0\" encoding=\"{name}\"?>").as_bytes(),
                rest,
            ]
            .concat()
        };
        for (bytes, why) in [
            (b"<a>\xFC</a>".to_vec(), NotText::Undeclared),
            (declared("utf-8", b"\xFC"), NotText::Not("UTF-8".into())),
            (declared("us-ascii", b"\xFC"), NotText::Not("ASCII".into())),
            (
                declared("shift_jis", b"\xFC"),
                NotText::Not("Shift_JIS".into()),
            ),
            (declared("klingon", b""), NotText::Unknown("klingon".into())),
            (
                declared("iso-2022-kr", b""),
                NotText::Unknown("iso-2022-kr".into()),
            ),
            (b"\xFF\xFE<\0a".to_vec(), NotText::Not("UTF-16".into())),
            (b"\xFF\xFE<\0\0\xD8".to_vec(), NotText::Not("UTF-16".into())),
            (b"<\0a\0x".to_vec(), NotText::Not("UTF-16".into())),
            (b"\xEF\xBB\xBF\xFC".to_vec(), NotText::Not("UTF-8".into())),
            (b"\xFF\xFE\0\0<\0\0\0".to_vec(), NotText::Utf32),
            (b"<\0\0\0".to_vec(), NotText::Utf32),
            (b"\0\0\0<".to_vec(), NotText::Utf32),
        ] {
            let found = decode(&bytes).unwrap_err();
            assert_eq!(found, why, "{bytes:02x?}");
            let said = found.to_string();
            assert!(said.contains("save it as UTF-8"), "{said}");
        }
    }

    #[test]
    fn broken_declarations_name_no_encoding() {
        for text in [
            "<?xml?>",
            "<?xml ?>",
            "<?xml encoding?>",
            "<?xml encoding=utf-16?>",
            "<?xml encoding='utf-16?>",
            "<?xml version='1.0' encoding=",
            "<?xmlx encoding='utf-16'?>",
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Ok(text));
        }
    }
}
