//! Disks with tables: whole, damaged, contradictory, and those that this program does not support.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::common::system::{text, tool};
use crate::disk_layouts::{Layout, MIB, damaged, get, layout, length, ntfs, put};

fn resize(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(bytes).unwrap();
}

/// A GPT with a 20 MiB partition called Win, and one with the rest.
fn gpt(path: &Path) {
    let win = ["-n", "1:0:+20M", "-t", "1:0700", "-c", "1:Win"];
    let rest = ["-n", "2:0:0", "-c", "2:Rest", text(path)];
    tool("sgdisk", &[&win[..], &rest[..]].concat());
}

/// An entry of an MBR: number, type, first sector, sectors.
fn entry(path: &Path, table: u64, number: u64, kind: u8, start: u32, sectors: u32) {
    let mut raw = [0; 16];
    raw[4] = kind;
    raw[8..12].copy_from_slice(&start.to_le_bytes());
    raw[12..16].copy_from_slice(&sectors.to_le_bytes());
    put(path, table + 446 + 16 * (number - 1), &raw);
    put(path, table + 510, &[0x55, 0xAA]);
}

pub fn sfdisk(path: &Path, script: &str) {
    use std::io::Write;
    let mut child = std::process::Command::new("/sbin/sfdisk")
        .args(["-q", text(path)])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "sfdisk: {script}");
}

/// An NTFS volume in the sectors from `start` on.
fn ntfs_at(path: &Path, start: u64, bytes: u64, label: &str) {
    let volume = path.with_extension("volume");
    File::create(&volume).unwrap().set_len(bytes).unwrap();
    tool("mkntfs", &["-q", "-F", "-L", label, text(&volume)]);
    let made = std::fs::read(&volume).unwrap();
    put(path, start, &made);
    std::fs::remove_file(volume).unwrap();
}

/// An extended partition from sector 2048 on, whose first link is at its start.
fn extended(path: &Path, first: u32) {
    entry(path, 0, 1, 0x05, first, 40_000);
}

pub const TABLES: &[Layout] = &[
    damaged(
        "GPT, entries of the first copy changed",
        64,
        |p| {
            gpt(p);
            put(p, 1024 + 56, &[0xFF, 0xFF]);
        },
        &[
            "GPT, damaged",
            "check sum of its entries",
            "1: 20 MiB",
            "2: 43 MiB",
        ],
    ),
    damaged(
        "GPT, header of the first copy changed",
        64,
        |p| {
            gpt(p);
            put(p, 512 + 40, &[7]);
        },
        &[
            "GPT, damaged",
            "check sum of its header",
            "1: 20 MiB",
            "2: 43 MiB",
        ],
    ),
    damaged(
        "GPT, first MiB overwritten",
        64,
        |p| {
            gpt(p);
            put(p, 0, &vec![0; 1024 * 1024]);
        },
        &[
            "GPT, damaged",
            "its first copy is gone",
            "1: 20 MiB",
            "2: 43 MiB",
        ],
    ),
    damaged(
        "GPT, both copies changed",
        64,
        |p| {
            gpt(p);
            put(p, 512 + 40, &[7]);
            put(p, length(p) - 512 + 40, &[7]);
        },
        &[
            "GPT, damaged",
            "its first copy is damaged",
            "its backup is damaged",
        ],
    ),
    damaged(
        "GPT, only the protective MBR is left",
        64,
        |p| {
            gpt(p);
            put(p, 512, &[0; 512]);
            put(p, length(p) - 512, &[0; 512]);
        },
        &[
            "GPT, damaged",
            "its first copy is gone",
            "its backup is gone",
        ],
    ),
    damaged(
        "GPT without a protective MBR",
        64,
        |p| {
            gpt(p);
            put(p, 0, &[0; 512]);
        },
        &["GPT, damaged", "protective MBR is missing", "1: 20 MiB"],
    ),
    layout(
        "GPT, backup overwritten",
        64,
        |p| {
            gpt(p);
            put(p, length(p) - 512, &[0; 512]);
        },
        &[
            "GPT, with a flaw",
            "no backup at the end",
            "1: 20 MiB",
            "2: 43 MiB",
        ],
    ),
    layout(
        "GPT on a disk that has grown",
        64,
        |p| {
            gpt(p);
            resize(p, 80 * MIB);
        },
        &["GPT, with a flaw", "no backup at the end", "1: 20 MiB"],
    ),
    damaged(
        "GPT on a disk that was cut",
        64,
        |p| {
            gpt(p);
            resize(p, 40 * MIB);
        },
        &[
            "GPT, damaged",
            "partition 2",
            "behind the end of the disk",
            "1: 20 MiB",
        ],
    ),
    damaged(
        "GPT made for sectors of 4096 bytes",
        64,
        |p| {
            let mut small = vec![0; 512 + 512];
            gpt(p);
            small.copy_from_slice(&get(p, 0, 1024));
            // The header once more where it lies on such a disk; its check sum stays right, its place in sectors too.
            let header = get(p, 512, 512);
            let entries = get(p, 1024, 16_384);
            put(p, 512, &[0; 512]);
            put(p, length(p) - 512, &[0; 512]);
            put(p, 8192, &entries);
            put(p, 4096, &header);
        },
        &["GPT, damaged", "sectors of 4096 bytes"],
    ),
    layout(
        "GPT with LUKS and NTFS",
        64,
        |p| {
            gpt(p);
            ntfs_at(p, MIB, 20 * MIB, "Inside");
            put(p, 21 * MIB, b"LUKS\xBA\xBE\0\x01");
        },
        &[
            "partition table: GPT\n",
            "1: 20 MiB NTFS \"Inside\"",
            "2: 43 MiB crypto_LUKS",
        ],
    ),
    layout(
        "GPT with NTFS that is a RAID member too",
        64,
        |p| {
            gpt(p);
            ntfs_at(p, MIB, 20 * MIB, "Inside");
            put(p, MIB + 64 * 1024 + 64, b"_BHRfS_M");
        },
        &["1: 20 MiB NTFS and btrfs \"Inside\"", "2: 43 MiB"],
    ),
    damaged(
        "MBR, one entry past the end",
        64,
        |p| {
            entry(p, 0, 1, 0x07, 2048, 40_000);
            entry(p, 0, 2, 0x07, 43_008, 400_000);
            ntfs_at(p, MIB, 40_000 * 512, "First");
        },
        &[
            "MBR, damaged",
            "1: 20 MiB NTFS \"First\"",
            "partition 2",
            "behind the end of the disk",
        ],
    ),
    damaged(
        "MBR, partitions on one another",
        64,
        |p| {
            entry(p, 0, 1, 0x07, 2048, 40_000);
            entry(p, 0, 2, 0x83, 20_000, 40_000);
        },
        &[
            "MBR, damaged",
            "partition 2 lies on partition 1",
            "1: 20 MiB",
            "2: 20 MiB",
        ],
    ),
    damaged(
        "MBR, extended partition from sector 0 on",
        64,
        |p| extended(p, 0),
        &[
            "MBR, damaged",
            "on the table itself",
            "back to the start of the disk",
        ],
    ),
    damaged(
        "MBR, extended partition that runs in a circle",
        64,
        |p| {
            extended(p, 2048);
            entry(p, 2048 * 512, 1, 0x07, 2048, 4096);
            entry(p, 2048 * 512, 2, 0x05, 10_000, 10_000);
            entry(p, 12_048 * 512, 1, 0x07, 2048, 4096);
            entry(p, 12_048 * 512, 2, 0x05, 0, 10_000);
        },
        &[
            "MBR, damaged",
            "runs in a circle",
            "5: 2.0 MiB",
            "6: 2.0 MiB",
        ],
    ),
    damaged(
        "MBR, extended partition that breaks off",
        64,
        |p| {
            extended(p, 2048);
            entry(p, 2048 * 512, 1, 0x07, 2048, 4096);
            entry(p, 2048 * 512, 2, 0x05, 10_000, 10_000);
        },
        &["MBR, damaged", "breaks off", "5: 2.0 MiB"],
    ),
    layout(
        "MBR with logical partitions",
        64,
        |p| {
            sfdisk(p, "label: dos\n2048,20480,7\n,,E\n,20480,7\n,20480,83\n");
            ntfs_at(p, 24_576 * 512, 10 * MIB, "Logical");
        },
        &[
            "partition table: MBR\n",
            "1: 10 MiB",
            "5: 10 MiB NTFS \"Logical\"",
            "6: 10 MiB",
        ],
    ),
    layout(
        "MBR over an older GPT",
        64,
        |p| {
            gpt(p);
            put(p, 0, &[0; 34 * 512]);
            entry(p, 0, 1, 0x07, 2048, 40_000);
        },
        &["MBR, with a flaw", "older GPT", "1: 20 MiB"],
    ),
    damaged(
        "MBR beside a whole GPT",
        64,
        |p| {
            gpt(p);
            entry(p, 0, 1, 0x07, 2048, 100_000);
        },
        &["MBR, damaged", "beside the MBR there is a GPT", "Win"],
    ),
    damaged(
        "NTFS on the whole disk over an older GPT",
        64,
        |p| {
            gpt(p);
            let backup = get(p, length(p) - 33 * 512, 33 * 512);
            ntfs(p);
            put(p, length(p) - 33 * 512, &backup);
        },
        &[
            "NTFS \"Archive\", 64 MiB",
            "GPT, damaged",
            "overwritten by a file system",
            "2: 43 MiB",
        ],
    ),
    layout(
        "a Sun label",
        64,
        |p| sfdisk(p, "label: sun\n"),
        &["a table of the kind sun", "not supported"],
    ),
    layout(
        "an SGI label",
        64,
        |p| sfdisk(p, "label: sgi\n"),
        &["a table of the kind sgi", "not supported"],
    ),
];
