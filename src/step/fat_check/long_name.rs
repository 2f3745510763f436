//! Long names: entries before their file's own, the last part first.

use super::entry::Entry;

const LAST: u8 = 0x40;
const PART: usize = 13;
/// 255 characters take so many entries.
const MOST: u8 = 20;

/// The entries seen since the last file.
#[derive(Default)]
pub(super) struct LongName {
    units: Vec<u16>,
    /// Number of the entry seen last; 0 when what was seen makes no name.
    number: u8,
    checksum: u8,
    seen: bool,
    last_sum: u8,
}

/// What stands before a file's own entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// Entries that do not belong to this file, or not all of them.
    Orphaned,
    /// The name, and whether nothing stands behind its end.
    Name(Vec<u16>, bool),
}

impl LongName {
    pub(super) fn add(&mut self, entry: Entry<'_>) {
        let bytes = entry.0;
        let (number, last) = (bytes[0] & !LAST, bytes[0] & LAST != 0);
        let follows = self.number > 1 && number == self.number - 1 && bytes[13] == self.checksum;
        self.seen = true;
        self.last_sum = bytes[13];
        if number == 0 || number > MOST || !(last || follows) {
            self.number = 0;
            return;
        }
        if last {
            self.units = vec![0; usize::from(number) * PART];
            self.checksum = bytes[13];
        }
        self.number = number;
        let at = usize::from(number - 1) * PART;
        let parts = bytes[1..11]
            .chunks_exact(2)
            .chain(bytes[14..26].chunks_exact(2))
            .chain(bytes[28..32].chunks_exact(2));
        for (unit, raw) in self.units[at..].iter_mut().zip(parts) {
            *unit = u16::from_le_bytes([raw[0], raw[1]]);
        }
    }

    /// Forgets what was seen; the checksum of the file that it waited for.
    pub(super) fn abandon(&mut self) -> Option<u8> {
        let seen = std::mem::take(self);
        seen.seen.then_some(seen.last_sum)
    }

    /// What was seen, as the name of `entry`.
    pub(super) fn take(&mut self, entry: Entry<'_>) -> Found {
        let seen = std::mem::take(self);
        if !seen.seen {
            return Found::Nothing;
        }
        if seen.number != 1 || seen.checksum != entry.checksum() {
            return Found::Orphaned;
        }
        let end = seen
            .units
            .iter()
            .position(|&unit| unit == 0)
            .unwrap_or(seen.units.len());
        if end == 0 {
            return Found::Orphaned;
        }
        let clean = seen.units[end..]
            .iter()
            .all(|&unit| unit == 0 || unit == 0xFFFF);
        Found::Name(seen.units[..end].to_vec(), clean)
    }
}

/// Why a long name is none that a system may write, or that no other file system can hold.
pub(super) fn bad_name(name: &[u16]) -> Option<String> {
    let mut text = String::new();
    for found in char::decode_utf16(name.iter().copied()) {
        match found {
            Ok(c) => text.push(c),
            Err(half) => {
                return Some(format!(
                    "it holds half a character ({:#06x})",
                    half.unpaired_surrogate()
                ));
            }
        }
    }
    if text == "." || text == ".." {
        return Some("it is a name of folders for themselves".to_owned());
    }
    if name.len() > 255 {
        return Some("it has more than 255 characters".to_owned());
    }
    text.chars()
        .find(|&c| c < ' ' || "\"*/:<>?\\|".contains(c))
        .map(|c| format!("it holds {c:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[u8; 11] = b"ALONGN~1TXT";

    fn own() -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..11].copy_from_slice(OWN);
        bytes
    }

    fn part(order: u8, checksum: u8, text: &str) -> [u8; 32] {
        let mut bytes = [0xFF; 32];
        (bytes[0], bytes[11], bytes[12], bytes[13]) = (order, 0x0F, 0, checksum);
        bytes[26..28].fill(0);
        let units = text.encode_utf16().chain([0]).take(PART);
        let places = (1..11).chain(14..26).chain(28..32).step_by(2);
        for (unit, at) in units.zip(places) {
            bytes[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn only_a_whole_run_of_entries_makes_a_name() {
        let own = own();
        let own = Entry(&own);
        let sum = own.checksum();
        let read = |parts: &[[u8; 32]]| {
            let mut name = LongName::default();
            for part in parts {
                name.add(Entry(part));
            }
            name.take(own)
        };
        let (one, two) = (part(1, sum, "a long name.t"), part(0x42, sum, "xt"));
        let Found::Name(units, true) = read(&[two, one]) else {
            panic!("no name");
        };
        assert_eq!(String::from_utf16(&units).unwrap(), "a long name.txt");
        assert_eq!(read(&[]), Found::Nothing);
        for bad in [
            &[one][..],
            &[two],
            &[one, two],
            &[two, part(1, sum ^ 1, "a long name.t")],
            &[part(0x42, sum ^ 1, "xt"), part(1, sum ^ 1, "a long name.t")],
            &[part(0x40, sum, "x")],
            &[part(0x41, sum, "")],
            &[part(0x7F, sum, "x"), one],
        ] {
            assert_eq!(read(bad), Found::Orphaned);
        }
    }

    #[test]
    fn names_that_nobody_may_write_are_named() {
        let judge = |text: &str| bad_name(&text.encode_utf16().collect::<Vec<_>>());
        assert_eq!(judge("naïve €😀.efi"), None);
        assert!(judge("a\\b").unwrap().contains("'\\\\'"));
        assert!(judge("a:b").is_some() && judge("..").is_some() && judge("a\u{1}").is_some());
        assert!(bad_name(&[0x41, 0xD800]).unwrap().contains("0xd800"));
    }
}
