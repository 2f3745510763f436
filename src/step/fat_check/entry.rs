//! One entry of a folder: 32 bytes.

use fatfs::OemCpConverter;

use super::super::fat_time::CodePage437;
use super::geometry::{long, word};

pub(super) const BYTES: usize = 32;
pub(super) const FOLDER: u8 = 0x10;
const VOLUME: u8 = 0x08;
const LONG: u8 = 0x0F;
const DELETED: u8 = 0xE5;
/// Stands for 0xE5 at the start of a name.
const REALLY_E5: u8 = 0x05;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing stands here nor behind it.
    End,
    Deleted,
    LongName,
    /// The volume's label.
    Label,
    /// Attributes that no entry has.
    Impossible,
    File,
    Folder,
}

/// An entry that is a label, a file or a folder.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a>(pub(super) &'a [u8]);

impl Entry<'_> {
    pub(super) fn kind(&self) -> Kind {
        let attributes = self.0[11];
        match self.0[0] {
            0 => Kind::End,
            DELETED => Kind::Deleted,
            _ if attributes == LONG => Kind::LongName,
            _ if attributes & LONG == LONG => Kind::Impossible,
            _ if attributes & (VOLUME | FOLDER) == VOLUME | FOLDER => Kind::Impossible,
            _ if attributes & VOLUME != 0 => Kind::Label,
            _ if attributes & FOLDER != 0 => Kind::Folder,
            _ => Kind::File,
        }
    }

    pub(super) fn first_cluster(&self) -> u32 {
        u32::from(word(self.0, 20)) << 16 | u32::from(word(self.0, 26))
    }

    pub(super) fn size(&self) -> u32 {
        long(self.0, 28)
    }

    /// The name as the bytes have it.
    pub(super) fn raw_name(&self) -> &[u8] {
        &self.0[..11]
    }

    /// The eight and three characters with a point between them.
    pub(super) fn short_name(&self) -> String {
        let part = |bytes: &[u8]| -> String {
            let text: String = bytes.iter().map(|&byte| CodePage437.decode(byte)).collect();
            text.trim_end_matches(' ').to_owned()
        };
        let mut stem = [0; 8];
        stem.copy_from_slice(&self.0[..8]);
        if stem[0] == REALLY_E5 {
            stem[0] = DELETED;
        }
        let (stem, extension) = (part(&stem), part(&self.0[8..11]));
        if extension.is_empty() {
            stem
        } else {
            format!("{stem}.{extension}")
        }
    }

    /// Why the short name is none; signs that Windows never writes there and every system reads are left alone, as `fsck.fat` does.
    pub(super) fn bad_name(&self) -> Option<String> {
        let name = self.raw_name();
        if name[0] == b' ' {
            return Some("it starts with a blank".to_owned());
        }
        for (number, &byte) in name.iter().enumerate() {
            let forbidden = byte < 0x20 && !(number == 0 && byte == REALLY_E5)
                || byte == 0x7F
                || b"\"*./:<>?\\|".contains(&byte);
            if forbidden {
                return Some(format!("it holds {:?}", char::from(byte)));
            }
        }
        None
    }

    /// What the checksum in the entries of the long name must be.
    pub(super) fn checksum(&self) -> u8 {
        self.raw_name()
            .iter()
            .fold(0_u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8; 11], attributes: u8) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..11].copy_from_slice(name);
        bytes[11] = attributes;
        bytes
    }

    #[test]
    fn kinds_follow_from_first_byte_and_attributes() {
        let cases = [
            (b"\0BC        ", 0x20, Kind::End),
            (b"\xE5BC        ", 0x20, Kind::Deleted),
            (b"ABC        ", 0x0F, Kind::LongName),
            (b"ABC        ", 0x2F, Kind::Impossible),
            (b"ABC        ", 0x18, Kind::Impossible),
            (b"ABC        ", 0x28, Kind::Label),
            (b"ABC        ", 0x16, Kind::Folder),
            (b"ABC        ", 0x27, Kind::File),
        ];
        for (name, attributes, kind) in cases {
            assert_eq!(Entry(&entry(name, attributes)).kind(), kind);
        }
    }

    #[test]
    fn short_names_are_read_and_judged() {
        let good = entry(b"README~1TXT", 0x20);
        assert_eq!(Entry(&good).short_name(), "README~1.TXT");
        assert_eq!(Entry(&good).bad_name(), None);
        let e5 = entry(b"\x05A         ", 0x20);
        assert_eq!(Entry(&e5).short_name(), "σA");
        assert_eq!(Entry(&e5).bad_name(), None);
        for (name, why) in [
            (b" BC     TXT", "blank"),
            (b"A:C     TXT", "':'"),
            (b"A\x01C     TXT", "'\\u{1}'"),
            (b"A.B     TXT", "'.'"),
        ] {
            let said = Entry(&entry(name, 0x20)).bad_name().unwrap();
            assert!(said.contains(why), "{said}");
        }
        // From the specification's own program.
        assert_eq!(Entry(&entry(b"FOO     BAR", 0x20)).checksum(), 0x16);
    }
}
