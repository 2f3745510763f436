//! Attributes and times of FAT32 directory entries, put in place by an own walk: fatfs has no call for attributes,
//! and none for the times of folders. The walk also mends `.` and `..`, before which fatfs 0.3 writes a long name:
//! fsck.fat and chkdsk take that for damage.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::fat_time::RawTimes;

/// What a file or folder shall carry; folders know their children.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) attributes: u8,
    pub(super) times: RawTimes,
    /// By their names in upper case.
    pub(super) children: HashMap<String, Facts>,
}

const ENTRY: usize = 32;
/// UTF-16 units in the 20 parts that a long name may have.
const LONGEST_NAME: usize = 20 * 13;
const LONG_NAME: u8 = 0x0F;
const VOLUME_LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
const LAST_CLUSTER: u32 = 0x0FFF_FFF8;
/// FAT's own limit for one folder.
const MOST_BYTES: usize = 65_536 * ENTRY;

struct Table {
    cluster_bytes: u64,
    fat_start: u64,
    data_start: u64,
    root: u32,
    clusters: u32,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Table {
    fn read(volume: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut boot = [0; 512];
        volume.seek(SeekFrom::Start(0))?;
        volume.read_exact(&mut boot)?;
        let sector = u64::from(u16_at(&boot, 11));
        let cluster_bytes = sector * u64::from(boot[13]);
        let fat_start = sector * u64::from(u16_at(&boot, 14));
        let fat_bytes = sector * u64::from(u32_at(&boot, 36));
        let data_start = fat_start + fat_bytes * u64::from(boot[16]);
        let end = sector * u64::from(u32_at(&boot, 32));
        if cluster_bytes < 512 || end <= data_start || !cluster_bytes.is_multiple_of(512) {
            return Err(damaged("the boot sector is not one of FAT32"));
        }
        Ok(Self {
            cluster_bytes,
            fat_start,
            data_start,
            root: u32_at(&boot, 44),
            clusters: u32::try_from((end - data_start) / cluster_bytes).unwrap_or(u32::MAX - 2),
        })
    }

    fn offset(&self, cluster: u32) -> io::Result<u64> {
        if cluster < 2 || cluster >= self.clusters + 2 {
            return Err(damaged("a folder points outside the volume"));
        }
        Ok(self.data_start + u64::from(cluster - 2) * self.cluster_bytes)
    }

    /// The offsets of a folder's clusters, in order.
    fn chain(&self, volume: &mut (impl Read + Seek), first: u32) -> io::Result<Vec<u64>> {
        let most = MOST_BYTES as u64 / self.cluster_bytes + 1;
        let mut offsets = Vec::new();
        let mut cluster = first;
        while cluster < LAST_CLUSTER {
            if offsets.len() as u64 > most {
                return Err(damaged("a folder has no end"));
            }
            offsets.push(self.offset(cluster)?);
            let mut next = [0; 4];
            volume.seek(SeekFrom::Start(self.fat_start + u64::from(cluster) * 4))?;
            volume.read_exact(&mut next)?;
            cluster = u32::from_le_bytes(next) & 0x0FFF_FFFF;
        }
        Ok(offsets)
    }
}

/// Gives every entry named in `root`, the facts of the root folder, what it shall carry, and mends every folder.
pub(super) fn patch(volume: &mut (impl Read + Write + Seek), root: &Facts) -> io::Result<()> {
    let table = Table::read(volume)?;
    let mut waiting = vec![(table.root, Some(root))];
    // A folder met twice is damage; once is enough.
    let mut seen = HashSet::new();
    while let Some((first, facts)) = waiting.pop() {
        if seen.insert(first) {
            folder(volume, &table, first, facts, &mut waiting)?;
        }
    }
    Ok(())
}

/// One folder; those in it go to `waiting`.
fn folder<'f>(
    volume: &mut (impl Read + Write + Seek),
    table: &Table,
    first: u32,
    facts: Option<&'f Facts>,
    waiting: &mut Vec<(u32, Option<&'f Facts>)>,
) -> io::Result<()> {
    let is_root = first == table.root;
    let mut first_cluster = true;
    let mut long: Vec<u16> = Vec::new();
    let mut cluster = vec![0; usize::try_from(table.cluster_bytes).map_err(io::Error::other)?];
    'chain: for start in table.chain(volume, first)? {
        volume.seek(SeekFrom::Start(start))?;
        volume.read_exact(&mut cluster)?;
        let mut changed = inner_start(&mut cluster, is_root, std::mem::take(&mut first_cluster));
        for entry in cluster.chunks_exact_mut(ENTRY) {
            let attributes = entry[11];
            if entry[0] == 0 {
                if changed {
                    volume.seek(SeekFrom::Start(start))?;
                    volume.write_all(&cluster)?;
                }
                break 'chain;
            }
            if entry[0] == 0xE5 {
                long.clear();
            } else if attributes & 0x3F == LONG_NAME {
                // The parts of a long name come last part first.
                let mut part = Vec::with_capacity(13 + long.len());
                for at in [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] {
                    part.push(u16_at(entry, at));
                }
                if entry[0] & 0x40 == 0 && long.len() < LONGEST_NAME {
                    part.append(&mut long);
                }
                long = part;
            } else {
                let name = name_of(entry, &long);
                long.clear();
                if attributes & VOLUME_LABEL != 0 || name == "." {
                    continue;
                }
                let at = u32::from(u16_at(entry, 20)) << 16 | u32::from(u16_at(entry, 26));
                if name == ".." {
                    // fatfs writes the root's cluster; the format wants 0 there.
                    if at == table.root {
                        (entry[20], entry[21], entry[26], entry[27]) = (0, 0, 0, 0);
                        changed = true;
                    }
                    continue;
                }
                let wanted = facts.and_then(|facts| facts.children.get(&name.to_uppercase()));
                if let Some(wanted) = wanted {
                    apply(entry, wanted);
                    changed = true;
                }
                if attributes & FOLDER != 0 {
                    waiting.push((at, wanted));
                }
            }
        }
        if changed {
            volume.seek(SeekFrom::Start(start))?;
            volume.write_all(&cluster)?;
        }
    }
    Ok(())
}

/// fatfs puts a long name before `.` and `..`; the format wants these two bare and first. Says whether it moved them.
fn inner_start(cluster: &mut [u8], is_root: bool, is_first: bool) -> bool {
    if is_root || !is_first || cluster[11] & 0x3F != LONG_NAME {
        return false;
    }
    if &cluster[ENTRY..ENTRY + 2] != b". " || &cluster[3 * ENTRY..3 * ENTRY + 3] != b".. " {
        return false;
    }
    cluster.copy_within(ENTRY..2 * ENTRY, 0);
    cluster.copy_within(3 * ENTRY..4 * ENTRY, ENTRY);
    for freed in [2, 3] {
        cluster[freed * ENTRY..(freed + 1) * ENTRY].fill(0);
        cluster[freed * ENTRY] = 0xE5;
    }
    true
}

fn apply(entry: &mut [u8], facts: &Facts) {
    // Only read-only, hidden, system and archive are free; folder and label are structure.
    entry[11] = entry[11] & !0x27 | facts.attributes & 0x27;
    let times = &facts.times;
    entry[13] = times.created_tenth;
    entry[14..16].copy_from_slice(&times.created_time.to_le_bytes());
    entry[16..18].copy_from_slice(&times.created_date.to_le_bytes());
    entry[18..20].copy_from_slice(&times.accessed_date.to_le_bytes());
    entry[22..24].copy_from_slice(&times.modified_time.to_le_bytes());
    entry[24..26].copy_from_slice(&times.modified_date.to_le_bytes());
}

fn name_of(entry: &[u8], long: &[u16]) -> String {
    if !long.is_empty() {
        let end = long.iter().position(|&c| c == 0).unwrap_or(long.len());
        return String::from_utf16_lossy(&long[..end]);
    }
    let text = |part: &[u8]| String::from_utf8_lossy(part).trim_end().to_owned();
    let (base, extension) = (text(&entry[..8]), text(&entry[8..11]));
    if extension.is_empty() {
        base
    } else {
        format!("{base}.{extension}")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::Command;

    use super::*;

    fn tool(program: &str, args: &[&str]) {
        let out = Command::new(program).args(args).output().unwrap();
        assert!(out.status.success(), "{program}: {out:?}");
    }

    #[test]
    fn folders_that_were_there_are_mended_and_found_in_whatever_case() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fat");
        File::create(&path).unwrap().set_len(48 << 20).unwrap();
        let node = path.to_str().unwrap();
        tool("mkfs.vfat", &["-F", "32", "-s", "1", node]);
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        let volume = || fatfs::FileSystem::new(open(), fatfs::FsOptions::new()).unwrap();
        {
            let volume = volume();
            volume.root_dir().create_dir("efi").unwrap();
            volume.root_dir().create_dir("efi/Boot").unwrap();
            volume.root_dir().create_dir("kept").unwrap();
            volume.root_dir().create_dir("kept/inner").unwrap();
        }
        let facts = |attributes, children: Vec<(&str, Facts)>| Facts {
            attributes,
            times: RawTimes::default(),
            children: children
                .into_iter()
                .map(|(name, facts)| (name.to_owned(), facts))
                .collect(),
        };
        let efi = facts(0x02, vec![("BOOT", facts(0x04, Vec::new()))]);
        patch(&mut open(), &facts(0, vec![("EFI", efi)])).unwrap();
        let volume = volume();
        let root = volume.root_dir();
        let attributes = |folder: &fatfs::Dir<'_, File>, name: &str| {
            let mut entries = folder.iter().map(std::result::Result::unwrap);
            let entry = entries.find(|entry| entry.file_name() == name).unwrap();
            entry.attributes().bits()
        };
        assert_eq!(attributes(&root, "efi"), 0x12);
        assert_eq!(attributes(&root.open_dir("efi").unwrap(), "Boot"), 0x14);
        assert_eq!(attributes(&root.open_dir("kept").unwrap(), "inner"), 0x10);
        tool("fsck.fat", &["-n", node]);
    }
}
