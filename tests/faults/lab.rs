//! A small machine to try faults on: a disk of 64 MiB with a Windows-shaped NTFS volume of a few megabytes and one for data, and an engine of the
//! test's own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use wimforge::engine::start::RunThread;
use wimforge::event::{Failure, QuestionKind};
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::protocol::{Reply, Request};

use crate::common::{Bench, who};

pub use crate::common::system::{skip_lab as skip, text, tool};

/// Bytes that do not compress, the same each time.
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(bytes)
    .collect()
}

/// Writes into an NTFS volume that is not mounted.
pub fn inside(node: &Path, change: impl FnOnce(&Path)) {
    let mount = tempfile::tempdir().unwrap();
    tool(
        "ntfs-3g",
        &[
            "-o",
            "streams_interface=xattr",
            text(node),
            text(mount.path()),
        ],
    );
    change(mount.path());
    tool("umount", &[text(mount.path())]);
}

/// Files as Windows has them, in about six megabytes.
pub fn windows(root: &Path) {
    let system = root.join("Windows/System32");
    std::fs::create_dir_all(&system).unwrap();
    for number in 0..6_u8 {
        let name = system.join(format!("noise{number}.dll"));
        std::fs::write(name, noise(1 << 20, u64::from(number) + 7)).unwrap();
    }
    for number in 0..40 {
        let name = system.join(format!("text{number}.ini"));
        std::fs::write(name, format!("[number]\nvalue={number}\n").repeat(60)).unwrap();
    }
    std::fs::hard_link(system.join("noise0.dll"), root.join("Windows/linked.dll")).unwrap();
    xattr::set(root.join("Windows/linked.dll"), "user.stream", b"named").unwrap();
}

/// An empty folder for what several tests use; the next run of the tests makes it anew.
pub fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The disk of [`copy_disk`], made once.
fn disk() -> &'static Path {
    static DISK: OnceLock<PathBuf> = OnceLock::new();
    DISK.get_or_init(|| {
        let folder = kept("disk");
        let disk = folder.join("disk.img");
        std::fs::File::create(&disk)
            .unwrap()
            .set_len(64 << 20)
            .unwrap();
        let parts = [
            "-n", "1:0:+44M", "-t", "1:0700", "-n", "2:0:0", "-t", "2:0700",
        ];
        tool("sgdisk", &[&parts[..], &[text(&disk)]].concat());
        let options = MachineOptions {
            attached: vec![(0, disk)],
            ..MachineOptions::default()
        };
        let machine = LinuxMachine::new(options).unwrap();
        let found = wimforge::platform::Machine::disk(&machine, 0).unwrap();
        for (partition, label) in found.partitions.iter().zip(["OS", "Data"]) {
            let node = text(&partition.node);
            tool("mkntfs", &["-Q", "-F", "-q", "-L", label, node]);
        }
        inside(&found.partitions[0].node, windows);
        inside(&found.partitions[1].node, |root| {
            // As many files that have the numbers of Windows' ones.
            for number in 0..50 {
                let file = root.join(format!("{number}.txt"));
                std::fs::write(file, "data".repeat(400)).unwrap();
            }
        });
        folder.join("disk.img")
    })
}

/// A copy of the disk with the Windows-shaped volume.
pub fn copy_disk(to: &Path) {
    tool("cp", &["--sparse=always", text(disk()), text(to)]);
}

/// An engine in this process, on a disk of its own.
pub struct Engine {
    pub bench: Bench,
    thread: Option<RunThread>,
}

impl Engine {
    /// With the disk of [`copy_disk`].
    pub fn new() -> Self {
        let bench = Bench::new();
        let disk = bench.path("disk.img");
        copy_disk(&disk);
        Self::on(bench, disk)
    }

    /// With this disk.
    pub fn on(mut bench: Bench, disk: PathBuf) -> Self {
        let attached = vec![(0, disk)];
        bench.options.machine = Arc::new(move || {
            let options = MachineOptions {
                attached: attached.clone(),
                ..MachineOptions::default()
            };
            Ok(Arc::new(LinuxMachine::new(options)?))
        });
        Self {
            bench,
            thread: None,
        }
    }

    /// Starts a capture into `destination`, attended.
    pub fn capture(&mut self, destination: &Path) {
        let document = crate::common::document(&format!(
            "Step(name: \"Capture\", action: CaptureOperatingSystem(destination: {:?}, existing: Replace, compression: Fast))",
            text(destination)
        ));
        let mut request = self.bench.request(&document);
        request.unattended = false;
        request.confirm_replace = true;
        self.thread = Some(self.bench.start(request));
        self.bench.wait_for("the pre-flight page", |state| {
            state.end.is_some() || state.question.is_some()
        });
    }

    /// Passes the pre-flight page, whatever it says: the faults are to meet the step itself.
    pub fn go(&self) {
        let asked = self.bench.dispatcher.state().question;
        let asked = asked.unwrap();
        let question = asked.id;
        let request = match asked.kind {
            QuestionKind::Preflight { blocking: 0, .. } => {
                let yes = true;
                Request::Answer { question, yes }
            }
            QuestionKind::Preflight { word, .. } => Request::OverridePreflight { question, word },
            other => panic!("another question: {other:?}"),
        };
        let reply = self.bench.dispatcher.request(&who(), request);
        assert_eq!(reply, Reply::Accepted);
    }

    /// Waits for the step to fail.
    pub fn failure(&self) -> (u32, Failure) {
        let state = self.bench.wait_for("the failure", |state| {
            assert!(state.end.is_none(), "not failed: {:?}", state.end);
            state.question.is_some()
        });
        match state.question.unwrap().kind {
            QuestionKind::Failed { attempt, failure } => (attempt, failure),
            other => panic!("another question: {other:?}"),
        }
    }

    /// Asks for another attempt at the failed step.
    pub fn retry(&self, attempt: u32) {
        let node = self.bench.dispatcher.state().current.unwrap();
        let request = Request::Retry { node, attempt };
        assert_eq!(
            self.bench.dispatcher.request(&who(), request),
            Reply::Accepted
        );
    }

    /// Waits for the end of the run.
    pub fn end(&mut self) -> crate::common::Finished {
        let thread = self.thread.take().unwrap();
        self.bench.finished(thread)
    }
}

impl Drop for Engine {
    /// A failed test leaves no run behind, and so no loop device.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let cancel = Request::Cancel { kill: true };
            self.bench.dispatcher.request(&who(), cancel);
            let _ = thread.join();
        }
    }
}
