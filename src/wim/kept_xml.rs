//! The XML data of kept images, byte for byte.
//!
//! wimlib writes what it has understood: the same meaning, with other escapes (`&quot;` for a plain quotation mark). Who compares the
//! data of an image, or has signed them, must not see a difference that nobody made.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use super::header::{self, number};
use super::xml_guard::{IMAGE, Xml, index, is_blank, xml_of};

/// Where the header describes the XML data and the integrity table: 7 bytes of length, flags, 8 of offset, 8 of length unpacked.
const XML: usize = 72;
const INTEGRITY: usize = 124;

/// The XML data of a file, when they are text through and through.
pub(super) fn read(path: &Path) -> Option<String> {
    match xml_of(path) {
        Ok(Xml::Text(text)) if !text.contains('\u{fffd}') => Some(text),
        _ => None,
    }
}

/// Puts the data of the images in `old` back where `path` has them in wimlib's words. Nothing is done where they are alike already, or
/// where the two cannot be told apart for certain.
pub(super) fn restore(path: &Path, old: &str) -> io::Result<()> {
    let Some(new) = read(path) else {
        return Ok(());
    };
    match merged(old, &new) {
        Some(text) if text != new => replace(path, &text),
        _ => Ok(()),
    }
}

/// Number and place of each image's element; `None` where a comment or the like could deceive.
fn images(xml: &str) -> Option<Vec<(u64, Range<usize>)>> {
    if xml.contains("<!") {
        return None;
    }
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(next) = xml[at..].find(IMAGE) {
        let start = at + next;
        at = start + IMAGE.len();
        if !xml[at..].starts_with(is_blank) {
            continue;
        }
        let end = at + xml[at..].find("</IMAGE>")?;
        if xml[at..end].contains(IMAGE) {
            return None;
        }
        found.push((index(&xml[at..]).ok()??, start..end));
        at = end;
    }
    Some(found)
}

/// `new` with the images of `old` as they stand there.
fn merged(old: &str, new: &str) -> Option<String> {
    let (before, after) = (images(old)?, images(new)?);
    let mut text = String::with_capacity(new.len());
    let (mut from, mut taken) = (0, 0);
    for (number, place) in after {
        text.push_str(&new[from..place.start]);
        let kept = before.iter().find(|(other, _)| *other == number);
        match kept {
            Some((_, theirs)) => {
                text.push_str(&old[theirs.clone()]);
                taken += 1;
            }
            None => text.push_str(&new[place.clone()]),
        }
        from = place.end;
    }
    text.push_str(&new[from..]);
    (taken == before.len()).then_some(text)
}

/// Writes other XML data into a WIM. They stand behind all else but the integrity table, which does not cover them.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut header = [0; header::LENGTH];
    file.read_exact(&mut header)?;
    let (at, length) = (number(&header, XML + 8, 8), number(&header, XML, 7));
    let (table, table_length) = (
        number(&header, INTEGRITY + 8, 8),
        number(&header, INTEGRITY, 7),
    );
    let end = file.metadata()?.len();
    let follows = if table_length == 0 {
        at.checked_add(length) == Some(end)
    } else {
        at.checked_add(length) == Some(table) && table.checked_add(table_length) == Some(end)
    };
    // A file for pipes has its parts in another order, and its header at the end too.
    if !header.starts_with(header::WIM) || !follows {
        return Ok(());
    }
    let mut bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let new_length = bytes.len() as u64;
    let old_length = usize::try_from(table_length).unwrap_or(usize::MAX);
    bytes.extend(tail(&mut file, table, old_length)?);
    header[XML..XML + 7].copy_from_slice(&new_length.to_le_bytes()[..7]);
    header[XML + 16..XML + 24].copy_from_slice(&new_length.to_le_bytes());
    if table_length > 0 {
        header[INTEGRITY + 8..INTEGRITY + 16].copy_from_slice(&(at + new_length).to_le_bytes());
    }
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&bytes)?;
    file.set_len(at + bytes.len() as u64)?;
    file.rewind()?;
    file.write_all(&header)?;
    file.sync_all()
}

fn tail(file: &mut File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_images_stand_as_they_stood() {
        let old = "\u{feff}<WIM><TOTALBYTES>1</TOTALBYTES><IMAGE INDEX=\"1\"><NAME>\"a\"</NAME></IMAGE><IMAGE  INDEX='2' ><X/></IMAGE></WIM>";
        let new = "\u{feff}<WIM><TOTALBYTES>9</TOTALBYTES><IMAGE INDEX=\"1\"><NAME>&quot;a&quot;</NAME></IMAGE><IMAGE INDEX=\"2\"><X/></IMAGE><IMAGE INDEX=\"3\"/></WIM>";
        // An image without contents has no end tag of its own: left alone.
        assert_eq!(merged(old, new), None);
        let new = new.replace("\"3\"/>", "\"3\">n</IMAGE>");
        assert_eq!(
            merged(old, &new).unwrap(),
            "\u{feff}<WIM><TOTALBYTES>9</TOTALBYTES><IMAGE INDEX=\"1\"><NAME>\"a\"</NAME></IMAGE><IMAGE  INDEX='2' ><X/></IMAGE><IMAGE INDEX=\"3\">n</IMAGE></WIM>"
        );
        let hidden = old.replace("<X/>", "<!-- <IMAGE INDEX='3'> -->");
        assert_eq!(merged(&hidden, &new), None);
        let gone = new.replace("INDEX=\"2\"", "INDEX=\"4\"");
        assert_eq!(merged(old, &gone), None);
    }
}
