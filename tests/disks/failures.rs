//! Failures and cancels half-way.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use wimforge::cancel::{CancelLevel, CancelToken};
use wimforge::event::Answered;
use wimforge::platform::linux::LinuxMachine;
use wimforge::platform::machine::{
    FormatRequest, Mounted, Result as PlatformResult, ShareRequest, Space,
};
use wimforge::platform::{
    Disk, Firmware, Layout, Machine, NtfsState, PartitionRef, PlatformError, TableKind,
};
use wimforge::sequence::settings::{FileSystem, RestartTarget};
use wimforge::step::error::StepError;
use wimforge::step::testing::RecordingHost;
use wimforge::step::{partition_disk, volumes};

use crate::bench::{MIB, failure, image, machine, one_partition, text, tool, uefi};

/// The real machine, but formatting fails at one partition.
struct Failing {
    inner: LinuxMachine,
    at: u32,
    /// Cancel instead of failing.
    cancel: Mutex<Option<CancelToken>>,
}

impl Machine for Failing {
    fn disks(&self) -> PlatformResult<Vec<Disk>> {
        self.inner.disks()
    }
    fn write_layout(&self, expected: &Disk, layout: &Layout) -> PlatformResult<Vec<PathBuf>> {
        self.inner.write_layout(expected, layout)
    }
    fn wipe_table(&self, number: u32) -> PlatformResult<()> {
        self.inner.wipe_table(number)
    }
    fn format(
        &self,
        request: &FormatRequest,
        progress: &dyn Fn(u64, u64),
        log: &dyn Fn(&str),
        cancel: &CancelToken,
    ) -> PlatformResult<()> {
        if request.at.partition == self.at {
            if let Some(token) = self.cancel.lock().unwrap().as_ref() {
                token.raise(CancelLevel::Asked);
            } else {
                return Err(PlatformError::Tool {
                    tool: "mkntfs".to_owned(),
                    code: 1,
                    tail: vec!["Input/output error".to_owned()],
                });
            }
        }
        self.inner.format(request, progress, log, cancel)
    }
    fn ntfs_state(&self, node: &Path) -> PlatformResult<NtfsState> {
        self.inner.ntfs_state(node)
    }
    fn mount_ntfs(&self, node: &Path, writable: bool) -> PlatformResult<Box<dyn Mounted>> {
        self.inner.mount_ntfs(node, writable)
    }
    fn mount_share(
        &self,
        request: &ShareRequest,
        cancel: &CancelToken,
    ) -> PlatformResult<Box<dyn Mounted>> {
        self.inner.mount_share(request, cancel)
    }
    fn space(&self, path: &Path) -> PlatformResult<Space> {
        self.inner.space(path)
    }
    fn firmware(&self) -> Firmware {
        self.inner.firmware()
    }
    fn identity(&self) -> Vec<(String, String)> {
        self.inner.identity()
    }
    fn restart(&self, target: RestartTarget) -> PlatformResult<bool> {
        self.inner.restart(target)
    }
}

#[test]
fn a_failure_or_cancel_leaves_no_valid_table_and_no_letters() {
    lab!();
    for cancelled in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = image(folder.path(), 1024 * MIB);
        let failing = Arc::new(Failing {
            inner: machine(&path),
            at: 4,
            cancel: Mutex::new(None),
        });
        let host = RecordingHost::with(&[]);
        host.answer(Answered::Yes);
        let cx = host.cx(failing.clone(), folder.path());
        if cancelled {
            *failing.cancel.lock().unwrap() = Some(cx.cancel.clone());
        }
        let error = partition_disk::run(&uefi(), &cx).unwrap_err();
        if cancelled {
            assert!(matches!(error, StepError::Cancelled), "{error}");
        } else {
            let said = failure(&error);
            assert_eq!(said.code, 1);
            assert_eq!(said.tail, ["Input/output error"]);
            assert!(
                said.message
                    .contains("the partition table of disk 0 was destroyed"),
                "{}",
                said.message
            );
        }
        let disk = failing.disk(0).unwrap();
        assert_eq!((disk.table, disk.partitions.len()), (TableKind::None, 0));
        assert!(!Path::new(&format!("{}p1", disk.path.display())).exists());
        assert_eq!(volumes::by_letter(host.as_ref(), 'C'), None);
        // A retry works.
        let well = RecordingHost::with(&[]);
        well.answer(Answered::Yes);
        *failing.cancel.lock().unwrap() = Some(CancelToken::new());
        partition_disk::run(&uefi(), &well.cx(failing.clone(), folder.path())).unwrap();
    }
}

#[test]
fn a_full_format_reports_progress_and_obeys_cancel() {
    lab!();
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), 160 * MIB);
    let machine = machine(&path);
    machine
        .write_layout(&machine.disk(0).unwrap(), &one_partition())
        .unwrap();
    let at = PartitionRef {
        disk: 0,
        partition: 1,
    };
    for fs in [FileSystem::Ntfs, FileSystem::Fat32] {
        let request = FormatRequest {
            at,
            fs,
            label: "Data".to_owned(),
            quick: false,
        };
        let seen = Mutex::new(Vec::new());
        machine
            .format(
                &request,
                &|done, total| seen.lock().unwrap().push((done, total)),
                &|_| {},
                &CancelToken::new(),
            )
            .unwrap();
        let seen = seen.into_inner().unwrap();
        assert!(seen.len() > 10, "{fs:?}: {seen:?}");
        assert!(
            seen.windows(2).all(|two| two[0].0 <= two[1].0),
            "{fs:?}: {seen:?}"
        );
        assert_eq!(seen.last(), Some(&(100 * MIB, 100 * MIB)));
        let token = CancelToken::new();
        token.raise(CancelLevel::Asked);
        assert!(matches!(
            machine.format(&request, &|_, _| {}, &|_| {}, &token),
            Err(PlatformError::Cancelled)
        ));
    }
    let quick = FormatRequest {
        at,
        fs: FileSystem::Fat32,
        label: "Data".to_owned(),
        quick: true,
    };
    machine
        .format(&quick, &|_, _| {}, &|_| {}, &CancelToken::new())
        .unwrap();
    let node = machine.disk(0).unwrap().partitions[0].node.clone();
    tool("fsck.vfat", &["-n", text(&node)]);
    let bad = FormatRequest {
        label: "a/b".to_owned(),
        ..quick.clone()
    };
    assert!(
        machine
            .format(&bad, &|_, _| {}, &|_| {}, &CancelToken::new())
            .is_err()
    );
    let missing = FormatRequest {
        at: PartitionRef {
            disk: 0,
            partition: 9,
        },
        ..quick
    };
    assert!(matches!(
        machine.format(&missing, &|_, _| {}, &|_| {}, &CancelToken::new()),
        Err(PlatformError::NoPartition {
            disk: 0,
            partition: 9
        })
    ));
}
