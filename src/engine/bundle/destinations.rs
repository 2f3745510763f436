//! Where a technician may want the archive: a stick that is plugged in and mounted.

use std::path::PathBuf;

use crate::platform::{Machine, show};

/// A mounted file system on a removable or USB disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where it is mounted.
    pub folder: PathBuf,
    /// What it is, in one line: disk, size, file system, label.
    pub what: String,
    /// Bytes that may still be written; none when the system does not say.
    pub free_bytes: Option<u64>,
}

/// The mounted file systems of removable and USB disks; empty when there are none or the disks cannot be listed.
pub fn destinations(machine: &dyn Machine) -> Vec<Destination> {
    let mut found = Vec::new();
    for disk in machine.disks().unwrap_or_default() {
        if !disk.removable && !disk.usb {
            continue;
        }
        for partition in &disk.partitions {
            for folder in &partition.mounted_at {
                found.push(Destination {
                    folder: folder.clone(),
                    what: format!(
                        "disk {} {} partition {}",
                        disk.number,
                        crate::text::harmless(&disk.model),
                        show::partition(partition)
                    ),
                    free_bytes: machine.space(folder).ok().map(|space| space.free_bytes),
                });
            }
        }
    }
    found
}
