//! What the machine is made of, from `/sys` and `/proc`, and the end of the kernel's log: for the evidence of a run.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::sysfs;
use crate::units;

/// Bytes of the kernel's log that are kept, the last ones.
const LOG_KEPT: usize = 512 * 1024;
/// Longest record of `/dev/kmsg` (`PRINTK_MESSAGE_MAX` and its prefix; a read into less fails).
const RECORD: usize = 8 * 1024;
/// Reads of `/dev/kmsg` at most: a kernel that never falls silent must not hold us.
const READS: usize = 1_000_000;

/// (section, lines) of everything that is there; `root` is `/`, or a copy of it in tests.
pub(super) fn read(root: &Path) -> Vec<(String, String)> {
    let sections = [
        ("firmware strings", dmi(root)),
        ("processors", processors(root)),
        ("memory", memory(root)),
        ("PCI devices", pci(root)),
        ("network adapters", network(root)),
        ("block devices", block(root)),
        ("kernel", kernel(root)),
    ];
    sections
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text))
        .collect()
}

/// The entries of a folder under `/sys`, by name; empty when there is none.
fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.path())
        })
        .collect();
    found.sort();
    found
}

/// The last part of where a link points to: the driver of a device.
fn link(path: &Path) -> String {
    fs::read_link(path)
        .ok()
        .and_then(|target| Some(target.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_default()
}

/// Appends ` name value` when there is a value.
fn add(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = write!(out, "  {name} {value}");
    }
}

fn dmi(root: &Path) -> String {
    let mut out = String::new();
    for (name, path) in entries(&root.join("sys/class/dmi/id")) {
        // The modalias repeats the others in one line.
        if name == "uevent" || name == "modalias" || !path.is_file() {
            continue;
        }
        let value = sysfs::line(&path);
        if !value.is_empty() {
            let _ = writeln!(out, "{name}: {value}");
        }
    }
    out
}

fn processors(root: &Path) -> String {
    let text = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
    let mut kinds: Vec<(String, u32)> = Vec::new();
    for block in text.split("\n\n") {
        let field = |wanted: &str| {
            block
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.trim() == wanted)
                .map(|(_, value)| value.trim())
                .unwrap_or_default()
        };
        if field("processor").is_empty() {
            continue;
        }
        let mut kind = field("model name").to_owned();
        add(&mut kind, "family", field("cpu family"));
        add(&mut kind, "model", field("model"));
        add(&mut kind, "stepping", field("stepping"));
        add(&mut kind, "microcode", field("microcode"));
        match kinds.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let mut out = String::new();
    for (kind, count) in kinds {
        let _ = writeln!(out, "{count} x {kind}");
    }
    out
}

fn memory(root: &Path) -> String {
    let text = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let mut out = String::new();
    for line in text.lines() {
        let wanted = ["MemTotal:", "MemFree:", "MemAvailable:", "SwapTotal:"];
        if wanted.iter().any(|name| line.starts_with(name)) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn pci(root: &Path) -> String {
    let mut out = String::new();
    for (slot, path) in entries(&root.join("sys/bus/pci/devices")) {
        let id = |name: &str| {
            let value = sysfs::line(path.join(name));
            value.trim_start_matches("0x").to_owned()
        };
        let _ = write!(out, "{slot}  {}:{}", id("vendor"), id("device"));
        add(&mut out, "class", &id("class"));
        let subsystem = format!("{}:{}", id("subsystem_vendor"), id("subsystem_device"));
        add(&mut out, "subsystem", subsystem.trim_matches(':'));
        let driver = link(&path.join("driver"));
        add(
            &mut out,
            "driver",
            if driver.is_empty() { "none" } else { &driver },
        );
        out.push('\n');
    }
    out
}

fn network(root: &Path) -> String {
    let mut out = String::new();
    for (name, path) in entries(&root.join("sys/class/net")) {
        let value = |file: &str| sysfs::line(path.join(file));
        out.push_str(&name);
        add(&mut out, "address", &value("address"));
        add(&mut out, "state", &value("operstate"));
        add(
            &mut out,
            "link",
            match value("carrier").as_str() {
                "1" => "yes",
                "0" => "no",
                _ => "",
            },
        );
        // Without a link the kernel says -1.
        let speed = value("speed");
        if !speed.is_empty() && !speed.starts_with('-') {
            add(&mut out, "speed", &format!("{speed} Mbit/s"));
        }
        add(&mut out, "mtu", &value("mtu"));
        add(&mut out, "driver", &link(&path.join("device/driver")));
        out.push('\n');
    }
    out
}

fn block(root: &Path) -> String {
    let mut out = String::new();
    for (name, path) in entries(&root.join("sys/block")) {
        let value = |file: &str| sysfs::line(path.join(file));
        // The kernel counts in 512 bytes, whatever the disk's sector.
        let bytes = sysfs::number(path.join("size"))
            .unwrap_or(0)
            .saturating_mul(512);
        if bytes == 0 {
            continue;
        }
        out.push_str(&name);
        add(&mut out, "size", &units::bytes(bytes));
        add(&mut out, "vendor", &value("device/vendor"));
        add(&mut out, "model", &value("device/model"));
        add(&mut out, "firmware", &value("device/firmware_rev"));
        add(&mut out, "sector", &value("queue/logical_block_size"));
        for (file, word) in [
            ("queue/rotational", "rotational"),
            ("removable", "removable"),
            ("ro", "read-only"),
        ] {
            if value(file) == "1" {
                let _ = write!(out, "  {word}");
            }
        }
        add(&mut out, "driver", &link(&path.join("device/driver")));
        out.push('\n');
    }
    out
}

fn kernel(root: &Path) -> String {
    let mut out = String::new();
    for (name, file) in [
        ("version", "proc/version"),
        ("command line", "proc/cmdline"),
    ] {
        let value = sysfs::line(root.join(file));
        if !value.is_empty() {
            let _ = writeln!(out, "{name}: {value}");
        }
    }
    out
}

/// The end of the kernel's log, as `dmesg` shows it; none when it cannot be read.
pub(super) fn kernel_log() -> Option<String> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = File::options()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open("/dev/kmsg")
        .ok()?;
    let text = records(file);
    (!text.is_empty()).then_some(text)
}

/// Reads records until there is none left; each read gives one.
fn records(mut source: impl Read) -> String {
    let mut kept = std::collections::VecDeque::new();
    let mut bytes = 0;
    let mut buffer = vec![0; RECORD];
    for _ in 0..READS {
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                let line = record(&String::from_utf8_lossy(&buffer[..length]));
                bytes += line.len();
                kept.push_back(line);
            }
            // The record was overwritten while it was read (EPIPE), or a signal came: the next one follows.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::Interrupted
                ) => {}
            // No more for now, or no right to read.
            Err(_) => break,
        }
        while bytes > LOG_KEPT {
            bytes -= kept.pop_front().map_or(bytes, |line: String| line.len());
        }
    }
    kept.into_iter().collect()
}

/// `6,339,5140900,-;text\n KEY=value\n` as `[    5.140900] text\n` (Documentation/ABI/testing/dev-kmsg).
fn record(raw: &str) -> String {
    let (prefix, text) = raw.split_once(';').unwrap_or(("", raw));
    let text = text.lines().next().unwrap_or_default();
    let micros: u64 = prefix
        .split(',')
        .nth(2)
        .and_then(|time| time.parse().ok())
        .unwrap_or(0);
    format!(
        "[{:>5}.{:06}] {text}\n",
        micros / 1_000_000,
        micros % 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_machine_is_told_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(root, "sys/class/dmi/id/product_name", "Latitude 5440\n");
        put(root, "sys/class/dmi/id/uevent", "MODALIAS=x\n");
        let cpu =
            |n| format!("processor\t: {n}\nmodel\t\t: 154\nmodel name\t: i5\nmicrocode\t: 0x42c\n");
        put(root, "proc/cpuinfo", &format!("{}\n{}\n", cpu(0), cpu(1)));
        put(root, "proc/meminfo", "MemTotal: 16 kB\nDirty: 1 kB\n");
        for (file, text) in [
            ("vendor", "0x8086\n"),
            ("device", "0x51f0\n"),
            ("class", "0x028000\n"),
        ] {
            put(
                root,
                &format!("sys/bus/pci/devices/0000:00:14.3/{file}"),
                text,
            );
        }
        put(root, "sys/bus/pci/devices/0000:00:15.0/vendor", "0x8086\n");
        put(root, "sys/bus/pci/devices/0000:00:15.0/device", "0x51e8\n");
        let driver = "sys/bus/pci/devices/0000:00:14.3/driver";
        symlink("../../../bus/pci/drivers/iwlwifi", root.join(driver)).unwrap();
        for (file, text) in [("address", "00:11"), ("carrier", "0"), ("speed", "-1")] {
            put(root, &format!("sys/class/net/eth0/{file}"), text);
        }
        put(root, "sys/block/sda/size", "2097152\n");
        put(root, "sys/block/sda/removable", "1\n");
        put(root, "sys/block/loop0/size", "0\n");
        let found = read(root);
        let section = |name: &str| {
            let found = found.iter().find(|(other, _)| other == name);
            found.map(|(_, text)| text.as_str()).unwrap_or_default()
        };
        assert_eq!(section("firmware strings"), "product_name: Latitude 5440\n");
        assert_eq!(
            section("processors"),
            "2 x i5  model 154  microcode 0x42c\n"
        );
        assert_eq!(section("memory"), "MemTotal: 16 kB\n");
        assert_eq!(
            section("PCI devices"),
            "0000:00:14.3  8086:51f0  class 028000  driver iwlwifi\n0000:00:15.0  8086:51e8  driver none\n"
        );
        assert_eq!(
            section("network adapters"),
            "eth0  address 00:11  link no\n"
        );
        assert_eq!(section("block devices"), "sda  size 1.0 GiB  removable\n");
        assert!(found.iter().all(|(name, _)| name != "kernel"), "{found:?}");
    }

    #[test]
    fn this_machine_has_processors_memory_and_a_kernel() {
        let found = read(Path::new("/"));
        for wanted in ["processors", "memory", "kernel"] {
            assert!(found.iter().any(|(name, _)| name == wanted), "{wanted}");
        }
    }

    /// One record a read, as the device gives them.
    struct Device(VecDeque<io::Result<String>>);

    impl Read for Device {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let next = self
                .0
                .pop_front()
                .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))?;
            buffer[..next.len()].copy_from_slice(next.as_bytes());
            Ok(next.len())
        }
    }

    #[test]
    fn records_of_the_kernel_read_like_dmesg_and_only_the_end_is_kept() {
        let device = Device(VecDeque::from([
            Ok("6,339,5140900,-;NET: x; y\n SUBSYSTEM=acpi\n".to_owned()),
            Err(io::ErrorKind::BrokenPipe.into()),
            Ok("4,340,690716,-;late\n".to_owned()),
        ]));
        assert_eq!(
            records(device),
            "[    5.140900] NET: x; y\n[    0.690716] late\n"
        );
        let long = "x".repeat(4_000);
        let many = (0..200).map(|n| Ok(format!("6,{n},{n},-;{n} {long}\n")));
        let text = records(Device(many.collect()));
        assert!(text.len() <= LOG_KEPT && text.len() > LOG_KEPT - 5_000);
        assert!(text.contains("] 199 x") && !text.contains("] 0 x"));
        assert!(!text.lines().any(|line| line.len() < 4_000), "no torn line");
    }
}
