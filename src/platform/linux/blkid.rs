//! What libblkid finds: every signature, not only the first, and tables that the table crates do not know.

use std::fs::File;
use std::os::fd::AsRawFd;

use crate::text::harmless;
use crate::units;

use libblkid_rs::{BlkidErr, BlkidProbe, BlkidProbeRet, BlkidSublks, BlkidSublksFlags};

/// More signatures than any disk has; ZFS alone can have some hundreds.
const MOST: usize = 2_000;

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// libblkid's name for it ("ntfs", `LVM2_member`).
    pub(super) name: String,
    /// Version, where the kind has one ("FAT32").
    pub(super) version: String,
    /// Label; empty when there is none or it is no text.
    pub(super) label: String,
    /// Where the bytes lie that it is known by, from the start of what was looked at, when it is known by bytes.
    pub(super) at: Option<u64>,
}

/// A partition table as libblkid reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// libblkid's name for it ("gpt", "dos", "mac").
    pub(super) name: String,
    /// A line for each partition.
    pub(super) partitions: Vec<String>,
}

type Result<T> = std::result::Result<T, BlkidErr>;

fn probe(file: &File, start: u64, bytes: u64) -> Result<BlkidProbe> {
    let number = |value: u64| i64::try_from(value).map_err(|_| BlkidErr::InvalidConv);
    let mut probe = BlkidProbe::new()?;
    probe.set_device(file.as_raw_fd(), number(start)?, number(bytes)?)?;
    Ok(probe)
}

fn superblocks(file: &File, start: u64, bytes: u64) -> Result<BlkidProbe> {
    let mut probe = probe(file, start, bytes)?;
    probe.enable_superblocks(true)?;
    probe.set_superblock_flags(BlkidSublksFlags::new(vec![
        BlkidSublks::Type,
        BlkidSublks::Label,
        BlkidSublks::Version,
        BlkidSublks::Usage,
        BlkidSublks::Magic,
        // A wrong check sum is no reason to call something empty.
        BlkidSublks::Badcsum,
    ]))?;
    Ok(probe)
}

fn found(probe: &BlkidProbe) -> Option<Signature> {
    let value = |name: &str| {
        let there = probe.has_value(name).unwrap_or(false);
        there.then(|| probe.lookup_value(name).ok()).flatten()
    };
    let number = |name: &str| value(name).and_then(|text| text.trim().parse().ok());
    Some(Signature {
        name: value("TYPE")?,
        version: value("VERSION").unwrap_or_default(),
        label: value("LABEL")
            .or_else(|| value("LABEL_FATBOOT"))
            .unwrap_or_default(),
        at: number("SBMAGIC_OFFSET"),
    })
}

/// Every signature in these bytes of the file; none when it cannot be read.
pub(super) fn signatures(file: &File, start: u64, bytes: u64) -> Vec<Signature> {
    let mut all: Vec<Signature> = Vec::new();
    let Ok(mut probe) = superblocks(file, start, bytes) else {
        return all;
    };
    for _ in 0..MOST {
        match probe.do_probe() {
            Ok(BlkidProbeRet::Success) => all.extend(found(&probe)),
            _ => break,
        }
    }
    // Some kinds are found by several of their marks.
    let mut names = Vec::new();
    all.retain(|signature| {
        let new = !names.contains(&signature.name);
        names.push(signature.name.clone());
        new
    });
    all
}

/// Destroys the marks of every signature in these bytes of a file that is open for writing.
pub(super) fn wipe(file: &File, start: u64, bytes: u64) -> std::io::Result<()> {
    let run = || -> Result<()> {
        let mut probe = superblocks(file, start, bytes)?;
        for _ in 0..MOST {
            match probe.do_probe()? {
                // Steps back by itself, so that another mark of the same kind is found next.
                BlkidProbeRet::Success => probe.do_wipe(false)?,
                BlkidProbeRet::Done => return Ok(()),
            }
        }
        Ok(())
    };
    run().map_err(|error| std::io::Error::other(format!("old signatures: {error}")))
}

/// The table that libblkid sees; `None` when it sees none.
pub(super) fn table(file: &File, bytes: u64) -> Option<Table> {
    let read = || -> Result<Table> {
        let mut probe = probe(file, 0, bytes)?;
        probe.enable_superblocks(false)?;
        probe.enable_partitions(true)?;
        let mut list = probe.get_partitions()?;
        let name = list.get_table()?.get_type()?;
        let mut partitions = Vec::new();
        for index in 0..list.number_of_partitions()? {
            let partition = list.get_partition(index)?;
            partitions.push(describe(&partition));
        }
        Ok(Table { name, partitions })
    };
    read().ok()
}

fn describe(partition: &libblkid_rs::BlkidPartition<'_>) -> String {
    // libblkid counts in 512 bytes whatever the disk's sectors are.
    let sectors = u64::try_from(*partition.get_size().as_ref()).unwrap_or_default();
    let mut text = format!(
        "{}: {}",
        partition.get_partno().unwrap_or_default(),
        units::bytes(sectors.saturating_mul(512))
    );
    for part in [
        partition.get_type_string().ok(),
        partition.get_name().ok().flatten(),
    ]
    .into_iter()
    .flatten()
    .filter(|part| !part.is_empty())
    {
        text.push(' ');
        text.push_str(&harmless(&part));
    }
    text
}
