//! Registry hives for tests. `hivexregedit`, `wimlib` and the reader beside it read what this makes.

use super::hive::Value;

const NOTHING: u32 = u32::MAX;

/// A key to be written: values (a text, or a number), and keys below it.
struct Made {
    name: String,
    values: Vec<(String, Value)>,
    keys: Vec<Made>,
}

/// A hive with these values: (key, value, data).
pub(super) fn hive(values: &[(&str, &str, Value)]) -> Vec<u8> {
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
    // The security descriptor that all keys share; it comes first, at 32.
    let mut security = b"sk\0\0".to_vec();
    for number in [SECURITY, SECURITY, 1, 20] {
        security.extend(u32::to_le_bytes(number));
    }
    security.extend([1, 0, 0, 0x80]);
    security.resize(20 + 20, 0);
    put(&mut cells, &security);
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

const SECURITY: u32 = 32;

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
        let mut below = Vec::new();
        for key in &mut self.keys {
            let hash = key.name.to_uppercase().chars().fold(0_u32, |sum, c| {
                sum.wrapping_mul(37).wrapping_add(u32::from(c))
            });
            below.push(key.write(cells));
            list.extend(below[below.len() - 1].to_le_bytes());
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
            (44, SECURITY),
            (48, NOTHING),
        ] {
            nk[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        nk[72..74].copy_from_slice(&u16::try_from(self.name.len()).unwrap().to_le_bytes());
        nk.extend(self.name.as_bytes());
        let at = put(cells, &nk);
        for key in below {
            let parent = key as usize + 4 + 16;
            cells[parent..parent + 4].copy_from_slice(&at.to_le_bytes());
        }
        at
    }
}
