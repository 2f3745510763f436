use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::cancel::CancelLevel;
use crate::event::{Answered, Artifact, QuestionKind, Severity};
use crate::platform::machine::{FormatRequest, Mounted, Result, ShareRequest, Space};
use crate::platform::{
    BASIC_DATA, Disk, DiskContents, Firmware, Layout, Machine, Partition, PartitionRef,
    PlatformError, TableKind,
};
use crate::secret::Secret;
use crate::sequence::settings::{Destination, RestartTarget};
use crate::sequence::variables::{Expanded, VariableError, Variables};
use crate::step::cx::Host;
use crate::wim::{Silent, WimCompression, WriteOptions};

#[path = "apply_os_tests/fat.rs"]
mod fat;
#[path = "apply_os_tests/spoilt.rs"]
mod spoilt;

const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

#[derive(Default)]
struct FakeHost {
    variables: Mutex<Variables>,
    log: Mutex<Vec<String>>,
    /// Cancels when this phase starts.
    cancel_at: Option<(String, CancelToken)>,
}

impl FakeHost {
    fn set(&self, name: &str, value: &str) {
        self.set_engine_variable(name, Value::Plain(value.to_owned()));
    }

    fn text(&self, name: &str) -> String {
        self.variables.lock().unwrap().text(name).to_owned()
    }

    fn logged(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}

impl Host for FakeHost {
    fn variable(&self, name: &str) -> Option<Value> {
        self.variables.lock().unwrap().get(name).cloned()
    }
    fn name(&self, written: &str) -> std::result::Result<String, VariableError> {
        let variables = self.variables.lock().unwrap();
        variables.name_over(&Variables::default(), written)
    }
    fn is_known(&self, _: &str) -> bool {
        false
    }
    fn expand(&self, text: &str) -> Expanded {
        self.variables.lock().unwrap().expand(text)
    }
    fn set_variable(&self, name: &str, value: Value) -> std::result::Result<(), VariableError> {
        self.variables.lock().unwrap().set(name, value)
    }
    fn set_engine_variable(&self, name: &str, value: Value) {
        self.variables.lock().unwrap().set_engine(name, value);
    }
    fn log(&self, _severity: Severity, text: &str) {
        self.log.lock().unwrap().push(text.to_owned());
    }
    fn phase(&self, phase: &str, _unit: Unit) {
        self.log.lock().unwrap().push(format!("== {phase}"));
        if let Some((at, token)) = &self.cancel_at
            && at == phase
        {
            token.raise(CancelLevel::Asked);
        }
    }
    fn ask(&self, _question: QuestionKind) -> std::result::Result<Answered, StepError> {
        panic!("this step asks nothing")
    }
    fn produced(&self, _artifact: Artifact) {}
    fn remember_secret(&self, _secret: &Secret) {}
    fn redactor(&self) -> crate::secret::Redactor {
        crate::secret::Redactor::default()
    }
}

struct FakeMachine {
    disks: Vec<Disk>,
    mounts: PathBuf,
    states: Mutex<BTreeMap<PathBuf, NtfsState>>,
    /// What mounts a volume to write to it dies and leaves it broken.
    spoils: bool,
}

fn not_here<T>() -> Result<T> {
    Err(PlatformError::Unsupported("not in this test".to_owned()))
}

struct Fuse(PathBuf);

impl Drop for Fuse {
    fn drop(&mut self) {
        for _ in 0..50 {
            let status = Command::new("umount")
                .arg(&self.0)
                .stderr(Stdio::null())
                .status();
            if status.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Mounted for Fuse {
    fn path(&self) -> &Path {
        &self.0
    }
    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Machine for FakeMachine {
    fn disks(&self) -> Result<Vec<Disk>> {
        Ok(self.disks.clone())
    }
    fn write_layout(&self, _: &Disk, _: &Layout) -> Result<Vec<PathBuf>> {
        not_here()
    }
    fn wipe_table(&self, _: u32) -> Result<()> {
        not_here()
    }
    fn format(
        &self,
        _: &FormatRequest,
        _: &dyn Fn(u64, u64),
        _: &dyn Fn(&str),
        _: &CancelToken,
    ) -> Result<()> {
        not_here()
    }
    fn ntfs_state(&self, node: &Path) -> Result<NtfsState> {
        let states = self.states.lock().unwrap();
        Ok(states.get(node).cloned().unwrap_or(NtfsState::Clean))
    }
    fn mount_ntfs(&self, node: &Path, writable: bool) -> Result<Box<dyn Mounted>> {
        if self.spoils && writable {
            let broken = NtfsState::Broken("spoilt".to_owned());
            self.states.lock().unwrap().insert(node.to_owned(), broken);
            return not_here();
        }
        let at = self.mounts.join(uuid::Uuid::new_v4().to_string());
        std::fs::create_dir_all(&at).unwrap();
        let how = if writable { "rw" } else { "ro" };
        run_tool(
            "ntfs-3g",
            &["-o", how, node.to_str().unwrap(), at.to_str().unwrap()],
        );
        Ok(Box::new(Fuse(at)))
    }
    fn mount_share(&self, _: &ShareRequest, _: &CancelToken) -> Result<Box<dyn Mounted>> {
        not_here()
    }
    fn space(&self, path: &Path) -> Result<Space> {
        std::fs::metadata(path).map_err(|error| PlatformError::io("looking", error))?;
        Ok(Space {
            free_bytes: 1 << 40,
            total_bytes: 1 << 40,
            kind: "ext4".to_owned(),
        })
    }
    fn firmware(&self) -> Firmware {
        Firmware::Uefi
    }
    fn identity(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    fn restart(&self, _: RestartTarget) -> Result<bool> {
        not_here()
    }
}

fn run_tool(program: &str, args: &[&str]) {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{program} {args:?}: {}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}

struct Lab {
    dir: tempfile::TempDir,
    host: FakeHost,
    machine: FakeMachine,
}

fn partition(number: u32, node: PathBuf, mib: u64, type_id: &str, fs: FsKind) -> Partition {
    Partition {
        at: PartitionRef {
            disk: 0,
            partition: number,
        },
        node,
        start_bytes: 0,
        bytes: mib * units::MIB,
        type_id: type_id.to_owned(),
        name: String::new(),
        attributes: 0,
        fs,
        label: String::new(),
        mounted_at: Vec::new(),
    }
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = FakeMachine {
            disks: vec![Disk {
                number: 0,
                path: "/dev/none".into(),
                backing: None,
                model: String::new(),
                serial: String::new(),
                identity: String::new(),
                bytes: 1 << 30,
                sector_bytes: 512,
                usb: false,
                removable: false,
                table: TableKind::Gpt,
                contents: DiskContents::default(),
                digest: String::new(),
                partitions: Vec::new(),
                refusals: Vec::new(),
            }],
            mounts: dir.path().join("mounts"),
            states: Mutex::default(),
            spoils: false,
        };
        Self {
            dir,
            host: FakeHost::default(),
            machine,
        }
    }

    fn ntfs(&self, name: &str, mib: u64) -> PathBuf {
        let path = self.dir.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(mib * units::MIB).unwrap();
        run_tool("mkntfs", &["-q", "-Q", "-F", path.to_str().unwrap()]);
        path
    }

    /// A reserved partition without a file system, then NTFS volumes of 48 MiB.
    fn with_volumes(mut self, count: u32) -> Self {
        let mut list = vec![partition(
            1,
            PathBuf::from("/dev/none1"),
            100,
            ESP,
            FsKind::None,
        )];
        for number in 0..count {
            let node = self.ntfs(&format!("volume{number}.img"), 48);
            list.push(partition(number + 2, node, 48, BASIC_DATA, FsKind::Ntfs));
        }
        self.machine.disks[0].partitions = list;
        self
    }

    fn state(&self, node: PathBuf, state: NtfsState) {
        self.machine.states.lock().unwrap().insert(node, state);
    }

    fn inside<T>(&self, node: &Path, work: impl FnOnce(&Path) -> T) -> T {
        let mounted = self.machine.mount_ntfs(node, true).unwrap();
        work(mounted.path())
    }

    /// A WIM with one image per text, each with `Windows/name.txt` of about `kib` KiB.
    fn wim(&self, texts: &[&str], kib: usize, integrity: bool) -> PathBuf {
        let path = self.dir.path().join("source.wim");
        let mut wim = Wim::create(WimCompression::Xpress).unwrap();
        for (at, text) in texts.iter().enumerate() {
            let source = self.ntfs(&format!("source{at}.img"), 64);
            self.inside(&source, |root| {
                std::fs::create_dir_all(root.join("Windows")).unwrap();
                let data = (0_u32..).flat_map(u32::to_le_bytes).take(kib * 1024);
                std::fs::write(root.join("Windows/bulk.bin"), data.collect::<Vec<u8>>()).unwrap();
                std::fs::write(root.join("Windows/name.txt"), text).unwrap();
            });
            let index = wim.add_ntfs(&source, text, &[], &|_| {}, &Silent).unwrap();
            wim.set_image_property(index, "WINDOWS/ARCH", "9").unwrap();
            let options = WriteOptions {
                integrity,
                ..WriteOptions::default()
            };
            // Written after each volume, while its file is there.
            wim.write(&path, &options, &Silent).unwrap();
        }
        path
    }

    fn run(
        self,
        settings: &settings::ApplyOperatingSystem,
    ) -> (
        StepResult,
        Arc<FakeHost>,
        Arc<FakeMachine>,
        tempfile::TempDir,
    ) {
        let scratch = self.dir.path().join("scratch");
        std::fs::create_dir_all(&scratch).unwrap();
        let cancel = self
            .host
            .cancel_at
            .as_ref()
            .map(|(_, token)| token.clone())
            .unwrap_or_default();
        let host = Arc::new(self.host);
        let machine = Arc::new(self.machine);
        let cx = StepCx {
            host: host.clone(),
            machine: machine.clone(),
            cancel,
            progress: Arc::default(),
            success_codes: vec![0],
            timeout: None,
            scratch,
        };
        let result = super::run(settings, &cx);
        (result, host, machine, self.dir)
    }
}

fn settings(image: &Path) -> settings::ApplyOperatingSystem {
    settings::ApplyOperatingSystem {
        image: image.display().to_string(),
        index: ImageSelect::All,
        destination: Destination::NextAvailable,
        architecture: None,
        verify: true,
    }
}

fn failure(result: StepResult) -> (u32, String) {
    let error = result.expect_err("a failure").to_failure();
    (error.code, error.message)
}

fn read(machine: &FakeMachine, node: &str, name: &str, dir: &Path) -> Option<String> {
    let mounted = machine.mount_ntfs(&dir.join(node), false).unwrap();
    std::fs::read_to_string(mounted.path().join(name)).ok()
}

#[test]
fn one_image_goes_to_the_next_volume_and_spares_control_files() {
    let lab = Lab::new().with_volumes(2);
    let wim = lab.wim(&["first"], 100, true);
    lab.inside(&lab.dir.path().join("volume0.img"), |root| {
        std::fs::create_dir_all(root.join("Windows/Old")).unwrap();
        std::fs::create_dir_all(root.join("_SMSTaskSequence")).unwrap();
        std::fs::create_dir_all(root.join("Users/State/x")).unwrap();
        std::fs::write(root.join("Windows/name.txt"), "old").unwrap();
        std::fs::write(root.join("_SMSTaskSequence/TSEnv.dat"), "state").unwrap();
        std::fs::write(root.join("Users/State/x/a"), "kept").unwrap();
        std::fs::write(root.join("Users/gone"), "gone").unwrap();
    });
    lab.host.set("_SMSTSUserStatePath", "C:\\Users\\State");
    let (result, host, machine, dir) = lab.run(&settings(&wim));
    assert_eq!(result.unwrap(), StepEnd::Done, "{}", host.logged());
    let read = |name| read(&machine, "volume0.img", name, dir.path());
    assert_eq!(read("Windows/name.txt").as_deref(), Some("first"));
    assert_eq!(read("_SMSTaskSequence/TSEnv.dat").as_deref(), Some("state"));
    assert_eq!(read("Users/State/x/a").as_deref(), Some("kept"));
    assert_eq!(read("Users/gone"), None);
    assert_eq!(host.text("OSDTargetSystemDrive"), "C:");
    assert_eq!(host.text("_WimforgeImageArchitecture"), "amd64");
    assert_eq!(host.text("_WimforgeVolumeC"), "0,2");
    assert_eq!(host.text("_WimforgeAppliedVolumes"), "0,2");
    let log = host.logged();
    assert!(log.contains("4 files and folders deleted"), "{log}");
    assert!(log.contains("sound by its integrity table"), "{log}");
    assert!(log.contains("== applying image 1 of 1"), "{log}");
}

#[test]
fn all_images_go_to_the_volumes_that_follow() {
    let lab = Lab::new().with_volumes(3);
    let wim = lab.wim(&["system", "windows"], 20, false);
    lab.host.set("Where", " 0,3 ");
    let mut settings = settings(&wim);
    settings.destination = Destination::Variable("Where".to_owned());
    settings.architecture = Some(settings::Architecture::X64);
    let (result, host, machine, dir) = lab.run(&settings);
    assert_eq!(result.unwrap(), StepEnd::Done, "{}", host.logged());
    let read = |node| read(&machine, node, "Windows/name.txt", dir.path());
    assert_eq!(read("volume0.img"), None);
    assert_eq!(read("volume1.img").as_deref(), Some("system"));
    assert_eq!(read("volume2.img").as_deref(), Some("windows"));
    assert_eq!(host.text("_WimforgeAppliedVolumes"), "0,3;0,4");
    assert!(host.logged().contains("the hash of every stream"));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_touched() {
    type Change = fn(&mut Lab, &mut settings::ApplyOperatingSystem);
    let cases: [(Change, u32, &str); 9] = [
        (
            |_, settings| settings.index = ImageSelect::Index(7),
            codes::INVALID_PARAMETER,
            "has no image 7: it has 1 image, 1 \"first\"",
        ),
        (
            |_, settings| settings.index = ImageSelect::Name("nope".to_owned()),
            codes::INVALID_PARAMETER,
            "no image named \"nope\"; its images are: first",
        ),
        (
            |lab, _| lab.host.set("OSDImageIndex", "two"),
            codes::INVALID_PARAMETER,
            "OSDImageIndex is \"two\"",
        ),
        (
            |_, settings| settings.architecture = Some(settings::Architecture::Arm64),
            codes::NOT_SUPPORTED,
            "is for x64, but the step asks for ARM64",
        ),
        (
            |lab, _| lab.machine.disks[0].partitions[1].bytes = 9 * units::MIB,
            codes::DISK_FULL,
            "disk 0 partition 2 is too small: it has 9.0 MiB",
        ),
        (
            |lab, _| {
                let node = lab.machine.disks[0].partitions[1].node.clone();
                lab.state(node, NtfsState::Hibernated);
            },
            codes::INVALID_DATA,
            "holds a hibernated Windows",
        ),
        (
            |_, settings| settings.destination = Destination::Partition(0, 9),
            codes::INVALID_DRIVE,
            "disk 0 has no partition 9",
        ),
        (
            |_, settings| settings.destination = Destination::Partition(0, 1),
            codes::NOT_SUPPORTED,
            "disk 0 partition 1 is not formatted",
        ),
        (
            |_, settings| settings.image = "%Nowhere%/x.wim".to_owned(),
            codes::FILE_NOT_FOUND,
            "have no value: Nowhere",
        ),
    ];
    for (change, code, part) in cases {
        let mut lab = Lab::new().with_volumes(1);
        let wim = lab.wim(&["first"], 2000, true);
        lab.inside(&lab.dir.path().join("volume0.img"), |root| {
            std::fs::write(root.join("before"), "x").unwrap();
        });
        let mut settings = settings(&wim);
        change(&mut lab, &mut settings);
        let (result, host, machine, dir) = lab.run(&settings);
        let (found, message) = failure(result);
        assert!(message.contains(part), "{message}");
        assert_eq!(found, code, "{message}");
        assert!(!host.logged().contains("== emptying"), "{message}");
        assert!(read(&machine, "volume0.img", "before", dir.path()).is_some());
    }
}

#[test]
fn a_damaged_source_leaves_the_volume_alone() {
    for integrity in [true, false] {
        let lab = Lab::new().with_volumes(1);
        let wim = lab.wim(&["first"], 1000, integrity);
        let mut bytes = std::fs::read(&wim).unwrap();
        for byte in &mut bytes[4000..4400] {
            *byte ^= 0x55;
        }
        std::fs::write(&wim, bytes).unwrap();
        let (result, host, _machine, _dir) = lab.run(&settings(&wim));
        let (code, message) = failure(result);
        assert_eq!(code, codes::INVALID_DATA);
        assert!(message.contains("source.wim is damaged"), "{message}");
        assert!(!host.logged().contains("== emptying"));
    }
}

#[test]
fn cancel_ends_the_step_and_marks_nothing() {
    for phase in ["checking the image", "applying image 1 of 1"] {
        let mut lab = Lab::new().with_volumes(1);
        lab.host.cancel_at = Some((phase.to_owned(), CancelToken::new()));
        let wim = lab.wim(&["first"], 1000, true);
        let (result, host, _machine, _dir) = lab.run(&settings(&wim));
        assert!(matches!(result, Err(StepError::Cancelled)), "{phase}");
        assert_eq!(host.text("_WimforgeAppliedVolumes"), "");
    }
}

#[test]
fn a_single_image_passes_over_system_partitions() {
    let mut lab = Lab::new().with_volumes(2);
    let wim = lab.wim(&["first"], 20, true);
    let disk = &mut lab.machine.disks[0];
    disk.table = TableKind::Mbr;
    disk.partitions[1].attributes = 1;
    disk.partitions[1].type_id = "0x07".to_owned();
    disk.partitions[2].type_id = "0x07".to_owned();
    let (result, host, machine, dir) = lab.run(&settings(&wim));
    assert_eq!(result.unwrap(), StepEnd::Done);
    assert!(host.logged().contains("it is the active system partition"));
    assert!(read(&machine, "volume1.img", "Windows/name.txt", dir.path()).is_some());
}
