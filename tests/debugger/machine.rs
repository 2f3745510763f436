//! A machine with one disk, which can hang, refuse and count what is done to it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wimforge::cancel::CancelToken;
use wimforge::platform::fake::DisklessMachine;
use wimforge::platform::machine::{FormatRequest, Mounted, Result, ShareRequest, Space};
use wimforge::platform::{
    Disk, DiskContents, Firmware, Layout, Machine, NtfsState, PlatformError, TableKind,
};
use wimforge::sequence::settings::RestartTarget;

/// What a test sets and sees.
#[derive(Default)]
pub struct Knobs {
    /// Formatting hangs and hears no cancel.
    pub format_hangs: AtomicBool,
    /// Looking at the disks hangs and hears no cancel.
    pub disks_hang: AtomicBool,
    /// A look at the tables hangs.
    pub rescan_hangs: AtomicBool,
    /// Taking connections down hangs.
    pub disconnect_hangs: AtomicBool,
    /// This program is not root: a finding that blocks.
    pub no_rights: AtomicBool,
    /// The disk is small: a finding that blocks, and the step would fail.
    pub small: AtomicBool,
    /// Tables written and partitions formatted.
    pub written: AtomicU32,
    /// Disks that were written to.
    pub disks_written: Mutex<Vec<u32>>,
}

impl Knobs {
    pub fn set(knob: &AtomicBool, to: bool) {
        knob.store(to, Ordering::SeqCst);
    }

    pub fn written(&self) -> u32 {
        self.written.load(Ordering::SeqCst)
    }
}

pub struct OneDisk(pub Arc<Knobs>);

fn hang(knob: &AtomicBool) {
    while knob.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn partition(name: &str, more: &str) -> String {
    format!(
        "Step(name: \"{name}\", {more} action: PartitionDisk(disk: 0, style: Gpt, partitions: [\
            (name: \"Windows\", size: Percent(100), format: Ntfs, label: \"Windows\", letter_variable: \"OSDisk\")])),"
    )
}

impl Machine for OneDisk {
    fn disks(&self) -> Result<Vec<Disk>> {
        hang(&self.0.disks_hang);
        let small = self.0.small.load(Ordering::SeqCst);
        let disk = |number| Disk {
            number,
            path: format!("/dev/none{number}").into(),
            backing: None,
            model: "ACME".to_owned(),
            serial: "S1".to_owned(),
            identity: String::new(),
            bytes: if small { 1 << 20 } else { 64 << 30 },
            sector_bytes: 512,
            usb: false,
            removable: false,
            table: TableKind::None,
            contents: DiskContents::default(),
            digest: "d".to_owned(),
            partitions: Vec::new(),
            refusals: Vec::new(),
        };
        Ok(vec![disk(0), disk(1)])
    }

    fn write_layout(&self, expected: &Disk, layout: &Layout) -> Result<Vec<PathBuf>> {
        self.0.written.fetch_add(1, Ordering::SeqCst);
        self.0.disks_written.lock().unwrap().push(expected.number);
        let nodes = 1..=layout.entries.len();
        Ok(nodes.map(|n| format!("/dev/none0p{n}").into()).collect())
    }

    fn wipe_table(&self, _: u32) -> Result<()> {
        Ok(())
    }

    fn format(
        &self,
        _: &FormatRequest,
        _: &dyn Fn(u64, u64),
        log: &dyn Fn(&str),
        _: &CancelToken,
    ) -> Result<()> {
        self.0.written.fetch_add(1, Ordering::SeqCst);
        log("formatting");
        hang(&self.0.format_hangs);
        log("formatted after all");
        Ok(())
    }

    fn ntfs_state(&self, _: &Path) -> Result<NtfsState> {
        Ok(NtfsState::Clean)
    }

    fn mount_ntfs(&self, node: &Path, writable: bool) -> Result<Box<dyn Mounted>> {
        DisklessMachine::default().mount_ntfs(node, writable)
    }

    fn mount_share(
        &self,
        request: &ShareRequest,
        cancel: &CancelToken,
    ) -> Result<Box<dyn Mounted>> {
        DisklessMachine::default().mount_share(request, cancel)
    }

    fn space(&self, path: &Path) -> Result<Space> {
        DisklessMachine::default().space(path)
    }

    fn privileged(&self) -> Option<bool> {
        Some(!self.0.no_rights.load(Ordering::SeqCst))
    }

    fn firmware(&self) -> Firmware {
        Firmware::Uefi
    }

    fn identity(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn disconnect(&self, folders: &[PathBuf]) -> Vec<(PathBuf, PlatformError)> {
        hang(&self.0.disconnect_hangs);
        let _ = folders;
        Vec::new()
    }

    fn rescan(&self) -> Result<String> {
        hang(&self.0.rescan_hangs);
        Err(PlatformError::Unsupported("nothing to look at".to_owned()))
    }

    fn restart(&self, _: RestartTarget) -> Result<bool> {
        Ok(false)
    }
}
