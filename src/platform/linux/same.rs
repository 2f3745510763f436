//! Whether a disk is still the disk it was: by what it is, not by its number or name.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::{sys, sysfs};

/// A disk of this system for as long as it is attached: device number, and the number that the kernel gives each medium
/// it has seen since its start (`diskseq`, Linux 5.15), which no exchanged disk and no re-used loop device has.
pub(super) fn of_node(node: &Path) -> String {
    let folder = sysfs::folder(&sysfs::kernel_name(node));
    key(
        &sysfs::line(folder.join("dev")),
        sysfs::number(folder.join("diskseq")),
    )
}

/// As [`of_node`], of a device that is open.
pub(super) fn of_open(device: &File) -> std::io::Result<String> {
    let number = device.metadata()?.rdev();
    Ok(key(
        &format!("{}:{}", major(number), minor(number)),
        sys::disk_sequence(device),
    ))
}

fn key(device: &str, sequence: Option<u64>) -> String {
    match sequence {
        Some(sequence) => format!("device {device} medium {sequence}"),
        None => format!("device {device}"),
    }
}

/// What a real disk says of itself, which stays when it is plugged in anew: serial number and world-wide name. Empty when
/// it says neither.
fn of_hardware(node: &Path) -> String {
    let folder = sysfs::folder(&sysfs::kernel_name(node));
    let said: Vec<String> = ["serial", "device/serial", "wwid", "device/wwid"]
        .iter()
        .map(|name| sysfs::line(folder.join(name)))
        .filter(|text| !text.is_empty())
        .collect();
    if said.is_empty() {
        return String::new();
    }
    let sectors = sysfs::number(folder.join("size")).unwrap_or_default();
    format!("{} {sectors}", said.join(" "))
}

/// The names by which these disks are known again: what each says of itself, or, where it says nothing or two say the same, the
/// place and medium.
pub(super) fn names(nodes: &[PathBuf]) -> Vec<String> {
    let said: Vec<String> = nodes.iter().map(|node| of_hardware(node)).collect();
    nodes
        .iter()
        .zip(&said)
        .map(|(node, own)| {
            let alone = said.iter().filter(|other| *other == own).count() == 1;
            if own.is_empty() || !alone {
                format!("{own} {}", of_node(node)).trim().to_owned()
            } else {
                own.clone()
            }
        })
        .collect()
}
