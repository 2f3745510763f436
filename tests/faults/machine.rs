//! The real program on a small machine: a sparse disk, a reference image of a few megabytes, a state folder and a destination.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use wimforge::client;
use wimforge::engine::journal;
use wimforge::event::{Event, EventBody};
use wimforge::protocol::{Reply, Request};
use wimforge::run_state::RunState;
use wimforge::transport::Endpoint;

use crate::common::system::shoot;
use crate::common::tokio_runtime;
use crate::lab::{inside, kept, text, tool, windows};

pub use crate::common::recorded;
pub use crate::common::system::wait;

/// A short build and capture with every kind of step that takes time. `{command}` is what its command line does.
const SEQUENCE: &str = r#"Sequence(schema: 1, name: "Small build and capture", steps: [
    Group(name: "Build", steps: [
        Step(name: "Partition", action: PartitionDisk(disk: 0, style: Gpt, partitions: [
            (name: "EFI", kind: Efi, size: MiB(48), format: Fat32, label: "SYSTEM", assign_letter: false),
            (name: "MSR", kind: Msr, size: MiB(16)),
            (name: "Windows", kind: Basic, size: Percent(100), format: Ntfs, label: "Windows", letter_variable: "OSDisk"),
        ])),
        Step(name: "Apply", action: ApplyOperatingSystem(image: "%LabImage%", index: Index(1), destination: Variable("OSDisk"))),
        Step(name: "Settings", action: ApplyWindowsSettings(user: "Imaging", organization: "Lab", time_zone: "W. Europe Standard Time")),
        Step(name: "Network", action: ApplyNetworkSettings(join: Workgroup("WORKGROUP"))),
        Step(name: "Command", action: RunCommandLine(command: "{command}")),
        Step(name: "Restart", action: RestartComputer(to: WindowsPE, message: "to capture")),
    ]),
    Group(name: "Capture", steps: [
        Step(name: "Capture", action: CaptureOperatingSystem(destination: "%OSDCaptureDestination%", existing: Replace)),
    ]),
])"#;

/// The reference image, made once.
fn reference() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let folder = kept("reference");
        let volume = folder.join("volume.img");
        let file = std::fs::File::create(&volume).unwrap();
        file.set_len(64 << 20).unwrap();
        tool("mkntfs", &["-Q", "-F", "-q", text(&volume)]);
        inside(&volume, windows);
        let image = folder.join("reference.wim");
        let arguments = ["capture", text(&volume), text(&image), "Windows"];
        tool("wimlib-imagex", &arguments);
        image
    })
}

/// What lies where.
pub struct Machine {
    folder: tempfile::TempDir,
    /// Variables of every process started, beside the runtime folder.
    pub environment: Vec<(String, String)>,
}

impl Machine {
    pub fn new(command: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = std::fs::File::create(folder.path().join("disk.img")).unwrap();
        disk.set_len(400 << 20).unwrap();
        let sequence = SEQUENCE.replace("{command}", command);
        std::fs::write(folder.path().join("small.ron"), sequence).unwrap();
        Self {
            folder,
            environment: Vec::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn image(&self) -> PathBuf {
        self.path("captures/reference.wim")
    }

    fn wimforge(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wimforge"));
        command
            .env("WIMFORGE_RUNTIME_DIR", self.path("runtime"))
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// `wimforge run` of the small sequence; failures wait for a decision.
    pub fn run(&self, more: &[&str]) -> Command {
        let mut command = self.wimforge();
        command
            .arg("run")
            .arg(self.path("small.ron"))
            .args([
                "--plain",
                "--ask",
                "--confirm-disk",
                "0",
                "--confirm-replace",
            ])
            .args(["--firmware", "uefi", "--disk"])
            .arg(format!("0={}", self.path("disk.img").display()))
            .arg("--set")
            .arg(format!("LabImage={}", reference().display()))
            .arg("--set")
            .arg(format!("OSDCaptureDestination={}", self.image().display()))
            .args(["--set", "OSDComputerName=REF-01"])
            .args(more);
        command
    }

    /// `wimforge resume`.
    pub fn resume(&self, more: &[&str]) -> Command {
        let mut command = self.wimforge();
        command.args(["resume", "--plain", "--ask"]).args(more);
        command
    }

    /// `wimforge ctl`; gives exit code and what it printed.
    pub fn ctl(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.wimforge().arg("ctl").args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.code().unwrap_or(-1), said)
    }

    /// Starts a client with its output in a file.
    pub fn start(&self, mut command: Command) -> Child {
        let output = std::fs::File::create(self.path("output")).unwrap();
        let errors = output.try_clone().unwrap();
        let client = command.stdout(output).stderr(errors).spawn().unwrap();
        let (runtime, process) = (self.path("runtime"), client.id());
        std::thread::spawn(move || pass_preflight(&runtime, process));
        client
    }

    /// What the latest client said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.path("output")).unwrap_or_default()
    }

    /// Asks the engine; `None` when there is none.
    pub fn ask(&self, request: Request) -> Option<Reply> {
        let endpoint = Endpoint::in_folder(&self.path("runtime"));
        tokio_runtime()
            .block_on(client::ask(&endpoint, "test", request))
            .ok()
    }

    /// The state of the run; `None` without engine.
    pub fn state(&self) -> Option<RunState> {
        match self.ask(Request::Status)? {
            Reply::Snapshot(state) => Some(*state),
            other => panic!("{other:?}"),
        }
    }

    /// The folder of the newest run.
    pub fn run_folder(&self) -> Option<PathBuf> {
        let mut runs: Vec<PathBuf> = std::fs::read_dir(self.path("runtime/runs"))
            .ok()?
            .map(|run| run.unwrap().path())
            .collect();
        runs.sort();
        runs.pop()
    }

    /// The events of the newest run, as far as they stand on disk.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(run) = self.run_folder()
            && journal::read(&run.join("journal.jsonl"), &mut |event| events.push(event)).is_err()
        {
            return Vec::new();
        }
        events
    }

    /// Whether the newest run is over.
    pub fn is_over(&self) -> bool {
        self.events()
            .iter()
            .any(|event| matches!(event.body, EventBody::RunFinished { .. }))
    }

    /// The engine's process.
    pub fn engine(&self) -> Option<i32> {
        engine_of(&self.path("runtime"))
    }
}

/// The engine of a runtime folder.
pub fn engine_of(runtime: &Path) -> Option<i32> {
    let mark = format!("WIMFORGE_RUNTIME_DIR={}\0", runtime.display());
    processes().into_iter().find(|&pid| {
        let of = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let arguments = of("cmdline");
        let mut arguments = arguments.split(|&byte| byte == 0);
        arguments
            .next()
            .is_some_and(|program| program.ends_with(b"wimforge"))
            && arguments.next() == Some(b"engine")
            && String::from_utf8_lossy(&of("environ")).contains(&mark)
    })
}

/// The processes below another one, with their names.
pub fn children(parent: i32) -> Vec<(i32, String)> {
    let mut found: Vec<i32> = vec![parent];
    let mut children = Vec::new();
    // Children have larger numbers than their parents, but for a wrap that does not matter here.
    for (pid, parent, name) in processes().into_iter().filter_map(row) {
        if found.contains(&parent) {
            found.push(pid);
            children.push((pid, name));
        }
    }
    children
}

impl Drop for Machine {
    fn drop(&mut self) {
        let Some(engine) = self.engine() else {
            return;
        };
        shoot(engine);
    }
}

fn processes() -> Vec<i32> {
    let mut pids: Vec<i32> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// Number, parent and name of a process that lives.
fn row(pid: i32) -> Option<(i32, i32, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (front, back) = stat.rsplit_once(") ")?;
    let name = front.split_once('(')?.1.to_owned();
    let mut fields = back.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    Some((pid, fields.next()?.parse().ok()?, name))
}

/// Everything about the images of a file that does not depend on when it was made: names, attributes, permissions, links, streams
/// and hashes of every file; the times of those that no step writes.
fn contents(image: &Path) -> String {
    tool("wimlib-imagex", &["verify", text(image)]);
    let mut listing = String::new();
    let info = tool("wimlib-imagex", &["info", text(image)]);
    let count = info
        .lines()
        .filter(|line| line.starts_with("Index:"))
        .count();
    for index in 1..=count {
        let index = index.to_string();
        let all = tool("wimlib-imagex", &["dir", text(image), &index, "--detailed"]);
        let mut written = false;
        for line in all.lines() {
            if let Some(path) = line.strip_prefix("Full Path           = ") {
                written = matches!(path, "\"/\"" | "\"/Windows\"") || path.contains("Panther");
            }
            let varies = line.starts_with("Last Access Time")
                || line.starts_with("Offset in WIM")
                || written && (line.contains("Creation Time") || line.contains("Write Time"));
            if !varies {
                listing.push_str(line);
                listing.push('\n');
            }
        }
    }
    assert!(listing.contains("linked.dll") && listing.contains("unattend.xml"));
    listing
}

/// A technician who passes every pre-flight page on which nothing blocks, for as long as the client lives.
fn pass_preflight(runtime: &Path, client_process: u32) {
    let endpoint = Endpoint::in_folder(runtime);
    let tokio = tokio_runtime();
    let ask = |request| tokio.block_on(client::ask(&endpoint, "test", request)).ok();
    while Path::new(&format!("/proc/{client_process}/exe")).exists() {
        if let Some(Reply::Snapshot(state)) = ask(Request::Status)
            && let Some(asked) = state.question
            && let wimforge::event::QuestionKind::Preflight { blocking: 0, .. } = asked.kind
        {
            let (question, yes) = (asked.id, true);
            // Refused when the engine was killed meanwhile and another one asks anew.
            ask(Request::Answer { question, yes });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The image of a run that nothing happened to.
fn undisturbed() -> &'static str {
    static CONTENTS: OnceLock<String> = OnceLock::new();
    CONTENTS.get_or_init(|| {
        let machine = Machine::new("sleep 0.1");
        let mut client = machine.start(machine.run(&[]));
        let code = wait(&mut client, Duration::from_secs(60));
        assert_eq!(code, Some(0), "{}", machine.said());
        contents(&machine.image())
    })
}

/// Fails with the first differences when the image is not that of an undisturbed run.
pub fn assert_undisturbed(image: &Path, what: &str) {
    let (found, wanted) = (contents(image), undisturbed());
    let (mut of, mut differences) = ("", Vec::new());
    for (found, wanted) in found.lines().zip(wanted.lines()) {
        if found.starts_with("Full Path") {
            of = found;
        }
        if found != wanted {
            differences.push(format!("{of:.80}: {found:.120} instead of {wanted:.120}"));
        }
    }
    let (lines, lines_wanted) = (found.lines().count(), wanted.lines().count());
    assert!(
        differences.is_empty() && lines == lines_wanted,
        "{what}: {lines} lines instead of {lines_wanted}:\n{}",
        differences[..differences.len().min(10)].join("\n")
    );
}
