//! What a FAT32 volume cannot hold: names, lengths, folders. One judge for the entries of an image, before anything is written,
//! and for the tree that is copied.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::fat::FatError;

/// FAT's own limit for one folder: 2 MiB of entries of 32 bytes.
const MOST_SLOTS: u64 = 65_536;
/// Bytes of an entry in a folder.
const SLOT: u64 = 32;
/// Characters of a long name in one entry.
const PER_SLOT: usize = 13;

/// The rule that `name` breaks, if any.
fn fault_of(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("it is empty".to_owned());
    }
    if let Some(bad) = name
        .chars()
        .find(|c| c.is_control() || "\"*/:<>?\\|".contains(*c))
    {
        return Some(format!("the character {bad:?} is not allowed there"));
    }
    if name.ends_with(['.', ' ']) {
        return Some("a name cannot end in a dot or a blank".to_owned());
    }
    if name.len() > 255 {
        return Some("it is too long".to_owned());
    }
    name.chars()
        .any(|c| u32::from(c) > 0xFFFF)
        .then(|| "it has characters outside the basic plane".to_owned())
}

#[derive(Default)]
struct Folder {
    names: HashSet<String>,
    slots: u64,
}

/// Judges entry by entry.
pub(super) struct Judge {
    cluster: u64,
    folders: HashMap<String, Folder>,
    bytes: u64,
}

impl Judge {
    /// For a volume with clusters of so many bytes.
    pub(super) fn new(cluster: u32) -> Self {
        Self {
            cluster: u64::from(cluster.max(512)),
            folders: HashMap::new(),
            bytes: 0,
        }
    }

    /// One entry: `path` from the root with `/` between the names, and its bytes (`None`: a folder).
    pub(super) fn entry(&mut self, path: &str, bytes: Option<u64>) -> Result<(), FatError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let bad = |why: String| FatError::Name {
            path: PathBuf::from(path),
            why,
        };
        if let Some(why) = fault_of(name) {
            return Err(bad(why));
        }
        let folder = self
            .folders
            .entry(folder.trim_start_matches('/').to_owned())
            .or_default();
        if !folder.names.insert(name.to_uppercase()) {
            return Err(bad("another name differs only in case".to_owned()));
        }
        folder.slots += 1 + name.encode_utf16().count().div_ceil(PER_SLOT) as u64;
        // Two more stand for the folder itself and the one above it.
        if folder.slots + 2 > MOST_SLOTS {
            return Err(bad("its folder has too many entries".to_owned()));
        }
        if let Some(bytes) = bytes {
            if bytes > u64::from(u32::MAX) {
                return Err(FatError::TooBig {
                    path: PathBuf::from(path),
                    bytes,
                });
            }
            let room = bytes.div_ceil(self.cluster).saturating_mul(self.cluster);
            self.bytes = self.bytes.saturating_add(room);
        } else {
            // A folder without files takes a cluster all the same.
            self.folders
                .entry(path.trim_start_matches('/').to_owned())
                .or_default();
        }
        Ok(())
    }

    /// Bytes of clusters that all entries so far take, folders included.
    pub(super) fn bytes(&self) -> u64 {
        self.folders
            .values()
            .map(|folder| ((folder.slots + 2) * SLOT).div_ceil(self.cluster) * self.cluster)
            .fold(self.bytes, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fat_cannot_hold_is_refused() {
        let long = "x".repeat(256);
        for (name, why) in [
            ("a:b", "':'"),
            ("con\u{7}", "'\\u{7}'"),
            ("end.", "dot"),
            ("end ", "blank"),
            ("a\u{1F600}", "basic plane"),
            (long.as_str(), "too long"),
            ("", "empty"),
        ] {
            let error = Judge::new(512).entry(&format!("/d/{name}"), Some(1));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
        let mut judge = Judge::new(4096);
        judge.entry("/Größe", None).unwrap();
        judge.entry("/Größe/a", Some(1)).unwrap();
        judge.entry("/b/a", Some(4097)).unwrap();
        assert!(judge.entry("/Größe/A", Some(1)).is_err());
        assert!(judge.entry("/big", Some(1 << 32)).is_err());
        assert!(judge.entry("/most", Some((1 << 32) - 1)).is_ok());
        // Three folders of one cluster; 1, 2 and 2^20 clusters of data.
        assert_eq!(judge.bytes(), (3 + 3 + (1 << 20)) * 4096);
    }

    #[test]
    fn a_folder_with_too_many_names_is_refused() {
        let mut judge = Judge::new(512);
        let fits = (MOST_SLOTS - 2) / 2;
        for number in 0..fits {
            judge.entry(&format!("/{number:012}"), Some(0)).unwrap();
        }
        assert!(judge.entry("/one more", Some(0)).is_err());
        assert!(judge.entry("/other/one more", Some(0)).is_ok());
    }
}
