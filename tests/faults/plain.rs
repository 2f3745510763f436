//! Runs without disks by the real program: a document, a runtime folder, what the clients say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::system::shoot;
use crate::machine::engine_of;

/// A folder with a document and an engine's runtime folder.
pub struct Plain {
    pub folder: tempfile::TempDir,
}

impl Plain {
    /// With these steps; `%FOLDER%` in them stands for the folder.
    pub fn new(steps: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let steps = steps.replace("%FOLDER%", folder.path().to_str().unwrap());
        let document = crate::common::document(&steps);
        std::fs::write(folder.path().join("plain.ron"), document).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the document in the folder `runtime`.
    pub fn run(&self, more: &[&str]) -> Command {
        let document = self.path("plain.ron");
        let mut arguments = vec!["run", document.to_str().unwrap(), "--plain"];
        arguments.extend(more);
        wimforge(&self.path("runtime"), &arguments)
    }

    /// Starts a run, waits until its file `marker` is there, and kills the engine. Gives the run's folder.
    pub fn interrupted(&self, marker: &str) -> PathBuf {
        let client = self.run(&[]).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        while !self.path(marker).exists() {
            assert!(Instant::now() < limit, "the step has not begun");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(shoot(engine_of(&self.path("runtime")).unwrap()));
        let output = client.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        let mut runs = std::fs::read_dir(self.path("runtime/runs")).unwrap();
        runs.next().unwrap().unwrap().path()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap().flatten() {
            if let Some(engine) = engine_of(&entry.path()) {
                shoot(engine);
            }
        }
    }
}

/// The program with this runtime folder.
pub fn wimforge(runtime: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wimforge"));
    command
        .args(arguments)
        .env("WIMFORGE_RUNTIME_DIR", runtime)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a program printed, both ways.
pub fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
