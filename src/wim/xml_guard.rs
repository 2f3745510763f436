//! What must be known of a WIM's XML data before wimlib may see it.
//!
//! wimlib 1.14.4 frees the list of images twice when two images have the same number (`setup_images` in its `xml.c`), which ends
//! the process. Such a file is refused here. Whatever else is wrong with the data wimlib itself says better.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use wimlib_sys as c;

use crate::regular;

use super::error::{WimError, WimlibCause};
use super::ffi;
use super::header::{self, LENGTH as HEADER, PIPABLE, WIM};

/// Where in it the XML data are described.
const XML: usize = 72;
/// Flags of data that are compressed: no program writes XML data so.
const COMPRESSED: u8 = 0x04 | 0x10;
/// XML data of the most images that a WIM may have take less, in bytes.
const LARGEST: u64 = 512 * 1024 * 1024;
/// The start of an image in the XML data.
pub(super) const IMAGE: &str = "<IMAGE";

/// Refuses XML data that wimlib must not see, and a table whose end it would ignore. A file that cannot be read so far is left to wimlib.
///
/// # Errors
/// [`WimError::Corrupt`].
pub(super) fn check(path: &Path) -> Result<(), WimError> {
    let refused = |why: String| WimError::Corrupt {
        path: path.to_owned(),
        source: WimlibCause {
            number: c::wimlib_error_code_WIMLIB_ERR_XML,
            meaning: ffi::error_text(c::wimlib_error_code_WIMLIB_ERR_XML),
            messages: vec![why],
        },
    };
    match xml_of(path) {
        Ok(Xml::Text(text)) => match twice(&text) {
            Err(TooMany) => Err(refused("an element has too many attributes".to_owned())),
            Ok(Some(index)) => Err(refused(format!("two images have the number {index}"))),
            Ok(None) if header::ends_amid_entry(path) => {
                Err(refused("its table of data ends amid an entry".to_owned()))
            }
            Ok(None) => Ok(()),
        },
        Ok(Xml::Unreadable(why)) => Err(refused(why.to_owned())),
        Err(_) => Ok(()),
    }
}

/// XML data as they stand in a file.
pub(super) enum Xml {
    Text(String),
    Unreadable(&'static str),
}

pub(super) fn xml_of(path: &Path) -> std::io::Result<Xml> {
    let mut file = regular::open(path)?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    if header.starts_with(PIPABLE) {
        file.seek(SeekFrom::End(-208))?;
        file.read_exact(&mut header)?;
        if !header.starts_with(PIPABLE) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
    } else if !header.starts_with(WIM) {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&header[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let (flags, offset, length) = (header[XML + 7], number(XML + 8), number(XML + 16));
    if flags & COMPRESSED != 0 {
        return Ok(Xml::Unreadable("its XML data are compressed"));
    }
    if length > LARGEST {
        return Ok(Xml::Unreadable("its XML data are too large"));
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        // wimlib reads up to the first NUL.
        .take_while(|&unit| unit != 0)
        .collect();
    Ok(Xml::Text(String::from_utf16_lossy(&units)))
}

/// A number that two images have. Looks in comments and the like too: no image's data stand there.
fn twice(xml: &str) -> Result<Option<u64>, TooMany> {
    let mut seen = HashSet::new();
    let mut rest = xml;
    while let Some(at) = rest.find(IMAGE) {
        rest = &rest[at + IMAGE.len()..];
        if !rest.starts_with(is_blank) {
            continue;
        }
        if let Some(index) = index(rest)?
            && !seen.insert(index)
        {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\r' | '\t')
}

/// Attributes of a start tag that are looked at. Microsoft's tools write one.
const MOST_ATTRIBUTES: usize = 100;

/// A start tag has more than [`MOST_ATTRIBUTES`]: looking on, in each of very many, would take for ever.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// The value of the first attribute `INDEX` of a start tag, `text` being what stands behind the element's name. Read as wimlib
/// reads it; `None` where it finds a mistake or no number.
pub(super) fn index(text: &str) -> Result<Option<u64>, TooMany> {
    let mut rest = text;
    for _ in 0..MOST_ATTRIBUTES {
        match attribute(rest) {
            Some(("INDEX", value, _)) => return Ok(number(value)),
            Some((_, _, behind)) if behind.starts_with(is_blank) => rest = behind,
            _ => return Ok(None),
        }
    }
    Err(TooMany)
}

/// Name and value of the first attribute, and what stands behind it.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let rest = text.trim_start_matches(is_blank);
    if rest.starts_with(['/', '>']) {
        return None;
    }
    let end = rest.find(|c| c == '=' || is_blank(c))?;
    let name = &rest[..end];
    let rest = rest[end..]
        .trim_start_matches(is_blank)
        .strip_prefix('=')?
        .trim_start_matches(is_blank);
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, behind) = rest[1..].split_once(quote)?;
    Some((name, value, behind))
}

/// As `strtoull` and wimlib take it: blanks and a sign before the digits, nothing behind them, `i32::MAX` for all that is more.
fn number(value: &str) -> Option<u64> {
    let value = value.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value.strip_prefix('+').unwrap_or(value)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What does not fit is no number for wimlib.
    let size = digits.parse::<u64>().ok()?;
    let found = if negative { size.wrapping_neg() } else { size };
    (found != u64::MAX).then_some(found.min(i32::MAX.unsigned_abs().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_images_of_one_number_are_found_however_they_are_written() {
        for twice_two in [
            "<WIM><IMAGE INDEX=\"2\"/><IMAGE INDEX=\"2\"/></WIM>",
            "<IMAGE\r\n\tINDEX = '2' >x</IMAGE><IMAGE A='>' INDEX=\" 2\"/>",
            "<IMAGE INDEX='+02'/><IMAGE INDEX='-18446744073709551614'/>",
            "<IMAGE INDEX='2' INDEX='1'/><IMAGE INDEX='2'/>",
        ] {
            assert_eq!(twice(twice_two), Ok(Some(2)), "{twice_two}");
        }
        for good in [
            "<WIM><IMAGE INDEX=\"1\"/><IMAGE INDEX=\"2\"/></WIM>",
            "<IMAGES INDEX='1'/><IMAGE INDEX='1'/>",
            "<IMAGE NAME='INDEX'/><IMAGE INDEX=''/><IMAGE INDEX='1&#49;'/><IMAGE INDEX='1&#49;'/>",
            "<IMAGE",
            "<IMAGE INDEX='1",
            "",
        ] {
            assert_eq!(twice(good), Ok(None), "{good}");
        }
    }

    #[test]
    fn a_tag_without_end_is_not_read_to_the_end_of_the_text() {
        assert_eq!(twice(&" <IMAGE ='x'".repeat(400_000)), Err(TooMany));
        let some = " A='x'".repeat(MOST_ATTRIBUTES - 1);
        assert_eq!(index(&format!("{some} INDEX='7'")), Ok(Some(7)));
        assert_eq!(index(&format!("{some} A='x' INDEX='7'")), Err(TooMany));
    }

    #[test]
    fn files_that_are_no_wim_are_left_to_wimlib() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wim");
        assert!(check(&path).is_ok());
        for bytes in [PIPABLE, WIM, &[0; HEADER][..], &[0x5a; 300][..]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(check(&path).is_ok());
        }
        let mut header = [0xff; 300];
        header[..8].copy_from_slice(WIM);
        std::fs::write(&path, header).unwrap();
        let error = check(&path).unwrap_err();
        assert_eq!(error.messages(), ["its XML data are compressed"]);
    }
}
