//! [`Machine`] on Linux: attached image files or the real disks, and what is refused.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::statvfs::statvfs;

use crate::cancel::CancelToken;
use crate::platform::error::PlatformError;
use crate::platform::machine::{
    FormatRequest, Machine, Mounted, Result, ShareRequest, Space, Tool,
};
use crate::platform::types::{Disk, Firmware, Layout, NtfsState, Partition, PartitionRef, Refusal};
use crate::sequence::settings::{FileSystem, RestartTarget};
use crate::units;

use super::hold::{self, Hold};
use super::{
    attached, attributes, format, hardware, identity, leftovers, loops, ntfs, probe, same, share,
    sys, sysfs, tool, write,
};

/// Exists on our own boot medium only.
const BOOT_MEDIUM: &str = "/etc/wimforge-boot-medium";

/// How the command line wants the machine to be.
#[derive(Clone, Debug, Default)]
pub struct MachineOptions {
    /// Disk number and raw image file (or block device). With any, no other disk exists.
    pub attached: Vec<(u32, PathBuf)>,
    /// Nothing will be written: the image files are taken without a lock, beside whoever works on them.
    pub only_look: bool,
    /// Real disks may be written outside the boot medium.
    pub allow_real_disks: bool,
    /// Firmware to be reported, whatever the machine has.
    pub firmware: Option<Firmware>,
}

/// The machine this program runs on.
#[derive(Debug)]
pub struct LinuxMachine {
    attached: Vec<attached::Attached>,
    refuse_real: bool,
    only_look: bool,
    firmware: Option<Firmware>,
    real: Mutex<RealDisks>,
}

/// The machine's own disks: a number stays with its disk as long as this lives, whatever is plugged in or out.
#[derive(Debug, Default)]
struct RealDisks {
    /// By the name each is known again by; number n stands at place n.
    names: Vec<String>,
    /// Those that were written to, kept from others since.
    held: Vec<(u32, Vec<Hold>)>,
}

impl RealDisks {
    fn look(&mut self) -> Result<Vec<attached::Attached>> {
        let nodes = probe::real_disks()?;
        let names = same::names(&nodes);
        for name in &names {
            if !self.names.contains(name) {
                self.names.push(name.clone());
            }
        }
        Ok((0..)
            .zip(&self.names)
            .filter_map(|(number, known)| {
                let at = names.iter().position(|name| name == known)?;
                let node = nodes.get(at)?.clone();
                Some(attached::Attached::real(number, node, known.clone()))
            })
            .collect())
    }
}

impl LinuxMachine {
    /// Attaches the image files; they are detached when this is dropped.
    ///
    /// # Errors
    /// Not a file, not to be opened, in use, only a part of a disk, a number or file given twice, no loop device.
    pub fn new(options: MachineOptions) -> Result<Self> {
        if !options.only_look {
            leftovers::unmount();
        }
        let mut machine = Self {
            attached: Vec::new(),
            only_look: options.only_look,
            real: Mutex::default(),
            refuse_real: !options.allow_real_disks && !Path::new(BOOT_MEDIUM).exists(),
            firmware: options.firmware,
        };
        for (number, path) in options.attached {
            if machine.attached.iter().any(|other| other.number == number) {
                return Err(PlatformError::Layout(format!(
                    "disk {number} is given twice"
                )));
            }
            if machine.has(&path) {
                return Err(PlatformError::Layout(format!(
                    "{} is given as two disks",
                    path.display()
                )));
            }
            let attached = attached::attach(number, &path, options.only_look)?;
            machine.attached.push(attached);
            machine.make_nodes(number)?;
        }
        machine.attached.sort_by_key(|attached| attached.number);
        Ok(machine)
    }

    /// Whether this file or device is a disk already, by whatever name.
    fn has(&self, path: &Path) -> bool {
        let Ok(about) = std::fs::metadata(path) else {
            return false;
        };
        self.attached.iter().any(|attached| {
            [Some(attached.node.as_path()), attached.file()]
                .into_iter()
                .flatten()
                .filter_map(|path| std::fs::metadata(path).ok())
                .any(|found| hold::same(&found, &about))
        })
    }

    /// Keeps others from a real disk from its first writing on.
    fn keep(&self, disk: &Disk) -> Result<()> {
        if self.in_lab() {
            return Ok(());
        }
        let mut real = self.real.lock().unwrap_or_else(PoisonError::into_inner);
        if real.held.iter().any(|(number, _)| *number == disk.number) {
            return Ok(());
        }
        let device = File::open(&disk.path).map_err(|error| {
            PlatformError::io(format!("opening {}", disk.path.display()), error)
        })?;
        let holds = attached::hold_device(disk.number, &device, &disk.path)?;
        real.held.push((disk.number, holds));
        Ok(())
    }

    /// Nodes for the partitions an image already has: some kernels do not scan loop devices.
    fn make_nodes(&self, number: u32) -> Result<()> {
        let Some(attached) = self
            .attached
            .iter()
            .find(|a| a.number == number && a.is_ours())
        else {
            return Ok(());
        };
        let disk = probe::disk(attached, false, &probe::Surroundings::look()?);
        let file = File::open(&attached.node).map_err(|error| {
            PlatformError::io(format!("opening {}", attached.node.display()), error)
        })?;
        write::make_nodes(&file, &attached.node, &write::wanted_nodes(&disk))?;
        Ok(())
    }

    fn may_write(&self) -> Result<()> {
        if self.only_look {
            return Err(PlatformError::Unsupported(
                "this machine was opened to be looked at only".to_owned(),
            ));
        }
        Ok(())
    }

    fn in_lab(&self) -> bool {
        !self.attached.is_empty()
    }

    /// Only the disk asked for is looked at: another one with a bad sector must not stand in the way.
    fn look(&self, wanted: Option<u32>) -> Result<Vec<Disk>> {
        let around = probe::Surroundings::look()?;
        let real = if self.in_lab() {
            Vec::new()
        } else {
            let mut real = self.real.lock().unwrap_or_else(PoisonError::into_inner);
            real.look()?
        };
        let list = if self.in_lab() { &self.attached } else { &real };
        Ok(list
            .iter()
            .filter(|attached| wanted.is_none_or(|number| number == attached.number))
            .map(|attached| probe::disk(attached, !self.in_lab() && self.refuse_real, &around))
            .collect())
    }

    fn partition(&self, at: PartitionRef) -> Result<(Disk, Partition)> {
        let disk = self.disk(at.disk)?;
        let partition = disk
            .partitions
            .iter()
            .find(|partition| partition.at == at)
            .cloned()
            .ok_or(PlatformError::NoPartition {
                disk: at.disk,
                partition: at.partition,
            })?;
        Ok((disk, partition))
    }
}

impl Drop for LinuxMachine {
    fn drop(&mut self) {
        for attached in &self.attached {
            attached::detach(attached);
        }
    }
}

impl Machine for LinuxMachine {
    fn disks(&self) -> Result<Vec<Disk>> {
        self.look(None)
    }

    fn disk(&self, number: u32) -> Result<Disk> {
        self.look(Some(number))?
            .pop()
            .ok_or(PlatformError::NoDisk(number))
    }

    fn write_layout(&self, expected: &Disk, layout: &Layout) -> Result<Vec<PathBuf>> {
        self.may_write()?;
        self.keep(expected)?;
        write::layout(expected, layout, &|| self.disk(expected.number))
    }

    fn wipe_table(&self, number: u32) -> Result<()> {
        self.may_write()?;
        let disk = self.disk(number)?;
        self.keep(&disk)?;
        write::wipe(&disk)
    }

    fn format(
        &self,
        request: &FormatRequest,
        progress: &dyn Fn(u64, u64),
        log: &dyn Fn(&str),
        cancel: &CancelToken,
    ) -> Result<()> {
        self.may_write()?;
        let (disk, partition) = self.partition(request.at)?;
        self.keep(&disk)?;
        let refusals: Vec<Refusal> = disk
            .refusals
            .iter()
            .filter(|refusal| concerns(refusal, &partition.node, &disk))
            .cloned()
            .collect();
        if !refusals.is_empty() {
            return Err(PlatformError::Refused {
                number: disk.number,
                refusals,
            });
        }
        match request.fs {
            FileSystem::Ntfs => format::ntfs(request, &disk, &partition, progress, log, cancel),
            FileSystem::Fat32 => format::fat32(request, &disk, &partition, progress, cancel),
        }
    }

    fn ntfs_state(&self, node: &Path) -> Result<NtfsState> {
        ntfs::state(node)
    }

    fn mount_ntfs(&self, node: &Path, writable: bool) -> Result<Box<dyn Mounted>> {
        ntfs::mount(node, writable)
    }

    fn mount_share(
        &self,
        request: &ShareRequest,
        cancel: &CancelToken,
    ) -> Result<Box<dyn Mounted>> {
        share::mount(request, cancel)
    }

    fn disconnect(&self, folders: &[PathBuf]) -> Vec<(PathBuf, PlatformError)> {
        share::disconnect_all(folders)
    }

    fn space(&self, path: &Path) -> Result<Space> {
        let doing = || format!("looking for the free space of {}", path.display());
        let path =
            std::fs::canonicalize(path).map_err(|error| PlatformError::io(doing(), error))?;
        let numbers = statvfs(&path).map_err(|error| PlatformError::io(doing(), error.into()))?;
        let mounts = sysfs::mounts()?;
        // Of two at the same place the later one is on top.
        let kind = mounts
            .iter()
            .filter(|mount| path.starts_with(&mount.at))
            .max_by_key(|mount| mount.at.components().count())
            .map_or_else(|| "unknown".to_owned(), |mount| mount.kind.clone());
        Ok(Space {
            free_bytes: numbers.blocks_available() * numbers.fragment_size(),
            total_bytes: numbers.blocks() * numbers.fragment_size(),
            kind,
        })
    }

    fn memory(&self) -> Option<u64> {
        sysfs::available_memory()
    }

    fn tools(&self) -> Vec<Tool> {
        tool::all()
    }

    fn privileged(&self) -> Option<bool> {
        Some(nix::unistd::geteuid().is_root())
    }

    fn firmware(&self) -> Firmware {
        self.firmware.unwrap_or_else(|| {
            if Path::new("/sys/firmware/efi").exists() {
                Firmware::Uefi
            } else {
                Firmware::Bios
            }
        })
    }

    fn identity(&self) -> Vec<(String, String)> {
        identity::read()
    }

    fn rescan(&self) -> Result<String> {
        for attached in &self.attached {
            self.make_nodes(attached.number)?;
        }
        if !self.in_lab() {
            for disk in probe::real_disks()? {
                // A disk in use keeps the table it has; the probe that follows tells what is there.
                if let Ok(device) = File::open(&disk) {
                    let _ = sys::reread_table(&device);
                }
            }
        }
        let disks = self.disks()?;
        let partitions: usize = disks.iter().map(|disk| disk.partitions.len()).sum();
        Ok(format!(
            "partition tables were read again: {}, {}",
            units::count(disks.len() as u64, "disk"),
            units::count(partitions as u64, "partition")
        ))
    }

    fn show_volumes(&self) -> Result<String> {
        self.may_write()?;
        let mut cleared = Vec::new();
        for disk in self.disks()? {
            self.keep(&disk)?;
            for partition in attributes::show_volumes(&disk)? {
                cleared.push(format!("disk {} partition {partition}", disk.number));
            }
        }
        Ok(if cleared.is_empty() {
            "no Windows partition carries the attribute \"no default drive letter\"".to_owned()
        } else {
            format!(
                "the attribute \"no default drive letter\" was cleared on {}",
                cleared.join(", ")
            )
        })
    }

    fn left_behind(&self) -> Box<dyn Fn() -> Vec<String> + Send> {
        let loops: Vec<(PathBuf, PathBuf)> = self
            .attached
            .iter()
            .filter(|attached| attached.is_ours())
            .filter_map(|attached| Some((attached.node.clone(), attached.file()?.to_owned())))
            .collect();
        Box::new(move || {
            let mut items: Vec<String> = loops
                .iter()
                .filter(|(node, backing)| loops::is_attached(node, backing))
                .map(|(node, backing)| {
                    format!(
                        "{} is still attached to {}: losetup -d {0}",
                        node.display(),
                        backing.display()
                    )
                })
                .collect();
            items.extend(
                leftovers::own_mounts()
                    .into_iter()
                    .map(|at| format!("{} is still mounted: umount {0}", at.display())),
            );
            items
        })
    }

    fn hardware(&self) -> Vec<(String, String)> {
        hardware::read(Path::new("/"))
    }

    fn kernel_log(&self) -> Option<String> {
        hardware::kernel_log()
    }

    fn restart(&self, _target: RestartTarget) -> Result<bool> {
        if self.in_lab() {
            return Ok(false);
        }
        nix::unistd::sync();
        match reboot(RebootMode::RB_AUTOBOOT) {
            Err(error) => Err(PlatformError::io("restarting the machine", error.into())),
            Ok(never) => match never {},
        }
    }
}

/// Whether a refusal stands against formatting this partition: a mount of its neighbour does not.
fn concerns(refusal: &Refusal, node: &Path, disk: &Disk) -> bool {
    // The disk itself or its image file concerns each of its partitions.
    let neighbour =
        |other: &Path| other != node && disk.partitions.iter().any(|found| found.node == other);
    match refusal {
        Refusal::Mounted { node: other, .. }
        | Refusal::Held { node: other, .. }
        | Refusal::Swap(other)
        | Refusal::BootMedium(other) => !neighbour(other),
        Refusal::ReadOnly(_)
        | Refusal::RealDisk(_)
        | Refusal::NotTheSame { .. }
        | Refusal::Unreadable { .. } => true,
    }
}
