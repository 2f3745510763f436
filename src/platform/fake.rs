//! A machine without disks, for tests of the engine: sequences of commands and variables need no more.

use std::path::Path;

use super::error::PlatformError;
use super::machine::{FormatRequest, Machine, Mounted, Result, ShareRequest, Space};
use super::types::{Disk, Firmware, Layout, NtfsState};
use crate::cancel::CancelToken;
use crate::sequence::settings::RestartTarget;

/// See the module. Every disk operation fails by name; restarts are the lab's.
#[derive(Clone, Copy, Debug)]
pub struct DisklessMachine {
    /// What it says it was started by.
    pub firmware: Firmware,
}

impl Default for DisklessMachine {
    fn default() -> Self {
        Self {
            firmware: Firmware::Uefi,
        }
    }
}

fn none<T>() -> Result<T> {
    Err(PlatformError::Unsupported(
        "this machine has no disks".to_owned(),
    ))
}

impl Machine for DisklessMachine {
    fn disks(&self) -> Result<Vec<Disk>> {
        Ok(Vec::new())
    }

    fn write_layout(&self, expected: &Disk, _: &Layout) -> Result<Vec<std::path::PathBuf>> {
        Err(PlatformError::NoDisk(expected.number))
    }

    fn wipe_table(&self, number: u32) -> Result<()> {
        Err(PlatformError::NoDisk(number))
    }

    fn format(
        &self,
        request: &FormatRequest,
        _: &dyn Fn(u64, u64),
        _: &dyn Fn(&str),
        _: &CancelToken,
    ) -> Result<()> {
        Err(PlatformError::NoDisk(request.at.disk))
    }

    fn ntfs_state(&self, _: &Path) -> Result<NtfsState> {
        none()
    }

    fn mount_ntfs(&self, _: &Path, _: bool) -> Result<Box<dyn Mounted>> {
        none()
    }

    fn mount_share(&self, _: &ShareRequest, _: &CancelToken) -> Result<Box<dyn Mounted>> {
        none()
    }

    fn space(&self, _: &Path) -> Result<Space> {
        none()
    }

    fn firmware(&self) -> Firmware {
        self.firmware
    }

    fn identity(&self) -> Vec<(String, String)> {
        vec![("_SMSTSMake".to_owned(), "Fake".to_owned())]
    }

    fn restart(&self, _: RestartTarget) -> Result<bool> {
        Ok(false)
    }
}
