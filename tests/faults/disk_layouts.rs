//! Disks as they come: file systems without a table, tables that are damaged, and data that nobody knows. Made by the
//! tools of those who know them; where there is no such tool, by the bytes that the format is known by.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::common::system::{text, tool};

pub const MIB: u64 = 1024 * 1024;

/// One disk.
pub struct Layout {
    pub name: &'static str,
    /// MiB of the image file.
    pub mib: u64,
    pub make: fn(&Path),
    /// What must be shown, each of them.
    pub shown: &'static [&'static str],
    /// The table is damaged: nothing is applied to the disk or captured from it.
    pub damaged: bool,
}

const fn layout(
    name: &'static str,
    mib: u64,
    make: fn(&Path),
    shown: &'static [&'static str],
) -> Layout {
    Layout {
        name,
        mib,
        make,
        shown,
        damaged: false,
    }
}

const fn damaged(
    name: &'static str,
    mib: u64,
    make: fn(&Path),
    shown: &'static [&'static str],
) -> Layout {
    Layout {
        damaged: true,
        ..layout(name, mib, make, shown)
    }
}

pub fn put(path: &Path, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

pub fn get(path: &Path, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    File::open(path)
        .unwrap()
        .read_exact_at(&mut bytes, at)
        .unwrap();
    bytes
}

fn length(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

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

fn sfdisk(path: &Path, script: &str) {
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

fn ntfs(path: &Path) {
    tool("mkntfs", &["-q", "-F", "-L", "Archive", text(path)]);
}

fn fat(path: &Path, bits: &str, label: &str) {
    tool("mkfs.vfat", &["-F", bits, "-n", label, text(path)]);
}

fn mdraid(path: &Path) {
    let mut raw = vec![0; 256];
    raw[0..4].copy_from_slice(&0xa92b_4efc_u32.to_le_bytes());
    raw[4..8].copy_from_slice(&1_u32.to_le_bytes());
    raw[16..32].copy_from_slice(b"wimforge-raid-01");
    raw[32..36].copy_from_slice(b"host");
    raw[144..152].copy_from_slice(&8_u64.to_le_bytes());
    let sum: u64 = raw
        .chunks_exact(4)
        .map(|word| u64::from(u32::from_le_bytes(word.try_into().unwrap())))
        .sum();
    let sum = u32::try_from((sum & 0xffff_ffff) + (sum >> 32)).unwrap();
    raw[216..220].copy_from_slice(&sum.to_le_bytes());
    put(path, 4096, &raw);
}

fn iso(path: &Path) {
    let folder = path.with_extension("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("readme"), "medium").unwrap();
    tool(
        "genisoimage",
        &["-quiet", "-V", "MEDIUM", "-o", text(path), text(&folder)],
    );
    std::fs::remove_dir_all(folder).unwrap();
}

fn apfs(path: &Path) {
    let mut raw = vec![0; 4096];
    raw[8] = 1;
    raw[24] = 1;
    raw[32..36].copy_from_slice(b"NXSB");
    raw[36..40].copy_from_slice(&4096_u32.to_le_bytes());
    put(path, 0, &raw);
}

fn zfs(path: &Path) {
    for uberblock in 0..16 {
        put(
            path,
            128 * 1024 + uberblock * 1024,
            &0x00ba_b10c_u64.to_le_bytes(),
        );
    }
}

fn bitlocker(path: &Path) {
    put(path, 0, b"\xEB\x58\x90-FVE-FS-");
    put(path, 510, &[0x55, 0xAA]);
}

/// An extended partition from sector 2048 on, whose first link is at its start.
fn extended(path: &Path, first: u32) {
    entry(path, 0, 1, 0x05, first, 40_000);
}

pub const LAYOUTS: &[Layout] = &[
    layout(
        "NTFS",
        64,
        ntfs,
        &["NTFS \"Archive\", 64 MiB", "partition table: none"],
    ),
    layout(
        "FAT32",
        64,
        |p| fat(p, "32", "STICK"),
        &["FAT32 \"STICK\", 64 MiB"],
    ),
    layout(
        "FAT16",
        64,
        |p| fat(p, "16", "OLD"),
        &["FAT \"OLD\", 64 MiB"],
    ),
    layout(
        "FAT12",
        4,
        |p| fat(p, "12", "FLOPPY"),
        &["FAT \"FLOPPY\", 4.0 MiB"],
    ),
    layout(
        "exFAT",
        64,
        |p| {
            tool("mkfs.exfat", &["-L", "Camera", text(p)]);
        },
        &["exFAT \"Camera\", 64 MiB"],
    ),
    layout(
        "ext4",
        64,
        |p| {
            tool("mkfs.ext4", &["-q", "-L", "home", text(p)]);
        },
        &["ext4 \"home\""],
    ),
    layout(
        "ext2",
        64,
        |p| {
            tool("mkfs.ext2", &["-q", text(p)]);
        },
        &["ext2"],
    ),
    layout(
        "XFS",
        320,
        |p| {
            tool("mkfs.xfs", &["-q", "-L", "scratch", text(p)]);
        },
        &["xfs \"scratch\""],
    ),
    layout(
        "btrfs",
        128,
        |p| {
            tool("mkfs.btrfs", &["-q", "-L", "pool", text(p)]);
        },
        &["btrfs \"pool\""],
    ),
    layout(
        "swap",
        64,
        |p| {
            tool("mkswap", &["-q", "-L", "pages", text(p)]);
        },
        &["swap \"pages\""],
    ),
    layout(
        "minix",
        64,
        |p| {
            tool("mkfs.minix", &[text(p)]);
        },
        &["minix"],
    ),
    layout(
        "LUKS",
        64,
        |p| {
            let key = p.with_extension("key");
            std::fs::write(&key, "opensesame").unwrap();
            let cost = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
            let what = ["-q", "luksFormat", text(p), text(&key)];
            tool("cryptsetup", &[&cost[..], &what[..]].concat());
            std::fs::remove_file(key).unwrap();
        },
        &["crypto_LUKS"],
    ),
    layout("mdraid", 64, mdraid, &["linux_raid_member \"host\""]),
    layout(
        "LVM",
        64,
        |p| {
            put(p, 512, b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001wimforgewimforgewimforgewimforg")
        },
        &["LVM2_member"],
    ),
    layout("BitLocker, first sector", 64, bitlocker, &["BitLocker"]),
    layout(
        "ReFS",
        64,
        |p| put(p, 0, b"\0\0\0ReFS\0\0\0\0\0\0\0\0\0FSRS"),
        &["ReFS"],
    ),
    layout("ISO 9660", 1, iso, &["iso9660 \"MEDIUM\""]),
    layout("APFS", 64, apfs, &["apfs"]),
    layout("ZFS", 64, zfs, &["zfs_member"]),
    layout(
        "squashfs",
        64,
        |p| {
            put(
                p,
                0,
                b"hsqs\x01\0\0\0\0\0\0\0\0\0\x02\0\x01\0\x11\0\0\0\0\0\0\0\0\0\x04\0\0\0",
            )
        },
        &["squashfs"],
    ),
    layout(
        "VMFS",
        64,
        |p| put(p, MIB, &[0x0D, 0xD0, 0x01, 0xC0]),
        &["VMFS_volume_member"],
    ),
    layout(
        "Intel RAID, at the end",
        64,
        |p| put(p, length(p) - 1024, b"Intel Raid ISM Cfg Sig. 1.3.00"),
        &["isw_raid_member"],
    ),
    layout(
        "NTFS whose MFT is gone",
        64,
        |p| {
            ntfs(p);
            put(p, 4096, &vec![0; 60 * 1024 * 1024]);
        },
        &["NTFS, 64 MiB"],
    ),
    layout(
        "swap and btrfs at once",
        128,
        |p| {
            tool("mkfs.btrfs", &["-q", text(p)]);
            put(p, 4086, b"SWAPSPACE2");
            put(p, 1024, &1_u32.to_le_bytes());
            put(p, 1028, &100_u32.to_le_bytes());
        },
        &["btrfs", "swap"],
    ),
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
    layout(
        "data at the start",
        64,
        |p| put(p, 0, b"MZ\x90\0wimforge"),
        &[
            "not known: first bytes, at 0: 4d 5a 90 00 77",
            "|MZ..wimforge",
        ],
    ),
    layout(
        "data in the middle",
        64,
        |p| put(p, 30_000_123, b"treasure"),
        &[
            "not known: first bytes, at 30000123: 74 72 65 61",
            "|treasure",
        ],
    ),
    layout(
        "data at the end",
        64,
        |p| put(p, length(p) - 1, b"Z"),
        &["not known: first bytes, at 67108863: 5a |Z|"],
    ),
    layout(
        "a boot sector with a table that is none",
        64,
        |p| {
            put(p, 0, b"\xFA\x31\xC0\x8E\xD8FreeLoader");
            put(p, 446, &[0x13; 64]);
            put(p, 510, &[0x55, 0xAA]);
        },
        &["not known: first bytes, at 0: fa 31 c0", "FreeLoader"],
    ),
    layout(
        "an empty GPT over data",
        64,
        |p| {
            put(p, 20 * MIB, b"what was there before");
            tool("sgdisk", &["-o", text(p)]);
        },
        &[
            "partition table: GPT\n",
            "not known: first bytes, at 20971520",
            "|what was there b|",
        ],
    ),
    layout(
        "an empty MBR over data",
        64,
        |p| {
            put(p, 20 * MIB, b"what was there before");
            sfdisk(p, "label: dos\n");
        },
        &[
            "partition table: MBR\n",
            "not known: first bytes, at 20971520",
        ],
    ),
];
