//! What disks there are, what they hold, and why one may not be written.

use std::fs::{self, File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::platform::contents::{DiskContents, FsKind, TableState, Unclaimed};
use crate::platform::error::PlatformError;
use crate::platform::types::{Disk, Partition, PartitionRef, Refusal, TableKind};

use super::attached::{self, Attached};
use super::table_entry::Entry;
use super::{hold, loops, signature, sys, sysfs, table, table_read, unclaimed};

/// Kernel names that are not disks of a machine to be imaged.
const NOT_DISKS: [&str; 9] = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "mtd"];

/// The model of an image file.
const IMAGE_FILE: &str = "image file";

/// The machine's real disks in order of their names.
pub(super) fn real_disks() -> Result<Vec<PathBuf>, PlatformError> {
    let entries = fs::read_dir("/sys/block")
        .map_err(|error| PlatformError::io("reading /sys/block", error))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !NOT_DISKS.iter().any(|prefix| name.starts_with(prefix)))
        .filter(|name| {
            sysfs::number(sysfs::folder(name).join("size")).is_some_and(|sectors| sectors > 0)
        })
        .collect();
    names.sort();
    // The kernel writes a slash in a name as an exclamation mark.
    Ok(names
        .into_iter()
        .map(|name| Path::new("/dev").join(name.replace('!', "/")))
        .collect())
}

/// What is the same for every disk of one look.
pub(super) struct Surroundings {
    mounts: Vec<sysfs::Mount>,
    swaps: Vec<PathBuf>,
    root: Vec<String>,
    loops: Vec<(String, String)>,
}

impl Surroundings {
    /// Reads mounts, swaps, loop devices and what `/` lies on.
    pub(super) fn look() -> Result<Self, PlatformError> {
        let mounts = sysfs::mounts()?;
        let root = mounts
            .iter()
            .rfind(|mount| mount.at == Path::new("/"))
            .map(|mount| beneath(&mount.device))
            .unwrap_or_default();
        let loops = fs::read_dir("/sys/block")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let backing = sysfs::line(entry.path().join("loop/backing_file"));
                (!backing.is_empty())
                    .then(|| (entry.file_name().to_string_lossy().into_owned(), backing))
            })
            .collect();
        Ok(Self {
            mounts,
            swaps: sysfs::swaps(),
            root,
            loops,
        })
    }
}

/// Kernel names of a device (`major:minor`), of what it lies on, and of the disk a partition belongs to.
fn beneath(device: &str) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(folder) = fs::canonicalize(Path::new("/sys/dev/block").join(device)) else {
        return names;
    };
    let mut todo = vec![folder];
    while let Some(folder) = todo.pop() {
        names.push(sysfs::kernel_name(&folder));
        if folder.join("partition").exists()
            && let Some(disk) = folder.parent()
        {
            names.push(sysfs::kernel_name(disk));
        }
        for slave in fs::read_dir(folder.join("slaves"))
            .into_iter()
            .flatten()
            .flatten()
        {
            todo.extend(fs::canonicalize(slave.path()));
        }
    }
    names
}

/// Why this device (disk or partition) may not be written over.
fn refusals_of(node: &Path, around: &Surroundings) -> Vec<Refusal> {
    let name = sysfs::kernel_name(node);
    let device = sysfs::line(sysfs::folder(&name).join("dev"));
    let mut found: Vec<Refusal> = around
        .mounts
        .iter()
        .filter(|mount| mount.source == node || (!device.is_empty() && mount.device == device))
        .map(|mount| Refusal::Mounted {
            node: node.to_owned(),
            at: mount.at.clone(),
        })
        .collect();
    found.dedup();
    if around.swaps.iter().any(|swap| swap == node) {
        found.push(Refusal::Swap(node.to_owned()));
    }
    let mut holders = sysfs::holders(&name);
    holders.extend(
        around
            .loops
            .iter()
            .filter(|(_, backing)| Path::new(backing) == node)
            .map(|(name, _)| name.clone()),
    );
    found.extend(holders.into_iter().map(|holder| Refusal::Held {
        node: node.to_owned(),
        holder,
    }));
    if around.root.contains(&name) {
        found.push(Refusal::BootMedium(node.to_owned()));
    }
    found
}

/// What stands against the image file of a disk.
fn refusals_of_image(attached: &Attached, around: &Surroundings) -> Vec<Refusal> {
    let Some(path) = attached.file() else {
        return Vec::new();
    };
    let mut found: Vec<Refusal> = attached.estranged().into_iter().collect();
    if let Ok(about) = fs::metadata(path) {
        found.extend(attached::mounts_of(path, &about, &around.mounts));
        found.extend(other_loops(attached, path, &about, around));
    }
    found.extend(attached.users());
    found
}

/// Another loop device on the same image file would not see what is written here.
fn other_loops(
    attached: &Attached,
    path: &Path,
    about: &Metadata,
    around: &Surroundings,
) -> Vec<Refusal> {
    let own = sysfs::kernel_name(&attached.node);
    around
        .loops
        .iter()
        .filter(|(name, backing)| {
            *name != own
                && fs::metadata(backing).is_ok_and(|other| hold::same(&other, about))
                && !loops::only_looks(name)
        })
        .map(|(name, _)| Refusal::Held {
            node: path.to_owned(),
            holder: name.clone(),
        })
        .collect()
}

fn mounted_at(node: &Path, around: &Surroundings) -> Vec<PathBuf> {
    refusals_of(node, around)
        .into_iter()
        .filter_map(|refusal| match refusal {
            Refusal::Mounted { at, .. } => Some(at),
            _ => None,
        })
        .collect()
}

/// What is read from the disk itself.
struct Read {
    bytes: u64,
    table: TableKind,
    partitions: Vec<(Entry, FsKind, String)>,
    contents: DiskContents,
    digest: String,
}

impl Read {
    fn from(
        file: &File,
        image: Option<&Path>,
        sector_bytes: u32,
        serial: &str,
    ) -> io::Result<Self> {
        // Who may not do this reads what the cache has.
        sys::forget_cache(file).ok();
        let mut end = file;
        let bytes = end.seek(SeekFrom::End(0))?;
        let mut whole = signature::all(file, 0, bytes);
        let bare = whole.iter().any(|found| found.in_first_sector);
        let table_read::Found {
            kind,
            state,
            entries,
        } = table_read::read(file, bytes, sector_bytes, bare);
        let digest = table::digest(file, bytes, sector_bytes, serial, &entries)?;
        let sector = u64::from(sector_bytes);
        let claimed = !entries.is_empty() || !whole.is_empty();
        let unclaimed = if claimed || matches!(state, TableState::Foreign(_)) {
            Unclaimed::NotLooked
        } else {
            // What the table itself takes is not data.
            let (from, to) = match kind {
                TableKind::Gpt => {
                    let length = 16 * 1024 + sector;
                    (sector + length, bytes.saturating_sub(length))
                }
                TableKind::Mbr => (sector, bytes),
                TableKind::None => (0, bytes),
            };
            unclaimed::look(file, image, from, to)?
        };
        Ok(Self {
            bytes,
            table: kind,
            digest,
            partitions: entries
                .into_iter()
                .map(|entry| {
                    let (start, length) = (entry.entry.start_bytes, entry.entry.bytes);
                    let (fs, label) = signature::probe(file, start, length);
                    (entry, fs, label)
                })
                .collect(),
            contents: DiskContents {
                table: state,
                whole: whole.drain(..).map(|found| found.held).collect(),
                unclaimed,
            },
        })
    }

    fn partitions(self, number: u32, disk: &Path, around: Option<&Surroundings>) -> Vec<Partition> {
        self.partitions
            .into_iter()
            .map(|(found, fs, label)| {
                let node = sysfs::partition_node(disk, found.number);
                Partition {
                    at: PartitionRef {
                        disk: number,
                        partition: found.number,
                    },
                    mounted_at: around.map(|a| mounted_at(&node, a)).unwrap_or_default(),
                    node,
                    start_bytes: found.entry.start_bytes,
                    bytes: found.entry.bytes,
                    type_id: found.entry.type_id,
                    name: found.entry.name,
                    attributes: found.entry.attributes,
                    fs,
                    label,
                }
            })
            .collect()
    }
}

/// What a raw image holds, as [`crate::platform::Machine::disks`] would show it, without a loop device: number 0, no
/// refusals.
///
/// # Errors
/// It cannot be opened or read.
pub fn examine(image: &Path, sector_bytes: u32) -> io::Result<Disk> {
    let file = File::open(image)?;
    let read = Read::from(&file, Some(image), sector_bytes, "")?;
    Ok(Disk {
        number: 0,
        path: image.to_owned(),
        backing: Some(image.to_owned()),
        model: IMAGE_FILE.to_owned(),
        serial: String::new(),
        identity: String::new(),
        bytes: read.bytes,
        sector_bytes,
        usb: false,
        removable: false,
        table: read.table,
        contents: read.contents.clone(),
        digest: read.digest.clone(),
        partitions: read.partitions(0, image, None),
        refusals: Vec::new(),
    })
}

/// Looks at one disk. `real`: it is refused for being a real one.
pub(super) fn disk(attached: &Attached, real: bool, around: &Surroundings) -> Disk {
    let node = &attached.node;
    let name = sysfs::kernel_name(node);
    let folder = sysfs::folder(&name);
    let sector_bytes = sysfs::number(folder.join("queue/logical_block_size"))
        .and_then(|size| u32::try_from(size).ok())
        .unwrap_or(512);
    let serial = [folder.join("serial"), folder.join("device/serial")]
        .iter()
        .map(sysfs::line)
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let model = if attached.backing.is_some() {
        IMAGE_FILE.to_owned()
    } else {
        let vendor = sysfs::line(folder.join("device/vendor"));
        let model = sysfs::line(folder.join("device/model"));
        // PCI and virtio vendors are numbers, which tell nobody anything.
        if vendor.is_empty() || vendor.starts_with("0x") || vendor == "ATA" {
            model
        } else {
            format!("{vendor} {model}").trim().to_owned()
        }
    };
    let mut refusals = refusals_of(node, around);
    refusals.extend(refusals_of_image(attached, around));
    for (_, name) in sysfs::kernel_partitions(&name) {
        refusals.extend(refusals_of(&Path::new("/dev").join(name), around));
    }
    let read_only = match &attached.backing {
        // Who only looks has the device read-only whatever the file is.
        Some(backing) => backing.read_only,
        None => sysfs::number(folder.join("ro")) == Some(1),
    };
    if read_only {
        let what = attached.file().unwrap_or(node);
        refusals.push(Refusal::ReadOnly(what.to_owned()));
    }
    if real {
        refusals.push(Refusal::RealDisk(node.clone()));
    }
    let sectors = sysfs::number(folder.join("size")).unwrap_or_default();
    let found = File::open(node)
        .and_then(|file| Read::from(&file, attached.file(), sector_bytes, &serial))
        .unwrap_or_else(|error| {
            // Listed all the same: the technician is looking for it.
            refusals.push(Refusal::Unreadable {
                node: node.clone(),
                why: error.to_string(),
            });
            Read {
                bytes: sectors * 512,
                table: TableKind::None,
                partitions: Vec::new(),
                contents: DiskContents::default(),
                digest: String::new(),
            }
        });
    let path = fs::canonicalize(&folder).unwrap_or_default();
    Disk {
        number: attached.number,
        path: node.clone(),
        backing: attached.file().map(Path::to_owned),
        model,
        serial,
        identity: attached.name.clone(),
        bytes: found.bytes,
        sector_bytes,
        usb: path
            .components()
            .any(|part| part.as_os_str().to_string_lossy().starts_with("usb")),
        removable: sysfs::number(folder.join("removable")) == Some(1),
        table: found.table,
        contents: found.contents.clone(),
        digest: found.digest.clone(),
        partitions: found.partitions(attached.number, node, Some(around)),
        refusals,
    }
}
