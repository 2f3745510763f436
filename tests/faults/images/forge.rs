//! WIM files changed byte by byte, with the hashes mended so that only what was meant is wrong.

use std::path::{Path, PathBuf};

use crate::lab::{inside, text, tool};

/// Places in the header (Microsoft, "Windows Imaging File Format").
pub const HEADER_SIZE: usize = 8;
pub const VERSION: usize = 12;
pub const FLAGS: usize = 16;
pub const CHUNK: usize = 20;
pub const PART: usize = 40;
pub const PARTS: usize = 42;
pub const IMAGES: usize = 44;
pub const TABLE: usize = 48;
pub const XML: usize = 72;
pub const BOOT_INDEX: usize = 120;
pub const INTEGRITY: usize = 124;
/// An entry of the blob table and places in it.
pub const ENTRY: usize = 50;
pub const ENTRY_FLAGS: usize = 7;
pub const ENTRY_OFFSET: usize = 8;
pub const ENTRY_BYTES: usize = 16;
pub const ENTRY_PART: usize = 24;
pub const ENTRY_COUNT: usize = 26;
pub const ENTRY_HASH: usize = 30;
pub const IS_METADATA: u8 = 2;
/// Places in the entry of a file.
pub const ATTRIBUTES: usize = 8;
pub const SECURITY: usize = 12;
pub const CHILDREN: usize = 16;
pub const HASH: usize = 64;
/// The hash in the entry of a stream.
const STREAM_HASH: usize = 16;
pub const TAG: usize = 88;
pub const LINKS: usize = 88;
pub const STREAMS: usize = 96;
pub const NAME_BYTES: usize = 100;
pub const NAME: usize = 102;

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// Good WIM files of one tree, written in several ways.
pub struct Sources {
    pub folder: tempfile::TempDir,
}

impl Sources {
    pub fn new() -> Self {
        let sources = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let volume = sources.path("volume.img");
        let file = std::fs::File::create(&volume).unwrap();
        file.set_len(24 << 20).unwrap();
        tool("mkntfs", &["-q", "-Q", "-F", text(&volume)]);
        inside(&volume, tree);
        let base = sources.path("none.wim");
        let capture = |to: &Path, more: &[&str]| {
            let start = ["capture", text(&volume), text(to), "One"];
            tool("wimlib-imagex", &[&start[..], more].concat());
        };
        capture(&base, &["--compress=none", "--no-check"]);
        capture(
            &sources.path("checked.wim"),
            &["--compress=none", "--check"],
        );
        capture(&sources.path("xpress.wim"), &["--compress=XPRESS"]);
        capture(&sources.path("lzx.wim"), &["--compress=LZX"]);
        capture(&sources.path("solid.wim"), &["--solid"]);
        capture(
            &sources.path("pipable.wim"),
            &["--pipable", "--compress=none"],
        );
        let split = [text(&base), text(&sources.path("split.swm")), "0.1"].map(str::to_owned);
        let arguments: Vec<&str> = split.iter().map(String::as_str).collect();
        tool("wimlib-imagex", &[&["split"][..], &arguments].concat());
        inside(&volume, |root| {
            std::fs::write(root.join("new.bin"), b"only in the second one").unwrap();
        });
        let from = format!("--delta-from={}", text(&base));
        capture(&sources.path("delta.wim"), &["--compress=none", &from]);
        capture(
            &sources.path("other.wim"),
            &["--compress=none", "--no-check"],
        );
        tool(
            "wimlib-imagex",
            &[
                "split",
                text(&sources.path("other.wim")),
                text(&sources.path("other.swm")),
                "0.1",
            ],
        );
        sources
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

/// The data of a junction to `\??\C:\dir` ([MS-FSCC] 2.1.2.5).
fn junction() -> Vec<u8> {
    let (substitute, print) = (utf16("\\??\\C:\\dir"), utf16("C:\\dir"));
    let mut data = 0xA000_0003_u32.to_le_bytes().to_vec();
    let body = 8 + substitute.len() + 2 + print.len() + 2;
    data.extend(u16::try_from(body).unwrap().to_le_bytes());
    data.extend([0, 0]);
    for number in [0, substitute.len(), substitute.len() + 2, print.len()] {
        data.extend(u16::try_from(number).unwrap().to_le_bytes());
    }
    data.extend(&substitute);
    data.extend([0, 0]);
    data.extend(&print);
    data.extend([0, 0]);
    data
}

fn tree(root: &Path) {
    std::fs::create_dir_all(root.join("dir/deep")).unwrap();
    for (name, data) in [
        ("aaaa", "first"),
        ("bbbb", "second"),
        ("cccc", "third"),
        ("dir/zz", "in a folder"),
        ("dir/deep/eeee", "deeper"),
    ] {
        std::fs::write(root.join(name), data).unwrap();
    }
    std::fs::write(root.join("large"), crate::lab::noise(300_000, 5)).unwrap();
    std::fs::write(root.join("text"), "compressible ".repeat(20_000)).unwrap();
    std::fs::hard_link(root.join("cccc"), root.join("linked")).unwrap();
    xattr::set(root.join("bbbb"), "user.stream", b"named").unwrap();
    std::fs::create_dir(root.join("jump")).unwrap();
    xattr::set(root.join("jump"), "system.ntfs_reparse_data", &junction()).unwrap();
}

/// One WIM in memory.
pub struct Forge {
    pub bytes: Vec<u8>,
}

impl Forge {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    pub fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub fn put16(&mut self, at: usize, number: u16) {
        self.put(at, &number.to_le_bytes());
    }

    pub fn put32(&mut self, at: usize, number: u32) {
        self.put(at, &number.to_le_bytes());
    }

    pub fn put64(&mut self, at: usize, number: u64) {
        self.put(at, &number.to_le_bytes());
    }

    pub fn flag(&mut self, bits: u32) {
        let old = u32::from_le_bytes(self.bytes[FLAGS..FLAGS + 4].try_into().unwrap());
        self.put32(FLAGS, old | bits);
    }

    /// Bytes of the resource that a resource header describes (seven bytes).
    pub fn set_size(&mut self, header: usize, bytes: u64) {
        self.put(header, &bytes.to_le_bytes()[..7]);
    }

    /// Where the entries of the blob table begin.
    pub fn entries(&self) -> Vec<usize> {
        let (from, bytes) = (size(self.u64(TABLE + 8)), size(self.u64(TABLE + 16)));
        (from..from + bytes).step_by(ENTRY).collect()
    }

    /// The entry of the metadata, and the first, second, ... of the data.
    pub fn metadata_entry(&self) -> usize {
        let is = |&at: &usize| self.bytes[at + ENTRY_FLAGS] & IS_METADATA != 0;
        self.entries().into_iter().find(is).unwrap()
    }

    pub fn data_entry(&self, number: usize) -> usize {
        let is = |&at: &usize| self.bytes[at + ENTRY_FLAGS] & IS_METADATA == 0;
        self.entries().into_iter().filter(is).nth(number).unwrap()
    }

    /// The entry of the blob with these bytes.
    pub fn entry_of(&self, data: &[u8]) -> usize {
        let holds = |&at: &usize| {
            let from = size(self.u64(at + ENTRY_OFFSET));
            self.bytes[from..].starts_with(data)
        };
        self.entries().into_iter().find(holds).unwrap()
    }

    /// Changes the metadata and mends its hash; it may change its length.
    pub fn metadata(&mut self, change: impl FnOnce(&mut Metadata)) {
        let entry = self.metadata_entry();
        let from = size(self.u64(entry + ENTRY_OFFSET));
        let length = size(self.u64(entry + ENTRY_BYTES));
        let mut metadata = Metadata(self.bytes[from..from + length].to_vec());
        change(&mut metadata);
        let bytes = metadata.0;
        if bytes.len() == length {
            self.put(from, &bytes);
        } else {
            self.put64(entry + ENTRY_OFFSET, self.bytes.len() as u64);
            self.put64(entry + ENTRY_BYTES, bytes.len() as u64);
            self.set_size(entry, bytes.len() as u64);
            self.bytes.extend(&bytes);
        }
        self.put(entry + ENTRY_HASH, &sha1(&bytes));
    }

    /// Changes the text of the XML data, which go to the end of the file.
    pub fn xml(&mut self, change: impl FnOnce(&str) -> String) {
        let (from, length) = (size(self.u64(XML + 8)), size(self.u64(XML + 16)));
        let units: Vec<u16> = self.bytes[from..from + length]
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let new = utf16(&change(&String::from_utf16(&units).unwrap()));
        self.raw_xml(&new);
    }

    pub fn raw_xml(&mut self, bytes: &[u8]) {
        self.put64(XML + 8, self.bytes.len() as u64);
        self.put64(XML + 16, bytes.len() as u64);
        self.set_size(XML, bytes.len() as u64);
        self.bytes.extend(bytes);
    }
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let sum = tool("sha1sum", &[text(file.path())]);
    (0..20)
        .map(|i| u8::from_str_radix(&sum[i * 2..i * 2 + 2], 16).unwrap())
        .collect()
}

/// The metadata of an image: security descriptors, then the entries of files.
pub struct Metadata(pub Vec<u8>);

impl Metadata {
    /// Where the entry of the file with this name begins.
    pub fn file(&self, name: &str) -> usize {
        let mut wanted = utf16(name);
        wanted.extend([0, 0]);
        let length = u16::try_from(wanted.len() - 2).unwrap().to_le_bytes();
        (NAME..self.0.len() - wanted.len())
            .find(|&at| self.0[at..].starts_with(&wanted) && self.0[at - 2..at] == length)
            .unwrap()
            - NAME
    }

    /// Where the root's entry begins.
    pub fn root(&self) -> usize {
        let length = u32::from_le_bytes(self.0[..4].try_into().unwrap());
        (length as usize).next_multiple_of(8)
    }

    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Another name of the same length.
    pub fn rename(&mut self, from: &str, to: &str) {
        let at = self.file(from) + NAME;
        self.put(at, &utf16(to));
    }

    pub fn attributes(&mut self, name: &str, set: u32) {
        let at = self.file(name) + ATTRIBUTES;
        let old = u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap());
        self.put(at, &(old | set).to_le_bytes());
    }

    /// Gives another hash to all that a file holds: its own and those of the streams that follow its entry.
    pub fn hashes(&mut self, name: &str, hash: &[u8; 20]) {
        let from = self.file(name);
        let length = |m: &Self, at: usize| {
            size(u64::from_le_bytes(m.0[at..at + 8].try_into().unwrap())).next_multiple_of(8)
        };
        let streams = u16::from_le_bytes(self.0[from + STREAMS..][..2].try_into().unwrap());
        let mut places = vec![from + HASH];
        let mut at = from + length(self, from);
        for _ in 0..streams {
            places.push(at + STREAM_HASH);
            at += length(self, at);
        }
        for place in places {
            if self.0[place..place + 20] != [0; 20] {
                self.put(place, hash);
            }
        }
    }

    /// Where the first security descriptor begins.
    pub fn descriptor(&self) -> usize {
        let count = u32::from_le_bytes(self.0[4..8].try_into().unwrap());
        8 + 8 * count as usize
    }

    /// Gives a file a longer name: its folder's entries move to the end.
    pub fn lengthen(&mut self, folder: Option<&str>, name: &str, to: &str) {
        let owner = folder.map_or_else(|| self.root(), |folder| self.file(folder));
        let at = owner + CHILDREN;
        let mut from = size(u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap()));
        let wanted = self.file(name);
        let mut moved = Vec::new();
        loop {
            let length = size(u64::from_le_bytes(
                self.0[from..from + 8].try_into().unwrap(),
            ));
            if length < NAME {
                break;
            }
            // Streams of its own follow an entry.
            let streams = u16::from_le_bytes(self.0[from + STREAMS..][..2].try_into().unwrap());
            let mut end = from + length.next_multiple_of(8);
            for _ in 0..streams {
                let length = size(u64::from_le_bytes(self.0[end..end + 8].try_into().unwrap()));
                end += length.next_multiple_of(8);
            }
            if from == wanted {
                let mut entry = self.0[from..from + NAME].to_vec();
                let bytes = utf16(to);
                let count = u16::try_from(bytes.len()).unwrap();
                entry[NAME_BYTES..NAME].copy_from_slice(&count.to_le_bytes());
                entry[NAME_BYTES - 2..NAME_BYTES].copy_from_slice(&[0, 0]);
                entry.extend(&bytes);
                entry.extend([0, 0]);
                entry.resize(entry.len().next_multiple_of(8), 0);
                let length = entry.len() as u64;
                entry[..8].copy_from_slice(&length.to_le_bytes());
                assert_eq!(streams, 0, "a file without streams is wanted");
                moved.extend(entry);
            } else {
                moved.extend(&self.0[from..end]);
            }
            from = end;
        }
        moved.extend([0; 8]);
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let end = self.0.len() as u64;
        self.put(at, &end.to_le_bytes());
        self.0.extend(moved);
    }
}
