//! The machine behind one trait.

use std::path::{Path, PathBuf};

use crate::cancel::CancelToken;
use crate::secret::Secret;

use super::error::PlatformError;
use super::types::{Disk, Firmware, Layout, NtfsState, PartitionRef};
use crate::sequence::settings::{FileSystem, RestartTarget};

/// Result of a platform call.
pub type Result<T> = std::result::Result<T, PlatformError>;

/// What to format and how.
#[derive(Clone, Debug)]
pub struct FormatRequest {
    /// Where.
    pub at: PartitionRef,
    /// File system.
    pub fs: FileSystem,
    /// Volume label.
    pub label: String,
    /// Quick, else every sector is written.
    pub quick: bool,
}

/// A connection to a share.
#[derive(Clone, Debug)]
pub struct ShareRequest {
    /// `\\server\share` or `\\server\share\folder`.
    pub unc: String,
    /// `domain\user`, `user@domain` or `user`.
    pub account: String,
    /// Password.
    pub password: Secret,
    /// For writing: mounted without a cache, so that errors show at once (facts A).
    pub writable: bool,
}

/// A folder that goes away (is unmounted) when this is dropped or closed.
pub trait Mounted: Send {
    /// Where the contents are.
    fn path(&self) -> &Path;
    /// Unmounts and says whether everything reached the medium.
    ///
    /// # Errors
    /// The system's error; the folder may still be mounted.
    fn close(self: Box<Self>) -> Result<()>;
}

/// What steps and engine ask of the machine. Calls block; long ones obey the cancel token.
pub trait Machine: Send + Sync {
    /// Every disk, probed afresh. With `--disk`, only those exist.
    ///
    /// # Errors
    /// When the system's list cannot be read.
    fn disks(&self) -> Result<Vec<Disk>>;

    /// One disk, probed afresh.
    ///
    /// # Errors
    /// [`PlatformError::NoDisk`], or as [`Machine::disks`].
    fn disk(&self, number: u32) -> Result<Disk> {
        self.disks()?
            .into_iter()
            .find(|disk| disk.number == number)
            .ok_or(PlatformError::NoDisk(number))
    }

    /// Wipes old signatures and writes `layout`, makes the kernel read it and waits for the device nodes. The disk
    /// must have the digest of `expected`, probed again right before the first write. On failure no valid
    /// table is left.
    ///
    /// # Errors
    /// [`PlatformError::Changed`], [`PlatformError::Refused`], or what the system said.
    fn write_layout(&self, expected: &Disk, layout: &Layout) -> Result<Vec<PathBuf>>;

    /// Destroys the table of a disk, so that a half-made one cannot be mistaken for a good one.
    ///
    /// # Errors
    /// What the system said.
    fn wipe_table(&self, number: u32) -> Result<()>;

    /// Formats a partition; `progress(done, total)` counts bytes of a full format (total 0: not countable).
    ///
    /// # Errors
    /// Tool missing or failed, cancelled.
    fn format(
        &self,
        request: &FormatRequest,
        progress: &dyn Fn(u64, u64),
        log: &dyn Fn(&str),
        cancel: &CancelToken,
    ) -> Result<()>;

    /// The state of an unmounted NTFS volume.
    ///
    /// # Errors
    /// When the probe itself cannot run.
    fn ntfs_state(&self, node: &Path) -> Result<NtfsState>;

    /// Mounts an NTFS volume (or image file) for plain file work.
    ///
    /// # Errors
    /// Hibernated, unclean, not NTFS, tool missing.
    fn mount_ntfs(&self, node: &Path, writable: bool) -> Result<Box<dyn Mounted>>;

    /// Connects a share.
    ///
    /// # Errors
    /// [`PlatformError::Share`] with the cases told apart; [`PlatformError::Unsupported`] where the kernel has no cifs.
    fn mount_share(&self, request: &ShareRequest, cancel: &CancelToken)
    -> Result<Box<dyn Mounted>>;

    /// Takes down connections that outlived their step, as a restart does; gives back those that could not be taken down.
    fn disconnect(&self, folders: &[PathBuf]) -> Vec<(PathBuf, PlatformError)> {
        let _ = folders;
        Vec::new()
    }

    /// Makes the kernel read the partition tables again; says in one sentence what it found.
    ///
    /// # Errors
    /// What the system said.
    fn rescan(&self) -> Result<String> {
        self.disks()
            .map(|disks| format!("{} disks were probed afresh", disks.len()))
    }

    /// Clears the GPT attribute "no default drive letter" on this machine's Windows partitions; says in one sentence
    /// what was done.
    ///
    /// # Errors
    /// What the system said.
    fn show_volumes(&self) -> Result<String> {
        Err(PlatformError::Unsupported(
            "clearing a partition's attributes is not possible on this machine".to_owned(),
        ))
    }

    /// Looks, when it is called, at what this machine's use has left: one sentence each, with the way to remove it. To be
    /// called after the machine itself was let go.
    fn left_behind(&self) -> Box<dyn Fn() -> Vec<String> + Send> {
        Box::new(Vec::new)
    }

    /// Free bytes and total bytes of the file system that holds `path`, and its type by name ("ext4", "vfat").
    ///
    /// # Errors
    /// What the system said.
    fn space(&self, path: &Path) -> Result<Space>;

    /// Bytes of memory that programs may still take; `None` when the system does not say.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// The foreign programs that disks and volumes are handled with, and where each is.
    fn tools(&self) -> Vec<Tool> {
        Vec::new()
    }

    /// Whether this process may partition, format and mount; `None` when that is not known.
    fn privileged(&self) -> Option<bool> {
        None
    }

    /// UEFI or BIOS.
    fn firmware(&self) -> Firmware;

    /// Make, model, serial number and such for `_SMSTSMake` and its kin: (variable, value).
    fn identity(&self) -> Vec<(String, String)>;

    /// What the machine is made of, for the evidence of a run: (section, lines). Empty where nobody looked.
    fn hardware(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The end of the kernel's log; none when it cannot be read.
    fn kernel_log(&self) -> Option<String> {
        None
    }

    /// Restarts the machine. In the lab (with `--disk`) nothing is restarted and this says so with `Ok(false)`:
    /// the engine then ends the boot and starts again by itself.
    ///
    /// # Errors
    /// What the system said.
    fn restart(&self, target: RestartTarget) -> Result<bool>;
}

/// A foreign program that is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The program.
    pub name: &'static str,
    /// The package it comes in.
    pub package: &'static str,
    /// Where it is; `None` when it is missing.
    pub path: Option<PathBuf>,
}

/// Space of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Type by name, as in `/proc/mounts`.
    pub kind: String,
}
