//! The lab end to end on loop devices: prepare, build, capture, and proof by other tools.
//!
//! Needs root, loop devices, FUSE and the Debian packages `ntfs-3g wimtools p7zip-full gdisk`. Without them these tests fail;
//! `WIMFORGE_SKIP_LAB=1` leaves them out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

#[path = "common/system.rs"]
mod system;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use system::{attempt, holding, shoot, skip_lab, text, tool, wait};

const CANARY: &str = "Pl4nted-S3cret-0815";

fn wimforge() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wimforge"))
}

/// One lab for all tests: the reference WIM is made once.
fn lab() -> &'static Path {
    static LAB: OnceLock<PathBuf> = OnceLock::new();
    LAB.get_or_init(|| {
        // It stays for a look at it, in place of the one before.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab");
        let _ = std::fs::remove_dir_all(&folder);
        let output = wimforge()
            .args(["lab", "prepare"])
            .arg(&folder)
            .args(["--size", "4G"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        folder
    })
}

/// A machine of a test's own: a sparse disk, a state folder, a destination.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = std::fs::File::create(folder.path().join("disk.img")).unwrap();
        disk.set_len(4 << 30).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn captured(&self) -> PathBuf {
        self.path("captures/reference.wim")
    }

    fn command(&self, firmware: &str, more: &[&str]) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = wimforge();
        command
            .current_dir(root)
            .arg("run")
            .arg(root.join("sequences/lab-build-and-capture.ron"))
            .args(["--plain", "--confirm-disk", "0", "--confirm-replace"])
            .args(["--firmware", firmware, "--disk"])
            .arg(format!("0={}", self.path("disk.img").display()))
            .arg("--set")
            .arg(format!(
                "LabImage={}",
                lab().join("reference.wim").display()
            ))
            .arg("--set")
            .arg(format!(
                "OSDCaptureDestination={}",
                self.captured().display()
            ))
            .args(["--secret", "OSDLocalAdminPassword=env:CANARY"])
            .args(more)
            .env("CANARY", CANARY)
            .env("WIMFORGE_RUNTIME_DIR", self.path("runtime"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, firmware: &str) -> String {
        let output = self.command(firmware, &[]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!text.contains('\u{1b}'), "escape sequences in plain output");
        self.no_secret(&text);
        text
    }

    /// The planted password stands nowhere: not in the output, not in any file of the run.
    fn no_secret(&self, output: &str) {
        assert!(!output.contains(CANARY));
        // Journal, log, sequence and report at least.
        let found = holding(&self.path("runtime"), CANARY, 4);
        assert_eq!(found, Vec::<PathBuf>::new());
    }
}

/// Image names and indexes by `wimlib-imagex info`.
fn images(wim: &Path) -> Vec<String> {
    tool("wimlib-imagex", &["info", wim.to_str().unwrap()])
        .lines()
        .filter_map(|line| line.strip_prefix("Name:"))
        .map(|name| name.trim().to_owned())
        .collect()
}

fn windows_index(wim: &Path) -> String {
    let at = images(wim).iter().position(|name| name.contains("Windows"));
    (at.expect("a Windows image") + 1).to_string()
}

/// An image file with a fresh NTFS, an image applied to it by Debian's wimlib, mounted read-only.
struct Applied {
    _folder: tempfile::TempDir,
    mount: PathBuf,
}

impl Applied {
    fn new(wim: &Path, index: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("volume.img");
        std::fs::File::create(&volume)
            .unwrap()
            .set_len(3 << 30)
            .unwrap();
        let volume = volume.to_str().unwrap();
        tool("mkntfs", &["-Q", "-F", volume]);
        tool(
            "wimlib-imagex",
            &["apply", wim.to_str().unwrap(), index, volume],
        );
        let mount = folder.path().join("mount");
        std::fs::create_dir(&mount).unwrap();
        let options = "ro,streams_interface=xattr";
        tool("ntfs-3g", &["-o", options, volume, mount.to_str().unwrap()]);
        Self {
            _folder: folder,
            mount,
        }
    }

    /// Everything about every file that a Windows machine would notice, by path.
    fn facts(&self) -> BTreeMap<String, Facts> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.mount.clone()];
        let mut first_links: BTreeMap<u64, String> = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            let mut entries: Vec<_> = std::fs::read_dir(&folder)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                let path = entry.path();
                let name = path
                    .strip_prefix(&self.mount)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                let facts = Facts::of(&path, &name, &mut first_links);
                if entry.file_type().unwrap().is_dir() {
                    folders.push(path);
                }
                all.insert(name, facts);
            }
        }
        all
    }
}

impl Drop for Applied {
    fn drop(&mut self) {
        attempt("umount", &[text(&self.mount)]);
    }
}

#[derive(Debug, PartialEq)]
struct Facts {
    contents: Option<Vec<u8>>,
    same_file_as: Option<String>,
    xattrs: BTreeMap<String, Vec<u8>>,
}

impl Facts {
    fn of(path: &Path, name: &str, first_links: &mut BTreeMap<u64, String>) -> Self {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::symlink_metadata(path).unwrap();
        let mut xattrs = BTreeMap::new();
        for key in [
            "system.ntfs_acl",
            "system.ntfs_attrib_be",
            "system.ntfs_dos_name",
            "system.ntfs_reparse_data",
        ] {
            if let Ok(Some(value)) = xattr::get(path, key) {
                xattrs.insert(key.to_owned(), value);
            }
        }
        if let Ok(Some(times)) = xattr::get(path, "system.ntfs_times") {
            // Creation and modification; the access time changes by reading, a WIM has no field for the fourth.
            xattrs.insert("times".to_owned(), times[..16].to_vec());
        }
        if let Ok(streams) = xattr::list(path) {
            for stream in streams {
                let key = stream.to_string_lossy().into_owned();
                if key.starts_with("user.") {
                    xattrs.insert(
                        key.clone(),
                        xattr::get(path, &stream).unwrap().unwrap_or_default(),
                    );
                }
            }
        }
        let mut contents = None;
        let mut same_file_as = None;
        if meta.is_file() {
            if meta.nlink() > 1 {
                let first = first_links
                    .entry(meta.ino())
                    .or_insert_with(|| name.to_owned());
                if first != name {
                    same_file_as = Some(first.clone());
                }
            }
            contents = Some(std::fs::read(path).unwrap());
        }
        Self {
            contents,
            same_file_as,
            xattrs,
        }
    }
}

#[test]
fn the_reference_image_is_windows_shaped() {
    if skip_lab() {
        return;
    }
    let wim = lab().join("reference.wim");
    tool("wimlib-imagex", &["verify", wim.to_str().unwrap()]);
    let listing = tool("wimlib-imagex", &["dir", wim.to_str().unwrap(), "1"]);
    assert!(listing.lines().count() >= 5_000);
    assert!(listing.contains("/Windows/System32"));
    assert!(!listing.contains("pagefile.sys") && !listing.contains("hiberfil.sys"));
}

#[test]
fn uefi_build_and_capture_keeps_everything_that_other_tools_can_see() {
    if skip_lab() {
        return;
    }
    let machine = Machine::new();
    let text = machine.run("uefi");
    let wim = machine.captured();
    let wim_text = wim.to_str().unwrap();
    tool("wimlib-imagex", &["verify", wim_text]);
    tool("7z", &["t", wim_text]);
    let names = images(&wim);
    assert!(
        names.len() >= 2,
        "ESP, Windows and recovery are images of their own: {names:?}"
    );
    assert!(
        text.contains("MSR"),
        "the reserved partition is named as skipped"
    );
    let table = tool(
        "sgdisk",
        &["-p", machine.path("disk.img").to_str().unwrap()],
    );
    assert!(table.contains("EF00") && table.contains("0C01"), "{table}");
    tool(
        "sgdisk",
        &["-v", machine.path("disk.img").to_str().unwrap()],
    );
    let listing = tool("wimlib-imagex", &["dir", wim_text, &windows_index(&wim)]);
    for left_out in ["pagefile.sys", "hiberfil.sys", "System Volume Information"] {
        assert!(!listing.contains(left_out), "{left_out} was captured");
    }
    let unattend = "/Windows/Panther/unattend.xml";
    let xml = tool(
        "wimlib-imagex",
        &[
            "extract",
            wim_text,
            &windows_index(&wim),
            unattend,
            "--to-stdout",
        ],
    );
    assert!(xml.contains("REF-01"), "{xml}");
    assert!(!xml.contains(CANARY));

    let before = Applied::new(&lab().join("reference.wim"), "1").facts();
    let mut after = Applied::new(&wim, &windows_index(&wim)).facts();
    let added: Vec<String> = after
        .keys()
        .filter(|name| !before.contains_key(*name))
        .cloned()
        .collect();
    for name in &added {
        assert!(
            name.contains("Panther") || name.contains("_SMSTaskSequence"),
            "{name} was not in the original"
        );
        after.remove(name);
    }
    let mut compared = 0;
    for (name, original) in &before {
        let copy = after
            .get(name)
            .unwrap_or_else(|| panic!("{name} is missing"));
        // The folder that the answer file was written into has another modification time.
        if name == "Windows/Panther" || name == "Windows/Panther/unattend.xml" {
            continue;
        }
        assert_eq!(
            original.contents.as_ref().map(Vec::len),
            copy.contents.as_ref().map(Vec::len),
            "{name}"
        );
        assert!(
            original.contents == copy.contents,
            "{name}: contents differ"
        );
        assert_eq!(original.xattrs, copy.xattrs, "{name}");
        assert_eq!(original.same_file_as, copy.same_file_as, "{name}");
        compared += 1;
    }
    assert!(compared >= 5_000);
}

#[test]
fn bios_build_and_capture_succeeds_and_says_so() {
    if skip_lab() {
        return;
    }
    let machine = Machine::new();
    machine.run("bios");
    let wim = machine.captured();
    tool("wimlib-imagex", &["verify", wim.to_str().unwrap()]);
    let table = tool(
        "sfdisk",
        &["-d", machine.path("disk.img").to_str().unwrap()],
    );
    assert!(
        table.contains("label: dos") && table.contains("bootable"),
        "{table}"
    );
    let runs = machine.path("runtime/runs");
    let run = std::fs::read_dir(runs)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["outcome"], "Succeeded");
    assert_eq!(report["boots"], 2);
    assert!(
        report["produced"]
            .as_array()
            .is_some_and(|list| list.len() >= 2)
    );
}

/// The engine is killed at every edge of a whole run: each start and end of a step, each phase. Each time it is resumed.
#[test]
fn an_engine_killed_at_every_edge_still_captures_the_image() {
    if skip_lab() {
        return;
    }
    let machine = Machine::new();
    let mut edges = std::collections::BTreeSet::new();
    let mut command = machine.command("uefi", &[]);
    let limit = Instant::now() + Duration::from_secs(600);
    loop {
        assert!(Instant::now() < limit, "no end after {} kills", edges.len());
        let output = std::fs::File::create(machine.path("output")).unwrap();
        let errors = output.try_clone().unwrap();
        let mut child = command.stdout(output).stderr(errors).spawn().unwrap();
        let said = || std::fs::read_to_string(machine.path("output")).unwrap_or_default();
        let before = journal(&machine).len();
        let code = loop {
            if let Some(code) = wait(&mut child, Duration::from_millis(1)) {
                break code;
            }
            let text = journal(&machine);
            let fresh = edge(&text, before, &edges);
            if let Some(edge) = fresh {
                kill_engine(&machine.path("runtime"));
                edges.insert(edge);
                break wait(&mut child, Duration::from_secs(20)).expect("the client notices");
            }
            assert!(
                Instant::now() < limit,
                "no end after {} kills: {}",
                edges.len(),
                said()
            );
        };
        if code == 0 {
            break;
        }
        let kills = edges.len();
        assert_eq!(
            code,
            4,
            "after {kills} kills, the last at {:?}: {}",
            edges.last(),
            said()
        );
        command = wimforge();
        command
            .args([
                "resume",
                "--plain",
                "--secret",
                "OSDLocalAdminPassword=env:CANARY",
            ])
            .env("CANARY", CANARY)
            .env("WIMFORGE_RUNTIME_DIR", machine.path("runtime"))
            .stdin(Stdio::null());
    }
    eprintln!("{} kills", edges.len());
    assert!(edges.len() >= 20, "only these kills: {edges:#?}");
    tool(
        "wimlib-imagex",
        &["verify", machine.captured().to_str().unwrap()],
    );
    assert!(images(&machine.captured()).len() >= 2);
    assert!(!machine.path("captures/reference.wim.partial").exists());
    machine.no_secret("");
    let loops = tool("losetup", &["-a"]);
    assert!(
        !loops.contains(machine.folder.path().to_str().unwrap()),
        "loop devices are left: {loops}"
    );
}

/// The journal of the machine's only run, as far as it is written.
fn journal(machine: &Machine) -> Vec<u8> {
    std::fs::read_dir(machine.path("runtime/runs"))
        .ok()
        .and_then(|mut runs| runs.next()?.ok())
        .and_then(|run| std::fs::read(run.path().join("journal.jsonl")).ok())
        .unwrap_or_default()
}

/// The first edge in what was written since `from` that is not known yet: its event without number and time.
fn edge(journal: &[u8], from: usize, known: &std::collections::BTreeSet<String>) -> Option<String> {
    let text = String::from_utf8_lossy(journal.get(from..)?).into_owned();
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|event| {
            let (kind, body) = event["body"].as_object()?.iter().next()?;
            match kind.as_str() {
                "StepStarted" => Some(format!("{:03} start", body["node"].as_u64()?)),
                "StepPhase" => Some(format!("{:03} {}", body["node"].as_u64()?, body["phase"])),
                "StepFinished" if body["outcome"] == "Succeeded" => {
                    Some(format!("{:03} end", body["node"].as_u64()?))
                }
                _ => None,
            }
        })
        .find(|edge| !known.contains(edge))
}

/// Kills every engine process of this runtime folder with SIGKILL.
fn kill_engine(runtime: &Path) {
    for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let Ok(arguments) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let text = String::from_utf8_lossy(&arguments).replace('\0', " ");
        let here = String::from_utf8_lossy(&environment)
            .contains(&format!("WIMFORGE_RUNTIME_DIR={}", runtime.display()));
        if here && text.contains(" engine ") {
            let process = entry.file_name().into_string().unwrap();
            shoot(process.parse().unwrap());
        }
    }
}
