//! Small readers for `/sys` and `/proc`: block devices, mounts, swaps.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::platform::error::PlatformError;

/// The first line of a file under `/sys`, without blanks at its ends; empty when it cannot be read.
pub(super) fn line(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path)
        .map(|text| text.lines().next().unwrap_or_default().trim().to_owned())
        .unwrap_or_default()
}

/// A number under `/sys`.
pub(super) fn number(path: impl AsRef<Path>) -> Option<u64> {
    line(path).parse().ok()
}

/// Bytes of memory that programs may still take without others being put out.
pub(super) fn available_memory() -> Option<u64> {
    fs::read_to_string("/proc/meminfo")
        .ok()?
        .lines()
        .find_map(|line| {
            let kib = line.strip_prefix("MemAvailable:")?.trim();
            kib.trim_end_matches(" kB").parse::<u64>().ok()
        })
        .map(|kib| kib.saturating_mul(1024))
}

/// The folder of a block device or partition by its kernel name.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new("/sys/class/block").join(name)
}

/// The kernel name of a device node ("loop0p1").
pub(super) fn kernel_name(node: &Path) -> String {
    node.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The partitions the kernel knows of a disk: number and kernel name, in order.
pub(super) fn kernel_partitions(disk: &str) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = fs::read_dir(folder(disk))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let number = number(entry.path().join("partition"))?;
            Some((
                u32::try_from(number).ok()?,
                entry.file_name().to_string_lossy().into_owned(),
            ))
        })
        .collect();
    found.sort();
    found
}

/// Who holds a device (device mapper, md).
pub(super) fn holders(name: &str) -> Vec<String> {
    fs::read_dir(folder(name).join("holders"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The node of partition `number`: `/dev/sda1`, `/dev/loop0p1`.
pub(super) fn partition_node(disk: &Path, number: u32) -> PathBuf {
    let mut text = disk.as_os_str().to_owned();
    if disk
        .as_os_str()
        .as_encoded_bytes()
        .last()
        .is_some_and(u8::is_ascii_digit)
    {
        text.push("p");
    }
    text.push(number.to_string());
    PathBuf::from(text)
}

/// One line of `/proc/self/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor` of the file system.
    pub(super) device: String,
    /// Where.
    pub(super) at: PathBuf,
    /// Type by name.
    pub(super) kind: String,
    /// What was mounted, as given.
    pub(super) source: PathBuf,
}

/// Undoes the octal escapes of the kernel (`\040` for a blank).
fn unescape(text: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'\\'
            && let Some(digits) = tail.get(..3)
            && digits.iter().all(|d| (b'0'..b'8').contains(d))
        {
            let value = digits
                .iter()
                .fold(0_u32, |sum, d| sum * 8 + u32::from(d - b'0'));
            out.push(u8::try_from(value).unwrap_or(b'?'));
            rest = &tail[3..];
        } else {
            out.push(first);
            rest = tail;
        }
    }
    OsString::from_vec(out)
}

fn parse_mount(text: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = text.split(|&b| b == b' ').collect();
    let dash = fields.iter().position(|&field| field == b"-")?;
    Some(Mount {
        device: String::from_utf8_lossy(fields.get(2)?).into_owned(),
        at: unescape(fields.get(4)?).into(),
        kind: String::from_utf8_lossy(fields.get(dash + 1)?).into_owned(),
        source: unescape(fields.get(dash + 2)?).into(),
    })
}

/// Every mount this process sees.
pub(super) fn mounts() -> Result<Vec<Mount>, PlatformError> {
    let text = fs::read("/proc/self/mountinfo")
        .map_err(|error| PlatformError::io("reading /proc/self/mountinfo", error))?;
    Ok(text
        .split(|&b| b == b'\n')
        .filter_map(parse_mount)
        .collect())
}

/// Device nodes and files used as swap.
pub(super) fn swaps() -> Vec<PathBuf> {
    fs::read("/proc/swaps")
        .unwrap_or_default()
        .split(|&b| b == b'\n')
        .skip(1)
        .filter_map(|text| text.split(u8::is_ascii_whitespace).next())
        .filter(|name| !name.is_empty())
        .map(|name| unescape(name).into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_is_read_with_optional_fields_and_escapes() {
        let mount = parse_mount(
            br"36 35 98:0 /mnt1 /mnt/with\040blank\134x rw,noatime master:1 shared:2 - ext3 /dev/root\011x rw,errors=continue",
        )
        .unwrap();
        assert_eq!(mount.at, PathBuf::from("/mnt/with blank\\x"));
        assert_eq!(mount.kind, "ext3");
        assert_eq!(mount.device, "98:0");
        assert_eq!(mount.source, PathBuf::from("/dev/root\tx"));
        assert_eq!(parse_mount(b"36 35 98:0"), None);
    }

    #[test]
    fn nodes_of_disks_that_end_in_a_digit_have_a_p() {
        assert_eq!(
            partition_node(Path::new("/dev/sda"), 2),
            PathBuf::from("/dev/sda2")
        );
        assert_eq!(
            partition_node(Path::new("/dev/nvme0n1"), 2),
            PathBuf::from("/dev/nvme0n1p2")
        );
    }
}
