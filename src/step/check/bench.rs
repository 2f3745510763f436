//! A machine for the tests of checks, and a way to say in one line what is expected.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{CheckCx, Checker, check_with};
use crate::cancel::CancelToken;
use crate::event::{Finding, Gravity, NodeId};
use crate::platform::machine::{FormatRequest, Mounted, Result, ShareRequest, Space, Tool};
use crate::platform::{
    BASIC_DATA, Disk, DiskContents, Firmware, FsKind, Layout, Machine, NtfsState, Partition,
    PartitionRef, PlatformError, TableKind,
};
use crate::secret::Secret;
use crate::sequence::load::read_text;
use crate::sequence::plan::PlannedSequence;
use crate::sequence::settings::RestartTarget;
use crate::sequence::variables::{Value, Variables};
use crate::units::{GIB, MIB};
use crate::wim::{Silent, Wim, WimCompression, WriteOptions};

/// What the machine under check has.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) disks: Vec<Disk>,
    pub(super) memory: Option<u64>,
    pub(super) tools: Vec<Tool>,
    pub(super) root: Option<bool>,
    /// What every share leads to; none refuses the log-on.
    pub(super) share: Option<PathBuf>,
    pub(super) space: Space,
    pub(super) state: NtfsState,
    /// What every NTFS volume holds.
    pub(super) volume: PathBuf,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            disks: vec![disk(0, 64 * GIB)],
            memory: None,
            tools: Vec::new(),
            root: None,
            share: None,
            space: Space {
                free_bytes: 100 * GIB,
                total_bytes: 200 * GIB,
                kind: "ext4".to_owned(),
            },
            state: NtfsState::Clean,
            volume: PathBuf::from("/nowhere"),
        }
    }
}

pub(super) fn disk(number: u32, bytes: u64) -> Disk {
    Disk {
        number,
        path: format!("/dev/none{number}").into(),
        backing: None,
        model: "ACME".to_owned(),
        serial: String::new(),
        identity: String::new(),
        bytes,
        sector_bytes: 512,
        usb: false,
        removable: false,
        table: TableKind::None,
        contents: DiskContents::default(),
        digest: String::new(),
        partitions: Vec::new(),
        refusals: Vec::new(),
    }
}

pub(super) fn ntfs(disk: u32, partition: u32, bytes: u64) -> Partition {
    Partition {
        at: PartitionRef { disk, partition },
        node: format!("/dev/none{disk}p{partition}").into(),
        start_bytes: MIB,
        bytes,
        type_id: BASIC_DATA.to_owned(),
        name: String::new(),
        attributes: 0,
        fs: FsKind::Ntfs,
        label: "Windows".to_owned(),
        mounted_at: Vec::new(),
    }
}

struct Folder(PathBuf);

impl Mounted for Folder {
    fn path(&self) -> &Path {
        &self.0
    }
    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Machine for Bench {
    fn disks(&self) -> Result<Vec<Disk>> {
        Ok(self.disks.clone())
    }
    fn write_layout(&self, _: &Disk, _: &Layout) -> Result<Vec<PathBuf>> {
        panic!("a check writes nothing")
    }
    fn wipe_table(&self, _: u32) -> Result<()> {
        panic!("a check writes nothing")
    }
    fn format(
        &self,
        _: &FormatRequest,
        _: &dyn Fn(u64, u64),
        _: &dyn Fn(&str),
        _: &CancelToken,
    ) -> Result<()> {
        panic!("a check writes nothing")
    }
    fn ntfs_state(&self, _: &Path) -> Result<NtfsState> {
        Ok(self.state.clone())
    }
    fn mount_ntfs(&self, _: &Path, writable: bool) -> Result<Box<dyn Mounted>> {
        assert!(!writable, "a check writes nothing");
        Ok(Box::new(Folder(self.volume.clone())))
    }
    fn mount_share(&self, request: &ShareRequest, _: &CancelToken) -> Result<Box<dyn Mounted>> {
        match &self.share {
            Some(folder) => Ok(Box::new(Folder(folder.clone()))),
            None => Err(PlatformError::Share {
                code: crate::codes::LOGON_FAILURE,
                message: format!("{} refuses the log-on", request.unc),
            }),
        }
    }
    fn space(&self, _: &Path) -> Result<Space> {
        Ok(self.space.clone())
    }
    fn memory(&self) -> Option<u64> {
        self.memory
    }
    fn tools(&self) -> Vec<Tool> {
        self.tools.clone()
    }
    fn privileged(&self) -> Option<bool> {
        self.root
    }
    fn firmware(&self) -> Firmware {
        Firmware::Uefi
    }
    fn identity(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    fn restart(&self, _: RestartTarget) -> Result<bool> {
        panic!("a check restarts nothing")
    }
}

/// The findings of a check, with what was said while it ran.
pub(super) struct Checked {
    pub(super) found: Vec<Finding>,
    pub(super) said: Vec<String>,
}

impl Bench {
    pub(super) fn check(&self, steps: &[&str], variables: &[(&str, &str)]) -> Checked {
        self.check_with(steps, variables, &[], &CancelToken::new())
    }

    pub(super) fn check_with(
        &self,
        steps: &[&str],
        variables: &[(&str, &str)],
        secrets: &[(&str, &str)],
        cancel: &CancelToken,
    ) -> Checked {
        let text = format!(
            "Sequence(schema: 1, name: \"x\", steps: [{}])",
            steps.join(", ")
        );
        let document = read_text("x", &text);
        assert!(document.is_good(), "{}", document.render());
        let planned = PlannedSequence::new(&document.sequence.unwrap()).unwrap();
        let mut values = Variables::default();
        for (name, value) in variables {
            values.set_engine(name, Value::Plain((*value).to_owned()));
        }
        for (name, value) in secrets {
            values.set_engine(name, Value::Secret(Secret::new(*value)));
        }
        let scratch = tempfile::tempdir().unwrap();
        let said = Mutex::new(Vec::new());
        let nodes: Vec<NodeId> = planned
            .plan
            .nodes
            .iter()
            .filter(|node| !node.disabled)
            .map(|node| node.id)
            .collect();
        let machine: Arc<dyn Machine> = Arc::new(self.clone());
        let cx = CheckCx {
            machine: &machine,
            cancel,
            variables: &values,
            planned: &planned,
            scratch: scratch.path(),
            progress: &|text| said.lock().unwrap().push(text.to_owned()),
        };
        let mut checker = Checker::new(&cx);
        checker.sample_bytes = MIB;
        let found = check_with(&nodes, checker);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        Checked {
            found,
            said: said.into_inner().unwrap(),
        }
    }
}

impl Checked {
    /// Whether there is a finding of this weight whose subject and text hold these words.
    pub(super) fn has(&self, gravity: Gravity, subject: &str, text: &str) -> bool {
        self.found.iter().any(|finding| {
            finding.gravity == gravity
                && finding.subject.contains(subject)
                && finding.text.contains(text)
        })
    }

    #[track_caller]
    pub(super) fn expect(&self, gravity: Gravity, subject: &str, text: &str) -> &Self {
        assert!(
            self.has(gravity, subject, text),
            "no {gravity:?} `{subject}` with `{text}` among {:#?}",
            self.found
        );
        self
    }

    #[track_caller]
    pub(super) fn no(&self, gravity: Gravity) -> &Self {
        let list: Vec<&Finding> = self
            .found
            .iter()
            .filter(|finding| finding.gravity == gravity)
            .collect();
        assert!(list.is_empty(), "{list:#?}");
        self
    }
}

/// A WIM with one small image.
pub(super) fn wim(folder: &Path) -> PathBuf {
    let volume = folder.join("volume.img");
    std::fs::File::create(&volume)
        .and_then(|file| file.set_len(16 * MIB))
        .unwrap();
    let out = Command::new("mkntfs")
        .args(["-q", "-Q", "-F"])
        .arg(&volume)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(out.status.success());
    let path = folder.join("source.wim");
    let mut wim = Wim::create(WimCompression::Xpress).unwrap();
    let index = wim.add_ntfs(&volume, "Lab", &[], &|_| {}, &Silent).unwrap();
    wim.set_image_property(index, "WINDOWS/ARCH", "9").unwrap();
    wim.write(&path, &WriteOptions::default(), &Silent).unwrap();
    std::fs::remove_file(volume).unwrap();
    path
}
