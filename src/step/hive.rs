//! Values of a Windows registry hive, read from the file of a volume that is not running.
//!
//! Reads only the cells on the way to a value, so a hive of 200 MB costs a few kilobytes. The file is hostile input: every
//! offset and length is checked, and a budget of cells ends what leads in a circle. (The crate `nt-hive` 0.3 needs the whole
//! file in memory and panics on cells of length 0, empty index leaves and offsets of all ones.) Layout: "Windows registry
//! file format specification" by M. Suhanov. Changes that wait in the hive's log files are not seen.

use std::io::{self, Read, Seek, SeekFrom};

use thiserror::Error;

/// Where the cells begin; offsets count from here.
const BASE: u64 = 4096;
/// Cells read in all.
const BUDGET: u32 = 200_000;
/// Longest cell of interest: a key node with the longest name, an index of 4,000 keys, a text of 16,000 signs.
const LONGEST: usize = 32 * 1024;
/// Longest value that stands in one cell.
const LONGEST_VALUE: usize = 16_344;
const NOTHING: u32 = u32::MAX;

/// Why a hive cannot be read.
#[derive(Debug, Error)]
pub(super) enum HiveError {
    /// The system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Damaged, or made to mislead.
    #[error("it is damaged: {0}")]
    Bad(&'static str),
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// `REG_SZ`, `REG_EXPAND_SZ`, the first text of `REG_MULTI_SZ`.
    Text(String),
    /// `REG_DWORD`.
    Number(u32),
    /// Anything else.
    Other,
}

impl Value {
    /// As text; a number in decimals.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Other => String::new(),
        }
    }
}

/// A key that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    subkeys: u32,
    subkey_count: u32,
    values: u32,
    value_count: u32,
}

/// An open hive.
pub(super) struct Hive<R> {
    file: R,
    root: u32,
    budget: u32,
}

fn half(bytes: &[u8], at: usize) -> Result<u16, HiveError> {
    bytes
        .get(at..at + 2)
        .and_then(|part| part.try_into().ok())
        .map(u16::from_le_bytes)
        .ok_or(HiveError::Bad("a cell is too short"))
}

fn word(bytes: &[u8], at: usize) -> Result<u32, HiveError> {
    bytes
        .get(at..at + 4)
        .and_then(|part| part.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or(HiveError::Bad("a cell is too short"))
}

/// A name: Latin-1 or UTF-16.
fn name(bytes: &[u8], at: usize, length: usize, narrow: bool) -> Result<String, HiveError> {
    let part = bytes
        .get(at..at + length)
        .ok_or(HiveError::Bad("a name is longer than its cell"))?;
    Ok(if narrow {
        part.iter().map(|&byte| char::from(byte)).collect()
    } else {
        wide(part)
    })
}

fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|&unit| unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}

fn same(one: &str, other: &str) -> bool {
    one.to_uppercase() == other.to_uppercase()
}

impl<R: Read + Seek> Hive<R> {
    /// Opens a hive.
    ///
    /// # Errors
    /// Not a hive, or what the system said.
    pub(super) fn open(mut file: R) -> Result<Self, HiveError> {
        let mut base = [0; 512];
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(&mut base).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                HiveError::Bad("it is too short for a registry hive")
            } else {
                HiveError::Io(error)
            }
        })?;
        if &base[..4] != b"regf" {
            return Err(HiveError::Bad("it does not begin as a registry hive"));
        }
        Ok(Self {
            root: word(&base, 36)?,
            file,
            budget: BUDGET,
        })
    }

    /// What a cell holds, up to [`LONGEST`] bytes.
    fn cell(&mut self, offset: u32) -> Result<Vec<u8>, HiveError> {
        self.budget = self
            .budget
            .checked_sub(1)
            .ok_or(HiveError::Bad("it has too many cells on the way"))?;
        if offset == NOTHING {
            return Err(HiveError::Bad("a cell that must be there is not"));
        }
        self.file.seek(SeekFrom::Start(BASE + u64::from(offset)))?;
        let mut size = [0; 4];
        self.file
            .read_exact(&mut size)
            .map_err(|_| HiveError::Bad("a cell lies behind the end"))?;
        // A cell in use has a negative size; the size counts its own four bytes.
        let size = i32::from_le_bytes(size);
        if size > -8 {
            return Err(HiveError::Bad("a cell is free or has no size"));
        }
        let length = (size.unsigned_abs() as usize - 4).min(LONGEST);
        let mut bytes = Vec::new();
        (&mut self.file)
            .take(length as u64)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn node(&mut self, offset: u32) -> Result<(Key, String), HiveError> {
        let cell = self.cell(offset)?;
        if cell.get(..2) != Some(b"nk".as_slice()) {
            return Err(HiveError::Bad("a key is none"));
        }
        let key = Key {
            subkey_count: word(&cell, 20)?,
            subkeys: word(&cell, 28)?,
            value_count: word(&cell, 36)?,
            values: word(&cell, 40)?,
        };
        let narrow = half(&cell, 2)? & 0x20 != 0;
        let length = usize::from(half(&cell, 72)?);
        Ok((key, name(&cell, 76, length, narrow)?))
    }

    /// The offsets of the keys below a key; `nested` for the lists of a list, which hold no more lists.
    fn list(&mut self, offset: u32, nested: bool) -> Result<Vec<u32>, HiveError> {
        let cell = self.cell(offset)?;
        let count = usize::from(half(&cell, 2)?);
        let step = match cell.get(..2) {
            Some(b"lf" | b"lh") => 8,
            Some(b"li") => 4,
            Some(b"ri") if !nested => {
                let mut all = Vec::new();
                for index in 0..count {
                    let part = self.list(word(&cell, 4 + 4 * index)?, true)?;
                    all.extend(part);
                    if all.len() > BUDGET as usize {
                        return Err(HiveError::Bad("a key has too many keys"));
                    }
                }
                return Ok(all);
            }
            _ => return Err(HiveError::Bad("a list of keys is none")),
        };
        (0..count)
            .map(|index| word(&cell, 4 + step * index))
            .collect()
    }

    /// The key at a path like `Microsoft\Windows NT`; `None`: not there.
    ///
    /// # Errors
    /// Damaged, or what the system said.
    pub(super) fn key(&mut self, path: &str) -> Result<Option<Key>, HiveError> {
        let (mut key, _) = self.node(self.root)?;
        for part in path.split('\\') {
            if key.subkey_count == 0 || key.subkeys == NOTHING {
                return Ok(None);
            }
            let mut next = None;
            for offset in self.list(key.subkeys, false)? {
                let (found, name) = self.node(offset)?;
                if same(&name, part) {
                    next = Some(found);
                    break;
                }
            }
            match next {
                Some(found) => key = found,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// A value of the key at `path`; `None`: one of them is not there.
    ///
    /// # Errors
    /// Damaged, or what the system said.
    pub(super) fn value(&mut self, path: &str, wanted: &str) -> Result<Option<Value>, HiveError> {
        let Some(key) = self.key(path)? else {
            return Ok(None);
        };
        if key.value_count == 0 || key.values == NOTHING {
            return Ok(None);
        }
        let list = self.cell(key.values)?;
        for index in 0..(key.value_count as usize).min(list.len() / 4) {
            let cell = self.cell(word(&list, 4 * index)?)?;
            if cell.get(..2) != Some(b"vk".as_slice()) {
                return Err(HiveError::Bad("a value is none"));
            }
            let narrow = half(&cell, 16)? & 1 != 0;
            let length = usize::from(half(&cell, 2)?);
            if same(&name(&cell, 20, length, narrow)?, wanted) {
                return self.data(&cell).map(Some);
            }
        }
        Ok(None)
    }

    fn data(&mut self, cell: &[u8]) -> Result<Value, HiveError> {
        const INSIDE: u32 = 1 << 31;
        let size = word(cell, 4)?;
        let length = (size & !INSIDE) as usize;
        let bytes = if size & INSIDE != 0 {
            cell.get(8..8 + length.min(4)).unwrap_or_default().to_vec()
        } else if length == 0 {
            Vec::new()
        } else if length > LONGEST_VALUE {
            return Ok(Value::Other);
        } else {
            let mut bytes = self.cell(word(cell, 8)?)?;
            bytes.truncate(length);
            bytes
        };
        Ok(match word(cell, 12)? {
            1 | 2 | 7 => Value::Text(wide(&bytes)),
            4 => Value::Number(word(&bytes, 0)?),
            _ => Value::Other,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use super::*;

    /// A key to be written: values (a text, or a number), and keys below it.
    pub(in crate::step) struct Made {
        name: String,
        values: Vec<(String, Value)>,
        keys: Vec<Made>,
    }

    /// A hive with these values: (key, value, data).
    pub(in crate::step) fn hive(values: &[(&str, &str, Value)]) -> Vec<u8> {
        let mut root = Made::new("ROOT");
        for (path, name, value) in values {
            let mut at = &mut root;
            for part in path.split('\\') {
                let index = at.keys.iter().position(|key| key.name == part);
                let index = index.unwrap_or_else(|| {
                    at.keys.push(Made::new(part));
                    at.keys.len() - 1
                });
                at = &mut at.keys[index];
            }
            at.values.push(((*name).to_owned(), value.clone()));
        }
        let mut cells = vec![0; 32];
        let start = root.write(&mut cells);
        let padded = (cells.len() + 8).div_ceil(4096) * 4096;
        let free = padded - cells.len();
        cells.extend(i32::try_from(free).unwrap().to_le_bytes());
        cells.resize(padded, 0);
        let size = u32::try_from(padded).unwrap();
        cells[..4].copy_from_slice(b"hbin");
        cells[8..12].copy_from_slice(&size.to_le_bytes());
        let mut base = vec![0; 4096];
        base[..4].copy_from_slice(b"regf");
        for (at, number) in [
            (4, 1),
            (8, 1),
            (20, 1),
            (24, 5),
            (32, 1),
            (36, start),
            (40, size),
            (44, 1),
        ] {
            base[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
        }
        let sum = base[..508].chunks(4).fold(0, |sum, part| {
            sum ^ u32::from_le_bytes(part.try_into().unwrap())
        });
        base[508..512].copy_from_slice(&sum.to_le_bytes());
        base.extend(cells);
        base
    }

    fn put(cells: &mut Vec<u8>, body: &[u8]) -> u32 {
        let at = u32::try_from(cells.len()).unwrap();
        let size = (body.len() + 4).div_ceil(8) * 8;
        cells.extend((-i32::try_from(size).unwrap()).to_le_bytes());
        cells.extend(body);
        cells.resize(at as usize + size, 0);
        at
    }

    impl Made {
        fn new(name: &str) -> Self {
            Self {
                name: name.to_owned(),
                values: Vec::new(),
                keys: Vec::new(),
            }
        }

        fn write(&mut self, cells: &mut Vec<u8>) -> u32 {
            self.keys.sort_by_key(|key| key.name.to_uppercase());
            let mut list = b"lh".to_vec();
            list.extend(u16::try_from(self.keys.len()).unwrap().to_le_bytes());
            for key in &mut self.keys {
                let hash = key.name.to_uppercase().chars().fold(0_u32, |sum, c| {
                    sum.wrapping_mul(37).wrapping_add(u32::from(c))
                });
                list.extend(key.write(cells).to_le_bytes());
                list.extend(hash.to_le_bytes());
            }
            let keys = if self.keys.is_empty() {
                NOTHING
            } else {
                put(cells, &list)
            };
            let mut offsets = Vec::new();
            for (name, value) in &self.values {
                let (kind, data) = match value {
                    Value::Text(text) => (
                        1_u32,
                        text.encode_utf16()
                            .chain([0])
                            .flat_map(u16::to_le_bytes)
                            .collect::<Vec<u8>>(),
                    ),
                    Value::Number(number) => (4, number.to_le_bytes().to_vec()),
                    Value::Other => (3, vec![1]),
                };
                let length = u32::try_from(data.len()).unwrap();
                let (size, at) = if data.len() <= 4 {
                    let mut inside = data.clone();
                    inside.resize(4, 0);
                    (
                        length | 1 << 31,
                        u32::from_le_bytes(inside.try_into().unwrap()),
                    )
                } else {
                    (length, put(cells, &data))
                };
                let mut vk = b"vk".to_vec();
                vk.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
                vk.extend(size.to_le_bytes());
                vk.extend(at.to_le_bytes());
                vk.extend(kind.to_le_bytes());
                vk.extend([1, 0, 0, 0]);
                vk.extend(name.as_bytes());
                offsets.extend(put(cells, &vk).to_le_bytes());
            }
            let values = if offsets.is_empty() {
                NOTHING
            } else {
                put(cells, &offsets)
            };
            let mut nk = vec![0; 76];
            nk[..2].copy_from_slice(b"nk");
            let flags: u16 = if self.name == "ROOT" { 0x2C } else { 0x20 };
            nk[2..4].copy_from_slice(&flags.to_le_bytes());
            let number = |count: usize| u32::try_from(count).unwrap();
            for (at, number) in [
                (20, number(self.keys.len())),
                (28, keys),
                (32, NOTHING),
                (36, number(self.values.len())),
                (40, values),
                (44, NOTHING),
                (48, NOTHING),
            ] {
                nk[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            nk[72..74].copy_from_slice(&u16::try_from(self.name.len()).unwrap().to_le_bytes());
            nk.extend(self.name.as_bytes());
            put(cells, &nk)
        }
    }

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    fn sample() -> Vec<u8> {
        hive(&[
            (
                "Microsoft\\Windows NT\\CurrentVersion",
                "EditionID",
                text("Professional"),
            ),
            (
                "Microsoft\\Windows NT\\CurrentVersion",
                "Major",
                Value::Number(10),
            ),
            (
                "Microsoft\\Windows NT\\CurrentVersion\\Winlogon",
                "DefaultPassword",
                text("pw"),
            ),
            ("Select", "Current", Value::Number(1)),
            ("Select", "Blob", Value::Other),
        ])
    }

    #[test]
    fn values_are_found_without_regard_to_case() {
        let mut hive = Hive::open(Cursor::new(sample())).unwrap();
        let path = "MICROSOFT\\windows nt\\CurrentVersion";
        assert_eq!(
            hive.value(path, "editionid").unwrap(),
            Some(text("Professional"))
        );
        assert_eq!(hive.value(path, "Major").unwrap(), Some(Value::Number(10)));
        assert_eq!(hive.value("Select", "Blob").unwrap(), Some(Value::Other));
        assert_eq!(hive.value(path, "None").unwrap(), None);
        assert_eq!(hive.value("No\\Such", "x").unwrap(), None);
        assert!(hive.key("Select").unwrap().is_some());
    }

    #[test]
    fn hostile_hives_end_in_an_error_or_an_answer() {
        let good = sample();
        let look = |bytes: Vec<u8>| {
            let Ok(mut hive) = Hive::open(Cursor::new(bytes)) else {
                return;
            };
            for (path, name) in [
                (
                    "Microsoft\\Windows NT\\CurrentVersion\\Winlogon",
                    "DefaultPassword",
                ),
                ("Select", "Current"),
                ("Missing", "x"),
            ] {
                let _ = hive.value(path, name);
            }
        };
        for length in [0, 3, 511, 512, 4095, 4096, 4100, 4130, good.len() - 1] {
            look(good[..length].to_vec());
        }
        // Every word of the file, once each as the numbers that break arithmetic, and as a pointer to a list.
        let used = good.len().min(4096 + 1600);
        for at in (0..64).chain(4096..used).step_by(2) {
            for number in [
                0,
                1,
                4,
                0x20,
                0x7FFF_FFFF,
                0x8000_0000,
                0xFFFF_FFF8,
                0xFFFF_FFFC,
                u32::MAX,
            ] {
                let mut bad = good.clone();
                if let Some(part) = bad.get_mut(at..at + 4) {
                    part.copy_from_slice(&number.to_le_bytes());
                }
                look(bad);
            }
        }
        // A list of lists that all lead to itself.
        let mut circle = good.clone();
        let list = circle.windows(2).rposition(|part| part == b"lh").unwrap();
        circle[list..list + 2].copy_from_slice(b"ri");
        let offset = u32::try_from(list - 4 - 4096).unwrap().to_le_bytes();
        circle[list + 4..list + 8].copy_from_slice(&offset);
        look(circle);
    }
}
