//! What tests have to do with the system: leaving out on request, other programs, processes, loop devices, small disks.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Whether this variable of the environment says something. `scripts/test --help` names them all.
pub fn asked(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Left out only on request: a test that cannot run must be seen.
pub fn skip_lab() -> bool {
    asked("WIMFORGE_SKIP_LAB")
}

/// Runs a program that may fail, but must be there: what is missing is never taken for "nothing to do".
pub fn attempt(program: &str, arguments: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new(program)
        .args(arguments)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"))
}

/// Kills a process at once; false when it is gone already.
pub fn shoot(process: i32) -> bool {
    match kill(Pid::from_raw(process), Signal::SIGKILL) {
        Ok(()) => true,
        Err(Errno::ESRCH) => false,
        Err(error) => panic!("process {process} cannot be killed: {error}"),
    }
}

/// Runs a program that must succeed; what it printed, its errors last.
pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = attempt(program, arguments);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{text}",
        output.status
    );
    text
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The files below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files
}

/// The files below a folder that hold this text; there must be at least so many to look through.
pub fn holding(folder: &Path, wanted: &str, least: usize) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    assert!(files.len() >= least, "only these: {files:?}");
    files.retain(|file| {
        let bytes = std::fs::read(file).unwrap();
        let mut parts = bytes.windows(wanted.len());
        parts.any(|part| part == wanted.as_bytes())
    });
    files
}

/// The exit code (-1 after a signal), if the process ends in this time.
pub fn wait(child: &mut Child, time: Duration) -> Option<i32> {
    let end = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Detaches what a killed engine left.
pub fn detach_loops(image: &Path) {
    let listed = attempt("losetup", &["-j", text(image)]);
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        if let Some((device, _)) = line.split_once(':') {
            attempt("losetup", &["-d", device]);
        }
    }
}

/// A small file system in memory. Needs root.
pub struct Small(PathBuf);

impl Small {
    /// Mounts it there, with options like `size=1m`.
    pub fn new(at: PathBuf, options: &str) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        tool("mount", &["-t", "tmpfs", "-o", options, "small", text(&at)]);
        Self(at)
    }

    /// With other options from now on.
    pub fn remount(&self, options: &str) {
        tool("mount", &["-o", &format!("remount,{options}"), text(self)]);
    }
}

impl Deref for Small {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Also when a failed test has left files open.
        attempt("umount", &["-l", text(&self.0)]);
    }
}
