//! The bytes of a FAT32 volume, to be changed on purpose.

pub const SECTOR: usize = 512;
pub const END: u32 = 0x0FFF_FFFF;
pub const BAD: u32 = 0x0FFF_FFF7;

/// A volume in memory, made by `mkfs.fat` with one sector a cluster.
pub struct Fat(pub Vec<u8>);

impl Fat {
    pub fn word(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }

    pub fn long(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Where an entry of the first (0) or second (1) table is.
    pub fn entry(&self, table: usize, cluster: u32) -> usize {
        let table_bytes = self.long(36) as usize * SECTOR;
        self.word(14) * SECTOR + table * table_bytes + cluster as usize * 4
    }

    pub fn next(&self, cluster: u32) -> u32 {
        self.long(self.entry(0, cluster)) & END
    }

    pub fn link(&mut self, cluster: u32, value: u32) {
        for table in 0..2 {
            let at = self.entry(table, cluster);
            self.put(at, &value.to_le_bytes());
        }
    }

    pub fn place(&self, cluster: u32) -> usize {
        self.entry(0, 0) + 2 * self.long(36) as usize * SECTOR + (cluster as usize - 2) * SECTOR
    }

    /// Where the short entry of a path of short names (`DIR/INNER`) is.
    pub fn find(&self, path: &str) -> usize {
        let (mut cluster, mut at) = (self.long(44), 0);
        for part in path.split('/') {
            let (stem, extension) = part.split_once('.').unwrap_or((part, ""));
            let name = format!("{stem:8}{extension:3}");
            at = self
                .slots(cluster)
                .into_iter()
                .find(|&at| self.0[at..at + 11] == *name.as_bytes() && self.0[at + 11] != 0x0F)
                .unwrap_or_else(|| panic!("{part} of {path}"));
            cluster = self.first(at);
        }
        at
    }

    /// Where the entries of a folder are.
    pub fn slots(&self, first: u32) -> Vec<usize> {
        let (mut cluster, mut slots) = (first, Vec::new());
        while cluster < BAD {
            let place = self.place(cluster);
            slots.extend((place..place + SECTOR).step_by(32));
            cluster = self.next(cluster);
        }
        slots
    }

    pub fn first(&self, at: usize) -> u32 {
        u32::try_from(self.word(at + 20)).unwrap() << 16
            | u32::try_from(self.word(at + 26)).unwrap()
    }

    pub fn cluster(&self, path: &str) -> u32 {
        self.first(self.find(path))
    }

    pub fn start_at(&mut self, path: &str, cluster: u32) {
        let (at, raw) = (self.find(path), cluster.to_le_bytes());
        self.put(at + 20, &raw[2..]);
        self.put(at + 26, &raw[..2]);
    }

    pub fn size(&mut self, path: &str, bytes: u32) {
        let at = self.find(path);
        self.put(at + 28, &bytes.to_le_bytes());
    }

    /// A cluster that is free, far behind those in use.
    pub fn free(&self) -> u32 {
        (20_000..).find(|&cluster| self.next(cluster) == 0).unwrap()
    }
}

/// The part of a long name that stands right before its file, unit by unit.
pub fn long_name(fat: &mut Fat, short: &str, text: &[u16]) {
    let at = fat.find(short) - 32;
    let places = (1..11).chain(14..26).chain(28..32).step_by(2);
    for (place, unit) in places.zip(text) {
        fat.put(at + place, &unit.to_le_bytes());
    }
}
