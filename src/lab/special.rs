//! What real Windows volumes hold and plain files do not: links, streams, reparse points, attributes, security
//! descriptors, short names, sparse and compressed files. Written through the extended attributes of ntfs-3g.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::units::MIB;

use super::LabError;
use super::raw::{Descriptors, MOUNT_POINT, RELATIVE, SYMLINK, reparse_data};

const READ_ONLY: u32 = 0x1;
const HIDDEN: u32 = 0x2;
const SYSTEM: u32 = 0x4;
const ARCHIVE: u32 = 0x20;
const COMPRESSED: u32 = 0x800;
const NOT_INDEXED: u32 = 0x2000;

/// Folders that stay empty.
const EMPTY: [&str; 7] = [
    "PerfLogs",
    "Windows/Temp",
    "Windows/Tasks",
    "Windows/System32/LogFiles/WMI",
    "Users/Public/Music",
    "Users/Default/Saved Games",
    "Program Files/WindowsApps/Deleted",
];

fn make_folder(path: &Path) -> Result<(), LabError> {
    fs::create_dir_all(path).map_err(|error| LabError::io("creating", path, error))
}

fn make_file(path: &Path, contents: &[u8]) -> Result<(), LabError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    fs::write(path, contents).map_err(|error| LabError::io("writing", path, error))
}

fn set(path: &Path, key: &str, value: &[u8]) -> Result<(), LabError> {
    xattr::set(path, key, value)
        .map_err(|error| LabError::io(&format!("setting {key} of"), path, error))
}

fn attributes(path: &Path, bits: u32) -> Result<(), LabError> {
    set(path, "system.ntfs_attrib_be", &bits.to_be_bytes())
}

fn short_name(path: &Path, name: &str) -> Result<(), LabError> {
    set(path, "system.ntfs_dos_name", name.as_bytes())
}

/// Creation, change and access time, from seconds since 1970; the part below a second is made up so that a tool that
/// drops it shows.
pub(super) fn times(path: &Path, seconds: i64) -> Result<(), LabError> {
    // FILETIME: 100 ns since 1601.
    let base = u64::try_from(seconds.saturating_add(11_644_473_600)).unwrap_or(0) * 10_000_000;
    let mut value = Vec::new();
    for part in [1_u64, 1_234_567, 7_654_321] {
        value.extend((base + part).to_le_bytes());
    }
    set(path, "system.ntfs_times", &value)
}

/// A named data stream. ntfs-3g takes up to 64 KiB in one piece.
fn stream(path: &Path, name: &str, contents: &[u8]) -> Result<(), LabError> {
    set(path, &format!("user.{name}"), contents)
}

/// Makes an entry and turns it into a link. The kernel gives up an inode whose type changes, so the entry must not be
/// touched again in this mount: everything else is set before.
fn link(
    path: &Path,
    folder: bool,
    data: &[u8],
    bits: u32,
    access: Option<&[u8]>,
) -> Result<(), LabError> {
    if folder {
        make_folder(path)?;
    } else {
        make_file(path, b"")?;
    }
    if let Some(access) = access {
        set(path, "system.ntfs_acl", access)?;
    }
    times(path, 1_600_000_000)?;
    if bits != 0 {
        attributes(path, bits)?;
    }
    set(path, "system.ntfs_reparse_data", data)
}

/// Folders marked as compressed: files made in them afterwards are stored compressed.
pub(super) fn prepare_volume(volume: &Path) -> Result<(), LabError> {
    let folder = volume.join("Program Files/Compressed");
    make_folder(&folder)?;
    attributes(&folder, COMPRESSED)
}

/// Adds everything special to a volume that holds the tree.
pub(super) fn add(volume: &Path, files: &[PathBuf], report: &dyn Fn(&str)) -> Result<(), LabError> {
    let access = Descriptors::new();
    plain_windows_files(volume)?;
    for folder in EMPTY {
        make_folder(&volume.join(folder))?;
    }
    compressed_and_sparse(volume)?;
    names(volume)?;
    let links = hard_links(volume, files)?;
    streams(volume, files)?;
    left_out(volume)?;
    security(volume, files, &access)?;
    attribute_bits(volume, files)?;
    let points = reparse_points(volume, &access)?;
    report(&format!(
        "added {links} hard links, {points} junctions and symbolic links, streams, attributes, access lists, short names, \
         compressed and sparse files"
    ));
    Ok(())
}

/// Files every Windows has by these names. Their contents are stand-ins and say so.
fn plain_windows_files(volume: &Path) -> Result<(), LabError> {
    let stand_in =
        |name: &str| format!("wimforge lab: a stand-in for {name}, not a Windows file\r\n");
    for path in [
        "Windows/System32/config/SYSTEM",
        "Windows/System32/config/SOFTWARE",
        "Windows/System32/config/SAM",
        "Windows/System32/config/SECURITY",
        "Windows/System32/config/DEFAULT",
        "Windows/System32/ntoskrnl.exe",
        "Windows/System32/winload.efi",
        "Windows/System32/winload.exe",
        "Windows/Boot/EFI/bootmgfw.efi",
        "Windows/Boot/EFI/bootmgr.efi",
        "Windows/Boot/EFI/memtest.efi",
        "Windows/Boot/EFI/en-US/bootmgfw.efi.mui",
        "Windows/Boot/PCAT/bootmgr",
        "Windows/Panther/setupact.log",
        "Windows/Panther/setuperr.log",
        "Windows/System32/Sysprep/sysprep.exe",
        "Windows/explorer.exe",
        "Users/Default/NTUSER.DAT",
        "Users/Default/AppData/Roaming/Microsoft/Windows/SendTo/Desktop.ini",
        "Users/Public/desktop.ini",
        "Users/Public/Documents/desktop.ini",
        "Users/desktop.ini",
    ] {
        make_file(&volume.join(path), stand_in(path).as_bytes())?;
    }
    Ok(())
}

fn compressed_and_sparse(volume: &Path) -> Result<(), LabError> {
    let text = "The same sentence again and again compresses well.\r\n".repeat(20_000);
    for name in ["readme.txt", "log.txt"] {
        make_file(
            &volume.join("Program Files/Compressed").join(name),
            format!("{name}\r\n{text}").as_bytes(),
        )?;
    }
    let path = volume.join("Windows/Logs/sparse.etl");
    make_file(&path, b"")?;
    let io = |error| LabError::io("writing", &path, error);
    let mut file = OpenOptions::new().write(true).open(&path).map_err(io)?;
    file.set_len(24 * MIB).map_err(io)?;
    let island = vec![0xA5; 70_000];
    for at in [0, 9 * MIB, 23 * MIB] {
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        file.write_all(&island).map_err(io)?;
    }
    Ok(())
}

/// Long names and names outside ASCII.
fn names(volume: &Path) -> Result<(), LabError> {
    let folder = volume.join("Users/Public/Documents");
    let names = [
        format!("{}.txt", "n".repeat(251)),
        format!("{}.txt", "\u{e4}".repeat(251)),
        "\u{dc}bergr\u{f6}\u{df}entr\u{e4}ger \u{20ac}.txt".to_owned(),
        "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{30d5}\u{30a1}\u{30a4}\u{30eb}.txt".to_owned(),
        "\u{0421}\u{043f}\u{0440}\u{0430}\u{0432}\u{043a}\u{0430}.txt".to_owned(),
        "\u{05e2}\u{05d1}\u{05e8}\u{05d9}\u{05ea}.txt".to_owned(),
        // Outside the basic plane, and a combining accent.
        "\u{1f4be} disk e\u{301}.txt".to_owned(),
        " blank in front, 'quotes' & %percent% #1;.txt".to_owned(),
    ];
    for name in names {
        make_file(&folder.join(&name), name.as_bytes())?;
    }
    for (path, name) in [
        ("Program Files", "PROGRA~1"),
        ("Program Files (x86)", "PROGRA~2"),
        ("ProgramData", "PROGRA~3"),
    ] {
        let path = volume.join(path);
        make_folder(&path)?;
        short_name(&path, name)?;
    }
    let path = folder.join("Quarterly report.docx");
    make_file(&path, b"a file with a short name\r\n")?;
    short_name(&path, "QUARTE~1.DOC")
}

/// Links files of System32 from WinSxS, as Windows does.
fn hard_links(volume: &Path, files: &[PathBuf]) -> Result<u64, LabError> {
    let mut count = 0;
    let system: Vec<&PathBuf> = files
        .iter()
        .filter(|path| path.starts_with("Windows/System32"))
        .collect();
    for path in system.iter().step_by(2).take(200) {
        let Some(name) = path.file_name() else {
            continue;
        };
        let folder = volume
            .join("Windows/WinSxS")
            .join(format!("amd64_lab_{count:04}_10.0.19041.1_none"));
        make_folder(&folder)?;
        let to = folder.join(name);
        fs::hard_link(volume.join(path), &to)
            .map_err(|error| LabError::io("linking", &to, error))?;
        count += 1;
    }
    Ok(count)
}

fn streams(volume: &Path, files: &[PathBuf]) -> Result<(), LabError> {
    let zone = b"[ZoneTransfer]\r\nZoneId=3\r\n";
    for path in files.iter().step_by(40) {
        stream(&volume.join(path), "Zone.Identifier", zone)?;
    }
    let path = volume.join("Users/Public/Documents/streams.txt");
    make_file(&path, b"the unnamed stream\r\n")?;
    let large: Vec<u8> = (0..60_000_u32)
        .flat_map(u32::to_le_bytes)
        .take(60_000)
        .collect();
    stream(&path, "large", &large)?;
    stream(&path, "empty", b"")?;
    stream(&path, "\u{fc}ml\u{e4}ut", b"a name outside ASCII")?;
    stream(
        &volume.join("Users/Public"),
        "on a folder",
        b"folders have streams too",
    )
}

/// What a capture must leave out.
fn left_out(volume: &Path) -> Result<(), LabError> {
    for (name, start) in [
        ("pagefile.sys", b"".as_slice()),
        ("swapfile.sys", b""),
        // Not `hibr`: this Windows was shut down. wake is what is left after waking up.
        ("hiberfil.sys", b"wake"),
    ] {
        let path = volume.join(name);
        make_file(&path, start)?;
        OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|file: File| file.set_len(16 * MIB))
            .map_err(|error| LabError::io("writing", &path, error))?;
        attributes(&path, HIDDEN | SYSTEM | ARCHIVE)?;
    }
    make_file(
        &volume.join("System Volume Information/tracking.log"),
        b"never captured\r\n",
    )?;
    make_file(
        &volume.join("$Recycle.Bin/S-1-5-21-1-2-3-500/desktop.ini"),
        b"never captured\r\n",
    )?;
    attributes(&volume.join("System Volume Information"), HIDDEN | SYSTEM)?;
    attributes(&volume.join("$Recycle.Bin"), HIDDEN | SYSTEM)
}

fn security(volume: &Path, files: &[PathBuf], access: &Descriptors) -> Result<(), LabError> {
    for (path, value) in [
        ("Windows", &access.trusted_installer),
        ("Windows/System32", &access.trusted_installer),
        ("Program Files", &access.trusted_installer),
        ("Windows/System32/config", &access.administrators),
        ("Windows/Panther", &access.administrators),
        ("System Volume Information", &access.administrators),
        ("ProgramData", &access.users),
        ("Users", &access.users),
        ("Users/Public", &access.users),
        ("Users/Default", &access.users),
    ] {
        set(&volume.join(path), "system.ntfs_acl", value)?;
    }
    for path in files {
        if path.starts_with("Windows/System32") {
            set(
                &volume.join(path),
                "system.ntfs_acl",
                &access.trusted_installer,
            )?;
        } else if path.starts_with("ProgramData") {
            set(&volume.join(path), "system.ntfs_acl", &access.users)?;
        }
    }
    Ok(())
}

fn attribute_bits(volume: &Path, files: &[PathBuf]) -> Result<(), LabError> {
    for (path, bits) in [
        ("Users/desktop.ini", HIDDEN | SYSTEM | ARCHIVE),
        ("Users/Public/desktop.ini", HIDDEN | SYSTEM | ARCHIVE),
        (
            "Users/Public/Documents/desktop.ini",
            HIDDEN | SYSTEM | ARCHIVE,
        ),
        ("Users/Default/NTUSER.DAT", HIDDEN | ARCHIVE),
        ("Windows/explorer.exe", READ_ONLY | ARCHIVE),
        ("Users/Public", READ_ONLY),
        ("Users/Default", HIDDEN | READ_ONLY),
        ("ProgramData", HIDDEN | NOT_INDEXED),
    ] {
        attributes(&volume.join(path), bits)?;
    }
    for (path, bits) in files.iter().step_by(50).zip(
        [ARCHIVE, READ_ONLY | ARCHIVE, HIDDEN, SYSTEM, NOT_INDEXED]
            .into_iter()
            .cycle(),
    ) {
        attributes(&volume.join(path), bits)?;
    }
    Ok(())
}

/// Path, whether it is a folder, reparse data, attributes, security descriptor.
type Point<'a> = (&'a str, bool, Vec<u8>, u32, Option<&'a [u8]>);

fn reparse_points(volume: &Path, access: &Descriptors) -> Result<usize, LabError> {
    let deny = Some(access.deny_listing.as_slice());
    let junction = |target: &str| reparse_data(MOUNT_POINT, target, 0);
    let absolute = |target: &str| reparse_data(SYMLINK, target, 0);
    let relative = |target: &str| reparse_data(SYMLINK, target, RELATIVE);
    let guarded = HIDDEN | SYSTEM | NOT_INDEXED;
    let points: [Point; 10] = [
        // As Windows sets them up.
        (
            "Documents and Settings",
            true,
            junction(r"\??\C:\Users"),
            guarded,
            deny,
        ),
        (
            "Users/Default User",
            true,
            junction(r"\??\C:\Users\Default"),
            guarded,
            deny,
        ),
        (
            "ProgramData/Application Data",
            true,
            junction(r"\??\C:\ProgramData"),
            guarded,
            deny,
        ),
        (
            "ProgramData/Desktop",
            true,
            junction(r"\??\C:\Users\Public\Desktop"),
            guarded,
            deny,
        ),
        (
            "Users/All Users",
            true,
            absolute(r"\??\C:\ProgramData"),
            guarded,
            None,
        ),
        // The other kinds.
        (
            "Users/Public/absolute file link.txt",
            false,
            absolute(r"\??\C:\Windows\explorer.exe"),
            0,
            None,
        ),
        (
            "Users/Public/relative file link.txt",
            false,
            relative(r"Documents\streams.txt"),
            0,
            None,
        ),
        (
            "Users/Public/relative folder link",
            true,
            relative(r"..\Default"),
            0,
            None,
        ),
        (
            "Users/Public/broken link",
            false,
            relative(r"nowhere\at all"),
            0,
            None,
        ),
        (
            "Users/Public/other volume",
            true,
            junction(r"\??\Volume{11111111-2222-3333-4444-555555555555}\"),
            0,
            None,
        ),
    ];
    make_folder(&volume.join("Users/Public/Desktop"))?;
    for (path, folder, data, bits, access) in &points {
        link(&volume.join(path), *folder, data, *bits, *access)?;
    }
    Ok(points.len())
}

/// The start-up volume: the folders boot files lie in, for `firmware`.
pub(super) fn boot_volume(volume: &Path, uefi: bool) -> Result<(), LabError> {
    let stand_in =
        |name: &str| format!("wimforge lab: a stand-in for {name}, not a Windows file\r\n");
    let paths: &[&str] = if uefi {
        &[
            "EFI/Boot/bootx64.efi",
            "EFI/Microsoft/Boot/BCD",
            "EFI/Microsoft/Boot/bootmgfw.efi",
            "EFI/Microsoft/Boot/bootmgr.efi",
            "EFI/Microsoft/Boot/memtest.efi",
            "EFI/Microsoft/Boot/Fonts/segmono_boot.ttf",
            "EFI/Microsoft/Boot/Resources/bootres.dll",
            "EFI/Microsoft/Boot/en-US/bootmgfw.efi.mui",
        ]
    } else {
        &[
            "bootmgr",
            "BOOTNXT",
            "Boot/BCD",
            "Boot/BOOTSTAT.DAT",
            "Boot/memtest.exe",
            "Boot/Fonts/segmono_boot.ttf",
            "Boot/Resources/bootres.dll",
            "Boot/en-US/bootmgr.exe.mui",
        ]
    };
    for path in paths {
        let at = volume.join(path);
        make_file(&at, stand_in(path).repeat(200).as_bytes())?;
        times(&at, 1_575_709_200)?;
    }
    let hidden: &[&str] = if uefi {
        &["EFI/Microsoft/Boot/BCD"]
    } else {
        &["bootmgr", "BOOTNXT", "Boot/BCD"]
    };
    for path in hidden {
        attributes(&volume.join(path), HIDDEN | SYSTEM | READ_ONLY | ARCHIVE)?;
    }
    make_folder(&volume.join("Recovery/Logs"))
}
