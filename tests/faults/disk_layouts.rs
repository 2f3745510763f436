//! Disks as they come: file systems without a table, tables that are damaged, and data that nobody knows. Made by the
//! tools of those who know them; where there is no such tool, by the bytes that the format is known by.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::common::system::{text, tool};
use crate::disk_tables::{TABLES, sfdisk};

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

pub const fn layout(
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

pub const fn damaged(
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

pub fn length(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

pub fn ntfs(path: &Path) {
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

/// All of them.
pub fn layouts() -> impl Iterator<Item = &'static Layout> + Clone {
    WHOLE.iter().chain(TABLES)
}

const WHOLE: &[Layout] = &[
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
            put(p, 512, b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001wimforgewimforgewimforgewimforg");
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
            );
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
    layout(
        "data at the start",
        64,
        |p| put(p, 0, b"MZ\x90\0wimforge"),
        &["not known: first bytes 4d 5a 90 00 77 69 6d 66 |MZ..wimf| at byte 0"],
    ),
    layout(
        "data in the middle",
        64,
        |p| put(p, 30_000_123, b"treasure"),
        &["not known: first bytes 74 72 65 61 73 75 72 65 |treasure| at byte 30000123"],
    ),
    layout(
        "data at the end",
        64,
        |p| put(p, length(p) - 1, b"Z"),
        &["not known: first bytes 5a |Z| at byte 67108863"],
    ),
    layout(
        "a boot sector with a table that is none",
        64,
        |p| {
            put(p, 0, b"\xFA\x31\xC0\x8E\xD8FreeLoader");
            put(p, 446, &[0x13; 64]);
            put(p, 510, &[0x55, 0xAA]);
        },
        &["not known: first bytes fa 31 c0 8e d8 46 72 65 |.1...Fre| at byte 0"],
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
            "not known: first bytes 77 68 61 74 20 77 61 73 |what was| at byte 20971520",
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
            "not known: first bytes 77 68 61 74 20 77 61 73 |what was| at byte 20971520",
        ],
    ),
];
