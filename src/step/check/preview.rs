//! The machine as a check sees it: nothing can be changed, and disks that the sequence partitions look as they will.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::cancel::CancelToken;
use crate::platform::machine::{FormatRequest, Mounted, Result, ShareRequest, Space, Tool};
use crate::platform::{
    Disk, DiskContents, Firmware, FsKind, Layout, LayoutEntry, Machine, NtfsState, Partition,
    PartitionRef, PlatformError, TableKind, TableState,
};
use crate::sequence::settings::{FileSystem, PartitionDef, RestartTarget};

/// See the module.
pub(super) struct Preview {
    real: Arc<dyn Machine>,
    /// Probed once: a check is a moment.
    found: OnceLock<std::result::Result<Vec<Disk>, String>>,
    planned: Mutex<BTreeMap<u32, Disk>>,
}

fn refuse<T>() -> Result<T> {
    Err(PlatformError::Unsupported(
        "a check changes nothing".to_owned(),
    ))
}

impl Preview {
    pub(super) fn new(real: Arc<dyn Machine>) -> Self {
        Self {
            real,
            found: OnceLock::new(),
            planned: Mutex::default(),
        }
    }

    /// The machine itself, for work that outlives a call.
    pub(super) fn real(&self) -> Arc<dyn Machine> {
        Arc::clone(&self.real)
    }

    fn hold(&self) -> MutexGuard<'_, BTreeMap<u32, Disk>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the sequence makes the disk anew before this point.
    pub(super) fn is_planned(&self, disk: u32) -> bool {
        self.hold().contains_key(&disk)
    }

    /// From here on the disk looks as after partitioning.
    pub(super) fn partition(
        &self,
        disk: &Disk,
        table: TableKind,
        parts: &[(PartitionDef, LayoutEntry)],
    ) {
        let partitions = (1..)
            .zip(parts)
            .map(|(number, (def, entry))| Partition {
                at: PartitionRef {
                    disk: disk.number,
                    partition: number,
                },
                node: PathBuf::from(format!("{}-{number}", disk.path.display())),
                start_bytes: entry.start_bytes,
                bytes: entry.bytes,
                type_id: entry.type_id.clone(),
                name: entry.name.clone(),
                attributes: entry.attributes | u64::from(entry.active),
                fs: match def.format {
                    Some(FileSystem::Ntfs) => FsKind::Ntfs,
                    Some(FileSystem::Fat32) => FsKind::Fat32,
                    None => FsKind::None,
                },
                label: def.label.clone(),
                mounted_at: Vec::new(),
            })
            .collect();
        let planned = Disk {
            table,
            contents: DiskContents {
                table: TableState::Good,
                ..DiskContents::default()
            },
            partitions,
            refusals: Vec::new(),
            ..disk.clone()
        };
        self.hold().insert(disk.number, planned);
    }

    fn is_planned_node(&self, node: &Path) -> bool {
        self.hold().values().any(|disk| {
            disk.partitions
                .iter()
                .any(|partition| partition.node == node)
        })
    }
}

impl Machine for Preview {
    fn disks(&self) -> Result<Vec<Disk>> {
        let found = self
            .found
            .get_or_init(|| self.real.disks().map_err(|error| error.to_string()));
        let planned = self.hold();
        match found {
            Ok(disks) => Ok(disks
                .iter()
                .map(|disk| planned.get(&disk.number).unwrap_or(disk).clone())
                .collect()),
            Err(why) => Err(PlatformError::Unsupported(why.clone())),
        }
    }

    fn write_layout(&self, _: &Disk, _: &Layout) -> Result<Vec<PathBuf>> {
        refuse()
    }

    fn wipe_table(&self, _: u32) -> Result<()> {
        refuse()
    }

    fn format(
        &self,
        _: &FormatRequest,
        _: &dyn Fn(u64, u64),
        _: &dyn Fn(&str),
        _: &CancelToken,
    ) -> Result<()> {
        refuse()
    }

    fn ntfs_state(&self, node: &Path) -> Result<NtfsState> {
        if self.is_planned_node(node) {
            return Ok(NtfsState::Clean);
        }
        self.real.ntfs_state(node)
    }

    fn mount_ntfs(&self, node: &Path, writable: bool) -> Result<Box<dyn Mounted>> {
        if writable || self.is_planned_node(node) {
            return refuse();
        }
        self.real.mount_ntfs(node, false)
    }

    fn mount_share(
        &self,
        request: &ShareRequest,
        cancel: &CancelToken,
    ) -> Result<Box<dyn Mounted>> {
        self.real.mount_share(request, cancel)
    }

    fn space(&self, path: &Path) -> Result<Space> {
        self.real.space(path)
    }

    fn memory(&self) -> Option<u64> {
        self.real.memory()
    }

    fn tools(&self) -> Vec<Tool> {
        self.real.tools()
    }

    fn privileged(&self) -> Option<bool> {
        self.real.privileged()
    }

    fn firmware(&self) -> Firmware {
        self.real.firmware()
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.real.identity()
    }

    fn restart(&self, _: RestartTarget) -> Result<bool> {
        refuse()
    }
}
