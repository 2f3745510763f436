//! Foreign programs of the platform (mkntfs, ntfs-3g): found, run without our environment, killed on cancel.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::cancel::CancelToken;
use crate::environment::{self, DEFAULT_PATH};
use crate::platform::error::PlatformError;
use crate::platform::machine::Tool;

/// Lines of output kept for an error.
const TAIL: usize = 12;
/// Longest line kept; a tool that never ends its line must not eat the memory.
const LONGEST: usize = 16 * 1024;

/// What came of a program.
pub(super) struct Ended {
    /// Exit code, or 128 + signal.
    pub(super) code: i32,
    /// Last lines of its output.
    pub(super) tail: Vec<String>,
}

impl Ended {
    /// An error unless the exit code is 0.
    pub(super) fn success(self, tool: &str) -> Result<(), PlatformError> {
        if self.code == 0 {
            Ok(())
        } else {
            Err(PlatformError::Tool {
                tool: tool.to_owned(),
                code: self.code,
                tail: self.tail,
            })
        }
    }
}

/// Every foreign program and its package, one list for the product, its tests and its scripts.
const PROGRAMS: &str = include_str!("../../../scripts/programs");

/// Program and package of what is called for disks and volumes.
fn called() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROGRAMS.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        match (words.next()?, words.next()?, words.next()?) {
            (program, package, "product") => Some((program, package)),
            _ => None,
        }
    })
}

/// Where a program is; the folders of root are looked at whatever `PATH` says.
pub(super) fn find(tool: &str) -> Result<PathBuf, PlatformError> {
    DEFAULT_PATH
        .split(':')
        .map(|folder| PathBuf::from(folder).join(tool))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let package = called().find(|(program, _)| *program == tool);
            PlatformError::MissingTool(match package {
                Some((_, package)) => format!("{tool} (package {package})"),
                None => tool.to_owned(),
            })
        })
}

/// Which of them are there.
pub(super) fn all() -> Vec<Tool> {
    called()
        .map(|(name, package)| Tool {
            name,
            package,
            path: find(name).ok(),
        })
        .collect()
}

/// The exit code as shells count it.
pub(super) fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A command in a process group of its own with an environment made for it.
pub(super) fn command(path: &OsStr, args: &[OsString]) -> Command {
    let mut command = Command::new(path);
    command
        .args(args)
        .env_clear()
        .envs(environment::for_tool())
        .process_group(0)
        .stdin(Stdio::null());
    command
}

/// Kills a child with everything it started, and waits for it.
pub(super) fn kill(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        killpg(Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
    child.kill().ok();
    child.wait().ok();
}

/// Splits a stream at line ends and at the backspaces and carriage returns of progress displays.
fn pump(mut from: impl Read, to: &mpsc::Sender<String>) {
    let mut buffer = [0_u8; 4096];
    let mut line = Vec::new();
    let send = |line: &mut Vec<u8>| {
        if !line.is_empty() {
            to.send(String::from_utf8_lossy(line).trim_end().to_owned())
                .ok();
            line.clear();
        }
    };
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        for &byte in &buffer[..length] {
            if matches!(byte, b'\n' | b'\r' | 8) || line.len() >= LONGEST {
                send(&mut line);
            } else {
                line.push(byte);
            }
        }
    }
    send(&mut line);
}

/// Runs a program to its end, giving each line of its output to `line`.
///
/// # Errors
/// It cannot be started, or [`PlatformError::Cancelled`] after it was killed.
pub(super) fn run(
    tool: &str,
    args: &[OsString],
    cancel: &CancelToken,
    line: &mut dyn FnMut(&str),
) -> Result<Ended, PlatformError> {
    let path = find(tool)?;
    let mut command = command(path.as_os_str(), args);
    crate::platform::process::die_with_parent(&mut command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| PlatformError::io(format!("starting {tool}"), error))?;
    let (to, lines) = mpsc::channel();
    let mut pumps = Vec::new();
    if let Some(out) = child.stdout.take() {
        let to = to.clone();
        pumps.push(std::thread::spawn(move || pump(out, &to)));
    }
    if let Some(err) = child.stderr.take() {
        pumps.push(std::thread::spawn(move || pump(err, &to)));
    } else {
        drop(to);
    }
    let mut tail = VecDeque::new();
    let mut cancelled = false;
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(text) => {
                line(&text);
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(text);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        if !cancelled && cancel.is_cancelled() {
            cancelled = true;
            kill(&mut child);
        }
    }
    for pump in pumps {
        pump.join().ok();
    }
    let status = child
        .wait()
        .map_err(|error| PlatformError::io(format!("waiting for {tool}"), error))?;
    if cancelled {
        return Err(PlatformError::Cancelled);
    }
    Ok(Ended {
        code: code(status),
        tail: tail.into(),
    })
}
