//! Puts `.` and `..` of FAT32 folders where the format wants them: the first two entries, without long names.
//! fatfs 0.3 writes a long name before each, which fsck.fat and chkdsk take for damage.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const ENTRY: usize = 32;
const LONG_NAME: u8 = 0x0F;
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
const DELETED: u8 = 0xE5;
const LAST_CLUSTER: u32 = 0x0FFF_FFF8;
const DOT: &[u8; 11] = b".          ";
const DOT_DOT: &[u8; 11] = b"..         ";

struct Volume<'a> {
    device: &'a File,
    cluster_bytes: u64,
    fat_start: u64,
    data_start: u64,
    clusters: u32,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from(half(bytes, at)) | u32::from(half(bytes, at + 2)) << 16
}

fn first_cluster(entry: &[u8]) -> u32 {
    u32::from(half(entry, 20)) << 16 | u32::from(half(entry, 26))
}

impl Volume<'_> {
    fn offset(&self, cluster: u32) -> io::Result<u64> {
        if cluster < 2 || cluster - 2 >= self.clusters {
            return Err(damaged("a folder points outside the volume"));
        }
        Ok(self.data_start + u64::from(cluster - 2) * self.cluster_bytes)
    }

    fn next(&self, cluster: u32) -> io::Result<u32> {
        let mut next = [0; 4];
        self.device
            .read_exact_at(&mut next, self.fat_start + u64::from(cluster) * 4)?;
        Ok(u32::from_le_bytes(next) & 0x0FFF_FFFF)
    }
}

/// Mends every folder of the unmounted volume; answers how many needed it. Nothing but those entries is written.
///
/// # Errors
/// Reading or writing; not FAT32, or a damaged one.
pub fn mend(device: &File) -> io::Result<u64> {
    let mut boot = [0; 512];
    device.read_exact_at(&mut boot, 0)?;
    let sector = u64::from(half(&boot, 11));
    let cluster_bytes = sector * u64::from(boot[13]);
    let fat_start = sector * u64::from(half(&boot, 14));
    let data_start = fat_start + sector * u64::from(word(&boot, 36)) * u64::from(boot[16]);
    let end = sector * u64::from(word(&boot, 32));
    if !(512..=1 << 20).contains(&cluster_bytes) || end <= data_start {
        return Err(damaged("the boot sector is not one of FAT32"));
    }
    let volume = Volume {
        device,
        cluster_bytes,
        fat_start,
        data_start,
        clusters: u32::try_from((end - data_start) / cluster_bytes).unwrap_or(0),
    };
    let root = word(&boot, 44);
    let mut mended = 0;
    let mut waiting = vec![root];
    // A cluster met twice is a loop or a cross link; following it once is enough.
    let mut seen = HashSet::new();
    let mut bytes = vec![0; usize::try_from(cluster_bytes).map_err(io::Error::other)?];
    while let Some(first) = waiting.pop() {
        let mut cluster = first;
        while cluster < LAST_CLUSTER && seen.insert(cluster) {
            let at = volume.offset(cluster)?;
            device.read_exact_at(&mut bytes, at)?;
            if cluster == first && first != root && straighten(&mut bytes, root) {
                device.write_all_at(&bytes[..4 * ENTRY], at)?;
                mended += 1;
            }
            let mut last = false;
            for entry in bytes.chunks_exact(ENTRY) {
                if entry[0] == 0 {
                    last = true;
                    break;
                }
                let real = entry[0] != DELETED && entry[0] != b'.';
                if real && entry[11] & (FOLDER | LABEL) == FOLDER {
                    waiting.push(first_cluster(entry));
                }
            }
            if last {
                break;
            }
            cluster = volume.next(cluster)?;
        }
    }
    device.sync_all()?;
    Ok(mended)
}

/// `long . long ..` becomes `. .. deleted deleted`; answers whether it was so.
fn straighten(folder: &mut [u8], root: u32) -> bool {
    let attributes = |slot: usize| folder[slot * ENTRY + 11];
    let name = |slot: usize| &folder[slot * ENTRY..slot * ENTRY + 11];
    if attributes(0) != LONG_NAME
        || name(1) != DOT
        || attributes(2) != LONG_NAME
        || name(3) != DOT_DOT
    {
        return false;
    }
    folder.copy_within(ENTRY..2 * ENTRY, 0);
    folder.copy_within(3 * ENTRY..4 * ENTRY, ENTRY);
    let parent = &mut folder[ENTRY..2 * ENTRY];
    if first_cluster(parent) == root {
        // The root is called 0 here, whatever its cluster.
        (parent[20], parent[21], parent[26], parent[27]) = (0, 0, 0, 0);
    }
    folder[2 * ENTRY] = DELETED;
    folder[3 * ENTRY] = DELETED;
    true
}
